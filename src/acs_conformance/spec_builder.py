"""Build the frozen model of one operation from its documents.

In: openapi.yaml and statements.yaml as read, each already valid by its own schema. Out: a `Description`. What a schema
can't say is checked here: that names stand for something, and by `spec_checks` that each node holds together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from acs_conformance import source, spec_checks
from acs_conformance.description import (
    Description,
    ErrorRow,
    Gateway,
    Json,
    Node,
    Question,
    Reading,
    Refusals,
    Relation,
    World,
)
from acs_conformance.errors import DescriptionError
from acs_conformance.source import Source
from acs_conformance.spec_statements import statements_of
from acs_conformance.spec_things import SpecThings

_NODE_ONLY = ("description", "examples", "x-identifier", "x-derived", "properties", "items")

#: Schemas that may refer to each other, one inside the other.
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema with its own reference followed, and where it says what."""

    #: Where it is used, which is where it stands unless it is a reference.
    pointer: str
    schema: Mapping[str, Json]
    #: Keyword -> where it stands.
    keywords: Mapping[str, str]
    #: The references followed on the way to it.
    names: tuple[str, ...]

    def at(self, keyword: str) -> str:
        """Where `keyword` stands; the schema itself where it isn't there."""
        return self.keywords.get(keyword, self.pointer)


class Builder:
    """One pass over one operation's documents; each method returns a part of the model.

    `find` gives the operation beside it that does something ("creates", "ends") to a kind of thing.
    """

    def __init__(
        self,
        api: Source,
        statements: Source,
        shared: tuple[Path, Gateway],
        folder: Path,
        root: Path,
        find: Callable[[str, str], Description | None],
    ) -> None:
        self.api = api
        self.statements = statements
        self.shared, self.gateway = shared
        self.folder = folder
        self.root = root
        self.find = find
        (self.http_path,) = api.data["paths"]
        (self.method,) = api.data["paths"][self.http_path]
        self.operation: dict[str, Any] = api.data["paths"][self.http_path][self.method]
        self.base = f"/paths/{source.escape(self.http_path)}/{self.method}"
        self.named: Mapping[str, dict[str, Json]] = api.data["components"].get("schemas", {})
        self.nodes: dict[str, Node] = {}
        #: Path of a derived value -> where its terms stand.
        self.derivations: dict[str, str] = {}

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
        things = SpecThings(self.api, self.base, self.operation, self.nodes, self.find)
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
            creates=things.creates(success_schema),
            acts_on=things.acts_on(success_schema),
            gateway=self.gateway,
            statements=statements_of(self.statements),
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
            raw = parameter["content"]["application/json"]["schema"] if is_json else parameter["schema"]
            place = self._expand(
                raw, f"{pointer}/content/application~1json/schema" if is_json else f"{pointer}/schema", ()
            )
            required = bool(parameter.get("required", False))
            location: Literal["query", "json"] = "json" if is_json else "query"
            if required:
                schema["required"].append(name)
            lines = {"required": self.api.line(f"{pointer}/required")}
            schema["properties"][name] = self._node(name, place, required, location, self.api.line(pointer), lines)
            kind = schema["properties"][name]["type"]
            if (kind in ("object", "array")) != is_json:
                reason = f"is of type {kind}: objects and arrays are `content: application/json`"
                raise self.api.error(place.pointer, reason)
        for path, pointer in self.derivations.items():
            for below, reason in spec_checks.copy_problems(self.nodes[path].derived, self.nodes):
                raise self.api.error(f"{pointer}{below}", reason)
        return schema

    def _node(
        self,
        path: str,
        place: _Place,
        required: bool,
        location: Literal["query", "json"],
        line: int,
        lines: Mapping[str, int],
    ) -> dict[str, Json]:
        raw = place.schema
        schema = {k: v for k, v in raw.items() if k not in _NODE_ONLY}
        keyword_lines = {key: self.api.line(place.at(key)) for key in schema if key != "required"} | dict(lines)
        self.nodes[path] = cast("Node", None)  # a dict keeps this place: a parent stands before its children
        inner_lines = {"required": self.api.line(place.at("required"))}
        if "properties" in raw:
            schema["properties"] = {}
        for name, below in self._members(place).items():
            is_required = name in raw.get("required", [])
            schema["properties"][name] = self._node(
                f"{path}.{name}", below, is_required, location, self.api.line(below.pointer), inner_lines
            )
        if "items" in raw:
            below = self._expand(raw["items"], place.at("items"), place.names)
            schema["items"] = self._node(f"{path}[]", below, False, location, self.api.line(below.pointer), {})
        for keyword, reason in spec_checks.node_problems(raw, schema):
            raise self.api.error(place.at(keyword), reason)
        if raw["type"] == "object":
            schema.setdefault("properties", {})
        if "x-derived" in raw:
            self.derivations[path] = place.at("x-derived")
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
        return schema

    def _members(self, place: _Place) -> dict[str, _Place]:
        """The members of an object, by name; each one that it requires is among them."""
        members = place.schema.get("properties", {})
        for index, name in enumerate(place.schema.get("required", [])):
            if name not in members:
                raise self.api.error(f"{place.at('required')}/{index}", f"requires {name}, which has no schema")
        at = place.at("properties")
        return {name: self._expand(raw, f"{at}/{source.escape(name)}", place.names) for name, raw in members.items()}

    def _expand(self, schema: Mapping[str, Json], pointer: str, names: tuple[str, ...]) -> _Place:
        """The schema at `pointer`, its `$ref` followed; other keywords beside a reference win.

        Args:
            schema: as written.
            pointer: where it stands.
            names: the references followed on the way to it, none of which may come again.
        """
        keywords = {keyword: f"{pointer}/{keyword}" for keyword in schema}
        reference = schema.get("$ref")
        if reference is None:
            return _Place(pointer, schema, keywords, names)
        name = reference.rpartition("/")[2]
        if name in names:
            circle = " -> ".join((*names[names.index(name) :], name))
            raise self.api.error(keywords["$ref"], f"refers to itself by way of {circle}")
        if name not in self.named:
            raise self.api.error(keywords["$ref"], f"refers to {reference}, which does not exist")
        if len(names) == _DEEPEST:
            raise self.api.error(keywords["$ref"], f"is nested more than {_DEEPEST} references deep")
        target = self._expand(self.named[name], f"/components/schemas/{name}", (*names, name))
        rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        return _Place(pointer, {**target.schema, **rest}, {**target.keywords, **keywords}, target.names)

    # --- responses ----------------------------------------------------------------------------------------------

    def _responses(self) -> tuple[dict[str, Json], dict[str, ErrorRow]]:
        rows: dict[str, ErrorRow] = {}
        success: dict[str, Json] = {}
        for status, response in self.operation["responses"].items():
            pointer = f"{self.base}/responses/{status}/content/application~1json/schema"
            schema = response["content"]["application/json"]["schema"]
            if status == "200":
                success = self._answer(self._expand(schema, pointer, ()), is_body=True)
                continue
            if "oneOf" in schema and len(schema) > 1:
                raise self.api.error(pointer, "has more than oneOf, which stands alone")
            for index, alternative in enumerate(schema.get("oneOf", [schema])):
                at = f"{pointer}/oneOf/{index}" if "oneOf" in schema else pointer
                if "$ref" not in alternative:
                    raise self.api.error(at, "is no reference; each error row is a named schema under components")
                place = self._expand(alternative, at, ())
                name = alternative["$ref"].rpartition("/")[2]
                if name in rows:
                    raise self.api.error(at, f"repeats the error row {name}")
                at = f"/components/schemas/{name}"
                for member in ("Code", "Message"):
                    if member not in place.schema.get("properties", {}):
                        raise self.api.error(at, f"has no property {member}")
                inlined = self._answer(place, is_body=True, is_row=True)
                rows[name] = ErrorRow(name=name, status=int(status), schema=inlined, line=self.api.line(at))
        for name, keyword, reason in spec_checks.row_problems(rows):
            raise self.api.error(f"/components/schemas/{name}{keyword}", reason)
        return success, rows

    def _answer(
        self, place: _Place, *, is_body: bool = False, is_row: bool = False, is_code: bool = False
    ) -> dict[str, Json]:
        """The schema of a body or of one of its members, without references."""
        members = self._members(place)
        for keyword, reason in spec_checks.answer_problems(place.schema, is_body=is_body, is_code=is_code):
            raise self.api.error(place.at(keyword), reason)
        schema = dict(place.schema)
        if members:
            schema["properties"] = {
                name: self._answer(member, is_code=is_row and name == "Code") for name, member in members.items()
            }
        if "items" in schema:
            schema["items"] = self._answer(self._expand(schema["items"], place.at("items"), place.names))
        return schema

    def _rows(self, extension: str, errors: Mapping[str, ErrorRow]) -> dict[str, tuple[str, ...]]:
        result = {}
        for key, names in self.operation[extension].items():
            for index, name in enumerate(names):
                if name not in errors:
                    pointer = f"{self.base}/{extension}/{key}/{index}"
                    raise self.api.error(pointer, spec_checks.unknown("error row", name, errors))
            result[key] = tuple(names)
        return result

    # --- extensions ---------------------------------------------------------------------------------------------

    def _path(self, path: str, pointer: str) -> str:
        if path not in self.nodes:
            raise self.api.error(pointer, spec_checks.unknown("parameter or member", path, self.nodes))
        return path

    def _relations(self) -> tuple[Relation, ...]:
        result: dict[str, Relation] = {}
        for index, entry in enumerate(self.operation.get("x-relations", [])):
            pointer = f"{self.base}/x-relations/{index}"
            for key, reason in spec_checks.relation_problems(entry, self.nodes):
                raise self.api.error(f"{pointer}/{key}", reason)
            relation = Relation(
                word=entry["relation"],
                of=entry["of"],
                other=entry.get("from") or entry.get("to"),
                within=entry.get("within"),
                open=entry.get("open"),
                line=self.api.line(pointer),
            )
            if relation.key in result:
                raise self.api.error(pointer, f"repeats the relation {relation.key}")
            result[relation.key] = relation
        return tuple(result.values())

    def _questions(self, relations: Iterable[Relation], errors: Mapping[str, ErrorRow]) -> list[Question]:
        result: dict[str, Question] = {}
        open_relations = {relation.key: relation for relation in relations if relation.open}
        for index, entry in enumerate(self.operation.get("x-open-questions", [])):
            pointer = f"{self.base}/x-open-questions/{index}"
            key = entry["id"]
            if key in result:
                raise self.api.error(f"{pointer}/id", f"repeats the question {key}")
            breaks, is_of_ended = entry.get("breaks"), entry.get("ended", False)
            if is_of_ended and "x-acts-on" not in self.operation:
                raise self.api.error(f"{pointer}/ended", "asks about a thing, but there is no x-acts-on")
            if breaks is not None and (breaks not in open_relations or open_relations[breaks].open != key):
                raise self.api.error(f"{pointer}/breaks", f"no relation {breaks} says `open: {key}`")
            if not breaks and not is_of_ended:
                node = self.nodes[self._path(entry["at"], f"{pointer}/at")]
                for keyword, reason in spec_checks.question_problems(node, entry):
                    raise self.api.error(f"{pointer}/{keyword}", reason)
            result[key] = Question(
                key=key,
                question=entry["question"],
                readings=tuple(self._readings(entry["readings"], f"{pointer}/readings", errors)),
                trait="relation" if breaks else "ended" if is_of_ended else "schema",
                at=entry.get("at"),
                matches=entry.get("matches"),
                probes=tuple(entry.get("probes", ())),
                unless_derived=entry.get("unless-derived", False),
                breaks=breaks,
                may_differ=entry.get("may-differ", False),
                line=self.api.line(pointer),
            )
        for relation in open_relations.values():
            if relation.open not in result:
                raise DescriptionError(
                    self.api.path, relation.line, "", f"relation {relation.key} names no question {relation.open!r}"
                )
        return list(result.values())

    def _readings(self, entries: Mapping[str, Json], pointer: str, errors: Mapping[str, ErrorRow]) -> Iterator[Reading]:
        for name, effect in entries.items():
            if isinstance(effect, str):
                yield Reading(name=name, effect=cast("Any", effect))
                continue
            for row in effect["refuse"]:
                if row not in errors:
                    raise self.api.error(
                        f"{pointer}/{source.escape(name)}", spec_checks.unknown("error row", row, errors)
                    )
            yield Reading(name=name, effect="refuse", refusals=tuple(effect["refuse"]))

    # --- identity -----------------------------------------------------------------------------------------------

    def _relative(self, path: Path) -> str:
        return f"spec/{path.relative_to(self.root).as_posix()}"

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for file in (*sorted(self.folder.glob("*.yaml")), self.shared):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()
