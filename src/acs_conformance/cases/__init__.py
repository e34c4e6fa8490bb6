"""The plan: which cases decide which requirements, at which depth.

In: a description, a depth, a seed. Out: a `Plan`, the same for the same input, whatever the entry point or the worker.
First the opening request, then what has to be accepted, then what has to be refused, boundaries and near misses first,
then open questions and robustness, then what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

from acs_conformance import requirement as requirements_of
from acs_conformance.cases.accept import accept_cases, opening_case, surroundings
from acs_conformance.cases.case import Case, Edit, Kind, requirement_of, without_duplicates
from acs_conformance.cases.context import in_surroundings
from acs_conformance.cases.draw import drawn_cases
from acs_conformance.cases.gateway import gateway_cases
from acs_conformance.cases.lifecycle import again_cases, lifecycle_cases, thing_cases
from acs_conformance.cases.probe import hostile_cases, probe_cases
from acs_conformance.cases.reject import reject_cases
from acs_conformance.cases.sequence import sequence_cases, steady_cases
from acs_conformance.cases.wild import wild_cases
from acs_conformance.description import Description
from acs_conformance.errors import UsageError

Depth = Literal["quick", "standard", "exhaustive"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a depth takes."""

    #: Reject cases of one requirement, at the most; None: all.
    rejects: int | None
    #: Combinations that meet in the covering array.
    strength: int
    #: Whether open questions and hostile texts are tried.
    probes: bool
    #: Things created in a row.
    jobs: int
    #: Drawn violations of each requirement.
    drawn: int
    #: Whole requests that Schemathesis generates.
    wild: int = 0
    #: Whether values are tried that only a very particular fault would let pass alone.
    thorough: bool = False


_SCOPES: dict[Depth, _Scope] = {
    "quick": _Scope(rejects=4, strength=1, probes=False, jobs=0, drawn=0),
    "standard": _Scope(rejects=None, strength=2, probes=True, jobs=1, drawn=1),
    "exhaustive": _Scope(rejects=None, strength=3, probes=True, jobs=50, drawn=20, wild=100, thorough=True),
}


@dataclass(frozen=True)
class Plan:
    """The cases of one operation, in the order in which they are sent."""

    description: Description
    depth: Depth
    seed: int
    cases: tuple[Case, ...]

    @cached_property
    def by_id(self) -> dict[str, Case]:
        """Case id -> case."""
        return {case.id: case for case in self.cases}

    @cached_property
    def aspects(self) -> dict[str, tuple[str, ...]]:
        """Requirement id -> the aspects of its enumerated part, each of which a pass needs."""
        found: dict[str, dict[str, None]] = {}
        for case in self.cases:
            if case.is_enumerated:
                for aspect in case.aspects:
                    found.setdefault(requirement_of(aspect), {})[aspect] = None
        return {requirement: tuple(aspects) for requirement, aspects in found.items()}

    def restricted(self, wanted: Iterable[str], aspect: str | None = None) -> Plan:
        """The part that decides the requirements `wanted`, and what shows whether anything works.

        Args:
            wanted: ids of requirements.
            aspect: a pattern for case ids, to run only some cases of them.
        """
        chosen = frozenset(wanted)
        checks = self.description.checks
        telling = (
            {self.description.id(key) for key in (*checks.taken.values(), *checks.authenticates)} if checks else ()
        )
        kept = tuple(
            case
            for case in self.cases
            if case.kind == "opening"
            or case.requirement in telling
            or (
                any(requirement_of(name) in chosen for name in case.aspects)
                and (aspect is None or any(requirements_of.matches(aspect, name) for name in case.aspects))
            )
        )
        return Plan(self.description, self.depth, self.seed, kept)

    def part(self, number: int, count: int) -> Plan:
        """One of `count` parts, from 1, which have the opening request in common; a gateway's plan is not divided."""
        if self.description.checks is not None:
            return self if number == count else Plan(self.description, self.depth, self.seed, ())
        opening = tuple(case for case in self.cases if case.kind == "opening")
        others = [case for case in self.cases if case.kind != "opening"]
        return Plan(self.description, self.depth, self.seed, (*opening, *others[number - 1 :: count]))


def plan(
    description: Description, depth: Depth = "standard", seed: int = 0, wild: int | None = None, burst: int = 0
) -> Plan:
    """The plan of one operation.

    Args:
        description: of the operation.
        depth: how thorough.
        seed: decides what is drawn.
        wild: requests that Schemathesis generates; as many as the depth takes if None.
        burst: requests by which the quota of a gateway is to be exceeded.

    Raises:
        UsageError: there is no such depth.
    """
    if depth not in _SCOPES:
        raise UsageError(f"no depth is called {depth!r}. Known: {', '.join(DEPTHS)}.")
    scope = _SCOPES[depth]
    if description.checks is not None:
        checked = gateway_cases(description, description.checks, 1 if depth == "quick" else None, burst)
        return Plan(description, depth, seed, tuple(checked))
    valid = [opening_case(description), *accept_cases(description, scope.strength, thorough=scope.thorough)]
    valid += sequence_cases(description, scope.jobs)
    refused = list(_limited(reject_cases(description, thorough=scope.thorough), scope.rejects))
    met = surroundings(description, scope.strength, thorough=scope.thorough) if scope.probes else []
    refused = list(in_surroundings(description, refused, met))
    asked = [*probe_cases(description), *hostile_cases(description)] if scope.probes else []
    known = list(thing_cases(description))
    if description.acts_on is not None and description.acts_on.ends_within_s is not None:
        # What it might take may each cost a thing to end; a thing that does not exist tells as much.
        asked = [_of_nobody(case, description.acts_on.id) for case in asked]
    steady = list(steady_cases(description, valid, refused, len(asked))) if scope.probes else []
    again = [case for case in steady if case.kind == "accept"]
    cases = [*valid, *again, *refused, *steady[len(again) :], *known, *asked, *again_cases(description)]
    cases += lifecycle_cases(description, is_quick=depth == "quick")
    cases += drawn_cases(description, requirements_of.derive(description), scope.drawn, seed)
    cases += wild_cases(description, scope.wild if wild is None else wild, seed)
    return Plan(description, depth, seed, tuple(without_duplicates(cases)))


def _of_nobody(case: Case, name: str) -> Case:
    """The case for a thing that does not exist, unless it changes its name itself."""
    steps = tuple((Edit("alter", (name,)), *step) if _leaves(step, name) else step for step in case.steps)
    return replace(case, steps=steps)


def _leaves(step: tuple[Edit, ...], name: str) -> bool:
    return not any(edit.op == "whole" or edit.location[:1] == (name,) for edit in step)


def _limited(cases: Iterator[Case], most: int | None) -> Iterator[Case]:
    taken: dict[str, int] = {}
    for case in cases:
        taken[case.requirement] = taken.get(case.requirement, 0) + 1
        if most is None or taken[case.requirement] <= most:
            yield case


__all__ = ["DEPTHS", "Case", "Depth", "Kind", "Plan", "plan"]
