"""Judge one exchange: what it shows of each requirement.

In: an exchange and what the campaign has seen. Out: a `Judgement`: observations by requirement, what the target did,
and the reading it follows. Pure, and judged from the bytes that were sent: the case behind an exchange is not looked
at. What only many exchanges show is judged in `campaign_judge`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from acs_conformance.answer import Answer, answer_of
from acs_conformance.description import Description, ErrorRow, Json, get, locations
from acs_conformance.message import RawRequest
from acs_conformance.oracle import Expectation, expect
from acs_conformance.record import BODY_LIMIT, Exchange
from acs_conformance.trait import Memory, claims
from acs_conformance.violation import compiled
from acs_conformance.wire import Decoded, decode

Outcome = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one exchange shows of one requirement."""

    #: Id of the requirement.
    requirement: str
    outcome: Outcome
    #: Number of the exchange.
    exchange: int
    #: What came and what would have been allowed, for people.
    received: str = ""
    allowed: str = ""
    #: Short and stable: equal for failures that look alike, whatever the request.
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that one exchange shows."""

    answer: Answer
    expectation: Expectation
    observations: tuple[Observation, ...]
    #: Whether the target did what the contract allows with the request, None where the answer says nothing about it.
    is_right: bool | None
    #: Why it says nothing.
    reason: str = ""
    #: (question key, reading name) where exactly one reading explains the answer.
    reading: tuple[str, str] | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the target took the request."""
        return self.answer.kind == "success"


def judge_exchange(description: Description, exchange: Exchange, memory: Memory) -> Judgement:
    """Judge one exchange.

    Args:
        description: the contract.
        exchange: as recorded.
        memory: identifiers seen to work anywhere in the campaign, and names taken by other requests.
    """
    decoded = decode(description, exchange.request)
    expectation = _expectation(description, exchange.request, decoded, memory)
    answer = answer_of(description, exchange.response, exchange.failure)
    judge = _Judge(description, exchange, expectation, answer)
    if answer.kind == "broken" and not _is_unknown_method(description, exchange):
        return judge.broken()
    is_about_form = expectation.anything and answer.family == "product"  # a gateway may know no such method or action
    if answer.kind in ("throttled", "gateway") and not is_about_form:
        return judge.elsewhere()
    if answer.kind == "world" and not identifiers_work(description, decoded, memory):
        return judge.elsewhere()
    return judge.conclusive()


def _is_unknown_method(description: Description, exchange: Exchange) -> bool:
    """Whether another method than the documented one is answered 501, which is HTTP's own word for it.

    Source: RFC 9110, 15.6.2.
    """
    is_501 = exchange.response is not None and exchange.response.status == 501
    return is_501 and exchange.request.method != description.method


@functools.lru_cache(maxsize=8192)
def _expect(description: Description, request: RawRequest, memory: Memory) -> Expectation:
    return expect(description, request, memory, decode(description, request))


def _expectation(description: Description, request: RawRequest, decoded: Decoded, memory: Memory) -> Expectation:
    """Only the names that this very request takes matter to the oracle; so most requests share the empty memory."""
    relevant = frozenset(claim for claim, _ in claims(description, decoded.document) if claim in memory.taken)
    return _expect(description, request, Memory(taken=relevant))


def identifiers(description: Description, decoded: Decoded) -> frozenset[tuple[str, Json]]:
    """(path, value) of what the request names in the world."""
    return frozenset(
        (path, value)
        for path, node in description.nodes.items()
        if node.identifier in ("bound", "run")
        for value in (get(decoded.document, location) for location in locations(decoded.document, path))
        if isinstance(value, str)
    )


def identifiers_work(description: Description, decoded: Decoded, memory: Memory) -> bool:
    """Whether everything that the request names was in some accepted request of the campaign.

    A required identifier that is not there, or not a text, can't be looked up either, so it leaves the rest to count.
    """
    named = identifiers(description, decoded)
    return bool(named) and named <= memory.works


class _Judge:
    """One exchange's observations, gathered."""

    def __init__(self, description: Description, exchange: Exchange, expectation: Expectation, answer: Answer) -> None:
        self.description = description
        self.exchange = exchange
        self.expectation = expectation
        self.answer = answer
        self.observations: list[Observation] = []

    # --- the three ends ---------------------------------------------------------------------------------------------

    def broken(self) -> Judgement:
        """A 5xx or no answer: its weight depends on whether it comes again, which `campaign_judge` decides."""
        row = self.answer.row
        if row is not None:
            self._error_body(row)
        if self._is_too_large():
            return self._too_large()
        return self._end(is_right=None, reason=str(self.answer))

    def elsewhere(self) -> Judgement:
        """An answer about the world, the caller or the moment; only its documented form can be judged."""
        if self.answer.row is not None:
            self._error_body(self.answer.row)
        family = self.answer.family or ("throttled" if self.answer.kind == "throttled" else "world")
        meaning = self.description.gateway.meanings.get(family, "what the request names is not known to work there")
        return self._end(is_right=None, reason=f"{self.answer}: {meaning}")

    def conclusive(self) -> Judgement:
        """The target decided on the request."""
        expectation, answer = self.expectation, self.answer
        if expectation.anything:
            return self._end(is_right=True, reading=self._outcome_as_reading())
        if answer.kind == "success":
            self._success_body()
            if expectation.success:
                if expectation.is_accept:
                    self._see("response.status", "pass")
                return self._end(is_right=True, reading=self._reading())
            return self._wrong("accepted")
        if answer.kind == "other" or (answer.kind == "refusal" and not 400 <= answer.status < 500 and not answer.row):
            return self._wrong(f"status {answer.status}")
        if self._is_too_large():
            return self._too_large()
        self._error_body(answer.row)
        if not expectation.refusals:
            return self._wrong("refused")
        return self._refused()

    def _refused(self) -> Judgement:
        expectation, answer = self.expectation, self.answer
        allowed_statuses = {self.description.errors[name].status for name in expectation.refusals}
        if answer.row is not None:
            is_right = answer.row.name in expectation.refusals
        else:
            # Without any code the body's own requirements have failed; the status still shows what was decided.
            is_right = answer.code is None and answer.status in allowed_statuses
        if not is_right:
            return self._wrong(f"code {answer.row.name if answer.row else answer.code or 'none'}")
        for violation in expectation.violations[:1] if expectation.is_reject else ():
            self._see(violation.key, "pass")
        return self._end(is_right=True, reading=self._reading())

    def _too_large(self) -> Judgement:
        """Refused for its size alone, as it may be; that does not show that a valid request is accepted."""
        return self._end(is_right=True, reason=f"{self.answer}: the request is longer than every target must take")

    # --- parts ------------------------------------------------------------------------------------------------------

    def _wrong(self, cause: str) -> Judgement:
        """The target decided otherwise than the contract; the first broken requirement answers for it."""
        violations = self.expectation.violations
        key = violations[0].key if violations and self.expectation.is_reject else "response.status"
        self._see(
            key,
            "fail",
            received=self._received(),
            allowed=allowed_text(self.description, self.expectation),
            cause=cause,
        )
        return self._end(is_right=False)

    def _received(self) -> str:
        if self.answer.kind == "success":
            return f"{self.answer.status}, accepted"
        return str(self.answer)

    def _success_body(self) -> None:
        schema = self.description.success_schema
        self._body("response", schema, f"a body as documented for {self.description.success_status}")

    def _error_body(self, row: ErrorRow | None) -> None:
        schema = row.schema if row is not None else next(iter(self.description.errors.values())).schema
        self._body("error", schema, "an error body as documented")
        if row is not None:
            if self.answer.status == row.status:
                self._see(f"error.{row.name}", "pass")
            else:
                received, allowed = f"{self.answer}", f"status {row.status} with {row.name}"
                self._see(
                    f"error.{row.name}",
                    "fail",
                    received=received,
                    allowed=allowed,
                    cause=f"status {self.answer.status}",
                )

    def _body(self, prefix: Literal["response", "error"], schema: Mapping[str, Json], allowed: str) -> None:
        """Content type, JSON, and each member against `schema`."""
        answer = self.answer
        media = answer.media_type or "no content type"
        self._claim(
            f"{prefix}.contentType", answer.media_type == "application/json", media, "application/json", "content type"
        )
        if self.exchange.response is not None and len(self.exchange.response.body) >= BODY_LIMIT:
            received = f"{BODY_LIMIT} bytes or more"
            self._claim(f"{prefix}.type", False, received, allowed, "body too long")
            return
        shown = "JSON" if answer.is_json else "a body that is not JSON"
        self._claim(f"{prefix}.type", isinstance(answer.body, dict), shown, "a JSON object", "not a JSON object")
        if isinstance(answer.body, dict):
            for key, is_kept, received in member_claims(prefix, schema, answer.body):
                self._claim(key, is_kept, received, allowed, key)

    def _claim(self, key: str, is_kept: bool, received: str, allowed: str, cause: str) -> None:
        if is_kept:
            self._see(key, "pass")
        else:
            self._see(key, "fail", received=received, allowed=allowed, cause=cause)

    def _see(self, key: str, outcome: Outcome, received: str = "", allowed: str = "", cause: str = "") -> None:
        self.observations.append(
            Observation(
                requirement=self.description.id(key),
                outcome=outcome,
                exchange=self.exchange.number,
                received=received,
                allowed=allowed,
                cause=cause,
            )
        )

    def _is_too_large(self) -> bool:
        gateway = self.description.gateway
        if len(self.exchange.request.target) <= gateway.judged_up_to:
            return False
        return self.answer.status == 0 or self.answer.status in gateway.too_large

    def _reading(self) -> tuple[str, str] | None:
        """The one reading that explains the answer, if the request raises one question and others can't explain it."""
        if self.expectation.readings is None:
            return None
        row = self.answer.row.name if self.answer.row else ""
        explaining = [
            name
            for name, (can_succeed, rows) in self.expectation.readings.items()
            if (can_succeed if self.answer.kind == "success" else row in rows)
        ]
        return (self.expectation.questions[0], explaining[0]) if len(explaining) == 1 else None

    def _outcome_as_reading(self) -> tuple[str, str] | None:
        if len(self.expectation.questions) != 1:
            return None
        return self.expectation.questions[0], "accepted" if self.answer.kind == "success" else "refused"

    def _end(self, *, is_right: bool | None, reason: str = "", reading: tuple[str, str] | None = None) -> Judgement:
        return Judgement(
            answer=self.answer,
            expectation=self.expectation,
            observations=tuple(self.observations),
            is_right=is_right,
            reason=reason,
            reading=reading,
        )


def allowed_text(description: Description, expectation: Expectation) -> str:
    """The allowed answers in words, such as "400 InvalidParameter… or MissingParameter…"."""
    parts = [f"{description.success_status}"] if expectation.success else []
    for name in sorted(expectation.refusals):
        row = description.errors[name]
        suffix = "…" if "pattern" in row.schema["properties"]["Code"] else ""
        parts.append(f"{row.status} {name}{suffix}")
    return " or ".join(parts)


def member_claims(prefix: str, schema: Mapping[str, Json], body: Mapping[str, Json]) -> Iterator[tuple[str, bool, str]]:
    """Key, whether it is kept, and what came, for each claim that `schema` makes about the members of `body`."""
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        if name not in body:
            if name in schema.get("required", []):
                yield f"{path}.required", False, f"no {name}"
            continue
        if name in schema.get("required", []):
            yield f"{path}.required", True, ""
        value = body[name]
        if not _TYPES[member["type"]](value):
            yield f"{path}.type", False, f"{name} is {_shown(value)}"
            continue
        yield f"{path}.type", True, ""
        for keyword, is_kept in _KEYWORDS.items():
            # A row's own Code pattern chose the row, so it is not a claim about the body.
            if keyword in member and not (prefix == "error" and name == "Code"):
                yield f"{path}.{keyword}", is_kept(member[keyword], value), f"{name} is {_shown(value)}"
        if member["type"] == "object":
            yield from member_claims(path, member, value)


_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}

#: Keywords that a member of an answer is held to once its type is right. Written out rather than left to a validator:
#: this runs for every member of every answer.
_KEYWORDS: Mapping[str, Callable[[Json, Json], bool]] = {
    "minLength": lambda limit, value: len(value) >= limit,
    "pattern": lambda pattern, value: compiled(pattern).fullmatch(value) is not None,
    "enum": lambda options, value: value in options,
}


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
