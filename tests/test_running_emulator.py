"""The emulator as client teams hold it: what came, what it plays, and that a reset leaves nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException, ServerException, ThrottlingException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import ExtendsParameters, RuntimeOptions

from acs_conformance import AccessKeys, SelectionError, UsageError, start_emulator
from acs_conformance.sdk_client import EmulatorClient, sdk_config
from acs_conformance.signing.auth import Acs3HmacSha256

ACTION = "StartRtcCloudTranscode"
PARCEL = "BookParcel"
OUTPUT = {"ChannelId": "c", "UserId": "out", "UserToken": "t", "TranscodeTemplate": "lld"}
VALID = {
    "AppId": "a",
    "ChannelId": "c",
    "InputParam": {"SingleSubUserParam": {"UserId": "in"}},
    "OutputParams": [OUTPUT],
    "MaxIdleTime": 60,
}


@pytest.fixture(scope="module")
def served():
    with start_emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(served):
    served.reset()
    return served


@pytest.fixture
def client(emulator):
    return EmulatorClient(emulator)


def refused(client, **changes):
    with pytest.raises(AlibabaCloudException) as caught:
        client.call(ACTION, **(VALID | changes))
    return caught.value


# --- what came --------------------------------------------------------------------------------------------------------


def test_what_came_is_there_with_its_answer(emulator, client):
    body = client.call(ACTION, **VALID)
    refused(client, AppId="a b")
    first, second = emulator.received
    assert (first.operation, first.status, first.code) == (ACTION, 200, "")
    assert first.parameters == VALID
    assert body["TaskId"].encode() in first.response.body
    assert (second.status, second.code) == (400, "InvalidParameter")
    assert [job.id for job in emulator.jobs] == [body["TaskId"]]


def test_parameters_are_those_of_the_operation_in_either_signature_scheme(emulator):
    config = sdk_config(emulator)
    config.signature_algorithm = "v2"
    client = EmulatorClient(emulator)
    Client.__init__(client, config)
    client.call(ACTION, **VALID, Unknown="x")
    (request,) = emulator.received
    assert request.status == 200
    assert b"SignatureMethod" in (request.request.target.encode() + request.request.body)
    assert request.parameters == VALID | {"Unknown": "x"}


def test_what_can_not_be_read_stays_text(emulator):
    key = emulator.access_key
    auth = Acs3HmacSha256(key, action=ACTION, version=emulator.descriptions[ACTION].version)
    query = {"AppId": "1", "InputParam": "{", "MaxIdleTime": "010"}
    httpx.post(f"{emulator.url}/", params=query, auth=auth)
    httpx.get(f"{emulator.url}/nowhere")
    first, second = emulator.received
    assert first.parameters == query
    assert (first.status, second.operation, second.parameters) == (400, "", {})
    assert second.code.startswith("Missing")


def test_the_code_of_an_answer_in_xml_is_read(emulator):
    wants_xml = RuntimeOptions(extends_parameters=ExtendsParameters(headers={"accept": "application/xml"}))
    params = Params(
        action=ACTION,
        version=emulator.descriptions[ACTION].version,
        protocol="HTTP",
        method="POST",
        pathname="/",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    for prepare in (lambda: None, lambda: emulator.refuse_next("MissingParameter", status=400)):
        prepare()
        with pytest.raises(AlibabaCloudException) as caught:
            Client(sdk_config(emulator)).call_api(params, OpenApiRequest(query={}), wants_xml)
        assert caught.value.code == "MissingParameter"
        assert emulator.received[-1].response.body.startswith(b"<?xml")
        assert emulator.received[-1].code == "MissingParameter"


def test_threads_may_call_at_once_while_another_one_looks(emulator, client):
    def start(number):
        client.call(ACTION, **VALID | {"ChannelId": f"c{number}", "OutputParams": [OUTPUT | {"ChannelId": "c"}]})

    threads = [threading.Thread(target=start, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(emulator.jobs) <= len(emulator.received) <= 12
    assert len(emulator.received) == 12


# --- what it plays ----------------------------------------------------------------------------------------------------


def test_a_reset_forgets_requests_jobs_nonces_quota_and_refusals(emulator, client):
    emulator.configure(quota="0.001:1")
    client.call(ACTION, **VALID)
    again = emulator.received[0].request
    with pytest.raises(ThrottlingException):
        client.call(ACTION, **VALID)
    emulator.refuse_next("ServiceUnavailable", times=5)
    url = emulator.url
    emulator.reset()
    assert (emulator.received, emulator.jobs, emulator.url) == ((), (), url)
    assert emulator.handle(again).status == 200
    client.call(ACTION, **VALID)
    client.call(ACTION, **VALID)


def test_a_used_nonce_is_refused_until_the_reset(emulator, client):
    client.call(ACTION, **VALID)
    assert b"SignatureNonceUsed" in emulator.handle(emulator.received[0].request).body


def test_a_fault_is_played_until_the_next_configuration(emulator, client):
    emulator.configure(fault=f"{ACTION}.AppId.maxLength!limit#65")
    client.call(ACTION, **VALID | {"AppId": "a" * 65})
    emulator.configure(policy={"answer.suffix": "Name"})
    assert refused(client, AppId="a" * 65).code == "InvalidParameterAppId"
    emulator.reset()
    assert refused(client, AppId="a" * 65).code == "InvalidParameter"


def test_what_is_not_given_is_as_at_the_start():
    with start_emulator(policy={"answer.suffix": "Name"}, quota="0.001:1") as emulator:
        client = EmulatorClient(emulator)
        emulator.configure(policy={"answer.message": "terse"})
        error = refused(client, AppId="")
        assert error.code.endswith("AppId")
        assert "AppId." in error.message
        with pytest.raises(ThrottlingException):
            client.call(ACTION, **VALID)


def test_the_next_requests_are_refused_on_demand_and_leave_nothing(emulator, client):
    emulator.refuse_next("ServiceUnavailable", message="Come back later.", times=2)
    for _ in range(2):
        error = refused(client)
        assert isinstance(error, ServerException)
        assert (error.status_code, error.code) == (503, "ServiceUnavailable")
        assert "Come back later." in error.message
        assert error.request_id
    assert not emulator.jobs
    client.call(ACTION, **VALID)
    assert [request.status for request in emulator.received] == [503, 503, 200]


def test_who_may_call_is_whoever_is_given(emulator):
    keys = AccessKeys(
        secrets={"STS.one": "secret", "two": "other"}, tokens={"STS.one": "token"}, denied={"two": frozenset({ACTION})}
    )
    emulator.configure(access_keys=keys)
    key = emulator.access_key
    assert (key.access_key_id, key.access_key_secret, key.security_token) == ("STS.one", "secret", "token")
    EmulatorClient(emulator).call(ACTION, **VALID)
    other = Config(access_key_id="two", access_key_secret="other", protocol="http", endpoint=emulator.endpoint)
    client = EmulatorClient(emulator)
    Client.__init__(client, other)
    assert (refused(client).status_code, emulator.received[-1].code) == (403, "Forbidden.RAM")


def test_descriptions_of_ones_own_are_served():
    with start_emulator(spec_root=Path(__file__).parent / "data" / "spec") as emulator:
        assert PARCEL in emulator.descriptions
        assert ACTION not in emulator.descriptions
        client = EmulatorClient(emulator)
        with pytest.raises(SelectionError, match=f"no operation is called '{ACTION}'"):
            client.call(ACTION)
        with pytest.raises(AlibabaCloudException):
            client.call(PARCEL, Depot="de-1", Weight=250, Sender=None)
        assert emulator.received[0].parameters == {"Depot": "de-1", "Weight": 250}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"quota": "fast"}, "'fast' is no quota"),
        ({"fault": "nothing"}, "no fault is called 'nothing'"),
        ({"policy": {"answer.suffix": "x"}}, "no choice at answer.suffix is called 'x'"),
        ({"access_keys": AccessKeys()}, "nobody could call"),
    ],
)
def test_what_can_not_be_played_is_refused_at_once(emulator, wrong, told):
    with pytest.raises(UsageError, match=told), start_emulator(**wrong):
        pass
    with pytest.raises(UsageError, match=told):
        emulator.configure(**wrong)


def test_a_refusal_on_demand_has_to_be_one(emulator):
    with pytest.raises(UsageError, match="status 200 is none of an error"):
        emulator.refuse_next("Fine", status=200)
    with pytest.raises(UsageError, match="times=0 refuses nothing"):
        emulator.refuse_next("Fine", times=0)


def test_no_secret_is_shown(emulator):
    with start_emulator(access_keys=AccessKeys(secrets={"id": "verySecret"}), secrets={"k": "verySecret"}) as other:
        EmulatorClient(other).call(ACTION, **VALID)
        shown = repr((other, other.received, other.access_key, other._started_with))
    assert "verySecret" not in shown
    assert "Signature=" not in shown.replace("Signature=***", "")


# --- the lives of what was created ------------------------------------------------------------------------------------


def test_the_clock_of_jobs_is_moved_and_publishers_come_and_go(emulator, client):
    task = client.call(ACTION, **VALID)["TaskId"]
    status = lambda: client.call(f"Describe{ACTION[5:]}", AppId="a", TaskId=task)["TaskInfo"]["Status"]  # noqa: E731
    seen = [status()]
    emulator.join({"ChannelId": "c"})
    emulator.advance(1000)
    seen.append(status())
    emulator.leave({"ChannelId": "c"})
    emulator.advance(59)
    seen.append(status())
    emulator.advance(1)
    seen.append(status())
    assert seen == ["STARTING", "RUNNING", "RECOVERING", "STOPPED"]


def test_nobody_leaves_who_has_not_joined(emulator, client):
    emulator.join({"ChannelId": "c"})
    with pytest.raises(UsageError, match="Leave with the same"):
        emulator.leave()
    emulator.reset()
    with pytest.raises(UsageError, match="nobody has joined"):
        emulator.leave({"ChannelId": "c"})
