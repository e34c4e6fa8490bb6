"""Fixtures: the emulator and the official SDK's client for it."""

import pytest
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.server import running

KEY, SECRET = "our-key", "our-secret"


@pytest.fixture
def emulator():
    """The service, offline and empty."""
    return Emulator(spec_folder.load_all(), settings=Settings(access_keys=AccessKeys(secrets={KEY: SECRET})))


@pytest.fixture
def client(emulator):
    """The SDK as in production, but for the endpoint."""
    with running(emulator) as url:
        yield Client(
            Config(access_key_id=KEY, access_key_secret=SECRET, protocol="http", endpoint=url.removeprefix("http://"))
        )
