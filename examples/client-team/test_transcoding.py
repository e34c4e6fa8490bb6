"""What the client does with the service's answers."""

import pytest
import transcoding

TOKENS = {"low": "token-1", "standard": "token-2", "high": "token-3"}


def start(client, **changes):
    """Start a job that is fine, then changed."""
    wanted = {"app": "shop", "channel": "show-7", "streamer": "host", "qualities": ["low", "high"], "tokens": TOKENS}
    return transcoding.start(client, **(wanted | changes))


def test_each_quality_is_an_output_with_a_user_of_its_own(client, emulator):
    """The job holds one output for each quality."""
    job = emulator.jobs.get(start(client))
    outputs = [(item["UserId"], item["TranscodeTemplate"]) for item in job.document["OutputParams"]]
    assert outputs == [("host-low", "lld"), ("host-high", "lhd")]


def test_no_quality_is_refused(client):
    """The service wants at least one output; the operator reads which parameter is meant."""
    with pytest.raises(transcoding.NotStartedError, match="OutputParams"):
        start(client, qualities=[])


def test_a_channel_with_a_dot_is_refused(client, emulator):
    """Channel ids have no dots, and a refused call starts nothing."""
    with pytest.raises(transcoding.NotStartedError, match=r"^InvalidParameter.*ChannelId"):
        start(client, channel="show.7")
    assert len(emulator.jobs) == 0
