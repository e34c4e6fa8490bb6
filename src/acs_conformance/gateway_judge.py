"""Judge an exchange that asks for a check of the gateway.

In: the exchange, and the gateway's checks. Out: a `Judgement`. Unlike elsewhere the case is looked at: how a request
was signed is in no record, for the record holds no signature.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from acs_conformance.answer import Answer, answer_of
from acs_conformance.answer_body import body_claims
from acs_conformance.description import Description
from acs_conformance.gateway_checks import Check, Checks, Signing
from acs_conformance.observation import Judgement, Observation
from acs_conformance.oracle import Expectation, expect
from acs_conformance.record import Exchange
from acs_conformance.trait import Memory

#: Families of codes by which a gateway answers, as spec/_common/rpc.yaml names them.
_FAMILIES: Final = ("authentication", "authorization", "product")


def check_of(description: Description, checks: Checks, case: str) -> tuple[Check, tuple[Signing, ...]]:
    """The check that a case asks for, and how its requests are signed.

    Args:
        description: of the gateway.
        checks: its checks.
        case: id of the case.
    """
    key, _, name = case.removeprefix(f"{description.operation}.").partition("#")
    check = checks.by_key[key]
    if check.expects == "throttled":
        return check, ()
    return check, next(variation.steps for variation in check.variations if variation.name == name)


def is_stand_in(description: Description, checks: Checks, let_through: Container[str]) -> bool:
    """Whether a target lets everybody in: a stand-in whose gateway there is nothing to say about.

    Args:
        description: of the gateway.
        checks: its checks.
        let_through: ids of the cases whose last request it let through.
    """
    if checks.are_demanded:
        return False
    telling = [checks.by_key[key] for key in checks.authenticates]
    return all(
        description.id(f"{check.key}#{variation.name}") in let_through
        for check in telling
        for variation in check.variations
    )


def is_locked_out(description: Description, checks: Checks, seen: Mapping[str, Judgement]) -> bool:
    """Whether the first well signed request of every scheme was refused for its credentials, its time or its caller.

    That says nothing of the checks: a gateway that gets one scheme wrong takes the other, while a wrong secret or clock
    spoils both.

    Args:
        description: of the gateway.
        checks: its checks.
        seen: id of a case -> the judgement on its last request.
    """
    firsts = [(checks.by_key[key], description.id(key)) for key in checks.taken.values()]
    found = [seen.get(f"{name}#{check.variations[0].name}") for check, name in firsts]
    return all(each is not None and each.answer.family in ("authentication", "authorization") for each in found)


def is_pointless(
    description: Description, checks: Checks, case: str, seen: Mapping[str, Judgement], *, has_token: bool
) -> bool:
    """Whether a case would show nothing, after what came of others.

    Args:
        description: of the gateway.
        checks: its checks.
        case: id of the case.
        seen: id of a case -> the judgement on its last request.
        has_token: whether requests are signed with temporary credentials.
    """
    check, _ = check_of(description, checks, case)
    if check.needs_token and not has_token:
        return True
    if is_stand_in(description, checks, {name for name, judgement in seen.items() if judgement.is_accepted}):
        return True
    own = checks.by_key[checks.taken[check.scheme]]
    first = description.id(f"{own.key}#{own.variations[0].name}")
    if case == first or first not in seen:
        return False
    return seen[first].is_right is not True or seen[first].reading == (own.key, "refused")


def judge_gateway(description: Description, checks: Checks, exchange: Exchange) -> Judgement:
    """Judge one exchange.

    Args:
        description: of the gateway.
        checks: its checks.
        exchange: as recorded.
    """
    check, steps = check_of(description, checks, exchange.case)
    answer = answer_of(description, exchange.response, exchange.failure)
    how = steps[exchange.step] if steps else Signing(scheme=check.scheme, expects=check.expects)
    return _Judge(description, checks, check, how, exchange, answer).judge()


class _Judge:
    """One exchange's observations, gathered."""

    def __init__(
        self,
        description: Description,
        checks: Checks,
        check: Check,
        how: Signing,
        exchange: Exchange,
        answer: Answer,
    ) -> None:
        self.description = description
        self.checks = checks
        self.check = check
        self.how = how
        self.exchange = exchange
        self.answer = answer
        self.observations: list[Observation] = []

    def judge(self) -> Judgement:
        answer, how = self.answer, self.how
        fitting = [a.name for a in self.check.answers if a.fits(answer.status, answer.code)]
        if how.expects in ("refused", "throttled") and fitting:
            return self._refused(fitting[0])
        if how.expects == "throttled":
            return self._wrong(f"answer {answer}") if answer.kind == "throttled" else self._end(True)
        if answer.kind in ("broken", "throttled"):
            return self._end(None, reason=str(answer))
        is_gateway = answer.family in _FAMILIES
        if how.expects == "open":
            is_refused = is_gateway or not self._is_of_operation()
            return self._end(True, reading=(self.check.key, "refused" if is_refused else "passes"))
        if how.expects == "refused":
            return self._wrong("accepted" if answer.kind == "success" else f"answer {answer}")
        if is_gateway or answer.kind == "other":
            return self._wrong(f"answer {answer}")
        self._see(self.check.key, "pass")
        return self._end(True)

    def _is_of_operation(self) -> bool:
        """Whether an answer is one of the operation to this request: both know codes for something that is missing."""
        carrier, row = self.description.carrier, self.answer.row
        if self.answer.kind == "success":
            return True
        if row is None or carrier is None:
            return False
        if self.how.is_form:
            return True
        world = (*carrier.world.missing, *carrier.world.forbidden)
        return row.name in world or row.name in expect(carrier, self.exchange.request, Memory()).refusals

    def _refused(self, name: str) -> Judgement:
        self._see(self.check.key, "pass")
        for claim in body_claims(
            "error", self.checks.error, self.answer, self.exchange.response, "a body as documented"
        ):
            if claim.is_kept:
                self._see(claim.key, "pass")
            elif self.answer.code is not None:
                # An answer without any code comes from what stands before the gateway, and is allowed as such.
                self._see(claim.key, "fail", claim.received, claim.allowed, claim.cause)
        many = len(self.check.answers) > 1
        return self._end(True, reading=(self.check.answer_question, name) if many else None)

    def _wrong(self, cause: str) -> Judgement:
        received = f"{self.answer.status}, accepted" if self.answer.kind == "success" else str(self.answer)
        self._see(self.check.key, "fail", received, self._allowed(), cause)
        return self._end(False)

    def _allowed(self) -> str:
        if self.how.expects == "passes":
            return "any answer of the operation"
        parts = dict.fromkeys(
            f"{min(answer.statuses)} {answer.codes[0].replace('*', '…')}"
            for answer in self.check.answers
            if answer.codes != ("*",)
        )
        return " or ".join(parts)

    def _see(self, key: str, outcome: str, received: str = "", allowed: str = "", cause: str = "") -> None:
        self.observations.append(
            Observation(
                requirement=self.description.id(key),
                outcome="pass" if outcome == "pass" else "fail",
                exchange=self.exchange.number,
                received=received,
                allowed=allowed,
                cause=cause,
            )
        )

    def _end(self, is_right: bool | None, *, reason: str = "", reading: tuple[str, str] | None = None) -> Judgement:
        return Judgement(
            answer=self.answer,
            expectation=Expectation(
                success=self.how.expects != "refused",
                refusals=frozenset({"gateway"}) if self.how.expects != "passes" else frozenset(),
                violations=(),
                anything=self.how.expects == "open",
            ),
            observations=tuple(self.observations),
            is_right=is_right,
            reason=reason,
            reading=reading,
        )
