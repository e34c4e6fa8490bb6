"""Places: where in a request something is tried, and what has to be there for it.

In: a description and a path. Out: locations, and the edits without which there are none.
"""

from __future__ import annotations

from collections.abc import Iterator

from acs_conformance.cases.case import Edit
from acs_conformance.cases.render import Context, base_value
from acs_conformance.description import Description, Json, Location, path_of, steps

#: Item counts in which the last item is the one that is tried; the aspect says which.
_PLACES = (1, 2, 3)


def place(description: Description, path: str, count: int) -> tuple[Location, tuple[Edit, ...]]:
    """The location of `path` in item `count`, and the edit that makes so many, or as many as there have to be."""
    location: list[str | int] = []
    resize: tuple[Edit, ...] = ()
    for step in steps(path):
        if step == "[]":
            if count > 1 and not resize:
                low = int(description.nodes[path_of(tuple(location))].schema.get("minItems", 0))
                resize = (Edit("resize", tuple(location), max(count, low)),)
            # Lists inside items have one item, the first.
            location.append(0 if any(isinstance(above, int) for above in location) else count - 1)
        else:
            location.append(step)
    return tuple(location), resize


def places(description: Description, path: str) -> tuple[int, ...]:
    """In which items `path` is tried: the first three, as far as there may be so many; one, where it is in no list."""
    if "[]" not in path:
        return (1,)
    high = description.nodes[path.partition("[]")[0]].schema.get("maxItems", _PLACES[-1])
    return tuple(count for count in _PLACES if count <= high)


def filling(description: Description, name: str) -> tuple[Edit, ...]:
    """What puts a text, or at least a member, into the JSON of a parameter that has none at its simplest.

    Only where it may have one: how JSON is written shows in names and texts.
    """
    simplest = base_value(description, description.nodes[name], Context(run_id="r", now=0), "s", 0)
    found = list(_inside(simplest))
    inside = [node for path, node in description.nodes.items() if path.startswith((f"{name}.", f"{name}[]"))]
    texts = [node for node in inside if node.type == "string"]
    members = [node for node in inside if not node.path.endswith("[]")]
    if texts and not any(isinstance(value, str) for value in found):
        return (Edit("put", place(description, texts[0].path, 1)[0]),)
    if members and not any(isinstance(value, dict) and value for value in found):
        return (Edit("put", place(description, members[0].path, 1)[0]),)
    return ()


def _inside(value: Json) -> Iterator[Json]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inside(inner)
