"""What stands in a request's bytes: the parameters as texts, and the values that those texts spell.

In: the raw query or form body, or the text of one parameter. Out: values, each with the oddities that the contract
leaves open (a duplicate member, digits beyond ASCII, ...), named by the trait words of the gateway's description.
Nothing here knows an operation or decides what an oddity is worth, and nothing raises.
"""

from __future__ import annotations

import binascii
import json
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from acs_conformance.description import Json

#: The deepest JSON that is read at all; beyond it a text counts as unparseable. Far below Python's recursion limit, so
#: that no walk over a document can meet that.
DEEPEST = 128
_DEEP = 32
_64_BITS = 2**63

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_DIGITS_READ = 4000  # Python refuses to read longer integers; the first digits tell as much as all of them
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]").search
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class Parameter(NamedTuple):
    """One parameter as sent; `is_utf8` is whether its bytes are UTF-8, else U+FFFD stands for those that are not."""

    name: str
    text: str
    is_utf8: bool


@dataclass(frozen=True, slots=True)
class Value:
    """What a text spells; where it spells nothing, the text itself, which is then of a wrong type."""

    value: Json
    traits: frozenset[str] = frozenset()
    #: Whether it has a number with a fraction or exponent in it, such as 0.0.
    has_fraction: bool = False


def parameters(encoded: str) -> list[Parameter]:
    """The parameters of a query or form body, in order.

    `+` is a blank, a parameter without `=` has an empty text, `&` next to `&` encloses none, and a percent sign without
    two hexadecimal digits stands for itself.

    Args:
        encoded: percent-encoded text, one character per byte.
    """
    found = []
    for part in encoded.split("&"):
        if part:
            name, _, text = part.partition("=")
            plain_name, is_name_utf8 = _decoded(name)
            plain_text, is_text_utf8 = _decoded(text)
            found.append(Parameter(plain_name, plain_text, is_name_utf8 and is_text_utf8))
    return found


def _decoded(text: str) -> tuple[str, bool]:
    if "%" not in text and text.isascii():
        return text.replace("+", " "), True
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:  # never from a wire
        octets = text.encode("utf-8", "surrogatepass")
    octets = _unescaped(octets.replace(b"+", b" "))
    try:
        return octets.decode("utf-8"), True
    except UnicodeDecodeError:
        return octets.decode("utf-8", "replace"), False


def _unescaped(octets: bytes) -> bytes:
    """Like `unquote_to_bytes`, but ten times faster where each percent sign begins an escape, as they mostly do.

    JSON texts are half escapes. Quoted-printable has the same escapes behind another sign, and a decoder in C; an
    escape takes two bytes away, and anything that it reads otherwise takes another number, unless there are line ends.
    """
    if b"\n" not in octets and b"\r" not in octets:
        printable = octets.replace(b"=", b"=3D").replace(b"%", b"=")
        plain = binascii.a2b_qp(printable)
        if len(plain) == len(printable) - 2 * printable.count(b"="):
            return plain
    return unquote_to_bytes(octets)


def json_value(text: str, *, first_member_wins: bool = False) -> Value:
    """The value of a JSON text after RFC 8259; unparseable ones give the text itself.

    Args:
        text: the decoded text.
        first_member_wins: which of two members with one name is kept; the RFC leaves it open.
    """
    is_deep = False
    if text.count("[") + text.count("{") > _DEEP:
        depth = _depth(text)
        is_deep = depth > _DEEP
        if depth > DEEPEST:
            return Value(text, frozenset({"deep-nesting"}))
    reader = _FIRST if first_member_wins else _LAST
    reader.notes.clear()
    try:
        value = reader.decode(text)
    except (ValueError, RecursionError):
        return Value(text, frozenset({"deep-nesting"}) if is_deep else frozenset())
    traits = set(reader.notes)
    has_fraction = "fraction" in traits
    traits.discard("fraction")
    if is_deep:
        traits.add("deep-nesting")
    if _SURROGATE_ESCAPE(text):
        value, has_surrogate = _without_surrogates(value)
        if has_surrogate:
            traits.add("lone-surrogate")
    return Value(value, frozenset(traits), has_fraction)


class _Reader:
    """A strict JSON reader that notes what the value alone no longer shows."""

    def __init__(self, *, first_member_wins: bool) -> None:
        self.notes: set[str] = set()
        self._first_member_wins = first_member_wins
        self.decode = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._fraction,
            parse_constant=self._constant,
        ).decode

    def _object(self, members: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(members)
        if len(result) != len(members):
            self.notes.add("duplicate-member")
            if self._first_member_wins:
                result.update(reversed(members))
        return result

    def _integer(self, text: str) -> int:
        value = int(text[:_DIGITS_READ])
        if not -_64_BITS <= value < _64_BITS:
            self.notes.add("big-number")
        return value

    def _fraction(self, text: str) -> float | Decimal:
        self.notes.add("fraction")
        value = float(text)
        if abs(value) >= _64_BITS:
            self.notes.add("big-number")
        elif value.is_integer() and Decimal(text) != value:
            return Decimal(text)  # 2.00000000000000000001 is not 2, though the nearest float is
        return value

    def _constant(self, text: str) -> None:
        raise ValueError(text)  # NaN and Infinity are no JSON


# One reader for each way, made once: it is costly to make, and a note is read before the next text.
_LAST = _Reader(first_member_wins=False)
_FIRST = _Reader(first_member_wins=True)


def _depth(text: str) -> int:
    depth = deepest = 0
    for lexeme in _STRING_OR_BRACKET.findall(text):
        if lexeme in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif lexeme in "]}":
            depth -= 1
    return deepest


def _without_surrogates(value: Json) -> tuple[Json, bool]:
    """The value with U+FFFD for each lone surrogate, and whether there was one."""
    if isinstance(value, str):
        clean = _SURROGATE.sub("\ufffd", value)
        return clean, clean != value
    if isinstance(value, list):
        items = [_without_surrogates(item) for item in value]
        return [item for item, _ in items], any(found for _, found in items)
    if isinstance(value, dict):
        members = [(*_without_surrogates(name), *_without_surrogates(item)) for name, item in value.items()]
        return {name: item for name, _, item, _ in members}, any(a or b for _, a, _, b in members)
    return value, False


def integer(text: str) -> int | None:
    """The integer that a query parameter's text plainly spells, or None."""
    return int(text[:_DIGITS_READ]) if _INTEGER(text) else None


def is_big(value: int) -> bool:
    """Whether a number is beyond signed 64 bits."""
    return not -_64_BITS <= value < _64_BITS


_FRACTION_OF_ZERO = re.compile(r"([0-9]+)\.0+").fullmatch
_EXPONENT = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}").fullmatch
_RADIX = re.compile(r"0(?:[xX][0-9A-Fa-f]+|[oO][0-7]+|[bB][01]+)").fullmatch
_SEPARATED = re.compile(r"[0-9]+(?:_[0-9]+)+|[0-9]{1,3}(?:,[0-9]{3})+").fullmatch
_LEADING_ZERO = re.compile(r"0[0-9]+").fullmatch
_LONGEST_NOTATION = 400


def odd_integer(text: str) -> tuple[int, frozenset[str]] | None:
    """The integer that a text spells in a way that is not the plain one, and in which ways; or None.

    The ways are the ends of the gateway's number-notation questions: "leading-zero", "plus-sign", "blanks", "decimal"
    (a fraction of zero), "digits" (beyond ASCII), "other" (an exponent, another radix, digit separators). A number may
    have several.
    """
    if not text or len(text) > _LONGEST_NOTATION:
        return None
    ways = set()
    rest = text.strip(" \t\r\n\f\v")
    if rest != text:
        ways.add("blanks")
    if not rest.isascii():
        digits = "".join(str(unicodedata.decimal(character, character)) for character in rest)
        if not digits.isascii():
            return None
        rest = digits
        ways.add("digits")
    negative = rest.startswith("-")
    if rest.startswith("+"):
        ways.add("plus-sign")
    rest = rest[1:] if rest[:1] in ("+", "-") else rest
    value, way = _magnitude(rest)
    if value is None:
        return None
    if way:
        ways.add(way)
    if _LEADING_ZERO(rest.partition(".")[0]):
        ways.add("leading-zero")
    return (-value if negative else value), frozenset(ways)


def _magnitude(text: str) -> tuple[int | None, str | None]:
    """The number that digits without a sign spell, and the notation if it is an odd one."""
    if text.isdigit():
        return int(text), None
    fraction = _FRACTION_OF_ZERO(text)
    if fraction:
        return int(fraction[1]), "decimal"
    if _EXPONENT(text):
        number = Decimal(text)
        return (int(number), "other") if number == number.to_integral_value() else (None, None)
    if _RADIX(text):
        return int(text, 0), "other"
    if _SEPARATED(text):
        return int(text.replace("_", "").replace(",", "")), "other"
    return None, None
