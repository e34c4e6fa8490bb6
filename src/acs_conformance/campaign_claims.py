"""What only a whole campaign shows: ids that repeat, failures now and then, readings, and who is not there at all.

In: all exchanges of a campaign with their judgements. Out: observations and records. Pure; `campaign_judge` calls it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acs_conformance.description import Description
from acs_conformance.gateway_judge import is_locked_out, is_stand_in
from acs_conformance.observation import Judgement, Observation
from acs_conformance.record import Exchange

#: Cases with a broken answer that did not come again, from which on the target as a whole is unreliable.
UNRELIABLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRecord:
    """Which reading of an open question the target follows."""

    question: str
    #: A reading's name, "mixed", or "not observed".
    reading: str
    #: Reading -> numbers of the exchanges that show it.
    evidence: Mapping[str, tuple[int, ...]]


# --- who is not there -----------------------------------------------------------------------------------------------


def absentees(
    descriptions: Mapping[str, Description], exchanges: list[Exchange], judgements: Mapping[int, Judgement]
) -> dict[str, str]:
    """Operations and gateways that a target does not have and that nobody demanded, and how that is seen.

    They fail nothing and pass nothing: there is nothing to judge.
    """
    found: dict[str, str] = {}
    for exchange in exchanges:
        name, acts_on = exchange.operation, descriptions[exchange.operation].acts_on
        if exchange.action and acts_on is not None and not acts_on.is_demanded:
            opening = next((e for e in exchanges if e.operation == name and not e.action), None)
            if opening is not None and _is_same_answer(judgements[opening.number], judgements[exchange.number]):
                found[name] = (
                    f"the target answers {name} as it answers an operation that does not exist "
                    f"({judgements[exchange.number].answer}), so none of it is judged; name {name!r} to demand it"
                )
    for name, description in descriptions.items():
        if description.checks is not None:
            let_through = {e.case for e in exchanges if e.operation == name and judgements[e.number].is_accepted}
            if is_stand_in(description, description.checks, let_through):
                found[name] = (
                    "the target lets everybody in, so it is taken for a stand-in without a gateway, and none is "
                    f"judged; name {name!r} to demand one"
                )
    return found


def locked_out(
    descriptions: Mapping[str, Description], exchanges: list[Exchange], judgements: Mapping[int, Judgement]
) -> list[str]:
    """The gateways that let nobody in, so that what they refuse shows nothing."""
    return [
        name
        for name, description in descriptions.items()
        if description.checks is not None
        and is_locked_out(
            description, description.checks, {e.case: judgements[e.number] for e in exchanges if e.operation == name}
        )
    ]


def _is_same_answer(one: Judgement, other: Judgement) -> bool:
    def words(judgement: Judgement) -> tuple[object, ...]:
        answer = judgement.answer
        names = sorted(answer.body) if isinstance(answer.body, dict) else None
        return answer.status, answer.code, names

    return words(one) == words(other)


# --- what repeats, fails now and then, is read ----------------------------------------------------------------------


def repeated(
    descriptions: Mapping[str, Description], exchanges: list[Exchange], judgements: Mapping[int, Judgement]
) -> Iterator[Observation]:
    """Ids that have to be new each time."""
    seen: dict[tuple[str, str], int] = {}
    by_number = {exchange.number: exchange for exchange in exchanges}
    for exchange in exchanges:
        description = descriptions[exchange.operation]
        judgement = judgements[exchange.number]
        body = judgement.answer.body
        if not isinstance(body, dict) or description.checks is not None:
            continue
        for name, member in description.success_schema.get("properties", {}).items():
            value = body.get(name)
            if not member.get("x-never-repeats") or not isinstance(value, str) or not value:
                continue
            earlier = seen.setdefault((name, value), exchange.number)
            if earlier != exchange.number and _is_equal_creation(description, by_number[earlier], exchange, name):
                continue
            yield Observation(
                requirement=description.id(f"response.{name}.unique"),
                outcome="pass" if earlier == exchange.number else "fail",
                exchange=exchange.number,
                received="" if earlier == exchange.number else f"{name} {value!r}, as in exchange {earlier}",
                allowed=f"a {name} that no other answer had",
                cause="" if earlier == exchange.number else f"{name} repeats",
                earlier=0 if earlier == exchange.number else earlier,
            )


def _is_equal_creation(description: Description, earlier: Exchange, later: Exchange, name: str) -> bool:
    """Whether a creation was asked for by the very same request again, to which it may be the answer that it is there.

    That is open where names may be in use; an id of an answer, which is not the thing's, is new all the same.
    """
    is_open = any(question.trait == "in-use" for question in description.questions)
    is_things = description.creates is not None and description.creates.id == name
    return is_open and is_things and earlier.operation == later.operation and earlier.request == later.request


def availability(
    descriptions: Mapping[str, Description],
    exchanges: list[Exchange],
    judgements: Mapping[int, Judgement],
    unstable: list[str],
) -> Iterator[Observation]:
    """Whether each operation answers at all, and below 500."""
    shaken: dict[str, list[Exchange]] = defaultdict(list)
    for name in unstable:
        # The operation that broke, which another one's case may have called.
        broken = [e for e in exchanges if e.case == name and judgements[e.number].answer.kind == "broken"]
        last = ([e for e in broken if not e.is_unreachable] or broken)[-1]
        shaken[last.operation].append(last)
    for operation, description in descriptions.items():
        key = description.id("availability")
        mine = [exchange for exchange in exchanges if exchange.operation == operation]
        for exchange in mine:
            if judgements[exchange.number].answer.kind != "broken":  # a stale connection is neither
                yield Observation(requirement=key, outcome="pass", exchange=exchange.number)
        # What was under way when the target went away for a while is one outage, however many threads it met.
        away = {exchange.case for exchange in mine if exchange.is_unreachable}
        count = sum(last.case not in away for last in shaken[operation])
        for last in shaken[operation]:
            yield Observation(
                requirement=key,
                outcome="fail" if count >= UNRELIABLE else "inconclusive",
                exchange=last.number,
                received=f"{judgements[last.number].answer} to {len(shaken[operation])} of {len(mine)} requests, "
                "not again",
                allowed="any documented answer below 500",
                cause="now and then no answer or 5xx",
            )


def readings(
    descriptions: Mapping[str, Description], exchanges: list[Exchange], judgements: Mapping[int, Judgement]
) -> Iterator[ReadingRecord]:
    """Which reading of each open question the target follows."""
    evidence: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for exchange in exchanges:
        reading = judgements[exchange.number].reading
        if reading is not None:
            evidence[descriptions[exchange.operation].id(reading[0])][reading[1]].append(exchange.number)
    for description in descriptions.values():
        for question in description.questions:
            found = evidence.get(description.id(question.key), {})
            name = next(iter(found)) if len(found) == 1 else "mixed" if found else "not observed"
            yield ReadingRecord(
                question=description.id(question.key),
                reading=name,
                evidence={reading: tuple(numbers) for reading, numbers in sorted(found.items())},
            )
