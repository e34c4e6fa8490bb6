"""Judge one exchange: what it shows of each requirement.

In: an exchange and what the campaign has seen. Out: a `Judgement`: observations by requirement, what the target did,
and the reading it follows. Pure, and judged from the bytes that were sent: the case behind an exchange is not looked
at. What only many exchanges show is judged in `campaign_judge`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from acs_conformance.answer import Answer, answer_of
from acs_conformance.answer_body import Claim, body_claims
from acs_conformance.description import Description, ErrorRow, Json, get, locations
from acs_conformance.gateway_judge import judge_gateway
from acs_conformance.lifecycle_judge import forgotten_claims, shown_claims
from acs_conformance.message import RawRequest
from acs_conformance.observation import ACCEPTED, Judgement, Observation, Outcome
from acs_conformance.oracle import Expectation, expect
from acs_conformance.record import Exchange
from acs_conformance.standing import Standing
from acs_conformance.trait import Memory, claims
from acs_conformance.wire import Decoded, decode


def judge_exchange(description: Description, exchange: Exchange, memory: Memory) -> Judgement:
    """Judge one exchange.

    Args:
        description: the contract.
        exchange: as recorded.
        memory: identifiers seen to work anywhere in the campaign, and names taken by other requests.
    """
    if description.checks is not None:
        return judge_gateway(description, description.checks, exchange)
    decoded = decode(description, exchange.request)
    expectation = _expectation(description, exchange.request, decoded, memory)
    answer = answer_of(description, exchange.response, exchange.failure)
    judge = _Judge(description, exchange, expectation, answer, memory.standing)
    if exchange.action:
        return judge.stranger()
    if answer.kind == "broken" and not _is_unknown_method(description, exchange):
        return judge.broken()
    is_about_form = expectation.anything and answer.family == "product"  # a gateway may know no such method or action
    if answer.kind in ("throttled", "gateway") and not is_about_form:
        return judge.elsewhere()
    if answer.kind == "world" and memory.standing is None and not identifiers_work(description, decoded, memory):
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
    # How it stands decides; which one it is does not, and would keep equal requests from sharing an expectation.
    standing = replace(memory.standing, thing=None) if memory.standing is not None else None
    return _expect(description, request, Memory(taken=relevant, standing=standing))


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

    def __init__(
        self,
        description: Description,
        exchange: Exchange,
        expectation: Expectation,
        answer: Answer,
        standing: Standing | None,
    ) -> None:
        self.description = description
        self.exchange = exchange
        self.expectation = expectation
        self.answer = answer
        self.standing = standing
        self.observations: list[Observation] = []

    # --- the four ends ----------------------------------------------------------------------------------------------

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

    def stranger(self) -> Judgement:
        """An answer to a request for an operation that nobody describes, which shows only who listens."""
        return self._end(is_right=None, reason=f"{self.answer}: to an operation that does not exist")

    def conclusive(self) -> Judgement:
        """The target decided on the request."""
        expectation, answer = self.expectation, self.answer
        if expectation.anything and (expectation.success or answer.kind != "success"):
            return self._end(is_right=True, reading=self._outcome_as_reading())
        if answer.kind == "success":
            self._success_body()
            if self.standing is not None:
                self._see_claims(shown_claims(self.description, answer.body, self.standing))
            if expectation.success:
                if expectation.is_accept:
                    self._see("response.status", "pass")
                return self._end(is_right=True, reading=self._reading())
            return self._wrong(ACCEPTED)
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
        if self.standing is not None and not expectation.violations:
            self._see_claims(forgotten_claims(self.description, self.standing))
        return self._end(is_right=True, reading=self._reading())

    def _too_large(self) -> Judgement:
        """Refused for its size alone, as it may be; that does not show that a valid request is accepted."""
        return self._end(is_right=True, reason=f"{self.answer}: the request is longer than every target must take")

    # --- parts ------------------------------------------------------------------------------------------------------

    def _wrong(self, cause: str) -> Judgement:
        """The target decided otherwise than the contract; the first broken requirement answers for it."""
        violations = self.expectation.violations
        key = violations[0].key if violations and not self.expectation.success else "response.status"
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
        self._see_claims(body_claims(prefix, schema, self.answer, self.exchange.response, allowed))

    def _see_claims(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if claim.is_kept:
                self._see(claim.key, "pass")
            else:
                self._see(claim.key, "fail", received=claim.received, allowed=claim.allowed, cause=claim.cause)

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
        if max(self.exchange.target_bytes, len(self.exchange.request.target)) <= gateway.judged_up_to:
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
    if expectation.anything and not expectation.success:
        parts.append("any refusal")
    return " or ".join(parts)
