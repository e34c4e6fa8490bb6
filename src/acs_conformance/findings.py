"""Findings: failed requirements and changed readings, each with its smallest request and how to see it again.

In: results, the judged campaign, the exchanges. Out: plain data, as it stands in a report. Pure.
"""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acs_conformance import requirement as requirements_of
from acs_conformance.campaign_judge import CampaignJudgement
from acs_conformance.description import Description
from acs_conformance.deviation import Review
from acs_conformance.message import RawRequest
from acs_conformance.observation import Observation
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Names, request_of
from acs_conformance.verdict import Result

#: Failures of one cause in so many requirements are one finding about the target as a whole.
_WHOLESALE = 8
#: How an answer begins that did not come; the reason follows in brackets.
_NO_ANSWER = "no answer"
#: Causes that say what the target did, not why.
_UNSPECIFIC = ("accepted", "refused")
#: Records of a question that say nothing definite, so that a change from or to them is none.
_INDEFINITE = ("mixed", "not observed")

#: Results that fail for one cause, each with its failures of that cause.
_Failing = Sequence[tuple[Result, list[Observation]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What it takes to see a finding again."""

    #: The run as a command, without its selection.
    command: str
    #: Marks the names of the run.
    run_id: str
    #: Name of a secret in a description -> the environment's variable that holds it.
    secrets: Mapping[str, str] = field(default_factory=dict)


def of_requirements(
    descriptions: Mapping[str, Description],
    results: Iterable[Result],
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    again: Again,
    reviewed: Review,
) -> list[dict[str, Any]]:
    """One finding for each cause, with its smallest request and every requirement that fails for it.

    Failures of several requirements are one finding where they look alike beyond doubt, such as one undocumented code
    everywhere. Invalid requests that are accepted, or valid ones refused, have many causes until they are everywhere.
    What deviations cover and what they don't are never one finding.

    Args:
        descriptions: by operation.
        results: of the requirements.
        judged: the campaign.
        exchanges: by number.
        again: the run, for what is sent again.
        reviewed: the deviations.
    """
    by_cause: dict[tuple[str, str], list[tuple[Result, list[Observation]]]] = defaultdict(list)
    for result in results:
        split: dict[str, list[Observation]] = defaultdict(list)
        for failure in result.failures:
            split[failure.cause].append(failure)
        for cause, failures in split.items():
            by_cause[result.requirement.operation, cause].append((result, failures))
    operations = list(dict.fromkeys(operation for operation, _ in by_cause))
    found = []
    # What else is answered to invalid requests may come of what valid ones are refused for, so that comes first.
    ordered = sorted(by_cause.items(), key=lambda item: (operations.index(item[0][0]), item[0][1].startswith("code ")))
    for (operation, cause), failing in ordered:
        together = cause not in _UNSPECIFIC or len(failing) >= _WHOLESALE
        groups = [[one] for one in failing]
        if together:
            apart: dict[bool, list[tuple[Result, list[Observation]]]] = defaultdict(list)
            for one in failing:
                apart[reviewed.covers_cause(one[0].requirement.id, cause)].append(one)
            groups = list(apart.values())
        found += [
            {
                **_finding(descriptions, operation, cause, group, judged, exchanges, again),
                "is_covered": reviewed.covers_cause(group[0][0].requirement.id, cause),
                "deviations": _deviations(reviewed, cause, group),
            }
            for group in groups
        ]
    return found


def _deviations(reviewed: Review, cause: str, failing: _Failing) -> list[int]:
    """Positions of the deviations that cover these failures, or that would if they had not expired."""
    names = {result.requirement.id for result, _ in failing}
    mine = {n for (name, failure), n in reviewed.spoken_of.items() if name in names and failure.cause == cause}
    is_covered = all(reviewed.covers_cause(name, cause) for name in names)
    return sorted(n for n in mine if (reviewed.deviations[n].days_left >= 0) == is_covered)


def _finding(
    descriptions: Mapping[str, Description],
    operation: str,
    cause: str,
    failing: _Failing,
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    again: Again,
) -> dict[str, Any]:
    description = descriptions[operation]
    failures = [failure for _, each in failing for failure in each]
    smallest = min(failures, key=lambda failure: (len(exchanges[failure.exchange].request.target), failure.exchange))
    exchange = exchanges[smallest.exchange]
    case = judged.results[exchange.case]
    shown = {(exchanges[f.exchange].case, exchanges[f.exchange].attempt) for f in failures}
    cases = {name for name, _ in shown}
    tried = [judged.results[name] for name in cases]
    requirement = next(result.requirement for result, each in failing if smallest in each)
    statements = {statement.id: statement for statement in description.statements}
    identifier = f"{requirement.id}~{hashlib.sha256(cause.encode()).hexdigest()[:6]}"
    return {
        "id": identifier,
        "requirement": requirement.id,
        "requirements": [result.requirement.id for result, _ in failing],
        "claim": requirement.claim,
        "statements": [{"id": name, "text": statements[name].text} for name in requirement.statements],
        "source": f"{description.file}:{requirement.line}",
        "case": case.case.id,
        "received": smallest.received,
        "allowed": smallest.allowed,
        "cause": cause,
        "exchange": exchange.number,
        "exchanges": sorted(failure.exchange for failure in failures),
        # What an answer shows of a thing may be wrong while it is the right answer to its request: such attempts count.
        "rate": {"failed": max(sum(r.failed for r in tried), len(shown)), "tried": sum(r.tried for r in tried)},
        "curl": curl(exchange.request),
        **_again(identifier, (smallest.earlier, smallest.exchange), descriptions, exchanges, again),
    }


def _again(
    identifier: str,
    numbers: Sequence[int],
    descriptions: Mapping[str, Description],
    exchanges: Mapping[int, Exchange],
    again: Again,
) -> dict[str, Any]:
    """How to see it again: the requests that it takes, in order, and the commands.

    Args:
        identifier: of the finding.
        numbers: of the exchanges that show it; those before them in their cases belong to it too. 0 is none.
        descriptions: by operation.
        exchanges: by number.
        again: the run.
    """
    needed = {each.number: each for number in numbers if number for each in _up_to(number, exchanges)}
    ordered = [needed[number] for number in sorted(needed)]
    names = Names(again.run_id)
    return {
        "requests": [request_of(descriptions[each.operation], each, names, again.secrets) for each in ordered],
        "replay": f"acs-conformance replay report.json {shlex.quote(identifier)}",
        "again": f"{again.command} --only {shlex.quote(ordered[-1].case.partition('~')[0])}",
    }


def _up_to(number: int, exchanges: Mapping[int, Exchange]) -> Iterator[Exchange]:
    """An exchange and those before it in the same attempt at the same case; they follow one another."""
    last = exchanges[number]
    while number in exchanges and (exchanges[number].case, exchanges[number].attempt) == (last.case, last.attempt):
        yield exchanges[number]
        number -= 1


def of_readings(
    descriptions: Mapping[str, Description],
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    baseline: Mapping[str, str],
    again: Again,
) -> list[dict[str, Any]]:
    """One finding for each open question whose reading differs from that of an earlier report.

    Args:
        descriptions: by operation.
        judged: the campaign.
        exchanges: by number.
        baseline: question id -> the reading then.
        again: the run, for what is sent again.
    """
    questions = {d.id(q.key): (d, q) for d in descriptions.values() for q in d.questions}
    found = []
    for record in judged.readings:
        before = baseline.get(record.question, "not observed")
        if before == record.reading or before in _INDEFINITE or record.reading in _INDEFINITE:
            continue
        description, question = questions[record.question]
        exchange = exchanges[record.evidence[record.reading][0]]
        statements = [
            {"id": statement.id, "text": statement.text}
            for statement in description.statements
            if question in requirements_of.statement_questions(description, statement)
        ]
        identifier = f"{record.question}~changed"
        found.append(
            {
                "id": identifier,
                "requirement": record.question,
                "requirements": [record.question],
                "claim": question.question,
                "statements": statements,
                "source": f"{description.file}:{question.line}" if question.line else "spec/_common/rpc.yaml",
                "case": exchange.case,
                "received": f"reading {record.reading!r}",
                "allowed": f"reading {before!r}, as in the baseline",
                "cause": "reading changed",
                "exchange": exchange.number,
                "exchanges": list(record.evidence[record.reading]),
                "rate": {"failed": len(record.evidence[record.reading]), "tried": len(record.evidence[record.reading])},
                "curl": curl(exchange.request),
                **_again(identifier, (exchange.number,), descriptions, exchanges, again),
                "is_covered": False,
                "deviations": [],
            }
        )
    return found


def curl(request: RawRequest) -> str:
    """The request as a curl command; the signature's headers are for the reader's own tool to add."""
    # A target is percent-encoded ASCII, so double quotes are safe around it and let the variable be replaced.
    parts = ["curl", "-sS", "-X", request.method, f'"$ACS_ENDPOINT{request.target}"']
    for name, value in request.headers:
        parts += ["-H", shlex.quote(f"{name}: {value}")]
    parts += ["-H", '"Authorization: $ACS_AUTHORIZATION"']
    if request.body:
        parts += ["--data-raw", shlex.quote(request.body.decode("latin-1"))]
    return " ".join(parts)


def diagnosis(
    results: Sequence[Result],
    findings: Sequence[Mapping[str, Any]],
    judged: CampaignJudgement,
    stopped: str,
    allowed: Collection[str] = (),
    unsent: Collection[str] = (),
) -> str:
    """One line on what is going on, where there is more to say than the findings do.

    Args:
        results: of the selected requirements.
        findings: about them.
        judged: the campaign.
        stopped: why it ended early, or "".
        allowed: ids of requirements that may stay undecided.
        unsent: why cases were not sent to their end.
    """
    answers = Counter(str(judgement.answer) for judgement in judged.judgements.values())
    left = [f"{number} cases {reason}" for reason, number in Counter(unsent).most_common()]
    if not answers:
        return stopped or "; ".join(["nothing was sent", *left])
    (most, count), total = answers.most_common(1)[0], answers.total()
    parts = []
    if total > 1 and count == total:
        if most.startswith(_NO_ANSWER):
            parts.append(f"none of the {total} requests was answered: {most.removeprefix(_NO_ANSWER).strip(' ()')}")
        else:
            parts.append(f"all {total} requests were answered {most}")
    uncovered = [finding for finding in findings if not finding["is_covered"]]
    widest = max(uncovered, key=lambda finding: len(finding["requirements"]), default=None)
    if widest is not None and len(widest["requirements"]) >= _WHOLESALE:
        cause, number = widest["cause"], len(widest["requirements"])
        words = {"accepted": "accepts invalid requests", "refused": "refuses valid requests"}.get(
            cause, f"fails by {cause!r}"
        )
        parts.append(f"the target {words}: {number} of {len(results)} requirements fail for this one cause")
    parts += judged.notes
    parts += left
    tolerated = sum(result.is_undecided and result.requirement.id in allowed for result in results)
    if tolerated:
        parts.append(f"{tolerated} requirements stayed undecided, as they may")
    if stopped:
        parts.append(f"stopped early: {stopped}")
    return "; ".join(parts)
