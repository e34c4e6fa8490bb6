"""Reach a target: the one that options name, or the embedded emulator, and whatever sends to it.

In: `Options`. Out: a `Target` for as long as it is needed, and recorders that send to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from acs_conformance import target
from acs_conformance.description import Description
from acs_conformance.exchange import Recorder
from acs_conformance.gateway_checks import Scheme
from acs_conformance.guard import Guard
from acs_conformance.http_sender import HttpSender
from acs_conformance.options import Options
from acs_conformance.pace import Pace
from acs_conformance.signer import Signer
from acs_conformance.target import Target
from acs_conformance.version import __version__


def given_target(options: Options) -> Target | None:
    """The target that the options name; None for the embedded emulator.

    Raises:
        UsageError: it may not be tested, or what it needs is not there.
    """
    is_limited = options.limits.max_jobs is not None
    if options.profile is not None:
        return target.from_profile(options.profile, os.environ, is_limited=is_limited)
    if options.target_url is not None:
        return target.from_url(options.target_url, os.environ, is_limited=is_limited)
    return None


@contextmanager
def reached(options: Options, descriptions: dict[str, Description]) -> Iterator[Target]:
    """The target that the options name, or the embedded emulator for as long as the context lasts."""
    given = given_target(options)
    if given is not None:
        yield given
        return
    # Late: the emulator brings a server that other commands don't need.
    from acs_conformance.emulator.core import Emulator, Settings
    from acs_conformance.emulator.gateway import AccessKeys
    from acs_conformance.emulator.server import running

    keys = target.EMULATOR_CREDENTIALS
    settings = Settings(access_keys=AccessKeys(secrets={keys.access_key_id: keys.access_key_secret}))
    emulator = Emulator(descriptions, settings=settings)

    def advance(seconds: float) -> float:
        emulator.advance(seconds)
        return seconds

    with running(emulator) as address:
        yield Target(url=address, kind="embedded emulator", credentials=keys, advance=advance)


def recorders_for(
    chosen: Target, scheme: Scheme, guard: Guard | None, count: int
) -> tuple[list[Recorder], list[HttpSender]]:
    """Recorders that send to `chosen` at the same time at the pace of one, and the senders to close afterwards."""
    pace = Pace(chosen.pace)
    both = [recorder_for(chosen, scheme, guard, pace) for _ in range(count)]
    return [recorder for recorder, _ in both], [sender for _, sender in both]


def recorder_for(
    chosen: Target, scheme: Scheme = "v3", guard: Guard | None = None, pace: Pace | None = None
) -> tuple[Recorder, HttpSender]:
    """A recorder that sends to `chosen`, and the sender to close afterwards."""
    sender = HttpSender(chosen.url, user_agent=f"acs-conformance/{__version__}", route=chosen.route)
    signer = Signer(chosen.credentials, chosen.host, scheme=scheme)
    return Recorder(sender, signer, hidden=chosen.hidden, pace=pace or Pace(chosen.pace), guard=guard), sender
