"""Work through something in turn by several threads.

In: what to do, and who does it. Out: nothing; the first exception ends it for all, once each has done what it was at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Worker = TypeVar("Worker")


#: Seconds for which threads that were told to leave everything may take to do so.
_LEAVING_S = 5.0


def each(
    items: Iterable[Item],
    workers: Sequence[Worker],
    do: Callable[[Item, Worker], None],
    hurry: Sequence[Callable[[], None]] = (),
) -> None:
    """Call `do` for each item, by whichever worker is free; one worker needs no thread.

    Args:
        items: what there is to do.
        workers: who does it.
        do: does it.
        hurry: called one by one as interruptions come, so that the threads end sooner; after the last one they are
            waited for only a little longer.

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

    pool = ThreadPoolExecutor(len(workers), thread_name_prefix="cases")
    try:
        futures = [pool.submit(work, worker) for worker in workers]
        interruption = _awaited(futures, ended, list(hurry))
    finally:
        ended.set()
        pool.shutdown(wait=False)
    if interruption is not None:
        raise interruption
    for future in futures:
        future.result()


def _awaited(
    futures: Sequence[Future[None]], ended: threading.Event, hurry: list[Callable[[], None]]
) -> BaseException | None:
    """Wait for all; the first interruption, if any came. It comes to this thread alone."""
    first: BaseException | None = None
    while True:
        try:
            wait(futures, timeout=_LEAVING_S if first is not None and not hurry else None)
        except BaseException as interruption:
            ended.set()
            if first is not None and not hurry:
                return first
            first = first or interruption
            if hurry:
                hurry.pop(0)()
        else:
            return first


_NONE = object()
