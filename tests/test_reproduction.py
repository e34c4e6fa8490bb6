"""What a report keeps of a request makes the very bytes again, but for names that are taken and credentials."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import pytest

from acs_conformance import spec_folder
from acs_conformance.cases.render import Context, render
from acs_conformance.derived import REDACTED, is_well_made
from acs_conformance.errors import CredentialsError
from acs_conformance.exchange import redacted
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Filling, Names, filled, raw, request_of
from acs_conformance.wire import decode
from in_process import CONTEXT, planned

START = spec_folder.load("StartRtcCloudTranscode")
SECRETS = {"app-key": "THE_APP_KEY"}
#: Cases whose credential is not to fit its request, or stands where nothing tells what it was made of.
MADE_OTHERWISE = {"wire.invalid-utf-8", "wire.letter-case", "wire.lone-surrogate", "OutputParams.content#nan"}


def recorded(request, description=START):
    return Exchange(
        number=1,
        operation=description.operation,
        case="any",
        request=redacted(description, request)[0],
        response=None,
    )


def taken_apart(request, secrets=SECRETS, description=START):
    names = Names(CONTEXT.run_id)
    return request_of(description, recorded(request, description), names, secrets), names


def as_it_was(names):
    """A filling that makes everything as it was sent."""
    fresh = {number: was for was, number in names.numbers.items()}
    return Filling(fresh=fresh, now=CONTEXT.now, secrets=CONTEXT.secrets)


@functools.cache
def requests():
    """Every request of the plan."""
    cases = planned(START).cases
    return [(case.id, render(START, case, step, CONTEXT)) for case in cases for step in range(len(case.steps))]


def test_every_request_of_the_plan_comes_back_byte_for_byte():
    different = set()
    for case, request in requests():
        data, names = taken_apart(request)
        back = raw(data, as_it_was(names))
        if (back.method, back.target, back.headers, back.body) != (
            request.method,
            request.target,
            request.headers,
            request.body,
        ):
            different.add(case)
    # A credential whose text is itself written with escapes is made without; the rest is spelt as it was.
    spelt = {case for case in different if ".response.status#valid-" in case}
    assert len(spelt) < 8
    others = {case.partition(".")[2] for case in different - spelt}
    assert {
        case for case in others if case not in MADE_OTHERWISE and case.partition("#")[0] not in MADE_OTHERWISE
    } == set()


def test_no_part_holds_a_credential():
    for case, request in requests():
        data, _ = taken_apart(request)
        _, credentials = redacted(START, request)
        for credential in credentials:
            assert credential.rstrip("=") not in repr(data), case


def plain():
    return render(START, planned(START).cases[0], 0, CONTEXT)


def test_names_are_fresh_and_stay_the_same_name_everywhere():
    data, names = taken_apart(plain())
    assert len(names.numbers) == 1
    (was,) = names.numbers
    sent = raw(data, replace(as_it_was(names), fresh={1: "0123456789"}))
    assert was not in sent.target
    document = decode(START, sent).document
    output = document["OutputParams"][0]
    assert output["UserId"].endswith(f"{CONTEXT.run_id}-0123456789-1")
    # The credential is made of the new name: one that names the old would not be taken for one of this request.
    token = START.nodes["OutputParams[].UserToken"]
    assert is_well_made(token, document, ("OutputParams", 0, "UserToken"), output["UserToken"])
    assert output["UserToken"] != REDACTED


def test_a_name_in_capitals_stays_in_capitals():
    names = Names("r1")
    parts = names.split("out-r1-0a1b2c3d4e-1 OUT-R1-0A1B2C3D4E-1 out-r1-0a1b2c3d4")
    assert filled(parts, Filling(fresh={1: "abcdef0123"}, now=0)) == (
        "out-r1-abcdef0123-1 OUT-R1-ABCDEF0123-1 out-r1-0a1b2c3d4"
    )


def test_the_time_and_the_secret_of_a_credential_are_those_of_its_making():
    data, names = taken_apart(plain())
    then = raw(data, as_it_was(names)).target
    later = raw(data, replace(as_it_was(names), now=CONTEXT.now + 60)).target
    other = raw(data, replace(as_it_was(names), secrets={"app-key": "another"})).target
    environment = raw(data, replace(as_it_was(names), secrets={}, environ={"THE_APP_KEY": CONTEXT.secrets["app-key"]}))
    assert len({then, later, other}) == 3
    assert environment.target == then


def test_a_credential_without_a_rule_comes_from_the_environment_or_not_at_all():
    path = "OutputParams[].UserToken"
    node = replace(START.nodes[path], derived=None)
    unruly = replace(START, nodes={**START.nodes, path: node})
    request = render(START, planned(START).cases[0], 0, CONTEXT)
    data, names = taken_apart(request, description=unruly)
    with pytest.raises(CredentialsError, match="Set ACS_OUTPUTPARAMS_USERTOKEN to one that works"):
        raw(data, as_it_was(names))
    given = replace(as_it_was(names), environ={"ACS_OUTPUTPARAMS_USERTOKEN": "a/b+c"})
    assert decode(unruly, raw(data, given)).document["OutputParams"][0]["UserToken"] == "a/b+c"


def test_a_credential_in_spoiled_json_is_made_of_the_ids_around_it():
    case = next(case for case in planned(START).cases if case.id.endswith("OutputParams.content#trailing-comma"))
    request = render(START, case, 0, CONTEXT)
    data, names = taken_apart(request)
    assert raw(data, as_it_was(names)).target == request.target


@pytest.mark.parametrize("text", ['"\\u0065scaped', "plain"])
def test_what_is_spelt_with_escapes_in_json_is_recorded_so(text):
    """Redaction replaces a credential only, however its text is written."""
    request = plain()
    raw_token = re.search(r"UserToken%22%3A%22([A-Za-z0-9%]+?)%22", request.target)[1]
    escaped = f"%5Cu00{ord(raw_token[0]):02x}{raw_token[1:]}" if "scaped" in text else raw_token
    spelt = request.target.replace(raw_token, escaped).replace("%22UserId%22", "%22%5Cu0055serId%22")
    found, credentials = redacted(START, RawRequest("POST", spelt))
    assert len(credentials) == 1
    assert found.target == spelt.replace(escaped, "%2A%2A%2A")


def test_a_context_without_secrets_makes_what_a_run_without_a_profile_sends():
    bare = Context(run_id=CONTEXT.run_id, now=CONTEXT.now)
    request = render(START, planned(START).cases[0], 0, bare)
    data, names = taken_apart(request, secrets={})
    assert raw(data, replace(as_it_was(names), secrets={})).target == request.target
