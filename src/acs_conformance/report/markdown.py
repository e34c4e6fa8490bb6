"""The report as a job summary in Markdown: what a person reads first in the page of a build.

In: a report. Out: the text of summary.md, in GitHub Flavored Markdown, below the mebibyte that GitHub takes of a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acs_conformance.report import view
from acs_conformance.report.gfm import block, code, prose
from acs_conformance.report.pages import moment
from acs_conformance.report.text import plural

Data = Mapping[str, Any]

#: A sign before each word of a verdict, for those who scan.
SIGNS = {"fail": "❌", "error": "💥", "inconclusive": "❔", "none": "⚪", "pass": "✅"}
_OF_RUN = {"conforms": "✅", "fails": "❌", "inconclusive": "❔", "error": "💥"}
#: Findings and requirements that are named; report.html has them all.
_FINDINGS, _UNDECIDED, _GROUPS, _OTHERS = 25, 20, 10, 5


def render(report: Data) -> str:
    """The text of summary.md."""
    parts = [*_head(report), *_findings(report), *_undecided(report), *_readings(report), *_foot(report)]
    return "\n\n".join(parts) + "\n"


def _head(report: Data) -> Iterator[str]:
    run = report["run"]
    operations = ", ".join(code(description["operation"]) for description in report["descriptions"])
    yield f"## {_OF_RUN[run['verdict']]} {view.HEADLINES[run['verdict']]}{f': {operations}' if operations else ''}"
    yield prose(view.in_short(report))
    if run["diagnosis"]:
        yield f"**Diagnosis:** {code(run['diagnosis'], 1_000)}"
    if run["stopped"] and run["stopped"] not in run["diagnosis"]:
        yield f"**Stopped early:** {code(run['stopped'], 1_000)}"
    if not run["is_complete"]:
        yield "**Partial report:** the run had not ended when it was written."
    cells = [[f"{SIGNS[name]} {name}" for name in view.VERDICTS], ["---:"] * len(view.VERDICTS)]
    cells.append([f"{run['counts'][name]:,}" for name in view.VERDICTS])
    yield "\n".join(f"| {' | '.join(row)} |" for row in cells)
    budget = report["budget"]
    yield "\n".join(
        (
            f"- target: {code(report['target']['url'])}, {prose(report['target']['kind'])}",
            f"- requests: {budget['requests']:,} in {run['seconds']:,.1f} s, {budget['accepted']:,} accepted",
            f"- depth {prose(run['depth'])}, seed {run['seed']}, run {code(run['id'])}"
            + (f", only {code(run['only'])}" if run["only"] else ""),
        )
    )


def _findings(report: Data) -> Iterator[str]:
    findings = report["findings"]
    if not findings:
        return
    yield f"### {plural(len(findings), 'finding')}"
    for finding in findings[:_FINDINGS]:
        rate = finding["rate"]
        tries = f"{rate['failed']:,} of {plural(rate['tried'], 'try', 'tries')}"
        lines = [
            f"- ❌ **{prose(finding['claim'])}**  ",
            f"  {code(finding['requirement'])}{_others(finding)}",
            f"  - received {code(finding['received'])}, allowed {code(finding['allowed'])}, {tries}",
            *(f"  - the page says: {prose(statement['text'])}" for statement in finding["statements"]),
            f"  - described in {code(finding['source'])}",
        ]
        yield "\n".join(lines)
        # Outside the list: a block within one depends on its indentation.
        commands = [finding[name] for name in ("replay", "again") if name in finding]
        yield block("\n".join(commands) or finding["curl"], "bash")
    if len(findings) > _FINDINGS:
        yield f"and {plural(len(findings) - _FINDINGS, 'more finding')} in report.html"


def _others(finding: Data) -> str:
    others = [name for name in finding["requirements"] if name != finding["requirement"]]
    if not others:
        return ""
    named = ", ".join(map(code, others[:_OTHERS]))
    more = f" and {len(others) - _OTHERS:,} more" if len(others) > _OTHERS else ""
    return f" and, for the same cause, {named}{more}"


def _undecided(report: Data) -> Iterator[str]:
    groups = view.undecided(report)
    if not groups:
        return
    yield "### Not decided"
    for group in groups[:_GROUPS]:
        mine = group["requirements"]
        why = code(group["reason"], 600) if group["reason"] else "no reason is given"
        lines = [f"- {SIGNS[group['verdict']]} {group['verdict']}, {plural(len(mine), 'requirement')}: {why}"]
        lines += [f"  - {code(requirement['id'])}" for requirement in mine[:_UNDECIDED]]
        if len(mine) > _UNDECIDED:
            lines.append(f"  - and {len(mine) - _UNDECIDED:,} more")
        yield "\n".join(lines)
    if len(groups) > _GROUPS:
        yield f"and {plural(len(groups) - _GROUPS, 'more reason')} in report.html"


def _readings(report: Data) -> Iterator[str]:
    observed = [reading for reading in report["readings"] if reading["observed"] != "not observed"]
    if not report["readings"]:
        return
    summary = f"Open questions: {len(observed):,} of {len(report['readings']):,} observed"
    lines = [f"- {code(reading['id'])}: {code(reading['observed'])}" for reading in observed[:200]]
    if len(observed) > 200:
        lines.append(f"- and {len(observed) - 200:,} more")
    yield f"<details><summary>{summary}</summary>"
    yield "\n".join(lines) if lines else "None."
    yield "</details>"


def _foot(report: Data) -> Iterator[str]:
    run = report["run"]
    lines = [f"{code(run['tool']['name'] + ' ' + run['tool']['version'])}, {moment(run['ended_at'])}"]
    lines += [
        f"{code(description['operation'])}: {code(description['file'])}, SHA-256 {code(description['sha256'])}"
        for description in report["descriptions"]
    ]
    yield "<sub>" + "<br>".join(lines) + "</sub>"
