"""The official Python clients work against the emulator, unchanged but for the endpoint, as docs/clients.md says."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata

import pytest
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest
from darabonba.policy.retry import RetryCondition, RetryOptions

from acs_conformance.emulator.fault import Refusal
from acs_conformance.emulator.limits import Quota
from acs_conformance.message import header
from client_calls import ACCOUNT, DESCRIPTIONS, Listener, creating, served, simplest
from client_checks import (
    SITUATIONS,
    answered,
    check_document,
    check_get_is_refused_by_default,
    check_sends_what_was_recorded,
    check_sent_as_we_do,
    check_situation,
    check_texts_arrive,
    emulator_with_the_printed_key,
    example,
    signed_part,
    table,
)
from client_python import CLIENTS, LiveSdk, core_outcome

NAMED = {client.name: client for client in CLIENTS}
by_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
by_operation = pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=lambda found: found.operation)


@pytest.fixture(scope="session")
def stage():
    """A server for all of these tests."""
    with served() as stage:
        yield stage


@pytest.mark.parametrize("situation", SITUATIONS)
@by_operation
@by_client
def test_client_reports_what_happened(stage, client, description, situation):
    check_situation(stage, client, description, situation)


@by_operation
@by_client
def test_any_text_arrives_as_it_was_given(stage, client, description):
    check_texts_arrive(stage, client, description)


@by_operation
@by_client
def test_client_sends_what_our_own_signing_sends(stage, client, description):
    check_sent_as_we_do(stage, client, description)


@by_client
def test_client_sends_what_it_sent_when_it_was_recorded(stage, client):
    check_sends_what_was_recorded(stage, client)


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.choices], ids=lambda client: client.name)
def test_get_is_refused_by_default(stage, client):
    check_get_is_refused_by_default(stage, client)


def test_document_has_a_row_for_each_client():
    check_document(CLIENTS, ("live", "sdk-"))


# --- peculiarities --------------------------------------------------------------------------------------------------


def sdk_core(secret=ACCOUNT.secret):
    return AcsClient(ACCOUNT.id, secret, "ap-southeast-1")


def rpc_request(url):
    """A request as the older SDKs made for a product build it."""
    call = simplest(creating())
    request = RpcRequest(call.description.product, call.description.version, call.description.operation)
    request.endpoint = url.removeprefix("http://")
    request.set_protocol_type("http")
    request.set_method("POST")
    for name, text in call.parameters.items():
        request.add_query_param(name, text)
    return request


def test_sdk_core_finds_its_own_text_to_sign_in_the_answer(stage):
    """It compares what follows the colon of the message with what it signed: equal texts mean a wrong secret."""
    with stage.listening() as (_, url):
        assert core_outcome(sdk_core(), rpc_request(url)).error is None
        outcome = core_outcome(sdk_core("another"), rpc_request(url))
    assert (outcome.status, outcome.code) == (400, "InvalidAccessKeySecret")


def test_sdk_core_dies_of_a_mismatch_without_a_colon(stage):
    """Why the emulator's answer to a wrong V1 signature has one."""
    refusal = Refusal(status=400, code="SignatureDoesNotMatch", message="Specified signature is not matched.")
    with pytest.raises(IndexError):
        answered(stage, NAMED["sdk-core POST"], refusal)


@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.name.startswith("live")], ids=lambda client: client.name
)
def test_live_sdk_takes_any_error_with_a_wait_for_throttling(stage, client):
    refusal = Refusal(status=503, code="ServiceUnavailable", message="Later.")
    assert answered(stage, client, refusal).error == "ServerException"
    waiting = answered(stage, client, replace(refusal, headers=(("x-acs-retry-after", "250"),)))
    assert (waiting.error, waiting.retry_after_ms) == ("ThrottlingException", 250)
    refusal = Refusal(status=400, code="Throttling.User", message="Later.")
    assert answered(stage, client, refusal).error == "ClientException"


def test_live_sdk_waits_as_long_as_it_is_told_and_tries_again(stage):
    """Only with retry_options; each try has a nonce of its own and tells its number in a signed header."""
    # A request in 10 ms, and 6 ms of the emulator's time between two of them: the second comes 4 ms too early.
    started_s = time.time()
    listener = Listener({}, clock=lambda: started_s + 0.006 * len(listener.exchanges), quota=Quota(rate=100, burst=1))
    condition = RetryCondition(max_attempts=3, exception=["ThrottlingException"])
    client = LiveSdk(name="", retry_options=RetryOptions(retryable=True, retry_condition=[condition]))
    with stage.playing(listener) as url:
        outcomes = client.send(url, ACCOUNT, [simplest(creating())] * 2)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert [response.status for _, response in listener.exchanges] == [200, 400, 200]
    assert len({header(request.headers, "x-acs-signature-nonce") for request in listener.requests}) == 3
    waits = [header(response.headers, "x-acs-retry-after") for _, response in listener.exchanges]
    again = listener.requests[2]
    assert header(again.headers, "x-acs-retry-attempts") == "1"
    assert waits == [None, header(again.headers, "x-acs-retry-delay"), None]
    assert {"x-acs-retry-attempts", "x-acs-retry-delay"} <= signed_part(again).keys()


# --- docs/clients.md ------------------------------------------------------------------------------------------------


def run_example(stage, name):
    emulator = emulator_with_the_printed_key()
    with stage.playing(emulator) as url:
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", example(name, url)], capture_output=True, text=True, timeout=60
        )
    assert told.returncode == 0, told.stderr
    return told.stdout.split(), [job.id for job in emulator.jobs]


def test_the_example_of_the_live_sdk_runs(stage):
    (status, code, request_id), jobs = run_example(stage, "live20161101")
    assert (status, code, jobs) == ("400", "MissingParameter", [])
    assert request_id


def test_the_example_of_sdk_core_runs(stage):
    printed, jobs = run_example(stage, "sdk-core")
    assert printed == jobs
    assert len(jobs) == 1


def test_document_tells_the_versions_that_were_tested():
    versions = table("package")
    for package in ("alibabacloud_live20161101", "aliyun-python-sdk-core"):
        told = versions[f"`{package}`"]["tested version"].partition(",")[0]
        # The extra `test` takes later ones too: the tests above then speak for these.
        assert tuple(map(int, metadata.version(package).split("."))) >= tuple(map(int, told.split(".")))
