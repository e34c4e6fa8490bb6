"""What a run says on the terminal at its end: failures first, one screen.

In: a report. Out: lines of text.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acs_conformance.report.failure import Failures
from acs_conformance.report.text import left_behind, one_line

Data = Mapping[str, Any]

#: Lines of a finding.
_LINES = 3
#: Findings shown where one cause explains most of them, or the run ended early.
_FEW = 2
#: Requirements without a verdict that are named beside findings, and without any.
_BESIDE, _ALONE = 3, 5
_RED, _GREEN, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the lines are for."""

    color: bool = False
    #: Lines that are seen at once; None: as many as there are.
    height: int | None = 24
    #: Characters of a line; None: as many as there are. Commands are never cut.
    width: int | None = None
    #: Folder of the report, as a command line may name it.
    folder: str = "report.json"


def summary(report: Data, screen: Screen) -> Iterator[str]:
    """The end of a run in lines: findings, what stayed undecided, readings, counts, verdict."""
    last = [*_deviations(report, screen), *_last(report, screen)]
    undecided = [*_undecided(report, screen)]
    # The prompt, the line that names the report, and those on what is left out.
    room = None if screen.height is None else screen.height - len(last) - len(undecided) - 3
    yield from _findings(report, screen, room)
    yield from undecided
    yield from last


def brief(report: Data, screen: Screen) -> Iterator[str]:
    """The same for who wants to be told little: a line for each finding, and the verdict."""
    for finding in report["findings"]:
        word = "KNOWN" if finding["is_covered"] else "FAIL"
        paint = "" if finding["is_covered"] else _RED
        yield _fit(
            f"{word} {finding['id']}: received {finding['received']}; allowed {finding['allowed']}", screen, paint
        )
    for deviation in report["deviations"]:
        if deviation["notice"]:
            yield _painted(f"deviation at {deviation['source']}: {deviation['notice']}", _YELLOW, screen)
    if report["run"]["stopped"]:
        yield _fit(f"stopped early: {report['run']['stopped']}", screen, _YELLOW)
    yield _verdict(report, screen)


def command(short: str, folder: str) -> str:
    """The command that sends a finding again, by its short name."""
    return f"acs-conformance replay {shlex.quote(folder)} {shlex.quote(short)}"


# --- parts ------------------------------------------------------------------------------------------------------------


def _findings(report: Data, screen: Screen, room: int | None) -> Iterator[str]:
    findings = [finding for finding in report["findings"] if not finding["is_covered"]]
    failures = Failures(report)
    most = len(findings) if room is None else max(1, room // _LINES)
    if report["run"]["diagnosis"] and room is not None:
        most = min(_FEW, most)
    for finding in findings[:most]:
        rate = finding["rate"]
        sentence = finding["statements"][0]["text"] if finding["statements"] else finding["claim"]
        others = len(finding["requirements"]) - 1
        more = f" and {others} more for the same cause" if others else ""
        yield _fit(
            f"FAIL {finding['requirement']}{more}: {sentence}", screen, _RED, len(f"FAIL {finding['requirement']}")
        )
        tries = f"({rate['failed']} of {rate['tried']} tries)"
        yield _fit(f"     received {finding['received']}; allowed {finding['allowed']} {tries}", screen)
        yield one_line(f"     again: {command(failures.short(finding), screen.folder)}")
        for position in finding["deviations"]:
            deviation = report["deviations"][position]
            words = f"     was accepted until {deviation['until']} by {deviation['source']}: {deviation['reason']}"
            yield _fit(words, screen)
    if len(findings) > most:
        yield f"     ... and {len(findings) - most} more findings"


def _undecided(report: Data, screen: Screen) -> Iterator[str]:
    # A run that ended early has one reason for all that it left open: the diagnosis below.
    undecided: Sequence[Data] = [
        r
        for r in report["requirements"]
        if not report["run"]["stopped"] and (r["verdict"] in ("inconclusive", "error") or _is_unasked(r))
    ]
    most = len(undecided) if screen.height is None else _BESIDE if report["findings"] else _ALONE
    for requirement in undecided[:most]:
        yield _fit(f"{requirement['verdict'].upper():4} {requirement['id']}: {requirement['reason']}", screen, _YELLOW)
    if len(undecided) > most:
        yield f"     ... and {len(undecided) - most} more without a verdict"


def _is_unasked(requirement: Data) -> bool:
    return requirement["verdict"] == "none" and not requirement["conditional"]


def _last(report: Data, screen: Screen) -> Iterator[str]:
    run, counts = report["run"], report["run"]["counts"]
    observed = [reading for reading in report["readings"] if reading["observed"] != "not observed"]
    if observed:
        yield f"open questions: {len(observed)} of {len(report['readings'])} observed; the report names the readings"
    if screen.height is None:
        yield from (one_line(f"     {reading['id']}: {reading['observed']}") for reading in observed)
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
    sent = f"requests: {budget['requests']} in {run['seconds']:.1f} s, {budget['accepted']} accepted"
    yield "; ".join((sent, *left_behind(budget["created"], budget["ended"])))
    check = run["self_check"]
    if check is not None and check["tried"]:
        words = f"self-check: the same plan finds {check['caught']} of {check['tried']} seeded faults"
        survivors = check["survivors"]
        yield words if not survivors else _painted(f"{words}; not {', '.join(survivors)}", _YELLOW, screen)
    if run["diagnosis"]:
        yield _painted(run["diagnosis"], _YELLOW, screen)
    yield _verdict(report, screen)


def _verdict(report: Data, screen: Screen) -> str:
    run = report["run"]
    covered = ""
    if run["covered"] and run["verdict"] == "conforms":
        covered = f" with {run['covered']} accepted failure{'s' if run['covered'] > 1 else ''}"
    paint = {"conforms": _GREEN, "fails": _RED}.get(run["verdict"], _YELLOW)
    return _painted(f"{run['verdict'].upper()}{covered} (exit code {run['exit_code']})", paint, screen)


def _deviations(report: Data, screen: Screen) -> Iterator[str]:
    """Failures that are accepted, and deviations whose owner has to do something: what has expired comes first."""
    most = len(report["deviations"]) if screen.height is None else _FEW
    covering = [deviation for deviation in report["deviations"] if deviation["state"] == "covers"]
    for deviation in covering[:most]:
        names = _names(deviation["occurred"])
        yield _fit(f"KNOWN {names}: accepted until {deviation['until']}, {deviation['reason']}", screen)
    if len(covering) > most:
        yield f"     ... and {len(covering) - most} more deviations that cover failures"
    noticed = [deviation for deviation in report["deviations"] if deviation["notice"]]
    noticed.sort(key=lambda deviation: (deviation["state"] == "gone", deviation["days_left"]))
    for deviation in noticed[:most]:
        words = f"deviation at {deviation['source']} ({_names(deviation['requirements'])}): {deviation['notice']}"
        yield _painted(words, _YELLOW, screen)
    if len(noticed) > most:
        yield f"     ... and {len(noticed) - most} more deviations to look at"


def _names(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def _fit(text: str, screen: Screen, color: str = "", painted: int | None = None) -> str:
    """The text in one line of the screen, painted as a whole or up to a place."""
    text = one_line(text)
    if screen.width is not None and len(text) > screen.width:
        text = f"{text[: screen.width - 1]}…"
    if not color:
        return text
    return _painted(text[:painted], color, screen) + (text[painted:] if painted is not None else "")


def _painted(text: str, color: str, screen: Screen) -> str:
    text = one_line(text)
    return f"{color}{text}{_PLAIN}" if screen.color else text
