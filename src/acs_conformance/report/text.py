"""Make text from a target fit to be shown: nothing invisible, nothing without end.

In: any text, also with half surrogate pairs. Out: text that can be written as UTF-8, stands in XML 1.0 and in HTML once
escaped, and reads in the order in which it is stored. It knows nothing of reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

#: Controls but tab and line feed, soft hyphens, zero-width and bidirectional marks, surrogates, tags and noncharacters:
#: what XML forbids, what a browser swallows, and what makes text read as something else than it is.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f\U0001fffe\U0001ffff\U0010fffe\U0010ffff]"
)


def visible(text: str) -> str:
    """The text with every character that could not be seen replaced by its code point, such as ⟨U+202E⟩."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def one_line(text: str) -> str:
    """The same on one line: on a terminal, and in the log of a CI system that reads commands at the start of lines."""
    return visible(text).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")


def cut(text: str, limit: int) -> str:
    """The text, ended with a word on how much is missing where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters in report.json)"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in ascending order with runs drawn together: "1, 4-6"."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("\N{EN DASH}".join(map(str, run)) for run in runs)


def plural(count: int, one: str, many: str = "") -> str:
    """The number and the noun in the form that fits it."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def left_behind(created: Mapping[str, int], ended: Mapping[str, int]) -> Iterator[str]:
    """What was created and has ended, a text for each kind of thing: "3 parcels created, all ended".

    Args:
        created: kind of thing -> how many were created.
        ended: kind of thing -> how many of these are known to have ended.
    """
    for kind, count in created.items():
        if count:
            over = ended.get(kind, 0)
            yield f"{plural(count, kind)} created, {'all' if over >= count else f'{over:,}' if over else 'none'} ended"


def pointer(path: Sequence[str | int]) -> str:
    """Steps into a JSON document as a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
