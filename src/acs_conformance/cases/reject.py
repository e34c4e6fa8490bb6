"""Reject cases: requests that break exactly one requirement and are the simplest valid request elsewhere.

In: a description. Out: `Case`s in document order, keyword by keyword, the likeliest faults first. Minimal by
construction, so a finding needs no shrinking. What is inside a list is broken in the first, second and third item.
"""

from __future__ import annotations

from collections.abc import Iterator

from acs_conformance.cases import mangle, values
from acs_conformance.cases.case import Case, Edit, Op, single
from acs_conformance.cases.places import filling, place, places
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description, Location, Node, Relation
from acs_conformance.wire import decode


def reject_cases(description: Description, *, thorough: bool = False) -> Iterator[Case]:
    """Every enumerated violation; the ones that repeat another fault's look only where `thorough`."""
    for node in description.nodes.values():
        if node.required:
            yield from _required(description, node)
        if node.location == "json" and node.is_parameter:
            yield from _content(description, node)
        if node.type in ("object", "array"):
            yield from _structures(description, node)
        yield from _values(description, node, thorough)
        if node.type == "array":
            yield from _items(description, node)
    for relation in description.relations:
        if not relation.open:
            yield from _relation(description, relation)


def _suffix(count: int, of: str = "item") -> str:
    return f"{of}-{count}" if count > 1 else ""


def _required(description: Description, node: Node) -> Iterator[Case]:
    for count in places(description, node.path):
        location, resize = place(description, node.path, count)
        aspect = _suffix(count) or "absent"
        yield _case(description, f"{node.path}.required", aspect, (*resize, Edit("remove", location)))
    if 2 in places(description, node.path):  # the first of two: a server that looks at the last item only
        location, _ = place(description, node.path, 1)
        resize = place(description, node.path, 2)[1]
        yield _case(description, f"{node.path}.required", "first-of-2", (*resize, Edit("remove", location)))


def _content(description: Description, node: Node) -> Iterator[Case]:
    filled = filling(description, node.path)
    plain = single("", description.operation, "accept", (Edit("put", (node.path,)), *filled))
    sample = decode(description, render(description, plain, 0, Context(run_id="r", now=0))).document[node.path]
    for word in mangle.BROKEN:
        # Whether an optional parameter without a text is there at all is an open question.
        if not mangle.spoils(word, sample) or (word == "empty" and not node.required):
            continue
        yield _case(description, f"{node.path}.content", word, (*filled, Edit("mangle", (node.path,), word)))


def _structures(description: Description, node: Node) -> Iterator[Case]:
    """The documented structure in another one: what a lenient parser takes for the same."""
    ops: tuple[Op, ...] = ("stringify", "unwrap") if node.type == "array" else ("stringify", "wrap")
    if node.type == "array" and description.nodes[f"{node.path}[]"].type == "array":
        ops = ("stringify",)  # the first item instead of the list is a list again
    for op in ops:
        counts = places(description, node.path)
        location, resize = place(description, node.path, counts[-1])
        edit = (
            Edit("stringify", location) if op == "stringify" else Edit("unwrap" if op == "unwrap" else "wrap", location)
        )
        yield _case(description, f"{node.path}.type", op, (*resize, edit))


def _values(description: Description, node: Node, thorough: bool) -> Iterator[Case]:
    turns: dict[str, int] = {}
    for value in values.refused(description, node.path, thorough=thorough):
        # Values of one keyword take turns in the items, so that each is tried once and each item often.
        turn = turns.get(value.keyword, 0)
        turns[value.keyword] = turn + 1
        counts = places(description, node.path)
        count = counts[turn % len(counts)]
        yield _value_case(description, node, value, count)
        if turn == 0 and len(counts) > 1:
            for other in counts[1:]:
                yield _value_case(description, node, value, other)
            yield _value_case(description, node, value, 1, of=2)


def _value_case(description: Description, node: Node, value: values.Value, count: int, of: int = 0) -> Case:
    """`value` in item `count`, the last one unless there are more of them: `of`."""
    location, resize = place(description, node.path, count)
    if of > count:
        resize = place(description, node.path, of)[1]
    where = f"item-{count}-of-{of}" if of > count else _suffix(count)
    aspect = "-".join(part for part in (value.aspect, where) if part)
    edit = Edit("set", location, value.value)
    return _case(description, f"{node.path}.{value.keyword}", aspect, (*resize, edit))


def _items(description: Description, node: Node) -> Iterator[Case]:
    low, high = int(node.schema.get("minItems", 0)), node.schema.get("maxItems")
    tried: list[tuple[str, list[int]]] = []
    if low > 0:
        tried.append(("minItems", list(dict.fromkeys((0, low - 1)))))
    if high is not None:
        tried.append(("maxItems", list(dict.fromkeys((high + 1, high + 2, high * 2)))))
    for keyword, counts in tried:
        # A list inside the items of another one is tried in each of the first ones, with the count beside the limit.
        first = counts[-1] if keyword == "minItems" else counts[0]
        for position in places(description, node.path):
            location, resize = place(description, node.path, position)
            for count in counts if position == 1 else [first]:
                edit = Edit("resize", location, count) if count else Edit("set", location, [])
                aspect = "-".join(part for part in (str(count), _suffix(position)) if part)
                yield _case(description, f"{node.path}.{keyword}", aspect, (*resize, edit))
        if 2 in places(description, node.path):
            location, _ = place(description, node.path, 1)
            resize = place(description, node.path, 2)[1]
            edit = Edit("resize", location, first) if first else Edit("set", location, [])
            yield _case(description, f"{node.path}.{keyword}", f"{first}-first-of-2", (*resize, edit))


def _relation(description: Description, relation: Relation) -> Iterator[Case]:
    key = relation.key
    if relation.word == "unique":
        for aspect, count, left, right in (
            ("neighbours", 2, 0, 1),
            ("last-two-of-3", 3, 1, 2),
            ("first-and-last-of-3", 3, 0, 2),
            ("first-two-of-3", 3, 0, 1),
            ("first-and-last-of-5", 5, 0, 4),
        ):
            if count > description.nodes[relation.of.partition("[]")[0]].schema.get("maxItems", count):
                continue
            yield _case(description, key, aspect, _equal(description, relation.of, count, left, right))
            yield from _apart(description, relation, aspect, count, left, right)
    elif relation.word == "distinct":
        for count in places(description, relation.of):
            location, resize = place(description, relation.of, count)
            edit = Edit("copy", location, _plain(relation.other))
            yield _case(description, key, _suffix(count) or "equal", (*resize, edit))
        if 2 in places(description, relation.of):
            location, _ = place(description, relation.of, 1)
            resize = place(description, relation.of, 2)[1]
            edit = Edit("copy", location, _plain(relation.other))
            yield _case(description, key, "first-of-2", (*resize, edit))


def _plain(path: str | None) -> Location:
    return tuple((path or "").split("."))


def _equal(description: Description, path: str, count: int, left: int, right: int) -> tuple[Edit, ...]:
    source, _ = place(description, path, left + 1)
    target, _ = place(description, path, right + 1)
    return (*place(description, path, count)[1], Edit("copy", target, source))


def _apart(
    description: Description, relation: Relation, aspect: str, count: int, left: int, right: int
) -> Iterator[Case]:
    """The same, with the items' enumerations different: equality has to count whatever stands beside it."""
    item = relation.of.rpartition(".")[0]
    edits: list[Edit] = []
    for child in description.children(item) if item.endswith("[]") else ():
        options = child.schema.get("enum", [])
        if len(options) > 1 and child.path != relation.of:
            for turn, position in enumerate((left, right)):
                location, _ = place(description, child.path, position + 1)
                edits.append(Edit("set", location, options[turn]))
    if edits:
        yield _case(
            description,
            relation.key,
            f"{aspect}-apart",
            (*_equal(description, relation.of, count, left, right), *edits),
        )


def _case(description: Description, key: str, aspect: str, edits: tuple[Edit, ...]) -> Case:
    return single(f"{description.id(key)}#{aspect}", description.operation, "reject", edits)
