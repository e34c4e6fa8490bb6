"""The conformance statement: one page for the archive of a release.

In: a report and the hash of its file. Out: Markdown and HTML, the same bytes for the same report.json, whoever makes
them, when and where: nothing else goes in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import Template

from acs_conformance.report import deviations, pages, view
from acs_conformance.report.gfm import code, prose
from acs_conformance.report.pages import moment
from acs_conformance.report.text import plural

Data = Mapping[str, Any]

#: Columns of the table of verdicts. `none` is two things: what nothing was sent for, and what did not arise.
COLUMNS = ("pass", "fail", "error", "inconclusive", "not tested", "did not arise")
#: What the statement is, and is not.
SCOPE = (
    "This states what the target answered to the requests of this run, held against the description of the given hash. "
    "It says nothing of other requests, other targets or other times."
)
_TITLE = "Conformance statement"


def html(report: Data, sha256: str, html_sha256: str = "") -> str:
    """The statement as a page that loads nothing.

    Args:
        report: what it is about.
        sha256: of the report.json.
        html_sha256: of this page without it, where it is to be printed; a printed statement names the page it shows.
    """
    return _template().render(**_facts(report), sha256=sha256, html_sha256=html_sha256)


def markdown(report: Data, sha256: str) -> str:
    """The statement in GitHub Flavored Markdown; `sha256` is that of the report.json."""
    facts = _facts(report)
    parts = [
        f"# {_TITLE}",
        f"**{facts['headline']}.** {prose(facts['summary'])}",
        *_tested(report, sha256),
        *_counts(facts),
        *_findings(report),
        *_deviations(report),
        *_undecided(facts),
        *_absent(facts),
        *_readings(facts),
        SCOPE,
        "Signed off by: ______________________________  Role: ____________________  Date: ______________",
    ]
    return "\n\n".join(parts) + "\n"


@functools.cache
def _template() -> Template:
    return pages.template("statement.html.j2", styles=("page.css", "statement.css"), title=_TITLE, scope=SCOPE)


# --- facts ----------------------------------------------------------------------------------------------------------


def _facts(report: Data) -> dict[str, Any]:
    return {
        "report": report,
        "run": report["run"],
        "headline": view.headline(report),
        "summary": view.in_short(report),
        "deviations": deviations.shown(report),
        "columns": COLUMNS,
        "rows": list(_rows(report)),
        "undecided": view.undecided(report),
        "absent": [requirement for requirement in report["requirements"] if view.did_not_arise(requirement)],
        "readings": list(_by_operation(report)),
        "questions": len(report["readings"]),
    }


def _rows(report: Data) -> Iterator[tuple[str, list[int]]]:
    """Operation -> requirements by column; the last row sums up where there are several."""
    by_operation: dict[str, list[int]] = {d["operation"]: [0] * len(COLUMNS) for d in report["descriptions"]}
    for requirement in report["requirements"]:
        counts = by_operation.setdefault(requirement["operation"], [0] * len(COLUMNS))
        counts[COLUMNS.index(_column(requirement))] += 1
    yield from by_operation.items()
    if len(by_operation) > 1:
        yield "all", [sum(column) for column in zip(*by_operation.values(), strict=True)]


def _column(requirement: Data) -> str:
    if requirement["verdict"] == "none":
        return "did not arise" if requirement["conditional"] else "not tested"
    return str(requirement["verdict"])


def _by_operation(report: Data) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Operation -> its questions without the operation's name, each with the reading observed."""
    found: dict[str, list[tuple[str, str]]] = {}
    for reading in report["readings"]:
        operation = reading["operation"]
        name = reading["id"].removeprefix(f"{operation}.")
        found.setdefault(operation, []).append((name, reading["observed"]))
    yield from found.items()


# --- Markdown -------------------------------------------------------------------------------------------------------


def _tested(report: Data, sha256: str) -> Iterator[str]:
    run, budget, check = report["run"], report["budget"], report["run"]["self_check"]
    yield "## What was tested"
    lines = []
    for description in report["descriptions"]:
        of = f"{prose(description['product'])} {prose(description['version'])}"
        lines.append(f"- {code(description['operation'])} of {of}, documented at {code(description['page'])}")
        lines.append(f"  - description {code(description['file'])}, SHA-256 {code(description['sha256'])}")
    which = f"only {code(run['only'])}" if run["only"] else "all requirements"
    cases = f"{budget['decided_cases']:,} of {plural(budget['planned_cases'], 'case')} decided"
    lines += [
        f"- target: {code(report['target']['url'])}, {prose(report['target']['kind'])}",
        f"- time: {moment(run['started_at'])} to {moment(run['ended_at'])}",
        f"- depth {prose(run['depth'])}, seed {run['seed']}, run {code(run['id'])}, {which}",
        f"- {plural(budget['requests'], 'request')}, {budget['accepted']:,} accepted; {cases}",
    ]
    if check:
        lines.append(f"- self-check: the same plan finds {check['caught']:,} of {check['tried']:,} seeded faults")
    if not run["is_complete"]:
        lines.append("- **the run had not ended when its report was written**")
    if run["stopped"]:
        lines.append(f"- **ended early: {code(run['stopped'])}**")
    if run["diagnosis"]:
        lines.append(f"- diagnosis: {code(run['diagnosis'], 1_000)}")
    tool = f"{run['tool']['name']} {run['tool']['version']}"
    lines.append(f"- made from report.json, SHA-256 {code(sha256)}, format {report['schema_version']}, by {code(tool)}")
    yield "\n".join(lines)


def _counts(facts: Data) -> Iterator[str]:
    yield "## Requirements by verdict"
    rows = [["", *COLUMNS], ["---", *["---:"] * len(COLUMNS)]]
    # A name in a table can't have a bar: escaped ones are bars within code as well.
    rows += [[code(name).replace("|", "\\|"), *(f"{count:,}" for count in counts)] for name, counts in facts["rows"]]
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _findings(report: Data) -> Iterator[str]:
    if not report["findings"]:
        return
    yield f"## Findings ({len(report['findings']):,})"
    lines = []
    for finding in report["findings"]:
        known = " (accepted)" if finding["is_covered"] else ""
        lines.append(f"- {', '.join(map(code, finding['requirements']))}: {prose(finding['claim'])}{known}")
        lines.append(f"  - received {code(finding['received'])}, allowed {code(finding['allowed'])}")
    yield "\n".join(lines)


def _deviations(report: Data) -> Iterator[str]:
    if not report["deviations"]:
        return
    yield f"## Accepted deviations ({len(report['deviations']):,})"
    lines = []
    for deviation in report["deviations"]:
        lines.append(f"- {', '.join(map(code, deviation['requirements']))}: {code(deviations.failure(deviation))}")
        lines.append(f"  - {prose(deviations.in_words(deviation))}")
        lines.append(f"  - {prose(deviations.STATES[deviation['state']])}")
        if deviation["notice"]:
            lines.append(f"  - **{prose(deviation['notice'])}**")
    yield "\n".join(lines)


def _undecided(facts: Data) -> Iterator[str]:
    if not facts["undecided"]:
        return
    yield "## Not decided"
    lines = []
    for group in facts["undecided"]:
        reason = f", {code(group['reason'])}" if group["reason"] else ""
        lines.append(f"- {group['verdict']}{reason}: {_named(group['requirements'])}")
    yield "\n".join(lines)


def _absent(facts: Data) -> Iterator[str]:
    if facts["absent"]:
        yield f"Situations that did not arise: {_named(facts['absent'])}."


def _named(requirements: Sequence[Data]) -> str:
    return ", ".join(code(requirement["id"]) for requirement in requirements)


def _readings(facts: Data) -> Iterator[str]:
    if not facts["readings"]:
        return
    yield "## Open questions and the readings observed"
    lines = []
    for operation, questions in facts["readings"]:
        lines.append(f"- {code(operation)}")
        lines += [f"  - {code(name)}: {prose(observed)}" for name, observed in questions]
    yield "\n".join(lines)
