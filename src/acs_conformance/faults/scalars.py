"""Faults in how a text or a number is checked: characters, lengths, limits, enumerations.

In: a node of a description. Out: faults, for each operator that some request can show.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from acs_conformance.cases.alphabet import BEYOND_ASCII, PRINTABLE, charset, name_of
from acs_conformance.description import Description, Json, Node
from acs_conformance.faults.kind import Blind, blind, by_value, of_text
from acs_conformance.faults.showing import can_be_broken, is_asked, strange_texts
from acs_conformance.violation import compiled


def scalars(description: Description, node: Node) -> Iterator[Blind]:
    """All of one node."""
    if "pattern" in node.schema and charset(node.schema["pattern"]) is not None:
        yield from _characters(description, node)
    if "maxLength" in node.schema and can_be_broken(description, node, "maxLength"):
        yield from _longer(description, node)
    if "minLength" in node.schema and can_be_broken(description, node, "minLength"):
        yield from _shorter(description, node)
    if "minimum" in node.schema or "maximum" in node.schema:
        yield from _ranges(description, node)
    if "enum" in node.schema:
        yield from (_enumerated_texts if node.type == "string" else _enumerated_numbers)(description, node)


# --- characters and lengths -----------------------------------------------------------------------------------------


def _characters(d: Description, node: Node) -> Iterator[Blind]:
    """Those that a text of documented characters and one other would show."""
    strange = list(strange_texts(node))
    for operator, detail, says, lets_pass in _loose(node):
        if any(map(lets_pass, strange)):
            overlooks = by_value(node.path, "pattern", of_text(lets_pass))
            yield blind(d, f"{node.path}.pattern", operator, f"{node.path}{says}", overlooks, detail)


def _loose(node: Node) -> Iterator[tuple[str, str, str, Callable[[str], object]]]:
    """Operator, what it is about, what is wrong, and whether a text passes for all that."""
    pattern = node.schema["pattern"]
    inside = charset(pattern) or ""
    regex = compiled(pattern)
    outside = [char for char in (*PRINTABLE, *BEYOND_ASCII, *"\x00\t\n\r\x0b\x0c\x1b\x1f\x7f") if char not in inside]
    for char in outside:
        yield (
            "admit",
            name_of(char),
            f" may contain {name_of(char)}",
            lambda t, c=char: regex.fullmatch(t.replace(c, "")),
        )
    # Only in the middle: a server that trims first and then tests too little.
    for char in (c for c in outside if c in PRINTABLE or c in " \n\r\t\x00"):
        says = f" may contain {name_of(char)} inside"
        yield (
            "admit-inside",
            name_of(char),
            says,
            lambda t, c=char: t == t.strip(c) and regex.fullmatch(t.replace(c, "")),
        )
    longest = node.schema.get("maxLength", 0)
    for count in dict.fromkeys((16, 32, 50, longest - 1)):
        if 8 < count < longest:
            says = f": what comes after {count} characters is not looked at"
            yield "beginning-only", str(count), says, lambda t, n=count: regex.fullmatch(t[:n])
    for char in (c for c in outside if c in " \n\r\t\x00"):
        for operator, strip in (("trim-end", str.rstrip), ("trim-start", str.lstrip), ("trim", str.strip)):
            says = f": {name_of(char)} is trimmed"
            yield operator, name_of(char), says, lambda t, c=char, s=strip: regex.fullmatch(s(t, c))
    for operator, says, lets_pass in (
        ("line-end", ": a trailing newline passes", lambda t: regex.fullmatch(t.removesuffix("\n"))),
        ("no-end-anchor", ": a valid beginning is enough", lambda t: t[:1] in inside),
        ("no-start-anchor", ": a valid end is enough", lambda t: t[-1:] in inside),
        ("ends-only", ": only the ends are looked at", lambda t: t[:1] in inside and t[-1:] in inside),
        ("middle-only", ": the last character is not looked at", lambda t: regex.fullmatch(t[:-1])),
        ("rest-only", ": the first character is not looked at", lambda t: regex.fullmatch(t[1:])),
        ("unicode-letters", ": letters of any script", lambda t: _folded(t, regex, str.isalpha)),
        ("unicode-digits", ": digits of any script", lambda t: _folded(t, regex, str.isdigit)),
        ("unicode-blanks", ": any blank", lambda t: _folded(t, regex, str.isspace)),
        ("normalised", " is normalised first", lambda t: regex.fullmatch(unicodedata.normalize("NFKC", t))),
        ("controls", ": control characters pass", lambda t: _folded(t, regex, _is_control)),
        ("upper-case", " is upper-cased first", lambda t: regex.fullmatch(t.upper())),
        ("lower-case", " is lower-cased first", lambda t: regex.fullmatch(t.lower())),
        ("c-string", " ends at a NUL", lambda t: "\x00" in t[1:] and regex.fullmatch(t.split("\x00")[0])),
        ("first-line", ": only its first line counts", lambda t: regex.fullmatch((t + "\n").split("\n")[0])),
    ):
        yield operator, "", says, lets_pass


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc"


def _folded(text: str, regex: re.Pattern[str], admits: Callable[[str], bool]) -> bool:
    return (
        regex.fullmatch("".join(char for char in text if not admits(char) or (char.isascii() and char.isalnum())))
        is not None
    )


def _longer(d: Description, node: Node) -> Iterator[Blind]:
    high, key = node.schema["maxLength"], f"{node.path}.maxLength"

    def fault(operator: str, says: str, lets_pass: Callable[[str], object], detail: str = "") -> Blind:
        return blind(d, key, operator, says, by_value(node.path, "maxLength", of_text(lets_pass)), detail)

    for above in dict.fromkeys((high + 1, high + 2, high * 2, 1000)):
        if above > high:
            says = f"{node.path} may have {above} characters"
            yield fault("limit", says, lambda t, n=above: len(t) <= n, str(above))
    yield fault("off-by-one", f"{high + 1} characters pass", lambda t: len(t) == high + 1)
    yield fault("wrap", "lengths wrap at 256", lambda t: len(t) % 256 <= high)


def _shorter(d: Description, node: Node) -> Iterator[Blind]:
    low = node.schema["minLength"]
    overlooks = by_value(node.path, "minLength", of_text(lambda t: len(t) == low - 1))
    yield blind(d, f"{node.path}.minLength", "off-by-one", "one too few pass", overlooks)


# --- numbers --------------------------------------------------------------------------------------------------------


def _ranges(d: Description, node: Node) -> Iterator[Blind]:
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    passing: list[tuple[str, str, Callable[[float], bool]]] = []
    if low is not None:
        below = dict.fromkeys(n for n in (low - 1, low - 2, 1, 0, -1) if n < low)
        passing += [("minimum", f"limit#{n}", lambda v, n=n: v >= n) for n in below]
        passing += [("minimum", f"exactly#{low - 1}", lambda v: v == low - 1), ("minimum", "negative", lambda v: v < 0)]
        passing += [("minimum", "zero", lambda v: v == 0)] if low > 0 else []
        passing += [("minimum", "positive", lambda v: v > 0)] if low > 1 else []
    if high is not None:
        above = dict.fromkeys(n for n in (high + 1, high + 2, high * 10, 2**31 - 1, 2**32) if n > high)
        passing += [("maximum", f"limit#{n}", lambda v, n=n: v <= n) for n in above]
        passing += [
            ("maximum", f"exactly#{high + 1}", lambda v: v == high + 1),
            ("maximum", "huge", lambda v: v >= 2**31),
        ]
        for bits in (16, 32) if high >= 0 else ():  # what wraps is not negative
            passing.append(("maximum", f"wrap-{bits}", lambda v, m=2**bits: (low or 0) <= v % m <= high))
    for keyword, operator, lets_pass in passing:
        name, _, detail = operator.partition("#")
        says = f"{node.path}: {keyword} lets pass {name} {detail}".rstrip()
        overlooks = by_value(node.path, keyword, _number(lets_pass))
        yield blind(d, f"{node.path}.{keyword}", name, says, overlooks, detail)


def _number(lets_pass: Callable[[float], bool]) -> Callable[[Json], bool]:
    """A test of numbers that every common type can hold, as one of any values."""
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63 and lets_pass(value)
    )


# --- enumerations ---------------------------------------------------------------------------------------------------


def _enumerated_numbers(d: Description, node: Node) -> Iterator[Blind]:
    options = node.schema["enum"]
    for operator, lets_pass in {
        "above": lambda v: v == max(options) + 1,
        "below": lambda v: v == min(options) - 1,
        "negative": lambda v: v < 0,
        "large": lambda v: v > max(options) + 1,
        "wrap-8": lambda v: v % 256 in options,
        "wrap-32": lambda v: v % 2**32 in options and abs(v) >= 2**31,
    }.items():
        overlooks = by_value(node.path, "enum", _number(lets_pass))
        yield blind(d, f"{node.path}.enum", operator, f"{node.path}: {operator} passes", overlooks)


def _enumerated_texts(d: Description, node: Node) -> Iterator[Blind]:
    """Those that a text which is nearly an option would show."""
    options = node.schema["enum"]
    near = [text for text in _near_options(options) if text not in options and not (text == "" and is_asked(node))]
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
        if any(map(lets_pass, near)):
            overlooks = by_value(node.path, "enum", of_text(lets_pass))
            yield blind(d, f"{node.path}.enum", operator, f"{node.path}: the comparison is {operator}", overlooks)
    for option in options:
        for operator, says, lets_pass in (
            ("any-case", "in any letter case", lambda t, o=option: t.lower() == o.lower()),
            ("first-cut", "without its first letter", lambda t, o=option: t == o[1:]),
            ("last-cut", "without its last letter", lambda t, o=option: t == o[:-1]),
        ):
            if any(map(lets_pass, near)):
                overlooks = by_value(node.path, "enum", of_text(lets_pass))
                yield blind(d, f"{node.path}.enum", operator, f"{node.path}: {option} {says}", overlooks, option)


def _near_options(options: list[str]) -> Iterator[str]:
    for option in options:
        yield from (option.upper(), option.lower(), option.capitalize(), option[1:], option[:-1])
        yield from (f" {option}", f"{option} ", f"{option}\n", f"{option}\x00", f"x{option}", f"{option}x")
    yield from ("", ",".join(options))
