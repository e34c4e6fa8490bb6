"""The journal on disk: a campaign survives its process, and several processes share one.

In and out: exchanges, explaining cases and why cases were not sent, a JSON line each, appended as they come. The last
line may be torn by a kill; it is passed over. Processes take turns under a file lock.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from acs_conformance.cases.case import Case, Edit
from acs_conformance.errors import ReportError
from acs_conformance.journal import Journal
from acs_conformance.record import Exchange

FILE = "journal.jsonl"


class Store(Journal):
    """A journal whose lines are on disk before the next request is sent."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in `folder`, which is made if it is not there, and read what it holds.

        Raises:
            ReportError: the folder can't be made or written, or a line is not of this format.
        """
        super().__init__()
        self.folder = folder
        self.path = folder / FILE
        #: Why the campaign ended early, as some process found; "" while it goes on.
        self.stopped = ""
        self._read_up_to = 0
        #: Whether a line of ours was cut, for the disk was full.
        self._is_torn = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise ReportError(f"{folder}: can't be written: {error.strerror or error}") from error
        #: Held by the process that is sending.
        self.lock = FileLock(folder / ".journal.lock")
        self._cut_torn_line()
        try:
            self.refresh()
        except ReportError:
            self._file.close()
            raise

    def _cut_torn_line(self) -> None:
        """Take away what a kill has left of a line, so that what comes next begins a new one."""
        with self.lock, self.path.open("r+b") as file:
            data = file.read()
            if data and not data.endswith(b"\n"):
                file.truncate(data.rfind(b"\n") + 1)

    def refresh(self) -> None:
        """Read what other processes have appended."""
        with self.path.open("rb") as file:
            file.seek(self._read_up_to)
            data = file.read()
        whole, _, _torn = data.rpartition(b"\n")
        if not whole:
            return
        self._read_up_to += len(whole) + 1
        for line in whole.split(b"\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by a kill; what comes after it is whole again
            try:
                self._take(entry)
            except (ValueError, KeyError, TypeError) as error:
                raise ReportError(f"{self.path}: a line is not of this format: {error}") from error

    def add_exchange(self, exchange: Exchange) -> None:
        """Append one exchange."""
        super().add_exchange(exchange)
        self._append({"exchange": exchange.to_json()})

    def add_case(self, case: Case) -> None:
        """Append one explaining case."""
        super().add_case(case)
        self._append({"case": case_to_json(case)})

    def skip(self, operation: str, reason: str) -> None:
        """Say why the rest of an operation's cases is not sent."""
        super().skip(operation, reason)
        self._append({"skipped": [operation, reason]})

    def leave(self, case: str, reason: str) -> None:
        """Say why a case is not sent, or not to its end."""
        super().leave(case, reason)
        self._append({"unsent": [case, reason]})

    def stop(self, reason: str) -> None:
        """Say that the campaign ended early."""
        self.stopped = reason
        self._append({"stopped": reason})

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._file.close()

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        if self._is_torn:  # what the disk had no room for must not spoil what comes next
            line = b"\n" + line
        try:
            while line:  # a write may end early
                written = self._file.write(line) or 0
                self._read_up_to += written
                self._is_torn = written < len(line)
                line = line[written:]
        except OSError as error:
            raise ReportError(f"{self.path}: can't be written: {error.strerror or error}") from error

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "exchange" in entry:
            self.exchanges.append(Exchange.from_json(entry["exchange"]))
        elif "case" in entry:
            case = case_from_json(entry["case"])
            self.added[case.id] = case
        elif "skipped" in entry:
            operation, reason = entry["skipped"]
            self.skipped[operation] = reason
        elif "unsent" in entry:
            case_id, reason = entry["unsent"]
            self.unsent[case_id] = reason
        elif "stopped" in entry:
            self.stopped = str(entry["stopped"])


def exchanges_in(path: Path) -> list[Exchange]:
    """The exchanges in a journal that nobody writes to any more, as far as it can be read.

    Raises:
        ReportError: the file can't be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: can't be read: {error.strerror or error}") from error
    found = []
    for line in data.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found.append(Exchange.from_json(json.loads(line)["exchange"]))
    return found


def case_to_json(case: Case) -> dict[str, Any]:
    """A case as plain data."""
    return {
        "id": case.id,
        "operation": case.operation,
        "kind": case.kind,
        "steps": [_edits_to_json(step) for step in case.steps],
        "context": _edits_to_json(case.context),
        "aspects": list(case.aspects),
        "is_enumerated": case.is_enumerated,
        "operations": list(case.operations),
    }


def _edits_to_json(edits: tuple[Edit, ...]) -> list[list[Any]]:
    return [[edit.op, list(edit.location), edit.value, list(edit.aspects)] for edit in edits]


def _edits_from_json(data: list[list[Any]]) -> tuple[Edit, ...]:
    return tuple(Edit(op, tuple(location), value, tuple(aspects)) for op, location, value, aspects in data)


def case_from_json(data: Mapping[str, Any]) -> Case:
    """The case that `case_to_json` wrote."""
    return Case(
        id=data["id"],
        operation=data["operation"],
        kind=data["kind"],
        steps=tuple(_edits_from_json(step) for step in data["steps"]),
        context=_edits_from_json(data["context"]),
        aspects=tuple(data["aspects"]),
        is_enumerated=data["is_enumerated"],
        operations=tuple(data["operations"]),
    )
