"""The kill matrix for people and machines: which requirement caught which fault.

In: the plain data of a proof. Out: kill-matrix.json, kill-matrix.html, and lines for the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from acs_conformance.report.files import write_text

#: Names shown on the terminal; the files have them all.
_SHOWN = 20


def lines(matrix: Mapping[str, Any]) -> Iterator[str]:
    """The result in a screen: totals by operator, survivors, alarms."""
    totals = matrix["totals"]
    width = max((len(row["operator"]) for row in matrix["operators"]), default=8)
    yield f"{'operator':{width}}  faults  caught  median requests"
    for row in matrix["operators"]:
        yield f"{row['operator']:{width}}  {row['faults']:>6}  {row['caught']:>6}  {row['median_requests']:>15}"
    for name in matrix["survivors"][:_SHOWN]:
        yield f"SURVIVOR {name}"
    for alarm in matrix["alarms"][:_SHOWN]:
        failed = ", ".join(alarm["failed"]) or "nothing failed"
        yield f"ALARM {alarm['variant']}: exit code {alarm['exit_code']}, {failed}"
    yield (
        f"{matrix['operation']} at {matrix['depth']} depth: {totals['caught']} of {totals['faults']} faults caught, "
        f"{totals['survivors']} survivors, {totals['beyond']} left to exhaustive depth"
    )
    yield (
        f"{totals['variants']} faultless variants, {totals['alarms']} alarms; "
        f"{matrix['requests']} requests in {matrix['seconds']} s"
    )


def write(matrix: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Write both files for one operation; their paths by name.

    Raises:
        ReportError: the folder can't be written.
    """
    name = f"kill-matrix-{matrix['operation']}"
    files = {
        f"{name}.json": json.dumps(matrix, indent=1, ensure_ascii=False) + "\n",
        f"{name}.html": html(matrix),
    }
    return {name: write_text(folder / name, text) for name, text in files.items()}


def html(matrix: Mapping[str, Any]) -> str:
    """One self-contained page, dressed as the report."""
    folder = resources.files("acs_conformance.report")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        folder.joinpath("kill_matrix.html.j2").read_text(encoding="utf-8")
    )
    return page.render(matrix=matrix, css=Markup(folder.joinpath("page.css").read_text(encoding="utf-8")))  # noqa: S704
