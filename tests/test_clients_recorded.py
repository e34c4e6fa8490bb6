"""Requests that official clients sent once are let through, byte for byte, and changed ones are not.

They need neither the clients nor a network, so the emulator is held to all of them wherever it is tested.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy
from acs_conformance.message import RawRequest, header
from client_calls import DESCRIPTIONS, RECORDED, form_parameters, recorded_request, sent_parameters
from emulator_calls import LENIENT, code, outcome

by_recording = pytest.mark.parametrize("recorded", RECORDED, ids=lambda entry: entry["name"])


def time_of(request: RawRequest) -> float:
    """Unix time at which it was sent."""
    text = header(request.headers, "x-acs-date") or sent_parameters(request)["Timestamp"]
    return datetime.fromisoformat(text).timestamp()


def emulator(recorded, secret="testSk") -> Emulator:  # noqa: S107
    """One that knows the caller, at the time of the recording."""
    tokens = {"testAk": "STS+tok/="} if recorded["is_temporary"] else {}
    return Emulator(
        DESCRIPTIONS,
        settings=Settings(access_keys=AccessKeys(secrets={"testAk": secret}, tokens=tokens)),
        policy=Policy(choices=LENIENT),
        clock=lambda: time_of(recorded_request(recorded)),
    )


@by_recording
def test_recorded_request_is_let_through_and_understood(recorded):
    emulator_ = emulator(recorded)
    answer = emulator_.handle(recorded_request(recorded))
    assert answer.status == 200, answer.body
    (job,) = emulator_.jobs
    assert job.document == recorded["document"]


@by_recording
def test_recorded_request_is_refused_by_who_knows_another_secret(recorded):
    answer = emulator(recorded, secret="another").handle(recorded_request(recorded))
    assert outcome(answer) == (400, "SignatureDoesNotMatch")


@by_recording
def test_recorded_request_with_another_value_is_refused(recorded):
    request = recorded_request(recorded)
    where = "body" if "AppId" in form_parameters(request) else "target"
    changed = {
        "body": replace(request, body=request.body.replace(b"AppId=app-1", b"AppId=app-2")),
        "target": replace(request, target=request.target.replace("AppId=app-1", "AppId=app-2")),
    }[where]
    assert changed != request
    assert code(emulator(recorded).handle(changed)) == "SignatureDoesNotMatch"


@by_recording
def test_recorded_request_is_taken_once(recorded):
    twice = emulator(recorded)
    twice.handle(recorded_request(recorded))
    assert code(twice.handle(recorded_request(recorded))) == "SignatureNonceUsed"
