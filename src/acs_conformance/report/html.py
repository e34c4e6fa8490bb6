"""The report as one page that opens offline, and the pages beside it that hold what it has no room for.

In: a report, and perhaps an earlier one to compare with. Out: the text of report.html: styles, script and pictures
inlined, nothing loaded, and a policy that lets a browser run just this script. Whatever a target answered is shown as
text: every value passes through `visible` and the escaping.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Template

from acs_conformance.report import beside, heat_map, pages, plots, view

Data = Mapping[str, Any]


def render(report: Data, changes: Data | None = None) -> str:
    """The page; `changes` are those of `since.changes`, or None where no earlier report is known."""
    embedded = view.embedded(report)
    return _template().render(
        view.page(report, embedded),
        changes=changes,
        news=changes["findings"] if changes else (),
        heat_maps=heat_map.tables(report),
        plots=plots.draw(report["exchanges"]),
        file_of=beside.file_of,
    )


def render_beside(report: Data) -> Iterator[tuple[str, str]]:
    """Name, with its folder, and text of each page beside the report's; none where that holds every exchange."""
    return beside.render(report, view.embedded(report))


@functools.cache
def _template() -> Template:
    return pages.template(
        "page.html.j2",
        styles=("page.css",),
        scripts=("page.js", "reveal.js"),
        verdicts=view.VERDICTS,
        limit=view,
        **view.WORDS,
    )
