"""Preflight: whether a target is what it is taken for, found out by one request that creates nothing.

In: a recorder and a description. Out: a `Preflight`: the answer, and what is in the way of a run. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acs_conformance.answer import Answer, answer_of
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.errors import UsageError
from acs_conformance.exchange import Recorder
from acs_conformance.obstacle import Obstacle, clock_offset_s, obstacle_of
from acs_conformance.violation import validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What one request has shown."""

    #: What was asked, such as "ListItems without Name".
    asked: str
    answer: Answer
    elapsed_s: float
    #: Seconds by which the target's clock is ahead of ours; None where its answer doesn't tell.
    clock_offset_s: float | None
    #: Why a run would show nothing; None where it can begin.
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class Harmless:
    """A request that its operation has to refuse, whatever the target knows."""

    description: Description
    case: Case
    #: The required parameter that it lacks.
    lacks: str


def harmless(descriptions: Iterable[Description]) -> Harmless:
    """The request to ask with: without a required parameter, so that it creates nothing.

    Of an operation that every target has: one that creates something rather than one that acts on it, for what is to be
    found out is whether things can be created.

    Raises:
        UsageError: no operation requires anything.
    """
    for description in sorted(descriptions, key=lambda each: (each.acts_on is not None, each.creates is not None)):
        required = [node for node in description.parameters if node.required and description.checks is None]
        if required:
            # Identifiers stay: a target that looks them up first can tell whether it knows them.
            lacks = next((node for node in reversed(required) if node.identifier != "bound"), required[-1]).path
            identifier = description.id(f"{lacks}.required#preflight")
            case = single(identifier, description.operation, "reject", [Edit("remove", (lacks,))])
            return Harmless(description, case, lacks)
    raise UsageError(
        "no described operation requires a parameter, so there is no request that certainly creates nothing"
    )


def ask(recorder: Recorder, request: Harmless, context: Context) -> Preflight:
    """Send the request once, and tell what its answer shows."""
    description = request.description
    raw = render(description, request.case, 0, context)
    exchange, _ = recorder.exchange(description, raw, number=1, case=request.case.id, step=0, attempt=0)
    answer = answer_of(description, exchange.response, exchange.failure)
    return Preflight(
        asked=f"{description.operation} without {request.lacks}",
        answer=answer,
        elapsed_s=exchange.elapsed_s,
        clock_offset_s=clock_offset_s(exchange),
        obstacle=obstacle_of(description, exchange) or _unexpected(request, answer),
    )


def _unexpected(request: Harmless, answer: Answer) -> Obstacle | None:
    """An answer that no endpoint of the operation gives to such a request."""
    if answer.row is not None:
        return None
    if answer.kind == "success" and validator(request.description.success_schema).is_valid(answer.body):
        return Obstacle(
            "contract",
            f"the target takes a request without {request.lacks}, which is required; it may have created something",
        )
    return Obstacle("endpoint", "the operation documents no such answer; is this an endpoint of another product?")
