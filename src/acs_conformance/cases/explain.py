"""Explain a refused pack: find the smallest part of it for which a valid request is refused.

In: packed cases that failed, cases that passed, and a function that sends a case. Out: nothing but the cases sent; the
campaign's judge finds the culprit among them. Few requests: what any accepted request shows is above suspicion, and a
pack that holds a culprit already found is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from acs_conformance.cases.alphabet import name_of, shown
from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.implied import Implied, implied
from acs_conformance.description import Description, Location

#: A character that no server refuses: those of the simplest request are like it.
_USUAL = "a"
#: Suspects of one pack that are tried one by one before parts of it are.
_ONE_BY_ONE = 8


def explain(
    failed: Sequence[Case],
    passed: Sequence[Case],
    is_refused: Callable[[Case], bool],
    may_go_on: Callable[[], bool],
    description: Description | None = None,
) -> None:
    """Send parts of the failed cases until each one is explained.

    Where the plain request itself is refused, every part would be: what it is refused for is looked for first, and the
    parts then do without it.

    Args:
        failed: packed cases, in the order in which they were sent.
        passed: cases that were accepted.
        is_refused: sends a case; whether it fails as well.
        may_go_on: whether there is still something to spend.
        description: of the operation, to look for what the plain request is refused for.
    """
    shown = {aspect for case in passed for aspect in case.aspects}
    culprits: set[str] = set()
    opening = next((case for case in failed if case.kind == "opening"), None)
    blame = None
    if description is not None and opening is not None:
        suspects_of_all = [(said, other) for said, other in implied(description) if not shown.issuperset(said.aspects)]
        blame = _blame(opening, suspects_of_all, is_refused, may_go_on)
    if blame is not None:
        failed = _remedied(failed, blame, is_refused, may_go_on)
        culprits.update(blame[0].aspects)
    for case in failed:
        if len(case.steps) > 1 or not case.edits or any(aspect in culprits for aspect in case.aspects):
            continue
        groups = _groups(case)
        suspects = [group for group in groups if any(aspect not in shown for edit in group for aspect in edit.aspects)]
        found = _first_single(case, suspects[:_ONE_BY_ONE], is_refused, may_go_on)
        if found is None and may_go_on():
            if not is_refused(_part(case, groups, "again")):
                continue  # not refused again: a fault that shows now and then, which has no smallest part
            found = _smallest(case, groups, is_refused, may_go_on)
        if found is not None and len(found) == 1:
            _look_into(case, found[0], is_refused, may_go_on)
        culprits.update(aspect for edit in found or () for aspect in edit.aspects)


def _blame(
    opening: Case, suspects: Sequence[Implied], is_refused: Callable[[Case], bool], may_go_on: Callable[[], bool]
) -> Implied | None:
    """What the plain request is refused for: the one thing without which it is accepted."""
    for number, suspect in enumerate(suspects, 1):
        if may_go_on() and not is_refused(_with(opening, suspect[1], f"without-{number}")):
            is_refused(_with(opening, suspect[0], f"single-{number}"))  # blames it, as the smallest that fails
            return suspect
    return None


def _remedied(
    failed: Sequence[Case], blame: Implied, is_refused: Callable[[Case], bool], may_go_on: Callable[[], bool]
) -> list[Case]:
    """The failed cases without what the plain request is refused for, as far as they fail all the same.

    Those that say it aloud stay as they are.
    """
    said, other = blame
    left = []
    for case in failed:
        if any(edit.location == said.location for edit in case.edits):
            left.append(case)
        elif case.kind != "opening" and not case.operations and may_go_on():
            without = replace(case, steps=tuple((other, *step) for step in case.steps))
            if is_refused(replace(without, id=f"{case.id}~without", aspects=(), is_enumerated=False)):
                left.append(without)
            elif may_go_on():
                is_refused(_with(case, said, "single"))
    return left


def _with(case: Case, edit: Edit, name: str) -> Case:
    """The last request of a case, begun with one more edit: what that one shows is what the request is about."""
    return Case(
        id=f"{case.id}~{name}",
        operation=case.operation,
        kind="accept",
        steps=((edit, *case.edits),),
        aspects=edit.aspects,
        is_enumerated=False,
    )


def _groups(case: Case) -> list[tuple[Edit, ...]]:
    """Edits that belong together: those that show the same aspects, such as one template in all items."""
    grouped: dict[tuple[str, ...], list[Edit]] = {}
    for edit in case.edits:
        if edit.aspects:
            grouped.setdefault(edit.aspects, []).append(edit)
    return [tuple(edits) for edits in grouped.values()]


def _first_single(
    case: Case,
    suspects: Sequence[tuple[Edit, ...]],
    is_refused: Callable[[Case], bool],
    may_go_on: Callable[[], bool],
) -> tuple[Edit, ...] | None:
    for number, suspect in enumerate(suspects, 1):
        if not may_go_on():
            return None
        if is_refused(_part(case, [suspect], f"single-{number}")):
            return suspect
    return None


def _smallest(
    case: Case, groups: list[tuple[Edit, ...]], is_refused: Callable[[Case], bool], may_go_on: Callable[[], bool]
) -> tuple[Edit, ...]:
    """Zeller's ddmin over the groups: the smallest refused part that taking away any one group would make accepted."""
    parts = 2
    tried = 0
    while len(groups) >= 2 and may_go_on():
        size = max(1, len(groups) // parts)
        for start in range(0, len(groups), size):
            rest = groups[:start] + groups[start + size :]
            tried += 1
            if rest and may_go_on() and is_refused(_part(case, rest, f"part-{tried}")):
                groups = rest
                parts = max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(groups), parts * 2)
    return tuple(edit for group in groups for edit in group)


def _look_into(case: Case, edit: Edit, is_refused: Callable[[Case], bool], may_go_on: Callable[[], bool]) -> None:
    """Tell what is wrong with a text that shows many things at once: its length, an end, or one character of it."""
    text = edit.value
    about = {aspect.partition("#")[0].rpartition(".")[2] for aspect in edit.aspects}
    if edit.op != "set" or not isinstance(text, str) or len(text) < 2 or not about & {"pattern", "type"}:
        return
    characters = next((a for a in edit.aspects if a.partition("#")[0].rpartition(".")[2] == "pattern"), edit.aspects[0])
    requirement = characters.partition("#")[0]

    def is_still_refused(changed: str, aspect: str) -> bool:
        other = Edit("set", edit.location, changed, (aspect,))
        among = replace(case, steps=(tuple(other if each == edit else each for each in case.edits),))
        return may_go_on() and is_refused(_part(among, [(other,)], f"text-{aspect.partition('#')[2]}"))

    if is_still_refused(_USUAL * len(text), edit.aspects[0]):
        return
    for name, changed in (("first", text[0] + _USUAL), ("last", _USUAL + text[-1])):
        if is_still_refused(changed, f"{requirement}#{name}-{shown(text[0 if name == 'first' else -1])}"):
            return
    suspects = list(dict.fromkeys(text))
    while len(suspects) > 1 and may_go_on():
        half = suspects[: len(suspects) // 2]
        is_here = is_still_refused(f"{_USUAL}{''.join(half)}{_USUAL}", f"{requirement}#{len(half)}-of-{shown(half[0])}")
        suspects = half if is_here else suspects[len(half) :]
    is_still_refused(f"{_USUAL}{suspects[0]}{_USUAL}", f"{requirement}#{name_of(suspects[0])}")


def _part(case: Case, groups: Sequence[tuple[Edit, ...]], name: str) -> Case:
    """A case with some of the edits, in their order, and the item counts that they need."""
    chosen = {edit for group in groups for edit in group}
    places = [edit.location for edit in chosen]
    places += [tuple(edit.value) for edit in chosen if edit.op in ("copy", "swapcase", "extend")]
    edits = []
    for edit in case.edits:
        # What has no aspect is there for all parts, such as what the plain request has to do without.
        if edit in chosen or (not edit.aspects and edit.op in ("put", "remove", "set")):
            edits.append(edit)
        elif edit.op == "resize" and (needed := _items(edit.location, places)) > 1:
            edits.append(Edit("grow", edit.location, needed))
    aspects = tuple(dict.fromkeys(aspect for group in groups for edit in group for aspect in edit.aspects))
    return Case(
        id=f"{case.id}~{name}",
        operation=case.operation,
        kind="accept",
        steps=(tuple(edits),),
        aspects=aspects,
        is_enumerated=False,
    )


def _items(holder: Location, places: Sequence[Location]) -> int:
    """How many items a list needs, so that all these places are in it."""
    depth = len(holder)
    return max((int(at[depth]) + 1 for at in places if len(at) > depth and at[:depth] == holder), default=0)
