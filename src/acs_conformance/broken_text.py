"""Find a member in a text that may be broken: JSON or XML that was cut, marked or nested otherwise than it should be.

In: the bytes of a body, and the name of a member. Out: its text, if all of it is there. Nothing is judged by that: it
is for things that cost money under an id that nobody could read properly.
"""

from __future__ import annotations

import json
import re
from html import unescape

#: Characters of a value, at the most; without a limit a hostile text could take hours to search.
_LONGEST = 1000


def member_of(body: bytes, name: str) -> str | None:
    """The first complete value of a member with this name that is not empty, wherever it stands; or None."""
    text = body.decode(json.detect_encoding(body), "replace")
    for pattern, read in ((_quoted(name), _literal), (_number(name), str), (_element(name), _unescaped)):
        for found in re.finditer(pattern, text):
            value = read(found[1])
            if value:
                return value
    return None


def _quoted(name: str) -> str:
    return rf'"{re.escape(name)}"\s{{0,20}}:\s{{0,20}}("(?:[^"\\]|\\.){{1,{_LONGEST}}}")'


def _number(name: str) -> str:
    # What follows shows that no digit is missing.
    return rf'"{re.escape(name)}"\s{{0,20}}:\s{{0,20}}([0-9]{{1,40}})(?=[\s,}}\]])'


def _element(name: str) -> str:
    return rf"<(?:[\w.-]{{1,40}}:)?{re.escape(name)}(?:\s[^<>]{{0,200}})?>([^<>]{{1,{_LONGEST}}})</"


def _literal(quoted: str) -> str:
    try:
        value = json.loads(quoted, strict=False)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _unescaped(text: str) -> str:
    return unescape(text).strip()
