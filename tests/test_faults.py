"""The fault catalogue, and the proof that the plan finds it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

import in_process
from acs_conformance import spec_folder
from acs_conformance.bench import Bench
from acs_conformance.cases import plan
from acs_conformance.emulator.policy import variants
from acs_conformance.errors import SelectionError
from acs_conformance.faults import catalogue, find
from acs_conformance.prove import prove, self_check, to_json
from acs_conformance.report import kill_matrix
from acs_conformance.requirement import derive
from acs_conformance.verdict import ExitCode, Verdict

DESCRIPTION = spec_folder.load("StartRtcCloudTranscode")
CATALOGUE = catalogue(DESCRIPTION)
#: A fixed sample, spread over all operators; the whole of it is `acs-conformance prove`.
SAMPLE = CATALOGUE[::45]


@pytest.fixture(scope="module")
def bench():
    return Bench(plan(DESCRIPTION, "standard"), is_full=False)


def test_ids_are_unique():
    repeated = [name for name, count in Counter(fault.id for fault in CATALOGUE).items() if count > 1]
    assert repeated == []


def test_each_fault_is_named_after_a_requirement():
    known = {requirement.id for requirement in derive(DESCRIPTION)}
    assert {fault.id.partition("!")[0] for fault in CATALOGUE} - known == set()


def test_there_are_several_hundred_faults_of_many_operators():
    assert len(CATALOGUE) > 1500
    assert len({fault.operator for fault in CATALOGUE}) > 100


def test_each_requirement_of_the_request_that_can_be_broken_has_a_fault():
    touched = {fault.id.partition("!")[0] for fault in CATALOGUE}
    plain_texts = {
        DESCRIPTION.id(f"{node.path}.type")
        for node in DESCRIPTION.parameters
        if node.location == "query" and node.type == "string"
    }
    wanted = {requirement.id for requirement in derive(DESCRIPTION) if requirement.kind == "request"}
    assert wanted - touched - plain_texts == set()


def test_an_unknown_fault_is_refused_with_a_suggestion():
    with pytest.raises(SelectionError, match="Did you mean"):
        find([DESCRIPTION], "StartRtcCloudTranscode.AppId.pattern!ignor")


@pytest.mark.parametrize("fault", SAMPLE, ids=lambda fault: fault.id)
def test_the_plan_finds_the_fault(bench, fault):
    trial = bench.fault(fault)
    if fault.found_at == "standard":
        assert trial.is_caught
        assert trial.code == ExitCode.FAILED


@pytest.mark.parametrize("number", range(0, len(variants(DESCRIPTION)), 4))
def test_a_faultless_server_raises_no_alarm_whatever_it_reads(bench, number):
    trial = bench.variant(number)
    assert trial.caught_by == ()
    assert trial.code == ExitCode.CONFORMS


def test_the_plan_keeps_to_its_budget(bench):
    trial = bench.variant(0)
    assert trial.requests <= 700
    assert trial.accepted <= 25


def test_a_proof_names_survivors_and_writes_both_files(tmp_path):
    result = prove("StartRtcCloudTranscode", "quick", only="*.AppId.pattern!admit#U+00*", jobs=1)
    assert to_json(result)["survivors"] == []  # quick depth tries a few characters only, and promises no more
    data = to_json(replace(result, depth="standard"))
    assert data["totals"]["survivors"] == len(data["survivors"]) > 0
    files = kill_matrix.write(data, tmp_path)
    (json_file,) = (path for name, path in files.items() if name.endswith(".json"))
    assert json.loads(json_file.read_text(encoding="utf-8")) == data
    (html_file,) = (path for name, path in files.items() if name.endswith(".html"))
    page = html_file.read_text(encoding="utf-8")
    assert data["survivors"][0] in page
    assert any(line.startswith("SURVIVOR") for line in kill_matrix.lines(data))


def test_the_full_matrix_sees_more_than_the_first_failure():
    only = "StartRtcCloudTranscode.response.RequestId.required!drop"
    first = prove("StartRtcCloudTranscode", "quick", only=only, jobs=1).faults[0]
    full = prove("StartRtcCloudTranscode", "quick", only=only, jobs=1, full=True).faults[0]
    assert first.requests < full.requests
    assert set(first.caught_by) <= set(full.caught_by)


def test_the_self_check_of_a_standard_plan_finds_all_it_tries():
    tested = plan(DESCRIPTION, "standard")
    found = self_check(tested, [requirement.id for requirement in derive(DESCRIPTION)], count=12)
    assert found["tried"] == found["caught"] == 12
    assert found["survivors"] == []


def test_the_self_check_says_when_a_plan_can_not_fail():
    tested = plan(DESCRIPTION, "standard")
    blind = type(tested)(DESCRIPTION, "standard", 0, tested.cases[:1])
    found = self_check(blind, ["StartRtcCloudTranscode.AppId.pattern"], count=5)
    assert found["caught"] == 0
    assert len(found["survivors"]) == found["tried"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_whole_catalogue_is_found_and_no_variant_alarms():
    result = prove("StartRtcCloudTranscode", "standard")
    assert [trial.name for trial in result.survivors] == []
    assert [trial.name for trial in result.alarms] == []


@pytest.mark.slow
@pytest.mark.timeout(6000)
def test_exhaustive_depth_finds_what_standard_leaves_to_it():
    beyond = [trial.name for trial in prove("StartRtcCloudTranscode", "standard").beyond]
    found = Bench(plan(DESCRIPTION, "exhaustive"), is_full=False)
    missed = [name for name in beyond if not found.fault(find([DESCRIPTION], name)).is_caught]
    assert missed == []


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("AppId.pattern!refuse-character#U+005F", "AppId.pattern"),
        ("AppId.pattern!refuse-length#64", "AppId.maxLength"),
        ("AppId.pattern!letter-first", "AppId.pattern"),
        (
            "InputParam.SingleSubUserParam.UserId.type!refuse-character#U+0051",
            "InputParam.SingleSubUserParam.UserId.type",
        ),
    ],
)
def test_what_is_wrong_with_a_refused_text_is_told(name, broken):
    """A text of full length shows a length and many characters at once; the finding names the one that is refused."""
    ran = in_process.run(plan(DESCRIPTION, "standard"), fault=find([DESCRIPTION], DESCRIPTION.id(name)))
    failed = {key for key, result in ran.results.items() if result.verdict is Verdict.FAIL}
    assert broken in failed
    assert not failed & ({"AppId.maxLength", "AppId.pattern"} - {broken})


@pytest.mark.parametrize("number", [2, 7, 13])
def test_a_refusal_now_and_then_is_no_less_a_failure_at_the_end_of_a_run(number):
    """The requests that explain it use the same names again, which must not excuse it."""
    fault = find([DESCRIPTION], DESCRIPTION.id(f"response.status!every-n-refused#{number}"))
    ran = in_process.run(plan(DESCRIPTION, "standard"), fault=fault)
    assert ran.code == ExitCode.FAILED
