"""The official SDK works against the emulator unchanged but for the endpoint."""

from __future__ import annotations

import asyncio

import pytest
from alibabacloud_live20161101 import models
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ThrottlingException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import ExtendsParameters, RuntimeOptions

from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.limits import Quota
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.server import running
from acs_conformance.message import header
from emulator_calls import ACTION, DESCRIPTION

KEYS = AccessKeys(secrets={"testAk": "testSecret", "STS.ak": "stsSecret"}, tokens={"STS.ak": "stsToken"})


@pytest.fixture(scope="module")
def play():
    """An emulator that checks signatures, and its URL."""
    lenient = Policy(choices={"OutputParams[].UserId.beyond": "taken"})
    play = Emulator({ACTION: DESCRIPTION}, settings=Settings(access_keys=KEYS), policy=lenient)
    with running(play) as url:
        yield play, url


def config(url, *, key="testAk", secret=KEYS.secrets["testAk"], token=None, **options):
    return Config(
        access_key_id=key,
        access_key_secret=secret,
        security_token=token,
        protocol="http",
        endpoint=url.removeprefix("http://"),
        **options,
    )


def client(url, **options):
    return Client(config(url, **options))


def output(user, **changes):
    members = {"channel_id": "channel", "user_id": user, "user_token": "e30+/=", "transcode_template": "lhd"}
    return models.StartRtcCloudTranscodeRequestOutputParams(**(members | changes))


def request(**changes):
    """A valid request as the SDK models it, then changed."""
    user = models.StartRtcCloudTranscodeRequestInputParamSingleSubUserParam(user_id="in", stream_type=0, source_type=0)
    members = {
        "app_id": "app-1",
        "channel_id": "channel",
        "input_param": models.StartRtcCloudTranscodeRequestInputParam(single_sub_user_param=user),
        "output_params": [output("用户 1*~"), output("out+2", transcode_template="lld")],
        "max_idle_time": 600,
    }
    return models.StartRtcCloudTranscodeRequest(**(members | changes))


def subscribing(**members):
    user = models.StartRtcCloudTranscodeRequestInputParamSingleSubUserParam(**({"user_id": "in"} | members))
    return request(input_param=models.StartRtcCloudTranscodeRequestInputParam(single_sub_user_param=user))


def test_sdk_starts_a_job(play):
    emulator, url = play
    answer = client(url).start_rtc_cloud_transcode(request())
    assert answer.status_code == 200
    job = emulator.jobs.get(answer.body.task_id)
    assert job.document["AppId"] == "app-1"
    assert job.document["MaxIdleTime"] == 600
    assert job.document["InputParam"] == {"SingleSubUserParam": {"UserId": "in", "StreamType": 0, "SourceType": 0}}
    assert [item["UserId"] for item in job.document["OutputParams"]] == ["用户 1*~", "out+2"]
    assert job.document["OutputParams"][0]["UserToken"] == "e30+/="
    assert answer.body.request_id == answer.headers["x-acs-request-id"]


def test_sdk_starts_a_job_asynchronously(play):
    emulator, url = play
    answer = asyncio.run(client(url).start_rtc_cloud_transcode_async(request(max_idle_time=None)))
    assert "MaxIdleTime" not in emulator.jobs.get(answer.body.task_id).document


def test_sdk_starts_a_job_with_temporary_credentials(play):
    _, url = play
    answer = client(url, key="STS.ak", secret="stsSecret", token="stsToken").start_rtc_cloud_transcode(request())
    assert answer.body.task_id


@pytest.mark.parametrize("key", [{}, {"key": "STS.ak", "secret": "stsSecret", "token": "stsToken"}], ids=["ak", "sts"])
def test_sdk_may_sign_the_older_way(play, key):
    """It sends x-acs-action then too, unsigned."""
    emulator, url = play
    answer = client(url, signature_algorithm="v2", **key).start_rtc_cloud_transcode(request())
    assert emulator.jobs.get(answer.body.task_id).document["OutputParams"][0]["UserId"] == "用户 1*~"
    with pytest.raises(ClientException) as caught:
        client(url, signature_algorithm="v2", **key).start_rtc_cloud_transcode(request(app_id="."))
    assert caught.value.code == "InvalidParameter"
    with pytest.raises(ClientException) as caught:
        client(url, signature_algorithm="v2", **(key | {"secret": "x"})).start_rtc_cloud_transcode(request())
    assert (caught.value.status_code, caught.value.code) == (400, "SignatureDoesNotMatch")


def test_sdk_raises_its_throttling_exception_and_learns_how_long_to_wait():
    throttled = Emulator({ACTION: DESCRIPTION}, settings=Settings(access_keys=KEYS, quota=Quota(rate=0.01, burst=1)))
    with running(throttled) as url:
        client(url).start_rtc_cloud_transcode(request(output_params=[output("a")]))
        with pytest.raises(ThrottlingException) as caught:
            client(url).start_rtc_cloud_transcode(request())
    assert (caught.value.status_code, caught.value.code) == (400, "Throttling.User")
    assert 95_000 < caught.value.retry_after <= 100_000
    assert len(throttled.jobs) == 1


def test_sdk_reads_an_error_in_xml():
    """It parses XML under exactly one content type, and dies of any other."""
    wants_xml = RuntimeOptions(extends_parameters=ExtendsParameters(headers={"accept": "application/xml"}))
    answers = []

    class Keeping(Fault):
        def refusal(self, envelope, refused, _memory):
            answers.append(header(envelope.request.headers, "accept"))
            return refused

    with running(Emulator({ACTION: DESCRIPTION}, settings=Settings(access_keys=KEYS), fault=Keeping())) as url:
        for options, code in (({}, "InvalidParameter"), ({"secret": "x"}, "SignatureDoesNotMatch")):
            with pytest.raises(ClientException) as caught:
                client(url, **options).start_rtc_cloud_transcode_with_options(request(app_id="<&>"), wants_xml)
            assert (caught.value.status_code, caught.value.code) == (400, code)
            assert caught.value.request_id
    assert answers == ["application/xml"] * 2


@pytest.mark.parametrize(
    ("credentials", "status", "code"),
    [
        ({"secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"key": "nobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"key": "STS.ak", "secret": "stsSecret", "token": "x"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_sdk_learns_why_it_is_not_admitted(play, credentials, status, code):
    _, url = play
    with pytest.raises(ClientException) as caught:
        client(url, **credentials).start_rtc_cloud_transcode(request())
    assert (caught.value.status_code, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("invalid", "code", "place"),
    [
        (request(app_id=None), "MissingParameter", "AppId"),
        (request(input_param=None), "MissingParameter", "InputParam"),
        (request(output_params=None), "MissingParameter", "OutputParams"),
        (models.StartRtcCloudTranscodeRequest(), "MissingParameter", "AppId"),
        (request(app_id=""), "MissingParameter", "AppId"),
        (request(output_params=[]), "MissingParameter", "OutputParams"),
        (request(output_params=[output(None)]), "MissingParameter", "OutputParams[].UserId"),
        (subscribing(user_id=None), "MissingParameter", "InputParam.SingleSubUserParam.UserId"),
        (request(app_id="app 1"), "InvalidParameter", "AppId"),
        (request(channel_id="用户"), "InvalidParameter", "ChannelId"),
        (request(output_params=[output("a", channel_id="c" * 65)]), "InvalidParameter", "OutputParams[].ChannelId"),
        (request(app_id="a" * 65), "InvalidParameter", "AppId"),
        (request(max_idle_time=9), "InvalidParameter", "MaxIdleTime"),
        (request(max_idle_time=14401), "InvalidParameter", "MaxIdleTime"),
        (request(max_idle_time="ten"), "InvalidParameter", "MaxIdleTime"),
        (request(max_idle_time=True), "InvalidParameter", "MaxIdleTime"),
        (subscribing(stream_type=3), "InvalidParameter", "InputParam.SingleSubUserParam.StreamType"),
        (subscribing(source_type=-1), "InvalidParameter", "InputParam.SingleSubUserParam.SourceType"),
        (subscribing(stream_type="0"), "InvalidParameter", "InputParam.SingleSubUserParam.StreamType"),
        (subscribing(stream_type=True), "InvalidParameter", "InputParam.SingleSubUserParam.StreamType"),
        (subscribing(user_id=7), "InvalidParameter", "InputParam.SingleSubUserParam.UserId"),
        (
            request(output_params=[output("a"), output("b", transcode_template="LHD")]),
            "InvalidParameter",
            "OutputParams[].TranscodeTemplate",
        ),
        (request(output_params=[output("a"), output("a")]), "InvalidParameter", "OutputParams[].UserId"),
        (request(output_params=[output("a"), output("in")]), "InvalidParameter", "OutputParams[].UserId"),
    ],
    ids=range(24),
)
def test_sdk_raises_the_documented_error(play, invalid, code, place):
    """Each kind of invalid input arrives as an exception with its Code and a message that names the place."""
    emulator, url = play
    before = len(emulator.jobs)
    with pytest.raises(ClientException) as caught:
        client(url).start_rtc_cloud_transcode(invalid)
    assert (caught.value.status_code, caught.value.code) == (400, code)
    assert f" {place} " in caught.value.message
    assert caught.value.request_id
    assert len(emulator.jobs) == before


def test_sdk_raises_the_documented_error_asynchronously(play):
    _, url = play
    with pytest.raises(ClientException) as caught:
        asyncio.run(client(url).start_rtc_cloud_transcode_async(request(app_id="a.b")))
    assert caught.value.code == "InvalidParameter"


# --- jobs that are described and stopped ------------------------------------------------------------------------------


@pytest.fixture
def life(acs_emulator):
    """The emulator as the plugin gives it to client teams, a client of it, and a job that was started."""
    key = acs_emulator.access_key
    sdk = client(acs_emulator.url, key=key.access_key_id, secret=key.access_key_secret)
    outputs = [output("one"), output("two", transcode_template="lld")]
    return acs_emulator, sdk, sdk.start_rtc_cloud_transcode(request(output_params=outputs)).body.task_id


def described(sdk, task):
    answer = sdk.describe_rtc_cloud_transcode(models.DescribeRtcCloudTranscodeRequest(app_id="app-1", task_id=task))
    return answer.body.task_info


def test_sdk_describes_a_job(life):
    _, sdk, task = life
    info = described(sdk, task)
    assert (info.app_id, info.channel_id, info.task_id, info.max_idle_time) == ("app-1", "channel", task, 600)
    sub = info.input_param.single_sub_user_param
    assert (sub.user_id, sub.stream_type, sub.source_type) == ("in", 0, 0)
    outputs = [(each.channel_id, each.user_id, each.transcode_template) for each in info.output_params]
    assert outputs == [("channel", "one", "lhd"), ("channel", "two", "lld")]
    assert "e30" not in str(info.to_map())


def test_sdk_sees_a_job_start_run_recover_and_end(life):
    service, sdk, task = life
    seen = [described(sdk, task).status]
    service.advance(5)
    service.join({"ChannelId": "channel", "InputParam.SingleSubUserParam.UserId": "in"})
    service.advance(5000)
    seen.append(described(sdk, task).status)
    service.leave({"ChannelId": "channel", "InputParam.SingleSubUserParam.UserId": "in"})
    seen.append(described(sdk, task).status)
    service.advance(600)
    seen.append(described(sdk, task).status)
    assert seen == ["STARTING", "RUNNING", "RECOVERING", "STOPPED"]


def test_sdk_stops_a_job(life):
    service, sdk, task = life
    stop = models.StopRtcCloudTranscodeRequest(app_id="app-1", task_id=task)
    answer = sdk.stop_rtc_cloud_transcode(stop)
    assert answer.body.request_id == answer.headers["x-acs-request-id"]
    assert described(sdk, task).status == "STOPPED"
    assert [job.id for job in service.jobs] == [task]


def test_sdk_raises_an_error_for_a_job_that_there_is_not(life):
    _, sdk, _ = life
    with pytest.raises(ClientException) as caught:
        described(sdk, "unknown")
    assert (caught.value.status_code, caught.value.code) == (404, "NotFound")
    with pytest.raises(ClientException) as caught:
        sdk.stop_rtc_cloud_transcode(models.StopRtcCloudTranscodeRequest(app_id="app-1"))
    assert (caught.value.status_code, caught.value.code) == (400, "MissingParameter")
