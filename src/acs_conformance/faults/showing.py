"""What requests can show of a node: an operator makes no fault that no request could tell from the right server.

In: a description, and a path of it. Out: plain answers, taken from the description alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from acs_conformance.cases import levels, texts
from acs_conformance.cases.alphabet import BEYOND_ASCII, CONTROLS, PRINTABLE, charset
from acs_conformance.description import Description, Node, Relation
from acs_conformance.violation import compiled


def is_inside(path: str, other: str) -> bool:
    """Whether `path` names something inside what `other` names."""
    return path.startswith((f"{other}.", f"{other}[]"))


def is_looked_up(d: Description, path: str) -> bool:
    """Whether a parameter names a thing that has to exist: to say that nothing has a malformed name is right too."""
    return d.acts_on is not None and path in (d.acts_on.id, *d.acts_on.same)


def is_asked(node: Node) -> bool:
    """Whether an empty text raises a question: does an optional parameter without a text count as sent?"""
    return node.is_parameter and not node.required


def most(d: Description, path: str) -> float:
    """How many items the outermost list of a path may have; 1 where it is in no list."""
    holder = path.partition("[]")[0]
    return d.nodes[holder].schema.get("maxItems", math.inf) if holder != path else 1


def most_tried(d: Description, path: str) -> int:
    """How many items requests make of the outermost list of a path, which may be endless."""
    holder = path.partition("[]")[0]
    return max(3, *levels.counts(d, d.nodes[holder])) if most(d, path) > 3 else int(most(d, path))


def least(d: Description, path: str) -> int:
    """How many values there always are at a path, where its outermost list is there; at most 1 where it is in none."""
    holder = path.partition("[]")[0]
    node = d.nodes[path]
    if holder == path:
        return int(node.required)
    while node.path != f"{holder}[]":
        if not node.required:
            return 0
        node = d.nodes[node.parent]
    return int(d.nodes[holder].schema.get("minItems", 0))


def has_names(d: Description, path: str) -> bool:
    """Whether the JSON at a path has members."""
    return any(n.type == "object" for n in d.nodes.values() if n.path == path or is_inside(n.path, path))


def has_strings(d: Description, path: str) -> bool:
    """Whether the JSON at a path has strings, be they names of members."""
    return any(n.type in ("object", "string") for n in d.nodes.values() if n.path == path or is_inside(n.path, path))


def can_be_broken(d: Description, node: Node, keyword: str) -> bool:
    """Whether a value can break this keyword of the node and no other one."""
    schema = node.schema
    if keyword == "maxLength":
        return texts.fitting(d, node.path, schema["maxLength"] + 1) is not None
    if keyword == "minLength":
        shorter = texts.fitting(d, node.path, schema["minLength"] - 1) if schema["minLength"] > 1 else None
        is_empty_one = not is_asked(node) and compiled(schema.get("pattern", ".*")).fullmatch("") is not None
        return schema["minLength"] > 0 and (shorter is not None or is_empty_one)
    if keyword == "pattern" and charset(schema["pattern"]) is not None:
        return any(True for _ in strange_texts(node))
    return True


def strange_texts(node: Node) -> Iterator[str]:
    """Texts that break a pattern which is a set of characters, by one character; their length is allowed."""
    inside = charset(node.schema["pattern"]) or ""
    regex = compiled(node.schema["pattern"])
    low, high = int(node.schema.get("minLength", 1)), int(node.schema.get("maxLength", 8))
    usual = (inside * high)[: max(1, low, min(high, 8))]
    longest = (inside * high)[:high]
    for char in (*PRINTABLE, *CONTROLS, *BEYOND_ASCII):
        for text, places in ((usual, (0, len(usual) // 2, len(usual) - 1)), (longest, (high - 1,))):
            for place in places:
                changed = f"{text[:place]}{char}{text[place + 1 :]}"
                if not regex.fullmatch(changed):
                    yield changed


def can_be_alike(d: Description, relation: Relation, way: str) -> bool:
    """Whether values that have to differ may be alike: in all but letter case, in the beginning, or one begins another.

    Args:
        d: the contract.
        relation: `unique` or `distinct`.
        way: "any-case", "beginning" or "prefix".
    """
    paths = (relation.of, relation.other or relation.of)
    if any(d.nodes[path].type != "string" or "enum" in d.nodes[path].schema for path in paths):
        return False
    if relation.word == "unique" and most(d, relation.of) < 2:
        return False
    if way == "any-case":
        letters = [texts.characters(d, path) for path in paths]
        return any(a != b and a.lower() == b.lower() for a in letters[0] for b in letters[1])
    lengths = [range(sizes[0], sizes[-1] + 1) for sizes in (texts.lengths(d, path) for path in paths)]
    if way == "prefix":
        return any(a != b for a in lengths[0] for b in lengths[1])
    return any(abs(a - b) == 1 for a in lengths[0] for b in lengths[1] if min(a, b) >= 8)
