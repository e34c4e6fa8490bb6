"""Violations in other valid surroundings than the simplest request.

In: reject cases, each the simplest that breaks its requirement, and surroundings as edits. Out: the same cases, every
other one in some surroundings, and where a requirement has too few cases, more of them: a server may check a value only
when something else is there, or is not.

The first case of each requirement stays the simplest. A finding made in surroundings is tried without them, so the
smallest request is found all the same; this departs from "the simplest valid request elsewhere" at no cost in requests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.texts import is_open
from acs_conformance.description import Description, Json, Location

#: Keywords whose first case is the one beside the limit: that one meets all surroundings, the others are further off.
_LIMITS = frozenset({"minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "enum"})

#: How the name of a case says in which item it breaks something.
_ITEM = re.compile(r"(^|-)(item-\d+(-of-\d+)?|first-of-2)$")


def in_surroundings(
    description: Description, cases: Sequence[Case], surroundings: Sequence[tuple[Edit, ...]]
) -> Iterator[Case]:
    """The cases in their order, taking turns in the surroundings; each requirement meets all of these.

    It also meets each value of an enumeration that is in the same object as what is broken.
    """
    for requirement, group in _met(cases, surroundings).items():
        path = requirement.removeprefix(f"{description.operation}.").rpartition(".")[0]
        siblings = _siblings(description, path)
        for number, case in enumerate(group):
            yield _beside(case, siblings, number - 1) if number else case


def _met(cases: Sequence[Case], surroundings: Sequence[tuple[Edit, ...]]) -> dict[str, list[Case]]:
    """Requirement -> its cases, in their surroundings."""
    met: dict[str, list[Case]] = defaultdict(list)
    for case in _taking_turns(cases, surroundings):
        met[case.requirement].append(case)
    return met


def _siblings(description: Description, path: str) -> list[tuple[str, list[Json]]]:
    """Enumerations in the same object as the member at `path`: name and the values that raise no question.

    The value of the simplest request comes last, for the first case of each requirement has met it.
    """
    node = description.nodes.get(path)
    if node is None or node.is_parameter or path.endswith("[]"):
        return []
    return [
        (
            other.name,
            _last(
                other.examples[0],
                [value for value in other.schema["enum"] if not is_open(description, other.path, value)],
            ),
        )
        for other in description.children(node.parent)
        if other is not node and "enum" in other.schema
    ]


def _last(usual: Json, options: list[Json]) -> list[Json]:
    return [*(value for value in options if value != usual), *(value for value in options if value == usual)]


def _beside(case: Case, siblings: list[tuple[str, list[Json]]], turn: int) -> Case:
    """The case with other values beside what it breaks; where it touches these itself, as it is."""
    edits = case.steps[-1]
    touched = {edit.location for edit in edits}
    broken = edits[-1]
    if broken.op not in ("set", "remove") or len(broken.location) < 2 or len(edits) != 1 + _resizes(edits):
        return case
    beside = tuple(
        Edit("set", (*broken.location[:-1], name), values[turn % len(values)])
        for name, values in siblings
        if values and (*broken.location[:-1], name) not in touched
    )
    return replace(case, steps=(*case.steps[:-1], (*edits[:-1], *beside, broken)))


def _resizes(edits: tuple[Edit, ...]) -> int:
    return sum(edit.op == "resize" for edit in edits)


def _taking_turns(cases: Sequence[Case], surroundings: Sequence[tuple[Edit, ...]]) -> Iterator[Case]:
    by_requirement: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_requirement[case.requirement].append(case)
    for requirement, group in by_requirement.items():
        met: set[int] = set()
        is_limit = requirement.rpartition(".")[2] in _LIMITS
        crowd = _crowd(group, surroundings)
        turns = [turn for turn in range(len(surroundings)) if crowd is None or turn != crowd[0]]
        odd = [] if is_limit or not turns else group[1::2]
        for number, case in enumerate(group):
            if number % 2 == 0 or not odd:
                yield case
            elif crowd is not None and case is odd[-1] and len(odd) > len(turns):
                met.add(crowd[0])
                yield _among(_in_last(case, *crowd[1:]), surroundings[crowd[0]])
            else:
                turn = turns[number // 2 % len(turns)]
                met.add(turn)
                yield _among(case, surroundings[turn])
        for turn in range(len(surroundings)):
            if crowd is not None and turn == crowd[0] and turn not in met:
                yield _among(_in_last(group[0], *crowd[1:]), surroundings[turn])
            elif turn not in met:
                case = group[0 if is_limit else turn % len(group)]
                identifier = f"{case.id}-among-{turn + 1}"
                yield _among(replace(case, id=identifier, aspects=(identifier,)), surroundings[turn])


def _crowd(group: Sequence[Case], surroundings: Sequence[tuple[Edit, ...]]) -> tuple[int, Location, int] | None:
    """The surroundings with the most items of the list in which these cases break one item: (number, list, items).

    There the last item is broken: a server may look at the first few only. None where there is no such list, or the
    cases have been in the last one of so many items anyway.
    """
    lists = {_list_of(case) for case in group}
    at = lists.pop() if len(lists) == 1 else None
    if at is None:
        return None
    sizes = [
        max((e.value for e in edits if e.op == "resize" and e.location == at), default=0) for edits in surroundings
    ]
    tried = max(edit.location[len(at)] for case in group for edit in case.edits if len(edit.location) > len(at))
    widest = max(range(len(sizes)), key=sizes.__getitem__, default=0)
    if not sizes or not isinstance(tried, int) or sizes[widest] <= tried + 1:
        return None
    return widest, at, sizes[widest]


def _list_of(case: Case) -> Location | None:
    """The outermost list of which a case breaks one item, and nothing else; None if it is about anything else."""
    broken = [
        edit for edit in case.edits if edit.op != "resize" or any(isinstance(step, int) for step in edit.location)
    ]
    items = {edit.location[: _depth(edit.location) + 1] for edit in broken}
    if len(items) != 1 or len(case.steps) != 1:
        return None
    at = next(iter(items))[:-1]
    sources = [edit.value for edit in broken if edit.op == "copy"]
    return at if at and len(next(iter(items))) > 1 and not any(source[: len(at)] == at for source in sources) else None


def _depth(location: Location) -> int:
    """How many steps lead to the outermost list that a place is in; all of them where it is in none."""
    return next((depth for depth, step in enumerate(location) if isinstance(step, int)), len(location))


def _in_last(case: Case, at: Location, size: int) -> Case:
    """The case with the last one of `size` items broken instead."""
    edits = tuple(
        replace(edit, location=(*at, size - 1, *edit.location[len(at) + 1 :])) if len(edit.location) > len(at) else edit
        for edit in case.edits
    )
    aspect = _ITEM.sub("", case.id.partition("#")[2])
    identifier = f"{case.requirement}#{f'{aspect}-' if aspect else ''}last-of-{size}"
    return replace(case, id=identifier, aspects=(identifier,), steps=(edits,))


def _among(case: Case, edits: tuple[Edit, ...]) -> Case:
    """The case in these surroundings; where they have more items than it needs, theirs are kept."""
    context = around(case, edits)
    sizes = {edit.location: edit.value for edit in context if edit.op == "resize"}
    steps = tuple(
        tuple(e for e in step if not (e.op == "resize" and sizes.get(e.location, 0) >= e.value)) for step in case.steps
    )
    return replace(case, steps=steps, context=context)


def around(case: Case, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The surroundings without what touches the place of the violation."""
    places = [edit.location for step in case.steps for edit in step if edit.op != "resize"]
    return tuple(edit for edit in edits if not any(touch(edit, place) for place in places))


def touch(edit: Edit, place: Location) -> bool:
    """Whether an edit changes what is at a place, or what it is inside of; making a list longer does not."""
    shared = min(len(edit.location), len(place))
    return edit.location[:shared] == place[:shared] and not (edit.op == "resize" and len(place) > len(edit.location))


def simplest(case: Case) -> Case | None:
    """The case without its surroundings, but for the items that it is about; None if it has none."""
    if not case.context:
        return None
    identifier = f"{case.id}~simplest"
    kept = tuple(edit for edit in case.context if edit.op == "resize" and _is_within(case, edit.location))
    steps = tuple((*kept, *step) for step in case.steps)
    return replace(case, id=identifier, aspects=(identifier,), context=(), steps=steps, is_enumerated=False)


def _is_within(case: Case, items: Location) -> bool:
    """Whether a case changes something in a later item of a list than the first."""
    places = [edit.location for step in case.steps for edit in step if len(edit.location) > len(items)]
    indices = [place[len(items)] for place in places if place[: len(items)] == items]
    return any(isinstance(index, int) and index > 0 for index in indices)
