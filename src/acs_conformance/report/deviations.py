"""What every format says of deviations: in the same words, and only formatted from there.

In: a report, or a part of it. Out: texts and selections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]

#: What a run shows of a deviation.
STATES: Mapping[str, str] = {
    "covers": "met in this run",
    "expired": "met in this run, and no longer accepted",
    "gone": "not met in this run, though it was tested",
    "not tested": "not tested in this run",
}


def of_finding(report: Data, finding: Data) -> list[Data]:
    """The deviations that cover a finding, or that would if they had not expired."""
    return [report["deviations"][position] for position in finding["deviations"]]


def of_requirement(report: Data, requirement: Data) -> list[Data]:
    """The deviations that speak of a requirement's failures."""
    named = {f["deviation"] for f in requirement["failures"] if f["deviation"] is not None}
    return [report["deviations"][position] for position in sorted(named)]


def noticed(report: Data) -> list[Data]:
    """Deviations whose owner has to do something: they end soon, have ended, or no longer occur."""
    return [deviation for deviation in report["deviations"] if deviation["notice"]]


def in_words(deviation: Data) -> str:
    """Until when it is accepted, and why."""
    is_over = deviation["days_left"] < 0
    return f"{'was accepted' if is_over else 'accepted'} until {deviation['until']}: {deviation['reason']}"


def failure(deviation: Data) -> str:
    """What is accepted: the cause, and the answer where it is named."""
    return ", ".join(filter(None, (deviation["cause"], deviation["answer"])))


def shown(report: Data) -> list[dict[str, Any]]:
    """All deviations as a page shows them, those to look at first."""
    ordered = sorted(report["deviations"], key=lambda each: not each["notice"])
    return [
        {**each, "words": in_words(each), "failure": failure(each), "met": STATES[each["state"]]} for each in ordered
    ]
