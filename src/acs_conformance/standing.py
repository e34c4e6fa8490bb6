"""Created things, and how they stand when a request names them.

In and out: plain records. `things` makes them of what a campaign has seen; the oracle and the judges read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from acs_conformance.description import Json

Word = Literal[
    "unknown",  # no answer of the campaign gave this id
    "foreign",  # it was created with other values of what has to be the same
    "unsure",  # it exists, and whose it is can be read in more than one way
    "alive",  # it exists and can't have ended
    "open",  # it exists, and nobody outside can tell whether it has ended
    "ended",  # it must have ended
]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """One created thing."""

    kind: str
    id: str
    #: The request that created it, decoded.
    document: Mapping[str, Json]
    #: When it was asked for, and when the answer was there.
    created: Interval
    #: Seconds after which it ends by itself while idle; None where nobody can tell.
    idle_limit_s: float | None
    #: Paths of the creating request whose values may be shown otherwise.
    may_differ: frozenset[str] = frozenset()
    #: Whether what it was created with can be read in one way only.
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the thing that a request names."""

    word: Word
    thing: Thing | None = None
    #: Where it has ended, or may have: by which of the two.
    cause: Literal["", "ended", "idle"] = ""
    #: Where it is foreign: the first parameter that differs from what it was created with.
    differs: str = ""
