"""Build the frozen model of one operation from its documents.

In: openapi.yaml and statements.yaml as read, each already valid by its own schema. Out: a `Description`. What a schema
can't say is checked here: that names stand for something, that limits fit each other, that examples keep them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from jsonschema import Draft202012Validator

from acs_conformance import source
from acs_conformance.description import (
    Creates,
    Description,
    ErrorRow,
    Gateway,
    Json,
    Node,
    Question,
    Reading,
    Refusals,
    Relation,
    Statement,
    World,
)
from acs_conformance.errors import DescriptionError, SelectionError
from acs_conformance.source import Source

_NODE_ONLY = ("description", "examples", "x-identifier", "x-derived", "properties", "items")

#: Keywords that say something about a type; the others say something about every type.
_KEYWORDS = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "array": {"minItems", "maxItems", "items"},
    "object": {"properties", "required"},
}


class Builder:
    """One pass over one operation's documents; each method returns a part of the model."""

    def __init__(self, api: Source, statements: Source, gateway: Gateway, folder: Path, root: Path) -> None:
        self.api = api
        self.statements = statements
        self.gateway = gateway
        self.folder = folder
        self.root = root
        (self.http_path,) = api.data["paths"]
        (self.method,) = api.data["paths"][self.http_path]
        self.operation: dict[str, Any] = api.data["paths"][self.http_path][self.method]
        self.base = f"/paths/{source.escape(self.http_path)}/{self.method}"
        self.nodes: dict[str, Node] = {}

    def build(self) -> Description:
        """The whole model.

        Raises:
            DescriptionError: something does not stand for anything, or contradicts something else.
        """
        name = self.operation["operationId"]
        if name != self.folder.name:
            raise self.api.error(f"{self.base}/operationId", f"is {name!r}, but the folder is {self.folder.name!r}")
        request_schema = self._request()
        success_schema, errors = self._responses()
        relations = self._relations()
        description = Description(
            operation=name,
            product=self.folder.parent.parent.name,
            version=self.folder.parent.name,
            method=self.method.upper(),
            path=self.http_path,
            title=self.api.data["info"]["title"],
            url=self.api.data.get("externalDocs", {}).get("url", ""),
            endpoints=tuple(server["url"] for server in self.api.data["servers"]),
            nodes=self.nodes,
            request_schema=request_schema,
            success_status=200,
            success_schema=success_schema,
            success_line=self.api.line(f"{self.base}/responses/200"),
            errors=errors,
            relations=relations,
            questions=(*self._questions(relations, errors), *self.gateway.questions),
            refusals=Refusals(**self._rows("x-refusals", errors)),
            world=World(**self._rows("x-world", errors)),
            creates=self._creates(success_schema),
            gateway=self.gateway,
            statements=self._statements(),
            file=self._relative(self.api.path),
            sha256=self._hash(),
        )
        if str(self.api.data["info"]["version"]) != description.version:
            raise self.api.error("/info/version", f"differs from the folder's version {description.version!r}")
        return description

    # --- request ------------------------------------------------------------------------------------------------

    def _request(self) -> dict[str, Json]:
        schema: dict[str, Json] = {"type": "object", "required": [], "properties": {}}
        for index, parameter in enumerate(self.operation.get("parameters", [])):
            pointer = f"{self.base}/parameters/{index}"
            name = parameter["name"]
            if name in schema["properties"]:
                raise self.api.error(f"{pointer}/name", f"repeats the parameter {name}")
            is_json = "content" in parameter
            below = f"{pointer}/content/application~1json/schema" if is_json else f"{pointer}/schema"
            required = bool(parameter.get("required", False))
            location: Literal["query", "json"] = "json" if is_json else "query"
            if required:
                schema["required"].append(name)
            lines = {"required": self.api.line(f"{pointer}/required")}
            schema["properties"][name] = self._node(name, below, required, location, self.api.line(pointer), lines)
            kind = schema["properties"][name]["type"]
            if (kind in ("object", "array")) != is_json:
                raise self.api.error(below, f"is of type {kind}: objects and arrays are `content: application/json`")
        return schema

    def _node(
        self,
        path: str,
        pointer: str,
        required: bool,
        location: Literal["query", "json"],
        line: int,
        lines: Mapping[str, int],
    ) -> dict[str, Json]:
        raw = self._resolve(pointer)
        if "type" not in raw:
            raise self.api.error(pointer, "has no type; every node of a request states its JSON type")
        schema = {k: v for k, v in raw.items() if k not in _NODE_ONLY}
        keyword_lines = {key: self.api.line(f"{pointer}/{key}") for key in schema if key != "required"} | dict(lines)
        place = len(self.nodes)
        self.nodes[path] = cast("Node", None)  # keeps document order: a parent stands before its children
        if raw["type"] == "object":
            schema["properties"] = {}
            for name in raw.get("properties", {}):
                below = f"{pointer}/properties/{name}"
                inner = {"required": self.api.line(f"{pointer}/required")}
                schema["properties"][name] = self._node(
                    f"{path}.{name}", below, name in raw.get("required", []), location, self.api.line(below), inner
                )
            for index, name in enumerate(raw.get("required", [])):
                if name not in schema["properties"]:
                    raise self.api.error(f"{pointer}/required/{index}", f"requires {name}, which has no schema")
        elif raw["type"] == "array":
            if "items" not in raw:
                raise self.api.error(pointer, "is an array without items")
            below = f"{pointer}/items"
            schema["items"] = self._node(f"{path}[]", below, False, location, self.api.line(below), {})
        check_node(self.api, raw, schema, pointer)
        self.nodes[path] = Node(
            path=path,
            schema=schema,
            required=required,
            location=location,
            line=line,
            keyword_lines=keyword_lines,
            identifier=raw.get("x-identifier"),
            derived=raw.get("x-derived"),
            examples=tuple(raw.get("examples", ())),
        )
        assert list(self.nodes).index(path) == place  # noqa: S101 - a dict keeps the place of its first assignment
        return schema

    def _resolve(self, pointer: str) -> dict[str, Json]:
        """The schema at `pointer`, its `$ref` followed; other keywords beside a reference win."""
        value: Any = self.api.data
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            value = value[int(step)] if isinstance(value, list) else value[step]
        return self._expand(value, pointer, ())

    def _expand(self, schema: dict[str, Json], pointer: str, seen: tuple[str, ...]) -> dict[str, Json]:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        name = reference.rpartition("/")[2]
        if name in seen:
            raise self.api.error(f"{pointer}/$ref", f"refers to itself by way of {' -> '.join((*seen, name))}")
        target = self.api.data["components"]["schemas"].get(name)
        if target is None:
            raise self.api.error(f"{pointer}/$ref", f"refers to {reference}, which does not exist")
        rest = {k: v for k, v in schema.items() if k != "$ref"}
        return {**self._expand(target, f"/components/schemas/{name}", (*seen, name)), **rest}

    # --- responses ----------------------------------------------------------------------------------------------

    def _responses(self) -> tuple[dict[str, Json], dict[str, ErrorRow]]:
        rows: dict[str, ErrorRow] = {}
        success: dict[str, Json] = {}
        for status, response in self.operation["responses"].items():
            pointer = f"{self.base}/responses/{status}/content/application~1json/schema"
            schema = response["content"]["application/json"]["schema"]
            if status == "200":
                success = self._inline(schema, pointer)
                continue
            alternatives = schema.get("oneOf", [schema])
            for index, alternative in enumerate(alternatives):
                at = f"{pointer}/oneOf/{index}" if "oneOf" in schema else pointer
                if "$ref" not in alternative:
                    raise self.api.error(at, "is no reference; each error row is a named schema under components")
                name = alternative["$ref"].rpartition("/")[2]
                if name in rows:
                    raise self.api.error(at, f"repeats the error row {name}")
                line = self.api.line(f"/components/schemas/{name}")
                rows[name] = ErrorRow(name=name, status=int(status), schema=self._inline(alternative, at), line=line)
                for member in ("Code", "Message"):
                    if member not in rows[name].schema.get("properties", {}):
                        raise self.api.error(f"/components/schemas/{name}", f"has no property {member}")
        return success, rows

    def _inline(self, schema: dict[str, Json], pointer: str) -> dict[str, Json]:
        schema = dict(self._expand(schema, pointer, ()))
        if "properties" in schema:
            schema["properties"] = {
                name: self._inline(value, f"{pointer}/properties/{name}")
                for name, value in schema["properties"].items()
            }
        if "items" in schema:
            schema["items"] = self._inline(schema["items"], f"{pointer}/items")
        return schema

    def _rows(self, extension: str, errors: Mapping[str, ErrorRow]) -> dict[str, tuple[str, ...]]:
        result = {}
        for key, names in self.operation[extension].items():
            for index, name in enumerate(names):
                if name not in errors:
                    pointer = f"{self.base}/{extension}/{key}/{index}"
                    raise self.api.error(pointer, unknown("error row", name, errors))
            result[key] = tuple(names)
        return result

    # --- extensions ---------------------------------------------------------------------------------------------

    def _path(self, path: str, pointer: str) -> str:
        if path not in self.nodes:
            raise self.api.error(pointer, unknown("parameter or member", path, self.nodes))
        return path

    def _relations(self) -> tuple[Relation, ...]:
        result = []
        for index, entry in enumerate(self.operation.get("x-relations", [])):
            pointer = f"{self.base}/x-relations/{index}"
            other = entry.get("from") or entry.get("to")
            if other is not None and "[]" in self._path(other, pointer):
                raise self.api.error(pointer, f"compares with {other}, which is not one value")
            within = entry.get("within")
            if within is not None:
                self._path(within, f"{pointer}/within")
            result.append(
                Relation(
                    word=entry["relation"],
                    of=self._path(entry["of"], f"{pointer}/of"),
                    other=other,
                    within=within,
                    open=entry.get("open"),
                    line=self.api.line(pointer),
                )
            )
        return tuple(result)

    def _questions(self, relations: Iterable[Relation], errors: Mapping[str, ErrorRow]) -> list[Question]:
        result: dict[str, Question] = {}
        open_relations = {relation.key: relation for relation in relations if relation.open}
        for index, entry in enumerate(self.operation.get("x-open-questions", [])):
            pointer = f"{self.base}/x-open-questions/{index}"
            key = entry["id"]
            if key in result:
                raise self.api.error(f"{pointer}/id", f"repeats the question {key}")
            breaks = entry.get("breaks")
            if breaks is not None and (breaks not in open_relations or open_relations[breaks].open != key):
                raise self.api.error(f"{pointer}/breaks", f"no relation {breaks} says `open: {key}`")
            readings = []
            for name, effect in entry["readings"].items():
                if isinstance(effect, str):
                    readings.append(Reading(name=name, effect=cast("Any", effect)))
                    continue
                for row in effect["refuse"]:
                    if row not in errors:
                        raise self.api.error(f"{pointer}/readings/{name}", unknown("error row", row, errors))
                readings.append(Reading(name=name, effect="refuse", refusals=tuple(effect["refuse"])))
            result[key] = Question(
                key=key,
                question=entry["question"],
                readings=tuple(readings),
                trait="relation" if breaks else "schema",
                at=None if breaks else self._path(entry["at"], f"{pointer}/at"),
                matches=entry.get("matches"),
                probes=tuple(entry.get("probes", ())),
                unless_derived=entry.get("unless-derived", False),
                breaks=breaks,
                line=self.api.line(pointer),
            )
        for relation in open_relations.values():
            if relation.open not in result:
                raise DescriptionError(
                    self.api.path, relation.line, "", f"relation {relation.key} names no question {relation.open!r}"
                )
        return list(result.values())

    def _creates(self, success: Mapping[str, Json]) -> Creates | None:
        entry = self.operation.get("x-creates")
        if entry is None:
            return None
        pointer = f"{self.base}/x-creates"
        if entry["id"] not in success.get("properties", {}):
            raise self.api.error(f"{pointer}/id", f"{entry['id']} is not in the success body")
        for name in entry.get("short-lived", {}):
            self._path(name, f"{pointer}/short-lived/{name}")
        return Creates(thing=entry["thing"], id=entry["id"], short_lived=entry.get("short-lived", {}))

    def _statements(self) -> tuple[Statement, ...]:
        seen: set[str] = set()
        result = []
        for index, entry in enumerate(self.statements.data["statements"]):
            pointer = f"/statements/{index}"
            if entry["id"] in seen:
                raise self.statements.error(f"{pointer}/id", f"repeats the statement {entry['id']}")
            seen.add(entry["id"])
            result.append(
                Statement(
                    id=entry["id"],
                    row=entry["row"],
                    text=entry["text"],
                    requirements=tuple(entry.get("requirements", ())),
                    questions=tuple(entry.get("questions", ())),
                    untestable=entry.get("untestable"),
                    line=self.statements.line(f"{pointer}/id"),
                )
            )
        return tuple(result)

    # --- identity -----------------------------------------------------------------------------------------------

    def _relative(self, path: Path) -> str:
        return f"spec/{path.relative_to(self.root).as_posix()}"

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*.yaml")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """That `name` stands for nothing, with the likeliest name instead."""
    return str(SelectionError(kind, name, known))


# --- one node -------------------------------------------------------------------------------------------------------


def check_node(api: Source, raw: Mapping[str, Json], schema: Mapping[str, Json], pointer: str) -> None:
    """Hold a node of the request to what its own keywords mean.

    Raises:
        DescriptionError: a keyword does not go with the type, limits cross, a pattern does not compile, an example,
            default or enumeration value breaks the node's own schema, or a scalar has no example.
    """
    found = itertools.chain(_misplaced(raw), _crossed(raw), _unreadable(raw), _contradicted(raw, schema))
    for keyword, reason in found:  # one at a time: a later check relies on what an earlier one has let pass
        raise api.error(f"{pointer}/{keyword}", reason)
    if raw["type"] not in ("object", "array") and not raw.get("examples"):
        raise api.error(pointer, "has no examples; the first one is its value in the simplest request")


def _misplaced(raw: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    particular = set[str]().union(*_KEYWORDS.values())
    for keyword in raw:
        if keyword in particular - _KEYWORDS[raw["type"]]:
            yield keyword, f"says nothing about a value of type {raw['type']}"


def _crossed(raw: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for low, high in (("minLength", "maxLength"), ("minimum", "maximum"), ("minItems", "maxItems")):
        if low in raw and high in raw and raw[low] > raw[high]:
            yield low, f"is {raw[low]}, above {high} {raw[high]}"


def _unreadable(raw: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    if "pattern" in raw:
        try:
            re.compile(raw["pattern"])
        except re.error as error:
            yield "pattern", f"is no regular expression: {error}"


def _contradicted(raw: Mapping[str, Json], schema: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    plain = Draft202012Validator(schema)
    for keyword in ("default", "enum", "examples"):
        items = raw.get(keyword, [])
        for item in items if isinstance(items, list) else [items]:
            if not plain.is_valid(item):
                yield keyword, f"{json.dumps(item)} breaks the node's own schema"
