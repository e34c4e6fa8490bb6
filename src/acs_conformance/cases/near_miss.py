"""Near misses: valid requests that look like a violation and are none.

In: a description. Out: the edits of a few requests: names that differ in letter case or by one character, equal values
where nothing has to be unique, ids of digits only, a default said aloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from acs_conformance.cases import texts, values
from acs_conformance.cases.case import Edit
from acs_conformance.cases.levels import followers, leader
from acs_conformance.cases.places import place
from acs_conformance.description import Description, Json, Location, Node, Relation

#: A name is made so long, where it may be, before it is extended: some servers compare only the beginning.
_LONG = 8


@dataclass(slots=True)
class _Pack:
    """One request to be."""

    edits: list[Edit] = field(default_factory=list)
    #: Path of a list -> how many of its items are in use; of a value that is in no list -> 1 where it is.
    used: dict[str, int] = field(default_factory=dict)
    #: Location of a value that others are near to -> what it was set to; None: what it is anyhow.
    sources: dict[Location, Json] = field(default_factory=dict)


def near_misses(description: Description) -> Iterator[tuple[Edit, ...]]:
    """The edits of each request; one is enough unless a list is too short for all ways of being near."""
    packs = [_Pack()]
    for relation in description.relations:
        if relation.word in ("unique", "distinct") and not relation.open:
            for way in ("letter-case", "longer"):
                if not any(_added(description, pack, relation, way) for pack in packs):
                    packs.append(_Pack())
                    _added(description, packs[-1], relation, way)
    _add_same(description, packs[0])
    for pack in packs:
        lists = {path: count for path, count in pack.used.items() if description.nodes[path].type == "array"}
        resizes = [
            Edit("resize", tuple(path.split(".")), max(count, int(description.nodes[path].schema.get("minItems", 1))))
            for path, count in lists.items()
            if count > 1
        ]
        if pack.edits:
            yield (*resizes, *pack.edits)


# --- near to equal --------------------------------------------------------------------------------------------------


def _added(description: Description, pack: _Pack, relation: Relation, way: str) -> bool:
    """Put a value near to another one into the pack; False if it has no room for it."""
    holder = relation.of.partition("[]")[0]
    room = description.nodes[holder].schema.get("maxItems") if holder != relation.of else 1
    used = pack.used.get(holder, 0)
    source: Location
    if relation.other is not None:
        source = tuple(relation.other.split("."))
    else:
        first = next((n for n in range(used) if place(description, relation.of, n + 1)[0] in pack.sources), None)
        used += first is None
        source = place(description, relation.of, used if first is None else first + 1)[0]
    if room is not None and used >= room:
        return False
    target = place(description, relation.of, used + 1)[0]
    near = _near(description, relation, way, source, target)
    set_to = next((edit.value for edit in near if edit.location == source), None)
    if near and pack.sources.setdefault(source, set_to) != set_to:
        return False
    pack.edits += near
    if near:
        pack.used[holder] = used + 1
    return True


def _near(description: Description, relation: Relation, way: str, source: Location, target: Location) -> list[Edit]:
    """What sets a value, and another one near to it; nothing where there is no such value."""
    of, other = relation.of, relation.other or relation.of
    node = description.nodes[other]
    aspects = (f"{description.id(relation.key)}#{way}",)
    if node.type != "string" or "enum" in node.schema:
        return []
    if node.identifier is None:
        pair = next(_pairs(description, of, other, way), None)
        return [Edit("set", at, value, aspects) for at, value in zip((source, target), pair or (), strict=False)]
    # The name itself is known only when it is rendered.
    sample = f"{node.examples[0]}-a1"
    changed = sample.swapcase() if way == "letter-case" else f"{sample}1"
    if not texts.is_acceptable(description, of, changed):
        return []
    return [Edit("swapcase" if way == "letter-case" else "extend", target, source, aspects)]


def _pairs(description: Description, of: str, other: str, way: str) -> Iterator[tuple[str, str]]:
    """A value of `other`, and one of `of` that is near to it."""
    sizes = texts.lengths(description, other)
    longer = [_LONG] if texts.is_free(description, other) and sizes and sizes[0] <= _LONG <= sizes[-1] else []
    for length in (*longer, *sizes):
        text = texts.text(description, other, length, 0)
        endings = texts.characters(description, of) if way == "longer" else ""
        for near in [f"{text}{char}" for char in endings] or [text.swapcase()]:
            if near != text and texts.is_acceptable(description, of, near):
                yield text, near


# --- the same, and said aloud ---------------------------------------------------------------------------------------


def _add_same(description: Description, pack: _Pack) -> None:
    single = {relation.of for relation in description.relations if relation.word == "unique"}
    for path, node in description.nodes.items():
        if "enum" in node.schema and "[]" in path and path not in single:
            pack.edits += _same_in_all(description, pack, path)
        elif "[]" not in path and node.identifier == "bound" and leader(description, path) == path:
            pack.edits += _digits_only(description, node)
        elif "default" in node.schema and texts.is_acceptable(description, path, node.schema["default"]):
            location, _ = place(description, path, 1)
            aspect = f"{description.id(f'{path}.default')}#explicit"
            pack.edits.append(Edit("set", location, node.schema["default"], (aspect,)))


def _same_in_all(description: Description, pack: _Pack, path: str) -> Iterator[Edit]:
    holder = path.partition("[]")[0]
    count = max(pack.used.get(holder, 0), min(2, description.nodes[holder].schema.get("maxItems", 2)))
    pack.used[holder] = count
    last = values.accepted(description, path)[-1]
    aspects = (f"{description.id(f'{path}.enum')}#same-in-all",)
    for number in range(1, count + 1):
        yield Edit("set", place(description, path, number)[0], last.value, aspects)


def _digits_only(description: Description, node: Node) -> Iterator[Edit]:
    if not texts.is_free(description, node.path):
        return
    digits = "".join(char for char in "0123456789" if char in texts.characters(description, node.path))
    low, high = int(node.schema.get("minLength", 0)), int(node.schema.get("maxLength", len(digits)))
    text = (digits * low)[: max(low, min(len(digits), high))] if low > len(digits) else digits[:high]
    if digits and texts.is_acceptable(description, node.path, text):
        shown = (node.path, *followers(description, node.path))
        yield Edit("set", (node.path,), text, tuple(f"{description.id(f'{each}.type')}#digits-only" for each in shown))
