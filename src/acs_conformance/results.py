"""The results model: what report.json holds, and the only thing that writers of reports see.

In: plans, exchanges, the judged campaign. Out: plain JSON data in the shape of `report/report.schema.json`. Pure, and
the same for the same journal, whoever ran it.
"""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from acs_conformance import requirement as requirements_of
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case
from acs_conformance.description import Description
from acs_conformance.judge import Observation
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.requirement import Requirement
from acs_conformance.verdict import ExitCode, Result, Verdict, exit_code, verdicts

#: Version of the shape; a change that breaks a reader raises the first number.
SCHEMA_VERSION = "1.0"
#: Failures of one cause in so many requirements are one finding about the target as a whole.
_WHOLESALE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What is known of a run before it starts."""

    run_id: str
    seed: int
    depth: str
    tool_version: str
    target_url: str
    #: "embedded emulator", "given URL" or the name of a profile.
    target_kind: str
    started_at: float
    #: The pattern that selected requirements, or "".
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished or interrupted run, judged."""

    report: Mapping[str, Any]
    results: tuple[Result, ...]
    exit_code: ExitCode


def assemble(
    info: RunInfo,
    plans: Sequence[Plan],
    selected: Mapping[str, Sequence[Requirement]],
    cases: Mapping[str, Case],
    exchanges: Sequence[Exchange],
    *,
    stopped: str = "",
    is_complete: bool = True,
    now: float,
    has_error: bool = False,
) -> Outcome:
    """Judge what has been recorded and put it into the shape of a report.

    Args:
        info: of the run.
        plans: one for each operation.
        selected: operation -> the requirements that were asked for.
        cases: by id, planned and explaining ones.
        exchanges: all so far.
        stopped: why the run ended early, or "".
        is_complete: whether the run has ended.
        now: Unix seconds.
        has_error: whether the tool itself failed.
    """
    descriptions = {plan.description.operation: plan.description for plan in plans}
    judged = judge_campaign(descriptions, cases, exchanges)
    pending = "the run has not ended" if not is_complete and not stopped else stopped
    results: list[Result] = []
    for plan in plans:
        chosen = selected[plan.description.operation]
        results += verdicts(chosen, plan.aspects, judged, stopped=pending)
    code = exit_code(results, has_error=has_error)
    by_number = {exchange.number: exchange for exchange in exchanges}
    findings = _findings(descriptions, results, judged, by_number, _command(info))
    counts = Counter(str(result.verdict) for result in results)
    report: dict[str, Any] = {
        "$schema": f"urn:acs-conformance:report:{SCHEMA_VERSION}",
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": info.run_id,
            "seed": info.seed,
            "depth": info.depth,
            "only": info.only,
            "tool": {"name": "acs-conformance", "version": info.tool_version},
            "started_at": _iso(info.started_at),
            "ended_at": _iso(now),
            "seconds": round(now - info.started_at, 3),
            "is_complete": is_complete,
            "stopped": stopped,
            "exit_code": int(code),
            "verdict": _overall(code),
            "diagnosis": diagnosis(results, findings, judged, stopped),
            "counts": {str(verdict): counts.get(str(verdict), 0) for verdict in Verdict},
            "selected": len(results),
            "exercised": sum(result.passed + result.failed > 0 for result in results),
            "conclusive": sum(result.verdict in (Verdict.PASS, Verdict.FAIL) for result in results),
        },
        "target": {"url": info.target_url, "kind": info.target_kind},
        "descriptions": [_description(description) for description in descriptions.values()],
        "statements": [row for description in descriptions.values() for row in _statements(description, results)],
        "requirements": [_requirement(result) for result in results],
        "readings": _readings(descriptions, judged),
        "findings": findings,
        "exchanges": [_exchange(exchange, judged) for exchange in sorted(exchanges, key=lambda e: e.number)],
        "budget": {
            "requests": len(exchanges),
            "accepted": sum(judgement.is_accepted for judgement in judged.judgements.values()),
            "planned_cases": sum(len(plan.cases) for plan in plans),
            "decided_cases": sum(result.status != "inconclusive" for result in judged.results.values()),
        },
    }
    return Outcome(report=report, results=tuple(results), exit_code=code)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _overall(code: ExitCode) -> str:
    return {ExitCode.CONFORMS: "conforms", ExitCode.FAILED: "fails", ExitCode.ERROR: "error"}.get(code, "inconclusive")


# --- parts ----------------------------------------------------------------------------------------------------------


def _description(description: Description) -> dict[str, Any]:
    return {
        "operation": description.operation,
        "product": description.product,
        "version": description.version,
        "title": description.title,
        "page": description.url,
        "file": description.file,
        "sha256": description.sha256,
    }


def _statements(description: Description, results: Iterable[Result]) -> list[dict[str, Any]]:
    by_statement: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.requirement.operation == description.operation:
            for name in result.requirement.statements:
                by_statement[name].append(result)
    found = []
    for statement in description.statements:
        mine = by_statement[statement.id]
        counting = [result for result in mine if result.counts]
        worst = max((result.verdict for result in counting), default=Verdict.NONE)
        if worst is Verdict.PASS and any(result.verdict is Verdict.NONE for result in counting):
            worst = Verdict.INCONCLUSIVE
        questions = requirements_of.statement_questions(description, statement)
        found.append(
            {
                "id": statement.id,
                "operation": description.operation,
                "row": statement.row,
                "text": statement.text,
                "line": statement.line,
                "verdict": str(worst),
                "requirements": [result.requirement.id for result in mine],
                "questions": [description.id(question.key) for question in questions],
                "untestable": statement.untestable or "",
            }
        )
    return found


def _requirement(result: Result) -> dict[str, Any]:
    requirement = result.requirement
    return {
        "id": requirement.id,
        "operation": requirement.operation,
        "kind": requirement.kind,
        "path": requirement.path,
        "keyword": requirement.keyword,
        "claim": requirement.claim,
        "line": requirement.line,
        "statements": list(requirement.statements),
        "conditional": requirement.conditional,
        "verdict": str(result.verdict),
        "reason": result.reason,
        "planned": result.planned,
        "decided": result.decided,
        "passed": result.passed,
        "failed": result.failed,
        "evidence": list(result.evidence),
    }


def _readings(descriptions: Mapping[str, Description], judged: CampaignJudgement) -> list[dict[str, Any]]:
    questions = {d.id(q.key): (d, q) for d in descriptions.values() for q in d.questions}
    found = []
    for record in judged.readings:
        description, question = questions[record.question]
        found.append(
            {
                "id": record.question,
                "operation": description.operation,
                "question": question.question,
                "readings": [reading.name for reading in question.readings],
                "observed": record.reading,
                "evidence": {name: list(numbers) for name, numbers in record.evidence.items()},
            }
        )
    return found


def _exchange(exchange: Exchange, judged: CampaignJudgement) -> dict[str, Any]:
    judgement = judged.judgements[exchange.number]
    shown = {True: "right", False: "wrong", None: "undecided"}[judgement.is_right]
    return {**exchange.to_json(), "answer": str(judgement.answer), "judged": shown}


# --- findings -------------------------------------------------------------------------------------------------------


def _findings(
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


def _command(info: RunInfo) -> str:
    """The run as a command, without its selection."""
    given = f" --target {shlex.quote(info.target_url)}" if info.target_kind == "given URL" else ""
    return f"acs-conformance run{given} --depth {info.depth} --seed {info.seed}"


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
