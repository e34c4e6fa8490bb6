"""What changed between two runs, by the ids of requirements and questions.

In: two reports. Out: plain data: what fails now, what lost its verdict, what was fixed, what the target reads
otherwise, what came and went, what takes longer. Totals are never compared: one requirement fixed and another one
broken are two changes, not none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acs_conformance.report import latency, view

Data = Mapping[str, Any]

#: Version of the shape of the data; a change that breaks a reader raises the first number.
SCHEMA_VERSION = "1.0"
#: The lists that hold changes of requirements, the bad ones first.
KINDS = (
    "newly_failing",
    "failing_otherwise",
    "lost_coverage",
    "covered",
    "fixed",
    "gained_coverage",
    "added",
    "removed",
)
#: What stands for the verdict of a requirement, or the reading of a question, that a report does not have.
ABSENT = "absent"
#: What stands for the verdict of a requirement whose failures deviations cover.
COVERED = "fail, as accepted"
_DECIDED = ("pass", "fail", COVERED)
#: Records of a question that say nothing definite, so that a change from or to them is told and is no regression.
_INDEFINITE = ("mixed", "not observed", ABSENT)


def compare(old: Data, new: Data) -> dict[str, Any]:
    """The changes from the older report to the newer one, as JSON data.

    `is_regression` says whether the newer run is worse: a requirement fails that did not, or for another cause than it
    did, or no longer as a deviation accepts; one that was decided is not decided any more; the target follows another
    reading. A requirement of a situation that did not arise, and one that a changed description has no more, lose their
    verdicts without a regression. A failure that deviations cover is none.
    """
    then, now = _Index(old), _Index(new)
    changes = [_change(name, then, now) for name in {**now.requirements, **then.requirements}]
    readings = list(_readings(old, new))
    return {
        "schema_version": SCHEMA_VERSION,
        "is_regression": any(change.is_regression for change in changes) or any(r["is_regression"] for r in readings),
        "old": _run(old),
        "new": _run(new),
        "notes": list(_notes(old, new)),
        "descriptions": list(_descriptions(old, new)),
        **{kind: [change.data for change in changes if kind in change.kinds] for kind in KINDS},
        "readings": readings,
        "latency": [_shift(shift) for shift in latency.shifts(old["exchanges"], new["exchanges"])],
    }


# --- the runs -------------------------------------------------------------------------------------------------------


def _run(report: Data) -> dict[str, Any]:
    run = report["run"]
    shown = ("id", "started_at", "depth", "seed", "only", "is_complete", "verdict", "exit_code")
    return {**{name: run[name] for name in shown}, "target": dict(report["target"]), "tool": dict(run["tool"])}


def _notes(old: Data, new: Data) -> Iterator[str]:
    """Why the two may differ though the target does not."""
    then, now = old["run"], new["run"]
    if view.target_name(old) != view.target_name(new):
        yield "the runs had different targets"
    for member, words in (
        ("depth", "depths"),
        ("only", "selections"),
        ("seed", "seeds"),
        ("tool", "versions of the tool"),
    ):
        if then[member] != now[member]:
            yield f"the runs had different {words}"
    for name, run in (("OLD", then), ("NEW", now)):
        if not run["is_complete"]:
            yield f"{name} is the partial report of a run that had not ended"
        elif run["stopped"]:
            yield f"{name} ended early: {run['stopped']}"
    if then["started_at"] > now["started_at"]:
        yield "OLD began after NEW; they may have been given the wrong way round"


def _descriptions(old: Data, new: Data) -> Iterator[dict[str, str]]:
    """The operations whose descriptions are not the same file for file."""
    then, now = _hashes(old), _hashes(new)
    for operation in {**then, **now}:
        before, after = then.get(operation, ABSENT), now.get(operation, ABSENT)
        if before != after:
            yield {"operation": operation, "old": before, "new": after}


def _hashes(report: Data) -> dict[str, str]:
    return {description["operation"]: description["sha256"] for description in report["descriptions"]}


# --- requirements ---------------------------------------------------------------------------------------------------


class _Index:
    """A report by the id of a requirement."""

    def __init__(self, report: Data) -> None:
        self.requirements: dict[str, Data] = {requirement["id"]: requirement for requirement in report["requirements"]}
        self.hashes = _hashes(report)
        self.findings: dict[str, list[Data]] = defaultdict(list)
        for finding in report["findings"]:
            for name in finding["requirements"]:
                self.findings[name].append(finding)

    def verdict(self, name: str) -> str:
        if name not in self.requirements:
            return ABSENT
        return COVERED if self.requirements[name]["is_covered"] else str(self.requirements[name]["verdict"])

    def causes(self, name: str) -> set[str]:
        return {finding["cause"] for finding in self.findings[name]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What became of a requirement, and the lists that it goes into."""

    data: dict[str, Any]
    kinds: frozenset[str]
    is_regression: bool


def _change(name: str, old: _Index, new: _Index) -> _Change:
    then, now = old.verdict(name), new.verdict(name)
    known = new.requirements.get(name) or old.requirements[name]
    operation = known["operation"]
    is_described_otherwise = old.hashes.get(operation) != new.hashes.get(operation, old.hashes.get(operation))
    new_causes = new.causes(name) - old.causes(name)
    is_lost = then in _DECIDED and now not in _DECIDED and not (now == ABSENT and is_described_otherwise)
    kinds = {
        "newly_failing": now == "fail" and then != "fail",
        "failing_otherwise": now == then == "fail" and bool(new_causes),
        "lost_coverage": is_lost,
        "covered": now == COVERED and then != COVERED,
        "fixed": then in ("fail", COVERED) and now == "pass",
        "gained_coverage": now == "pass" and then not in (*_DECIDED, ABSENT),
        "added": then == ABSENT,
        "removed": now == ABSENT,
    }
    need_not_arise = now == "none" and known["conditional"]
    is_worse = kinds["newly_failing"] or kinds["failing_otherwise"] or (is_lost and not need_not_arise)
    findings = [finding for finding in new.findings[name] if then != "fail" or finding["cause"] in new_causes]
    data = {
        "id": name,
        "operation": operation,
        "claim": known["claim"],
        "old": then,
        "new": now,
        "is_regression": is_worse,
        "reason": "it was not selected" if now == ABSENT and is_lost else known["reason"] if now != ABSENT else "",
        "findings": [_finding(finding) for finding in findings],
    }
    chosen = frozenset(kind for kind, holds in kinds.items() if holds)
    return _Change(data=data, kinds=chosen, is_regression=is_worse)


def _finding(finding: Data) -> dict[str, str]:
    shown = {name: finding[name] for name in ("id", "cause", "received", "allowed", "source")}
    return {**shown, "replay": finding.get("replay", "")}


# --- readings and latency -------------------------------------------------------------------------------------------


def _readings(old: Data, new: Data) -> Iterator[dict[str, Any]]:
    then = {reading["id"]: reading for reading in old["readings"]}
    now = {reading["id"]: reading for reading in new["readings"]}
    for name in {**now, **then}:
        before = then[name]["observed"] if name in then else ABSENT
        after = now[name]["observed"] if name in now else ABSENT
        if before != after:
            yield {
                "id": name,
                "question": (now.get(name) or then[name])["question"],
                "old": before,
                "new": after,
                "is_regression": before not in _INDEFINITE and after not in _INDEFINITE,
            }


def _shift(shift: latency.Shift) -> dict[str, Any]:
    return {
        "operation": shift.operation,
        "quantile": shift.quantile,
        "old": _estimate(shift.old),
        "new": _estimate(shift.new),
    }


def _estimate(found: latency.Estimate) -> dict[str, Any]:
    """Milliseconds with the three digits that a run records; null where the interval has no upper end."""
    return {
        "ms": round(found.value, 3),
        "low_ms": round(found.low, 3),
        "high_ms": round(found.high, 3) if math.isfinite(found.high) else None,
        "exchanges": found.exchanges,
    }
