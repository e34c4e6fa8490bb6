"""The official Python clients, each way of using them as one `Client`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alibabacloud_live20161101 import client as live_client
from alibabacloud_live20161101 import models
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from darabonba.policy.retry import RetryOptions

from client_calls import Call, Keys, Outcome


@dataclass(frozen=True, kw_only=True)
class LiveSdk:
    """alibabacloud_live20161101: a method and a model for each operation."""

    name: str
    #: As the SDK's Config calls it; None for its default, the signature of version 3.
    algorithm: str | None = None
    is_asynchronous: bool = False
    #: When it tries again by itself; never without.
    retry_options: RetryOptions | None = None
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        return "V1" if self.algorithm == "v2" else "V3"

    def send(self, url: str, keys: Keys, calls: Sequence[Call]) -> list[Outcome]:
        client = live_client.Client(
            Config(
                access_key_id=keys.id,
                access_key_secret=keys.secret,
                security_token=keys.token,
                protocol="http",
                endpoint=url.removeprefix("http://"),
                signature_algorithm=self.algorithm,
                retry_options=self.retry_options,
            )
        )
        return [self._send(client, call) for call in calls]

    def _send(self, client: live_client.Client, call: Call) -> Outcome:
        operation = call.description.operation
        request = getattr(models, f"{operation}Request")().from_map(dict(call.document))
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        try:
            if self.is_asynchronous:
                answer = asyncio.run(getattr(client, f"{method}_async")(request))
            else:
                answer = getattr(client, method)(request)
        except AlibabaCloudException as error:
            return Outcome(
                error=type(error).__name__,
                status=error.status_code,
                code=error.code,
                message=error.message,
                request_id=error.request_id,
                retry_after_ms=error.retry_after,
            )
        body = answer.body.to_map()
        return Outcome(status=answer.status_code, body=body, request_id=body.get("RequestId"))


@dataclass(frozen=True, kw_only=True)
class CoreSdk:
    """aliyun-python-sdk-core: one request class for all operations, which is told everything."""

    name: str
    method: str
    is_form: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    signature: str = "V1"

    def send(self, url: str, keys: Keys, calls: Sequence[Call]) -> list[Outcome]:
        credential = (
            StsTokenCredential(keys.id, keys.secret, keys.token)
            if keys.token is not None
            else AccessKeyCredential(keys.id, keys.secret)
        )
        client = AcsClient(region_id="ap-southeast-1", credential=credential)
        return [core_outcome(client, self._request(url, call)) for call in calls]

    def _request(self, url: str, call: Call) -> CommonRequest:
        request = CommonRequest(
            domain=url.removeprefix("http://"),
            version=call.description.version,
            action_name=call.description.operation,
        )
        request.set_protocol_type("http")
        request.set_method(self.method)
        add = request.add_body_params if self.is_form else request.add_query_param
        for name, text in call.parameters.items():
            add(name, text)
        return request


def core_outcome(client: AcsClient, request: Any) -> Outcome:
    """What aliyun-python-sdk-core reports of a request. Of a success it shows the body only."""
    try:
        body = json.loads(client.do_action_with_exception(request))
    except ServerException as error:
        return Outcome(
            error="ServerException",
            status=error.get_http_status(),
            code=error.get_error_code(),
            message=error.get_error_msg(),
            request_id=error.get_request_id(),
        )
    return Outcome(body=body, request_id=body.get("RequestId"))


_GET = {"wire.method": "taken"}

CLIENTS = (
    LiveSdk(name="live20161101"),
    LiveSdk(name="live20161101 async", is_asynchronous=True),
    LiveSdk(name="live20161101 v2", algorithm="v2"),
    LiveSdk(name="live20161101 v2 async", algorithm="v2", is_asynchronous=True),
    CoreSdk(name="sdk-core GET", method="GET", choices=_GET),
    CoreSdk(name="sdk-core POST", method="POST"),
    CoreSdk(name="sdk-core POST body", method="POST", is_form=True),
)
