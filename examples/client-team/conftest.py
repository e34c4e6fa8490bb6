"""The client under test, which talks to the emulator: `acs_sdk_config` comes with acs-conformance."""

import pytest
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.utils_models import Config


@pytest.fixture
def client(acs_sdk_config: Config) -> Client:
    """The SDK as in production, but for the endpoint."""
    return Client(acs_sdk_config)
