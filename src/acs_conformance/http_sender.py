"""Send signed requests over HTTP, byte for byte as they were built.

In: an unsigned request. Out: a `Reply`: the response, or why there is none. A failure of the target or of the way to it
is told, never raised. httpx's transport is used without its client, which would look into redirects, cookies and
proxies that are no business of a contract test.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import replace
from typing import Any

import httpx

from acs_conformance.description import Description
from acs_conformance.exchange import Reply
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.record import BODY_LIMIT, STALE
from acs_conformance.signing import Acs3HmacSha256, Credentials

#: Seconds to connect, and in all until an answer is read; a slow drip of bytes ends here too.
CONNECT_S = 5.0
ANSWER_S = 30.0


class HttpSender:
    """One connection to one address, kept as long as the target keeps it."""

    def __init__(self, url: str, credentials: Credentials, *, user_agent: str, answer_s: float = ANSWER_S) -> None:
        """Prepare; nothing is sent.

        Args:
            url: scheme, host and port of the target.
            credentials: what requests are signed with.
            user_agent: says who is asking.
            answer_s: seconds in which an answer has to be there.
        """
        self._url = httpx.URL(url)
        self._credentials = credentials
        self._answer_s = answer_s
        self._auth: dict[str, Acs3HmacSha256] = {}
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "connection": "keep-alive",
            "user-agent": user_agent,
        }
        self._timeout = httpx.Timeout(answer_s, connect=CONNECT_S).as_dict()
        #: Whether connections are used again, and whether the one of the last request was new.
        self._keeps = True
        self._is_new = False
        self._transport = self._new_transport()
        self._watchdog = _Watchdog()

    def _new_transport(self) -> httpx.HTTPTransport:
        kept = 1 if self._keeps else 0
        return httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=kept), trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._watchdog.stop()

    def send(self, description: Description, request: RawRequest) -> Reply:
        """Sign and send one request."""
        auth = self._auth.get(description.operation)
        if auth is None:
            auth = Acs3HmacSha256(self._credentials, action=description.operation, version=description.version)
            self._auth[description.operation] = auth
        outgoing = httpx.Request(
            request.method,
            self._url,
            content=request.body or None,
            headers={**self._headers, **dict(request.headers)},
            extensions={"target": request.target.encode("ascii"), "trace": self._trace, "timeout": self._timeout},
        )
        if not request.body:
            outgoing.headers["content-length"] = "0"
        signed = next(auth.sync_auth_flow(outgoing))
        signature = signed.headers["authorization"].rpartition("Signature=")[2]
        self._is_new = False
        self._watchdog.watch(self._answer_s)
        try:
            response = self._transport.handle_request(signed)
            response.request = signed
            try:
                return replace(self._read(response), secrets=(signature,))
            finally:
                response.close()
        except httpx.HTTPError as error:
            return self._failed(error)
        except ssl.SSLError as error:
            return Reply(None, f"TLS failed: {error.reason or error}", is_unreachable=True)
        finally:
            self._watchdog.rest()

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._is_new = True
        elif event == "connection.connect_tcp.complete":
            self._watchdog.socket = info["return_value"].get_extra_info("socket")

    def _failed(self, error: httpx.HTTPError) -> Reply:
        if self._watchdog.has_barked:
            return Reply(None, f"the answer was not complete after {self._answer_s:g} s")
        closed = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)
        if closed and self._keeps and not self._is_new:
            # Closed by the target between two requests, or by this one: only a new connection can tell. From now on
            # each request has its own, so this is said once at the most.
            self._keeps = False
            self._transport.close()
            self._transport = self._new_transport()
            return Reply(None, STALE)
        unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return Reply(None, _failure(error), is_unreachable=unreachable)

    def _read(self, response: httpx.Response) -> Reply:
        """The body up to the limit; what is longer is cut, for no documented answer comes near it."""
        body = b""
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= BODY_LIMIT:
                    break
        except httpx.DecodingError:
            body = b"(undecodable content encoding)"
        headers = tuple((name, value) for name, value in response.headers.multi_items())
        return Reply(RawResponse(response.status_code, headers, body[:BODY_LIMIT]))


class _Watchdog:
    """Ends a connection whose answer takes too long in all: a time-out of the socket starts anew with every byte."""

    def __init__(self) -> None:
        #: The socket in use.
        self.socket: Any = None
        #: Whether the last request was ended.
        self.has_barked = False
        self._until: float | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, seconds: float) -> None:
        """Give the request that begins now so many seconds."""
        self.has_barked = False
        # A little more, so that plain silence is told by the socket's own time-out.
        self._until = time.monotonic() + seconds * 1.1 + 0.2
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(min(seconds / 4, 1.0),), daemon=True)
            self._thread.start()

    def rest(self) -> None:
        """The request has ended."""
        self._until = None

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, pause_s: float) -> None:
        while not self._stopped.wait(pause_s):
            until = self._until
            if until is not None and time.monotonic() > until and self.socket is not None:
                self.has_barked = True
                self._until = None
                try:
                    self.socket.shutdown(2)
                except OSError:
                    continue  # it has ended by itself meanwhile


def _failure(error: httpx.HTTPError) -> str:
    """Why there was no answer, in words that don't depend on the platform."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
        return f"TLS failed: {text}"
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (httpx.ConnectTimeout, f"no connection within {CONNECT_S:g} s"),
        (httpx.ConnectError, f"no connection: {text or 'refused'}"),
        (httpx.TimeoutException, "no answer in time"),
        (httpx.RemoteProtocolError, "the connection was closed, or the answer is not HTTP"),
        (httpx.ReadError, "the connection was closed"),
        (httpx.WriteError, "the connection was closed while sending"),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), f"{type(error).__name__}: {text}")
