"""Faults in what is refused: a rule that is not checked, not everywhere, or not exactly.

In: a description. Out: faults, for each operator and each node that it applies to. An operator makes no fault that no
request could show.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from acs_conformance.cases.alphabet import BEYOND_ASCII, PRINTABLE, charset, name_of
from acs_conformance.description import Description, Json, Node
from acs_conformance.emulator.fault import Call
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.faults.kind import Blind, is_json, texts_of, value_of
from acs_conformance.faults.relating import relating
from acs_conformance.violation import compiled

Overlooks = Callable[[Call, Breach], bool]


def refusing(description: Description) -> Iterator[Blind]:
    """All of them, in document order; relations last."""
    for node in description.nodes.values():
        for keyword in _keywords(node):
            yield from _ignoring(description, node, keyword)
        if node.location == "json" and node.is_parameter:
            yield from _lenient_json(description, node)
        yield from _types(description, node)
        if "pattern" in node.schema:
            yield from _characters(description, node)
        if "maxLength" in node.schema or "minLength" in node.schema:
            yield from _lengths(description, node)
        if "minimum" in node.schema or "maximum" in node.schema:
            yield from _ranges(description, node)
        if "enum" in node.schema:
            yield from _enumerations(description, node)
    for relation in description.relations:
        if not relation.open:
            yield from relating(description, relation)


def _keywords(node: Node) -> Iterator[str]:
    if node.required:
        yield "required"
    for keyword in ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"):
        # The text of a plain parameter is always a text.
        if keyword in node.schema and not (keyword == "type" and node.location == "query" and node.type == "string"):
            yield keyword


def _fault(
    d: Description,
    key: str,
    operator: str,
    says: str,
    overlooks: Overlooks,
    detail: str = "",
    *,
    exhaustive: bool = False,
) -> Blind:
    return Blind(
        id=f"{d.id(key)}!{operator}{f'#{detail}' if detail else ''}",
        operator=operator,
        says=says,
        overlooks=overlooks,
        found_at="exhaustive" if exhaustive else "standard",
    )


def _is(path: str, keyword: str) -> Overlooks:
    return lambda _call, breach: breach.path == path and breach.keyword == keyword


def _and(first: Overlooks, second: Overlooks) -> Overlooks:
    return lambda call, breach: first(call, breach) and second(call, breach)


def _by_value(path: str, keyword: str, lets_pass: Callable[[Json], bool]) -> Overlooks:
    return lambda call, breach: breach.path == path and breach.keyword == keyword and lets_pass(value_of(call, breach))


def _text(lets_pass: Callable[[str], object]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, str) and bool(lets_pass(value))


# --- a rule that is not checked, or not everywhere ------------------------------------------------------------------


def _ignoring(d: Description, node: Node, keyword: str) -> Iterator[Blind]:
    key = f"{node.path}.{keyword}"
    yield _fault(d, key, "ignore", f"{key} is not checked", _is(node.path, keyword))
    if "[]" in node.path:
        for operator, says, is_spared in (
            ("first-item-only", "looks at the first item only", lambda index, _count: index > 0),
            ("last-item-only", "looks at the last item only", lambda index, count: index < count - 1),
            ("two-items-only", "looks at the first two items only", lambda index, _count: index > 1),
            ("not-the-first", "does not look at the first item", lambda index, _count: index == 0),
            ("not-the-second", "does not look at the second item", lambda index, _count: index == 1),
        ):
            yield _fault(d, key, operator, f"{key} {says}", _and(_is(node.path, keyword), _in_items(is_spared)))


def _in_items(is_spared: Callable[[int, int], bool]) -> Overlooks:
    def overlooks(call: Call, breach: Breach) -> bool:
        for position, step in enumerate(breach.location):
            if isinstance(step, int):
                items = find(call.document, tuple(str(name) for name in breach.location[:position]))
                count = len(items[0][1]) if items and isinstance(items[0][1], list) else 1
                return is_spared(step, count)
        return False

    return overlooks


def _lenient_json(d: Description, node: Node) -> Iterator[Blind]:
    """Parsers that take more than RFC 8259 does; only texts that still say something valid are let pass."""
    name = node.path
    readers: dict[str, Callable[[str], str]] = {
        "trailing-comma": lambda text: re.sub(r",\s*([\]}])", r"\1", text),
        "single-quotes": lambda text: text.replace("'", '"'),
        "unquoted-names": lambda text: re.sub(r"([{,])([A-Za-z]\w*):", r'\1"\2":', text),
        "comments": lambda text: re.sub(r"/\*.*?\*/", "", text),
        "trailing-text": _first_value,
        "missing-end": _closed,
    }
    for operator, repaired in readers.items():

        def overlooks(call: Call, breach: Breach, repaired: Callable[[str], str] = repaired) -> bool:
            text = texts_of(call).get(name, "")
            return breach.path == name and breach.keyword == "type" and not is_json(text) and is_json(repaired(text))

        yield _fault(d, f"{name}.content", "lenient", f"JSON with {operator} is taken", overlooks, operator)

    def is_broken(call: Call, breach: Breach) -> bool:
        return breach.path == name and breach.keyword == "type" and not is_json(texts_of(call).get(name, ""))

    yield _fault(d, f"{name}.content", "ignore", f"{name} need not be JSON", is_broken)

    def is_empty(call: Call, breach: Breach) -> bool:
        return is_broken(call, breach) and not texts_of(call).get(name, "").strip()

    yield _fault(d, f"{name}.content", "empty", f"an empty {name} is taken", is_empty)


def _first_value(text: str) -> str:
    import json

    try:
        return text[: json.JSONDecoder().raw_decode(text)[1]]
    except (ValueError, RecursionError):
        return text


def _closed(text: str) -> str:
    return text + {"{": "}", "[": "]"}.get(text[:1], "")


# --- types ----------------------------------------------------------------------------------------------------------


def _types(d: Description, node: Node) -> Iterator[Blind]:
    """Values of another type that are taken for the documented one."""
    if node.location == "query" and node.type != "integer":
        return
    kinds: dict[str, Callable[[Json], bool]] = {
        "boolean": lambda value: isinstance(value, bool),
        "number": lambda value: isinstance(value, int) and not isinstance(value, bool),
        "fraction": lambda value: isinstance(value, float) and not value.is_integer(),
        "text": lambda value: isinstance(value, str),
        "digits": lambda value: isinstance(value, str) and value.isascii() and value.isdigit(),
        "list": lambda value: isinstance(value, list),
        "empty-list": lambda value: value == [],
        "object": lambda value: isinstance(value, dict),
        "empty-object": lambda value: value == {},
        "list-of-one": lambda value: isinstance(value, list) and len(value) == 1,
        "falsy": lambda value: value in (0, False, [], {}) and value is not None,
    }
    if node.required or node.path.endswith("[]"):
        kinds["null"] = lambda value: value is None
    documented = {"string": {"text", "digits"}, "integer": {"number"}, "object": {"object", "empty-object", "digits"}}
    documented["array"] = {"list", "empty-list", "list-of-one", "digits"}
    if node.location == "query":
        kinds = {
            "truncated-fraction": _text(lambda text: re.fullmatch(r"\d+\.\d*[1-9]\d*", text)),
            "leading-number": _text(lambda text: re.match(r"\d+[^\d.eExX_]", text)),
            "any-text": _text(lambda text: re.fullmatch(r"[A-Za-z]+", text)),
        }
    for kind, lets_pass in kinds.items():
        # A parameter that is JSON has to be JSON first: unparseable texts are another requirement.
        if kind not in documented.get(node.type, set()) and not (kind == "text" and node.is_parameter):
            overlooks = _by_value(node.path, "type", lets_pass)
            says = f"{node.path} may be of type {kind}"
            # A fraction where a text or a structure belongs is one number more, which only exhaustive depth tries.
            only_exhaustive = kind == "fraction" and node.type != "integer"
            yield _fault(d, f"{node.path}.type", "coerce", says, overlooks, kind, exhaustive=only_exhaustive)


# --- characters and lengths -----------------------------------------------------------------------------------------


def _characters(d: Description, node: Node) -> Iterator[Blind]:
    pattern = node.schema["pattern"]
    inside = charset(pattern)
    if inside is None:
        return
    regex = compiled(pattern)
    key = f"{node.path}.pattern"

    def fault(operator: str, says: str, lets_pass: Callable[[str], object], detail: str = "", **kind: bool) -> Blind:
        return _fault(d, key, operator, says, _by_value(node.path, "pattern", _text(lets_pass)), detail, **kind)

    printable = [char for char in (*PRINTABLE, *BEYOND_ASCII) if char not in inside]
    for char in (*printable, *(c for c in "\x00\t\n\r\x0b\x0c\x1b\x1f\x7f" if c not in inside)):
        name = name_of(char)
        yield fault(
            "admit", f"{node.path} may contain {name}", lambda t, c=char: regex.fullmatch(t.replace(c, "")), name
        )
    for char in (c for c in PRINTABLE if c not in inside and c != " "):
        name = name_of(char)
        yield fault(
            "admit-inside",
            f"{node.path} may contain {name} inside",
            lambda t, c=char: t == t.strip(c) and regex.fullmatch(t.replace(c, "")),
            name,
        )
    longest = node.schema.get("maxLength", 0)
    for count in (16, 32, 50, longest - 1):
        if 8 < count < longest:
            says = f"{node.path}: what comes after {count} characters is not looked at"
            yield fault("beginning-only", says, lambda t, n=count: regex.fullmatch(t[:n]), str(count))
    for char in (c for c in " \n\r\t\x00" if c not in inside):
        name = name_of(char)
        for operator, strip in (("trim-end", str.rstrip), ("trim-start", str.lstrip), ("trim", str.strip)):
            yield fault(
                operator, f"{node.path}: {name} is trimmed", lambda t, c=char, s=strip: regex.fullmatch(s(t, c)), name
            )
        # Only in the middle: a server that trims first and then tests too little
        yield fault(
            "admit-inside",
            f"{node.path} may contain {name} inside",
            lambda t, c=char: t == t.strip(c) and regex.fullmatch(t.replace(c, "")),
            name,
        )
    yield fault("line-end", f"{node.path}: a trailing newline passes", lambda t: regex.fullmatch(t.removesuffix("\n")))
    yield fault("no-end-anchor", f"{node.path}: a valid beginning is enough", lambda t: t[:1] in inside)
    yield fault("no-start-anchor", f"{node.path}: a valid end is enough", lambda t: t[-1:] in inside)
    yield fault(
        "ends-only", f"{node.path}: only the ends are looked at", lambda t: t[:1] in inside and t[-1:] in inside
    )
    yield fault("middle-only", f"{node.path}: the last character is not looked at", lambda t: regex.fullmatch(t[:-1]))
    yield fault("rest-only", f"{node.path}: the first character is not looked at", lambda t: regex.fullmatch(t[1:]))
    yield fault("unicode-letters", f"{node.path}: letters of any script", lambda t: _folded(t, regex, str.isalpha))
    yield fault("unicode-digits", f"{node.path}: digits of any script", lambda t: _folded(t, regex, str.isdigit))
    yield fault("unicode-blanks", f"{node.path}: any blank", lambda t: _folded(t, regex, str.isspace))
    yield fault(
        "normalised", f"{node.path} is normalised first", lambda t: regex.fullmatch(unicodedata.normalize("NFKC", t))
    )
    yield fault("controls", f"{node.path}: control characters pass", lambda t: _folded(t, regex, _is_control))
    yield fault("upper-case", f"{node.path} is upper-cased first", lambda t: regex.fullmatch(t.upper()))
    yield fault("lower-case", f"{node.path} is lower-cased first", lambda t: regex.fullmatch(t.lower()))
    yield fault(
        "c-string", f"{node.path} ends at a NUL", lambda t: "\x00" in t[1:] and regex.fullmatch(t.split("\x00")[0])
    )
    yield fault(
        "first-line", f"{node.path}: only its first line counts", lambda t: regex.fullmatch((t + "\n").split("\n")[0])
    )


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc"


def _folded(text: str, regex: re.Pattern[str], admits: Callable[[str], bool]) -> bool:
    return (
        regex.fullmatch("".join(char for char in text if not admits(char) or (char.isascii() and char.isalnum())))
        is not None
    )


def _lengths(d: Description, node: Node) -> Iterator[Blind]:
    high, low = node.schema.get("maxLength"), node.schema.get("minLength", 0)
    if high is not None:
        key = f"{node.path}.maxLength"
        for above in (high + 1, high + 2, high * 2, 1000):
            says = f"{node.path} may have {above} characters"
            lets_pass = _text(lambda t, n=above: len(t) <= n)
            yield _fault(d, key, "limit", says, _by_value(node.path, "maxLength", lets_pass), str(above))
        exact = _text(lambda t: len(t) == high + 1)
        yield _fault(d, key, "off-by-one", f"{high + 1} characters pass", _by_value(node.path, "maxLength", exact))
        wraps = _text(lambda t: len(t) % 256 <= high)
        yield _fault(d, key, "wrap", "lengths wrap at 256", _by_value(node.path, "maxLength", wraps))
    if low > 0:
        exact = _text(lambda t: len(t) == low - 1)
        yield _fault(
            d, f"{node.path}.minLength", "off-by-one", "one too few pass", _by_value(node.path, "minLength", exact)
        )


# --- numbers --------------------------------------------------------------------------------------------------------


def _ranges(d: Description, node: Node) -> Iterator[Blind]:
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    passing: list[tuple[str, str, Callable[[int], bool]]] = []
    if low is not None:
        passing += [("minimum", f"limit#{n}", lambda v, n=n: v >= n) for n in (low - 1, low - 2, 1, 0, -1) if n < low]
        passing += [
            ("minimum", f"exactly#{low - 1}", lambda v: v == low - 1),
            ("minimum", "zero", lambda v: v == 0),
            ("minimum", "negative", lambda v: v < 0),
            ("minimum", "positive", lambda v: v > 0),
        ]
    if high is not None:
        passing += [
            ("maximum", f"limit#{n}", lambda v, n=n: v <= n) for n in (high + 1, high + 2, high * 10, 2**31 - 1, 2**32)
        ]
        passing += [
            ("maximum", f"exactly#{high + 1}", lambda v: v == high + 1),
            ("maximum", "wrap-16", lambda v: (low or 0) <= v % 2**16 <= high),
            ("maximum", "wrap-32", lambda v: (low or 0) <= v % 2**32 <= high),
            ("maximum", "huge", lambda v: v >= 2**31),
        ]
    for keyword, operator, lets_pass in passing:
        name, _, detail = operator.partition("#")

        def number(value: Json, lets_pass: Callable[[int], bool] = lets_pass) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 and lets_pass(value)

        says = f"{node.path}: {keyword} lets pass {name} {detail}".rstrip()
        yield _fault(d, f"{node.path}.{keyword}", name, says, _by_value(node.path, keyword, number), detail)


# --- enumerations ---------------------------------------------------------------------------------------------------


def _enumerations(d: Description, node: Node) -> Iterator[Blind]:
    options = node.schema["enum"]
    key = f"{node.path}.enum"
    if node.type != "string":
        for operator, lets_pass in {
            "above": lambda v: v == max(options) + 1,
            "below": lambda v: v == min(options) - 1,
            "negative": lambda v: v < 0,
            "large": lambda v: v > max(options) + 1,
            "wrap-8": lambda v: v % 256 in options,
            "wrap-32": lambda v: v % 2**32 in options and abs(v) >= 2**31,
        }.items():
            number = lambda value, lets_pass=lets_pass: (  # noqa: E731 - bound to this turn of the loop
                isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 and lets_pass(value)
            )
            yield _fault(d, key, operator, f"{node.path}: {operator} passes", _by_value(node.path, "enum", number))
        return
    found: dict[str, Callable[[str], object]] = {
        "any-case": lambda t: t.lower() in {o.lower() for o in options},
        "all-upper": lambda t: t in {o.upper() for o in options},
        "trimmed": lambda t: t.strip() in options,
        "trimmed-end": lambda t: t.rstrip() in options,
        "trimmed-start": lambda t: t.lstrip() in options,
        "line-end": lambda t: t.removesuffix("\n") in options,
        "prefix-of": lambda t: t and any(o.startswith(t) for o in options),
        "has-prefix": lambda t: any(t.startswith(o) for o in options),
        "has-suffix": lambda t: any(t.endswith(o) for o in options),
        "part-of": lambda t: t and any(t in o for o in options),
        "contains": lambda t: any(o in t for o in options),
        "joined": lambda t: t in ",".join(options) or all(part in options for part in t.split(",")),
        "empty": lambda t: t == "",
        "not-empty": lambda t: t != "",
        "c-string": lambda t: t.split("\x00")[0] in options,
    }
    for operator, lets_pass in found.items():
        overlooks = _by_value(node.path, "enum", _text(lets_pass))
        yield _fault(d, key, operator, f"{node.path}: the comparison is {operator}", overlooks)
    for option in options:
        upper = _by_value(node.path, "enum", _text(lambda t, o=option: t.lower() == o))
        yield _fault(d, key, "any-case", f"{node.path}: {option} in any letter case", upper, option)
