"""Fixtures for the tests of client teams: a running emulator, and an official SDK client for it.

Loaded in every pytest of whoever installs the package: it imports nothing of ours until a test asks for a fixture, and
has no options. Leave it out with `-p no:acs_conformance_client`.

    def test_our_client(acs_emulator):
        ...  # point the client at acs_emulator.url, then look at acs_emulator.received and acs_emulator.jobs
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from acs_conformance.running_emulator import EmulatorOptions, RunningEmulator
    from acs_conformance.sdk_client import EmulatorClient

_MARKER = "acs_emulator"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that tells the emulator what to play."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(policy=None, fault=None, quota=None, access_keys=None): what the fixture acs_emulator plays in "
        "this test; the nearest marker wins",
    )


@pytest.fixture(scope="session")
def acs_emulator_options() -> EmulatorOptions:
    """What the emulator plays: a conftest.py that overrides it decides for all tests in its folder and below."""
    from acs_conformance.running_emulator import EmulatorOptions

    return EmulatorOptions()


class _Servers:
    """The emulators of one process: one for each kind of options that tests ask for, which is nearly always one."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._running: list[tuple[EmulatorOptions, RunningEmulator]] = []

    def get(self, options: EmulatorOptions) -> RunningEmulator:
        from acs_conformance.errors import AcsConformanceError
        from acs_conformance.running_emulator import serving

        for known, emulator in self._running:
            if known == options:
                return emulator
        try:
            emulator = self._stack.enter_context(serving(options))
        except AcsConformanceError as error:
            pytest.fail(f"acs_emulator_options: {error}", pytrace=False)
        self._running.append((options, emulator))
        return emulator


@pytest.fixture(scope="session")
def _acs_servers() -> Iterator[_Servers]:
    with contextlib.ExitStack() as stack:
        yield _Servers(stack)


@pytest.fixture
def acs_emulator(
    acs_emulator_options: EmulatorOptions, _acs_servers: _Servers, request: pytest.FixtureRequest
) -> RunningEmulator:
    """A running emulator, as good as new for each test; its `url` is the same for the whole session.

    `@pytest.mark.acs_emulator(policy=..., fault=..., quota=..., access_keys=...)` on a test, class or module tells it
    what to play, `acs_emulator.configure(...)` the same in the middle of a test.
    """
    from acs_conformance.errors import AcsConformanceError

    emulator = _acs_servers.get(acs_emulator_options)
    marker = request.node.get_closest_marker(_MARKER)
    wanted: dict[str, Any] = dict(marker.kwargs) if marker else {}
    known = ("policy", "fault", "quota", "access_keys")
    unknown = sorted(set(wanted) - set(known))
    if unknown or (marker and marker.args):
        named = ", ".join(unknown) or "a value without a name"
        pytest.fail(f"marker {_MARKER}: {named} stands for nothing. Known: {', '.join(known)}.", pytrace=False)
    try:
        emulator.configure(**wanted)
    except AcsConformanceError as error:
        pytest.fail(f"marker {_MARKER}: {error}", pytrace=False)
    return emulator


@pytest.fixture
def acs_sdk_config(acs_emulator: RunningEmulator) -> Any:  # noqa: ANN401 - the SDK has no types
    """A `Config` of the official SDK that points any of its clients at the emulator, also a product's own.

    Needs alibabacloud_tea_openapi, which every product's SDK brings along.
    """
    return _sdk().sdk_config(acs_emulator)


@pytest.fixture
def acs_client(acs_emulator: RunningEmulator) -> EmulatorClient:
    """The official SDK's generic client for the emulator; `acs_client.call(operation, Name=value)` calls any operation.

    Needs alibabacloud_tea_openapi, which every product's SDK brings along.
    """
    client: EmulatorClient = _sdk().EmulatorClient(acs_emulator)
    return client


def _sdk() -> Any:  # noqa: ANN401 - a module
    """Our module on the SDK, or a failure that says what to install: a skip would be green by silence."""
    try:
        from acs_conformance import sdk_client
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("alibabacloud_tea_openapi", "darabonba"):
            raise
        pytest.fail(
            f"the official SDK is not installed ({error.name} is missing): pip install 'acs-conformance[client]'",
            pytrace=False,
        )
    return sdk_client
