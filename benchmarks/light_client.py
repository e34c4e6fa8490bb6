"""An HTTP client of raw sockets in one thread: light enough that what it measures is the server.

It knows just enough of HTTP to see where an answer ends.
"""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
from collections.abc import Callable, Iterable
from typing import TypeVar

_TIMEOUT_S = 10.0

T = TypeVar("T")


def drive(
    port: int, requests: Iterable[tuple[bytes, T]], connections: int, on_answer: Callable[[T, bytes], None]
) -> None:
    """Send all requests, one in flight on each kept connection.

    Args:
        port: of 127.0.0.1.
        requests: the bytes of each, and what its answer is reported with. They are drawn one by one, each when it is
            about to be sent.
        connections: how many; fewer where there are fewer requests.
        on_answer: given what came with the request, and the whole answer.

    Raises:
        SystemExit: the server closed a connection or fell silent.
    """
    waiting = iter(requests)
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        open_ones = 0
        for request, tag in itertools.islice(waiting, connections):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, (bytearray(), [tag]))
            connection.sendall(request)
            open_ones += 1
        while open_ones:
            ready = selector.select(_TIMEOUT_S)
            if not ready:
                raise SystemExit(f"no answer within {_TIMEOUT_S:g} s")
            for key, _ in ready:
                connection, (buffer, tags) = key.fileobj, key.data
                assert isinstance(connection, socket.socket)  # noqa: S101 - as registered
                data = connection.recv(65536)
                if not data:
                    raise SystemExit("the server closed a connection")
                buffer += data
                if not _is_whole(buffer):
                    continue
                on_answer(tags[0], bytes(buffer))
                buffer.clear()
                following = next(waiting, None)
                if following is None:
                    selector.unregister(connection)
                    open_ones -= 1
                else:
                    request, tags[0] = following
                    connection.sendall(request)


def _is_whole(buffer: bytearray) -> bool:
    """Whether a whole answer is there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(buffer[:end]).lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = int(head[at + 17 :].partition(b"\r\n")[0])
        return len(buffer) >= end + 4 + length
    return buffer.endswith(b"\r\n0\r\n\r\n")  # chunked
