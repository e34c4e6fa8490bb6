"""The described service for the tests of a client: offline, empty, with a clock that a test moves.

In: nothing, or choices. Out: an address to point a client at, a key to sign with, and a hand on the lives of what the
client creates. The pytest plugin gives one to a test that asks for the fixture `acs_emulator`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acs_conformance import spec_folder
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.jobs import JobStore
from acs_conformance.emulator.life import Where
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.server import running

_KEY_ID, _SECRET = "offlineAccessKeyId", "offlineAccessKeySecret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """A service that runs."""

    #: Base URL, `http://127.0.0.1:PORT`.
    url: str
    emulator: Emulator
    access_key_id: str = _KEY_ID
    access_key_secret: str = field(default=_SECRET, repr=False)

    @property
    def endpoint(self) -> str:
        """Host and port, as SDKs want them."""
        return self.url.removeprefix("http://")

    @property
    def jobs(self) -> JobStore:
        """What has been created, the oldest first, those that have ended among them."""
        return self.emulator.jobs

    def advance(self, seconds: float) -> float:
        """Lets seconds go by in the lives of what was created; the lifecycle's time then."""
        return self.emulator.advance(seconds)

    def join(self, where: Where | None = None, *, job_id: str | None = None) -> int:
        """Lets somebody publish what some things use; see `Life.join`."""
        return self.emulator.join(where, job_id=job_id)

    def leave(self, where: Where | None = None, *, job_id: str | None = None) -> bool:
        """Lets those leave that have joined with the same arguments; whether there were any."""
        return self.emulator.leave(where, job_id=job_id)


@contextlib.contextmanager
def offline(
    choices: Mapping[str, str] | None = None, *, spec_root: Path | None = None, state_file: Path | None = None
) -> Iterator[Offline]:
    """Runs the service on a free port of the loopback interface while the context lasts.

    Args:
        choices: points that the contract leaves open, settled otherwise than by default.
        spec_root: folder of descriptions, instead of those that ship.
        state_file: where created things are kept; None: in memory.

    Raises:
        UsageError: a choice, the descriptions or the file can't be used.
    """
    emulator = Emulator(
        spec_folder.load_all(spec_root),
        settings=Settings(access_keys=AccessKeys(secrets={_KEY_ID: _SECRET}), state_file=state_file),
        policy=Policy(choices=dict(choices or {})),
    )
    with contextlib.closing(emulator), running(emulator, has_admin=True) as url:
        yield Offline(url=url, emulator=emulator)
