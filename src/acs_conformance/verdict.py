"""Verdicts: one for each requirement, from all that was observed, and the exit code that follows.

In: requirements, the plan's aspects, a judged campaign. Out: `Result`s in the requirements' order. Pure. Only a pass
counts as a pass: what was not sent, throttled or not decided is never one.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from acs_conformance.campaign_judge import CampaignJudgement, CaseResult
from acs_conformance.cases.case import Case, requirement_of
from acs_conformance.observation import Observation
from acs_conformance.requirement import Requirement


class Verdict(enum.IntEnum):
    """Ordered: combining two keeps the greater."""

    NONE = 0
    PASS = 1
    INCONCLUSIVE = 2
    FAIL = 3
    ERROR = 4

    def __str__(self) -> str:
        return self.name.lower()


class ExitCode(enum.IntEnum):
    """What the command says to the shell."""

    CONFORMS = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The verdict on one requirement, with its counts and evidence."""

    requirement: Requirement
    verdict: Verdict
    #: Why, where the verdict is not a pass.
    reason: str
    #: Aspects that the plan enumerates, and how many of them were decided.
    planned: int
    decided: int
    #: Observations that passed and failed.
    passed: int
    failed: int
    #: Numbers of exchanges: of the failures if there are any, else of some passes.
    evidence: tuple[int, ...]
    failures: tuple[Observation, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it bears on the exit code: a conditional requirement whose situation did not arise does not."""
        return not (self.requirement.conditional and self.verdict is Verdict.NONE)

    @property
    def is_undecided(self) -> bool:
        """Whether it counts, and neither passed nor failed."""
        return self.counts and self.verdict in (Verdict.NONE, Verdict.INCONCLUSIVE)


#: Exchanges named as evidence of a pass.
_SHOWN = 5


def verdicts(
    requirements: Iterable[Requirement],
    aspects: Mapping[str, Sequence[str]],
    judged: CampaignJudgement,
    *,
    stopped: str = "",
    unsent: Mapping[str, str] | None = None,
) -> tuple[Result, ...]:
    """The result of each requirement.

    Args:
        requirements: those that were selected.
        aspects: requirement id -> what its plan enumerates.
        judged: the campaign.
        stopped: why the campaign ended early, or "".
        unsent: aspect -> why no case that shows it was sent to its end.
    """
    by_requirement: dict[str, list[Observation]] = defaultdict(list)
    for observation in judged.observations:
        by_requirement[observation.requirement].append(observation)
    decided, reasons = _decided(judged, unsent or {})
    return tuple(
        _result(
            _as_asked(requirement, aspects),
            aspects.get(requirement.id, ()),
            by_requirement[requirement.id],
            decided,
            reasons,
            stopped,
        )
        for requirement in requirements
    )


def _decided(judged: CampaignJudgement, unsent: Mapping[str, str]) -> tuple[dict[str, CaseResult], dict[str, str]]:
    """Aspect -> the case that decides it; and why no case does, of those that have one."""
    case_of = {number: result.case.id for result in judged.results.values() for number in result.exchanges}
    shown: dict[str, set[str]] = defaultdict(set)
    failed_for: dict[str, str] = {}
    for observation in judged.observations:
        case = case_of.get(observation.exchange, "")
        shown[case].add(observation.requirement)
        if observation.outcome == "fail":
            failed_for.setdefault(case, observation.requirement)
    decided: dict[str, CaseResult] = {}
    reasons = dict(unsent)
    for name, result in judged.results.items():
        for aspect in result.case.aspects:
            if result.status == "pass" or (result.status == "fail" and _decides(result.case, aspect, shown[name])):
                decided.setdefault(aspect, result)
            elif result.status == "fail":
                reasons.setdefault(aspect, f"the case failed for {failed_for.get(name, 'another requirement')}")
            elif result.reason:
                reasons.setdefault(aspect, result.reason)
    return decided, reasons


def _decides(failed: Case, aspect: str, shown: Collection[str]) -> bool:
    """Whether a failed case has come as far as this aspect.

    An explaining case decides its own aspects; a failed pack leaves those that no other request shows open, and so does
    what failed for another requirement before an answer showed this one.
    """
    return len(failed.aspects) <= 2 and requirement_of(aspect) in shown


def _as_asked(requirement: Requirement, aspects: Mapping[str, Sequence[str]]) -> Requirement:
    """What becomes of a thing arises only where a plan follows one, which takes its time: not every depth does."""
    if requirement.kind == "lifecycle" and not aspects.get(requirement.id):
        return replace(requirement, conditional=True)
    return requirement


def _result(
    requirement: Requirement,
    planned: Sequence[str],
    observations: list[Observation],
    decided: Mapping[str, CaseResult],
    reasons: Mapping[str, str],
    stopped: str,
) -> Result:
    failures = tuple(o for o in observations if o.outcome == "fail")
    passes = [o for o in observations if o.outcome == "pass"]
    undecided = [aspect for aspect in planned if aspect not in decided]
    shaken = next((o.received for o in observations if o.outcome == "inconclusive"), "")
    verdict, reason = Verdict.PASS, ""
    if failures:
        verdict, reason = Verdict.FAIL, f"received {failures[0].received}, allowed {failures[0].allowed}"
    elif shaken:
        verdict, reason = Verdict.INCONCLUSIVE, shaken
    elif undecided:
        verdict = Verdict.NONE if len(undecided) == len(planned) and not passes else Verdict.INCONCLUSIVE
        why = next((reasons[aspect] for aspect in undecided if aspect in reasons), stopped or "not sent")
        verdict = Verdict.INCONCLUSIVE if any(aspect in reasons for aspect in undecided) else verdict
        reason = why
    elif not passes and not planned:
        verdict, reason = Verdict.NONE, stopped or "no answer showed it"
    shown = [o.exchange for o in failures or passes[:_SHOWN]]
    showing = [decided[aspect] for aspect in planned if aspect in decided and decided[aspect].status == "pass"]
    if not shown:  # a value that was accepted inside a packed case: the case is the evidence
        shown = [result.exchanges[-1] for result in showing[:_SHOWN]]
    return Result(
        requirement=requirement,
        verdict=verdict,
        reason=reason,
        planned=len(planned),
        decided=len(planned) - len(undecided),
        passed=max(len(passes), len(showing)),
        failed=len(failures),
        evidence=tuple(dict.fromkeys(shown)),
        failures=failures,
    )


def exit_code(
    results: Iterable[Result],
    allowed: Iterable[str] = (),
    *,
    covered: Collection[str] = (),
    has_error: bool = False,
) -> ExitCode:
    """The exit code of a run.

    Args:
        results: of the selected requirements.
        allowed: ids that may stay inconclusive or without a verdict, as long as something else passed.
        covered: ids whose failures are all covered by deviations.
        has_error: whether the tool itself failed somewhere.
    """
    tolerated = frozenset(allowed)
    found = [result for result in results if result.counts]
    if any(result.verdict is Verdict.FAIL and result.requirement.id not in covered for result in found):
        return ExitCode.FAILED
    if has_error or any(result.verdict is Verdict.ERROR for result in found):
        return ExitCode.ERROR
    is_shown = any(result.verdict in (Verdict.PASS, Verdict.FAIL) for result in found)
    if not is_shown or any(result.is_undecided and result.requirement.id not in tolerated for result in found):
        return ExitCode.INCONCLUSIVE
    return ExitCode.CONFORMS
