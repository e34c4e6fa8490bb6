"""The wild rest: what Schemathesis generates, and how a finding of it is made small."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acs_conformance import spec_folder
from acs_conformance.cases import plan
from acs_conformance.cases.case import Case
from acs_conformance.cases.reduce import reduced
from acs_conformance.cases.render import Context, render
from acs_conformance.cases.wild import wild_cases
from acs_conformance.message import RawRequest
from acs_conformance.oracle import expect
from acs_conformance.trait import Memory
from acs_conformance.wire import decode_query, encode_query

DESCRIPTION = spec_folder.load("StartRtcCloudTranscode")
CONTEXT = Context(run_id="t", now=1_800_000_000)
SIMPLEST = dict(
    decode_query(
        render(
            DESCRIPTION,
            Case(id="x#x", operation=DESCRIPTION.operation, kind="wild", steps=((),), aspects=()),
            0,
            CONTEXT,
        ).query
    )[0]
)


def judged(parameters):
    found = expect(DESCRIPTION, RawRequest("POST", "/?" + encode_query(parameters)), Memory())
    return {v.key for v in found.violations}, found.questions, found.success, found.refusals, found.anything


@pytest.fixture(scope="module")
def wild():
    return list(wild_cases(DESCRIPTION, 16, 7))


def test_the_same_seed_generates_the_same_requests(wild):
    assert list(wild_cases(DESCRIPTION, 16, 7)) == wild
    assert list(wild_cases(DESCRIPTION, 16, 8)) != wild


def test_requests_of_both_modes_are_generated_and_sent_as_they_are(wild):
    assert {case.id.rpartition("-")[0].rpartition("-")[2] for case in wild} == {"positive", "negative"}
    for case in wild:
        request = render(DESCRIPTION, case, 0, CONTEXT)
        assert [list(pair) for pair in decode_query(request.query)[0]] == case.edits[0].value


def test_a_standard_plan_has_no_wild_rest_and_an_option_brings_it():
    assert [case for case in plan(DESCRIPTION, "standard").cases if case.kind == "wild"] == []
    assert [case for case in plan(DESCRIPTION, "standard", wild=4).cases if case.kind == "wild"]


def test_a_reduced_request_is_judged_alike_and_is_not_larger(wild):
    for case in wild:
        parameters = tuple((name, text) for name, text in case.edits[0].value)
        small = reduced(DESCRIPTION, parameters, SIMPLEST)
        assert judged(small) == judged(parameters)
        assert len(encode_query(small)) <= len(encode_query(parameters))


def test_what_does_not_matter_goes():
    noisy = tuple((SIMPLEST | {"MaxIdleTime": "999999", "Unknown": "x" * 50}).items())
    small = dict(reduced(DESCRIPTION, noisy, SIMPLEST))
    assert len(small.get("Unknown", "")) <= 1
    assert int(small["MaxIdleTime"]) > 14400


@settings(max_examples=30)
@given(st.text(max_size=80), st.text(max_size=30))
def test_reducing_never_changes_what_is_allowed(app, template):
    outputs = '[{"ChannelId":"c","UserId":"o","UserToken":"t","TranscodeTemplate":' + '"' + "x" * len(template) + '"}]'
    parameters = (("AppId", app), ("ChannelId", "c"), ("InputParam", "{}"), ("OutputParams", outputs))
    assert judged(reduced(DESCRIPTION, parameters, SIMPLEST)) == judged(parameters)
