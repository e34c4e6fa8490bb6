"""The clock of an emulator that says in its answers that it lets its clock be moved.

In: a target and what it has answered. Out: the target, with a way to let time go by for its things where it offers one.
Only `acs-conformance emulator --admin` does, so a real endpoint never gets such a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import httpx

from acs_conformance.message import header
from acs_conformance.record import Exchange
from acs_conformance.target import Target

#: The header that names the path of the clock; docs/emulator.md describes both.
HEADER = "x-emulator-clock"
_TIMEOUT_S = 10.0


def with_clock(target: Target, exchanges: Iterable[Exchange]) -> Target:
    """The target; its clock can be moved if that was possible before, or an answer offers it."""
    if target.advance is not None:
        return target
    for exchange in exchanges:
        path = header(exchange.response.headers, HEADER) if exchange.response is not None else None
        if path is not None and path.startswith("/"):
            return replace(target, advance=_Clock(f"{target.url}{path}").advance)
    return target


class _Clock:
    def __init__(self, url: str) -> None:
        self._url = url
        # No connection is kept, so there is none to close.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False, limits=limits)

    def advance(self, seconds: float) -> float:
        """Moves the clock and says by how many seconds: 0 where that failed."""
        try:
            answer = self._client.post(self._url, json={"advance_s": seconds})
        except httpx.HTTPError:
            return 0.0
        return seconds if answer.status_code == httpx.codes.OK else 0.0
