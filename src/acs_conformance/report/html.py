"""The report as one page that opens offline.

In: a report. Out: the text of report.html: styles and script inlined, nothing loaded, and a policy that lets a browser
run these two only. Whatever a target answered is shown as text: every value passes through `visible` and the escaping.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from jinja2 import Template

from acs_conformance.report import pages, view


def render(report: Mapping[str, Any]) -> str:
    """The page."""
    return _template().render(view.page(report))


@functools.cache
def _template() -> Template:
    return pages.template(
        "page.html.j2",
        styles=("page.css",),
        script="page.js",
        anchor=view.anchor,
        milliseconds=lambda seconds: f"{seconds * 1000:,.1f}",
        parameters=view.parameters,
        request=view.request_text,
        response=view.response_text,
        verdicts=view.VERDICTS,
        limit=view,
    )
