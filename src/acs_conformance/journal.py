"""What has happened in a campaign so far, in memory.

In and out: exchanges, and the cases that no plan has. `Store` in `store` is a journal that survives its process, and
`Shared` what the threads of a process share.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from acs_conformance.cases.case import Case
from acs_conformance.description import Json
from acs_conformance.record import Exchange
from acs_conformance.trait import Memory


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


class Shared:
    """What those who send the cases of a campaign share, each in its own thread."""

    def __init__(self, journal: Journal) -> None:
        """Go on from what `journal` holds."""
        #: Held by whoever changes something that others see.
        self.lock = threading.RLock()
        self.journal = journal
        #: What the campaign has seen to work.
        self.memory = Memory()
        #: Seconds by which the clock of the target's things has been moved.
        self.moved_s = 0.0
        #: How often somebody has waited for the target to come to itself.
        self.rests = 0
        #: Whether the target was ever connected to.
        self.was_reached = False
        self._number = 0
        self.go_on()

    def go_on(self) -> None:
        """Take in that other processes have added to the journal."""
        with self.lock:
            self._number = max((exchange.number for exchange in self.journal.exchanges), default=self._number)
            self.was_reached = self.was_reached or any(e.response is not None for e in self.journal.exchanges)
            # Another process may have moved the clock of the things that this one shares with it.
            self.moved_s = max(self.moved_s, *(e.moved_s for e in self.journal.exchanges), 0.0)

    def add(self, exchange: Exchange) -> Exchange:
        """Append an exchange under the next number; the exchange with it."""
        with self.lock:
            last = self.journal.exchanges[-1].number if self.journal.exchanges else 0  # another campaign's, perhaps
            self._number = max(self._number, last) + 1
            numbered = replace(exchange, number=self._number)
            self.journal.add_exchange(numbered)
            self.was_reached = self.was_reached or exchange.response is not None
            return numbered

    def add_case(self, case: Case) -> None:
        """Append a case that no plan has."""
        with self.lock:
            self.journal.add_case(case)

    def remember(self, works: Iterable[tuple[str, Json]]) -> None:
        """Identifiers that have been seen to work."""
        with self.lock:
            self.memory = Memory(works=self.memory.works | frozenset(works))
