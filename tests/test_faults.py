"""The fault catalogue, and the proof that the plan finds it."""

from __future__ import annotations

import functools
import json
from collections import Counter
from dataclasses import replace

import pytest

import in_process
from acs_conformance import spec_folder
from acs_conformance.bench import Bench
from acs_conformance.cases import plan
from acs_conformance.emulator.policy import Policy, variants
from acs_conformance.errors import SelectionError
from acs_conformance.faults import catalogue, find
from acs_conformance.prove import prove, self_check, to_json
from acs_conformance.report import kill_matrix
from acs_conformance.requirement import derive
from acs_conformance.verdict import ExitCode, Verdict

SHIPPED, MADE_UP = spec_folder.load_all(), spec_folder.load_all(in_process.MADE_UP_ROOT)
DESCRIPTIONS = SHIPPED | MADE_UP
DESCRIPTION = SHIPPED["StartRtcCloudTranscode"]
CATALOGUE = catalogue(DESCRIPTION)
ROOTS = dict.fromkeys(SHIPPED) | dict.fromkeys(MADE_UP, in_process.MADE_UP_ROOT)
#: A fixed sample, spread over all operators; the whole of it is `acs-conformance prove`.
SAMPLE = [
    (description.operation, fault)
    for description in DESCRIPTIONS.values()
    for fault in catalogue(description)[:: 45 if description is DESCRIPTION else 75]
]

by_operation = pytest.mark.parametrize("operation", DESCRIPTIONS)


@functools.cache
def bench_of(operation: str, depth: str = "standard") -> Bench:
    return Bench(in_process.planned(DESCRIPTIONS[operation], depth), is_full=False)


@pytest.fixture(scope="module")
def bench():
    return bench_of(DESCRIPTION.operation)


@by_operation
def test_ids_are_unique(operation):
    found = Counter(fault.id for fault in catalogue(DESCRIPTIONS[operation]))
    assert [name for name, count in found.items() if count > 1] == []


@by_operation
def test_each_fault_is_named_after_a_requirement(operation):
    known = {requirement.id for requirement in derive(DESCRIPTIONS[operation])}
    assert {fault.id.partition("!")[0] for fault in catalogue(DESCRIPTIONS[operation])} - known == set()


def test_there_are_several_hundred_faults_of_many_operators():
    assert len(CATALOGUE) > 1500
    assert len({fault.operator for fault in CATALOGUE}) > 100


@by_operation
def test_each_requirement_of_the_request_that_can_be_broken_has_a_fault(operation):
    description = DESCRIPTIONS[operation]
    touched = {fault.id.partition("!")[0] for fault in catalogue(description)}
    plain_texts = {
        description.id(f"{node.path}.type")
        for node in description.parameters
        if node.location == "query" and node.type == "string"
    }
    wanted = {requirement.id for requirement in derive(description) if requirement.kind == "request"}
    assert wanted - touched - plain_texts == set()


#: Operator and place -> whether a server with that defect differs from a right one in any answer.
DIFFERS = {
    # A number above a negative limit may be zero or positive.
    "BookParcel.Stops[].Days.minimum!zero": False,
    "BookParcel.Stops[].Days.minimum!negative": True,
    "QuoteParcels.Distance.minimum!zero": True,
    # Two labels at the most; two stops at least, four at the most.
    "BookParcel.Labels[].minLength!first-item-only": True,
    "BookParcel.Labels[].minLength!two-items-only": False,
    "BookParcel.Stops[].Code.pattern!two-items-only": True,
    "BookParcel.Labels[].unique!neighbours-only": False,
    "QuoteParcels.Pieces[].Id.unique!neighbours-only": True,
    "BookParcel.Stops[].Code.distinct!single-only": True,
    "BookParcel.Stops[].Code.distinct!many-only": False,
    # Capital letters, digits and slashes: nothing in it is a letter when it is in lower case.
    "BookParcel.Home.pattern!lower-case": False,
    "BookParcel.Home.pattern!upper-case": True,
    "BookParcel.Stops[].Code.distinct!alike#any-case": False,
    "BookParcel.Stops[].Code.distinct!alike#prefix": True,
    # At least three characters.
    "BookParcel.Home.pattern!longer-minimum#3": False,
    "BookParcel.Home.pattern!longer-minimum#4": True,
    # Two letters, a hyphen, digits; a letter, then letters, digits and hyphens.
    "BookParcel.Depot.pattern!refuse-character#U+0041": False,
    "BookParcel.Depot.pattern!refuse-character#U+0061": True,
    "BookParcel.Depot.pattern!alphanumeric-last": False,
    "QuoteParcels.Carrier.pattern!alphanumeric-last": True,
    "QuoteParcels.Carrier.pattern!letter-first": False,
    # No names in the JSON, or no strings at all.
    "BookParcel.Labels.content!lenient#unquoted-names": False,
    "BookParcel.Labels.content!lenient#single-quotes": True,
    "QuoteParcels.Sizes.content!lenient#single-quotes": False,
    "QuoteParcels.Sizes.content!refuse-notation#escapes": False,
    "BookParcel.Labels.content!refuse-notation#order": False,
    "BookParcel.Stops.content!refuse-notation#order": True,
    # Whether an empty optional parameter is there at all is an open question.
    "BookParcel.Speed.enum!empty": False,
    # Capital letters already, and one of them.
    "QuoteParcels.Insurance.Class.enum!any-case": True,
    "QuoteParcels.Insurance.Class.enum!all-upper": False,
    "QuoteParcels.Insurance.Class.enum!prefix-of": False,
    "BookParcel.Speed.enum!prefix-of": True,
    # Nothing is inside of what is absent.
    "BookParcel.Sender.Address.Street.required!ignore-when#Sender.Address=absent": False,
    "BookParcel.Sender.Name.required!ignore-when#Sender.Address=absent": True,
    "BookParcel.response.status!refuse-pair#Sender.Address=absent+Sender.Address.Floor=0": False,
    "BookParcel.response.status!refuse-pair#Weight=0+Sender.Address=absent": True,
    # Without ids nothing tells whether an answer about the world is wrong.
    "BookParcel.Depot.required!answer#Denied": False,
    "QuoteParcels.Origin.required!answer#NoCarrier": True,
    "QuoteParcels.Carrier.required!answer#NoCarrier": False,
}


@pytest.mark.parametrize("identifier", DIFFERS)
def test_a_fault_is_made_exactly_where_a_request_can_show_it(identifier):
    made = {fault.id for fault in catalogue(DESCRIPTIONS[identifier.partition(".")[0]])}
    assert (identifier in made) is DIFFERS[identifier]


@pytest.mark.parametrize("identifier", [identifier for identifier, differs in DIFFERS.items() if differs])
def test_and_there_the_plan_finds_it(identifier):
    operation = identifier.partition(".")[0]
    assert bench_of(operation).fault(find([DESCRIPTIONS[operation]], identifier)).is_caught


def test_an_unknown_fault_is_refused_with_a_suggestion():
    with pytest.raises(SelectionError, match="Did you mean"):
        find([DESCRIPTION], "StartRtcCloudTranscode.AppId.pattern!ignor")


@pytest.mark.parametrize(("operation", "fault"), SAMPLE, ids=lambda value: getattr(value, "id", ""))
def test_the_plan_finds_the_fault(operation, fault):
    trial = bench_of(operation).fault(fault)
    if fault.found_at == "standard":
        assert trial.is_caught
        assert trial.code == ExitCode.FAILED


@pytest.mark.parametrize("number", range(0, len(variants(DESCRIPTION)), 4))
def test_a_faultless_server_raises_no_alarm_whatever_it_reads(bench, number):
    trial = bench.variant(number)
    assert trial.caught_by == ()
    assert trial.code == ExitCode.CONFORMS


@pytest.mark.parametrize("fault", catalogue(SHIPPED["DescribeRtcCloudTranscode"])[::40], ids=lambda fault: fault.id)
def test_whatever_fails_no_requirement_passes_without_evidence(fault):
    tested = in_process.planned(SHIPPED["DescribeRtcCloudTranscode"])
    results = in_process.run(tested, fault=fault, policy=Policy(choices=fault.needs)).results
    passed = [result for result in results.values() if result.verdict is Verdict.PASS]
    assert passed
    assert [result.requirement.id for result in passed if not result.passed or not result.evidence] == []


def test_what_fails_for_the_operation_that_ends_things_leaves_their_end_undecided():
    """All faults of Stop, of which a case for Describe finds some before it comes to what is shown of an end."""
    for fault in catalogue(SHIPPED["StopRtcCloudTranscode"])[::30]:
        tested = in_process.planned(SHIPPED["DescribeRtcCloudTranscode"], "standard")
        for result in in_process.run(tested, fault=fault, policy=Policy(choices=fault.needs)).results.values():
            assert result.verdict is not Verdict.PASS or (result.passed and result.evidence), result


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


def test_items_of_a_created_thing_that_come_back_in_another_order_are_found():
    result = prove("DescribeRtcCloudTranscode", "standard", only="*.as-created!s*", jobs=1)
    assert {"sorted", "shifted"} <= {trial.name.partition("!")[2] for trial in result.faults}
    assert [trial.name for trial in result.survivors] == []


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
@by_operation
def test_the_whole_catalogue_is_found_and_no_variant_alarms(operation):
    result = prove(operation, "standard", spec_root=ROOTS[operation])
    assert [trial.name for trial in result.survivors] == []
    assert [trial.name for trial in result.alarms] == []


@pytest.mark.slow
@pytest.mark.timeout(6000)
@by_operation
def test_exhaustive_depth_finds_what_standard_leaves_to_it(operation):
    left = [fault for fault in catalogue(DESCRIPTIONS[operation]) if fault.found_at == "exhaustive"]
    assert left
    assert [fault.id for fault in left if not bench_of(operation, "exhaustive").fault(fault).is_caught] == []


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
