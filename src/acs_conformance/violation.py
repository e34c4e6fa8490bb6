"""Violations: in which points a request document breaks the description.

In: a document as `wire` reads it. Out: `Violation`s, by path and keyword, then by relation. Validated with
`jsonschema`; the emulator uses another library, so that one bug can't hide in both. Pure.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from jsonschema import Draft202012Validator, TypeChecker, ValidationError, validators
from jsonschema.protocols import Validator

from acs_conformance.description import Description, Json, Location, Relation, get, locations, path_of
from acs_conformance.wire import Unparseable

Schema = Mapping[str, Json]
Schemas = Mapping[str, Schema]

_VACANT: tuple[Json, ...] = ("", None, [], {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """The single point in which a request breaks the description."""

    #: Key of the requirement: path and keyword.
    key: str
    location: Location
    #: Error rows that may answer it.
    refusals: tuple[str, ...]


def is_integer(_checker: object, value: object) -> bool:
    """Whether `value` is an integer as the wire spells it: not a bool, and not 0.0, which is an open question."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(_validator: Validator, pattern: str, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    """The whole string has to fit, in ASCII: `re.search` would let a trailing newline and other digits pass."""
    if isinstance(instance, str) and not compiled(pattern).fullmatch(instance):
        yield ValidationError(f"{instance!r} does not fit {pattern}")


def _required(_validator: Validator, required: list[str], instance: Json, _schema: Json) -> Iterator[ValidationError]:
    """As the standard's, with the missing name as the last step of the error's path."""
    if isinstance(instance, dict):
        for name in required:
            if name not in instance:
                yield ValidationError(f"{name} is missing", path=[name])


def _properties(_validator: Validator, properties: Schemas, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name, schema in properties.items():
            if name in instance:
                yield from _inside(schema, instance[name], name)


def _items(_validator: Validator, items: Schema, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if isinstance(instance, list):
        for index, item in enumerate(instance):
            yield from _inside(items, item, index)


def _any_of(_validator: Validator, options: list[Schema], instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if not any(validator(option).is_valid(instance) for option in options):
        yield ValidationError(f"{instance!r} fits none of {options}")


def _not(_validator: Validator, schema: Schema, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if validator(schema).is_valid(instance):
        yield ValidationError(f"{instance!r} fits {schema}")


def _inside(schema: Schema, value: Json, step: str | int) -> Iterator[ValidationError]:
    for error in validator(schema).iter_errors(value):
        error.path.appendleft(step)
        yield error


@functools.lru_cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A documented pattern, ASCII; use it with `fullmatch`."""
    return re.compile(pattern, re.ASCII)


_types: TypeChecker = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
#: The last four say what the standard's do. Those derive a validator anew for each value inside a value, which takes
#: most of the time; these remember it.
_KEYWORDS = {
    "pattern": _pattern,
    "required": _required,
    "properties": _properties,
    "items": _items,
    "anyOf": _any_of,
    "not": _not,
}
_Strict: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, validators=_KEYWORDS, type_checker=_types
)
#: By the identity of the schema, which each keeps alive.
_validators: dict[int, Validator] = {}


def validator(schema: Schema) -> Validator:
    """A jsonschema validator with whole-string ASCII patterns and strict integers; the same for the same object."""
    known = _validators.get(id(schema))
    if known is None:
        known = _validators[id(schema)] = cast("Validator", _Strict(schema))
    return known


@functools.lru_cache(maxsize=64)
def _request_validator(description: Description) -> Validator:
    return validator(description.request_schema)


def violations(description: Description, document: Mapping[str, Any]) -> tuple[Violation, ...]:
    """All violations of `document`: schema first, in document order; relations only where the schema holds."""
    found: dict[tuple[Location, str], Violation] = {}
    mistyped: set[Location] = set()
    for error in _request_validator(description).iter_errors(document):
        location = tuple(error.absolute_path)
        keyword = str(error.validator)
        if keyword == "type":
            mistyped.add(location)
            if _is_unparseable(document, location):
                keyword = "content"
        found[location, keyword] = Violation(
            key=f"{path_of(location)}.{keyword}", location=location, refusals=_refusals(description, document, location)
        )
    schema_holds = not found
    kept = [v for (location, k), v in found.items() if k in ("type", "content") or location not in mistyped]
    kept.sort(key=lambda v: _order(description, v))
    if schema_holds:
        for relation in description.relations:
            if not relation.open:
                kept.extend(breaches(description, relation, document))
    return tuple(kept)


def breaches(description: Description, relation: Relation, document: Mapping[str, Any]) -> Iterator[Violation]:
    """Where `document` breaks `relation`: the later one of two equal values, each value that should differ or equal."""
    seen: list[Json] = []
    try:
        other = get(document, tuple(relation.other.split("."))) if relation.other else None
    except LookupError:
        return
    for location in locations(document, relation.of):
        value = get(document, location)
        broken = {
            "unique": value in seen,
            "distinct": value == other,
            "equal": value != other,
        }[relation.word]
        seen.append(value)
        if broken:
            yield Violation(key=relation.key, location=location, refusals=description.refusals.other)


def _is_unparseable(document: Mapping[str, Any], location: Location) -> bool:
    return len(location) == 1 and isinstance(document.get(str(location[0])), Unparseable)


def _refusals(description: Description, document: Mapping[str, Any], location: Location) -> tuple[str, ...]:
    try:
        value = get(document, location)
    except LookupError:
        return description.refusals.absent if len(location) == 1 else description.refusals.vacant
    if isinstance(value, Unparseable):
        value = value.text.strip()
    if any(type(value) is type(vacant) and value == vacant for vacant in _VACANT):
        return description.refusals.vacant
    return description.refusals.other


def _order(description: Description, violation: Violation) -> tuple[int, str]:
    path = path_of(violation.location)
    order = list(description.nodes)
    return (order.index(path) if path in description.nodes else len(order), str(violation.location))
