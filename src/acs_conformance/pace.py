"""Pace: how often something may be sent.

In: requests per second, a clock. Out: waits. Whoever sends asks for each request before it is signed, for a signature
tells the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Paces(Protocol):
    """Whatever decides when the next request may go out."""

    def wait(self) -> None:
        """Return when it may."""
        ...

    def sent(self, ago_s: float) -> None:
        """Take in that somebody else has sent something, so many seconds ago."""
        ...


class Pace:
    """So many requests per second at most, evenly spread: no second, wherever it begins, sees more.

    Threads may share it.

    Args:
        per_second: the most requests in a second; may be a fraction. None: no limit.
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap_s = 0.0 if per_second is None else 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock()

    def sent(self, ago_s: float) -> None:
        """Take in that somebody else has sent something, so many seconds ago."""
        with self._lock:
            self._next = max(self._next, self._clock() - max(ago_s, 0.0) + self._gap_s)

    def wait(self) -> None:
        """Wait until a request may go out."""
        with self._lock:
            mine = max(self._clock(), self._next)
            self._next = mine + self._gap_s
        now = self._clock()
        while now < mine:
            self._sleep(mine - now)
            now = self._clock()
