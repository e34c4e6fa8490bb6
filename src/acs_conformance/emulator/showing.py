"""How a thing is shown: as it was created, by the schema of the answer.

In: the description of an operation that shows, and a thing. Out: the member of the success body in which it stands.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from acs_conformance.description import Description, Json, Question, Shows, locations, steps, values
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.validation import find

#: What stands in the place of a credential.
MASK = "******"

_ABSENT: Any = object()


@dataclass(slots=True, kw_only=True)
class _Member:
    """One member of what is shown; `name` is "" for the items of a list."""

    name: str
    #: What stands there if nothing was given; `_ABSENT`: nothing.
    otherwise: Json
    is_secret: bool
    members: list[_Member] = field(default_factory=list)
    items: _Member | None = None


class Showing:
    """How one operation shows things, in one server's way.

    Args:
        description: the contract.
        shows: what it says of that.
        creator: the contract of the operation that creates them.
        policy: the server's choices.
    """

    def __init__(self, description: Description, shows: Shows, creator: Description, policy: Policy) -> None:
        self._shows = shows
        self._creator = creator
        self._fills = policy.choice(description, "answer.defaults") != "left-out"
        self._masks = policy.choice(description, "answer.credentials") != "shown"
        changes = policy.choice(description, "answer.without-effect") == "default"
        self._differing = [q for q in creator.questions if q.may_differ] if changes else []
        self._schema_shown = description.success_schema["properties"][shows.at]
        self._root = self._member("", self._schema_shown, "", is_required=True)

    def show(self, job: Job, state: str) -> dict[str, Json]:
        """A thing in a state, as it stands in an answer; the answer's own copy."""
        document = self._without_effect(job.document) if self._differing else job.document
        shown: dict[str, Json] = self._shown(self._root, document)
        shown[self._shows.id] = job.id
        shown[self._shows.state] = state
        return shown

    def example(self, document: Mapping[str, Json]) -> Json:
        """What would be shown if there were a thing as a call names it."""
        shown = example(self._schema_shown)
        return shown | {name: document[name] for name in shown.keys() & document.keys()}

    def _member(self, name: str, schema: Mapping[str, Json], path: str, *, is_required: bool) -> _Member:
        node = self._creator.nodes.get(path)
        otherwise: Json = _ABSENT
        if node is not None and "default" in node.schema and (self._fills or is_required):
            otherwise = node.schema["default"]
        elif is_required and path:
            otherwise = example(schema)
        member = _Member(name=name, otherwise=otherwise, is_secret=node is not None and node.is_secret and self._masks)
        if schema.get("type") == "object":
            required = schema.get("required", ())
            member.members = [
                self._member(below, inner, f"{path}.{below}" if path else below, is_required=below in required)
                for below, inner in schema.get("properties", {}).items()
            ]
        elif schema.get("type") == "array" and "items" in schema:
            member.items = self._member("", schema["items"], f"{path}[]", is_required=False)
        return member

    def _shown(self, member: _Member, value: Json) -> Json:
        if member.is_secret:
            return MASK
        if member.members and isinstance(value, dict):
            found = {}
            for below in member.members:
                inner = value.get(below.name, _ABSENT)
                shown = below.otherwise if inner is _ABSENT else self._shown(below, inner)
                if shown is not _ABSENT:
                    found[below.name] = shown
            return found
        if member.items is not None and isinstance(value, list):
            return [self._shown(member.items, item) for item in value]
        return value

    def _without_effect(self, document: Mapping[str, Json]) -> Mapping[str, Json]:
        """The document as a server keeps it that says "no effect" and means it."""
        changed = copy.deepcopy(dict(document))
        for question in self._differing:
            self._undo(question, changed)
        return changed

    def _undo(self, question: Question, document: dict[str, Json]) -> None:
        relation = next((r for r in self._creator.relations if r.open == question.key), None)
        if relation is not None and relation.word == "equal" and relation.other is not None:
            path, usual = relation.of, values(document, relation.other)[:1]
        else:
            path = question.at or ""
            usual = [self._creator.nodes[path].schema["default"]] if "default" in self._schema(path) else []
        for location in list(locations(document, path)) if usual else ():
            holder: Any = document
            for step in location[:-1]:
                holder = holder[step]
            if relation is not None or jsonschema_rs.is_valid(dict(question.matches or {}), holder[location[-1]]):
                holder[location[-1]] = usual[0]

    def _schema(self, path: str) -> Mapping[str, Json]:
        node = self._creator.nodes.get(path)
        return node.schema if node is not None else {}


def masked(document: Mapping[str, Json], creator: Description) -> dict[str, Json]:
    """A copy of the document of a thing, without credentials."""
    changed = copy.deepcopy(dict(document))
    for path in creator.secrets:
        for location, _ in find(changed, steps(path)):
            holder: Any = changed
            for step in location[:-1]:
                holder = holder[step]
            holder[location[-1]] = MASK
    return changed


def example(schema: Mapping[str, Json]) -> Json:
    """A value that a schema allows, from its own examples and limits."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: example(value) for name, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"])] * max(1, schema.get("minItems", 0)) if "items" in schema else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    if kind == "boolean":
        return False
    return "x" * max(1, schema.get("minLength", 1))
