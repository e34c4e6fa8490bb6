"""How long a target takes to answer, and whether that has shifted.

In: the exchanges of reports. Out: median and 95th percentile by operation, in milliseconds, and shifts beyond noise.
A shift is called one only if it is certain and large:

- certain: distribution-free confidence intervals of the two quantiles don't overlap. An interval is a pair of order
  statistics, whose ranks follow from the binomial distribution (Hahn, Meeker: Statistical Intervals, section 5.2), here
  by its normal approximation, rounded outwards. Each covers 99 %. Of few exchanges the interval has no upper end.
- large: by a quarter or more, and by a millisecond or more. Intervals know the noise within a run only; a busier
  machine shifts all of them at once.

Only cases that both runs sent are compared, so that another mix of requests is no shift.
"""

from __future__ import annotations

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
    """Operation -> the times of all its exchanges that were answered, in ascending order."""
    times: dict[str, list[float]] = defaultdict(list)
    for exchange in exchanges:
        if exchange["response"] is not None:
            times[exchange["operation"]].append(exchange["elapsed_s"] * 1000)
    return {operation: sorted(found) for operation, found in times.items()}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the times that so large a share does not exceed; of times in ascending order, one at least."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def estimate(ordered: Sequence[float], share: float) -> Estimate:
    """The quantile of times in ascending order, one at least, with its interval."""
    count = len(ordered)
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
            then, now = estimate(before[operation], share), estimate(after[operation], share)
            if _is_beyond_noise(then, now) or _is_beyond_noise(now, then):
                yield Shift(operation=operation, quantile=name, old=then, new=now)


def _place(exchange: Data) -> tuple[str, str, int]:
    return exchange["operation"], exchange["case"], exchange["step"]


def _is_beyond_noise(lower: Estimate, upper: Estimate) -> bool:
    is_certain = lower.high < upper.low
    return is_certain and upper.value >= lower.value * _RATIO and upper.value - lower.value >= _MS
