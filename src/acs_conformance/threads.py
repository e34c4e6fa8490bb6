"""Work through something in turn by several threads.

In: what to do, and who does it. Out: nothing; the first exception ends it for all, once each has done what it was at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Worker = TypeVar("Worker")


def each(items: Iterable[Item], workers: Sequence[Worker], do: Callable[[Item, Worker], None]) -> None:
    """Call `do` for each item, by whichever worker is free; one worker needs no thread.

    Raises:
        BaseException: whatever `do` raises first. Items that were not begun are left.
    """
    if len(workers) == 1:
        for item in items:
            do(item, workers[0])
        return
    left = iter(items)
    turn = threading.Lock()
    ended = threading.Event()

    def work(worker: Worker) -> None:
        while not ended.is_set():
            with turn:
                item = next(left, _NONE)
            if item is _NONE:
                return
            try:
                do(item, worker)  # type: ignore[arg-type]
            except BaseException:
                ended.set()
                raise

    with ThreadPoolExecutor(len(workers), thread_name_prefix="cases") as pool:
        futures = [pool.submit(work, worker) for worker in workers]
        try:
            for future in futures:
                future.result()
        except BaseException:  # an interruption comes to this thread alone
            ended.set()
            raise


_NONE = object()
