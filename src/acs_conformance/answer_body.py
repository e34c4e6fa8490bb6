"""What is claimed of the body of an answer: its media type, that it is JSON, and each of its members.

In: an answer and a schema. Out: claims, each with whether it is kept. It does not know which answer is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from acs_conformance.answer import Answer
from acs_conformance.description import Json
from acs_conformance.message import RawResponse
from acs_conformance.record import BODY_LIMIT
from acs_conformance.violation import compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim about a body, and whether it is kept."""

    #: Key of the requirement.
    key: str
    is_kept: bool
    #: What came and what would have been right, for people; short and stable words for the difference.
    received: str
    allowed: str
    cause: str


def body_claims(
    prefix: str, schema: Mapping[str, Json], answer: Answer, response: RawResponse | None, allowed: str
) -> Iterator[Claim]:
    """Everything that `schema` claims of an answer whose requirements begin with `prefix`.

    Args:
        prefix: "response" or "error".
        schema: of the body.
        answer: as classified.
        response: as recorded.
        allowed: the body in words.
    """
    media, json_type = answer.media_type, "application/json"
    yield Claim(
        key=f"{prefix}.contentType",
        is_kept=media == json_type,
        received=media or "no content type",
        allowed=json_type,
        cause="content type",
    )
    kind = f"{prefix}.type"
    if response is not None and len(response.body) >= BODY_LIMIT:
        received = f"{BODY_LIMIT} bytes or more"
        yield Claim(key=kind, is_kept=False, received=received, allowed=allowed, cause="body too long")
        return
    is_object = isinstance(answer.body, dict)
    received = "JSON" if answer.is_json else "a body that is not JSON"
    yield Claim(key=kind, is_kept=is_object, received=received, allowed="a JSON object", cause="not a JSON object")
    if is_object:
        for key, is_kept, received in member_claims(prefix, schema, answer.body):
            yield Claim(key=key, is_kept=is_kept, received=received, allowed=allowed, cause=key)


def member_claims(prefix: str, schema: Mapping[str, Json], body: Mapping[str, Json]) -> Iterator[tuple[str, bool, str]]:
    """Key, whether it is kept, and what came, for each claim that `schema` makes about the members of `body`."""
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        if name not in body:
            if name in schema.get("required", []):
                yield f"{path}.required", False, f"no {name}"
            continue
        if name in schema.get("required", []):
            yield f"{path}.required", True, ""
        # A row's own Code pattern chose the row, so it is not a claim about the body.
        skipped = ("pattern", "enum") if (prefix, name) == ("error", "Code") else ()
        yield from _value_claims(path, name, member, body[name], skipped)


def _value_claims(
    path: str, name: str, schema: Mapping[str, Json], value: Json, skipped: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool, str]]:
    if not _TYPES[schema["type"]](value):
        yield f"{path}.type", False, f"{name} is {_shown(value)}"
        return
    yield f"{path}.type", True, ""
    for keyword, is_kept in _KEYWORDS.items():
        if keyword in schema and keyword not in skipped:
            yield f"{path}.{keyword}", is_kept(schema[keyword], value), f"{name} is {_shown(value)}"
    if schema["type"] == "object":
        yield from member_claims(path, schema, value)
    elif schema["type"] == "array":
        for index, item in enumerate(value):
            yield from _value_claims(f"{path}[]", f"{name}[{index}]", schema["items"], item)


_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}

#: Keywords that a member of an answer is held to once its type is right. Written out rather than left to a validator:
#: this runs for every member of every answer.
_KEYWORDS: Mapping[str, Callable[[Json, Json], bool]] = {
    "minLength": lambda limit, value: len(value) >= limit,
    "pattern": lambda pattern, value: compiled(pattern).fullmatch(value) is not None,
    "enum": lambda options, value: value in options,
    "minimum": lambda limit, value: value >= limit,
    "maximum": lambda limit, value: value <= limit,
    "minItems": lambda limit, value: len(value) >= limit,
    "maxItems": lambda limit, value: len(value) <= limit,
}


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
