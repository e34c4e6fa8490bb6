"""Characters: which ones are tried, and which ones a pattern admits.

In: a pattern. Out: its set of characters, if it is one. Nothing here knows a description.
"""

from __future__ import annotations

import functools

from acs_conformance.violation import compiled

PRINTABLE = tuple(chr(code) for code in range(0x20, 0x7F))
CONTROLS = (*(chr(code) for code in range(0x20)), "\x7f")
#: Letters, digits and blanks beyond ASCII that lenient character tests let pass, and what folding or normalising turns
#: into ASCII.
BEYOND_ASCII = (
    "\u00e9",  # a letter of Latin-1
    "\u00df",  # a letter that upper-cases to two
    "\u0131",  # dotless i: upper-cases to I
    "\u017f",  # long s: folds to s
    "\u212a",  # Kelvin sign: folds to k
    "\u0416",  # Cyrillic
    "\u7528",  # CJK
    "\uff21",  # fullwidth A: normalises to A
    "\u0661",  # Arabic digit
    "\uff11",  # fullwidth digit
    "\u00b2",  # superscript: a digit to some
    "\u203f",  # connector punctuation, a word character to none but looks like _
    "\u2010",  # hyphen
    "\u00a0",  # no-break space
    "\u200b",  # zero-width space
    "\u0301",  # combining accent
    "\U0001f600",  # beyond the basic plane
    "\u0080",  # a control of Latin-1
)
#: The characters of ids, which make up texts that have no pattern; also the order in which characters are tried.
IDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def name_of(char: str) -> str:
    """A character as it stands in an aspect: U+0020."""
    return f"U+{ord(char):04X}"


def shown(text: str) -> str:
    """A text as it stands in an aspect: visible ASCII as it is, everything else by its code, "empty" for nothing."""
    if not text:
        return "empty"
    if len(text) > 40:
        return f"{len(text)}-characters"
    return "".join(char if "!" <= char <= "~" and char != "#" else f"<{name_of(char)}>" for char in text)


@functools.lru_cache(maxsize=512)
def charset(pattern: str) -> str | None:
    """The ASCII characters that a pattern of the form "any of these, any number" admits; None for any other pattern."""
    regex = compiled(pattern)
    inside = "".join(char for char in (*CONTROLS, *PRINTABLE) if regex.fullmatch(char))
    if len(inside) < 2 or not regex.fullmatch(inside) or not regex.fullmatch(inside[::-1] * 2):
        return None
    outside = (char for char in (*CONTROLS, *PRINTABLE) if char not in inside)
    if any(regex.fullmatch(f"{inside[0]}{char}{end}") for char in outside for end in ("", inside[0])):
        return None  # some characters may stand in some places only
    return in_order(inside)


def in_order(chars: str) -> str:
    """The characters, those of ids first."""
    return "".join(char for char in IDS if char in chars) + "".join(char for char in chars if char not in IDS)
