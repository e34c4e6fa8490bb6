"""Check one schema of a description for what JSON Schema can't say.

In: a schema with its references followed. Out: problems, each a keyword and a reason; the caller knows the place. A
description may only say what somebody checks, so a keyword that no judge evaluates in that place is a problem too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from acs_conformance.description import ErrorRow, Json, Node
from acs_conformance.errors import SelectionError
from acs_conformance.violation import compiled, is_integer, validator

#: A keyword and what is wrong with it; the keyword is "" where the schema as a whole is meant.
Problem = tuple[str, str]

#: Keywords that say something about a type; the others say something about every type.
_KEYWORDS = {
    "string": {"pattern", "minLength", "maxLength", "format", "x-identifier", "x-derived", "x-never-repeats"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "array": {"minItems", "maxItems", "items"},
    "object": {"properties", "required"},
}
_PARTICULAR = frozenset[str]().union(*_KEYWORDS.values())

#: Keywords that only an answer may have.
_ANSWERS_ONLY = frozenset({"const", "oneOf", "x-never-repeats"})
#: What the judge holds a member of an answer to, and what is for people.
_OF_ANSWERS = frozenset(
    {
        *("type", "required", "properties", "items", "x-never-repeats"),
        *("enum", "pattern", "minLength", "minimum", "maximum", "minItems", "maxItems"),
    }
)
# `format` says which members are credentials; nothing is claimed by it.
_FOR_PEOPLE = frozenset({"description", "examples", "format"})

#: Items beyond which no list fits into a request target, however short they are.
_MOST_ITEMS = 10_000

#: Keywords of a question's `matches` that lead to further schemas: one, a list, a mapping.
_BELOW_ONE = ("not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames")
_BELOW_LIST = ("anyOf", "allOf", "oneOf", "prefixItems")
_BELOW_NAMES = ("properties", "patternProperties", "dependentSchemas")
_EVALUATED = frozenset({*Draft202012Validator.VALIDATORS, "then", "else"}) - {"$ref", "$dynamicRef", "format"}


def _pattern(_validator: Validator, pattern: str, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compiled(pattern).fullmatch(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Profile: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
)


def profile(schema: Mapping[str, Json]) -> Validator:
    """A validator for whole files: patterns fit whole texts, and 10.0 is no integer."""
    return cast("Validator", _Profile(schema))


# --- request --------------------------------------------------------------------------------------------------------


def node_problems(raw: Mapping[str, Json], schema: Mapping[str, Json]) -> Iterator[Problem]:
    """What is wrong with a node of the request; only the first problem counts, for later ones may follow from it.

    Args:
        raw: its keywords as written.
        schema: the JSON Schema made of them, with what is below.
    """
    if "type" not in raw:
        yield "", "has no type; every node of a request states its JSON type"
    for keyword in raw:
        if keyword in _ANSWERS_ONLY:
            yield keyword, f"{keyword} is not checked in a request"
    if raw["type"] == "array" and "items" not in raw:
        yield "", "is an array without items"
    yield from _misplaced(raw)
    yield from _crossed(raw)
    yield from _unreadable(raw)
    yield from _contradicted(raw, schema)
    if raw["type"] not in ("object", "array") and not raw.get("examples"):
        yield "", "has no examples; the first one is its value in the simplest request"


def _misplaced(raw: Mapping[str, Json]) -> Iterator[Problem]:
    for keyword in raw:
        if keyword in _PARTICULAR - _KEYWORDS[raw["type"]]:
            yield keyword, f"{keyword} says nothing about a value of type {raw['type']}"


def _crossed(raw: Mapping[str, Json]) -> Iterator[Problem]:
    for low, high in (("minLength", "maxLength"), ("minimum", "maximum"), ("minItems", "maxItems")):
        if low in raw and high in raw and raw[low] > raw[high]:
            yield low, f"is {raw[low]}, above {high} {raw[high]}"


def _unreadable(raw: Mapping[str, Json]) -> Iterator[Problem]:
    if "pattern" in raw:
        try:
            re.compile(raw["pattern"], re.ASCII)
        except (re.error, OverflowError, RecursionError) as error:
            yield "pattern", f"is no regular expression: {error}"


def _contradicted(raw: Mapping[str, Json], schema: Mapping[str, Json]) -> Iterator[Problem]:
    for keyword in ("default", "const", "enum", "examples"):
        if keyword in raw:
            for item in raw[keyword] if keyword in ("enum", "examples") else [raw[keyword]]:
                for reason in value_problems(schema, item):
                    yield keyword, reason


def value_problems(schema: Mapping[str, Json], value: Json) -> Iterator[str]:
    """Why `value` is none that `schema` allows."""
    if not validator(schema).is_valid(value):
        yield f"{json.dumps(value)} breaks the node's own schema"


def copy_problems(terms: Json, nodes: Mapping[str, Node], below: str = "") -> Iterator[Problem]:
    """What derived terms copy and is no text of the request: pointer below the terms, and reason."""
    members = enumerate(terms) if isinstance(terms, list) else terms.items() if isinstance(terms, dict) else ()
    for key, term in members:
        at = f"{below}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if key != "copy" or not isinstance(term, str):
            yield from copy_problems(term, nodes, at)
        elif term not in nodes:
            yield at, unknown("parameter or member", term, nodes)
        elif nodes[term].type != "string":
            yield at, f"copies {term}, which is no text"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """That `name` stands for nothing, with the likeliest name instead."""
    return str(SelectionError(kind, name, known))


# --- answers --------------------------------------------------------------------------------------------------------


def answer_problems(raw: Mapping[str, Json], *, is_body: bool, is_code: bool) -> Iterator[Problem]:
    """What is wrong with the body of an answer or one of its members.

    Args:
        raw: its keywords as written.
        is_body: whether it is the body itself.
        is_code: whether it is the member by which an error row is told.
    """
    if "type" not in raw:
        yield "", "has no type; everything in an answer states its JSON type"
    if is_body and raw["type"] != "object":
        yield "type", f"is {raw['type']}, but a body is an object"
    if is_code and (raw["type"] != "string" or not {"const", "pattern"} & raw.keys()):
        yield "", "is no text with a const or a pattern, so no answer is told by it"
    known = _OF_ANSWERS - {"enum"} | {"const"} if is_code else _OF_ANSWERS
    for keyword in raw:
        if keyword not in known | _FOR_PEOPLE:
            yield keyword, f"{keyword} is not checked in an answer; say it in a statement"
    yield from _misplaced(raw)
    yield from _unreadable(raw)
    yield from _contradicted(raw, {k: v for k, v in raw.items() if k not in ("properties", "required")})


def row_problems(rows: Mapping[str, ErrorRow]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the error rows together: name of the row, where below it, and reason."""
    seen: dict[str, str] = {}
    for name, row in rows.items():
        code = row.schema["properties"]["Code"]
        told_by = json.dumps([code.get("const"), code.get("pattern")])
        if not validator(code).is_valid(name):
            yield name, "/properties/Code", f"does not allow the code {name}, after which the row is named"
        if told_by in seen:
            yield name, "/properties/Code", f"is the same as that of {seen[told_by]}"
        seen[told_by] = name
        first = next(iter(rows))
        if _claims(row.schema) != _claims(rows[first].schema):  # the requirements of errors are stated once
            yield name, "", f"differs from {first} in more than its Code; all error rows have one form"


def _claims(body: Mapping[str, Json]) -> Json:
    """What a body says, without its Code and what is for people."""
    return _plain({**body, "properties": {k: v for k, v in body["properties"].items() if k != "Code"}})


def _plain(schema: Mapping[str, Json]) -> Json:
    kept = {k: v for k, v in schema.items() if k not in _FOR_PEOPLE}
    if "properties" in kept:
        kept["properties"] = {name: _plain(member) for name, member in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _plain(kept["items"])
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    return kept


# --- relations and questions ----------------------------------------------------------------------------------------


def relation_problems(entry: Mapping[str, Json], nodes: Mapping[str, Node]) -> Iterator[Problem]:
    """What is wrong with a relation: the name of its member, and the reason."""
    for key in ("of", "from", "to", "within"):
        if key in entry and entry[key] not in nodes:
            yield key, unknown("parameter or member", entry[key], nodes)
    of = nodes[entry["of"]]
    for key in ("from", "to"):
        if key in entry:
            other = nodes[entry[key]]
            if "[]" in other.path:
                yield key, f"compares with {other.path}, which is not one value"
            if other.type != of.type:
                yield key, f"compares a value of type {of.type} with {other.path}, which is of type {other.type}"
    if "within" in entry:
        scope = nodes[entry["within"]]
        if not scope.is_parameter or scope.type != "string":
            yield "within", f"is {scope.path}, which is no parameter that is a text"


def question_problems(node: Node, entry: Mapping[str, Json]) -> Iterator[Problem]:
    """What is wrong with an open question about values of `node`."""
    matches = entry["matches"]
    for reason in _matches_problems(matches):
        yield "matches", reason
    if entry.get("unless-derived") and node.derived is None:
        yield "unless-derived", f"{node.path} has no x-derived"
    for probe in entry["probes"]:
        if node.type == "array":
            for reason in _count_problems(node, matches, probe):
                yield "probes", reason
            continue
        for reason in value_problems(node.schema, probe):
            yield "probes", reason
        if not validator(matches).is_valid(probe):
            yield "probes", f"{json.dumps(probe)} is not in question: it does not fit `matches`"


def _matches_problems(matches: Json) -> Iterator[str]:
    try:
        Draft202012Validator.check_schema(matches)
    except SchemaError as error:
        yield f"is no JSON Schema: at {error.json_path}: {error.message}"
    yield from _unevaluated(matches)


def _unevaluated(schema: Json) -> Iterator[str]:
    if not isinstance(schema, dict):  # true or false
        return
    for keyword, value in schema.items():
        if keyword not in _EVALUATED:
            yield f"has the keyword {keyword}, which is not evaluated"
        if keyword == "pattern" and not re.fullmatch(r"\^.*\$", value):
            yield f"has the pattern {value}, which is not anchored by ^ and $"
        if keyword in _BELOW_ONE:
            yield from _unevaluated(value)
        elif keyword in (*_BELOW_LIST, *_BELOW_NAMES):
            for inner in value.values() if keyword in _BELOW_NAMES else value:
                yield from _unevaluated(inner)


def _count_problems(node: Node, matches: Mapping[str, Json], probe: Json) -> Iterator[str]:
    """A list is asked about by its length."""
    if not is_integer(None, probe) or probe < 0:
        yield f"{json.dumps(probe)} is no number of items, and {node.path} is a list"
        return
    if probe > _MOST_ITEMS:
        yield f"{probe} items fit into no request"
    for what, limits in (("the node's own schema", node.schema), ("`matches`", matches)):
        if not limits.get("minItems", 0) <= probe <= limits.get("maxItems", probe):
            yield f"{probe} items do not fit {what}"
