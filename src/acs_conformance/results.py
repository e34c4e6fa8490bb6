"""The results model: what report.json holds, and the only thing that writers of reports see.

In: plans, exchanges, the judged campaign. Out: plain JSON data in the shape of `report/report.schema.json`. Pure, and
the same for the same journal, whoever ran it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from acs_conformance import requirement as requirements_of
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case
from acs_conformance.description import Description
from acs_conformance.deviation import Deviation, Review, Reviewed, review
from acs_conformance.findings import Again, diagnosis, of_readings, of_requirements
from acs_conformance.gateway_checks import Scheme
from acs_conformance.record import Exchange
from acs_conformance.requirement import Requirement
from acs_conformance.verdict import ExitCode, Result, Verdict, exit_code, verdicts

#: Version of the shape; a change that breaks a reader raises the first number.
SCHEMA_VERSION = "1.0"


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
    #: How a command line names the target; "" for the embedded emulator.
    target_option: str = ""
    #: The pattern that selected requirements, or "".
    only: str = ""
    #: How a command line names the profile; "" for a target without one.
    profile: str = ""
    #: How requests are signed, where that is not what is tested.
    signature: Scheme = "v3"
    #: Name of a secret in a description -> the environment's variable that holds it.
    secret_variables: Mapping[str, str] = field(default_factory=dict)


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
    called: Mapping[str, Description] | None = None,
    skipped: Mapping[str, str] | None = None,
    unsent: Mapping[str, str] | None = None,
    stopped: str = "",
    is_complete: bool = True,
    now: float,
    has_error: bool = False,
    baseline: Mapping[str, str] | None = None,
    allowed: Collection[str] = (),
    self_check: Mapping[str, Any] | None = None,
    deviations: Sequence[Deviation] = (),
    is_part: bool = False,
) -> Outcome:
    """Judge what has been recorded and put it into the shape of a report.

    Args:
        info: of the run.
        plans: one for each operation.
        selected: operation -> the requirements that were asked for.
        cases: by id, planned and explaining ones.
        exchanges: all so far.
        called: every operation that was called, those that are tested among them; None: just these.
        skipped: operation -> why its cases were not all sent.
        unsent: id of a case that was not sent to its end -> why.
        stopped: why the run ended early, or "".
        is_complete: whether the run has ended.
        now: Unix seconds.
        has_error: whether the tool itself failed.
        baseline: question id -> the reading in an earlier report; one that has changed since is a finding.
        allowed: ids of requirements that may stay undecided.
        self_check: what the same plan found among seeded faults, or None where that was not asked.
        is_part: whether other parts of the campaign decide the rest.
        deviations: differences that are accepted; the day that counts is the one on which the run began.
    """
    descriptions = {plan.description.operation: plan.description for plan in plans}
    judged = judge_campaign({**(called or {}), **descriptions}, cases, exchanges)
    pending = "the run has not ended" if not is_complete and not stopped else stopped
    reasons = {aspect: why for name, why in (unsent or {}).items() if name in cases for aspect in cases[name].aspects}
    results: list[Result] = []
    for plan in plans:
        chosen = frozenset(requirement.id for requirement in selected[plan.description.operation])
        requirements = requirements_of.derive(plan.description)
        why = pending or (skipped or {}).get(plan.description.operation, "")
        if is_part or plan.description.operation in judged.absent:  # nothing has to be shown of it here
            requirements = tuple(dataclasses.replace(each, conditional=True) for each in requirements)
        judged_all = verdicts(requirements, plan.aspects, judged, stopped=why, unsent=reasons)
        # A selection says what is tested; a failure that was seen on the way is never left out.
        results += [r for r in judged_all if r.requirement.id in chosen or r.verdict is Verdict.FAIL]
    today = datetime.fromtimestamp(info.started_at, UTC).date()
    reviewed = review(deviations, results, today, is_whole=is_complete and not is_part and "#" not in info.only)
    code = exit_code(results, allowed, covered=reviewed.covered, has_error=has_error)
    by_number = {exchange.number: exchange for exchange in exchanges}
    everything = {**(called or {}), **descriptions}
    again = Again(command=_command(info), run_id=info.run_id, secrets=info.secret_variables)
    findings = of_requirements(everything, results, judged, by_number, again, reviewed)
    changed = of_readings(descriptions, judged, by_number, baseline or {}, again)
    if changed:
        code = ExitCode.FAILED
    counts = Counter(str(result.verdict) for result in results)
    planned = {case.id for plan in plans for case in plan.cases}
    report: dict[str, Any] = {
        "$schema": f"urn:acs-conformance:report:{SCHEMA_VERSION}",
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": info.run_id,
            "seed": info.seed,
            "depth": info.depth,
            "only": info.only,
            "signature": info.signature,
            "tool": {"name": "acs-conformance", "version": info.tool_version},
            "started_at": _iso(info.started_at),
            "ended_at": _iso(now),
            "seconds": round(now - info.started_at, 3),
            "is_complete": is_complete,
            "stopped": stopped,
            "exit_code": int(code),
            "verdict": _overall(code),
            "diagnosis": diagnosis(results, findings, judged, stopped, allowed, (unsent or {}).values()),
            "counts": {str(verdict): counts.get(str(verdict), 0) for verdict in Verdict},
            "covered": len(reviewed.covered),
            "selected": len(results),
            "exercised": sum(result.passed + result.failed > 0 for result in results),
            "conclusive": sum(result.verdict in (Verdict.PASS, Verdict.FAIL) for result in results),
            "self_check": dict(self_check) if self_check is not None else None,
        },
        "target": {
            "url": info.target_url,
            "kind": info.target_kind,
            "option": info.target_option,
            "profile": info.profile,
        },
        "descriptions": [_description(description) for description in descriptions.values()],
        "statements": [row for description in descriptions.values() for row in _statements(description, results)],
        "requirements": [_requirement(result, reviewed) for result in results],
        "readings": _readings(descriptions, judged),
        "findings": [*findings, *changed],
        "deviations": [_deviation(each) for each in reviewed.deviations],
        "exchanges": [_exchange(exchange, judged) for exchange in sorted(exchanges, key=lambda e: e.number)],
        "budget": {
            "requests": len(exchanges),
            "accepted": sum(judgement.is_accepted for judgement in judged.judgements.values()),
            "created": dict(judged.created),
            "ended": dict(judged.ended),
            "planned_cases": sum(len(plan.cases) for plan in plans),
            "decided_cases": sum(
                result.status != "inconclusive" for name, result in judged.results.items() if name in planned
            ),
        },
    }
    return Outcome(report=report, results=tuple(results), exit_code=code)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _overall(code: ExitCode) -> str:
    return {ExitCode.CONFORMS: "conforms", ExitCode.FAILED: "fails", ExitCode.ERROR: "error"}.get(code, "inconclusive")


def _command(info: RunInfo) -> str:
    """The run as a command, without its selection."""
    given = f" {info.target_option}" if info.target_option else ""
    signed = "" if info.signature == "v3" else f" --signature {info.signature}"
    return f"acs-conformance run{given} --depth {info.depth} --seed {info.seed}{signed}"


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


def _statements(description: Description, results: Collection[Result]) -> list[dict[str, Any]]:
    by_statement: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.requirement.operation == description.operation:
            for name in result.requirement.statements:
                by_statement[name].append(result)
    found = []
    for statement in description.statements:
        mine = [*by_statement[statement.id], *(r for r in results if r.requirement.id in statement.elsewhere)]
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


def _requirement(result: Result, reviewed: Review) -> dict[str, Any]:
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
        "failures": [
            {**failure._asdict(), "failed": count, "deviation": reviewed.spoken_of.get((requirement.id, failure))}
            for failure, count in reviewed.failures[requirement.id].items()
        ],
        "is_covered": requirement.id in reviewed.covered,
    }


def _deviation(reviewed: Reviewed) -> dict[str, Any]:
    deviation = reviewed.deviation
    return {
        "requirements": list(deviation.requirements),
        "cause": deviation.cause,
        "answer": deviation.answer,
        "reason": deviation.reason,
        "until": deviation.until.isoformat(),
        "days_left": reviewed.days_left,
        "source": deviation.place,
        "state": reviewed.state,
        "occurred": list(reviewed.occurred),
        "gone": list(reviewed.gone),
        "notice": reviewed.notice,
    }


def _readings(descriptions: Mapping[str, Description], judged: CampaignJudgement) -> list[dict[str, Any]]:
    questions = {d.id(q.key): (d, q) for d in descriptions.values() for q in d.questions}
    found = []
    for record in judged.readings:
        if record.question not in questions:
            continue  # of an operation that was called and not tested
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
