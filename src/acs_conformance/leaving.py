"""Have the threads of a campaign end before their work is done, without losing what they are creating.

In: the recorders that they send by. Out: steps to take, one for each interruption: first nothing new is sent and what
is under way gets its answer, then that is given up too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from acs_conformance.exchange import Recorder


class Leaving:
    """One campaign's way out.

    Args:
        recorders: all that send, with one guard.
    """

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders
        self._guard = recorders[0].guard
        self._begun = threading.Event()

    @property
    def is_written_down(self) -> bool:
        """Whether others find in a journal of intents what was created."""
        return self._guard is not None and self._guard.intents is not None

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        """What to do as interruptions come, one by one."""
        return self.begin, self._abandon

    def doze(self, seconds: float) -> None:
        """Wait so many seconds, or until it begins."""
        self._begun.wait(seconds)

    def begin(self) -> None:
        """From now on nothing is sent but what ends something, and nobody waits for anything but an answer."""
        if self._guard is not None and self._guard.intents is not None:
            self._guard.is_closing = True
        self._begun.set()

    def _abandon(self) -> None:
        for recorder in self._recorders:
            recorder.abandon()
