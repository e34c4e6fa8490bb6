"""Moves: what can be sent, one request after the other, to operations that create, show and end the same things.

In: descriptions. Out: the `Family` of each kind of thing, and the `Moves` in it, as edits of the simplest valid
request. The simplest ones come first: what is drawn from these lists becomes smaller towards their beginning.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from acs_conformance.cases.accept import accept_cases
from acs_conformance.cases.case import Edit
from acs_conformance.cases.reject import reject_cases
from acs_conformance.description import Description, path_of
from acs_conformance.things import IDLE_GRACE_S

Edits = tuple[Edit, ...]

#: How thoroughly valid parts of requests meet in the requests that create.
_STRENGTH = 2
#: Parameters whose values are varied together to make other surroundings of a thing, such as an application.
_BOUND = 3


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a sequence."""

    operation: str
    #: Differences from its simplest request.
    edits: Edits = ()
    #: Position of the call that created the thing to act on; None where it acts on none.
    of: int | None = None
    #: Seconds to let go by before.
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The operations around one kind of thing."""

    #: What the documentation calls it, such as "job".
    thing: str
    creator: Description
    showing: tuple[Description, ...]
    ending: tuple[Description, ...]

    @property
    def descriptions(self) -> tuple[Description, ...]:
        """All of them, what creates first."""
        return (self.creator, *self.showing, *self.ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What can be sent to a family; nothing in here knows a thing that exists."""

    #: Values of what exists at a target, such as applications and channels: none, then altered ones.
    worlds: tuple[Edits, ...]
    #: Valid requests that create, and what makes of each one that ends soon one that ends late.
    creations: tuple[Edits, ...]
    lives: tuple[Edits, ...]
    #: Operation and edits: under another id than that of a thing, or under other values than it was created with.
    strangers: tuple[tuple[str, Edits], ...]
    #: Operation and edits of requests that have to be refused: of the one that creates, and of those that act.
    invalid: tuple[tuple[str, Edits], ...]
    invalid_acts: tuple[tuple[str, Edits], ...]
    #: Seconds after which something may have changed, most often none; long waits are rare, for they end everything.
    waits_s: tuple[float, ...]


def families(descriptions: Iterable[Description]) -> tuple[Family, ...]:
    """The families among operations, by the things that they act on; what only creates is in none."""
    acting: dict[str, list[Description]] = {}
    creators: dict[str, Description] = {}
    own: Mapping[str, Description] = {each.operation: each for each in descriptions}
    for description in own.values():
        if description.acts_on is not None:
            creator = description.acts_on.creator
            creators.setdefault(description.acts_on.thing, own.get(creator.operation, creator))
            acting.setdefault(description.acts_on.thing, []).append(description)
    return tuple(
        Family(
            thing=thing,
            creator=creators[thing],
            showing=tuple(each for each in found if each.acts_on is not None and each.acts_on.shows is not None),
            ending=tuple(each for each in found if each.acts_on is not None and each.acts_on.ends_within_s is not None),
        )
        for thing, found in acting.items()
    )


def moves_of(family: Family) -> Moves:
    """What can be sent to a family."""
    acting = (*family.showing, *family.ending)
    waits_s = sorted(set(_waits_s(family)))
    short_lived = family.creator.creates.short_lived if family.creator.creates is not None else {}
    late = tuple(Edit("remove", (name,)) for name in short_lived if not family.creator.nodes[name].required)
    return Moves(
        worlds=tuple(_worlds(family.creator)),
        creations=tuple(_creations(family.creator)),
        lives=((), late) if late else ((),),
        strangers=tuple(
            (each.operation, (Edit("alter", (name,)),))
            for each in acting
            if each.acts_on is not None
            for name in (each.acts_on.id, *each.acts_on.same)
        ),
        invalid=tuple(_invalid(family.creator)),
        invalid_acts=tuple(move for each in acting for move in _invalid(each)),
        waits_s=tuple(sorted([0.0] * 2 * len(waits_s) + waits_s[:2] * 2 + waits_s)),
    )


def _worlds(creator: Description) -> Iterator[Edits]:
    bound = [node.path for node in creator.parameters if node.identifier == "bound"][:_BOUND]
    for count in range(len(bound) + 1):
        for names in itertools.combinations(bound, count):
            yield tuple(Edit("alter", (name,)) for name in names)


def _creations(creator: Description) -> Iterator[Edits]:
    """The simplest request, each single difference from it, then whole packs; names keep to what each makes itself."""
    packs = [
        tuple(Edit(edit.op, edit.location, edit.value) for edit in case.edits if _is_free(creator, edit))
        for case in accept_cases(creator, _STRENGTH)
    ]
    alone = [
        (edit,)
        for pack in packs
        for edit in pack
        if edit.op in ("remove", "put", "resize", "set") and not any(isinstance(step, int) for step in edit.location)
    ]
    alone.sort(key=lambda edits: ("remove", "put", "resize", "set").index(edits[0].op))
    yield from {repr(edits): edits for edits in ((), *alone, *packs)}.values()


def _is_free(creator: Description, edit: Edit) -> bool:
    """Whether an edit leaves alone what names something: what exists at the target, and what a request makes anew."""
    node = creator.nodes.get(path_of(edit.location)) if edit.location else None
    return node is None or node.identifier in (None, "run")


def _invalid(description: Description) -> Iterator[tuple[str, Edits]]:
    for case in reject_cases(description):
        if len(case.steps) == 1:
            yield description.operation, case.edits


def _waits_s(family: Family) -> Iterator[float]:
    """Until an end must have taken effect; before and after things end by themselves."""
    for each in family.ending:
        if each.acts_on is not None and each.acts_on.ends_within_s:
            yield each.acts_on.ends_within_s
    creates = family.creator.creates
    if creates is None or creates.idle_limit is None:
        return
    schema = family.creator.nodes[creates.idle_limit].schema
    known = (creates.short_lived.get(creates.idle_limit), schema.get("default"), schema.get("maximum"))
    for limit in known:
        if isinstance(limit, int | float) and limit > 0:
            yield limit * 0.6
            yield limit + IDLE_GRACE_S + 1


# --- smaller sequences ------------------------------------------------------------------------------------------------


def smaller(calls: tuple[Call, ...], waits_s: Iterable[float]) -> Iterator[tuple[Call, ...]]:
    """Sequences with something left out, the largest parts first; the last call stays, and waits get shorter.

    Where no call can be left out alone, one thing may do for two: what acts on one of them acts on the other instead.
    """
    size = (len(calls) + 1) // 2
    while size and len(calls) > 1:
        for start in range(0, len(calls) - 1, size):
            yield from _without(calls, set(range(start, min(start + size, len(calls) - 1))))
        size //= 2
    for one, other in itertools.combinations(sorted({call.of for call in calls if call.of is not None}), 2):
        yield from _without(tuple(replace(call, of=one) if call.of == other else call for call in calls), {other})
    for position, call in enumerate(calls):
        if call.edits:
            yield _with(calls, position, replace(call, edits=()))
        for edit in call.edits:
            kept = tuple(other for other in call.edits if other.location[: len(edit.location)] != edit.location)
            if kept != ():
                yield _with(calls, position, replace(call, edits=kept))
        for wait_s in waits_s:
            if wait_s < call.after_s:
                yield _with(calls, position, replace(call, after_s=wait_s))


def _with(calls: tuple[Call, ...], position: int, call: Call) -> tuple[Call, ...]:
    return (*calls[:position], call, *calls[position + 1 :])


def _without(calls: tuple[Call, ...], left_out: set[int]) -> Iterator[tuple[Call, ...]]:
    """The sequence without some calls and what acts on their things, unless the last one does; waits stay."""
    for position, call in enumerate(calls):
        if call.of in left_out:
            left_out.add(position)
    if len(calls) - 1 in left_out:
        return
    places = {old: new for new, old in enumerate(n for n in range(len(calls)) if n not in left_out)}
    kept: list[Call] = []
    waited_s = 0.0
    for position, call in enumerate(calls):
        if position in left_out:
            waited_s += call.after_s
        else:
            of = None if call.of is None else places[call.of]
            kept.append(replace(call, of=of, after_s=call.after_s + waited_s))
            waited_s = 0.0
    yield tuple(kept)
