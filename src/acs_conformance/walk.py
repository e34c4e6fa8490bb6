"""Walks: sequences of requests that grow from answer to answer, on things of their own.

In: moves, one at a time. Out: exchanges in a journal, judged as they come, and what failed. A walk is one `Case` that
gets another step with each move; it is sent through the same dispatcher as the cases of a plan and judged by the same
judges, which see only bytes. So nothing here knows what is right.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from acs_conformance.campaign_claims import repeated
from acs_conformance.campaign_judge import ATTEMPTS, BROKEN, judge_campaign
from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.moves import Call
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.dispatch import Dispatcher
from acs_conformance.exchange import Recorder
from acs_conformance.journal import Journal, Shared
from acs_conformance.observation import Judgement, Observation
from acs_conformance.obstacle import with_remedy
from acs_conformance.record import Exchange
from acs_conformance.target import Target
from acs_conformance.things import Things
from acs_conformance.wire import decode

#: Requests in a row without any HTTP answer, after which nothing more is sent.
_SILENT = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A walk that broke a requirement."""

    observation: Observation
    case: Case
    calls: tuple[Call, ...]
    #: Marks the names in it.
    run_id: str
    #: What was sent and received up to the wrong answer, in order; of several attempts the one that showed it.
    exchanges: tuple[Exchange, ...]

    @property
    def size(self) -> tuple[float, ...]:
        """The smaller, the easier to understand: requests, differences from the simplest, seconds, length."""
        edits = sum(len(call.edits) for call in self.calls)
        length = sum(len(exchange.request.target) for exchange in self.exchanges)
        return (len(self.exchanges), edits, sum(call.after_s for call in self.calls), length)


class Stage:
    """Where walks take place: a target, the way to it, and what was sent there.

    Args:
        descriptions: by operation, all that may be called.
        recorder: sends and records.
        journal: where exchanges go.
        target: says whether the clock of its things can be moved.
        run_id: begins the run id of every walk.
    """

    def __init__(
        self,
        descriptions: Mapping[str, Description],
        recorder: Recorder,
        journal: Journal,
        target: Target,
        run_id: str,
    ) -> None:
        self.descriptions = descriptions
        self.recorder = recorder
        self.journal = journal
        self.target = target
        self.run_id = run_id
        #: What all walks share: the journal, and how far the clock of the target's things has been moved.
        self.shared = Shared(journal)
        self.walks = 0
        #: What is known of the things of all walks: an id that is made up in one may be another's.
        self.things = Things()
        #: Id of a thing -> the exchanges that created it and named it.
        self.named: dict[str, list[Exchange]] = {}
        #: Why nothing more is sent, or "".
        self.stopped = ""
        self.is_unreachable = False
        #: Why walks could not go on or went wrong in a way that shows nothing, each once.
        self.undecided: dict[str, None] = {}
        self._silent = 0

    @property
    def requests(self) -> int:
        """How many were sent."""
        return len(self.journal.exchanges)

    def look_at(self, exchange: Exchange, judgement: Judgement, is_unreachable: bool) -> None:
        """Keep what is known of things in mind; stop where nobody answers."""
        for name in self.names_in(exchange, judgement):
            self.named.setdefault(name, []).append(exchange)
        self._silent = self._silent + 1 if exchange.response is None else 0
        if self._silent >= (ATTEMPTS if is_unreachable else _SILENT):
            self.is_unreachable = is_unreachable
            self.stopped = f"{self._silent} requests in a row got no HTTP answer: {with_remedy(exchange.failure)}"

    def names_in(self, exchange: Exchange, judgement: Judgement | None) -> Iterator[str]:
        """The id of what an exchange created, and of what it acts on if another one created that."""
        description = self.descriptions[exchange.operation]
        creates, acts_on = description.creates, description.acts_on
        body = judgement.answer.body if judgement is not None and judgement.is_accepted else None
        if creates is not None and isinstance(body, dict) and isinstance(body.get(creates.id), str):
            yield body[creates.id]
        name = decode(description, exchange.request).document.get(acts_on.id) if acts_on is not None else None
        if isinstance(name, str) and name in self.named:
            yield name


class Walk:
    """One sequence, with names and things of its own."""

    def __init__(self, stage: Stage) -> None:
        """Begin; nothing is sent."""
        stage.walks += 1
        self.run_id = f"{stage.run_id}{stage.walks:04x}"
        #: What went wrong, once something has; no more is sent then.
        self.failing: Failing | None = None
        self._stage = stage
        self._case = Case(
            id=f"walk#{stage.walks}",
            operation=next(iter(stage.descriptions)),
            kind="lifecycle",
            steps=(),
            aspects=(),
            is_enumerated=False,
        )
        self._calls: list[Call] = []
        self._exchanges: list[Exchange] = []
        self._judgements: dict[int, Judgement] = {}
        self._attempt = 0
        #: Steps that created something, in the attempt that goes on.
        self._made: set[int] = set()
        self._dispatcher = Dispatcher(
            stage.descriptions,
            stage.recorder,
            Context(run_id=self.run_id, now=int(time.time()), secrets=stage.target.secrets),
            stage.shared,
            name=f"{stage.walks}.",
            rendered=render,
            sleep=time.sleep,
            wait=stage.target.advance,
            after=self._look_at,
        )
        self._dispatcher.keeper.things = stage.things

    @property
    def case(self) -> Case:
        """The walk as far as it went."""
        return self._case

    @property
    def calls(self) -> tuple[Call, ...]:
        """What was sent, by position."""
        return tuple(self._calls)

    def call(self, call: Call) -> Judgement | None:
        """Send one request and judge the answer.

        Returns:
            The judgement; None where nothing was sent, because the walk is over or the thing was not created.
        """
        if self.failing is not None or self._stage.stopped or (call.of is not None and call.of not in self._made):
            return None
        before: list[Edit] = [Edit("wait", (), call.after_s)] if call.after_s else []
        before += [Edit("of", (), call.of)] if call.of is not None else []
        case = self._case
        self._calls.append(call)
        self._case = replace(
            case,
            operation=case.operations[0] if case.operations else call.operation,
            operations=(*case.operations, call.operation),
            steps=(*case.steps, (*before, *call.edits)),
        )
        judgement = self._follow(len(case.steps))
        if _is_broken(judgement):
            judgement = self._repeat(judgement)
        if any(o.outcome == "fail" for o in judgement.observations):
            self._check()
        elif judgement.is_right is None and judgement.answer.kind in ("gateway", "throttled"):
            self._stage.undecided[judgement.reason] = None
        return judgement

    def _follow(self, step: int) -> Judgement:
        judgement = self._dispatcher.follow(self._case, step, self._attempt)
        if judgement.is_accepted and self._has_created(step, judgement):
            self._made.add(step)
        return judgement

    def _has_created(self, step: int, judgement: Judgement) -> bool:
        creates = self._stage.descriptions[self._case.operation_of(step)].creates
        body = judgement.answer.body
        return creates is not None and isinstance(body, dict) and isinstance(body.get(creates.id), str)

    def _repeat(self, judgement: Judgement) -> Judgement:
        """The whole walk again under fresh names, after a 5xx or no answer; the walk goes on with the last attempt."""
        count = 1
        while self._attempt + 1 < ATTEMPTS and count < BROKEN and not self._stage.stopped:
            self._attempt += 1
            self._made.clear()
            for step in range(len(self._case.steps)):
                judgement = self._follow(step)
                if _is_broken(judgement) or judgement.is_right is False:
                    break
            count += _is_broken(judgement)
        if count < BROKEN or self._stage.stopped:
            self._stage.undecided["a 5xx or no answer, which did not come again"] = None
        else:
            self._check()
        return judgement

    def _look_at(self, exchange: Exchange, judgement: Judgement, is_unreachable: bool) -> None:
        if exchange.case == self._case.id:
            self._judgements[exchange.number] = judgement
            self._exchanges.append(exchange)
        self._stage.look_at(exchange, judgement, is_unreachable)

    def finish(self) -> None:
        """Look for what only the requests of the walk show together."""
        claims = repeated(self._stage.descriptions, self._exchanges, self._judgements)
        if self.failing is None and any(claim.outcome == "fail" for claim in claims):
            self._check()

    def _check(self) -> None:
        """Judge the walk as a campaign is judged, by itself: what it shows has to show again when it is sent alone.

        What earlier walks did to things that it names may excuse an answer, for an id that was made up may be one of
        theirs. It never makes an answer wrong.
        """
        mine = self._exchanges
        failed = self._failures(mine)
        named = {name for e in mine for name in self._stage.names_in(e, self._judgements[e.number])}
        others = {e.number: e for name in named for e in self._stage.named[name] if e.case != self._case.id}
        if failed and others:
            wrong = {(o.requirement, o.exchange) for o in self._failures([*others.values(), *mine])}
            failed = [o for o in failed if (o.requirement, o.exchange) in wrong]
        if failed:
            first = min(failed, key=lambda observation: observation.exchange)
            last = next(e for e in mine if e.number == first.exchange)
            shown = tuple(e for e in mine if e.attempt == last.attempt and e.number <= last.number)
            cut = last.step + 1
            case = replace(self._case, steps=self._case.steps[:cut], operations=self._case.operations[:cut])
            self.failing = Failing(
                observation=first, case=case, calls=self.calls[:cut], run_id=self.run_id, exchanges=shown
            )

    def _failures(self, exchanges: list[Exchange]) -> list[Observation]:
        cases = {e.case: replace(self._case, id=e.case) for e in exchanges}
        judged = judge_campaign(self._stage.descriptions, cases, exchanges)
        return [observation for observation in judged.observations if observation.outcome == "fail"]

    def close(self) -> None:
        """End what the walk has created and write down what it was."""
        if self._case.steps:
            self._stage.journal.add_case(self._case)
        if not self._stage.is_unreachable:
            self._dispatcher.keeper.end_all()
        for kind, answer in self._dispatcher.keeper.unended.items():
            self._stage.undecided[f"a {kind} could not be ended: {answer}"] = None


def _is_broken(judgement: Judgement) -> bool:
    return judgement.is_right is None and judgement.answer.kind == "broken"
