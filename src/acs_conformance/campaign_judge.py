"""Judge a whole campaign: what only many exchanges show together.

In: the cases and all exchanges, in any order of completion. Out: `CampaignJudgement`: every observation with the
requirement it counts for, what became of each case, the readings the target follows. Pure: it runs during a campaign,
at its end, and again after shards are merged, with the same result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from acs_conformance.campaign_claims import ReadingRecord, absentees, availability, locked_out, readings, repeated
from acs_conformance.cases.case import Case, requirement_of
from acs_conformance.description import Description, Json
from acs_conformance.judge import identifiers, judge_exchange
from acs_conformance.observation import ACCEPTED, Judgement, Observation
from acs_conformance.record import STALE, Exchange
from acs_conformance.things import Things, times
from acs_conformance.trait import Memory, claims
from acs_conformance.wire import decode

#: So many of `ATTEMPTS` broken answers to one case make a failure; fewer are the day's weather.
BROKEN = 2
ATTEMPTS = 3

Status = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one case."""

    case: Case
    status: Status
    #: Why it is inconclusive.
    reason: str = ""
    #: Numbers of its exchanges.
    exchanges: tuple[int, ...] = ()
    #: Attempts that failed, and attempts in all: the rate of a fault that shows now and then.
    failed: int = 0
    tried: int = 0


@dataclass(frozen=True, kw_only=True)
class CampaignJudgement:
    """All that a campaign shows."""

    judgements: Mapping[int, Judgement]
    results: Mapping[str, CaseResult]
    observations: tuple[Observation, ...]
    readings: tuple[ReadingRecord, ...]
    #: Cases with a broken answer that did not come again.
    unstable: tuple[str, ...] = field(default=())
    #: Operations, or the gateway, that the target does not have, so that nothing is judged of them.
    absent: frozenset[str] = frozenset()
    #: What is left alone, and why.
    notes: tuple[str, ...] = field(default=())
    #: Kind of thing -> accepted requests that created one, and things that are known to have ended.
    created: Mapping[str, int] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)


def memory_of(descriptions: Mapping[str, Description], judged: Iterable[tuple[Exchange, Judgement]]) -> Memory:
    """What the accepted requests among `judged` have shown to work."""
    works: set[tuple[str, Json]] = set()
    for exchange, judgement in judged:
        if judgement.is_accepted:
            description = descriptions[exchange.operation]
            works |= identifiers(description, decode(description, exchange.request))
    return Memory(works=frozenset(works))


def judge_campaign(
    descriptions: Mapping[str, Description],
    cases: Mapping[str, Case],
    exchanges: Iterable[Exchange],
) -> CampaignJudgement:
    """Judge all exchanges of a campaign.

    Args:
        descriptions: by operation.
        cases: by id, those of the plan and those that were made to explain a failure.
        exchanges: all of them; the order of their numbers counts, not the order in which they come.
    """
    exchanges = sorted(exchanges, key=lambda exchange: exchange.number)
    judgements, things = _judgements(descriptions, exchanges)
    created, ended = _created_and_ended(descriptions, exchanges, judgements, things)
    absent = absentees(descriptions, exchanges, judgements)
    exchanges = [exchange for exchange in exchanges if cases[exchange.case].operation not in absent]
    # What lets nobody in leaves undecided what it seemed to fail; what ends the run tells why.
    locked = locked_out(descriptions, exchanges, judgements)
    telling = [exchange for exchange in exchanges if exchange.operation not in locked]
    observations = [o for exchange in telling for o in judgements[exchange.number].observations]
    grouped: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        grouped[exchange.case].append(exchange)
    results: dict[str, CaseResult] = {}
    unstable: list[str] = []
    # Where nothing ever answered, or only proxies and the like did, there is no target to say anything about.
    has_answered = any(
        exchange.response is not None and not judgements[exchange.number].answer.is_foreign for exchange in exchanges
    )
    for identifier, group in grouped.items():
        result, broken = _case_result(cases[identifier], group, judgements)
        if not has_answered or group[-1].operation in locked:
            reason = group[-1].failure or str(judgements[group[-1].number].answer)
            result, broken = replace(result, status="inconclusive", reason=reason), 0
        results[identifier] = result
        if broken:
            if result.status == "fail" and broken >= BROKEN:
                observations.append(_broken_observation(descriptions, group, judgements))
            elif not _fits_anything(group, judgements):
                unstable.append(identifier)
    observations = _blamed(observations, results, exchanges)
    observations += repeated(descriptions, exchanges, judgements)
    observations += availability(descriptions, exchanges, judgements, unstable)
    observations = observations if has_answered else []
    return CampaignJudgement(
        judgements=judgements,
        results=results,
        observations=tuple(observations),
        readings=tuple(readings(descriptions, telling, judgements)),
        unstable=tuple(unstable),
        absent=frozenset(absent),
        notes=tuple(absent.values()),
        created=created,
        ended=ended,
    )


def _created_and_ended(
    descriptions: Mapping[str, Description],
    exchanges: list[Exchange],
    judgements: Mapping[int, Judgement],
    things: Things,
) -> tuple[dict[str, int], dict[str, int]]:
    """What a campaign has left behind, by kind, as it stands after the last exchange."""
    created: dict[str, int] = {}
    for exchange in exchanges:
        creates = descriptions[exchange.operation].creates
        if creates is not None:
            created.setdefault(creates.thing, 0)
            created[creates.thing] += judgements[exchange.number].is_accepted
    over = things.over(max((times(exchange)[1] for exchange in exchanges), default=0.0))
    return created, {kind: over[kind] for kind in created}


def _judgements(
    descriptions: Mapping[str, Description], exchanges: list[Exchange]
) -> tuple[dict[int, Judgement], Things]:
    """Each exchange judged with what the whole campaign knows of identifiers, and with the names in use before it."""
    first = {e.number: judge_exchange(descriptions[e.operation], e, Memory()) for e in exchanges}
    works = memory_of(descriptions, ((exchange, first[exchange.number]) for exchange in exchanges)).works
    used: set[tuple[str, str, Json, Json]] = set()
    things = Things()
    for exchange in exchanges:
        if descriptions[exchange.operation].creates is not None:
            things.learn(descriptions[exchange.operation], exchange, first[exchange.number])
    final = {}
    for exchange in exchanges:
        description = descriptions[exchange.operation]
        judgement = first[exchange.number]
        decoded = decode(description, exchange.request)
        own = frozenset(claim for claim, _ in claims(description, decoded.document))
        taken = frozenset(claim for claim in own if (exchange.operation, *claim) in used)
        # A refused request takes nothing; one without a clear answer may have taken its names.
        if judgement.is_accepted or exchange.response is None or exchange.response.status >= 500:
            used.update((exchange.operation, *claim) for claim in own)
        standing = things.standing(description, exchange)
        # What is known of the campaign bears on nothing else.
        if taken or standing is not None or judgement.answer.kind == "world":
            judgement = judge_exchange(description, exchange, Memory(works=works, taken=taken, standing=standing))
        if description.acts_on is not None:
            things.learn(description, exchange, judgement)
        final[exchange.number] = judgement
    return final, things


def _case_result(case: Case, group: list[Exchange], judgements: Mapping[int, Judgement]) -> tuple[CaseResult, int]:
    """The result of one case, and how many of its attempts were broken."""
    attempts: dict[int, list[Exchange]] = defaultdict(list)
    for exchange in group:
        attempts[exchange.attempt].append(exchange)
    failed = broken = passed = 0
    reason = ""
    for sent in attempts.values():
        judged = [judgements[exchange.number] for exchange in sent]
        if any(exchange.failure == STALE for exchange in sent):
            reason = reason or STALE
        elif any(exchange.is_unreachable for exchange in sent):  # nothing was sent, so it says nothing of the request
            reason = reason or next(exchange.failure for exchange in sent if exchange.is_unreachable)
        elif any(judgement.is_right is False for judgement in judged):
            failed += 1
        elif any(judgement.is_right is None and judgement.answer.kind == "broken" for judgement in judged):
            broken += 1
            reason = reason or f"{judged[-1].answer}"
        elif case.kind == "robust" and judged[-1].answer.kind == "world":
            passed += 1  # it asks for no more than an answer below 500
        elif any(judgement.is_right is None for judgement in judged):
            reason = next(judgement.reason for judgement in judged if judgement.is_right is None)
        else:
            undecided = _undecided(case, judged, len({exchange.step for exchange in sent}))
            passed += not undecided
            reason = reason or undecided
    status: Status = "fail" if failed or broken >= BROKEN else "pass" if passed else "inconclusive"
    count = failed or broken
    result = CaseResult(
        case=case,
        status=status,
        reason="" if status == "pass" else reason,
        exchanges=tuple(exchange.number for exchange in group),
        failed=count,
        tried=len(attempts),
    )
    return result, broken


def _undecided(case: Case, judged: list[Judgement], steps: int) -> str:
    """Why right answers to all requests of a case, so many steps of it, decide nothing after all, or ""."""
    if case.signing and case.signing[-1].expects == "throttled":
        is_throttled = judged[-1].answer.kind == "throttled"
        return "" if is_throttled else f"{len(judged)} requests in a row were not throttled"
    if steps < len(case.steps):
        return "the sequence was not finished"
    if case.kind == "reject" and not any(_breaks(case, judgement) for judgement in judged):
        return "the request does not break what the case is about"  # a defect of ours
    if case.kind in ("opening", "accept", "sequence") and not judged[-1].is_accepted:
        # Right for its size alone, unless it is the thing that is missing, which shows that the request was understood.
        return "" if judged[-1].expectation.violations and not judged[-1].reason else judged[-1].reason or "refused"
    if case.kind == "lifecycle":
        shown = {observation.requirement for judgement in judged for observation in judgement.observations}
        missing = [requirement_of(aspect) for aspect in case.aspects if requirement_of(aspect) not in shown]
        return f"no answer showed {', '.join(missing)}" if missing else ""
    return ""


def _breaks(case: Case, judgement: Judgement) -> bool:
    """Whether the request breaks the requirement that names the case."""
    return any(case.requirement.endswith(f".{violation.key}") for violation in judgement.expectation.violations)


def _fits_anything(group: list[Exchange], judgements: Mapping[int, Judgement]) -> bool:
    """Whether no answer was broken after all."""
    return not any(
        judgements[e.number].answer.kind == "broken" and judgements[e.number].is_right is None for e in group
    )


def _broken_observation(
    descriptions: Mapping[str, Description], group: list[Exchange], judgements: Mapping[int, Judgement]
) -> Observation:
    """A case that breaks the target again and again fails its requirement, or availability where it has none."""
    last = next(e for e in reversed(group) if judgements[e.number].answer.kind == "broken")
    judgement = judgements[last.number]
    description = descriptions[last.operation]
    key = description.id("availability")
    if judgement.expectation.is_reject:
        key = description.id(judgement.expectation.violations[0].key) if judgement.expectation.violations else key
    elif judgement.expectation.is_accept:
        key = description.id("response.status")
    return Observation(
        requirement=key,
        outcome="fail",
        exchange=last.number,
        received=str(judgement.answer),
        allowed="any documented answer below 500",
        cause=f"answer {judgement.answer.status}" if judgement.answer.status else "no answer",
    )


# --- blame ----------------------------------------------------------------------------------------------------------


def parent_of(case_id: str) -> str:
    """The planned case that an explaining one was made for."""
    return case_id.partition("~")[0]


def _blamed(
    observations: list[Observation],
    results: Mapping[str, CaseResult],
    exchanges: list[Exchange],
) -> list[Observation]:
    """Failures of packed cases counted for the requirement that an explaining case has shown to be the broken one."""
    case_of = {exchange.number: exchange.case for exchange in exchanges}
    culprits = _culprits(results)
    blamed = []
    for observation in observations:
        case_id = case_of[observation.exchange]
        culprit = culprits.get(parent_of(case_id))
        # What is refused for a thing that is not there shows that the request was understood; another refusal does not.
        is_about_acceptance = observation.requirement.endswith(".response.status") or (
            observation.requirement.endswith((".known", ".same")) and observation.cause != ACCEPTED
        )
        if observation.outcome == "fail" and culprit and is_about_acceptance:
            observation = replace(observation, requirement=culprit)
        blamed.append(observation)
    return blamed


def _culprits(results: Mapping[str, CaseResult]) -> dict[str, str]:
    """Planned case -> the requirement that its failure counts for: that of the smallest failing explanation."""
    smallest: dict[str, Case] = {}
    for identifier, result in results.items():
        parent = parent_of(identifier)
        if identifier != parent and result.status == "fail":
            known = smallest.get(parent)
            if known is None or len(result.case.aspects) < len(known.aspects):
                smallest[parent] = result.case
    culprits = {parent: requirement_of(case.aspects[0]) for parent, case in smallest.items() if case.aspects}
    # A failing pack that shows an aspect already found broken needs no explanation of its own.
    broken = {
        case.aspects[0]: requirement
        for parent, case in smallest.items()
        if case.aspects
        for requirement in [culprits[parent]]
    }
    for identifier, result in results.items():
        if (
            result.status == "fail"
            and identifier not in culprits
            and result.case.kind in ("accept", "opening", "sequence")
        ):
            shared = next((aspect for aspect in result.case.aspects if aspect in broken), None)
            if shared is not None:
                culprits[identifier] = broken[shared]
    return culprits
