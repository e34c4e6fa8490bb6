"""Where a request's values break the description: the emulator's own reading of the contract.

In: a description and a request document, each parameter a member. Out: breaches in document order. The library is
another one than the judges', so that one bug can't hide in both. It knows nothing of policies and open questions.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind

from acs_conformance.description import Description, Json, Location, Relation, path_of, steps

#: What stands at the place in question: nothing where a parameter is required; "", null, [], {} or nothing where a
#: member is required; any other value.
Kind = Literal["absent", "vacant", "other"]

_CHECKED = frozenset(
    {
        "type",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "required",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One place where a request breaks the contract, or a sentence of it that the emulator reads as broken."""

    location: Location
    path: str
    #: JSON Schema keyword, word of a relation, or the word of an open question.
    keyword: str
    kind: Kind
    #: Error rows of the description one of which answers it.
    rows: tuple[str, ...]
    #: Key of the open question of which one reading makes it a breach; None where the page decides.
    question: str | None = None


def is_vacant(value: Json) -> bool:
    """Whether a value is "", null, [] or {}."""
    return value is None or value in ("", [], {})


def find(document: Json, path_steps: tuple[str, ...]) -> list[tuple[Location, Json]]:
    """Location and value of everything that a path leads to, in order."""
    level: list[tuple[Location, Json]] = [((), document)]
    for step in path_steps:
        if step == "[]":
            level = [((*at, i), item) for at, value in level if isinstance(value, list) for i, item in enumerate(value)]
        else:
            level = [((*at, step), value[step]) for at, value in level if isinstance(value, dict) and step in value]
    return level


def breaches(description: Description, document: Mapping[str, Json]) -> list[Breach]:
    """Every breach of the schema and, where the whole schema holds, of the relations, in document order.

    A member or parameter that the description doesn't know breaks nothing. A value of a wrong type breaks `type` alone.

    Args:
        description: the contract.
        document: parameter -> value, without lone surrogates, nested at most `decoding.DEEPEST` deep.
    """
    checks = compiled(description)
    found, _ = checks.schema(document)
    return found or sorted([breach for breach, _ in checks.relations(document)], key=checks.order)


@functools.lru_cache(maxsize=256)
def compiled(description: Description) -> Checks:
    """The checks of a description; made once."""
    return Checks(description)


class Checks:
    """One description's schema and relations, compiled.

    Args:
        description: the contract.
    """

    def __init__(self, description: Description) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(_closed(description.request_schema))
        self._places = {path: place for place, path in enumerate(description.nodes)}
        self._rows: dict[Kind, tuple[str, ...]] = {
            "absent": description.refusals.absent,
            "vacant": description.refusals.vacant,
            "other": description.refusals.other,
        }
        self._relations = [
            (relation, steps(relation.of), steps(relation.other) if relation.other else ())
            for relation in description.relations
        ]

    def breach(self, location: Location, keyword: str, kind: Kind) -> Breach:
        """A breach that is answered as its kind is."""
        return Breach(location=location, path=path_of(location), keyword=keyword, kind=kind, rows=self._rows[kind])

    def order(self, breach: Breach) -> tuple[int, ...]:
        """Sorting key: document order, a value before what is in it, items by number, unknown names last."""
        key, path = [], ""
        for step in breach.location:
            if isinstance(step, int):
                path += "[]"
                key.append(step)
            else:
                path = f"{path}.{step}" if path else step
                key.append(self._places.get(path, len(self._places)))
        return tuple(key)

    def schema(self, document: Mapping[str, Json]) -> tuple[list[Breach], list[Location]]:
        """The breaches of the schema, in document order, and the locations of unknown members."""
        if self._validator.is_valid(document):
            return [], []
        found: list[Breach] = []
        unknown: list[Location] = []
        for error in self._validator.iter_errors(document):
            location = tuple(error.instance_path)
            kind, keyword = error.kind, error.kind.name
            if isinstance(kind, ValidationErrorKind.Required):
                found.append(self.breach((*location, kind.property), keyword, "vacant" if location else "absent"))
            elif isinstance(kind, ValidationErrorKind.AdditionalProperties):
                unknown += [(*location, name) for name in kind.unexpected]
            else:
                found.append(self.breach(location, keyword, "vacant" if is_vacant(error.instance) else "other"))
        mistyped = {breach.location for breach in found if breach.keyword == "type"}
        if mistyped:
            found = [breach for breach in found if breach.keyword == "type" or breach.location not in mistyped]
        found.sort(key=self.order)
        return found, unknown

    def relations(self, document: Mapping[str, Json]) -> list[tuple[Breach, Relation]]:
        """The breaches of the relations, each with its relation; meant for a document whose schema holds."""
        found = []
        for relation, of, other in self._relations:
            values = _values(document, of)
            if len(values) < 2 and relation.word == "unique":
                continue
            others = _values(document, other) if other else []
            if not _is_broken(relation.word, values, others):
                continue
            places = [location for location, _ in find(document, of)]
            found += [
                (self.breach(places[index], relation.word, "other"), relation)
                for index in _offenders(relation.word, values, others)
            ]
        return found


def _closed(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema with the keywords that are checked, whole-string patterns, and a mark on unknown members."""
    result: dict[str, Json] = {keyword: value for keyword, value in schema.items() if keyword in _CHECKED}
    if "pattern" in result:
        result["pattern"] = f"^(?:{result['pattern']})$"
    if schema.get("type") == "object":
        result["properties"] = {name: _closed(value) for name, value in schema.get("properties", {}).items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = _closed(schema["items"])
    return result


def _values(document: Json, path_steps: tuple[str, ...]) -> list[Json]:
    """The values that a path leads to. `find` without locations, which are wanted only after a breach."""
    level = [document]
    for step in path_steps:
        if step == "[]":
            level = [item for value in level if isinstance(value, list) for item in value]
        else:
            level = [value[step] for value in level if isinstance(value, dict) and step in value]
    return level


def _is_broken(word: str, values: list[Json], others: list[Json]) -> bool:
    """Whether there is an offender at all, in one step where the values are texts, as they mostly are."""
    if set(map(type, values)) | set(map(type, others)) != {str}:
        return True  # unknown: the offenders are looked for one by one
    if word == "unique":
        return len(set(values)) != len(values)
    if word == "distinct":
        return any(other in values for other in others)
    return any(value != other for other in others for value in values)


def _offenders(word: str, values: list[Json], others: list[Json]) -> list[int]:
    """Places in `values` of those that break the relation; of equal values all but the first do."""
    if word == "unique":
        return [i for i, value in enumerate(values) if any(_same(value, earlier) for earlier in values[:i])]
    if word == "distinct":
        return [i for i, value in enumerate(values) if any(_same(value, other) for other in others)]
    return [i for i, value in enumerate(values) if not all(_same(value, other) for other in others)]


def _same(left: Json, right: Json) -> bool:
    """JSON equality: unlike Python's, true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
