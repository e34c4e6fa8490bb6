"""The report as a job summary in Markdown: what a person reads first in the page of a build.

In: a report. Out: the text of summary.md, in GitHub Flavored Markdown, below the mebibyte that GitHub takes of a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from acs_conformance.report import deviations, view
from acs_conformance.report.gfm import block, code, prose
from acs_conformance.report.pages import moment
from acs_conformance.report.text import left_behind, plural

Data = Mapping[str, Any]

#: A sign before each word of a verdict, for those who scan.
SIGNS = {"fail": "❌", "error": "💥", "inconclusive": "❔", "none": "⚪", "pass": "✅"}
_OF_RUN = {"conforms": "✅", "fails": "❌", "inconclusive": "❔", "error": "💥"}
#: Findings and requirements that are named; report.html has them all.
_FINDINGS, _UNDECIDED, _GROUPS, _OTHERS = 25, 20, 10, 5


def render(report: Data) -> str:
    """The text of summary.md."""
    sections = (_head, _notices, _findings, _covered, _undecided, _readings, _foot)
    return "\n\n".join(part for section in sections for part in section(report)) + "\n"


def _head(report: Data) -> Iterator[str]:
    run = report["run"]
    operations = ", ".join(code(description["operation"]) for description in report["descriptions"])
    yield f"## {_OF_RUN[run['verdict']]} {view.headline(report)}{f': {operations}' if operations else ''}"
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
            *(f"- {prose(words)}" for words in left_behind(budget["created"], budget["ended"])),
            f"- depth {prose(run['depth'])}, seed {run['seed']}, run {code(run['id'])}"
            + (f", only {code(run['only'])}" if run["only"] else ""),
        )
    )


def _notices(report: Data) -> Iterator[str]:
    noticed = deviations.noticed(report)
    if not noticed:
        return
    yield "### Deviations to look at"
    lines = []
    for deviation in noticed[:_FINDINGS]:
        lines.append(f"- ⚠️ {code(deviation['source'])}: {prose(deviation['notice'])}  ")
        lines.append(f"  {_names(deviation['requirements'])}: {prose(deviation['reason'])}")
    if len(noticed) > _FINDINGS:
        lines.append(f"- and {len(noticed) - _FINDINGS:,} more")
    yield "\n".join(lines)


def _covered(report: Data) -> Iterator[str]:
    covered = [finding for finding in report["findings"] if finding["is_covered"]]
    if not covered:
        return
    yield f"### {plural(len(covered), 'accepted finding')}"
    lines = []
    for finding in covered[:_FINDINGS]:
        lines.append(f"- {prose(finding['claim'])}  ")
        lines.append(f"  {code(finding['requirement'])}{_others(finding)}")
        lines.append(f"  - received {code(finding['received'])}, allowed {code(finding['allowed'])}")
        lines += [f"  - {prose(deviations.in_words(each))}" for each in deviations.of_finding(report, finding)]
    if len(covered) > _FINDINGS:
        lines.append(f"- and {len(covered) - _FINDINGS:,} more in report.html")
    yield "\n".join(lines)


def _findings(report: Data) -> Iterator[str]:
    findings = [finding for finding in report["findings"] if not finding["is_covered"]]
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
            *(f"  - {prose(deviations.in_words(each))}" for each in deviations.of_finding(report, finding)),
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
    return f" and, for the same cause, {_names(others)}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _OTHERS:,} more" if len(names) > _OTHERS else ""
    return f"{', '.join(map(code, names[:_OTHERS]))}{more}"


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
