"""Covering arrays: few rows in which every t levels of different factors meet."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from covertable import make

Level = TypeVar("Level", bound=Hashable)


def rows(factors: Mapping[str, Sequence[Level]], strength: int) -> list[dict[str, Level]]:
    """Rows that hold every combination of `strength` levels of different factors at least once.

    Levels are named by position, so the rows depend on the shape of `factors` alone; the same input gives the same
    rows. covertable is used since its arrays hold what they promise at every strength (allpairspy's do not above 2).
    """
    shape = {name: list(range(len(levels))) for name, levels in factors.items() if levels}
    if not shape:
        return []
    if len(shape) < max(2, strength):
        strength = len(shape)
    if len(shape) == 1:
        ((name, positions),) = shape.items()
        return [{name: factors[name][position]} for position in positions]
    # The greedy search depends on a salt; a few tries save a sixth of the rows, each of which is a request that costs.
    tries = 8 if strength <= 2 else 1
    made = min((make(shape, strength=strength, salt=str(salt)) for salt in range(tries)), key=len)
    return [{name: factors[name][row[name]] for name in shape} for row in made]
