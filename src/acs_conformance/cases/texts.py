"""Texts that a node has to take: of which lengths, of which characters, at which places.

In: a node and its description. Out: texts that keep the node's own schema and raise no question. A text without a
pattern, or whose pattern is a plain set of characters, may be built of these in any order. Any other pattern is known
by the documented examples: which characters may stand in their places, and which of these may be repeated.
"""

from __future__ import annotations

import functools

from jsonschema.protocols import Validator

from acs_conformance.cases.alphabet import IDS, PRINTABLE, charset, in_order
from acs_conformance.description import Description, Json
from acs_conformance.trait import validator_of
from acs_conformance.violation import compiled, validator

#: Texts without a documented limit are tried up to this length; a question may keep them shorter.
_UNLIMITED = 64
#: Letters and digits that a server may treat apart at the ends of a name; they have the first turns there, after the
#: first characters that are neither.
_NOTABLE = "0Aa9Zz"


def is_open(description: Description, path: str, value: Json) -> bool:
    """Whether a question about values at `path` is raised by `value`; what breaks the schema anyhow raises none."""
    if not validator_of(description, path).is_valid(value):
        return False
    return any(matcher.is_valid(value) for matcher in _questions(description, path))


@functools.lru_cache(maxsize=1024)
def _questions(description: Description, path: str) -> tuple[Validator, ...]:
    return tuple(
        validator(question.matches or {})
        for question in description.questions
        if question.at == path and not question.unless_derived
    )


def is_acceptable(description: Description, path: str, value: Json) -> bool:
    """Whether `value` keeps the node's own schema and raises no question."""
    return bool(validator_of(description, path).is_valid(value)) and not is_open(description, path, value)


# --- characters -----------------------------------------------------------------------------------------------------


def is_free(description: Description, path: str) -> bool:
    """Whether any of the node's characters may stand at any place."""
    pattern = description.nodes[path].schema.get("pattern")
    return pattern is None or charset(pattern) is not None


@functools.lru_cache(maxsize=1024)
def characters(description: Description, path: str) -> str:
    """The characters that a text at `path` is built from: its documented ones, or those of ids where any will do."""
    schema = description.nodes[path].schema
    if not is_free(description, path):
        places = (options for length in lengths(description, path) for options in _places(description, path, length))
        return in_order("".join({char for options in places for char in options}))
    letters = charset(schema["pattern"]) if "pattern" in schema else IDS
    shortest = max(1, int(schema.get("minLength", 1)))
    return "".join(char for char in letters or "" if not is_open(description, path, char * shortest))


def firsts(description: Description, path: str) -> str:
    """The characters that a text at `path` may begin with."""
    return _at_end(description, path, 0)


def lasts(description: Description, path: str) -> str:
    """The characters that a text at `path` may end with."""
    return _at_end(description, path, -1)


def _at_end(description: Description, path: str, place: int) -> str:
    if is_free(description, path):
        return characters(description, path)
    ends = (_places(description, path, length)[place] for length in lengths(description, path))
    return in_order("".join({char for options in ends for char in options}))


def _examples(description: Description, path: str) -> list[str]:
    return [str(example) for example in description.nodes[path].examples if example]


@functools.lru_cache(maxsize=1024)
def _places(description: Description, path: str, length: int) -> tuple[str, ...]:
    """For each place of `fitting`, the characters that may stand there if all others stay."""
    text = fitting(description, path, length) or ""
    regex = compiled(description.nodes[path].schema["pattern"])
    return tuple(
        "".join(char for char in _TRIED if regex.fullmatch(f"{text[:place]}{char}{text[place + 1 :]}"))
        for place in range(len(text))
    )


#: What is neither letter nor digit comes first, for servers treat it apart.
_TRIED = sorted(in_order("".join(PRINTABLE)), key=str.isalnum)


# --- lengths --------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def fitting(description: Description, path: str, length: int) -> str | None:
    """A text of so many characters that fits the pattern, whatever the limits of lengths say; None if none is known.

    Where characters have their places, it is an example in which one of them is repeated, or some are left out.
    """
    if is_free(description, path):
        letters = characters(description, path)
        return (letters * (length // len(letters) + 1))[:length] if letters else None
    regex = compiled(description.nodes[path].schema["pattern"])
    for example in sorted(_examples(description, path), key=lambda text: abs(len(text) - length)):
        more = length - len(example)
        for place in reversed(range(len(example))):
            before, after = example[: max(0, place + 1 + min(0, more))], example[place + 1 :]
            changed = before + example[place] * more + after
            if len(changed) == length and regex.fullmatch(changed):
                return changed
    return None


@functools.lru_cache(maxsize=1024)
def lengths(description: Description, path: str) -> tuple[int, ...]:
    """Lengths that a text has to be taken in, the smallest first: both limits, one beside each, those of examples."""
    schema = description.nodes[path].schema
    low, high = max(1, int(schema.get("minLength", 1))), int(schema.get("maxLength", _UNLIMITED))
    if is_free(description, path):
        wanted = {low, low + 1, high - 1 if "maxLength" in schema else low, high}
    else:
        wanted = {len(example) for example in _examples(description, path)}
        low = next((n for n in range(low, high + 1) if _is_length(description, path, n)), high)
        high = next((n for n in range(high, low, -1) if _is_length(description, path, n)), low)
        wanted |= {low, low + 1, high - 1, high}
    return tuple(n for n in sorted(wanted) if low <= n <= high and _is_length(description, path, n))


def _is_length(description: Description, path: str, length: int) -> bool:
    text = fitting(description, path, length)
    return text is not None and is_acceptable(description, path, text)


# --- texts ----------------------------------------------------------------------------------------------------------


def text(description: Description, path: str, length: int, turn: int) -> str:
    """A text that shows as many characters as it can; at the set's own length each of them once.

    Args:
        description: the contract.
        path: of the node, whose characters are used.
        length: in characters; one of `lengths`, or between two of them where the characters have no places.
        turn: varies the first and the last character, the ones that are notable at the ends first.
    """
    if not is_free(description, path):
        return _placed(description, path, length, turn)
    letters = characters(description, path)
    ends = _ends(letters)
    first, last = ends[turn % len(ends)], ends[(turn + 1) % len(ends)]
    if length == 1 or first == last:
        return first * length
    shift = turn % len(letters)
    middle = [char for char in letters[shift:] + letters[:shift] if char not in (first, last)] or [first]
    return first + "".join(middle[i % len(middle)] for i in range(length - 2)) + last


def _ends(letters: str) -> list[str]:
    """The characters in the order in which they come first; each one's successor comes last in the same text."""
    others = sorted(char for char in letters if not char.isalnum())[:2]
    ends = others * (2 // len(others)) if others else []  # a single one is its own successor: it has to come last, too
    ends += [char for char in _NOTABLE if char in letters]
    return ends + [char for char in letters if char not in ends]


def turns(description: Description, path: str) -> int:
    """In how many turns each character has been first and last."""
    if is_free(description, path):
        return len(_ends(characters(description, path)))
    return max(len(options) for length in lengths(description, path) for options in _places(description, path, length))


def near_length(description: Description, path: str, wanted: int) -> int:
    """The length of a text that is nearest to the one that is wanted."""
    sizes = lengths(description, path)
    if is_free(description, path):
        return max(sizes[0], min(wanted, sizes[-1]))
    return min(sizes, key=lambda length: abs(length - wanted))


def _placed(description: Description, path: str, length: int, turn: int) -> str:
    """Another character at each place in each turn, as far as they go together; the ends have the first choice."""
    chosen = fitting(description, path, length) or ""
    places = _places(description, path, length)
    for place in dict.fromkeys((0, length - 1, *range(length))):
        options = places[place]
        char = options[(turn if place in (0, length - 1) else turn + place) % len(options)]
        changed = f"{chosen[:place]}{char}{chosen[place + 1 :]}"
        if is_acceptable(description, path, changed):
            chosen = changed
    return chosen


def showing(description: Description, path: str, wanted: str) -> str:
    """A text with some of the characters `wanted`, as many as go into one."""
    sizes = lengths(description, path)
    if is_free(description, path):
        chosen = wanted[: sizes[-1]]
        return chosen + characters(description, path)[0] * (sizes[0] - len(chosen))
    chosen = fitting(description, path, sizes[-1]) or ""
    for place, options in enumerate(_places(description, path, sizes[-1])):
        for char in options:
            changed = f"{chosen[:place]}{char}{chosen[place + 1 :]}"
            if char in wanted and char not in chosen and is_acceptable(description, path, changed):
                chosen = changed
                break
    return chosen
