"""Send requests over HTTP, byte for byte as they were built and signed.

In: a signed request. Out: a `Reply`: the response, or why there is none. A failure of the target or of the way to it
is told, never raised. The connection is one of httpcore, the transport below httpx: a client would look into redirects
and cookies, which are no business of a contract test.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
import time
import zlib
from dataclasses import replace
from typing import Any

import httpcore

from acs_conformance.connection import Connector, Route
from acs_conformance.exchange import Reply
from acs_conformance.message import RawRequest, RawResponse, header
from acs_conformance.record import BODY_LIMIT, STALE

#: Seconds for which a request that was ended may take to notice.
_CLOSING_S = 2.0
_FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.ProxyError)
# Content encoding -> what it may be for zlib, as `wbits`: "deflate" stands for zlib's format, and some send it bare.
_FORMATS = {"gzip": (zlib.MAX_WBITS | 16,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}


class HttpSender:
    """One connection to one address, kept as long as the target keeps it."""

    def __init__(self, url: str, *, user_agent: str, route: Route = Route()) -> None:  # noqa: B008 - frozen
        """Prepare; nothing is sent.

        Args:
            url: scheme, host and port of the target.
            user_agent: says who is asking.
            route: time-outs, proxy, certificates.
        """
        self._connector = Connector(url, route)
        self._route = route
        #: Headers that no signature covers.
        self._headers = (
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate"),
            ("connection", "keep-alive"),
            ("user-agent", user_agent),
        )
        self._extensions = {"timeout": {"read": route.answer_s, "write": route.answer_s}}
        #: Whether connections are used again, and whether the one of the last request was new.
        self._keeps = True
        self._is_new = False
        self._connection: httpcore.HTTP11Connection | None = None
        #: Held while a request is under way.
        self._turn = threading.Lock()
        self._is_ended = False
        self._watchdog = _Watchdog(pause_s=min(route.connect_s, route.answer_s, 4) / 4)

    def close(self) -> None:
        """Close the connection; a request that another thread has under way gets no answer."""
        self.abandon()
        if self._turn.acquire(timeout=_CLOSING_S):
            self._hang_up()
            self._turn.release()
        self._watchdog.stop()

    def abandon(self) -> None:
        """Let nothing be sent any more, and end what another thread is waiting for."""
        self._is_ended = True
        if self._turn.locked():
            self._watchdog.bite()

    def send(self, request: RawRequest) -> Reply:
        """Send one signed request; nothing goes out while another thread has one under way here, or after the end."""
        if not self._turn.acquire(blocking=False):
            return Reply(None, "another request is under way on this connection", is_unreachable=True)
        try:
            if self._is_ended:
                return Reply(None, "the connection was given up", is_unreachable=True)
            return self._sent(request)
        finally:
            self._turn.release()

    def _sent(self, request: RawRequest) -> Reply:
        response: httpcore.Response | None = None
        body = bytearray()
        try:
            connection = self._connected()
            self._watchdog.watch(self._route.answer_s)
            response = connection.handle_request(self._outgoing(request))
            try:
                return Reply(_read(response, body))
            finally:
                response.close()
                if not self._keeps:
                    self._hang_up()
        except _FAILURES as error:
            reply = self._failed(error)
            return reply if response is None else replace(reply, arrived=_response(response, bytes(body)))
        except ssl.SSLError as error:
            return Reply(None, _failure(error, self._route), is_unreachable=True)
        finally:
            self._watchdog.rest()

    def _outgoing(self, signed: RawRequest) -> httpcore.Request:
        own = (*self._headers, *self._connector.headers, ("content-length", str(len(signed.body))))
        headers = [*signed.headers, *own]
        return httpcore.Request(
            signed.method,
            self._connector.addressed(signed.target),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            content=signed.body,
            extensions=self._extensions,
        )

    # --- the connection ---------------------------------------------------------------------------------------------

    def _connected(self) -> httpcore.HTTP11Connection:
        """The kept connection, or a new one where there is none, or the target has closed it."""
        connection = self._connection
        self._is_new = connection is None or connection.is_closed() or connection.has_expired()
        if connection is None or self._is_new:
            self._hang_up()
            self._watchdog.watch(self._route.connect_s)
            connection = self._connector.connect(self._watchdog.follow)
            self._connection = connection
            if self._is_ended:  # meanwhile
                raise httpcore.ConnectError("given up")
        return connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _failed(self, error: Exception) -> Reply:
        if self._watchdog.has_barked:
            if self._connection is None:
                return Reply(None, f"no connection within {self._route.connect_s:g} s", is_unreachable=True)
            return Reply(None, f"the answer was not complete after {self._route.answer_s:g} s")
        closed = isinstance(error, httpcore.RemoteProtocolError | httpcore.ReadError | httpcore.WriteError)
        if closed and self._keeps and not self._is_new:
            # Closed by the target between two requests, or by this one: only a new connection can tell. From now on
            # each request has its own, so this is said once at the most.
            self._keeps = False
            return Reply(None, STALE)
        unreachable = isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout | httpcore.ProxyError)
        return Reply(None, _failure(error, self._route), is_unreachable=unreachable)


def _read(response: httpcore.Response, body: bytearray) -> RawResponse:
    """The response, up to the limit; what is longer is cut: no documented answer comes near.

    Args:
        response: whose body has not been read.
        body: is filled with what arrives, compressed or not.
    """
    for chunk in response.iter_stream():
        body += chunk
        if len(body) >= BODY_LIMIT:
            break
    return _response(response, bytes(body))


def _response(response: httpcore.Response, body: bytes) -> RawResponse:
    """The response with this body, decompressed."""
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
    encoding = header(headers, "content-encoding")
    if encoding is not None:
        body = _unpacked(body, encoding)
    return RawResponse(response.status, headers, body[:BODY_LIMIT])


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body without gzip or deflate, up to the limit; other encodings were not asked for, and stay."""
    for name in reversed(encoding.lower().split(",")):
        formats = _FORMATS.get(name.strip())
        if formats is not None:
            body = _inflated(body, formats)
    return body


def _inflated(body: bytes, formats: tuple[int, ...]) -> bytes:
    for wbits in formats:
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(wbits).decompress(body, BODY_LIMIT)
    return b"(undecodable content encoding)"


class _Watchdog:
    """Ends a connection whose answer takes too long in all: a time-out of the socket starts anew with every byte."""

    def __init__(self, pause_s: float) -> None:
        #: Whether the last request was ended.
        self.has_barked = False
        self._pause_s = pause_s
        self._socket: Any = None
        self._until: float | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, socket: Any) -> None:  # noqa: ANN401 - of the standard library, plain or with TLS
        """From now on this socket is in use."""
        self._socket = socket

    def watch(self, seconds: float) -> None:
        """Give what begins now so many seconds."""
        self.has_barked = False
        # A little more, so that plain silence is told by the socket's own time-out.
        self._until = time.monotonic() + seconds * 1.1 + 0.2
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def rest(self) -> None:
        """The request has ended."""
        self._until = None

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_s):
            until = self._until
            if until is not None and time.monotonic() > until and self._socket is not None:
                self.has_barked = True
                self._until = None
                self.bite()

    def bite(self) -> None:
        """End the socket in use; whoever waits for it learns so at once."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has ended by itself meanwhile
                self._socket.shutdown(2)


def _failure(error: Exception, route: Route) -> str:
    """Why there was no answer, in words that don't depend on the platform."""
    text = str(error)
    if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
        return f"TLS failed: {_tls_reason(text)}"
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (httpcore.ConnectTimeout, f"no connection within {route.connect_s:g} s"),
        (httpcore.ConnectError, f"no connection: {text or 'refused'}"),
        (httpcore.TimeoutException, "no answer in time"),
        (httpcore.RemoteProtocolError, "the connection was closed, or the answer is not HTTP"),
        (httpcore.ReadError, "the connection was closed"),
        (httpcore.WriteError, "the connection was closed while sending"),
        (httpcore.ProxyError, text),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), f"{type(error).__name__}: {text}")


def _tls_reason(text: str) -> str:
    """What OpenSSL says, without its marks of place."""
    return re.sub(r"^\[[^\]]*\] | \(_ssl\.c:\d+\)$", "", text)
