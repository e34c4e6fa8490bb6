"""What a run shows while it goes on and at its end, by what its user asked for and where it is shown.

In: `Voice`: quiet, verbose or neither, as text or JSON. Out: a table that is redrawn on a terminal, lines elsewhere, on
standard error; and the result on standard output.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acs_conformance.cli_progress import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress

    from acs_conformance.cases.case import Case
    from acs_conformance.observation import Judgement
    from acs_conformance.target import Target

#: Told of a case, its judgement, cases done and cases planned. Called without a case at the end.
Watch = Callable[["Case | None", "Judgement | None", int, int], None]

#: Failures that the table names.
_NEWEST = 3
#: Seconds between two looks of the table.
_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Voice:
    """How much is said, and in which form."""

    is_quiet: bool = False
    is_verbose: bool = False
    is_json: bool = False

    def watch(self) -> Watch:
        """What shows how far a run is."""
        if self.is_quiet:
            return lambda *_: None
        if self.is_verbose:
            return _each
        return _Table() if _is_lively() else _tenths()

    def tell(self, report: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """Print the result of a run."""
        if self.is_json:
            click.echo(json.dumps(document(report, files), indent=1))
            return
        from acs_conformance.summary import Screen, brief, summary

        is_terminal = sys.stdout.isatty()
        size = shutil.get_terminal_size()
        screen = Screen(
            color=is_terminal and has_color(os.environ),
            height=None if self.is_verbose else size.lines if is_terminal else 24,
            width=size.columns if is_terminal and not self.is_verbose else None,
            folder=str(files["report.json"].parent),
        )
        for line in (brief if self.is_quiet else summary)(report, screen):
            click.echo(line)
        if not self.is_quiet:
            click.echo(f"report: {files['report.html']}")


def has_color(environ: Mapping[str, str]) -> bool:
    """Whether colours are wanted: not with NO_COLOR set to anything, https://no-color.org, nor on a dumb terminal."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def document(report: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The result of a run as one JSON document: all but the exchanges, which report.json has."""
    from acs_conformance.report.failure import Failures
    from acs_conformance.summary import command

    folder, failures = str(files["report.json"].parent), Failures(report)
    kept = ("id", "requirement", "requirements", "claim", "source", "case", "received", "allowed", "cause", "rate")
    return {
        "run": report["run"],
        "target": report["target"],
        "budget": report["budget"],
        "findings": [
            {
                **{name: finding[name] for name in kept},
                "short": failures.short(finding),
                "replay": command(failures.short(finding), folder),
            }
            for finding in report["findings"]
        ],
        "undecided": [
            {name: each[name] for name in ("id", "verdict", "reason")}
            for each in report["requirements"]
            if each["verdict"] in ("inconclusive", "error") or (each["verdict"] == "none" and not each["conditional"])
        ],
        "readings": {each["id"]: each["observed"] for each in report["readings"]},
        "files": {name: str(path) for name, path in files.items()},
    }


def default_folder(chosen: Target) -> Path:
    """Where a report goes that nobody gave a place: below reports/, by time and target."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    label = "emulator" if chosen.kind == "embedded emulator" else chosen.label
    folder = Path("reports") / f"{stamp}-{label}"
    number = 1
    while folder.exists():
        number += 1
        folder = Path("reports") / f"{stamp}-{label}-{number}"
    return folder


# --- while it goes on -------------------------------------------------------------------------------------------------


def _is_lively() -> bool:
    """Whether somebody watches a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _tenths() -> Watch:
    show = shown()

    def watch(case: Case | None, _judgement: Judgement | None, done: int, planned: int) -> None:
        if case is not None:
            show(case.requirement, done, planned)

    return watch


def _each(case: Case | None, judgement: Judgement | None, done: int, planned: int) -> None:
    if case is not None and judgement is not None:
        from acs_conformance.report.text import one_line

        click.echo(one_line(f"{done}/{planned} {_word(judgement)} {case.id}: {judgement.answer}"), err=True)


def _word(judgement: Judgement) -> str:
    return {True: "right", False: "WRONG", None: "undecided"}[judgement.is_right]


class _Table:
    """A row for each operation: cases done, right, wrong and undecided; below it the latest failures."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._failures: list[str] = []
        self._now = ""
        self._done = self._planned = 0
        self._start = self._drawn = time.monotonic()
        self._board = _board(self._lines)
        self._board.start()

    def __call__(self, case: Case | None, judgement: Judgement | None, done: int, planned: int) -> None:
        if case is None:
            self._board.stop()
            return
        self._done, self._planned, self._now = done, planned, case.id
        if judgement is not None:
            self._counts.setdefault(case.operation, Counter())[_word(judgement)] += 1
            if judgement.is_right is False:
                self._failures = [*self._failures[1 - _NEWEST :], f"{case.id}: {judgement.answer}"]
        now = time.monotonic()
        if now - self._drawn >= _EVERY_S:
            self._drawn = now
            self._board.refresh()

    def _lines(self) -> Iterator[RenderableType]:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from acs_conformance.report.text import one_line

        elapsed_s = time.monotonic() - self._start
        table = Table(box=box.SIMPLE, title=f"{self._done:,} of {self._planned:,} cases, {elapsed_s:.0f} s")
        table.add_column("operation", overflow="ellipsis", no_wrap=True)
        for name, style in (("cases", ""), ("right", "green"), ("wrong", "red"), ("undecided", "yellow")):
            table.add_column(name, justify="right", style=style)
        for operation, counts in self._counts.items():
            numbers = [f"{counts[name]:,}" for name in ("right", "WRONG", "undecided")]
            table.add_row(Text(operation), f"{counts.total():,}", *numbers)
        yield table
        for failure in self._failures:
            yield Text(one_line(f"✗ {failure}"), style="red", no_wrap=True, overflow="ellipsis")
        yield Text(one_line(f"… {self._now}"), style="dim", no_wrap=True, overflow="ellipsis")


def _board(lines: Callable[[], Iterator[RenderableType]]) -> Progress:
    """What redraws lines in their place on standard error, and leaves nothing behind."""
    from rich.console import Console
    from rich.progress import Progress

    class Board(Progress):
        def get_renderables(self) -> Iterator[RenderableType]:
            return lines()

    return Board(console=Console(stderr=True), transient=True, auto_refresh=False)


class interruptible:  # noqa: N801 - used like a function
    """SIGTERM ends a run as Ctrl-C does: with a report."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._raise)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _raise(*_: object) -> None:
        raise KeyboardInterrupt
