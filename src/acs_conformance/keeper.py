"""Keep the things that cases act on: one that they share, those that a case creates, and the end of each.

In: what a campaign sends and is answered. Out: for each request the thing that it names, and the requests that create
a shared thing or end one. Each thing may cost money for as long as it lives: a shared one is created when a case needs
it, and what a case created is ended when the case is over. It sends through the campaign and holds no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context
from acs_conformance.description import ActsOn, Description
from acs_conformance.journal import Shared
from acs_conformance.observation import Judgement
from acs_conformance.record import Exchange
from acs_conformance.standing import Thing
from acs_conformance.things import Things

#: The part of its idle limit for which a shared thing is surely alive, whatever the next request takes.
_FRESH = 0.6
#: Ends in a row that failed for the target's weather, after which no more are asked for if none ever worked.
_MISSES = 3


class NothingToActOn(Exception):  # noqa: N818 - a state of the target, not an error
    """No thing could be created that an operation acts on; the text says why."""


class Keeper:
    """The things of one campaign."""

    def __init__(
        self,
        descriptions: Mapping[str, Description],
        send: Callable[[Case, Thing | None], Judgement],
        shared: Shared,
        name: str,
        clock: Callable[[], float],
    ) -> None:
        """Keep nothing yet.

        Args:
            descriptions: every operation that may be called.
            send: runs a case of one request, on a thing or on none.
            shared: what it shares with the keepers of other threads.
            name: tells what it creates from what they do.
            clock: Unix seconds, by the clock that dates the exchanges.
        """
        self.things = Things()
        #: Kind of thing -> why it could not be ended.
        self.unended: dict[str, str] = {}
        self._descriptions = descriptions
        self._send = send
        self._state = shared
        self._name = name
        self._clock = clock
        self._enders = {
            each.acts_on.thing: each
            for each in descriptions.values()
            if each.acts_on is not None and each.acts_on.ends_within_s is not None
        }
        self._shared: dict[str, Thing] = {}
        #: (case, attempt, step) -> what it created; (case, attempt) -> what its last request named.
        self._created: dict[tuple[str, int, int], Thing] = {}
        self._named: dict[tuple[str, int], Thing] = {}
        #: Created, and neither ended nor given up; among these, those whose end failed for the target's weather.
        self._open: list[Thing] = []
        self._late: list[Thing] = []
        self._numbers: dict[str, int] = {}
        self._has_ended: set[str] = set()

    # --- which thing a request names ----------------------------------------------------------------------------------

    def context(self, context: Context, case: Case, step: int, attempt: int) -> Context:
        """The context of a request, with the thing that it names.

        Raises:
            NothingToActOn: it names one, and none could be created.
        """
        acts_on = self._descriptions[case.operation_of(step)].acts_on
        if acts_on is None:
            return context
        thing = self._of(case, step, attempt) or self._named.get((case.id, attempt))
        if thing is None:
            thing = self._alive(acts_on)
        self._named[case.id, attempt] = thing
        return replace(context, things={acts_on.thing: thing})

    def _of(self, case: Case, step: int, attempt: int) -> Thing | None:
        """What a step of the same case created: the one it asks for, else the latest."""
        if not case.operations:
            return None
        wanted = next((edit.value for edit in case.steps[step] if edit.op == "of"), None)
        if wanted is not None:
            return self._created.get((case.id, attempt, wanted))
        made = [thing for (name, n, _), thing in self._created.items() if (name, n) == (case.id, attempt)]
        return made[-1] if made else None

    def _alive(self, acts_on: ActsOn) -> Thing:
        shared = self._shared.get(acts_on.thing)
        if shared is not None and self._is_fresh(shared):
            return shared
        if shared is not None:
            self.end(shared)
        creator = acts_on.creator
        number = self._numbers[creator.operation] = self._numbers.get(creator.operation, 0) + 1
        identifier = f"{creator.id('response.status')}#to-act-on-{self._name}{number}"
        case = Case(
            id=identifier, operation=creator.operation, kind="setup", steps=((),), aspects=(), is_enumerated=False
        )
        judgement = self._send(case, None)
        made = next((thing for (name, _, _), thing in self._created.items() if name == identifier), None)
        if made is None:
            raise NothingToActOn(f"no {acts_on.thing} could be created to act on: {judgement.answer}")
        self._shared[acts_on.thing] = made
        return made

    def _now(self) -> float:
        """The time by the clock of the target's things."""
        return self._clock() + self._state.moved_s

    def _is_fresh(self, thing: Thing) -> bool:
        now = self._now()
        if self.things.stands(thing, now).word != "alive":
            return False
        return thing.idle_limit_s is None or now - thing.created[0] < _FRESH * thing.idle_limit_s

    # --- what becomes of it -------------------------------------------------------------------------------------------

    def learn(self, description: Description, exchange: Exchange, judgement: Judgement) -> None:
        """Take in one exchange of a case that is running."""
        self.things.learn(description, exchange, judgement)
        if description.creates is not None and judgement.is_accepted:
            thing = self.things.created_by(exchange, description, judgement.answer.body)
            if thing is not None:
                self._created[exchange.case, exchange.attempt, exchange.step] = thing
                self._open.append(thing)

    def end_all(self, case: Case | None = None) -> None:
        """End what cases have created, but for the shared things; at the end of a campaign these too.

        What could not be ended for the target's weather is left for then.
        """
        for thing in tuple(self._open):  # each is taken from the list as it ends
            if case is None or (thing not in self._shared.values() and thing not in self._late):
                self.end(thing)
        if case is None:
            self._shared.clear()

    def end(self, thing: Thing) -> None:
        """End a thing, unless it is known to have ended, or things of its kind can't be."""
        ender = self._enders.get(thing.kind)
        if ender is None or thing.kind in self.unended or self.things.is_over(thing, self._now()):
            self._close(thing)
            return
        number = self._numbers[ender.operation] = self._numbers.get(ender.operation, 0) + 1
        identifier = f"{ender.id('response.status')}#end-of-{thing.id}-{number}"
        case = Case(
            id=identifier, operation=ender.operation, kind="cleanup", steps=((),), aspects=(), is_enumerated=False
        )
        judgement = self._send(case, thing)
        if judgement.is_right is None and judgement.answer.kind in ("broken", "throttled"):
            self._late.append(thing)
            if len(self._late) >= _MISSES and thing.kind not in self._has_ended:
                self.unended[thing.kind] = str(judgement.answer)
            return
        self._close(thing)
        if judgement.is_accepted:
            self._has_ended.add(thing.kind)
        elif judgement.is_right is not True and thing.kind not in self._has_ended:
            self.unended[thing.kind] = str(judgement.answer)

    def _close(self, thing: Thing) -> None:
        """Nothing is left to be done about a thing."""
        if thing in self._open:
            self._open.remove(thing)
