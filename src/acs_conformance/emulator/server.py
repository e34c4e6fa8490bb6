"""The emulator behind a production HTTP server: uvicorn with the httptools parser, one process.

In: an emulator, or what wraps one, and an address. Out: HTTP. It hands each request to the core as it stands on the
wire and decides only what HTTP decides: sizes, and requests that are none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from acs_conformance.emulator.admin import ADVERT, Admin
from acs_conformance.errors import UsageError
from acs_conformance.message import RawRequest, RawResponse

#: Bytes of request target that reach the core; a longer one is answered 414.
LONGEST_TARGET = 64 * 1024
#: Bytes of body that reach the core; a longer one is answered 413.
LONGEST_BODY = 1024 * 1024

# Bytes of request line and headers that are read at all; then the connection is closed, with 431.
_LONGEST_HEAD = 256 * 1024
# Bytes of a body too long that are read before it is answered: a client that still writes would not see the answer.
_LONGEST_DRAINED = 16 * LONGEST_BODY
# httptools takes no longer ones apart.
_LONGEST_PARSED_TARGET = 65535
_LAST_PORT = 65535
_TARGET = "target"

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Answering(Protocol):
    """What can be served: an `Emulator`, or something that hands requests on to one."""

    def handle(self, request: RawRequest) -> RawResponse:
        """The response to a request. Never raises."""
        ...


def serve(
    emulator: Answering, host: str, port: int, on_ready: Callable[[str], None], *, admin: Admin | None = None
) -> None:
    """Serves until SIGTERM or SIGINT comes, then finishes what it is answering and returns. Prints nothing.

    Args:
        emulator: what answers.
        host: name or address to listen on.
        port: 0 takes a free one.
        on_ready: called once with the base URL, as soon as connections are accepted.
        admin: the emulator's own endpoints, where they are served too.

    Raises:
        UsageError: the address can't be listened on.
    """
    with _listening(host, port) as (listener, url):
        _Server(emulator, lambda: on_ready(url), admin=admin).run(sockets=[listener])


@contextlib.contextmanager
def running(emulator: Answering, *, admin: Admin | None = None) -> Iterator[str]:
    """Serves in a thread, on a free port of the loopback interface, while the context lasts; gives the base URL.

    Args:
        emulator: what answers; its clock can be moved from any thread meanwhile.
        admin: the emulator's own endpoints, where they are served too.
    """
    ready = threading.Event()
    with _listening("127.0.0.1", 0) as (listener, url):
        server = _Server(emulator, ready.set, admin=admin)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="acs-conformance-emulator", daemon=True
        )
        thread.start()
        try:
            # A connection made earlier would wait in the listener's queue; this is for servers that fail to start.
            if not ready.wait(timeout=10):
                raise RuntimeError("the emulator's server did not start")
            yield url
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and the base URL of what is behind it."""
    with contextlib.ExitStack() as stack:
        if not 0 <= port <= _LAST_PORT:  # getaddrinfo would keep the lower half
            raise UsageError(f"there is no port {port}. Give one from 0, for a free one, to {_LAST_PORT}.")
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            # With the protocol named, asyncio sends small packets at once; without it an answer takes 40 ms.
            listener = stack.enter_context(socket.socket(family, kind, socket.IPPROTO_TCP))
            if os.name == "posix":  # elsewhere the option lets two programs share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except (OSError, UnicodeError) as error:
            raise UsageError(_why_not(host, port, error)) from error
        name, taken, *_ = listener.getsockname()
        yield listener, f"http://[{name}]:{taken}" if ":" in name else f"http://{name}:{taken}"


def _why_not(host: str, port: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"port {port} of {host} is taken by another program. Choose another port; 0 takes a free one."
    if number == errno.EACCES:
        return f"port {port} of {host} needs privileges that this process doesn't have. Choose one above 1023."
    return f"can't listen on port {port} of {host}: {error}. Give an address of this machine."


class _Server(Server):
    """uvicorn's server, silent, which returns when it is told to end."""

    def __init__(self, emulator: Answering, on_ready: Callable[[], None], *, admin: Admin | None) -> None:
        super().__init__(
            Config(
                _Application(emulator, admin),
                loop="asyncio",
                http=_Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=25,  # seconds; what the real gateway announces
                timeout_graceful_shutdown=3,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As the base class does, without sending itself the signal again: to end when told to is no failure."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with the request target as it was sent, and a limit on what comes before the body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own business
        super().__init__(*args, **kwargs)
        self._is_in_head = True
        self._head_size = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_size += len(data)
            if self._head_size > _LONGEST_HEAD and not self.transport.is_closing():
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._head_size = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self.scope["state"][_TARGET] = self.url
        if len(self.url) > _LONGEST_PARSED_TARGET:
            self.url = b"/"  # to get over the parsing; the application looks at what was sent
        super().on_headers_complete()


class _Application:
    """The ASGI application."""

    def __init__(self, emulator: Answering, admin: Admin | None) -> None:
        self._emulator = emulator
        self._admin = admin

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        target: bytes = scope["state"][_TARGET]
        if not target.startswith(b"/"):  # in absolute form, as for proxies
            target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        if len(body) > LONGEST_BODY:
            await _respond(send, _too_large(413, f"The body is longer than {LONGEST_BODY} bytes."))
        elif len(target) > LONGEST_TARGET:
            await _respond(send, _too_large(414, f"The request target is longer than {LONGEST_TARGET} bytes."))
        else:
            request = RawRequest(
                method=scope["method"],
                target=target.decode("latin-1"),
                headers=tuple(
                    # Blanks around a value are not part of it; the parser leaves those at its end.
                    [
                        (name.decode("latin-1"), value.strip(b" \t").decode("latin-1"))
                        for name, value in scope["headers"]
                    ]
                ),
                body=body,
            )
            await _respond(send, self._answer(request))

    def _answer(self, request: RawRequest) -> RawResponse:
        if self._admin is None:
            return self._emulator.handle(request)
        if self._admin.is_meant(request.target):
            return self._admin.handle(request)
        response = self._emulator.handle(request)
        return replace(response, headers=(*response.headers, ADVERT))


async def _body(receive: _Receive) -> bytes | None:
    """The body of a request, or None where the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > _LONGEST_DRAINED:
            return bytes(body)


def _too_large(status: int, message: str) -> RawResponse:
    return RawResponse(
        status=status,
        headers=(("content-type", "text/plain;charset=utf-8"), ("connection", "close")),
        body=message.encode("ascii"),
    )


async def _respond(send: _Send, response: RawResponse) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
