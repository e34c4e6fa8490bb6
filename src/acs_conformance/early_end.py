"""When a campaign ends before its plan does: nobody answers, or everything is accepted.

In: exchanges and cases as they come. Out: `Stopped`, with the reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from acs_conformance.budget import Exhausted
from acs_conformance.campaign_judge import ATTEMPTS
from acs_conformance.cases.case import Case
from acs_conformance.journal import Journal
from acs_conformance.observation import Judgement
from acs_conformance.obstacle import with_remedy
from acs_conformance.record import Exchange

#: Requests in a row without any HTTP answer, after which nothing more is sent.
_SILENT = 9
#: Seconds for which a target that was there before may be away, and tries to reach it at the most.
_AWAY_S = 15.0
_LOOKED_FOR = 40
#: Valid requests, all refused, after which refusals show nothing.
_ALL_REFUSED = 6
#: Invalid requests in a row, all accepted, after which nothing more is sent: on a real target each may cost.
_ALL_ACCEPTED = 30


class Stopped(Exception):  # noqa: N818 - an end, not an error
    """The campaign ends early; the text says why."""


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """A limit that was reached ends the campaign."""
    try:
        yield
    except Exhausted as end:
        raise Stopped(str(end)) from None


class EarlyEnds:
    """What is counted to see that going on makes no sense."""

    def __init__(self, journal: Journal) -> None:
        """Count from here on, with what `journal` holds."""
        #: Whether no connection to the target was ever made.
        self.is_unreachable = False
        self._journal = journal
        self._silent = 0
        #: When the target was first found to be away, if it is, and how often it was looked for since.
        self._away_since = 0.0
        self._looked_for = 0
        self._rejects = 0
        self._surprises = 0

    def look_at_exchange(self, exchange: Exchange, is_unreachable: bool) -> None:
        """Count requests without an answer.

        Raises:
            Stopped: there were too many.
        """
        answered = any(earlier.response is not None for earlier in self._journal.exchanges)
        if is_unreachable and answered:
            self._look_for(exchange)
            return
        self._looked_for = 0
        self._silent = self._silent + 1 if exchange.response is None else 0
        if is_unreachable and not answered and self._silent >= ATTEMPTS:
            self.is_unreachable = True
            raise Stopped(f"the target can't be reached: {with_remedy(exchange.failure)}")
        if self._silent >= _SILENT:
            self.is_unreachable = not answered
            raise Stopped(f"{self._silent} requests in a row got no HTTP answer: {exchange.failure}")

    def _look_for(self, exchange: Exchange) -> None:
        if self._looked_for == 0:
            self._away_since = exchange.sent_at
        self._looked_for += 1
        if exchange.sent_at - self._away_since >= _AWAY_S or self._looked_for >= _LOOKED_FOR:
            raise Stopped(f"the target can't be reached any more: {with_remedy(exchange.failure)}")

    def look_at_case(self, case: Case, judgement: Judgement) -> None:
        """Count invalid requests that are accepted.

        Raises:
            Stopped: all of the first ones were.
        """
        if case.kind != "reject":
            return
        self._rejects += 1
        self._surprises += judgement.is_accepted
        if self._rejects == self._surprises == _ALL_ACCEPTED:
            raise Stopped(f"{_ALL_ACCEPTED} of {_ALL_ACCEPTED} invalid requests were accepted")


def look_at_valid(judged: Collection[Judgement]) -> None:
    """Look at the valid requests so far.

    Raises:
        Stopped: there are enough, all were refused, and alike.
    """
    answers = {str(each.answer) for each in judged}
    if len(judged) >= _ALL_REFUSED and len(answers) == 1 and not any(each.is_accepted for each in judged):
        raise Stopped(f"{len(judged)} of {len(judged)} valid requests were answered {answers.pop()}")


def is_surprise(case: Case | None, judgement: Judgement) -> bool:
    """Whether what had to be refused was accepted."""
    return case is not None and case.kind == "reject" and judgement.is_accepted
