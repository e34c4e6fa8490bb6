"""Many reports, read one after the other and kept as little of as their course over time needs.

In: a folder. Out: its runs in the order of their times, and what could not be read. A report is as large as its
exchanges; hundreds of them don't fit into memory, what is kept of them does.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acs_conformance.errors import ReportError
from acs_conformance.report import latency, view

Data = Mapping[str, Any]
#: Reads a stored report; raises ReportError.
Load = Callable[[Path], Data]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a run showed of one operation.

    Attributes:
        sha256: of the operation's description.
        verdicts: requirement -> verdict.
        unasked: requirements without a verdict that count all the same.
        readings: question -> the reading observed.
        times: quantile -> milliseconds, of all answered exchanges; empty where there was none.
        exchanges: how many were answered.
    """

    sha256: str
    verdicts: Mapping[str, str]
    unasked: int
    readings: Mapping[str, str]
    times: Mapping[str, float]
    exchanges: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, without its exchanges."""

    file: Path
    run_id: str
    started_at: str
    depth: str
    only: str
    is_complete: bool
    tool: str
    target: str
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that could not be read, and why."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs in the order of their times, what was skipped, and the words of the last report that has them."""

    runs: tuple[Run, ...]
    skipped: tuple[Skipped, ...]
    #: Requirement -> claim, question -> question.
    words: Mapping[str, str]


def read(files: Iterable[Path], load: Load) -> History:
    """What the files hold. One that can't be read is skipped, for one torn report must not hide all others."""
    runs: list[Run] = []
    skipped: list[Skipped] = []
    words: dict[str, tuple[str, str]] = {}
    for file in files:
        try:
            report = load(file)
        except ReportError as error:
            skipped.append(Skipped(file=file, reason=str(error).removeprefix(f"{file}: ")))
            continue
        run = _run(file, report)
        runs.append(run)
        for name, text in _words(report):
            if words.get(name, ("", ""))[0] <= run.started_at:
                words[name] = (run.started_at, text)
    runs.sort(key=lambda run: (run.started_at, run.run_id, str(run.file)))
    return History(runs=tuple(runs), skipped=tuple(skipped), words={name: text for name, (_, text) in words.items()})


def series(history: History) -> dict[tuple[str, str], list[tuple[Run, Part]]]:
    """Operation and target -> the runs that tested the one on the other."""
    found: dict[tuple[str, str], list[tuple[Run, Part]]] = defaultdict(list)
    for run in history.runs:
        for operation, part in run.parts.items():
            found[operation, run.target].append((run, part))
    return dict(sorted(found.items()))


def _run(file: Path, report: Data) -> Run:
    run = report["run"]
    times = latency.by_operation(report["exchanges"])
    return Run(
        file=file,
        run_id=run["id"],
        started_at=run["started_at"],
        depth=run["depth"],
        only=run["only"],
        is_complete=run["is_complete"],
        tool=run["tool"]["version"],
        target=view.target_name(report),
        parts={d["operation"]: _part(report, d, times.get(d["operation"], [])) for d in report["descriptions"]},
    )


def _part(report: Data, description: Data, times: list[float]) -> Part:
    mine = [r for r in report["requirements"] if r["operation"] == description["operation"]]
    readings = [r for r in report["readings"] if r["operation"] == description["operation"]]
    return Part(
        sha256=description["sha256"],
        # The same few words in hundreds of reports: each is kept once.
        verdicts={sys.intern(r["id"]): sys.intern(r["verdict"]) for r in mine},
        unasked=sum(r["verdict"] == "none" and not r["conditional"] for r in mine),
        readings={sys.intern(r["id"]): sys.intern(r["observed"]) for r in readings},
        times={name: latency.quantile(times, share) for name, share in latency.QUANTILES.items()} if times else {},
        exchanges=len(times),
    )


def _words(report: Data) -> Iterator[tuple[str, str]]:
    yield from ((requirement["id"], requirement["claim"]) for requirement in report["requirements"])
    yield from ((reading["id"], reading["question"]) for reading in report["readings"])
