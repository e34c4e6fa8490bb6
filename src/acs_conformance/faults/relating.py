"""Faults in rules between fields: equality that is not looked for everywhere.

In: a relation of a description. Out: faults, for each way of comparing too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from acs_conformance.description import Description, Json, Location, Relation, steps
from acs_conformance.emulator.fault import Call
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.faults.kind import Blind
from acs_conformance.faults.showing import least, most, most_tried

#: The values that a relation is about, each with its place.
Found = list[tuple[Location, Json]]


IsSeen = Callable[[Call, Found], bool]


def relating(description: Description, relation: Relation) -> Iterator[Blind]:
    """All faults of one relation; none where there is never a second value to be equal."""
    if relation.word == "unique" and most(description, relation.of) < 2:
        return
    yield _fault(description, relation, "ignore", f"{relation.key} is not checked", lambda _call, _found: False)
    ways = {"unique": _unique, "distinct": _distinct}.get(relation.word, _none)
    for operator, says, is_seen in ways(description, relation):
        yield _fault(description, relation, operator, says, is_seen)


def _fault(d: Description, relation: Relation, operator: str, says: str, is_seen: IsSeen) -> Blind:
    """A server that sees a breach only if `is_seen` finds it among the values."""
    path = steps(relation.of)

    def overlooks(call: Call, breach: Breach) -> bool:
        is_mine = breach.path == relation.of and breach.keyword == relation.word
        return is_mine and not is_seen(call, find(call.document, path))

    return Blind(id=f"{d.id(relation.key)}!{operator}", operator=operator, says=says, overlooks=overlooks)


def _none(_d: Description, _relation: Relation) -> Iterator[tuple[str, str, IsSeen]]:
    return iter(())


def _pairs(found: Found) -> list[tuple[int, int]]:
    """Positions of equal values, the smaller one first."""
    return [(i, j) for j in range(len(found)) for i in range(j) if found[i][1] == found[j][1]]


def _unique(d: Description, relation: Relation) -> Iterator[tuple[str, str, IsSeen]]:
    yield "apart-only", "neighbours are not compared", lambda _c, f: any(j > i + 1 for i, j in _pairs(f))
    if most(d, relation.of) > 2:
        yield "neighbours-only", "only neighbours are compared", lambda _c, f: any(j == i + 1 for i, j in _pairs(f))
        yield "first-only", "only with the first one", lambda _c, f: any(i == 0 for i, _ in _pairs(f))
        yield "last-only", "only with the last one", lambda _c, f: any(j == len(f) - 1 for _, j in _pairs(f))
        yield "two-only", "only where there are two", lambda _c, f: len(f) == 2
    if least(d, relation.of) < 3:
        yield "three-up", "only where there are three or more", lambda _c, f: len(f) > 2
    if most(d, relation.of) > 4:
        yield "few-only", "only where there are fewer than five", lambda _c, f: len(f) < 5
    item = relation.of.rpartition(".")[0]
    for child in d.children(item) if item.endswith("[]") else ():
        if child.path == relation.of or len(child.schema.get("enum", ())) < 2:
            continue
        same = _same_beside(steps(child.path))
        yield f"same-{child.name}-only", f"only where {child.name} is equal", lambda c, f, s=same: any(s(c, f))
        yield f"other-{child.name}-only", f"only where {child.name} differs", lambda c, f, s=same: not all(s(c, f))


def _same_beside(path: tuple[str, ...]) -> Callable[[Call, Found], list[bool]]:
    """For each pair of equal values, whether what stands beside them at `path` is equal too."""

    def same(call: Call, found: Found) -> list[bool]:
        others = [value for _, value in find(call.document, path)]
        return [others[i] == others[j] for i, j in _pairs(found) if j < len(others)]

    return same


def _distinct(d: Description, relation: Relation) -> Iterator[tuple[str, str, IsSeen]]:
    other = steps(relation.other or "")

    def equal(call: Call, found: Found) -> list[int]:
        """Positions of the values that equal the other one."""
        others = [value for _, value in find(call.document, other)]
        return [position for position, (_, value) in enumerate(found) if value in others]

    if most(d, relation.of) > 1:
        yield "first-only", "only the first one is compared", lambda c, f: 0 in equal(c, f)
        yield "last-only", "only the last one is compared", lambda c, f: len(f) - 1 in equal(c, f)
        if most_tried(d, relation.of) > 3:
            yield "first-three-only", "only the first three are compared", lambda c, f: min(equal(c, f), default=3) < 3
        yield "single-only", "only where there is one", lambda _c, f: len(f) == 1
    yield "later-only", "the first one is not compared", lambda c, f: any(n > 0 for n in equal(c, f))
    if least(d, relation.of) < 2:
        yield "many-only", "only where there are several", lambda _c, f: len(f) > 1
