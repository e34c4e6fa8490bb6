"""What a run may spend: things that it creates, requests, seconds. Exact for all threads and processes that share it.

In: limits, and a file that all who share them open. Out: leave to send, or an exception. What is reserved and never
settled, for its process was killed, stays spent.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from acs_conformance.errors import ReportError

#: The file in a report folder. A hidden one: it counts, and tells nothing that a report doesn't.
FILE = ".budget.sqlite"
#: Seconds for which somebody else's unsettled reservation may still be given back: longer than an answer is waited for.
PATIENCE_S = 60.0
_PAUSE_S = 0.02
#: Seconds to wait for the file; whoever has it locked holds it for less than a millisecond.
_LOCKED_S = 60.0

#: Why a case was not sent. Reports and people look for these words.
NOT_TESTED = "not tested: budget"

Unit = Literal["job", "surprise"]
_Number = TypeVar("_Number", int, float)


class Exhausted(Exception):  # noqa: N818 - an end, not an error
    """Nothing more may be sent; the text says which limit was reached."""


class Unaffordable(Exception):  # noqa: N818 - an end, not an error
    """This request may not be sent, for it may create something; others may. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend; None: no limit."""

    max_requests: int | None = None
    max_seconds: float | None = None
    #: Requests that may be accepted by operations that create something; 0: only what has to be refused is sent.
    max_jobs: int | None = None
    #: Requests that have to be refused and may be accepted all the same, once no job is left.
    max_surprises: int = 1

    def within(self, other: Limits) -> Limits:
        """The smaller limit of both, for each unit; surprises are those of this one."""
        return Limits(
            max_requests=_least(self.max_requests, other.max_requests),
            max_seconds=_least(self.max_seconds, other.max_seconds),
            max_jobs=_least(self.max_jobs, other.max_jobs),
            max_surprises=self.max_surprises,
        )

    @property
    def are_none(self) -> bool:
        """Whether everything may be spent."""
        return self.max_requests is None and self.max_seconds is None and self.max_jobs is None


def _least(one: _Number | None, other: _Number | None) -> _Number | None:
    return min((each for each in (one, other) if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class Reservation:
    """One unit that was set aside before a request was sent."""

    number: int
    unit: Unit


class Budget:
    """Limits, and what has been spent of them.

    Args:
        limits: what may be spent.
        path: the file that counts, made by whoever comes first; None: nobody else shares it.
        clock: Unix seconds, the same for all who share the file.
        sleep: waits so many seconds.

    Raises:
        ReportError: the file can't be made or read.
    """

    def __init__(
        self,
        limits: Limits,
        path: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        if limits.are_none:
            return  # nobody has to count
        self._name = str(path) if path is not None else ":memory:"
        try:
            self._file = sqlite3.connect(self._name, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False)
            # A killed process loses nothing that it wrote; what a power cut may lose here, the intents still have.
            self._file.execute("PRAGMA synchronous = OFF")
            with self._transaction() as file:
                file.execute("CREATE TABLE IF NOT EXISTS counted (unit TEXT PRIMARY KEY, amount REAL NOT NULL)")
                file.execute(
                    "CREATE TABLE IF NOT EXISTS reserved (number INTEGER PRIMARY KEY,"
                    " unit TEXT NOT NULL, since REAL NOT NULL, is_settled INTEGER NOT NULL)"
                )
                file.execute("INSERT OR IGNORE INTO counted VALUES ('requests', 0), ('started', ?)", (clock(),))
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Close the file; what was counted stays counted."""
        if self._file is not None:
            self._file.close()

    # --- requests and seconds -----------------------------------------------------------------------------------------

    def request(self, *, is_free: bool = False) -> None:
        """Count one request.

        Args:
            is_free: whether it is sent and counted even where nothing is left, as what ends a thing is.

        Raises:
            Exhausted: no request or no second is left.
            ReportError: it can't be counted, and is not free.
        """
        most, seconds = self.limits.max_requests, self.limits.max_seconds
        if most is None and seconds is None:
            return
        try:
            self._count_request(most, seconds, is_free=is_free)
        except ReportError:
            if not is_free:
                raise
            # An end that is not counted costs nothing; one that is not sent may.

    def _count_request(self, most: int | None, seconds: float | None, *, is_free: bool) -> None:
        with self._transaction() as file:
            counted = dict(file.execute("SELECT unit, amount FROM counted"))
            if not is_free and most is not None and counted["requests"] >= most:
                raise Exhausted(f"the limit of {most} requests was reached")
            if not is_free and seconds is not None and self._clock() - counted["started"] >= seconds:
                raise Exhausted(f"the limit of {seconds:g} seconds was reached")
            file.execute("UPDATE counted SET amount = amount + 1 WHERE unit = 'requests'")

    # --- what is created ----------------------------------------------------------------------------------------------

    def reserve(self, *, has_to_be_refused: bool) -> Reservation | None:
        """Set a unit aside for a request to an operation that creates something; None where nobody counts.

        Where the last units are set aside for requests whose answers are still to come, theirs are waited for.

        Args:
            has_to_be_refused: whether the contract allows nothing else. Such a request may be sent when no job is left,
                one at a time, for as many as may be accepted by surprise.

        Raises:
            Unaffordable: no unit is left for it.
        """
        jobs, surprises = self.limits.max_jobs, self.limits.max_surprises
        if jobs is None:
            return None
        found = self._patiently(lambda file: self._reserved(file, "job", jobs))
        if found is None and has_to_be_refused:
            found = self._patiently(lambda file: self._reserved(file, "surprise", surprises, is_alone=True))
            if found is None:
                accepted = f"{surprises} invalid requests" if surprises != 1 else "an invalid request"
                why = f"{accepted} may have been accepted" if surprises else "invalid requests may be accepted"
                raise Unaffordable(f"{NOT_TESTED}: no job is left, and {why} (--max-surprises {surprises})")
        if found is None:
            raise Unaffordable(f"{NOT_TESTED}: no job is left (--max-jobs {jobs})")
        return found

    def settle(self, reservation: Reservation | None, *, is_spent: bool) -> None:
        """Say what became of a unit: given back where nothing can have been created, else spent."""
        if reservation is None:
            return
        with self._transaction() as file:
            if is_spent:
                file.execute("UPDATE reserved SET is_settled = 1 WHERE number = ?", (reservation.number,))
            else:
                file.execute("DELETE FROM reserved WHERE number = ?", (reservation.number,))

    def spent(self, unit: Unit) -> int:
        """Units that are spent or set aside."""
        if self._file is None:
            return 0
        with self._transaction() as file:
            return _count(file, unit)

    def _patiently(self, attempt: Callable[[sqlite3.Connection], Reservation | bool]) -> Reservation | None:
        """What `attempt` gives, tried again as long as it says that waiting may help."""
        while True:
            with self._transaction() as file:
                found = attempt(file)
            if found is not True:
                return found or None
            self._sleep(_PAUSE_S)

    def _reserved(
        self, file: sqlite3.Connection, unit: Unit, most: int, *, is_alone: bool = False
    ) -> Reservation | bool:
        """A unit; or whether waiting may help, for an answer is still to come that may give one back."""
        now = self._clock()
        awaited = "SELECT count(*) FROM reserved WHERE unit = ? AND is_settled = 0 AND since > ?"
        others: int = file.execute(awaited, (unit, now - PATIENCE_S)).fetchone()[0]
        if _count(file, unit) >= most or (is_alone and others):
            return others > 0
        given = file.execute("INSERT INTO reserved (unit, since, is_settled) VALUES (?, ?, 0)", (unit, now))
        return Reservation(given.lastrowid or 0, unit)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The file for one thread of one process alone; what is written holds unless an exception comes."""
        assert self._file is not None  # noqa: S101 - nothing is counted without limits
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                yield self._file
                self._file.execute("COMMIT")
            except BaseException as error:
                # Whatever it was, and wherever it came: what is left open would spoil all that come later.
                with contextlib.suppress(sqlite3.Error):
                    if self._file.in_transaction:
                        self._file.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self._broken(error) from error
                raise

    def _broken(self, error: sqlite3.Error) -> ReportError:
        return ReportError(f"{self._name}: can't count what is spent there: {error}")


def _count(file: sqlite3.Connection, unit: Unit) -> int:
    found: int = file.execute("SELECT count(*) FROM reserved WHERE unit = ?", (unit,)).fetchone()[0]
    return found
