"""Deviations: which failures they cover, when they end, and what is told of those that no longer occur."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance import deviation, spec_folder, toml_source
from acs_conformance.deviation import Deviation, Failure, failure_of, review
from acs_conformance.errors import ProfileError
from acs_conformance.observation import Observation
from acs_conformance.profile import load, load_deviations
from acs_conformance.requirement import by_id
from acs_conformance.verdict import ExitCode, Result, Verdict, exit_code
from test_verdict import requirement

TODAY = date(2027, 1, 31)
A, B = "Op.A.maxLength", "Op.B.pattern"
SOURCE = toml_source.parsed(Path("somewhere.toml"), "")


def accepted(*names, cause="accepted", answer="", days=60):
    return Deviation(
        requirements=names or (A,),
        cause=cause,
        answer=answer,
        reason="ticket 1",
        until=TODAY + timedelta(days),
        source=SOURCE,
        key=("deviations", 0),
    )


def failed(*failures, name=A, decided=1):
    """A result that fails by these (cause, received)."""
    observations = tuple(
        Observation(requirement=name, outcome="fail", exchange=n, received=received, allowed="400", cause=cause)
        for n, (cause, received) in enumerate(failures, 1)
    )
    verdict = Verdict.FAIL if observations else Verdict.PASS
    return Result(
        requirement=requirement(name),
        verdict=verdict,
        reason="",
        planned=1,
        decided=decided,
        passed=1,
        failed=len(observations),
        evidence=(),
        failures=observations,
    )


ACCEPTED = ("accepted", "200, accepted")


# --- what is covered --------------------------------------------------------------------------------------------------


def test_a_failure_that_is_accepted_is_covered_and_costs_no_exit_code():
    results = [failed(ACCEPTED, ACCEPTED), failed(name=B)]
    found = review([accepted()], results, TODAY)
    assert found.covered == {A}
    assert found.failures[A] == {Failure("accepted", ""): 2}
    assert exit_code(results, covered=found.covered) is ExitCode.CONFORMS
    assert exit_code(results) is ExitCode.FAILED


@pytest.mark.parametrize(
    "other",
    [
        failed(("code NotFound", "404 NotFound")),
        failed(("answer 500", "500 InternalError")),
        failed(ACCEPTED, ("answer 500", "500 InternalError")),
        failed(ACCEPTED, name=B),
    ],
    ids=["another code", "a 5xx", "a second cause", "another requirement"],
)
def test_another_failure_still_fails(other):
    found = review([accepted()], [other], TODAY)
    assert not found.covered
    assert exit_code([other], covered=found.covered) is ExitCode.FAILED


def test_a_refusal_is_accepted_with_its_status_and_code_and_whatever_suffix():
    refused = accepted(cause="refused", answer="400 InvalidParameter")
    for received, is_covered in (
        ("400 InvalidParameter", True),
        ("400 InvalidParameter.AppId", True),
        ("403 InvalidParameter.AppId", False),
        ("400 InvalidParameters", False),
        ("403 Forbidden", False),
        ("400", False),
    ):
        assert bool(review([refused], [failed(("refused", received))], TODAY).covered) is is_covered, received
    assert review([accepted(cause="refused")], [failed(("refused", "403 Forbidden"))], TODAY).covered == {A}


def test_what_differs_from_run_to_run_is_no_part_of_a_failure():
    first = failure_of("TaskId repeats", "TaskId 'a1b2', as in exchange 4")
    assert first == failure_of("TaskId repeats", "TaskId 'ffff', as in exchange 9")


_NAMES = st.sampled_from([A, B, "Op.C.type", "Op.D.enum"])
_CAUSES = st.sampled_from(["accepted", "refused", "code NotFound", "answer 500"])
_ANSWERS = st.sampled_from(["400 InvalidParameter", "400 InvalidParameter.X", "403 Forbidden"])
_DEVIATIONS = st.lists(
    st.builds(
        lambda names, cause, answer, days: accepted(*names, cause=cause, answer=answer, days=days),
        st.lists(_NAMES, min_size=1, max_size=3, unique=True),
        _CAUSES,
        st.sampled_from(["", "400 InvalidParameter", "403 Forbidden"]),
        st.integers(-3, 3),
    ),
    max_size=5,
)
_RESULTS = st.dictionaries(_NAMES, st.lists(st.tuples(_CAUSES, _ANSWERS), max_size=3), min_size=1)


@given(_DEVIATIONS, _RESULTS)
def test_a_requirement_is_covered_if_each_of_its_failures_is_named_by_a_deviation_in_force(deviations, failures):
    results = [failed(*seen, name=name) for name, seen in failures.items()]
    found = review(deviations, results, TODAY)

    def is_named(name, cause, received):
        return any(
            name in each.requirements
            and each.cause == cause
            and each.until >= TODAY
            and (not each.answer or (cause == "refused" and received in (each.answer, f"{each.answer}.X")))
            for each in deviations
        )

    expected = {name for name, seen in failures.items() if seen and all(is_named(name, *one) for one in seen)}
    assert found.covered == expected
    assert review(deviations[::-1], results, TODAY).covered == expected
    failing = {name for name, seen in failures.items() if seen}
    code = exit_code([*results, failed(name="Op.Z.type")], covered=found.covered)
    assert code is (ExitCode.CONFORMS if failing == expected else ExitCode.FAILED)
    for each in found.deviations:
        assert set(each.occurred) <= set(each.deviation.requirements) & failing
        assert not set(each.occurred) & set(each.gone)


# --- how long -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state", "notice"),
    [
        (60, "covers", ""),
        (15, "covers", ""),
        (14, "covers", "expires in 14 days, after 2027-02-14"),
        (1, "covers", "expires tomorrow, after 2027-02-01"),
        (0, "covers", "expires today, after 2027-01-31"),
        (-1, "expired", "expired after 2027-01-30, so it covers nothing"),
        (-400, "expired", "expired after 2025-12-27, so it covers nothing"),
    ],
)
def test_the_end_is_announced_two_weeks_ahead_and_then_fails_the_run(days, state, notice):
    results = [failed(ACCEPTED), failed(name=B)]
    found = review([accepted(days=days)], results, TODAY)
    (mine,) = found.deviations
    assert (mine.state, mine.notice, mine.days_left) == (state, notice, days)
    assert exit_code(results, covered=found.covered) is (ExitCode.CONFORMS if days >= 0 else ExitCode.FAILED)


def test_an_expired_deviation_does_not_hide_one_that_holds():
    found = review([accepted(days=-5), accepted(days=5)], [failed(ACCEPTED)], TODAY)
    assert found.covered == {A}
    assert [each.state for each in found.deviations] == ["expired", "covers"]


# --- what no longer occurs ------------------------------------------------------------------------------------------


def test_one_that_no_longer_occurs_is_told_and_costs_nothing():
    results = [failed()]
    found = review([accepted()], results, TODAY)
    (mine,) = found.deviations
    assert (mine.state, mine.gone, mine.notice) == ("gone", (A,), "no longer occurs: remove it")
    assert exit_code(results, covered=found.covered) is ExitCode.CONFORMS


def test_of_one_whose_requirement_fails_otherwise_the_cause_is_named_that_may_be_meant():
    (mine,) = review([accepted(cause="acepted")], [failed(ACCEPTED)], TODAY).deviations
    assert mine.state == "gone"
    assert mine.notice == "the requirement fails for another cause: 'accepted'; did you mean it?"
    (mine,) = review(
        [accepted(cause="refused", answer="400 A")], [failed(("refused", "400 B.c")), failed(name=B)], TODAY
    ).deviations
    assert mine.notice == "the requirement fails for another cause: 'refused', 400 B; did you mean it?"
    both = review([accepted(cause="x"), accepted()], [failed(ACCEPTED)], TODAY).deviations
    assert [each.notice for each in both] == ["no longer occurs: remove it", ""]
    (mine,) = review([accepted(A, B, cause="x")], [failed(ACCEPTED), failed(name=B)], TODAY).deviations
    said = f"{A} fails for another cause: 'accepted'; did you mean it?; no longer occurs for {B}: remove it"
    assert mine.notice == said


def test_an_expired_one_that_no_longer_occurs_is_to_be_removed_and_no_more():
    (mine,) = review([accepted(days=-9)], [failed()], TODAY).deviations
    assert (mine.state, mine.notice) == ("gone", "no longer occurs: remove it")


def test_of_several_requirements_those_are_named_that_no_longer_fail():
    (mine,) = review([accepted(A, B)], [failed(ACCEPTED), failed(name=B)], TODAY).deviations
    assert (mine.state, mine.occurred, mine.gone) == ("covers", (A,), (B,))
    assert mine.notice == f"no longer occurs for {B}: remove it"


@pytest.mark.parametrize(
    ("results", "is_whole"),
    [([], True), ([failed(name=B)], True), ([failed(decided=0)], True), ([failed()], False)],
    ids=["nothing selected", "another requirement", "cases not decided", "a part of its cases"],
)
def test_what_was_not_tested_as_a_whole_is_not_gone(results, is_whole):
    (mine,) = review([accepted()], results, TODAY, is_whole=is_whole).deviations
    assert (mine.state, mine.notice) == ("not tested", "")


# --- the file ---------------------------------------------------------------------------------------------------------

ENTRY = """requirements = ["StartRtcCloudTranscode.AppId.maxLength"]
cause = "accepted"
reason = "ticket 123"
until = 2027-01-31
"""


def test_a_profile_and_a_file_say_the_same(tmp_path):
    profile = tmp_path / "p.toml"
    profile.write_text(f'[targets.staging]\nurl = "http://127.0.0.1"\n[[targets.staging.deviations]]\n{ENTRY}')
    alone = tmp_path / "d.toml"
    alone.write_text(f"[[deviations]]\n{ENTRY}")
    (one,), (other,) = load(str(profile), tmp_path).deviations, load_deviations(alone)
    assert one.place == f"{profile}:3"
    assert other.place == f"{alone}:1"
    for each in (one, other):
        assert each.requirements == ("StartRtcCloudTranscode.AppId.maxLength",)
        assert (each.cause, each.answer, each.reason, each.until) == ("accepted", "", "ticket 123", TODAY)


def test_a_file_of_deviations_may_be_empty(tmp_path):
    (tmp_path / "d.toml").write_text("# nothing is accepted any more\n")
    assert load_deviations(tmp_path / "d.toml") == ()


WRONG = {
    "no reason": ({"reason": None}, 1, "deviations[0]", "lacks reason", "why the difference is accepted"),
    "blank reason": ({"reason": '" "'}, 4, "deviations[0].reason", "not of its form", "our ticket"),
    "no day": ({"until": None}, 1, "deviations[0]", "lacks until", "until = 2027-01-31"),
    "no such day": ({"until": '"2027-02-30"'}, 5, "deviations[0].until", "is no date", "until = 2027-01-31"),
    "a moment": ({"until": "2027-01-31T10:00:00Z"}, 5, "deviations[0].until", "is no date", "last day"),
    "a number": ({"until": "20270131"}, 5, "deviations[0].until", "is a number, and has to be a date", "last day"),
    "no requirement": ({"requirements": "[]"}, 2, "deviations[0].requirements", "is empty", "list of the ids"),
    "one as a text": ({"requirements": '"X"'}, 2, "deviations[0].requirements", "has to be a list", "maxLength"),
    "unknown key": ({"cause": '"accepted"\nuntill = 1'}, 4, "deviations[0].untill", "is no key", "until"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_with_line_key_reason_and_remedy(tmp_path, name):
    changes, line, key, reason, remedy = WRONG[name]
    lines = [row.partition(" = ") for row in ENTRY.splitlines()]
    values = {key: value for key, _, value in lines} | changes
    path = tmp_path / "d.toml"
    path.write_text("[[deviations]]\n" + "".join(f"{k} = {v}\n" for k, v in values.items() if v is not None))
    with pytest.raises(ProfileError) as caught:
        load_deviations(path)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert reason in caught.value.reason
    assert remedy in caught.value.reason


def test_a_requirement_that_does_not_exist_is_told_with_its_place(tmp_path):
    path = tmp_path / "d.toml"
    path.write_text(f"[[deviations]]\n{ENTRY}\n[[deviations]]\n{ENTRY.replace('maxLength', 'maxLenght')}")
    known = by_id(spec_folder.load(name) for name in spec_folder.names())
    good, bad = load_deviations(path)
    good.check_against(known)
    with pytest.raises(ProfileError, match=r"AppId\.maxLenght.*Did you mean .*maxLength") as caught:
        bad.check_against(known)
    assert (caught.value.line, caught.value.key) == (8, "deviations[1].requirements[0]")


def test_a_deviation_speaks_of_requirements_by_their_whole_names():
    with pytest.raises(ProfileError, match="no requirement is called"):
        accepted("Op.A").check_against([A])
    assert deviation.NOTICE_DAYS == 14
