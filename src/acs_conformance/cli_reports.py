"""The commands on reports that are there already: compare two, draw many, state what one says.

Arguments, printing, exit codes; what they print is made by `report`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import click

from acs_conformance.errors import UsageError

_REPORT = click.Path(path_type=Path)


@click.command()
@click.argument("old", type=_REPORT)
@click.argument("new", type=_REPORT)
@click.option(
    "--format",
    "style",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Markdown for people, or JSON for programs.",
)
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
    from acs_conformance.report.files import encoded

    changes = differ.compare(reports.load(old), reports.load(new))
    if style == "json":
        click.echo(encoded(json.dumps(changes, indent=1, ensure_ascii=False)))
    else:
        click.echo(diff_markdown.render(changes), nl=False)
    return int(changes["is_regression"])


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The page; trend.html in DIR.")
def trend(folder: Path, output: Path | None) -> None:
    """Draw the course of many runs: every report.json below DIR, on one page that opens offline.

    For each operation and target: verdicts over the runs, the timeline of every requirement whose verdict changed, open
    questions that the target answered otherwise than before, and latency. Files that can't be read are told and
    skipped.

    \b
    Examples:
      acs-conformance trend reports
      acs-conformance trend history -o public/index.html
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import report as reports
    from acs_conformance.report import history as histories
    from acs_conformance.report import trend as trends
    from acs_conformance.report.files import write_text

    history = histories.read(sorted(folder.rglob(reports.JSON_NAME)), reports.load)
    for skipped in history.skipped:
        click.echo(f"warning: {skipped.file}: {skipped.reason}", err=True)
    if not history.runs:
        raise UsageError(f"below {folder} there is no {reports.JSON_NAME} that can be read; a run writes one.")
    page = output or folder / "trend.html"
    click.echo(f"trend: {write_text(page, trends.render(history, page.parent))}")


@click.command()
@click.argument("report", type=_REPORT)
@click.option(
    "--format",
    "style",
    type=click.Choice(["html", "markdown", "pdf"]),
    default="html",
    show_default=True,
    help="What is made; a PDF needs Chromium or Chrome.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where it goes, not the terminal."
)
def statement(report: Path, style: str, output: Path | None) -> None:
    """Make the conformance statement that is archived with a release: one page, from one report.

    It says what was tested, by which description and when, the requirements by verdict, the readings of open questions,
    and the SHA-256 of the report.json it was made from. HTML and Markdown are the same bytes for the same report.json.

    A PDF is printed by Chromium or Chrome, from ACS_CHROMIUM or PATH, and carries the SHA-256 of the HTML.

    \b
    Examples:
      acs-conformance statement reports/today > statement.html
      acs-conformance statement reports/today/report.json --format pdf -o statement.pdf
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import report as reports
    from acs_conformance.report import pdf
    from acs_conformance.report import statement as statements
    from acs_conformance.report.files import encoded, replace

    if style == "pdf" and output is None:
        raise UsageError("a PDF can't be shown on a terminal. Say where it goes with -o FILE.")
    stored = reports.read(report)
    if style == "markdown":
        data = encoded(statements.markdown(stored.report, stored.sha256))
    else:
        data = encoded(statements.html(stored.report, stored.sha256))
    if style == "pdf":
        browser = pdf.find(os.environ)
        page = statements.html(stored.report, stored.sha256, html_sha256=hashlib.sha256(data).hexdigest())
        data = pdf.render(page, browser)
    if output is None:
        click.echo(data, nl=False)
    else:
        replace(output, data)


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
