"""Numbers written otherwise: what a lenient reader might take a text or a JSON number for.

In: a value where an integer is documented. Out: the kind of notation and every integer it may be taken for. The page
does not say whether such notations count; what has no candidate is plainly no integer. Pure.
"""

from __future__ import annotations

import functools
import math
import re

from acs_conformance.description import Json

_BLANKS = " \t\n\r\v\f\0\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    chr(code) for code in range(0x2000, 0x200C)
)
_FRACTION = re.compile(r"[+-]?(\d+\.0*|\.0+)")
_OTHER = re.compile(
    r"[+-]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_,]*|\d*\.?\d+[eE][+-]?\d+|\d+\.?\d*[eE][+-]?\d+)[lLnN]?"
)


@functools.lru_cache(maxsize=1024)
def candidates(text: str) -> tuple[str, tuple[int, ...]]:
    """The kind of notation of `text`, and the integers it may be taken for; ("", ()) when it spells none.

    The kinds: leading-zero, plus-sign, blanks, decimal, digits (beyond ASCII), other (exponent, radix, separators).
    """
    if len(text) > 400:
        return "", ()
    core = text.strip(_BLANKS)
    has_blanks = core != text
    ascii_core = "".join(_digit(char) for char in core)
    has_digits = ascii_core != core
    found = _read(ascii_core)
    if not found:
        return "", ()
    if has_blanks:
        kind = "blanks"
    elif has_digits:
        kind = "digits"
    elif re.fullmatch(r"[+-]?\d+", ascii_core):
        kind = "plus-sign" if ascii_core.startswith("+") else "leading-zero"
    elif _FRACTION.fullmatch(ascii_core):
        kind = "decimal"
    else:
        kind = "other"
    return kind, found


def _digit(char: str) -> str:
    if char.isascii() or not char.isdecimal():
        return "-" if char in "\u2212\uff0d\u2013" else "+" if char == "\uff0b" else char
    return str(int(char))


def _read(text: str) -> tuple[int, ...]:
    found: list[int] = []
    if re.fullmatch(r"[+-]?\d+", text):
        found.append(int(text))
        digits = text.lstrip("+-")
        if digits.startswith("0") and len(digits) > 1 and set(digits) <= set("01234567"):
            found.append(int(digits, 8) * (-1 if text.startswith("-") else 1))
    elif _FRACTION.fullmatch(text) or _OTHER.fullmatch(text):
        for read in (lambda t: int(t.rstrip("lLnN").replace("_", ""), 0), _float):
            try:
                found.append(read(text))
            except (ValueError, OverflowError):
                continue
        if re.fullmatch(r"[+-]?\d[\d_,]*", text):  # digit separators
            found.append(int(re.sub(r"[_,]", "", text)))
    return tuple(dict.fromkeys(found))


def _float(text: str) -> int:
    value = float(text.replace("_", ""))
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def whole(value: Json) -> int | None:
    """The integer that a JSON number with a fraction of zero stands for, or None."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return None
