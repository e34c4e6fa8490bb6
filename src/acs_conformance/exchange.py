"""Record exchanges: the one place where what is sent and received is budgeted, journalled, timed and redacted.

In: an unsigned request and a `Sender` that takes it to the target. Out: an `Exchange` without secrets. The judges say
the same of the record as of the exchange itself.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

from acs_conformance.derived import REDACTED, REDACTED_OTHER, is_packed, is_well_made
from acs_conformance.description import Description, get, locations, values
from acs_conformance.encoding import percent_encode
from acs_conformance.gateway_checks import Signing
from acs_conformance.guard import Guard
from acs_conformance.interruption import held
from acs_conformance.message import RawRequest, RawResponse, header
from acs_conformance.pace import Pace, Paces
from acs_conformance.record import Exchange
from acs_conformance.signing import v1
from acs_conformance.wire import decode, encode_query

#: Characters from which on a secret is replaced wherever it stands.
_LONG = 16
#: What a credential packed in Base64 looks like, in a parameter's text.
_PACKED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
#: A string literal in a JSON text.
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

#: Headers that name another address. That of a page to log in has a token in it.
_ADDRESS_HEADERS = frozenset({"location", "content-location", "refresh"})
#: A user before a host, and what a query or a fragment says: the value of a name, or a text without one.
_USER = re.compile(r"(//)([^/?#]+)(?=@)")
_QUERY_VALUE = re.compile(r"([?&#](?:[^=&#?]*=(?=[^=&#?]))?)([^&#?]+)")

_KEPT_HEADERS = frozenset({"x-acs-action", "x-acs-version", "content-type"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    response: RawResponse | None
    #: Why nothing did.
    failure: str = ""
    #: Whether no connection could be made at all.
    is_unreachable: bool = False
    #: What had come of a response that broke off. It is no answer and is not recorded: only the guard looks into it,
    #: for the id of what has been created all the same.
    arrived: RawResponse | None = None


class Sender(Protocol):
    """Whatever takes a request to the target."""

    def send(self, request: RawRequest) -> Reply:
        """Send one request as it is and wait for the answer."""
        ...


@runtime_checkable
class Abandons(Protocol):
    """A sender that can be given up from another thread."""

    def abandon(self) -> None:
        """Let nothing be sent any more, and end what is being waited for."""
        ...


class Signs(Protocol):
    """Whatever makes a request one of a known caller; `signer.Signer` does it for real."""

    #: Whether the caller is known by a token too.
    has_token: bool

    def sign(
        self, description: Description, request: RawRequest, how: Signing | None = None, step: int = 0
    ) -> RawRequest:
        """The request as it goes out; `how` says in which way, where that is what is tested."""
        ...


class Recorder:
    """Signs, sends through a `Sender`, and makes the record."""

    def __init__(
        self,
        sender: Sender,
        signer: Signs,
        *,
        clock: Callable[[], float] = time.time,
        hidden: tuple[str, ...] = (),
        pace: Paces | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Record what `sender` does.

        Args:
            sender: takes requests to the target.
            signer: signs them.
            clock: Unix seconds.
            hidden: texts that no record may contain, such as an access key secret.
            pace: decides when a request may go out; None: at once.
            guard: decides whether a request may go out, and writes down what it may create; None: there is nothing to
                spend and nothing stays behind.
        """
        self._sender = sender
        self._signer = signer
        self._clock = clock
        self._hidden = tuple(dict.fromkeys(form for text in hidden if text for form in _forms(text)))
        self._pace = pace or Pace(None)
        self.guard = guard

    @property
    def has_token(self) -> bool:
        """Whether requests are signed with temporary credentials."""
        return self._signer.has_token

    def abandon(self) -> None:
        """Let nothing be sent any more, and end what another thread is waiting for, where the sender can do that."""
        if isinstance(self._sender, Abandons):
            self._sender.abandon()

    def now(self) -> float:
        """Unix seconds, by the clock that dates the exchanges."""
        return self._clock()

    def follow(self, exchanges: Sequence[Exchange]) -> None:
        """Keep the pace of others, too, who have sent what a journal holds."""
        if exchanges:
            self._pace.sent(self._clock() - exchanges[-1].sent_at)

    def exchange(
        self,
        description: Description,
        request: RawRequest,
        *,
        number: int,
        case: str,
        step: int,
        attempt: int,
        signing: Signing | None = None,
        action: str = "",
        moved_s: float = 0.0,
        keep: Callable[[Exchange], Exchange] | None = None,
    ) -> tuple[Exchange, bool]:
        """Sign and send one request; the record, and whether the target could not be reached at all.

        Args:
            description: of the operation.
            request: unsigned.
            number: what it is recorded as.
            case: id of its case.
            step: position in the case's sequence.
            attempt: number of the repetition.
            signing: how it is signed, where that is what is tested.
            action: the name that is called instead of the operation's own.
            moved_s: seconds by which the clock of the target's things has been moved.
            keep: writes the record down, before an interruption can come between; what it gives is returned.

        Raises:
            Unaffordable: the guard has no leave for this request, which may create something.
            Exhausted: the guard has no leave for any.
        """
        shown, credentials = redacted(description, request)
        ticket = None
        if self.guard is not None:
            ticket = self.guard.before(description, request, shown, case, action=action)
        may_be_out = False
        try:
            self._pace.wait()
            called = replace(description, operation=action) if action else description
            signed = self._signer.sign(called, request, signing, step)
            # An interruption waits for the answer: only that tells the id of what has to be ended then.
            with held(is_needed=ticket is not None and ticket.may_create):
                may_be_out = True
                sent_at = self._clock()
                start = time.perf_counter()
                reply = self._sender.send(signed)
                elapsed_s = time.perf_counter() - start
                try:
                    if self.guard is not None and ticket is not None:
                        self.guard.after(
                            ticket, reply.response, is_unreachable=reply.is_unreachable, arrived=reply.arrived
                        )
                finally:
                    exchange = Exchange(
                        number=number,
                        operation=description.operation,
                        case=case,
                        step=step,
                        attempt=attempt,
                        signing=str(signing or ""),
                        action=action,
                        target_bytes=len(signed.target),
                        request=shown,
                        response=self._shown(description, reply.response, signed, credentials),
                        failure=reply.failure,
                        is_unreachable=reply.is_unreachable,
                        sent_at=sent_at,
                        elapsed_s=elapsed_s,
                        moved_s=moved_s,
                    )
                    exchange = exchange if keep is None else keep(exchange)
        except BaseException:
            if self.guard is not None and ticket is not None and not may_be_out:
                self.guard.after(ticket, None, is_unreachable=True)
            raise
        return exchange, reply.is_unreachable

    def _shown(
        self, description: Description, response: RawResponse | None, signed: RawRequest, credentials: Iterable[str]
    ) -> RawResponse | None:
        """A response as records have it."""
        if response is None:
            return None
        forms = (form for text in credentials for form in _forms(text))
        response = _without(response, dict.fromkeys((*self._hidden, *signatures(signed), *forms)))
        return _without_packed(description, response)


def signatures(request: RawRequest) -> tuple[str, ...]:
    """The signature that a request carries, which no record may repeat."""
    authorization = header(request.headers, "authorization")
    found = authorization.rpartition("Signature=")[2] if authorization is not None else v1.sent_signature(request)
    return tuple(_forms(found)) if found else ()


def _forms(credential: str) -> Iterator[str]:
    """A credential as an answer may repeat it: as it is, encoded as in a query, or twice as in what was to be signed.

    Without the padding, which JSON writers escape in ways of their own.
    """
    text = credential.rstrip("=")
    yield text
    once = percent_encode(text)
    yield from (once, percent_encode(once), once.lower(), text.replace("/", "\\/"), text.replace("+", " "))


def _without(response: RawResponse, hidden: Collection[str]) -> RawResponse:
    """The response without the hidden texts; a short one as a whole word only, lest it spoil a code or an id."""
    elsewhere = [value for name, value in response.headers if name.lower() in _ADDRESS_HEADERS]
    hidden = [*hidden, *(text for value in elsewhere for text in _secrets_of(value))]
    body = response.body
    for text in hidden:
        raw = text.encode("utf-8", "surrogateescape")
        if raw not in body:
            continue
        if len(text) >= _LONG:
            body = body.replace(raw, REDACTED.encode())
        else:
            body = re.sub(rb"(?<![A-Za-z0-9])" + re.escape(raw) + rb"(?![A-Za-z0-9])", REDACTED.encode(), body)
    values = "\n".join([value for _, value in response.headers])
    named = [text for text in hidden if text in values]
    headers = tuple((name, _header_without(name.lower(), value, named)) for name, value in response.headers)
    return replace(response, body=body, headers=headers)


def _header_without(name: str, value: str, hidden: Collection[str]) -> str:
    """The value of a header without secrets; of an address the host, the path and the names in its query are none."""
    if name in _ADDRESS_HEADERS:
        value = _USER.sub(rf"\1{REDACTED}", _QUERY_VALUE.sub(rf"\1{REDACTED}", value))
    return REDACTED if name == "set-cookie" or any(_has_word(value, text) for text in hidden) else value


def _secrets_of(address: str) -> Iterator[str]:
    """What may be secret in an address, as it is and decoded: the body of a redirect may repeat it."""
    for pattern, shortest in ((_USER, 1), (_QUERY_VALUE, _LONG)):
        texts = {form for found in pattern.finditer(address) for form in (found[2], unquote(found[2]))}
        yield from (text for text in texts if len(text) >= shortest)


def _without_packed(description: Description, response: RawResponse) -> RawResponse:
    """The response without credentials that an earlier request brought to the thing that is shown."""
    acts_on = description.acts_on
    secret = [node for node in acts_on.creator.nodes.values() if node.is_secret] if acts_on is not None else []
    if not secret:
        return response
    text = response.body.decode("latin-1")
    runs = {run for run in _PACKED.findall(text) if any(is_packed(node, run) for node in secret)}
    for run in sorted(runs, key=len, reverse=True):
        text = text.replace(run, REDACTED)
    return replace(response, body=text.encode("latin-1")) if runs else response


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
    if _mentions(description, left, found) and set(_credentials(description, left)) & set(found):
        # Written with escapes.
        target = _rewritten(description, left, found)
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


def _mentions(description: Description, request: RawRequest, credentials: Mapping[str, str]) -> bool:
    """Whether any of these stands in a request where a credential may stand: a quick look before a close one."""
    if not credentials:
        return False
    decoded = decode(description, request)
    at_secrets = [value for path in description.secrets for value in values(decoded.document, path)]
    return any(isinstance(value, str) and value in credentials for value in at_secrets) or any(
        credential in text for _, text in decoded.parameters for credential in credentials
    )


def _rewritten(description: Description, request: RawRequest, credentials: Mapping[str, str]) -> str:
    """The target with the credentials that are written with escapes, in JSON, replaced too; the rest as it was."""
    decoded = decode(description, request)
    parameters = [
        (name, _JSON_TEXT.sub(lambda found: _marked(found[0], credentials), text) if '"' in text else text)
        for name, text in decoded.parameters
    ]
    return f"{request.path}?{encode_query(parameters)}"


def _marked(literal: str, credentials: Mapping[str, str]) -> str:
    try:
        value = json.loads(literal)
    except ValueError:
        return literal
    return json.dumps(credentials[value]) if value in credentials else literal
