"""Hold an interruption back while an answer is on its way that tells what has to be ended.

In: signals, which come to the main thread. Out: the same, a moment later. A second one is never held back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

#: What ends a run from outside, where the process has a handler of its own for it.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class held:  # noqa: N801 - used like a function
    """A context at whose end an interruption comes that came within it; the second one comes at once.

    In other threads than the main one there is nothing to hold back.

    Args:
        is_needed: whether anything is held back at all.
    """

    def __init__(self, *, is_needed: bool = True) -> None:
        self._is_needed = is_needed
        self._is_over = False
        self._came: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def __enter__(self) -> None:
        if not self._is_needed or threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if callable(before):
                    self._before[number] = before
                    signal.signal(number, self._take)
        except BaseException:  # one came before the other was held
            self._restore()
            raise

    def __exit__(self, *_: object) -> None:
        self._restore()
        if self._came is not None:
            self._before[self._came](self._came, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._came is None and not self._is_over:
            self._came = number
            return
        self._restore()
        self._came = None
        self._before[number](number, frame)

    def _restore(self) -> None:
        self._is_over = True  # first: what comes before all are restored is passed on
        for number, before in self._before.items():
            signal.signal(number, before)
