"""Let time go by for the things of a target: by moving their clock where somebody offers that, else by sleeping.

In: seconds. Out: by how many the clock was moved. Only an emulator offers it; a real endpoint takes its time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from acs_conformance.cases.case import Case
from acs_conformance.journal import Journal
from acs_conformance.record import Exchange

#: Moves the clock by so many seconds, and says by how many.
Move = Callable[[float], float]
#: Finds in what was answered how to move the clock, if that is offered.
Offered = Callable[[Sequence[Exchange]], Move | None]

#: Seconds for which a case may let a thing idle where that takes as long as it says.
_LONGEST_S = 60.0


class Waiting:
    """How one campaign waits."""

    def __init__(
        self, journal: Journal, sleep: Callable[[float], None], move: Move | None, offered: Offered | None
    ) -> None:
        """Wait by `move` if it is known, or else as soon as `offered` finds it in what `journal` holds."""
        self._journal = journal
        self._sleep = sleep
        self._move = move
        self._offered = offered
        self._lock = threading.Lock()

    def let_pass(self, seconds: float) -> float:
        """Let time go by; by how many seconds the clock of the target's things was moved."""
        move = self._known_move()
        if move is not None:
            return move(seconds)
        self._sleep(seconds)
        return 0.0

    def moves_time(self, case: Case) -> bool:
        """Whether a case moves the clock under whatever else is going on."""
        return any(edit.op in ("wait", "until") for step in case.steps for edit in step) and bool(self._known_move())

    def takes_too_long(self, case: Case) -> bool:
        """Whether a case waits longer than anybody would, at a target whose clock nobody can move."""
        waits = [edit.value for step in case.steps for edit in step if edit.op == "wait"]
        return any(wait > _LONGEST_S for wait in waits) and self._known_move() is None

    def _known_move(self) -> Move | None:
        if self._move is None and self._offered is not None:
            with self._lock:
                self._move = self._move or self._offered(self._journal.exchanges)
        return self._move
