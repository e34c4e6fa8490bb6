"""Send requests and record what comes back: the one place where requests are signed, timed and redacted.

In: an unsigned request. Out: an `Exchange` without secrets. A failure of the target or of the way to it is recorded,
never raised. `HttpSender` speaks to a real address; anything else with a `send` does as well.
"""

from __future__ import annotations

import functools
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from acs_conformance.derived import REDACTED, REDACTED_OTHER, is_packed, is_well_made
from acs_conformance.description import Description, get, locations
from acs_conformance.encoding import percent_encode
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.record import BODY_LIMIT, STALE, Exchange
from acs_conformance.signing import Acs3HmacSha256, Credentials
from acs_conformance.wire import compact, decode, encode_query, plain, with_value

#: Seconds to connect, and in all until an answer is read; a slow drip of bytes ends here too.
CONNECT_S = 5.0
ANSWER_S = 30.0

#: Characters from which on a secret is replaced wherever it stands.
_LONG = 16
#: What a credential packed in Base64 looks like, in a parameter's text.
_PACKED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")

_KEPT_HEADERS = frozenset({"x-acs-action", "x-acs-version", "content-type"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    response: RawResponse | None
    #: Why nothing did.
    failure: str = ""
    #: Whether no connection could be made at all.
    is_unreachable: bool = False


class Sender(Protocol):
    """Whatever takes a request to the target."""

    def send(self, description: Description, request: RawRequest) -> Reply:
        """Send one unsigned request and wait for the answer."""
        ...


class HttpSender:
    """Signed requests over HTTP with one httpx client, byte for byte as they were built."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        user_agent: str,
        answer_s: float = ANSWER_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client; nothing is sent.

        Args:
            url: scheme, host and port of the target.
            credentials: what requests are signed with.
            user_agent: says who is asking.
            answer_s: seconds in which an answer has to be there.
            transport: instead of the network, for tests.
        """
        self._url = httpx.URL(url)
        self._credentials = credentials
        self._answer_s = answer_s
        self._auth: dict[str, Acs3HmacSha256] = {}
        self._user_agent = user_agent
        self._transport = transport
        self._client = self._new_client(kept=1)
        #: Whether connections are used again, and whether the one of the last request was new.
        self._keeps = True
        self._is_new = False

    def _new_client(self, *, kept: int) -> httpx.Client:
        return httpx.Client(
            headers={"accept": "application/json", "user-agent": self._user_agent},
            timeout=httpx.Timeout(self._answer_s, connect=CONNECT_S),
            limits=httpx.Limits(max_keepalive_connections=kept),
            follow_redirects=False,
            trust_env=False,
            transport=self._transport,
        )

    def _trace(self, event: str, _info: object) -> None:
        if event == "connection.connect_tcp.started":
            self._is_new = True

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, description: Description, request: RawRequest) -> Reply:
        """Sign and send one request."""
        auth = self._auth.get(description.operation)
        if auth is None:
            auth = Acs3HmacSha256(self._credentials, action=description.operation, version=description.version)
            self._auth[description.operation] = auth
        outgoing = self._client.build_request(
            request.method,
            self._url,
            content=request.body or None,
            headers=dict(request.headers),
            extensions={"target": request.target.encode("ascii"), "trace": self._trace},
        )
        self._is_new = False
        try:
            response = self._client.send(outgoing, auth=auth, stream=True)
            try:
                return self._read(response)
            finally:
                response.close()
        except httpx.HTTPError as error:
            closed = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)
            if closed and self._keeps and not self._is_new:
                # Closed by the target between two requests, or by this one: only a new connection can tell. From now
                # on each request has its own, so this is said once at the most.
                self._keeps = False
                self._client.close()
                self._client = self._new_client(kept=0)
                return Reply(None, STALE)
            unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return Reply(None, _failure(error), is_unreachable=unreachable)
        except ssl.SSLError as error:
            return Reply(None, f"TLS failed: {error.reason or error}", is_unreachable=True)

    def _read(self, response: httpx.Response) -> Reply:
        """The body up to the limit; what is longer is cut, for no documented answer comes near it."""
        deadline = time.monotonic() + self._answer_s
        body = b""
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) >= BODY_LIMIT:
                    break
                if time.monotonic() > deadline:
                    return Reply(None, f"the answer was not complete after {self._answer_s:g} s")
        except httpx.DecodingError:
            body = b"(undecodable content encoding)"
        headers = tuple((name, value) for name, value in response.headers.multi_items())
        return Reply(RawResponse(response.status_code, headers, body[:BODY_LIMIT]))


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


class Recorder:
    """Sends through a `Sender` and makes the record."""

    def __init__(self, sender: Sender, *, clock: Callable[[], float] = time.time, hidden: tuple[str, ...] = ()) -> None:
        """Record what `sender` does.

        Args:
            sender: takes requests to the target.
            clock: Unix seconds.
            hidden: texts that no record may contain, such as an access key secret.
        """
        self._sender = sender
        self._clock = clock
        self._hidden = tuple(text for text in hidden if text)

    def exchange(
        self, description: Description, request: RawRequest, *, number: int, case: str, step: int, attempt: int
    ) -> tuple[Exchange, bool]:
        """Send one request; the record, and whether the target could not be reached at all."""
        sent_at = self._clock()
        start = time.perf_counter()
        reply = self._sender.send(description, request)
        elapsed_s = time.perf_counter() - start
        shown, credentials = redacted(description, request)
        response = reply.response
        # A gateway may quote the request in its answer, encoded once or, in what was to be signed, twice.
        quoted = (percent_encode(text) for text in credentials)
        hidden = (*self._hidden, *credentials, *quoted, *(percent_encode(percent_encode(text)) for text in credentials))
        if response is not None:
            response = _without(response, hidden)
        return (
            Exchange(
                number=number,
                operation=description.operation,
                case=case,
                step=step,
                attempt=attempt,
                request=shown,
                response=response,
                failure=reply.failure,
                sent_at=sent_at,
                elapsed_s=elapsed_s,
            ),
            reply.is_unreachable,
        )


def _without(response: RawResponse, hidden: tuple[str, ...]) -> RawResponse:
    """The response without the hidden texts; a short one as a whole word only, lest it spoil a code or an id."""
    body = response.body
    found = [text for text in hidden if text.encode("utf-8", "surrogateescape") in body]
    for text in found:
        raw = text.encode("utf-8", "surrogateescape")
        if len(text) >= _LONG:
            body = body.replace(raw, REDACTED.encode())
        else:
            body = re.sub(rb"(?<![A-Za-z0-9])" + re.escape(raw) + rb"(?![A-Za-z0-9])", REDACTED.encode(), body)
    headers = tuple(
        (name, REDACTED if name.lower() == "set-cookie" or any(_has_word(value, text) for text in hidden) else value)
        for name, value in response.headers
    )
    return replace(response, body=body, headers=headers)


def _has_word(value: str, text: str) -> bool:
    if len(text) >= _LONG:
        return text in value
    return text in value and re.search(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", value) is not None


@functools.lru_cache(maxsize=8192)
def redacted(description: Description, request: RawRequest) -> tuple[RawRequest, tuple[str, ...]]:
    """A request without its credentials, and what they were.

    The judges say the same of both: a well-made credential is replaced by a mark that they read as one.
    """
    headers = tuple((name, value) for name, value in request.headers if name.lower() in _KEPT_HEADERS)
    target, body = request.target, request.body
    found: dict[str, str] = {}
    if description.secrets and request.query:
        target, found = _redact_query(description, request)
    if request.body and description.secrets:
        fake = RawRequest(request.method, f"/?{request.body.decode('latin-1')}")
        changed, more = _redact_query(description, fake)
        body, found = changed.partition("?")[2].encode("latin-1"), found | more
    return RawRequest(request.method, target, headers, body), tuple(found)


def _redact_query(description: Description, request: RawRequest) -> tuple[str, dict[str, str]]:
    """The target without credentials, and what they were, each with the mark in its place."""
    target = request.target
    found = _credentials(description, request)
    for value, mark in found.items():
        target = target.replace(percent_encode(value), percent_encode(mark))
    left = RawRequest(request.method, target)
    if found and set(_credentials(description, left)) & set(found):
        # Written with escapes: the parameter is written anew, for what it says matters more than how.
        target = _rewritten(description, left)
    return target, found


def _credentials(description: Description, request: RawRequest) -> dict[str, str]:
    """Every credential in a request, where the description has one and whatever else looks like one; and its mark."""
    decoded = decode(description, request)
    found: dict[str, str] = {}
    for path in description.secrets:
        node = description.nodes[path]
        for location in locations(decoded.document, path):
            value = get(decoded.document, location)
            if not isinstance(value, str) or value == REDACTED or len(value) <= 8:
                continue
            if node.derived is None or is_well_made(node, decoded.document, location, value):
                found[value] = REDACTED
        # In a text that is not JSON, or under another name, a credential is one all the same.
        for _, text in decoded.parameters:
            for run in _PACKED.findall(text):
                if run not in found and is_packed(node, run):
                    found[run] = REDACTED_OTHER
    return found


def _rewritten(description: Description, request: RawRequest) -> str:
    decoded = decode(description, request)
    document = dict(decoded.document)
    changed: set[str] = set()
    for path in description.secrets:
        for location in list(locations(document, path)):
            document = with_value(document, location, REDACTED)
            changed.add(str(location[0]))
    parameters = [
        (name, (compact if name in description.json_parameters else plain)(document[name]) if name in changed else text)
        for name, text in decoded.parameters
    ]
    return f"{request.path}?{encode_query(parameters)}"
