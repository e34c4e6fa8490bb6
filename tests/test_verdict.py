"""Verdicts and exit codes: the table, written by hand."""

from __future__ import annotations

import pytest

from acs_conformance.campaign_judge import CampaignJudgement, CaseResult
from acs_conformance.cases.case import Case
from acs_conformance.observation import Observation
from acs_conformance.requirement import Requirement
from acs_conformance.verdict import ExitCode, Result, Verdict, exit_code, verdicts

A1, A2 = "Op.A.maxLength#1", "Op.A.maxLength#2"
PACK = tuple(f"Op.{name}#x" for name in ("response.status", "A.maxLength", "B.type", "C.type"))


def requirement(identifier: str = "Op.A.maxLength", *, conditional: bool = False) -> Requirement:
    key = identifier.partition(".")[2]
    return Requirement(
        id=identifier,
        operation="Op",
        key=key,
        kind="request",
        path="A",
        keyword=key.rpartition(".")[2],
        claim="",
        line=1,
        conditional=conditional,
    )


def saw(outcome: str, exchange: int = 1, identifier: str = "Op.A.maxLength", **more) -> Observation:
    return Observation(requirement=identifier, outcome=outcome, exchange=exchange, **more)


def result_of(status: str, *aspects: str, reason: str = "") -> CaseResult:
    case = Case(id=aspects[0], operation="Op", kind="reject", steps=((),), aspects=aspects)
    return CaseResult(case=case, status=status, reason=reason, exchanges=(1,))


def verdict(observations=(), results=(), planned=(), *, conditional: bool = False, stopped: str = "") -> Result:
    judged = CampaignJudgement(
        judgements={}, results={r.case.id: r for r in results}, observations=tuple(observations), readings=()
    )
    r = requirement(conditional=conditional)
    (found,) = verdicts([r], {r.id: planned} if planned else {}, judged, stopped=stopped)
    return found


# --- one requirement ------------------------------------------------------------------------------------------------


def test_all_cases_decided_and_no_failure_is_a_pass():
    found = verdict([saw("pass", 1), saw("pass", 2)], [result_of("pass", A1), result_of("pass", A2)], (A1, A2))
    assert (found.verdict, found.reason) == (Verdict.PASS, "")
    assert (found.planned, found.decided, found.passed, found.failed) == (2, 2, 2, 0)
    assert found.evidence == (1, 2)


def test_one_failure_beats_any_number_of_passes():
    observations = [*(saw("pass", n) for n in range(1, 9)), saw("fail", 9, received="200", allowed="400", cause="c")]
    found = verdict(observations, [result_of("pass", A1)], (A1,))
    assert found.verdict is Verdict.FAIL
    assert found.evidence == (9,)
    assert (found.passed, found.failed) == (8, 1)
    assert "200" in found.reason
    assert "400" in found.reason


def test_a_failure_beats_what_was_not_sent():
    found = verdict([saw("fail", 3)], [], (A1, A2), stopped="the limit was reached")
    assert found.verdict is Verdict.FAIL


def test_a_case_that_was_not_decided_leaves_it_inconclusive_with_the_reason():
    found = verdict(
        [saw("pass")], [result_of("pass", A1), result_of("inconclusive", A2, reason="400 Throttling")], (A1, A2)
    )
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "400 Throttling" in found.reason
    assert (found.planned, found.decided) == (2, 1)


def test_a_case_that_was_not_sent_leaves_it_inconclusive():
    found = verdict([saw("pass")], [result_of("pass", A1)], (A1, A2), stopped="interrupted")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "interrupted" in found.reason


def test_nothing_sent_is_no_verdict():
    found = verdict([], [], (A1, A2))
    assert found.verdict is Verdict.NONE
    assert "not sent" in found.reason


def test_everything_sent_and_nothing_decided_is_inconclusive():
    found = verdict([], [result_of("inconclusive", A1, reason="404 NotFound")], (A1,))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "404 NotFound" in found.reason


def test_a_shaken_claim_is_inconclusive_though_all_cases_passed():
    found = verdict([saw("pass"), saw("inconclusive", 2, received="503 to 1 of 9")], [result_of("pass", A1)], (A1,))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "503 to 1 of 9"


def test_a_claim_about_answers_passes_by_what_was_seen():
    assert verdict([saw("pass", 4)]).verdict is Verdict.PASS


def test_a_claim_about_answers_that_no_answer_showed_has_no_verdict():
    found = verdict()
    assert found.verdict is Verdict.NONE
    assert found.reason


def test_planned_cases_of_which_no_answer_showed_the_claim_are_no_pass():
    """Nothing is green by silence: that the case ended well is not yet evidence of this very claim."""
    assert verdict([], [result_of("pass", A1)], (A1,)).verdict is not Verdict.FAIL


def test_a_refused_pack_decides_none_of_its_parts():
    found = verdict([], [result_of("fail", *PACK)], (PACK[1],))
    assert found.verdict is not Verdict.PASS
    assert found.decided == 0


def test_a_failed_case_of_one_aspect_decides_it():
    found = verdict([saw("fail", 1)], [result_of("fail", A1)], (A1,))
    assert found.decided == 1


def test_a_case_that_failed_for_another_requirement_decides_nothing_of_this_one():
    found = verdict([saw("fail", 1, "Op.availability")], [result_of("fail", A1)], (A1,))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "the case failed for Op.availability"


def test_a_part_that_another_request_shows_is_decided_though_one_pack_failed():
    found = verdict([saw("pass")], [result_of("fail", *PACK), result_of("pass", PACK[1])], (PACK[1],))
    assert found.verdict is Verdict.PASS


def test_drawn_cases_are_no_part_of_what_a_pass_needs():
    found = verdict([saw("pass")], [result_of("pass", A1)], (A1,))
    assert found.planned == 1


def test_results_come_in_the_order_of_the_requirements():
    judged = CampaignJudgement(judgements={}, results={}, observations=(), readings=())
    names = ["Op.B.type", "Op.A.type", "Op.C.type"]
    assert [r.requirement.id for r in verdicts(map(requirement, names), {}, judged)] == names


def test_evidence_names_each_exchange_once_and_a_few_passes_only():
    found = verdict([saw("pass", n) for n in (1, 1, *range(1, 30))])
    assert len(found.evidence) == len(set(found.evidence)) <= 5
    found = verdict([saw("fail", n) for n in (2, 2, 7)])
    assert found.evidence == (2, 7)


# --- exit code ------------------------------------------------------------------------------------------------------


def made(word: Verdict, identifier: str = "Op.A.maxLength", *, conditional: bool = False) -> Result:
    return Result(
        requirement=requirement(identifier, conditional=conditional),
        verdict=word,
        reason="",
        planned=0,
        decided=0,
        passed=0,
        failed=0,
        evidence=(),
    )


P, F, E, I, N = Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NONE  # noqa: E741


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([P], 0),
        ([P, P], 0),
        ([F], 1),
        ([P, F], 1),
        ([F, E, I, N, P], 1),
        ([E], 4),
        ([E, I, N, P], 4),
        ([I], 3),
        ([N], 3),
        ([P, I], 3),
        ([P, N], 3),
        ([], 3),
    ],
)
@pytest.mark.parametrize("turn", [1, -1], ids=["", "reversed"])
def test_the_exit_code_is_that_of_the_gravest_verdict(words, code, turn):
    results = [made(word, f"Op.A{n}.type") for n, word in enumerate(words)][::turn]
    assert exit_code(results) == code


def test_an_error_of_ours_beats_what_is_inconclusive_and_yields_to_a_failure():
    assert exit_code([made(I)], has_error=True) is ExitCode.ERROR
    assert exit_code([made(P)], has_error=True) is ExitCode.ERROR
    assert exit_code([made(F)], has_error=True) is ExitCode.FAILED


def test_a_conditional_requirement_whose_situation_did_not_arise_does_not_count():
    assert exit_code([made(P), made(N, "Op.error.Busy", conditional=True)]) is ExitCode.CONFORMS
    assert made(N, conditional=True).counts is False
    assert made(N).counts is True


def test_a_conditional_requirement_alone_is_no_conforming_run():
    assert exit_code([made(N, conditional=True)]) is ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(("word", "code"), [(F, 1), (E, 4), (I, 3), (P, 0)])
def test_a_conditional_requirement_that_was_judged_counts_like_any(word, code):
    assert exit_code([made(P, "Op.B.type"), made(word, conditional=True)]) == code


def test_what_is_allowed_to_stay_inconclusive_is_tolerated_by_id_and_nothing_else_is():
    results = [made(P, "Op.B.type"), made(I), made(N, "Op.C.type")]
    assert exit_code(results, ["Op.A.maxLength", "Op.C.type"]) is ExitCode.CONFORMS
    assert exit_code(results, ["Op.A.maxLength"]) is ExitCode.INCONCLUSIVE
    assert exit_code([made(F)], ["Op.A.maxLength"]) is ExitCode.FAILED


def test_a_failure_that_deviations_cover_costs_nothing_and_shows_something():
    assert exit_code([made(P, "Op.B.type"), made(F)], covered=["Op.A.maxLength"]) is ExitCode.CONFORMS
    assert exit_code([made(F)], covered=["Op.A.maxLength"]) is ExitCode.CONFORMS
    assert exit_code([made(F), made(F, "Op.B.type")], covered=["Op.A.maxLength"]) is ExitCode.FAILED
    assert exit_code([made(F), made(I, "Op.B.type")], covered=["Op.A.maxLength"]) is ExitCode.INCONCLUSIVE
    assert exit_code([made(F)], covered=["Op.A.maxLength"], has_error=True) is ExitCode.ERROR


def test_verdicts_are_ordered_and_have_plain_names():
    assert [str(word) for word in sorted(Verdict)] == ["none", "pass", "inconclusive", "fail", "error"]
    assert sorted(map(int, ExitCode)) == [0, 1, 2, 3, 4]
