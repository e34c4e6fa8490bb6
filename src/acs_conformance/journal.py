"""What has happened in a campaign so far, in memory.

In and out: exchanges, and the cases that no plan has. `Store` in `store` is a journal that survives its process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from acs_conformance.cases.case import Case
from acs_conformance.record import Exchange


@dataclass
class Journal:
    """What has happened so far."""

    exchanges: list[Exchange] = field(default_factory=list)
    #: Cases made to explain a failure, which no plan has.
    added: dict[str, Case] = field(default_factory=dict)
    #: Operation -> why its cases were not all sent.
    skipped: dict[str, str] = field(default_factory=dict)
    #: Id of a case that was not sent, or not to its end -> why.
    unsent: dict[str, str] = field(default_factory=dict)

    def add_exchange(self, exchange: Exchange) -> None:
        """Append one exchange."""
        self.exchanges.append(exchange)

    def add_case(self, case: Case) -> None:
        """Append one explaining case."""
        self.added[case.id] = case

    def skip(self, operation: str, reason: str) -> None:
        """Say why the rest of an operation's cases is not sent."""
        self.skipped[operation] = reason

    def leave(self, case: str, reason: str) -> None:
        """Say why a case is not sent, or not to its end."""
        self.unsent[case] = reason
