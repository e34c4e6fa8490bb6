"""What the simplest valid request says by itself: optional things that it leaves out, and the life of what it creates.

In: a description. Out: each of these as an edit that says it aloud, with what it shows, and as one that has it
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from acs_conformance.cases import aspects, values
from acs_conformance.cases.case import Edit
from acs_conformance.cases.places import place
from acs_conformance.description import Description, Node

#: The edit that changes nothing but says it, and the one that has it otherwise.
Implied = tuple[Edit, Edit]


def implied(description: Description) -> Iterator[Implied]:
    """Everything that may be otherwise, what is said only for the sake of orphans first."""
    short_lived = description.creates.short_lived if description.creates is not None else {}
    for name, value in short_lived.items():
        known = [each for each in values.accepted(description, name) if each.value == value]
        others = [each.value for each in reversed(values.accepted(description, name)) if each.value != value]
        said = aspects.value(description, name, (name,), known[0]) if known else None
        if said is not None and not description.nodes[name].required:
            yield said, Edit("remove", (name,))
        elif said is not None and others:
            yield said, Edit("set", (name,), others[0])
    for path, node in description.nodes.items():
        if not node.required and path not in short_lived and not path.endswith("[]") and _is_there(description, node):
            at, _ = place(description, path, 1)
            yield aspects.remove(description, path, at), Edit("put", at)


def _is_there(description: Description, node: Node) -> bool:
    """Whether the simplest request has what a node is part of."""
    above = description.nodes.get(node.parent) if node.parent else None
    while above is not None:
        if not above.required and not above.path.endswith("[]"):
            return False
        above = description.nodes.get(above.parent) if above.parent else None
    return True
