"""Faults in what is answered: status, code, message, body, and ids that repeat.

In: a description. Out: faults of every success, of every error row that a request can bring about, and of the answer to
each single requirement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from acs_conformance.description import Description, Json
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import (
    Spoil,
    Spoiled,
    When,
    body_of,
    every,
    put,
    spoiled,
    with_body,
    with_members,
    with_status,
)
from acs_conformance.faults.rows import codes, documented_rows, internal
from acs_conformance.message import RawResponse

#: Values in the place of a text.
_ILL_TYPED: dict[str, Json] = {"number": 7, "null": None, "list": ["x"], "object": {}, "empty": "", "true": True}


def answering(description: Description) -> Iterator[Spoiled]:
    """All of them."""
    yield from _successes(description)
    yield from _errors(description)
    yield from documented_rows(description)
    yield from codes(description)
    yield from _repeating(description)
    yield from _now_and_then(description)


def _is_success(_call: Call, found: list[Breach], _memory: Memory) -> bool:
    return not found


def _is_error(_call: Call, found: list[Breach], _memory: Memory) -> bool:
    return bool(found)


def _without(name: str) -> Spoil:
    def spoil(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_body(response, {key: value for key, value in body_of(response).items() if key != name})

    return spoil


def _raw(body: bytes, content_type: str = "application/json;charset=utf-8") -> Spoil:
    return lambda _call, _found, response, _memory: replace(
        response, body=body, headers=(("content-type", content_type),)
    )


def _typed(content_type: str) -> Spoil:
    def spoil(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        headers = tuple(pair for pair in response.headers if pair[0] != "content-type")
        return replace(response, headers=(*headers, ("content-type", content_type)) if content_type else headers)

    return spoil


def _bodies(d: Description, prefix: str, when: When) -> Iterator[Spoiled]:
    yield spoiled(d, f"{prefix}.contentType", "content-type", "HTML is said", _typed("text/html"), when, "html")
    yield spoiled(d, f"{prefix}.contentType", "content-type", "plain text is said", _typed("text/plain"), when, "plain")
    yield spoiled(d, f"{prefix}.contentType", "content-type", "nothing is said", _typed(""), when, "none")
    for name, body in {"empty": b"", "html": b"<html></html>", "list": b"[]", "null": b"null", "text": b'"ok"'}.items():
        yield spoiled(d, f"{prefix}.type", "body", f"the body is {name}", _raw(body), when, name)

    def torn(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return replace(response, body=response.body[:-1])

    def wrapped(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_body(response, {"data": body_of(response)})

    yield spoiled(d, f"{prefix}.type", "body", "the body is cut short", torn, when, "torn")
    yield spoiled(d, f"{prefix}.type", "body", "the body is wrapped", wrapped, when, "wrapped")


def _members(d: Description, prefix: str, schema: Json, when: When) -> Iterator[Spoiled]:
    """What each member can lack, at any depth: it is left out, of another type, of another name, or beyond a limit."""
    for place, member, is_required in _places(schema):
        path = ".".join(place).replace(".[]", "[]")
        name = place[-1]
        key = f"{prefix}.{path}"
        if is_required:
            yield spoiled(d, f"{key}.required", "drop", f"{path} is left out", _changed(place, _drop), when)
            lower = name[:1].lower() + name[1:]
            says = f"{path} begins with a small letter"
            yield spoiled(d, f"{key}.required", "rename", says, _changed(place, _rename(lower)), when)
        for kind, value in _ILL_TYPED.items():
            if _fits(member["type"], value):
                continue
            if kind == "empty" and ((prefix, path) == ("error", "Code") or member.get("format") == "password"):
                continue  # an empty code is another code, which the operator `code` makes; a credential may be masked
            yield spoiled(d, f"{key}.type", "ill-typed", f"{path} is {kind}", _changed(place, _set(value)), when, kind)
        for keyword, make in _BEYOND.items():
            is_empty = keyword == "minLength" and member.get(keyword) == 1  # `ill-typed` has made it empty
            if keyword in member and (prefix, path) != ("error", "Code") and not is_empty:
                spoil = _changed(place, _set_by(make, member))
                yield spoiled(d, f"{key}.{keyword}", "beyond", f"{path} breaks its {keyword}", spoil, when)


#: A change of one member: the object or list it is in, and its name or place there.
Edit = Callable[[Json, Json], None]


def _places(schema: Json, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json, bool]]:
    """Where each member of a body is, its schema, and whether it has to be there."""
    for name, member in schema.get("properties", {}).items():
        place = (*above, name)
        yield place, member, name in schema.get("required", [])
        while member["type"] == "array":
            place, member = (*place, "[]"), member["items"]
            yield place, member, False
        yield from _places(member, place)


def _changed(place: tuple[str, ...], edit: Edit) -> Spoil:
    """Changes a member wherever it is in the body."""

    def spoil(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        body = body_of(response)
        _edit(body, place, edit)
        return with_body(response, body)

    return spoil


def _edit(value: Json, place: tuple[str, ...], edit: Edit) -> None:
    keys = range(len(value)) if place[0] == "[]" else [place[0]] if place[0] in value else []
    for key in reversed(keys):
        if len(place) == 1:
            edit(value, key)
        else:
            _edit(value[key], place[1:], edit)


def _drop(holder: Json, key: Json) -> None:
    del holder[key]


def _rename(name: str) -> Edit:
    def edit(holder: Json, key: Json) -> None:
        holder[name] = holder.pop(key)

    return edit


def _set(value: Json) -> Edit:
    def edit(holder: Json, key: Json) -> None:
        holder[key] = value

    return edit


def _set_by(make: Callable[[Json, Json], Json], member: Json) -> Edit:
    def edit(holder: Json, key: Json) -> None:
        holder[key] = make(member, holder[key])

    return edit


#: Keyword -> a value beside what it allows, given the schema and the value there is.
_BEYOND: dict[str, Callable[[Json, Json], Json]] = {
    "minLength": lambda schema, value: value[: schema["minLength"] - 1],
    "enum": lambda schema, _value: f"{schema['enum'][0]}x" if schema["type"] == "string" else max(schema["enum"]) + 1,
    "minimum": lambda schema, _value: schema["minimum"] - 1,
    "maximum": lambda schema, _value: schema["maximum"] + 1,
    "minItems": lambda schema, value: value[: schema["minItems"] - 1],
    "maxItems": lambda schema, value: (value * (schema["maxItems"] + 1))[: schema["maxItems"] + 1],
}


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _fits(kind: str, value: Json) -> bool:
    """Whether a value is of a type after all; an empty text is as good as none."""
    if isinstance(value, bool) and kind != "boolean":
        return False
    return value != "" and isinstance(value, _TYPES[kind])


def _successes(d: Description) -> Iterator[Spoiled]:
    for status in (201, 202, 204, 206, 301, 302, 400, 404, 418):
        yield spoiled(
            d, "response.status", "status", f"a success is {status}", with_status(status), _is_success, str(status)
        )
    yield from _bodies(d, "response", _is_success)
    yield from _members(d, "response", d.success_schema, _is_success)


def _errors(d: Description) -> Iterator[Spoiled]:
    yield from _bodies(d, "error", _is_error)
    if d.errors:
        yield from _members(d, "error", next(iter(d.errors.values())).schema, _is_error)

    def no_period(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_members(response, {"Message": str(body_of(response)["Message"]).rstrip(".")})

    def other_end(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_members(response, {"Message": str(body_of(response)["Message"]) + "!"})

    yield spoiled(d, "error.Message.pattern", "message", "the period is missing", no_period, _is_error, "no-period")
    yield spoiled(d, "error.Message.pattern", "message", "it ends otherwise", other_end, _is_error, "other-end")


def _repeating(d: Description) -> Iterator[Spoiled]:
    """Ids that come again."""
    for name, member in d.success_schema.get("properties", {}).items():
        if not member.get("x-never-repeats"):
            continue
        key = f"response.{name}.unique"
        yield spoiled(d, key, "constant", f"{name} is always the same", put({name: "constant"}), _is_success)

        def like_the_last(
            _call: Call, _found: list[Breach], response: RawResponse, memory: Memory, name: str = name
        ) -> RawResponse:
            """Every second success has the id of the one before."""
            memory["turn"] = memory.get("turn", 0) + 1
            if memory["turn"] % 2:
                memory["last"] = body_of(response)[name]
                return response
            return with_members(response, {name: memory["last"]})

        yield spoiled(d, key, "pairwise", f"{name} comes twice", like_the_last, _is_success)

        def by_request(
            call: Call, _found: list[Breach], response: RawResponse, _memory: Memory, name: str = name
        ) -> RawResponse:
            """The id depends on the identifiers alone."""
            bound = [repr(call.document.get(p)) for p, node in d.nodes.items() if node.identifier == "bound"]
            return with_members(response, {name: f"id-{hash(tuple(bound)) & 0xFFFFFFFF:x}"})

        yield spoiled(d, key, "by-identifiers", f"{name} depends on identifiers alone", by_request, _is_success)
    schema = next(iter(d.errors.values())).schema if d.errors else {}
    if schema.get("properties", {}).get("RequestId", {}).get("x-never-repeats"):
        spoil = put({"RequestId": "constant"})
        yield spoiled(
            d, "response.RequestId.unique", "constant", "errors share one RequestId", spoil, _is_error, "errors"
        )


def _now_and_then(d: Description) -> Iterator[Spoiled]:
    """Every so many requests."""
    for number in (2, 3, 7, 10, 13, 20):
        when = every(number)
        detail = str(number)
        yield spoiled(d, "availability", "every-n-500", f"every {number}th answer is 500", internal(d), when, detail)
        yield spoiled(
            d,
            "response.RequestId.required",
            "every-n-drop",
            f"every {number}th has no RequestId",
            _without("RequestId"),
            when,
            detail,
        )
        yield spoiled(
            d, "response.contentType", "every-n-html", f"every {number}th says HTML", _typed("text/html"), when, detail
        )
    for number in (3, 7, 20):

        def repeated(_call: Call, _found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
            earlier = memory.setdefault("request-id", body_of(response)["RequestId"])
            return with_members(response, {"RequestId": earlier})

        says = f"every {number}th RequestId is an old one"
        yield spoiled(d, "response.RequestId.unique", "every-n-repeat", says, repeated, every(number), str(number))
