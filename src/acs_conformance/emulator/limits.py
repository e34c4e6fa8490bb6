"""What the gateway remembers between requests: nonces that were used, and how much of a quota is left.

In: keys and times, in seconds since 1970. Out: yes or no, or how long to wait. Both are bounded, and neither reads a
clock.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass

from acs_conformance.errors import UsageError

_QUOTA = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?::([0-9]{1,9}))?").fullmatch

# Seconds that Unix time as a float can't tell apart for sure; who comes so much too early is not early.
_RESOLUTION_S = 1e-6


class Nonces:
    """Nonces that were used, oldest first; each belongs to an AccessKey.

    Args:
        lifetime_s: seconds for which a nonce is remembered.
        capacity: how many are remembered; beyond it the oldest is forgotten.
    """

    def __init__(self, *, lifetime_s: float, capacity: int) -> None:
        self._lifetime_s = lifetime_s
        self._capacity = capacity
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def has(self, nonce: tuple[str, str], now_s: float) -> bool:
        """Whether this AccessKey has used this nonce."""
        seen_s = self._seen.get(nonce)
        return seen_s is not None and now_s - seen_s <= self._lifetime_s

    def add(self, nonce: tuple[str, str], now_s: float) -> None:
        """Notes that it has."""
        self._seen.pop(nonce, None)
        self._seen[nonce] = now_s
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many requests each AccessKey may send.

    Attributes:
        rate: requests per second in the long run; more than 0.
        burst: requests at once after a pause; at least 1.
    """

    rate: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> Quota:
        """The quota in "RATE" or "RATE:BURST". The burst of a rate alone is the requests of one second, rounded up.

        Raises:
            UsageError: the text is not of this form.
        """
        match = _QUOTA(text)
        rate = float(match[1]) if match else 0.0
        burst = int(match[2]) if match and match[2] else math.ceil(rate)
        if not rate or not burst:
            raise UsageError(
                f"{text!r} is no quota. Give requests per second, more than 0, and if you like after a colon the most "
                "at once, at least 1: 50, 0.5 or 50:100."
            )
        return cls(rate=rate, burst=burst)


class Buckets:
    """A token bucket for each AccessKey, full at first.

    Args:
        quota: size and speed of each.
    """

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str, now_s: float) -> float:
        """Takes a token and returns 0, or takes none and returns the seconds until there is one."""
        tokens, then_s = self._levels.get(key_id, (float(self._quota.burst), now_s))
        # A clock that goes backwards gives nothing and takes nothing.
        tokens = min(self._quota.burst, tokens + max(0.0, now_s - then_s) * self._quota.rate)
        wait_s = (1 - tokens) / self._quota.rate
        is_there = wait_s < _RESOLUTION_S
        self._levels[key_id] = (tokens - 1 if is_there else tokens, now_s)
        return 0.0 if is_there else wait_s
