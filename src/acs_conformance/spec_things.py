"""Read what a description says of things: that its operation creates them, or shows or ends what another one creates.

In: an operation as read, its nodes and the schema of its success. Out: `Creates` and `ActsOn`, each name in them held
to what it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from acs_conformance import source, spec_checks
from acs_conformance.description import ActsOn, Creates, Description, Json, Node, Shows
from acs_conformance.source import Source


@dataclass(frozen=True, slots=True)
class SpecThings:
    """The extensions of one operation that speak of things."""

    api: Source
    #: Pointer to the operation, and the operation as read.
    base: str
    operation: Mapping[str, Json]
    nodes: Mapping[str, Node]
    #: Gives the operation beside it that does something ("creates", "ends") to a kind of thing.
    find: Callable[[str, str], Description | None]

    def creates(self, success: Mapping[str, Json]) -> Creates | None:
        """What a success leaves behind, or None.

        Raises:
            DescriptionError: a name stands for nothing, or for something of another type.
        """
        entry = self.operation.get("x-creates")
        if entry is None:
            return None
        pointer = f"{self.base}/x-creates"
        if entry["id"] not in success.get("properties", {}):
            raise self.api.error(f"{pointer}/id", f"{entry['id']} is not in the success body")
        if success["properties"][entry["id"]]["type"] != "string":
            raise self.api.error(f"{pointer}/id", f"{entry['id']} is no text")
        for name, value in entry.get("short-lived", {}).items():
            at = f"{pointer}/short-lived/{source.escape(name)}"
            node = self._node(name, at)
            if not node.is_parameter:
                raise self.api.error(at, "is no parameter")
            for reason in spec_checks.value_problems(node.schema, value):
                raise self.api.error(at, reason)
        limit = entry.get("idle-limit")
        if limit is not None:
            node = self._node(limit, f"{pointer}/idle-limit")
            if not node.is_parameter or node.type != "integer" or "default" not in node.schema:
                raise self.api.error(f"{pointer}/idle-limit", "is no parameter of type integer with a default")
        return Creates(thing=entry["thing"], id=entry["id"], short_lived=entry.get("short-lived", {}), idle_limit=limit)

    def acts_on(self, success: Mapping[str, Json]) -> ActsOn | None:
        """What the operation shows or ends, or None.

        Raises:
            DescriptionError: a name stands for nothing, or for something of another type.
        """
        entry = self.operation.get("x-acts-on")
        if entry is None:
            if any(node.identifier == "created" for node in self.nodes.values()):
                raise self.api.error(self.base, "names something created, but says by x-acts-on of which kind nowhere")
            return None
        pointer = f"{self.base}/x-acts-on"
        creator = self.find("creates", entry["thing"])
        if creator is None or creator.creates is None:
            raise self.api.error(
                f"{pointer}/thing", f"no operation beside this one has x-creates of a {entry['thing']}"
            )
        node = self._node(entry["id"], f"{pointer}/id")
        if not node.is_parameter or node.identifier != "created":
            raise self.api.error(f"{pointer}/id", "is no parameter with x-identifier: created")
        for index, name in enumerate(entry.get("same", ())):
            at = f"{pointer}/same/{index}"
            if not self._node(name, at).is_parameter or name not in creator.nodes:
                raise self.api.error(at, f"is no parameter of both this operation and {creator.operation}")
        shows, ends = entry.get("shows"), entry.get("ends")
        return ActsOn(
            thing=entry["thing"],
            id=entry["id"],
            same=tuple(entry.get("same", ())),
            creator=creator,
            shows=self._shows(success, shows, f"{pointer}/shows") if shows else None,
            ends_within_s=float(ends["within"]) if ends else None,
            ender=self.find("ends", entry["thing"]) if shows else None,
        )

    def _shows(self, success: Mapping[str, Json], entry: Mapping[str, Json], pointer: str) -> Shows:
        shown = success.get("properties", {}).get(entry["at"], {})
        if shown.get("type") != "object":
            raise self.api.error(f"{pointer}/at", f"{entry['at']} is no object in the success body")
        for key in ("id", "state"):
            if shown.get("properties", {}).get(entry[key], {}).get("type") != "string":
                raise self.api.error(f"{pointer}/{key}", f"{entry[key]} is no text in {entry['at']}")
        known = shown["properties"][entry["state"]].get("enum", ())
        for key in ("alive", "ended"):
            for index, state in enumerate(entry[key]):
                if state not in known:
                    raise self.api.error(f"{pointer}/{key}/{index}", spec_checks.unknown("state", state, known))
        return Shows(
            at=entry["at"],
            id=entry["id"],
            state=entry["state"],
            alive=tuple(entry["alive"]),
            ended=tuple(entry["ended"]),
        )

    def _node(self, path: str, pointer: str) -> Node:
        if path not in self.nodes:
            raise self.api.error(pointer, spec_checks.unknown("parameter or member", path, self.nodes))
        return self.nodes[path]
