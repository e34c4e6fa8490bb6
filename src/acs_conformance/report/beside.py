"""Exchanges that a page has no room for, on pages beside it.

In: a report and the numbers that its page embeds. Out: where each of the others stands, and the text of these pages.
They are as the page itself: they load nothing, run only what is ours, and show as text what a target answered. Each
holds all exchanges of a range of numbers, so that a link can be made from a number alone.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from jinja2 import Template

from acs_conformance.report import pages, view

Data = Mapping[str, Any]

#: The folder beside the page, and how many numbers a page in it covers.
FOLDER = "exchanges"
_EACH = 500


def file_of(number: int) -> str:
    """The page of an exchange, as a link from the report's page."""
    first = (number - 1) // _EACH * _EACH + 1
    return f"{FOLDER}/{first:06d}-{first + _EACH - 1:06d}.html"


def render(report: Data, embedded: Collection[int]) -> Iterator[tuple[str, str]]:
    """Name and text of each page that holds an exchange which is not embedded."""
    files: dict[str, list[Data]] = defaultdict(list)
    for exchange in report["exchanges"]:
        files[file_of(exchange["number"])].append(exchange)
    wanted = {file_of(exchange["number"]) for exchange in report["exchanges"] if exchange["number"] not in embedded}
    names = [name for name in files if name in wanted]
    for index, name in enumerate(names):
        yield (
            name,
            _template().render(
                run=report["run"],
                operations=[description["operation"] for description in report["descriptions"]],
                exchanges=files[name],
                before=names[index - 1].rpartition("/")[2] if index else "",
                after=names[index + 1].rpartition("/")[2] if index + 1 < len(names) else "",
            ),
        )


@functools.cache
def _template() -> Template:
    return pages.template("exchanges.html.j2", styles=("page.css",), scripts=("reveal.js",), **view.WORDS)
