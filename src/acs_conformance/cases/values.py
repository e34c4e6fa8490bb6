"""Values at the edges of a schema: what a node must take, and what it must refuse.

In: a node and its description. Out: named values, in a fixed order, boundaries and near misses first. Nothing here
knows how values are packed into requests. Whether a value really is on the side it claims is checked against the
node's own schema, and values that the page leaves open are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jsonschema.protocols import Validator

from acs_conformance.cases.alphabet import BEYOND_ASCII, CONTROLS, PRINTABLE
from acs_conformance.description import Description, Json, Node
from acs_conformance.trait import validator_of
from acs_conformance.violation import compiled, validator
from acs_conformance.wire import BIG

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#: Texts without a documented limit are tried up to this length; a question may keep them shorter.
_UNLIMITED = 64


@dataclass(frozen=True, slots=True)
class Value:
    """A named value, and the keyword that it is about."""

    keyword: str
    aspect: str
    value: Json


def name_of(char: str) -> str:
    """A character as it stands in an aspect: U+0020."""
    return f"U+{ord(char):04X}"


@functools.lru_cache(maxsize=512)
def charset(pattern: str) -> str | None:
    """The ASCII characters that a pattern of the form "any of these, any number" admits; None for any other pattern."""
    regex = compiled(pattern)
    inside = "".join(char for char in (*CONTROLS, *PRINTABLE) if regex.fullmatch(char))
    if len(inside) < 2 or not regex.fullmatch(inside) or not regex.fullmatch(inside[::-1] * 2):
        return None
    ordered = "".join(char for char in _LETTERS if char in inside)
    return ordered + "".join(char for char in inside if char not in ordered)


def characters(description: Description, path: str) -> str:
    """The characters that a text at `path` is built from: its documented set, or the set of ids where there is none."""
    pattern = description.nodes[path].schema.get("pattern")
    return (charset(pattern) if pattern else None) or _LETTERS


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


# --- what has to be accepted ----------------------------------------------------------------------------------------


def accepted(description: Description, path: str) -> list[Value]:
    """Boundary values that the node has to take; for texts see `texts`."""
    node = description.nodes[path]
    found = {"integer": _integers, "boolean": _booleans}.get(node.type, _nothing)(node)
    if "enum" in node.schema:
        found = [Value("enum", str(value), value) for value in node.schema["enum"]]
    return [value for value in found if is_acceptable(description, path, value.value)]


def _nothing(_node: Node) -> list[Value]:
    return []


def _booleans(_node: Node) -> list[Value]:
    return [Value("type", "true", True), Value("type", "false", False)]


def _integers(node: Node) -> list[Value]:
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    found = []
    if low is not None:
        found += [Value("minimum", str(low), low), Value("minimum", str(low + 1), low + 1)]
    if high is not None:
        found += [Value("maximum", str(high - 1), high - 1), Value("maximum", str(high), high)]
    if low is None and high is None:
        found += [Value("type", "1", 1), Value("type", "0", 0)]
    return found


def lengths(description: Description, path: str) -> list[int]:
    """Lengths that a text has to be taken in: both limits and one beside each."""
    node = description.nodes[path]
    low = max(1, int(node.schema.get("minLength", 1)))
    high = int(node.schema.get("maxLength", _UNLIMITED))
    candidates = dict.fromkeys((low, low + 1, high - 1 if "maxLength" in node.schema else low, high))
    return [
        n
        for n in candidates
        if low <= n <= high and is_acceptable(description, path, characters(description, path)[0] * n)
    ]


#: Characters that a server may treat apart at the ends of a name; they have the first turns there.
_NOTABLE = "-_0Aa9Zz"


def text(description: Description, path: str, length: int, turn: int) -> str:
    """A text of `length` characters that shows as many characters as it can; at the set's own length each of them once.

    Args:
        description: the contract.
        path: of the node, whose characters are used.
        length: in characters.
        turn: varies the first and the last character, the ones that are notable at the ends first.
    """
    letters = characters(description, path)
    ends = [char for char in _NOTABLE if char in letters]
    ends += [char for char in letters if char not in ends]
    first, last = ends[turn % len(ends)], ends[(turn + 1) % len(ends)]
    if length == 1 or first == last:
        return first * length
    shift = turn % len(letters)
    middle = [char for char in letters[shift:] + letters[:shift] if char not in (first, last)] or [first]
    return first + "".join(middle[i % len(middle)] for i in range(length - 2)) + last


# --- what has to be refused -----------------------------------------------------------------------------------------


def refused(description: Description, path: str, *, thorough: bool = False) -> list[Value]:
    """Values that break exactly one keyword of the node, by keyword in the schema's order.

    Args:
        description: the contract.
        path: of the node.
        thorough: also those that only a very particular fault would let pass alone.
    """
    node = description.nodes[path]
    turn = list(description.nodes).index(path)
    found = [*_types(node, thorough), *_enumeration(node, thorough), *_characters(node, turn, thorough)]
    found += [*_lengths(description, node, thorough), *_ranges(node)]
    own = validator_of(description, path)
    # Whether an optional parameter without a text is there at all is an open question.
    is_asked = not node.required and node.is_parameter
    return [v for v in found if not own.is_valid(v.value) and not (is_asked and v.value == "")]


#: A value of each JSON type, and of each shape that is easily taken for another one.
def _types(node: Node, thorough: bool) -> Iterator[Value]:
    if node.location == "query":
        for aspect, value in _NOT_SCALARS.get(node.type, {}).items():
            yield Value("type", aspect, value)
        return
    documented = node.examples[0] if node.examples else None
    shapes: Mapping[str, Json] = {
        "null": None,
        "true": True,
        "false": False,
        "zero": 0,
        "number": 7,
        "fraction": 0.5,
        "text": "x",
        "empty-text": "",
        "list": ["x"],
        "empty-list": [],
        "object": {"x": "x"},
        "empty-object": {},
        "in-list": [documented],
        "as-text": str(documented),
    }
    skip = {
        "string": {"text", "empty-text", "as-text"},
        "integer": {"zero", "number"},
        "number": {"zero", "number", "fraction"},
        "boolean": {"true", "false"},
        "object": {"object", "empty-object", "in-list", "as-text"},
        "array": {"list", "empty-list", "in-list", "as-text"},
    }[node.type]
    if node.type not in ("string", "integer"):
        skip = skip | {"in-list", "as-text"}
    if not thorough and node.type != "integer":
        skip = skip | {"false", "zero", "fraction"}
    for aspect, value in shapes.items():
        # null is refused where something is required; elsewhere it may mean absent
        if aspect not in skip and (aspect != "null" or node.required or node.path.endswith("[]")):
            yield Value("type", aspect, value)


_NOT_NUMBERS: Mapping[str, str] = {
    "word": "abc",
    "fraction": "12.5",
    "unit": "60s",
    "number-then-word": "60abc",
    "blank-inside": "6 0",
    "list": "[60]",
    "object": '{"a":60}',
    "quoted": '"60"',
    "true": "true",
    "null": "null",
    "nan": "NaN",
    "infinity": "Infinity",
    "sign-only": "-",
    "minus-twice": "--60",
    "two-numbers": "60;60",
    "expression": "50+10",
}


#: A number takes more texts than an integer does; how else than true and false a boolean may be spelt is open.
_NOT_SCALARS: Mapping[str, Mapping[str, str]] = {
    "integer": _NOT_NUMBERS,
    "number": {aspect: text for aspect, text in _NOT_NUMBERS.items() if aspect not in ("fraction", "nan", "infinity")},
    "boolean": {"word": "maybe", "number": "2", "list": "[true]", "both": "true,false"},
}


def _enumeration(node: Node, thorough: bool) -> Iterator[Value]:
    options = node.schema.get("enum")
    if not options:
        return
    if node.type == "integer":
        low, high = min(options), max(options)
        further = (99, -99, high + 2**32) if thorough else ()
        for value in dict.fromkeys((high + 1, low - 1, high + 2, 10, high + 256, low + 2**32, *further)):
            if value not in options:
                yield Value("enum", str(value), value)
        return
    misses: dict[str, None] = {}
    for option in options:
        for miss in (option.upper(), f"{option} ", f" {option}", option[:-1], f"{option}x", f"{option}\n"):
            misses.setdefault(miss)
    first = options[0]
    for miss in (
        "",
        first.capitalize(),
        first[1:],
        f"x{options[-1]}",
        f"{first},{options[-1]}",
        f"{first}\x00",
        first[::-1],
        f"{first}{options[-1]}",
        *(sorted({a[0] + b[1:] for a in options for b in options if len(a) == len(b)}) if thorough else ()),
        "default",
        "none",
        "0",
        "*",
    ):
        misses.setdefault(miss)
    for miss in misses:
        if miss not in options:
            yield Value("enum", shown(miss), miss)


def shown(text: str) -> str:
    """A text as it stands in an aspect: visible ASCII as it is, everything else by its code, "empty" for nothing."""
    if not text:
        return "empty"
    if len(text) > 40:
        return f"{len(text)}-characters"
    return "".join(char if "!" <= char <= "~" and char != "#" else f"<{name_of(char)}>" for char in text)


#: Controls that trimming, line-wise anchors, C strings and terminals treat apart; the others take turns over the nodes.
_NOTABLE_CONTROLS = "\x00\x01\x08\t\n\x0b\x0c\r\x1b\x1c\x1d\x1e\x1f\x7f"


def _characters(node: Node, turn: int, thorough: bool) -> Iterator[Value]:
    pattern = node.schema.get("pattern")
    if pattern is None:
        return
    inside = charset(pattern)
    if inside is None:
        yield from _other_shapes(node)
        return
    tried = [
        char for code, char in enumerate(CONTROLS) if thorough or char in _NOTABLE_CONTROLS or code % 4 == turn % 4
    ]
    outside = [char for char in (*PRINTABLE, *tried, *BEYOND_ASCII) if char not in inside]
    places = ("inside", "last", "first")

    def usual(char: str) -> str:
        """The first place for a character: punctuation is often let pass inside a name only; the rest takes turns."""
        return "inside" if char in PRINTABLE else places[(outside.index(char) + turn) % 3]

    for char in outside:
        yield Value("pattern", name_of(char), _around(node, inside, char, usual(char)))
    # What trimming, line-wise anchors and prefix tests let pass is tried in every place.
    for char in outside if thorough else (char for char in " \n\r\t\x00" if char in outside):
        for where in places:
            if where != usual(char):
                yield Value("pattern", f"{name_of(char)}-{where}", _around(node, inside, char, where))
    yield from _bad_end(node, inside)
    for char in " ./" if thorough else " ":
        if char in outside:
            yield Value("pattern", f"{name_of(char)}-only", char * max(1, int(node.schema.get("minLength", 1))))
    yield Value("pattern", "U+000D-U+000A-last", _around(node, inside, "\r\n", "last"))


def _bad_end(node: Node, inside: str) -> Iterator[Value]:
    """For a server that looks at the beginning of a long text only."""
    longest = node.schema.get("maxLength")
    if longest is not None and "." not in inside:
        text = (inside * longest)[: longest - 1]
        yield Value("pattern", f"U+002E-last-of-{longest}", f"{text}.")


def _other_shapes(node: Node) -> Iterator[Value]:
    """For a pattern that is no plain set of characters: the example, a little changed."""
    for example in node.examples[:2]:
        text = str(example)
        for aspect, changed in {
            "blank-first": f" {text}",
            "blank-last": f"{text} ",
            "newline-last": f"{text}\n",
            "nul-last": f"{text}\x00",
            "twice": text * 2,
            "first-gone": text[1:],
            "last-gone": text[:-1],
            "swapped-case": text.swapcase(),
            "reversed": text[::-1],
            "slash-last": f"{text}/",
            "accent-last": f"{text}\u00e9",
            "other-digit-last": f"{text}\u0661",
            "blank-inside": f"{text[: len(text) // 2]} {text[len(text) // 2 :]}",
        }.items():
            yield Value("pattern", aspect if text == str(node.examples[0]) else f"{aspect}-of-{shown(text)}", changed)


def _around(node: Node, inside: str, char: str, where: str) -> str:
    """A text of documented characters and `char`, as long as the node's lengths ask."""
    low, high = int(node.schema.get("minLength", 0)), int(node.schema.get("maxLength", 7))
    length = max(low, min(high, 7 if where == "inside" else 4)) - len(char)
    letters = (inside * (length // len(inside) + 1))[: max(0, length)]
    half = len(letters) // 2
    left = {"first": 0, "last": len(letters), "inside": half}[where]
    return f"{letters[:left]}{char}{letters[left:]}"


def _lengths(description: Description, node: Node, thorough: bool) -> Iterator[Value]:
    letters = characters(description, node.path)
    if node.schema.get("minLength", 0) > 0:
        low = node.schema["minLength"]
        for length in dict.fromkeys((low - 1, 0)):
            yield Value("minLength", str(length), (letters * low)[:length])
    if "maxLength" in node.schema:
        high = node.schema["maxLength"]
        far = (high * 2 + 1, 255, 257, 512) if thorough else ()
        # No more than that: what follows from the value grows with it, and a request has to stay below 8 KiB.
        for length in dict.fromkeys((high + 1, high + 2, high * 2, 256, 1000, 2048, *far)):
            if length > high:
                yield Value("maxLength", str(length), (letters * (length // len(letters) + 1))[:length])


def _ranges(node: Node) -> Iterator[Value]:
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    if low is not None:
        for value in dict.fromkeys((low - 1, low - 2, 0, 1, -1, -low, -(2**31), -BIG)):
            if value < low:
                yield Value("minimum", str(value), value)
    if high is not None:
        low = low or 0
        wraps = (2**16 + low, 2**32 + low, 2**31, 2**32)
        for value in dict.fromkeys((high + 1, high + 2, high * 10, 2**31 - 1, *wraps, BIG - 1)):
            if high < value < BIG:
                yield Value("maximum", str(value), value)
