"""The verdict as a badge, in the style of shields.

In: a report. Out: the text of badge.svg. It loads nothing, is as wide as its words in the common sans serif fonts, and
says more to a screen reader than there is room for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from acs_conformance.report import view
from acs_conformance.report.pages import moment
from acs_conformance.report.text import cut, visible

_LABEL = "conformance"
#: White letters on each have a contrast of 4.5 and more.
_COLORS = {"conforms": "#1a7340", "fails": "#b3261e", "inconclusive": "#8a5a00", "error": "#7b3fb0"}
_GREY = "#4a4f55"
#: Widths of Verdana at 11 pixels, rounded up.
_NARROW, _WIDE = frozenset(" !'(),.:;I[]fijlrt|"), frozenset("%@GMOQWmw")
_PAD = 7


def render(report: Mapping[str, Any]) -> str:
    """The text of badge.svg."""
    verdict = report["run"]["verdict"]
    message = _message(report)
    left, right = _width(_LABEL) + 2 * _PAD, _width(message) + 2 * _PAD
    said = visible(cut(_in_full(report), 400))
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{_width(words)}">{escape(words)}</text>'
        for words, x in ((_LABEL, _PAD), (message, left + _PAD))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f"aria-label={quoteattr(f'{_LABEL}: {message}')}>"
        f"<title>{escape(said)}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="{_GREY}"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_COLORS[verdict]}"/></g>'
        '<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" '
        f'text-rendering="geometricPrecision">{texts}</g></svg>\n'
    )


def _message(report: Mapping[str, Any]) -> str:
    run = report["run"]
    if run["verdict"] == "fails":
        failing = run["counts"]["fail"] - run["covered"]
        return f"{failing:,} failing" if failing else "reading changed"
    if run["verdict"] == "conforms" and run["covered"]:
        return f"conforms, {run['covered']:,} accepted"
    return {"conforms": "conforms", "inconclusive": "not decided", "error": "run failed"}[run["verdict"]]


def _in_full(report: Mapping[str, Any]) -> str:
    run = report["run"]
    operations = ", ".join(description["operation"] for description in report["descriptions"])
    return f"{operations or _LABEL}: {view.headline(report)}. {view.in_short(report)} {moment(run['ended_at'])}"


def _width(text: str) -> int:
    return sum(4 if char in _NARROW else 10 if char in _WIDE else 7 for char in text)
