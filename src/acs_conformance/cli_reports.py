"""The commands on reports that are there already: compare two, draw many, state what one says.

Arguments, printing, exit codes; what they print is made by `report`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

_REPORT = click.Path(path_type=Path)


@click.command()
@click.argument("old", type=_REPORT)
@click.argument("new", type=_REPORT)
@click.option("--format", "style", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
def diff(old: Path, new: Path, style: str) -> int:
    """Tell what changed from one run to another: OLD and NEW are report.json files or the folders that hold them.

    Compared by the ids of requirements and open questions, never by totals: what fails now, what lost its verdict, what
    was fixed, what the target reads otherwise, what came and went, what takes longer.

    Exit codes: 0 no regression; 1 a requirement newly fails, or fails for another cause, or lost its verdict, or the
    target follows another reading; 2 a report can't be read.

    \b
    Examples:
      acs-conformance diff reports/yesterday reports/today
      acs-conformance diff old/report.json new/report.json --format json
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import report as reports
    from acs_conformance.report import diff as differ
    from acs_conformance.report import diff_markdown

    changes = differ.compare(reports.load(old), reports.load(new))
    if style == "json":
        click.echo(json.dumps(changes, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    else:
        click.echo(diff_markdown.render(changes), nl=False)
    return int(changes["is_regression"])


def append_job_summary(summary: Path) -> None:
    """Show summary.md in the page of a GitHub Actions job, where the run is part of one.

    The variable GITHUB_STEP_SUMMARY names the file that a step appends to. One that can't be written is told and fails
    nothing: the report is on disk already.
    """
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    try:
        with Path(named).open("ab") as file:
            file.write(summary.read_bytes() + b"\n")
    except OSError as error:
        click.echo(f"warning: {named}: the job summary can't be written: {error.strerror}", err=True)
