"""What exchanges show: observations of requirements, and the judgement on one exchange.

In and out: plain records, made by the judges and read by everything after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from acs_conformance.answer import Answer
from acs_conformance.oracle import Expectation

Outcome = Literal["pass", "fail", "inconclusive"]

#: The cause of a failure where a success was not allowed.
ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one exchange shows of one requirement."""

    #: Id of the requirement.
    requirement: str
    outcome: Outcome
    #: Number of the exchange.
    exchange: int
    #: What came and what would have been allowed, for people.
    received: str = ""
    allowed: str = ""
    #: Short and stable: equal for failures that look alike, whatever the request.
    cause: str = ""
    #: Number of an earlier exchange without which this one would show nothing; 0: there is none.
    earlier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that one exchange shows."""

    answer: Answer
    expectation: Expectation
    observations: tuple[Observation, ...]
    #: Whether the target did what the contract allows with the request, None where the answer says nothing about it.
    is_right: bool | None
    #: Why it says nothing.
    reason: str = ""
    #: (question key, reading name) where exactly one reading explains the answer.
    reading: tuple[str, str] | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the target took the request."""
        return self.answer.kind == "success"
