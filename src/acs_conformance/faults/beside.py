"""Faults that show only beside a certain value: a rule that is not checked where another member has it.

In: a description. Out: faults, for each rule of a member and each documented value of another member of its object.
"""

from __future__ import annotations

from collections.abc import Iterator

from acs_conformance.cases.texts import is_open
from acs_conformance.description import Description, Json, get
from acs_conformance.emulator.fault import Call
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import Blind


def overlooking_beside(description: Description) -> Iterator[Blind]:
    """Rules that are not checked in an object whose other member has a certain documented value."""
    for node in description.nodes.values():
        siblings = [] if node.is_parameter or node.path.endswith("[]") else description.children(node.parent)
        for sibling in siblings:
            if sibling is node or "enum" not in sibling.schema:
                continue
            for value in sibling.schema["enum"]:
                if is_open(description, sibling.path, value):
                    continue
                for keyword in ("required", "pattern", "maxLength", "minLength", "type"):
                    if not (node.required if keyword == "required" else keyword in node.schema):
                        continue

                    def overlooks(
                        call: Call,
                        breach: Breach,
                        rule: tuple[str, str] = (node.path, keyword),
                        beside: tuple[str, Json] = (sibling.name, value),
                    ) -> bool:
                        return (breach.path, breach.keyword) == rule and _beside(call, breach, beside[0]) == beside[1]

                    yield Blind(
                        id=f"{description.id(f'{node.path}.{keyword}')}!ignore-beside#{sibling.name}={value}",
                        operator="ignore-beside",
                        says=f"{node.path}.{keyword} is not checked where {sibling.name} is {value}",
                        overlooks=overlooks,
                    )


def _beside(call: Call, breach: Breach, name: str) -> Json:
    """The value of another member of the object that a breach is in."""
    try:
        return get(call.document, (*breach.location[:-1], name))
    except LookupError:
        return None
