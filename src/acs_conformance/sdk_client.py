"""The official SDK's generic client, pointed at an emulator.

In: a running emulator. Out: a client that signs, sends and raises as in production, for any described operation. The
only module that imports the SDK, which is an extra: `pip install 'acs-conformance[client]'`.
"""

from __future__ import annotations

from typing import Any

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from acs_conformance.errors import SelectionError
from acs_conformance.running_emulator import RunningEmulator


def sdk_config(emulator: RunningEmulator) -> Config:
    """The configuration that points any client of the official SDK at an emulator, also a product's own."""
    key = emulator.access_key
    return Config(
        access_key_id=key.access_key_id,
        access_key_secret=key.access_key_secret,
        security_token=key.security_token,
        protocol="http",
        endpoint=emulator.endpoint,
        no_proxy="127.0.0.1",  # a proxy in the environment knows another 127.0.0.1
    )


class EmulatorClient(Client):
    """The SDK's generic client, with a short way to call what is described; all else is as the SDK has it."""

    def __init__(self, emulator: RunningEmulator) -> None:
        super().__init__(sdk_config(emulator))
        self._descriptions = emulator.descriptions

    def call(self, operation: str, **parameters: object) -> dict[str, Any]:
        """The body of an operation's answer.

        Args:
            operation: a described operation, by its documented name.
            parameters: by their documented names, of any value; lists and objects travel as JSON. None is left out.

        Raises:
            SelectionError: no such operation is described.
            ClientException: the SDK's, with `code`, `message` and `status_code`, where the call is refused.
        """
        description = self._descriptions.get(operation)
        if description is None:
            raise SelectionError("operation", operation, self._descriptions)
        params = Params(
            action=operation,
            version=description.version,
            protocol="HTTP",
            method=description.method,
            pathname=description.path,
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        sent = {name: _text(value) for name, value in parameters.items() if value is not None}
        answer: dict[str, Any] = self.call_api(params, OpenApiRequest(query=Utils.query(sent)), RuntimeOptions())
        body: dict[str, Any] = answer["body"]
        return body


def _text(value: object) -> object:
    """Lists and objects as the SDK's product clients write them; the rest is the generic client's business."""
    if isinstance(value, list | tuple | dict):
        return Utils.array_to_string_with_specified_style(value, "", "json")
    return value
