"""Values at the edges of a schema: what a node must take, and what it must refuse.

In: a node and its description. Out: named values, in a fixed order, boundaries and near misses first. Nothing here
knows how values are packed into requests. Whether a value really is on the side it claims is checked against the
node's own schema, and values that the page leaves open are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acs_conformance.cases import texts
from acs_conformance.cases.alphabet import BEYOND_ASCII, CONTROLS, PRINTABLE, charset, name_of, shown
from acs_conformance.description import Description, Json, Node
from acs_conformance.trait import validator_of
from acs_conformance.wire import BIG, compact


@dataclass(frozen=True, slots=True)
class Value:
    """A named value, and the keyword that it is about."""

    keyword: str
    aspect: str
    value: Json


# --- what has to be accepted ----------------------------------------------------------------------------------------


def accepted(description: Description, path: str) -> list[Value]:
    """Boundary values that the node has to take; for texts see `texts`."""
    node = description.nodes[path]
    made = {"integer": _numbers, "number": _numbers, "boolean": _booleans}.get(node.type, _nothing)
    found = made(node)
    if "enum" in node.schema:
        found = [Value("enum", str(value), value) for value in node.schema["enum"]]
    return [value for value in found if texts.is_acceptable(description, path, value.value)]


def _nothing(_node: Node) -> list[Value]:
    return []


def _booleans(_node: Node) -> list[Value]:
    return [Value("type", "true", True), Value("type", "false", False)]


def _numbers(node: Node) -> list[Value]:
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    found = []
    if low is not None:
        found += [Value("minimum", str(low), low), Value("minimum", str(low + 1), low + 1)]
    if high is not None:
        found += [Value("maximum", str(high - 1), high - 1), Value("maximum", str(high), high)]
    if low is None and high is None:
        found += [Value("type", "1", 1), Value("type", "0", 0)]
    if node.type == "number":
        fraction = high - 0.25 if low is None and high is not None else (low or 0) + 0.25
        found.insert(1, Value("type", str(fraction), fraction))
    return found


def different(description: Description, path: str) -> list[Json]:
    """Values that the node has to take, no two the same, the simplest first: for lists in which none repeats."""
    node = description.nodes[path]
    found = [*node.examples, *(value.value for value in accepted(description, path))]
    if "enum" not in node.schema:
        if node.type == "string":
            sizes = texts.lengths(description, path)
            found += [texts.text(description, path, length, turn) for turn in range(20) for length in sizes]
        elif node.type in ("integer", "number"):
            found += [node.examples[0] + step for distance in range(1, 40) for step in (distance, -distance)]
    return list({repr(v): v for v in found if texts.is_acceptable(description, path, v)}.values())


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
    return [value for value in found if breaks_alone(description, path, value.keyword, value.value)]


def breaks_alone(description: Description, path: str, keyword: str, value: Json) -> bool:
    """Whether `value` breaks just this keyword of the node, and is no matter of an open question."""
    node = description.nodes[path]
    if value == "" and node.is_parameter and not node.required:
        return False  # whether it is there at all is an open question
    broken = {str(error.validator) for error in validator_of(description, path).iter_errors(value)}
    return "type" in broken if keyword == "type" else broken == {keyword}  # a wrong type hides all else


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
        "as-text": compact(documented),
        "digits": "1",
    }
    skip = {
        "string": {"text", "empty-text", "as-text", "digits"},
        "integer": {"zero", "number", "digits"},  # as text it is digits
        "number": {"zero", "number", "fraction"},
        "boolean": {"true", "false"},
        "object": {"object", "empty-object", "in-list", "as-text", "digits"},
        "array": {"list", "empty-list", "in-list", "as-text", "digits"},
    }[node.type]
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
    if node.type in ("integer", "number"):
        low, high = min(options), max(options)
        further = (99, -99, high + 2**32) if thorough else ()
        for value in dict.fromkeys((high + 1, low - 1, high + 2, 10, high + 256, low + 2**32, -1, *further)):
            if value not in options:
                yield Value("enum", str(value), value)
        return
    misses: dict[str, None] = {}
    ends = options if thorough else (options[0], options[-1])
    for option in options:
        # Trimming treats all options alike, so two of them tell; what else is near to one may be let pass alone.
        trimmed = (f"{option} ", f" {option}", f"{option}\n") if option in ends else ()
        for miss in (option.upper(), option.lower(), *trimmed, option[:-1], option[1:], f"{option}x"):
            misses.setdefault(miss)
    first = options[0]
    for miss in (
        "",
        first.capitalize(),
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
    char = next((char for char in (".", *PRINTABLE) if char not in inside), None)
    if longest is not None and char is not None:
        text = (inside * longest)[: longest - 1]
        yield Value("pattern", f"{name_of(char)}-last-of-{longest}", f"{text}{char}")


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
    low, high = int(node.schema.get("minLength", 0)), node.schema.get("maxLength")
    below = dict.fromkeys((low - 1, 0)) if low > 0 else {}
    far = (high * 2 + 1, 255, 257, 512) if thorough and high is not None else ()
    # No more than that: what follows from the value grows with it, and a request has to stay below 8 KiB.
    above = dict.fromkeys((high + 1, high + 2, high * 2, 256, 1000, 2048, *far)) if high is not None else {}
    for keyword, tried in (("minLength", below), ("maxLength", [length for length in above if length > high])):
        for length in tried:
            text = texts.fitting(description, node.path, length)
            if text is not None:
                yield Value(keyword, str(length), text)


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
