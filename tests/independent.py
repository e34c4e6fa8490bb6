"""A second opinion on requests: what is wrong with one, by none of the project's code but the loader's plain data.

The query is read with `urllib.parse`, the schema is evaluated by `jsonschema_rs`, relations by the few lines below.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from acs_conformance.description import Description
from acs_conformance.message import RawRequest

Place = tuple[str | int, ...]


class Text(str):
    """The text of a parameter that is no JSON."""

    __slots__ = ()


@dataclass
class Read:
    """One request as read here."""

    document: dict[str, Any]
    #: (place, key of the requirement) of everything that is broken.
    breaches: list[tuple[Place, str]] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        return {key for _, key in self.breaches}


def read(description: Description, request: RawRequest) -> Read:
    """What the request says and what is wrong with it."""
    pairs = urllib.parse.parse_qsl(request.query, keep_blank_values=True, errors="strict", max_num_fields=50)
    assert len(dict(pairs)) == len(pairs), "a parameter comes twice"
    result = Read({name: _value(description, name, text) for name, text in pairs})
    unread = {name for name, value in result.document.items() if isinstance(value, Text)}
    result.breaches += [((name,), f"{name}.content") for name in sorted(unread)]
    mistyped = {(name,) for name in unread}
    found = list(
        _validator(description).iter_errors({n: None if n in unread else v for n, v in result.document.items()})
    )
    mistyped |= {tuple(error.instance_path) for error in found if error.kind.name == "type"}
    for error in found:
        place, keyword = tuple(error.instance_path), error.kind.name
        if keyword == "required":
            place = (*place, error.kind.property)
        elif place in mistyped and (keyword != "type" or place[0] in unread):
            continue
        result.breaches.append((place, f"{path_of(place)}.{keyword}"))
    if not result.breaches:
        result.breaches += _relations(description, result.document)
    return result


_VALIDATORS: dict[str, Any] = {}


def _validator(description: Description) -> Any:
    key = f"{description.file} {description.sha256}"
    if key not in _VALIDATORS:
        _VALIDATORS[key] = jsonschema_rs.Draft202012Validator(description.request_schema)
    return _VALIDATORS[key]


def _value(description: Description, name: str, text: str) -> Any:
    kind = description.request_schema["properties"].get(name, {}).get("type", "string")
    if kind in ("object", "array"):
        try:
            return json.loads(text, parse_constant=_no_constant)
        except ValueError:
            return Text(text)
    if kind == "integer" and re.fullmatch(r"-?(0|[1-9][0-9]*)", text, re.ASCII):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", text, re.ASCII):
        return json.loads(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _no_constant(text: str) -> None:
    raise ValueError(text)


def path_of(place: Place) -> str:
    """("A", 0, "B") as `A[].B`."""
    return re.sub(r"\.\[", "[", ".".join("[]" if isinstance(step, int) else step for step in place))


def at(document: Any, path: str) -> Iterator[tuple[Place, Any]]:
    """Every place that `path` leads to, and what stands there."""
    places: list[tuple[Place, Any]] = [((), document)]
    for name, brackets in re.findall(r"([^.\[\]]+)((?:\[\])*)", path):
        places = [((*p, name), v[name]) for p, v in places if isinstance(v, dict) and name in v]
        for _ in range(len(brackets) // 2):
            places = [((*p, i), x) for p, v in places if isinstance(v, list) for i, x in enumerate(v)]
    yield from places


def values(document: Any, path: str) -> list[Any]:
    """Everything that `path` leads to."""
    return [value for _, value in at(document, path)]


def _relations(description: Description, document: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    for relation in description.relations:
        if relation.open:
            continue
        found = list(at(document, relation.of))
        for index, (place, value) in enumerate(found):
            others = values(document, relation.other) if relation.other else [v for _, v in found[:index]]
            if {"unique": value in others, "distinct": value in others, "equal": others not in ([], [value])}[
                relation.word
            ]:
                yield place, f"{relation.of}.{relation.word}"
