"""Faults in what is answered: status, code, message, body, and ids that repeat.

In: a description. Out: faults of every success, of every error row that a request can bring about, and of the answer to
each single requirement.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace

from acs_conformance.description import Description, Json, Node
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import Spoiled, When, body_of, every, with_body, with_members
from acs_conformance.faults.showing import can_be_broken, is_inside
from acs_conformance.message import RawResponse
from acs_conformance.requirement import REQUEST_KEYWORDS
from acs_conformance.violation import validator

Spoil = Callable[[Call, list[Breach], RawResponse, Memory], RawResponse]

#: Values in the place of a text.
_ILL_TYPED: dict[str, Json] = {"number": 7, "null": None, "list": ["x"], "object": {}, "empty": "", "true": True}


def answering(description: Description) -> Iterator[Spoiled]:
    """All of them."""
    yield from _successes(description)
    yield from _errors(description)
    yield from _rows(description)
    yield from _codes(description)
    yield from _repeating(description)
    yield from _now_and_then(description)


def _fault(
    d: Description, key: str, operator: str, says: str, spoil: Spoil, when: When | None = None, detail: str = ""
) -> Spoiled:
    suffix = f"#{detail}" if detail else ""
    return Spoiled(id=f"{d.id(key)}!{operator}{suffix}", operator=operator, says=says, spoil=spoil, when=when)


def _is_success(_call: Call, found: list[Breach], _memory: Memory) -> bool:
    return not found


def _is_error(_call: Call, found: list[Breach], _memory: Memory) -> bool:
    return bool(found)


def _put(members: dict[str, Json]) -> Spoil:
    return lambda _call, _found, response, _memory: with_members(response, members)


def _without(name: str) -> Spoil:
    def spoil(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_body(response, {key: value for key, value in body_of(response).items() if key != name})

    return spoil


def _status(status: int) -> Spoil:
    return lambda _call, _found, response, _memory: replace(response, status=status)


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
    yield _fault(d, f"{prefix}.contentType", "content-type", "HTML is said", _typed("text/html"), when, "html")
    yield _fault(d, f"{prefix}.contentType", "content-type", "plain text is said", _typed("text/plain"), when, "plain")
    yield _fault(d, f"{prefix}.contentType", "content-type", "nothing is said", _typed(""), when, "none")
    for name, body in {"empty": b"", "html": b"<html></html>", "list": b"[]", "null": b"null", "text": b'"ok"'}.items():
        yield _fault(d, f"{prefix}.type", "body", f"the body is {name}", _raw(body), when, name)

    def torn(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return replace(response, body=response.body[:-1])

    def wrapped(_call: Call, _found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        return with_body(response, {"data": body_of(response)})

    yield _fault(d, f"{prefix}.type", "body", "the body is cut short", torn, when, "torn")
    yield _fault(d, f"{prefix}.type", "body", "the body is wrapped", wrapped, when, "wrapped")


def _members(d: Description, prefix: str, schema: Json, when: When) -> Iterator[Spoiled]:
    """What each member can lack, at any depth: it is left out, of another type, of another name, or beyond a limit."""
    for place, member, is_required in _places(schema):
        path = ".".join(place).replace(".[]", "[]")
        name = place[-1]
        key = f"{prefix}.{path}"
        if is_required:
            yield _fault(d, f"{key}.required", "drop", f"{path} is left out", _changed(place, _drop), when)
            lower = name[:1].lower() + name[1:]
            says = f"{path} begins with a small letter"
            yield _fault(d, f"{key}.required", "rename", says, _changed(place, _rename(lower)), when)
        for kind, value in _ILL_TYPED.items():
            if _fits(member["type"], value):
                continue
            if kind == "empty" and (prefix, path) == ("error", "Code"):
                continue  # an empty code is another code, which the operator `code` makes
            yield _fault(d, f"{key}.type", "ill-typed", f"{path} is {kind}", _changed(place, _set(value)), when, kind)
        for keyword, make in _BEYOND.items():
            is_empty = keyword == "minLength" and member.get(keyword) == 1  # `ill-typed` has made it empty
            if keyword in member and (prefix, path) != ("error", "Code") and not is_empty:
                spoil = _changed(place, _set_by(make, member))
                yield _fault(d, f"{key}.{keyword}", "beyond", f"{path} breaks its {keyword}", spoil, when)


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
        yield _fault(
            d, "response.status", "status", f"a success is {status}", _status(status), _is_success, str(status)
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

    yield _fault(d, "error.Message.pattern", "message", "the period is missing", no_period, _is_error, "no-period")
    yield _fault(d, "error.Message.pattern", "message", "it ends otherwise", other_end, _is_error, "other-end")


def _alone(d: Description, name: str) -> bool:
    """Whether some breach may be answered by this row only: a server that never uses another one shows nothing."""
    return (name,) in (d.refusals.absent, d.refusals.vacant, d.refusals.other)


def answerable(d: Description) -> list[str]:
    """Error rows that a request can bring about."""
    return list(dict.fromkeys((*d.refusals.absent, *d.refusals.vacant, *d.refusals.other)))


def _rows(d: Description) -> Iterator[Spoiled]:
    """Each row with another status, and with another spelling of its code."""
    for name in filter(functools.partial(_alone, d), answerable(d)):

        def is_row(_call: Call, found: list[Breach], _memory: Memory, name: str = name) -> bool:
            return bool(found) and all(breach.rows == (name,) for breach in found)

        for status in (200, 401, 403, 404, 409, 422, 429, 500, 503):
            says = f"{name} comes with {status}"
            yield _fault(d, f"error.{name}", "status", says, _status(status), is_row, str(status))
        spellings = {
            "lower-case": name.lower(),
            "upper-case": name.upper(),
            "short": name[:-4],
            "dotted": ".".join((name[:7], name[7:])),
            "unknown": "BadRequest",
            "empty": "",
            "prefixed": f"Client.{name}",
        }
        documented = validator(d.errors[name].schema["properties"]["Code"])
        for detail, code in spellings.items():
            if documented.is_valid(code):
                continue  # the same in other letters, or with a suffix that it may have
            says = f"{name} is spelt {code!r}"
            yield _fault(d, f"error.{name}", "code", says, _put({"Code": code}), is_row, detail)


def _codes(d: Description) -> Iterator[Spoiled]:
    """Each single requirement answered by another row than the documented one."""
    world = (*d.world.missing, *d.world.forbidden)
    for node in d.nodes.values():
        names = ["required"] if node.required else []
        names += [k for k in REQUEST_KEYWORDS if k in node.schema and can_be_broken(d, node, k)]
        for keyword in names:
            if keyword == "type" and node.location == "query" and node.type == "string":
                continue

            def is_mine(
                _call: Call, found: list[Breach], _memory: Memory, path: str = node.path, word: str = keyword
            ) -> bool:
                return bool(found) and all(b.path == path and b.keyword == word for b in found)

            key = f"{node.path}.{keyword}"
            for row in (*answerable(d), *world, "BadRequest"):
                if row in world and not _can_be_looked_up(d, node.path):
                    continue

                def is_wrong(
                    call: Call, found: list[Breach], memory: Memory, row: str = row, mine: When = is_mine
                ) -> bool:
                    return mine(call, found, memory) and all(row not in breach.rows for breach in found)

                status = d.errors[row].status if row in d.errors else 400
                spoil = _other_row(row, status)
                if row in answerable(d) and not _can_differ(d, node, keyword, row):
                    continue
                yield _fault(d, key, "answer", f"a breach of {key} is answered {status} {row}", spoil, is_wrong, row)


def _can_be_looked_up(d: Description, path: str) -> bool:
    """Whether an answer about the world is wrong where just this node is broken: all that is named is known to work.

    What an id that is under test names may not exist. Where the description marks no ids, any value may be what is
    looked up, and such an answer can't be told from a right one either.
    """
    named = [other for other, node in d.nodes.items() if node.identifier in ("bound", "run")]
    return bool(named) and not any(other == path or is_inside(other, path) for other in named)


def _can_differ(d: Description, node: Node, keyword: str, row: str) -> bool:
    """Whether some breach of the keyword may not be answered by `row`."""
    if keyword == "required":
        return row not in (d.refusals.absent if node.is_parameter else d.refusals.vacant)
    if keyword in ("minLength", "minItems") and node.schema[keyword] == 1:
        return row not in d.refusals.vacant  # only nothing at all is too little
    return row not in d.refusals.other


def _other_row(row: str, status: int) -> Spoil:
    return lambda _call, _found, response, _memory: with_members(response, {"Code": row}, status)


def _repeating(d: Description) -> Iterator[Spoiled]:
    """Ids that come again."""
    for name, member in d.success_schema.get("properties", {}).items():
        if not member.get("x-never-repeats"):
            continue
        key = f"response.{name}.unique"
        yield _fault(d, key, "constant", f"{name} is always the same", _put({name: "constant"}), _is_success)

        def like_the_last(
            _call: Call, _found: list[Breach], response: RawResponse, memory: Memory, name: str = name
        ) -> RawResponse:
            """Every second success has the id of the one before."""
            memory["turn"] = memory.get("turn", 0) + 1
            if memory["turn"] % 2:
                memory["last"] = body_of(response)[name]
                return response
            return with_members(response, {name: memory["last"]})

        yield _fault(d, key, "pairwise", f"{name} comes twice", like_the_last, _is_success)

        def by_request(
            call: Call, _found: list[Breach], response: RawResponse, _memory: Memory, name: str = name
        ) -> RawResponse:
            """The id depends on the identifiers alone."""
            bound = [repr(call.document.get(p)) for p, node in d.nodes.items() if node.identifier == "bound"]
            return with_members(response, {name: f"id-{hash(tuple(bound)) & 0xFFFFFFFF:x}"})

        yield _fault(d, key, "by-identifiers", f"{name} depends on identifiers alone", by_request, _is_success)
    schema = next(iter(d.errors.values())).schema if d.errors else {}
    if schema.get("properties", {}).get("RequestId", {}).get("x-never-repeats"):
        spoil = _put({"RequestId": "constant"})
        yield _fault(
            d, "response.RequestId.unique", "constant", "errors share one RequestId", spoil, _is_error, "errors"
        )


def _now_and_then(d: Description) -> Iterator[Spoiled]:
    """Every so many requests."""
    for number in (2, 3, 7, 10, 13, 20):
        when = every(number)
        detail = str(number)
        yield _fault(d, "availability", "every-n-500", f"every {number}th answer is 500", _internal(d), when, detail)
        yield _fault(
            d,
            "response.RequestId.required",
            "every-n-drop",
            f"every {number}th has no RequestId",
            _without("RequestId"),
            when,
            detail,
        )
        yield _fault(
            d, "response.contentType", "every-n-html", f"every {number}th says HTML", _typed("text/html"), when, detail
        )
    for number in (3, 7, 20):

        def repeated(_call: Call, _found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
            earlier = memory.setdefault("request-id", body_of(response)["RequestId"])
            return with_members(response, {"RequestId": earlier})

        says = f"every {number}th RequestId is an old one"
        yield _fault(d, "response.RequestId.unique", "every-n-repeat", says, repeated, every(number), str(number))


def _internal(d: Description) -> Spoil:
    name = next((row.name for row in d.errors.values() if row.status >= 500), "InternalError")
    return lambda _call, _found, response, _memory: with_body(
        response, {"RequestId": body_of(response)["RequestId"], "Code": name, "Message": "The server failed."}, 500
    )
