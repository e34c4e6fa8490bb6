"""Covering arrays: few rows in which every t levels of different factors meet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from covertable import make

Level = TypeVar("Level", bound=Hashable)

#: In place of a position: the factor has no level in this row.
_NONE = -1


def rows(
    factors: Mapping[str, Sequence[Level]], strength: int, within: Mapping[str, tuple[str, Level]] | None = None
) -> list[dict[str, Level]]:
    """Rows that hold every combination of `strength` levels of different factors at least once.

    Levels are named by position, so the rows depend on the shape of `factors` alone; the same input gives the same
    rows. covertable is used since its arrays hold what they promise at every strength (allpairspy's do not above 2).

    Args:
        factors: name -> levels.
        strength: how many levels meet.
        within: factor -> another one that it is a part of, and the level at which that one has no parts: a row that has
            this level, or lacks the other factor itself, lacks the factor.
    """
    shape = {name: list(range(len(levels))) for name, levels in factors.items() if levels}
    inside = {name: (whole, factors[whole].index(gone)) for name, (whole, gone) in (within or {}).items()}
    if not shape:
        return []
    if len(shape) < max(2, strength):
        strength = len(shape)
    if len(shape) == 1:
        ((name, positions),) = shape.items()
        return [{name: factors[name][position]} for position in positions]
    # By number, for covertable reads a name with dots as a place inside a row.
    numbers = {name: number for number, name in enumerate(shape)}
    numbered = {numbers[name]: [*shape[name], *([_NONE] if name in inside else [])] for name in shape}
    constraints = [
        {
            "operator": "fn",
            "requires": [numbers[name], numbers[whole]],
            "evaluate": _goes_together(numbers[name], numbers[whole], gone),
        }
        for name, (whole, gone) in inside.items()
    ]
    # The greedy search depends on a salt; a few tries save a sixth of the rows, each of which is a request that costs.
    tries = 8 if strength <= 2 else 1
    made = min(
        (make(numbered, strength=strength, salt=str(salt), constraints=constraints) for salt in range(tries)), key=len
    )
    return [
        {name: factors[name][row[number]] for name, number in numbers.items() if row[number] != _NONE} for row in made
    ]


def _goes_together(part: int, whole: int, gone: int) -> Callable[[Mapping[int, Any]], bool]:
    """Whether a part has no level exactly where its whole is gone."""
    return lambda row: (row[part] == _NONE) == (row[whole] in (gone, _NONE))
