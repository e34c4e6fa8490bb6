"""Findings: failed requirements and changed readings, each with its smallest request and how to see it again.

In: results, the judged campaign, the exchanges. Out: plain data, as it stands in a report. Pure.
"""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acs_conformance import requirement as requirements_of
from acs_conformance.campaign_judge import CampaignJudgement
from acs_conformance.description import Description
from acs_conformance.judge import Observation
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.verdict import Result

#: Failures of one cause in so many requirements are one finding about the target as a whole.
_WHOLESALE = 8
#: Records of a question that say nothing definite, so that a change from or to them is none.
_INDEFINITE = ("mixed", "not observed")


def of_requirements(
    descriptions: Mapping[str, Description],
    results: Iterable[Result],
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    again: str,
) -> list[dict[str, Any]]:
    """One finding for each requirement and cause, each with its smallest request, in the requirements' order."""
    found = []
    for result in results:
        by_cause: dict[str, list[Observation]] = defaultdict(list)
        for failure in result.failures:
            by_cause[failure.cause].append(failure)
        for cause, failures in by_cause.items():
            found.append(
                _finding(descriptions[result.requirement.operation], result, cause, failures, judged, exchanges, again)
            )
    sharing = Counter(finding["cause"] for finding in found)
    for finding in found:
        finding["shared_by"] = sharing[finding["cause"]]
    return found


def _finding(
    description: Description,
    result: Result,
    cause: str,
    failures: list[Observation],
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    again: str,
) -> dict[str, Any]:
    smallest = min(failures, key=lambda failure: (len(exchanges[failure.exchange].request.target), failure.exchange))
    exchange = exchanges[smallest.exchange]
    case = judged.results[exchange.case]
    cases = {exchanges[failure.exchange].case for failure in failures}
    tried = [judged.results[name] for name in cases]
    requirement = result.requirement
    statements = {statement.id: statement for statement in description.statements}
    return {
        "id": f"{requirement.id}~{hashlib.sha256(cause.encode()).hexdigest()[:6]}",
        "requirement": requirement.id,
        "claim": requirement.claim,
        "statements": [{"id": name, "text": statements[name].text} for name in requirement.statements],
        "source": f"{description.file}:{requirement.line}",
        "case": case.case.id,
        "received": smallest.received,
        "allowed": smallest.allowed,
        "cause": cause,
        "exchange": exchange.number,
        "exchanges": [failure.exchange for failure in failures],
        "rate": {"failed": sum(r.failed for r in tried), "tried": sum(r.tried for r in tried)},
        "curl": curl(exchange.request),
        "replay": f"{again} --only {shlex.quote(case.case.id.partition('~')[0])}",
        "shared_by": 1,
    }


def of_readings(
    descriptions: Mapping[str, Description],
    judged: CampaignJudgement,
    exchanges: Mapping[int, Exchange],
    baseline: Mapping[str, str],
    again: str,
) -> list[dict[str, Any]]:
    """One finding for each open question whose reading differs from that of an earlier report.

    Args:
        descriptions: by operation.
        judged: the campaign.
        exchanges: by number.
        baseline: question id -> the reading then.
        again: the run as a command.
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
        found.append(
            {
                "id": f"{record.question}~changed",
                "requirement": record.question,
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
                "replay": f"{again} --only {shlex.quote(exchange.case)}",
                "shared_by": 1,
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
    results: Sequence[Result], findings: Sequence[Mapping[str, Any]], judged: CampaignJudgement, stopped: str
) -> str:
    """One line on what is going on, where there is more to say than the findings do."""
    answers = Counter(str(judgement.answer) for judgement in judged.judgements.values())
    if not answers:
        return stopped or "nothing was sent"
    (most, count), total = answers.most_common(1)[0], answers.total()
    parts = []
    if total > 1 and count == total:
        parts.append(f"all {total} requests were answered {most}")
    wholesale = Counter(finding["cause"] for finding in findings).most_common(1)
    if wholesale and wholesale[0][1] >= _WHOLESALE:
        cause, number = wholesale[0]
        words = {"accepted": "accepts invalid requests", "refused": "refuses valid requests"}.get(
            cause, f"fails by {cause!r}"
        )
        parts.append(f"the target {words}: {number} of {len(results)} requirements fail for this one cause")
    if stopped:
        parts.append(f"stopped early: {stopped}")
    return "; ".join(parts)
