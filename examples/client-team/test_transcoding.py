"""What the client does with the service's answers."""

import pytest
import transcoding
from alibabacloud_live20161101.client import Client

from acs_conformance import AccessKeys, RunningEmulator

TOKENS = {"low": "token-1", "standard": "token-2", "high": "token-3"}


def start(client: Client, *, channel: str = "show-7", qualities: tuple[str, ...] = ("low", "high")) -> str:
    """Start a job that is fine, then changed."""
    return transcoding.start(client, app="shop", channel=channel, streamer="host", qualities=qualities, tokens=TOKENS)


def test_each_quality_is_an_output_with_a_user_of_its_own(client: Client, acs_emulator: RunningEmulator) -> None:
    """The job holds one output for each quality."""
    job_id = start(client)
    (job,) = acs_emulator.jobs
    assert job.id == job_id
    outputs = [(item["UserId"], item["TranscodeTemplate"]) for item in job.document["OutputParams"]]
    assert outputs == [("host-low", "lld"), ("host-high", "lhd")]


def test_a_job_ends_by_itself_after_a_minute_without_streamer(client: Client, acs_emulator: RunningEmulator) -> None:
    """What is sent can be looked at as well as what it creates."""
    start(client)
    (request,) = acs_emulator.received
    assert request.parameters["MaxIdleTime"] == 60


def test_no_quality_is_refused(client: Client) -> None:
    """The service wants at least one output; the operator reads which parameter is meant."""
    with pytest.raises(transcoding.NotStartedError, match="OutputParams"):
        start(client, qualities=())


def test_a_channel_with_a_dot_is_refused(client: Client, acs_emulator: RunningEmulator) -> None:
    """Channel ids have no dots, and a refused call starts nothing."""
    with pytest.raises(transcoding.NotStartedError, match=r"^InvalidParameter.*ChannelId"):
        start(client, channel="show.7")
    assert not acs_emulator.jobs


def test_a_busy_service_is_asked_again(client: Client, acs_emulator: RunningEmulator) -> None:
    """The first answers are errors of the service's own."""
    acs_emulator.refuse_next("ServiceUnavailable", status=503, times=2)
    start(client)
    assert [request.status for request in acs_emulator.received] == [503, 503, 200]


def test_a_service_that_stays_busy_is_left_alone(client: Client, acs_emulator: RunningEmulator) -> None:
    """Three times, and no job."""
    acs_emulator.refuse_next("ServiceUnavailable", status=503, times=9)
    with pytest.raises(transcoding.NotStartedError, match="ServiceUnavailable"):
        start(client)
    assert len(acs_emulator.received) == 3


@pytest.mark.acs_emulator(quota="1")
def test_the_operator_is_told_of_the_quota(client: Client) -> None:
    """One request per second is let through."""
    start(client)
    with pytest.raises(transcoding.NotStartedError, match="quota"):
        start(client)


@pytest.mark.acs_emulator(
    access_keys=AccessKeys(
        secrets={"restricted": "secret"}, denied={"restricted": frozenset({"StartRtcCloudTranscode"})}
    )
)
def test_the_operator_is_told_of_a_missing_permission(client: Client) -> None:
    """The key may sign and not call."""
    with pytest.raises(transcoding.NotStartedError, match=r"Forbidden\.RAM"):
        start(client)


@pytest.mark.acs_emulator(policy={"answer.suffix": "Name", "answer.message": "terse"})
def test_only_what_is_documented_of_a_code_is_relied_on(client: Client) -> None:
    """A code may have a suffix, and a message may say less."""
    with pytest.raises(transcoding.NotStartedError, match="InvalidParameter"):
        start(client, channel="show.7")
