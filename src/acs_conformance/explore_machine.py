"""The stateful model that Hypothesis plays: which calls can come in which order.

In: what can be sent to a family of operations, and who sends it. Out: a `RuleBasedStateMachine`. Its choices never
depend on answers, so a target that answers otherwise the second time changes no sequence.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, precondition, rule

from acs_conformance.cases.moves import Call, Edits, Family, Moves
from acs_conformance.walk import Failing, Stage, Walk


class Host(Protocol):
    """Whoever lets the machine play."""

    @property
    def stage(self) -> Stage:
        """Where walks take place."""
        ...

    def go_on(self) -> None:
        """Called before each walk; ends the play by raising."""
        ...

    def over(self, walk: Walk) -> None:
        """Called after each walk; raises what it broke if that shows only now."""
        ...


class Found(Exception):  # noqa: N818 - a signal to Hypothesis
    """A walk broke a requirement; which one, says the class, for Hypothesis keeps failures of two classes apart."""


class Enough(BaseException):
    """More shrinking would cost more than it is worth."""


@functools.lru_cache(maxsize=256)
def _kind(requirement: str) -> type[Found]:
    return type("Found", (Found,), {"__doc__": f"A walk broke {requirement}."})


def found(failing: Failing) -> Found:
    """What a rule raises when a walk has failed."""
    return _kind(failing.observation.requirement)(failing.observation.requirement)


def machine(host: Host, family: Family, moves: Moves) -> type[RuleBasedStateMachine]:
    """What can be sent in which order. Every rule sends one request at the most."""
    shows = [each.operation for each in family.showing]
    ends = [each.operation for each in family.ending]
    waits = _one_of(moves.waits_s if host.stage.target.advance is not None else (0.0,))

    class Machine(RuleBasedStateMachine):
        #: Positions of the steps that were to create something.
        things = Bundle("things")

        def __init__(self) -> None:
            super().__init__()
            host.go_on()
            self.walk = Walk(host.stage)

        def _send(self, call: Call) -> None:
            self.walk.call(call)
            if self.walk.failing is not None:
                raise found(self.walk.failing)

        @rule(target=things, world=_one_of(moves.worlds), life=_one_of(moves.lives), edits=_one_of(moves.creations))
        def create(self, world: Edits, life: Edits, edits: Edits) -> int:
            position = len(self.walk.calls)
            self._send(Call(family.creator.operation, (*life, *world, *edits)))
            return position

        @precondition(lambda _self: bool(shows))
        @rule(thing=things, operation=_one_of(shows), after_s=waits)
        def show(self, thing: int, operation: str, after_s: float) -> None:
            self._send(Call(operation, of=thing, after_s=after_s))

        @precondition(lambda _self: bool(ends))
        @rule(thing=things, operation=_one_of(ends), after_s=waits)
        def end(self, thing: int, operation: str, after_s: float) -> None:
            self._send(Call(operation, of=thing, after_s=after_s))

        @precondition(lambda _self: bool(moves.strangers))
        @rule(thing=things, move=st.one_of(_one_of(moves.strangers), _one_of(moves.invalid_acts)))
        def act_wrongly(self, thing: int, move: tuple[str, Edits]) -> None:
            self._send(Call(*move, of=thing))

        @precondition(lambda _self: bool(moves.invalid))
        @rule(move=_one_of(moves.invalid))
        def create_wrongly(self, move: tuple[str, Edits]) -> None:
            self._send(Call(*move))

        def teardown(self) -> None:
            host.over(self.walk)

    return Machine


def _one_of(options: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(options) if options else st.nothing()
