"""The guard at the one place where requests go out: it counts what they cost and writes down what they may create.

In: a request before it is signed, and the answer to it. Out: a `Ticket`, or an exception where there is no leave to
send. Judged from the bytes, as everywhere: what has to be refused is for the oracle to say.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from acs_conformance.answer import Answer, answer_of
from acs_conformance.broken_text import member_of
from acs_conformance.budget import Budget, Exhausted, Limits, Reservation
from acs_conformance.description import Creates, Description
from acs_conformance.encoding import octets
from acs_conformance.intents import Intent, Intents, State
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.oracle import expect
from acs_conformance.trait import Memory
from acs_conformance.violation import validator
from acs_conformance.wire import Parameters, decode_query

#: Digits of a number of seconds that are worth reading.
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one request."""

    description: Description
    #: Where the request may create something.
    reservation: Reservation | None = None
    intent: Intent | None = None
    #: What it ends, where it ends something of ours.
    ends: Intent | None = None

    @property
    def may_create(self) -> bool:
        """Whether the answer tells of something that has to be ended."""
        return self.reservation is not None or self.intent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where requests go, as the journal of intents names it."""

    url: str
    #: The profile, as a command line names it, or "".
    profile: str = ""
    #: How requests are signed, and the folder of descriptions where it is not the one that ships; or "".
    signature: str = ""
    spec: str = ""
    is_embedded: bool = False


@dataclass(kw_only=True)
class Guard:
    """Counts and writes down. One object serves all threads of a process."""

    #: None: nothing that is created outlives the run.
    intents: Intents | None = None
    place: Place = Place(url="")
    #: Name of an operation that creates something -> the one that ends it.
    enders: Mapping[str, Description] = field(default_factory=dict)
    budget: Budget = field(default_factory=lambda: Budget(Limits()))
    #: Unix seconds.
    clock: Callable[[], float] = time.time
    #: Whether the run is ending, so that nothing is sent but what ends something of ours.
    is_closing: bool = False

    @property
    def limits(self) -> Limits:
        """What may be spent."""
        return self.budget.limits

    def close(self) -> None:
        """Close the files; what was counted and written down stays."""
        self.budget.close()
        if self.intents is not None:
            self.intents.close()

    def before(
        self, description: Description, request: RawRequest, shown: RawRequest, case: str, *, action: str = ""
    ) -> Ticket:
        """Reserve what a request costs, and write down what it may create.

        Args:
            description: whose operation is called, or the gateway before it.
            request: unsigned.
            shown: the same without secrets, as records have it.
            case: id of the case.
            action: the name that is called instead of the operation's own; under it nothing is ended.

        Raises:
            Unaffordable: it may create something, and no unit is left for that.
            Exhausted: no request or no second is left, or the run is ending.
            ReportError: it can't be written down, so it must not be sent.
        """
        description = description.carrier or description
        ends = self._ended_by(description, request) if not action else None
        if ends is None:
            self._check_open()
        if description.creates is None:
            self.budget.request(is_free=ends is not None)
            return Ticket(description, ends=ends)
        reservation = None
        if self.limits.max_jobs is not None:
            is_reject = expect(description, request, Memory()).is_reject
            reservation = self.budget.reserve(has_to_be_refused=is_reject)
        try:
            self._check_open()  # once more, for a unit may have been waited for
            self.budget.request()
            intent = self._announced(description, description.creates, request, shown, case)
        except BaseException:
            self.budget.settle(reservation, is_spent=False)
            raise
        return Ticket(description, reservation, intent)

    def after(
        self,
        ticket: Ticket,
        response: RawResponse | None,
        *,
        is_unreachable: bool = False,
        arrived: RawResponse | None = None,
    ) -> None:
        """Settle what was reserved, and write down what became of it.

        Args:
            ticket: of the request.
            response: the answer, or None.
            is_unreachable: whether the request did not even go out.
            arrived: what had come of an answer that broke off.
        """
        now = self.clock()
        if self.intents is not None and ticket.ends is not None and _settles(ticket, ticket.ends, response, now):
            self.intents.tell(ticket.ends.key, "ended", now)
        if ticket.description.creates is None:
            return
        state, identifier = ("refused", None) if is_unreachable else outcome(ticket.description, response, arrived)
        # First the journal: a unit that stays reserved costs a case, a thing that nobody knows of costs money.
        if self.intents is not None and ticket.intent is not None:
            self.intents.tell(ticket.intent.key, state, now, identifier)
        self.budget.settle(ticket.reservation, is_spent=state != "refused")

    def _check_open(self) -> None:
        if self.is_closing:
            raise Exhausted("the run is ending")

    def _announced(
        self, description: Description, creates: Creates, request: RawRequest, shown: RawRequest, case: str
    ) -> Intent | None:
        if self.intents is None:
            return None
        ender = self.enders.get(description.operation)
        same = ender.acts_on.same if ender is not None and ender.acts_on is not None else ()
        sent = _sent(request)
        intent = Intent(
            key=secrets.token_hex(8),
            operation=description.operation,
            thing=creates.thing,
            case=case,
            hash=hashlib.sha256(shown.target.encode() + b"\0" + shown.body).hexdigest(),
            url=self.place.url,
            profile=self.place.profile,
            signature=self.place.signature,
            spec=self.place.spec,
            is_embedded=self.place.is_embedded,
            at=self.clock(),
            idle_limit_s=idle_limit_s(description, creates, request),
            same={name: sent[name] for name in same if name in sent},
        )
        self.intents.announce(intent)
        return intent

    def _ended_by(self, description: Description, request: RawRequest) -> Intent | None:
        """What a request ends, if it names something of ours as it has to be named."""
        acts_on = description.acts_on
        if self.intents is None or acts_on is None or acts_on.ends_within_s is None:
            return None
        sent = _sent(request)
        intent = self.intents.created(_as_told(sent[acts_on.id])) if acts_on.id in sent else None
        if intent is None or any(sent.get(name) != text for name, text in intent.same.items()):
            return None
        return intent


def _settles(ticket: Ticket, ends: Intent, response: RawResponse | None, now: float) -> bool:
    """Whether the answer to a request that ends a thing shows that nothing of it lives."""
    if is_ended(ticket.description, response):
        return True
    is_over = ends.is_embedded or (ends.ends_by is not None and now >= ends.ends_by)
    return is_over and is_missing(ticket.description, response)


def outcome(
    description: Description, response: RawResponse | None, arrived: RawResponse | None = None
) -> tuple[State, str | None]:
    """What an answer tells of a request that may have created something, and the id of what it created.

    Only a refusal in the words of the API, with a status from 400 to 499, says that nothing was: what stands in between
    may refuse a request that it has passed on. An id is believed whatever stands beside it, and also where it stands in
    an answer that is cut or not as it should be.

    Args:
        description: of the operation.
        response: the answer, or None.
        arrived: what had come of an answer that broke off.
    """
    answer = answer_of(description, response)
    member = description.creates.id if description.creates is not None else ""
    identifier = answer.body.get(member) if isinstance(answer.body, dict) else None
    if isinstance(identifier, str) and identifier:
        return "created", identifier
    if response is not None and _is_refusal(answer, response):
        return "refused", None
    came = response or arrived
    found = member_of(came.body, member) if came is not None and member else None
    return ("created", found) if found is not None else ("unknown", None)


def _is_refusal(answer: Answer, response: RawResponse) -> bool:
    """Whether the API itself refuses: by a code that is described, or a code and the id of the request."""
    if not 400 <= answer.status < 500:
        return False
    if answer.row is not None or answer.family is not None:
        return True
    if answer.is_json:
        return bool(answer.code) and isinstance(answer.body, dict) and "RequestId" in answer.body
    return all(member_of(response.body, name) is not None for name in ("Code", "RequestId"))


def is_ended(description: Description, response: RawResponse | None) -> bool:
    """Whether an answer of the operation that ends a thing tells that it ends."""
    return answer_of(description, response).kind == "success"


def is_missing(description: Description, response: RawResponse | None) -> bool:
    """Whether an answer tells that the thing is not there; a young one may be there all the same."""
    row = answer_of(description, response).row
    return row is not None and row.name in description.world.missing


def idle_limit_s(description: Description, creates: Creates, request: RawRequest) -> float | None:
    """Seconds without use after which what a request creates ends by itself, at the most; None: it does not.

    A target may read a text otherwise than it should, so one that breaks the documentation counts as the longest limit.
    """
    if creates.idle_limit is None:
        return None
    schema = description.nodes[creates.idle_limit].schema
    given = [text for name, text in _parameters(request) if name == creates.idle_limit]
    found = [_seconds(text) for text in given] or [schema.get("default")]
    if all(value is not None and validator(schema).is_valid(value) for value in found):
        return float(max(value for value in found if value is not None))
    longest = schema.get("maximum")
    return None if longest is None else float(max([longest, *(value for value in found if value is not None)]))


def _seconds(text: str) -> int | None:
    """The number that a text spells, if it is one; some decades stand for more."""
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= _DIGITS else 10**_DIGITS


def _as_told(text: str) -> str:
    """A text as an answer in JSON told it, which may have half a surrogate pair where a query has its bytes."""
    try:
        return octets(text).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return text


def _sent(request: RawRequest) -> dict[str, str]:
    """Name -> text; of a repeated parameter the first counts."""
    return dict(reversed(_parameters(request)))


def _parameters(request: RawRequest) -> Parameters:
    """What a request carries in its query and its body."""
    return decode_query(request.query)[0] + decode_query(request.body.decode("latin-1"))[0]
