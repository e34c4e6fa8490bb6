"""An operation that is data alone goes through everything: no line of Python knows it.

What the shipped ones lack: plain booleans and optional enumerations in the query, numbers without limits, an optional
object with required members, an optional list of texts, lists with a maximum, a pattern that is no set of characters,
error rows of other names, nothing that it creates.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import independent
import servers
from acs_conformance import requirement, source, spec_folder
from acs_conformance.cases import DEPTHS
from acs_conformance.cases.render import render
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy, variants
from acs_conformance.emulator.validation import Breach
from acs_conformance.verdict import ExitCode, Verdict
from acs_conformance.wire import decode_parameters
from in_process import CLOSES, CONTEXT, MADE_UP, OPENS, SHOWS, planned, run

PLAN = planned(MADE_UP)


def keys_of(verdict: Verdict, results) -> list[str]:
    return [key for key, result in results.items() if result.verdict is verdict]


# --- description and requirements -----------------------------------------------------------------------------------


def test_it_is_valid_openapi_and_its_statements_hold_together():
    folders = spec_folder.folders(Path(__file__).parent / "data" / "spec")
    OpenAPIV31SpecValidator(source.read(folders[MADE_UP.operation] / "openapi.yaml").data).validate()
    requirement.check_statements(MADE_UP)


def test_its_product_and_version_are_those_of_its_folders():
    assert (MADE_UP.product, MADE_UP.version, MADE_UP.operation) == ("parcels", "2025-03-01", "BookParcel")
    assert MADE_UP.gateway == spec_folder.load("StartRtcCloudTranscode").gateway


def test_one_requirement_for_each_node_and_keyword():
    keys = {r.key for r in requirement.derive(MADE_UP)}
    assert {
        "Depot.required",
        "Depot.pattern",
        "Weight.type",
        "Speed.enum",
        "Speed.default",
        "IsFragile.type",
        "Sender.content",
        "Sender.Address.Street.required",
        "Sender.Address.Floor.type",
        "Stops.minItems",
        "Stops.maxItems",
        "Stops[].Code.distinct",
        "Stops[].Days.minimum",
        "Labels[].unique",
        "Labels.maxItems",
        "response.Booking.required",
        "response.Booking.Number.required",
        "response.Booking.Number.minLength",
        "response.Booking.Price.type",
        "error.ParameterNotValid",
        "error.ParameterNotThere",
    } <= keys
    assert not {"IsFragile.required", "Sender.Address.required", "Home.content", "response.Booking.unique"} & keys


def test_only_rows_that_speak_of_the_world_and_what_need_not_be_shown_are_conditional():
    conditional = {r for r in requirement.derive(MADE_UP) if r.conditional}
    assert {r.key for r in conditional if r.kind == "error"} == {"error.Denied", "error.Busy"}
    assert {r.kind for r in conditional} == {"error", "response"}
    assert not any(r.keyword == "required" for r in conditional if r.path.count(".") < 2)


# --- the wire -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("IsFragile", "true", True),
        ("IsFragile", "false", False),
        ("IsFragile", "True", "True"),
        ("IsFragile", "1", "1"),
        ("Weight", "-5", -5),
        ("Weight", "05", "05"),
        ("Speed", "5", "5"),
        ("Labels", '["a"]', ["a"]),
    ],
)
def test_plain_text_is_read_as_the_documented_type(name, text, value):
    read = decode_parameters(MADE_UP, ((name, text),)).document[name]
    assert read == value
    assert type(read) is type(value)


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_case_renders(depth):
    p = planned(MADE_UP, depth)
    for case in p.cases:
        for step in range(len(case.steps)):
            request = render(MADE_UP, case, step, CONTEXT)
            assert request.target.startswith("/"), case.id
            assert request.target.isascii(), case.id


def test_what_is_inside_an_optional_object_is_broken_where_the_object_is_there():
    for key in ("Sender.Address.Street.required", "Sender.Address.Floor.type", "Sender.Address.HasBell.type"):
        cases = [case for case in PLAN.cases if case.kind == "reject" and case.requirement == MADE_UP.id(key)]
        assert cases, key
        for case in cases:
            read = independent.read(MADE_UP, render(MADE_UP, case, 0, CONTEXT))
            assert "Address" in read.document["Sender"], case.id
            assert read.keys == {key}, case.id


def test_a_list_is_never_longer_than_it_may_be_unless_that_is_the_point():
    for case in PLAN.cases:
        if case.kind in ("opening", "accept", "reject") and not case.requirement.endswith("axItems"):
            document = independent.read(MADE_UP, render(MADE_UP, case, 0, CONTEXT)).document
            for name, most in (("Stops", 4), ("Labels", 2)):
                value = document.get(name)
                assert not isinstance(value, list) or len(value) <= most, case.id


def test_an_operation_that_creates_nothing_has_no_sequences():
    assert not [case.id for case in planned(MADE_UP, "exhaustive").cases if case.kind == "sequence"]


# --- a whole run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_faultless_server_passes_every_requirement(depth):
    found = run(planned(MADE_UP, depth))
    assert found.campaign.stopped == ""
    others = {
        key: (str(result.verdict), result.reason)
        for key, result in found.results.items()
        if result.verdict is not Verdict.PASS and not result.requirement.conditional
    }
    assert others == {}
    assert found.code is ExitCode.CONFORMS


def test_a_pass_of_a_claim_about_requests_was_seen_in_an_answer():
    """Each requirement that can be broken was broken in some request which was refused for it."""
    found = run(PLAN)
    seen = {o.requirement for o in found.judged.observations if o.outcome == "pass"}
    unseen = [
        key
        for key, result in found.results.items()
        if result.requirement.kind == "request"
        and result.requirement.keyword not in ("default", "type")
        and result.requirement.id not in seen
    ]
    assert unseen == []


VARIANTS = dict(variants(MADE_UP))


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("pairwise")][:6])
def test_a_faultless_server_passes_however_it_settles_what_is_open(name):
    found = run(PLAN, policy=VARIANTS[name])
    assert keys_of(Verdict.FAIL, found.results) == []
    assert found.code is ExitCode.CONFORMS


def test_open_questions_are_recorded_with_the_reading_that_the_server_follows():
    found = run(PLAN, policy=Policy.default())
    readings = {record.question: record.reading for record in found.judged.readings}
    assert readings["BookParcel.wire.number-notation.plus-sign"] == "refused"
    assert readings["BookParcel.wire.unknown-parameter"] == "ignored"
    for key in ("wire.null-optional", "wire.empty-optional"):
        assert readings[f"BookParcel.{key}"] == Policy.default().choice(MADE_UP, key)
    assert readings["BookParcel.wire.in-use"] == "not observed"


class Forgets(Fault):
    """A server that does not check one keyword at one place."""

    def __init__(self, path: str, keyword: str) -> None:
        self.path = path
        self.keyword = keyword

    def breaches(self, call, found, memory):  # noqa: ARG002
        return [breach for breach in found if (breach.path, breach.keyword) != (self.path, self.keyword)]


FAULTS = [
    (r.path, r.keyword)
    for r in requirement.derive(MADE_UP)
    if r.kind == "request"
    and r.keyword not in ("default", "content")
    # In plain text everything is a text.
    and not (r.keyword == "type" and MADE_UP.nodes[r.path].type == "string" and MADE_UP.nodes[r.path].is_parameter)
]


@pytest.mark.parametrize(("path", "keyword"), FAULTS, ids=lambda part: part)
def test_a_server_that_forgets_one_check_is_found_by_the_requirement_that_states_it(path, keyword):
    key = f"{path}.{keyword}"
    small = PLAN.restricted([MADE_UP.id(key)])
    found = run(small, fault=Forgets(path, keyword))
    assert found.results[key].verdict is Verdict.FAIL
    assert found.code is ExitCode.FAILED
    assert keys_of(Verdict.FAIL, found.results) == [key]
    assert found.results[key].evidence


def test_a_whole_run_against_a_faulty_server_blames_the_one_requirement():
    found = run(PLAN, fault=Forgets("Stops[].Code", "distinct"))
    assert keys_of(Verdict.FAIL, found.results) == ["Stops[].Code.distinct"]
    assert found.code is ExitCode.FAILED


class Refuses(Fault):
    """A server that refuses something documented, as if it broke a rule."""

    def __init__(self, is_refused) -> None:
        self.is_refused = is_refused

    def breaches(self, call, found, memory):  # noqa: ARG002
        if found or not self.is_refused(call.document):
            return found
        rows = ("ParameterNotValid",)
        return [Breach(location=("Speed",), path="Speed", keyword="enum", kind="other", rows=rows)]


@pytest.mark.parametrize(
    ("key", "is_refused"),
    [
        ("Speed.enum", lambda document: document.get("Speed") == "overnight"),
        ("Stops.maxItems", lambda document: len(document.get("Stops", [])) == 4),
        ("IsFragile.type", lambda document: document.get("IsFragile") is True),
        ("Note.maxLength", lambda document: len(document.get("Note", "")) == 20),
    ],
)
def test_a_server_that_refuses_something_documented_is_found_and_the_part_is_named(key, is_refused):
    found = run(PLAN, fault=Refuses(is_refused))
    assert found.code is ExitCode.FAILED
    failed = keys_of(Verdict.FAIL, found.results)
    accepted = [key for key in failed if key != "response.status"]
    # A list of the most items is what fails, whichever keyword of the list its count is said to show.
    assert accepted
    assert all(name.partition(".")[0] == key.partition(".")[0] for name in accepted), failed


# --- a family that creates, shows and ends ----------------------------------------------------------------------------

FAMILY = (OPENS, SHOWS, CLOSES)
by_member = pytest.mark.parametrize("description", FAMILY, ids=lambda description: description.operation)


@by_member
def test_the_family_is_valid_openapi_and_its_statements_hold_together(description):
    folders = spec_folder.folders(Path(__file__).parent / "data" / "spec")
    OpenAPIV31SpecValidator(source.read(folders[description.operation] / "openapi.yaml").data).validate()
    requirement.check_statements(description)


def test_what_acts_on_parcels_knows_what_creates_and_ends_them():
    assert (SHOWS.acts_on.creator.operation, SHOWS.acts_on.ender.operation) == ("OpenParcel", "CloseParcel")
    assert (CLOSES.acts_on.creator.operation, CLOSES.acts_on.ends_within_s) == ("OpenParcel", 5.0)
    assert OPENS.acts_on is None
    assert OPENS.creates.idle_limit == "KeepFor"
    keys = {r.key for r in requirement.derive(SHOWS)}
    assert {
        "ParcelId.known",
        "Depot.same",
        "response.Parcel.Id.as-created",
        "response.Parcel.Boxes.as-created",
        "response.Parcel.Boxes[].Tags[].as-created",
        "response.Parcel.Boxes[].Lid.Color.as-created",
        "response.Parcel.State.alive",
        "response.Parcel.State.ended",
        "response.Parcel.State.idle",
    } <= keys
    assert {"ParcelId.known", "Depot.same"} <= {r.key for r in requirement.derive(CLOSES)}


@by_member
@pytest.mark.parametrize("depth", ["quick", "standard"])
def test_a_faultless_server_of_the_family_passes_every_requirement(description, depth):
    found = run(planned(description, depth), beside=FAMILY)
    assert found.campaign.stopped == ""
    others = {
        key: (str(result.verdict), result.reason)
        for key, result in found.results.items()
        if result.verdict is not Verdict.PASS and not result.requirement.conditional
    }
    assert others == {}
    assert found.code is ExitCode.CONFORMS
    assert found.judged.created == found.judged.ended
    assert found.judged.created["parcel"] > 0


@by_member
@pytest.mark.parametrize("number", [0, -1])
def test_a_faultless_server_of_the_family_passes_however_it_settles_what_is_open(description, number):
    names = [name for name, _ in variants(description) if name.startswith("pairwise")]
    found = run(planned(description), policy=dict(variants(description))[names[number]], beside=FAMILY)
    assert keys_of(Verdict.FAIL, found.results) == []
    assert found.code is ExitCode.CONFORMS


class Shows(Fault):
    """A server that shows a parcel otherwise than it is."""

    def __init__(self, spoil) -> None:
        self.spoil = spoil

    def answer(self, call, found, response, memory):  # noqa: ARG002
        if call.description.operation != SHOWS.operation or response.status != 200:
            return response
        body = json.loads(response.body)
        self.spoil(body["Parcel"])
        return replace(response, body=json.dumps(body).encode())


def _of_each_box(name, change):
    def spoil(parcel):
        for box in parcel["Boxes"]:
            if name in box:
                change(box)

    return spoil


SPOILT = {
    "Boxes.as-created": lambda parcel: parcel["Boxes"].append({"Label": "more"}),
    "Boxes[].Label.as-created": lambda parcel: parcel["Boxes"][-1].update(Label="other"),
    "Boxes[].Weight.as-created": _of_each_box("Weight", lambda box: box.update(Weight=99)),
    "Boxes[].Tags[].as-created": _of_each_box("Tags", lambda box: box.update(Tags=["wet" for _ in box["Tags"]])),
    "Boxes[].Lid.Color.as-created": _of_each_box("Lid", lambda box: box["Lid"].update(Color="green")),
    "Boxes[].Lid.IsTight.as-created": _of_each_box("Lid", lambda box: box["Lid"].pop("IsTight", None)),
    "Owner.Name.as-created": lambda parcel: parcel.get("Owner", {}).update(Name="somebody"),
    "IsInsured.as-created": lambda parcel: parcel.update(IsInsured=not parcel.get("IsInsured")),
    "KeepFor.as-created": lambda parcel: parcel.update(KeepFor=120),
    "Id.as-created": lambda parcel: parcel.update(Id="p-0"),
    "State.alive": lambda parcel: parcel.update(State="GONE"),
    "State.ended": lambda parcel: parcel.update(State="OPEN"),
}


@pytest.mark.parametrize("key", SPOILT)
def test_a_server_that_shows_a_parcel_otherwise_than_it_is_fails_what_says_so(key):
    found = run(planned(SHOWS), fault=Shows(SPOILT[key]))
    assert f"response.Parcel.{key}" in keys_of(Verdict.FAIL, found.results)
    assert found.code is ExitCode.FAILED


def test_a_server_that_forgets_whose_a_parcel_is_is_found():
    class Anybodys(Fault):
        def breaches(self, call, found, memory):  # noqa: ARG002
            return [breach for breach in found if breach.keyword != "same"]

    class Anything(Fault):
        def breaches(self, call, found, memory):  # noqa: ARG002
            return [breach for breach in found if breach.keyword != "known"]

    for description, fault, key in ((SHOWS, Anybodys(), "Depot.same"), (CLOSES, Anybodys(), "Depot.same")):
        assert keys_of(Verdict.FAIL, run(planned(description), fault=fault).results) == [key]
    assert "ParcelId.known" in keys_of(Verdict.FAIL, run(planned(CLOSES), fault=Anything()).results)


def test_the_command_line_runs_the_family_by_its_folder_alone(tmp_path):
    folder = str(Path(__file__).parent / "data" / "spec")
    chosen = [description.operation for description in FAMILY]
    ended = servers.run_against(None, tmp_path, "--spec", folder, depth="standard", chosen=chosen).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    assert ended.report["budget"]["created"] == ended.report["budget"]["ended"]
    assert "parcels created, all ended" in ended.out
