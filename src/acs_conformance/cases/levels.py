"""Levels: what of a request varies, each with the values that meet those of everything else.

In: a description, a strength. Out: factors with their levels, and the rows of a covering array. Optional parts, counts
and both limits of each value are levels; the values beside the limits come once, packed, and what is inside the items
of a list takes turns.
"""

from __future__ import annotations

import functools
from typing import Any

from acs_conformance.cases import covering, texts, values
from acs_conformance.description import Description, Node

#: The kind of thing that varies, and its value.
Level = tuple[str, Any]

ABSENT: Level = ("absent", None)
PRESENT: Level = ("present", None)

#: Items in a list that has no documented maximum, unless one of its enumerations is wider.
_MANY = 5
#: More items than any list may have.
_MOST = 10_000
#: Item counts between the limits and those beside them that are tried; the rest is like them.
_INNER = 2


def leader(description: Description, path: str) -> str:
    """The path whose value `path` has to equal, or `path` itself."""
    return next((r.other for r in description.relations if r.word == "equal" and r.of == path and r.other), path)


def followers(description: Description, path: str) -> list[str]:
    """Paths whose values have to equal the one at `path`."""
    return [r.of for r in description.relations if r.word == "equal" and r.other == path]


@functools.lru_cache(maxsize=64)
def rows(description: Description, strength: int) -> tuple[dict[str, Level], ...]:
    """Path -> level, in as few rows as it takes; what is inside an absent object has no level."""
    found = _factors(description)
    within = {path: (above, ABSENT) for path in found for above in [_optional_above(description, path)] if above}
    return tuple(covering.rows(found, strength, within))


def _optional_above(description: Description, path: str) -> str | None:
    """The nearest optional object that `path` is inside of."""
    above = description.nodes.get(description.nodes[path].parent)
    while above is not None and above.required:
        above = description.nodes.get(above.parent)
    return above.path if above is not None else None


def _factors(description: Description) -> dict[str, list[Level]]:
    factors: dict[str, list[Level]] = {}
    for path, node in description.nodes.items():
        if "[]" in path or leader(description, path) != path:
            continue
        levels = [] if node.required else [ABSENT]
        levels += _levels(description, node)
        # The items of a list vary in each row, and so does a text whose characters have their places.
        is_varied = node.type == "array" or (node.type == "string" and not texts.is_free(description, path))
        if len(levels) > 1 or (levels and is_varied):
            factors[path] = levels
    return factors


def _levels(description: Description, node: Node) -> list[Level]:
    if node.type == "object" or node.derived:
        return [] if node.required else [PRESENT]
    if node.type == "array":
        return [("count", count) for count in counts(description, node)]
    if node.type == "string" and "enum" not in node.schema:
        return [("length", length) for length in outer_lengths(description, node.path)]
    options = values.accepted(description, node.path)
    edges = options if len(options) <= 3 or "enum" in node.schema else [options[0], options[-1]]
    return [("value", value) for value in edges]


def outer_lengths(description: Description, path: str) -> tuple[int, ...]:
    """The lengths at the limits, and where only a few are known those of the examples."""
    found = texts.lengths(description, path)
    own = {len(str(example)) for example in description.nodes[path].examples}
    inner = [length for length in found[1:-1] if length in own and not texts.is_free(description, path)]
    return tuple(dict.fromkeys((*found[:1], *inner, *found[-1:])))


def counts(description: Description, node: Node) -> list[int]:
    """Item counts that have to be accepted: the limits, and as many items as their widest enumeration has values."""
    item = f"{node.path}[]"
    within = (description.nodes[item], *description.children(item))
    widest = max(len(child.schema.get("enum", ())) for child in within)
    low = max(1, int(node.schema.get("minItems", 1)))
    high = min(int(node.schema.get("maxItems", max(_MANY, widest))), _most_different(description, item))
    beside = high - 1 if "maxItems" in node.schema else low
    return [count for count in dict.fromkeys((low, low + 1, beside, high)) if low <= count <= high]


def _most_different(description: Description, item: str) -> int:
    """How many items there can be at all, where something of them has to differ and has only so many values."""
    single = {relation.of for relation in description.relations if relation.word == "unique"}
    nodes = [node for node in (description.nodes[item], *description.children(item)) if node.path in single]
    known = [len(values.different(description, node.path)) for node in nodes if node.identifier is None]
    return min(known, default=_MOST)


def inner_counts(description: Description, node: Node) -> list[int]:
    """A few item counts between these."""
    edges = counts(description, node)
    return [count for count in range(edges[0], edges[-1]) if count not in edges][:_INNER]


def varies(description: Description, node: Node) -> bool:
    """Whether a node has values of its own to vary."""
    return node.type not in ("object", "array") and not node.derived and leader(description, node.path) == node.path


def is_plain_text(node: Node) -> bool:
    """Whether a node is a text that is not one of a few."""
    return node.type == "string" and "enum" not in node.schema
