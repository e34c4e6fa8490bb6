"""What a run says on the terminal at its end: failures first, one screen.

In: a report. Out: lines of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Findings shown in full; the report has them all.
_SHOWN = 5
#: The same where one cause explains most of them, or the run ended early.
_FEW = 2
_RED, _GREEN, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def summary(report: Mapping[str, Any], *, color: bool) -> Iterator[str]:
    """The end of a run in lines: findings, what stayed undecided, readings, counts, verdict."""
    run, counts = report["run"], report["run"]["counts"]
    findings = [finding for finding in report["findings"] if not finding["is_covered"]]
    most = _FEW if run["diagnosis"] else _SHOWN
    for finding in findings[:most]:
        rate = finding["rate"]
        sentence = finding["statements"][0]["text"] if finding["statements"] else finding["claim"]
        others = len(finding["requirements"]) - 1
        more = f" and {others} more for the same cause" if others else ""
        yield f"{_painted('FAIL ' + finding['requirement'] + more, _RED, color)}: {sentence}"
        tries = f"({rate['failed']} of {rate['tried']} tries)"
        yield f"     received {finding['received']}; allowed {finding['allowed']} {tries}"
        yield f"     again: {finding['replay']}"
        for position in finding["deviations"]:
            deviation = report["deviations"][position]
            yield f"     was accepted until {deviation['until']} by {deviation['source']}: {deviation['reason']}"
    if len(findings) > most:
        yield f"     ... and {len(findings) - most} more findings"
    yield from _deviations(report, color=color)
    # A run that ended early has one reason for all that it left open: the diagnosis below.
    undecided = [
        r
        for r in report["requirements"]
        if not run["stopped"] and (r["verdict"] in ("inconclusive", "error") or _is_unasked(r))
    ]
    for requirement in undecided[: 3 if findings else _SHOWN]:
        yield _painted(
            f"{requirement['verdict'].upper():4} {requirement['id']}: {requirement['reason']}", _YELLOW, color
        )
    if len(undecided) > (3 if findings else _SHOWN):
        yield f"     ... and {len(undecided) - (3 if findings else _SHOWN)} more without a verdict"
    observed = [reading for reading in report["readings"] if reading["observed"] != "not observed"]
    if observed:
        yield f"open questions: {len(observed)} of {len(report['readings'])} observed; the report names the readings"
    covered = f" ({run['covered']} as accepted)" if run["covered"] else ""
    statements = report["statements"]
    arose = {r["id"] for r in report["requirements"] if not (r["verdict"] == "none" and r["conditional"])}
    testable = [s for s in statements if arose & set(s["requirements"])]
    kept = sum(s["verdict"] == "pass" for s in testable)
    conditional = sum(r["verdict"] == "none" and r["conditional"] for r in report["requirements"])
    yield (
        f"requirements: {counts['pass']} pass, {counts['fail']} fail{covered}, {counts['inconclusive']} inconclusive, "
        f"{counts['none'] - conditional} not tested, {conditional} did not arise"
    )
    yield f"statements: {kept} of {len(testable)} tested ones kept, {len(statements)} on the page"
    budget = report["budget"]
    yield f"requests: {budget['requests']} in {run['seconds']:.1f} s, {budget['accepted']} accepted"
    check = run["self_check"]
    if check is not None and check["tried"]:
        words = f"self-check: the same plan finds {check['caught']} of {check['tried']} seeded faults"
        yield (
            words
            if not check["survivors"]
            else _painted(f"{words}; not {', '.join(check['survivors'])}", _YELLOW, color)
        )
    if run["diagnosis"]:
        yield _painted(run["diagnosis"], _YELLOW, color)
    if run["covered"] and run["verdict"] == "conforms":
        covered = f" with {run['covered']} accepted failure{'s' if run['covered'] > 1 else ''}"
    else:
        covered = ""
    paint = {"conforms": _GREEN, "fails": _RED}.get(run["verdict"], _YELLOW)
    yield _painted(f"{run['verdict'].upper()}{covered} (exit code {run['exit_code']})", paint, color)


def _deviations(report: Mapping[str, Any], *, color: bool) -> Iterator[str]:
    """Failures that are accepted, and deviations whose owner has to do something."""
    covering = [deviation for deviation in report["deviations"] if deviation["state"] == "covers"]
    for deviation in covering[:_FEW]:
        names = deviation["occurred"]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"KNOWN {names[0]}{more}: accepted until {deviation['until']}, {deviation['reason']}"
    if len(covering) > _FEW:
        yield f"     ... and {len(covering) - _FEW} more deviations that cover failures"
    noticed = [deviation for deviation in report["deviations"] if deviation["notice"]]
    for deviation in noticed[:_SHOWN]:
        names = deviation["requirements"]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        words = f"deviation at {deviation['source']} ({names[0]}{more}): {deviation['notice']}"
        yield _painted(words, _YELLOW, color)
    if len(noticed) > _SHOWN:
        yield f"     ... and {len(noticed) - _SHOWN} more deviations to look at"


def _is_unasked(requirement: Mapping[str, Any]) -> bool:
    return requirement["verdict"] == "none" and not requirement["conditional"]


def _painted(text: str, color: str, on: bool) -> str:
    return f"{color}{text}{_PLAIN}" if on else text
