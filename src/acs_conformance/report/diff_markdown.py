"""The changes between two runs for people: Markdown for a terminal, a job summary or a comment.

In: the data of `diff.compare`. Out: text in GitHub Flavored Markdown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from acs_conformance.report.gfm import code, prose
from acs_conformance.report.pages import moment
from acs_conformance.report.text import plural

Data = Mapping[str, Any]

#: Entries that a list shows; --format json has them all.
_SHOWN = 200
_HEADINGS = {
    "newly_failing": "Newly failing",
    "failing_otherwise": "Failing for another cause",
    "lost_coverage": "Lost coverage",
    "covered": "Failing as accepted",
    "fixed": "Fixed",
    "gained_coverage": "Newly decided",
    "added": "New requirements",
    "removed": "Removed requirements",
}
#: How a heading says the same in the first line.
_COUNTED = {
    "newly_failing": ("requirement newly fails", "requirements newly fail"),
    "failing_otherwise": ("fails for another cause", "fail for another cause"),
    "lost_coverage": ("lost its verdict", "lost their verdicts"),
}


def render(changes: Data) -> str:
    """The text."""
    parts = [f"## {_headline(changes)}", *_runs(changes)]
    parts += [part for kind, heading in _HEADINGS.items() for part in _requirements(heading, changes[kind])]
    parts += [*_readings(changes["readings"]), *_descriptions(changes["descriptions"]), *_latency(changes["latency"])]
    return "\n\n".join(parts) + "\n"


def _headline(changes: Data) -> str:
    if changes["is_regression"]:
        counts = {kind: sum(change["is_regression"] for change in changes[kind]) for kind in _COUNTED}
        said = [plural(counts[kind], *_COUNTED[kind]) for kind in _COUNTED if counts[kind]]
        if changed := sum(reading["is_regression"] for reading in changes["readings"]):
            said.append(plural(changed, "reading changed", "readings changed"))
        return f"❌ Regression: {', '.join(said)}"
    lists = (*_HEADINGS, "readings", "descriptions", "latency")
    return "✅ No regression" if any(changes[name] for name in lists) else "✅ Nothing changed"


def _runs(changes: Data) -> Iterator[str]:
    lines = []
    for label in ("old", "new"):
        run = changes[label]
        only = f", only {code(run['only'])}" if run["only"] else ""
        lines.append(
            f"- {label.upper()}: run {code(run['id'])}, {moment(run['started_at'])}, "
            f"{code(run['target']['url'])}, depth {prose(run['depth'])}, seed {run['seed']}{only}: {run['verdict']}"
        )
    yield "\n".join(lines)
    if changes["notes"]:
        yield "\n".join(f"> {prose(note)}  " for note in changes["notes"])


def _requirements(heading: str, found: list[Data]) -> Iterator[str]:
    if not found:
        return
    yield f"### {heading} ({len(found):,})"
    # Requirements that fail for one cause share its findings: these are told once.
    causes: dict[tuple[str, ...], list[Data]] = defaultdict(list)
    for change in found[:_SHOWN]:
        causes[tuple(finding["id"] for finding in change["findings"]) or (change["id"],)].append(change)
    lines = [line for changes in causes.values() for line in _of_one_cause(changes)]
    yield "\n".join([*lines, *_more(found)])


def _of_one_cause(changes: list[Data]) -> Iterator[str]:
    findings = changes[0]["findings"]
    if len(changes) == 1:
        yield f"- {_requirement(changes[0])}"
    else:
        yield f"- for {plural(len(findings), 'cause')}, {plural(len(changes), 'requirement')}:"
    for finding in findings:
        yield f"  - received {code(finding['received'])}, allowed {code(finding['allowed'])}"
        if finding["replay"]:
            yield f"  - again: {code(finding['replay'], 1_000)}"
    if len(changes) == 1:
        if changes[0]["reason"] and not findings:
            yield f"  - {code(changes[0]['reason'])}"
    else:
        yield from (f"  - {_requirement(change)}" for change in changes)


def _requirement(change: Data) -> str:
    return f"{code(change['id'])}: {change['old']} → {change['new']}. {prose(change['claim'])}"


def _readings(found: list[Data]) -> Iterator[str]:
    if not found:
        return
    yield f"### Changed readings of open questions ({len(found):,})"
    lines = [f"- {code(r['id'])}: {code(r['old'])} → {code(r['new'])}. {prose(r['question'])}" for r in found[:_SHOWN]]
    yield "\n".join([*lines, *_more(found)])


def _descriptions(found: list[Data]) -> Iterator[str]:
    if not found:
        return
    yield f"### Changed descriptions ({len(found):,})"
    lines = [f"- {code(d['operation'])}: SHA-256 {code(d['old'])} → {code(d['new'])}" for d in found[:_SHOWN]]
    yield "\n".join([*lines, *_more(found)])


def _latency(found: list[Data]) -> Iterator[str]:
    if not found:
        return
    yield "### Latency"
    yield "Of the cases that both runs sent. In brackets the interval that holds the true value, each with 99 %."
    lines = [
        f"- {code(shift['operation'])}: {shift['quantile']} {_estimate(shift['old'])} → {_estimate(shift['new'])}"
        for shift in found
    ]
    yield "\n".join(lines)


def _estimate(found: Data) -> str:
    high = "…" if found["high_ms"] is None else f"{found['high_ms']:,.1f}"
    of = plural(found["exchanges"], "exchange")
    return f"{found['ms']:,.1f} ms ({found['low_ms']:,.1f} to {high} ms, {of})"


def _more(found: list[Data]) -> Iterator[str]:
    if len(found) > _SHOWN:
        yield f"- and {len(found) - _SHOWN:,} more; `--format json` lists them all"
