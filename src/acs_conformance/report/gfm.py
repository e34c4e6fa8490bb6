"""Text as GitHub Flavored Markdown that reads as it is: no markup, no link, no mention comes out of it.

In: any text. Out: Markdown for one line, or a block of code. What a target answered goes into code, where nothing has a
meaning; `prose` is for sentences of descriptions. The rules are those of the GFM specification, 0.29.
"""

from __future__ import annotations

import re

from acs_conformance.report.text import cut, one_line, visible

#: What starts emphasis, code, links, images, HTML, entities, tables, strikethrough, mathematics, emoji and addresses.
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&$:]")
#: What makes a line something else than a paragraph: a list, a heading underlined, an enumeration.
_LEADING = re.compile(r"^([-+=]|\d+(?=[.)]))")


def prose(text: str, limit: int = 600) -> str:
    """A sentence as it is, on one line."""
    escaped = _SPECIAL.sub(r"\\\g<0>", " ".join(cut(visible(text), limit).split()))
    escaped = _LEADING.sub(lambda found: _number(found[1]) if found[1].isdigit() else f"\\{found[1]}", escaped)
    # An address without a scheme, and a mention: no backslash keeps a viewer from linking these.
    return escaped.replace("www.", "www\\.").replace("@", "<span>@</span>")


def code(text: str, limit: int = 300) -> str:
    """A text as code on one line; line feeds and tabs are shown by their code points."""
    shown = one_line(cut(visible(text), limit))
    if not shown.strip(" "):
        return f"`{shown}`" if shown else "(empty)"
    fence = "`" * (_longest_run(shown) + 1)
    # One space on either side is taken away again; it keeps a backtick or a space of the text from being taken.
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str, language: str = "", limit: int = 8_000) -> str:
    """A text as a block of code, on lines of its own."""
    shown = cut(visible(text), limit)
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _number(digits: str) -> str:
    """Digits that begin no list: the last one stands as a character reference."""
    return f"{digits[:-1]}&#{ord(digits[-1])};"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
