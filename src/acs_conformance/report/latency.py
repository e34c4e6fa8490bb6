"""How long a target takes to answer, and whether that has shifted.

In: the exchanges of reports. Out: median and 95th percentile by operation, in milliseconds, and shifts beyond noise.
A shift is called one only if it is certain, lasting and large:

- certain: distribution-free confidence intervals of the two quantiles don't overlap. An interval is a pair of order
  statistics, whose ranks follow from the binomial distribution (Hahn, Meeker: Statistical Intervals, section 5.2), here
  by its normal approximation, rounded outwards. Each covers 99 %. Of few exchanges the interval has no upper end.
- lasting: each fifth of the slower run is slower than each fifth of the other one. Times that follow on each other are
  no independent draws, as the intervals have it: a burst of load slows many of them.
- large: by a quarter or more, and by a millisecond or more.

None of that tells a slower target from a busier machine. Only cases that both runs sent are compared, so that another
mix of requests is no shift.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

Data = Mapping[str, Any]

#: The quantiles that are told, by name.
QUANTILES = {"median": 0.5, "p95": 0.95}
#: Fewer exchanges than this are not compared.
ENOUGH = 30
#: Parts of a run that have to agree.
_PARTS = 5
#: The least shift: as a ratio, and in milliseconds.
_RATIO, _MS = 1.25, 1.0
#: Standard deviations on either side of a normal distribution that leave one in a hundred out.
_Z = NormalDist().inv_cdf(0.995)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A quantile of so many times, in milliseconds, with the interval that holds the true one."""

    value: float
    low: float
    high: float
    exchanges: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A quantile of an operation's times that is another one in the newer run."""

    operation: str
    quantile: str
    old: Estimate
    new: Estimate


def by_operation(exchanges: Sequence[Data]) -> dict[str, list[float]]:
    """Operation -> the times of all its exchanges that were answered, in the order of sending."""
    times: dict[str, list[float]] = defaultdict(list)
    for exchange in exchanges:
        if exchange["response"] is not None:
            times[exchange["operation"]].append(exchange["elapsed_s"] * 1000)
    return dict(times)


def quantile(times: Sequence[float], share: float) -> float:
    """The smallest of the times, one at least, that so large a share of them does not exceed."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


def estimate(times: Sequence[float], share: float) -> Estimate:
    """The quantile of times, one at least, with its interval."""
    ordered, count = sorted(times), len(times)
    spread = _Z * math.sqrt(count * share * (1 - share))
    low, high = math.floor(count * share - spread), math.ceil(count * share + spread) + 1
    return Estimate(
        value=quantile(ordered, share),
        low=ordered[low - 1] if low >= 1 else 0.0,
        high=ordered[high - 1] if high <= count else math.inf,
        exchanges=count,
    )


def shifts(old: Sequence[Data], new: Sequence[Data]) -> Iterator[Shift]:
    """The shifts between the exchanges of two reports."""
    common = {_place(exchange) for exchange in old} & {_place(exchange) for exchange in new}
    before = by_operation([exchange for exchange in old if _place(exchange) in common])
    after = by_operation([exchange for exchange in new if _place(exchange) in common])
    for operation in before.keys() & after.keys():
        if min(len(before[operation]), len(after[operation])) < ENOUGH:
            continue
        for name, share in QUANTILES.items():
            old_times, new_times = before[operation], after[operation]
            if _is_slower(old_times, new_times, share) or _is_slower(new_times, old_times, share):
                then, now = estimate(old_times, share), estimate(new_times, share)
                yield Shift(operation=operation, quantile=name, old=then, new=now)


def _place(exchange: Data) -> tuple[str, str, int]:
    return exchange["operation"], exchange["case"], exchange["step"]


def _is_slower(times: Sequence[float], others: Sequence[float], share: float) -> bool:
    """Whether the other times are slower beyond noise."""
    fast, slow = estimate(times, share), estimate(others, share)
    is_certain = fast.high < slow.low
    is_large = slow.value >= fast.value * _RATIO and slow.value - fast.value >= _MS
    return is_certain and is_large and max(_by_part(times, share)) < min(_by_part(others, share))


def _by_part(times: Sequence[float], share: float) -> list[float]:
    """The quantile of each fifth of the times, in the order of sending."""
    bounds = [len(times) * part // _PARTS for part in range(_PARTS + 1)]
    return [quantile(times[start:end], share) for start, end in itertools.pairwise(bounds)]
