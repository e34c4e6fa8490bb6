"""The client: starts a transcoding job with one output for each quality."""

from collections.abc import Iterable, Mapping

from alibabacloud_live20161101 import models
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException, ServerException, ThrottlingException

TEMPLATES = {"low": "lld", "standard": "lsd", "high": "lhd"}
TRIES = 3


class NotStartedError(Exception):
    """The service refused the job; the text is fit for an operator."""


def start(
    client: Client, *, app: str, channel: str, streamer: str, qualities: Iterable[str], tokens: Mapping[str, str]
) -> str:
    """Start transcoding a streamer's video; the job's id.

    Each output is published by a user of its own, `<streamer>-<quality>`, with that user's token.

    Raises:
        NotStartedError: the service refuses it, or fails three times.
    """
    outputs = [
        models.StartRtcCloudTranscodeRequestOutputParams(
            channel_id=channel,
            user_id=f"{streamer}-{quality}",
            user_token=tokens[quality],
            transcode_template=TEMPLATES[quality],
        )
        for quality in qualities
    ]
    user = models.StartRtcCloudTranscodeRequestInputParamSingleSubUserParam(user_id=streamer)
    request = models.StartRtcCloudTranscodeRequest(
        app_id=app,
        channel_id=channel,
        input_param=models.StartRtcCloudTranscodeRequestInputParam(single_sub_user_param=user),
        output_params=outputs,
        max_idle_time=60,
    )
    failures: list[str] = []
    while len(failures) < TRIES:
        try:
            return str(client.start_rtc_cloud_transcode(request).body.task_id)
        except ServerException as error:
            failures.append(error.code)
        except ThrottlingException as error:
            raise NotStartedError(f"the quota is used up; wait {error.retry_after} ms") from error
        except AlibabaCloudException as error:
            raise NotStartedError(f"{error.code}: {error.message}") from error
    raise NotStartedError(f"the service fails: {', '.join(failures)}")
