"""Faults that show only in a sequence, now and then, or with hostile input.

In: a description. Out: faults of what a server remembers between requests, of every n-th request, and of requests that
bring it down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_plus

from acs_conformance.cases import texts
from acs_conformance.description import Description, steps
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.faults.kind import (
    Blind,
    Seed,
    Spoiled,
    Strict,
    at,
    body_of,
    every,
    texts_of,
    with_body,
    with_members,
)
from acs_conformance.faults.showing import is_looked_up
from acs_conformance.message import RawResponse
from acs_conformance.wire import depth


def failing(description: Description) -> Iterator[Seed]:
    """All of them."""
    if description.creates is not None:
        yield from _remembering(description)
    yield from _every(description)
    yield from _hostile(description)
    yield from _longest(description)


# --- what is remembered -----------------------------------------------------------------------------------------------


def _remembering(d: Description) -> Iterator[Seed]:  # noqa: C901 - each server's memory beside its fault
    bound = [steps(path) for path, node in d.nodes.items() if node.identifier == "bound" and node.is_parameter]

    def scope(call: Call) -> str:
        return repr([at(call, path) for path in bound])

    def busy(most: int, per_scope: bool) -> Callable[[Call, list[Breach], Memory], bool]:
        def when(call: Call, found: list[Breach], memory: Memory) -> bool:
            if found:
                return False
            key = scope(call) if per_scope else "all"
            memory[key] = memory.get(key, 0) + 1
            return bool(memory[key] > most)

        return when

    def strict(
        operator: str, says: str, when: Callable[[Call, list[Breach], Memory], bool], detail: str = ""
    ) -> Strict:
        suffix = f"#{detail}" if detail else ""
        return Strict(
            id=f"{d.id('response.status')}!{operator}{suffix}",
            operator=operator,
            says=says,
            refuses=lambda _call: True,
            when=when,
        )

    yield strict("one-per-scope", "a second one on the same identifiers is refused", busy(1, per_scope=True))
    yield strict("two-per-scope", "a third one on the same identifiers is refused", busy(2, per_scope=True))
    yield strict("few-in-all", "the eleventh one is refused", busy(10, per_scope=False), "10")

    def after_refused(_call: Call, found: list[Breach], memory: Memory) -> bool:
        """The request after a refused one."""
        before, memory["refused"] = memory.get("refused", False), bool(found)
        return bool(before)

    yield strict("after-refused", "what follows a refused request is refused", after_refused)

    names = [steps(relation.of) for relation in d.relations if relation.within]

    def locked(call: Call, found: list[Breach], memory: Memory) -> bool:
        """Names of a refused request stay taken."""
        mine = {repr(value) for path in names for _, value in find(call.document, path)}
        taken: set[str] = memory.setdefault("taken", set())
        if found:
            taken |= mine
            return False
        return bool(mine & taken)

    if names:
        yield strict("names-locked", "names of a refused request stay taken", locked)

    def sloppy_after_success(_call: Call, found: list[Breach], memory: Memory) -> bool:
        before, memory["ok"] = memory.get("ok", False), not found
        return bool(before)

    yield Blind(
        id=f"{d.id('response.status')}!unchecked-after-success",
        operator="unchecked-after-success",
        says="the request after an accepted one is not checked",
        overlooks=lambda _c, _b: True,
        when=sloppy_after_success,
    )

    def unchecked_after_refused(_call: Call, found: list[Breach], memory: Memory) -> bool:
        before, memory["refused"] = memory.get("refused", False), bool(found) and not memory.get("refused", False)
        return bool(before)

    yield Blind(
        id=f"{d.id('response.status')}!unchecked-after-refused",
        operator="unchecked-after-refused",
        says="the request after a refused one is not checked",
        overlooks=lambda _c, _b: True,
        when=unchecked_after_refused,
    )

    name = d.creates.id if d.creates else ""

    def second_id(call: Call, found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
        """The second one on the same identifiers gets the id of the first."""
        if found:
            return response
        first = memory.setdefault(scope(call), body_of(response)[name])
        return with_members(response, {name: first})

    yield Spoiled(
        id=f"{d.id(f'response.{name}.unique')}!same-in-scope",
        operator="same-in-scope",
        says="all on the same identifiers share one id",
        spoil=second_id,
    )


def _every(d: Description) -> Iterator[Seed]:
    for number in (2, 3, 5, 7, 10, 13, 17, 20):
        yield Blind(
            id=f"{d.id('response.status')}!every-n-unchecked#{number}",
            operator="every-n-unchecked",
            says=f"every {number}th request is not checked",
            overlooks=lambda _c, _b: True,
            when=every(number),
        )
    # What ends things is seldom called in vain, for each success costs a thing: few of its requests tell.
    is_ending = d.acts_on is not None and d.acts_on.ends_within_s is not None
    for number in (2, 3, 5) if is_ending else (2, 3, 5, 7, 10, 13):
        yield Strict(
            id=f"{d.id('response.status')}!every-n-refused#{number}",
            operator="every-n-refused",
            says=f"every {number}th request is refused",
            refuses=lambda _c: True,
            when=every(number),
        )
    for number in (3, 7, 20):

        def other_code(_call: Call, found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
            return with_members(response, {"Code": "BadRequest"}) if found else response

        yield Spoiled(
            id=f"{d.id('error.Code.type')}!every-n-code#{number}",
            operator="every-n-code",
            says=f"every {number}th error has an undocumented code",
            spoil=other_code,
            when=every(number),
        )


# --- what brings it down ----------------------------------------------------------------------------------------------


def _hostile(d: Description) -> Iterator[Seed]:
    words: Mapping[str, Callable[[Call, str], object]] = {
        "nul": lambda _c, t: "\x00" in t,
        "single-quote": lambda _c, t: "'" in t,
        "percent": lambda _c, t: "%" in t,
        "backslash": lambda _c, t: "\\" in t,
        "angle-bracket": lambda _c, t: "<" in t,
        "line-break": lambda _c, t: "\r\n" in t,
        "beyond-ascii": lambda _c, t: not t.isascii(),
        "beyond-plane": lambda _c, t: any(ord(char) > 0xFFFF for char in t),
        "combining": lambda _c, t: "\u0301" in t,
        "control": lambda _c, t: any(ord(char) < 0x20 and char not in "\r\n\t" for char in t),
        "very-long": lambda _c, t: len(t) > 4000,
        "deep-nesting": lambda _c, t: depth(t) > 40,
        "very-deep-nesting": lambda _c, t: depth(t) > 1000,
        "many-digits": lambda _c, t: re.search("[0-9]{4001}", t),
        "lone-surrogate": lambda _c, t: "\\ud8" in t,
        "invalid-utf-8": lambda _c, t: any("\udc80" <= char <= "\udcff" for char in t),
        "form-body": lambda c, _t: bool(c.request.body),
        "other-method": lambda c, _t: c.request.method != d.method,
        "unknown-parameter": lambda c, _t: any(name not in d.nodes for name in texts_of(c)),
        "repeated-parameter": lambda c, _t: "repeated-parameter" in c.traits,
        "unknown-member": lambda c, _t: "unknown-member" in c.traits,
        "duplicate-member": lambda c, _t: "duplicate-member" in c.traits,
        "many-members": lambda _c, t: t.count(":") > 200,
        "many-items": lambda c, _t: any(isinstance(v, list) and len(v) > 20 for v in c.document.values()),
        "scalar-for-structure": lambda c, _t: any(
            texts_of(c).get(name, "").strip() in ("7", "true", '"x"') for name in d.json_parameters
        ),
        "null-for-structure": lambda c, _t: any(
            texts_of(c).get(name, "").strip() == "null" for name in d.json_parameters
        ),
        "null-item": lambda _c, t: "[null" in t or ",null]" in t,
        "not-json": lambda c, _t: any(
            texts_of(c).get(name, "") in ("x", "") for name in d.json_parameters if name in texts_of(c)
        ),
        "empty-list": lambda _c, t: t.endswith("=[]") or "=[]&" in t,
        "not-a-number": lambda c, _t: any(texts_of(c).get(name, "0").isalpha() for name in d.integer_parameters),
    }
    for word, is_hit in words.items():
        if not _can_happen(d, word):
            continue

        def when(
            call: Call, _found: list[Breach], _memory: Memory, is_hit: Callable[[Call, str], object] = is_hit
        ) -> bool:
            text = unquote_plus(call.request.query, errors="surrogateescape")
            return bool(is_hit(call, text))

        yield Spoiled(
            id=f"{d.id('availability')}!crash#{word}",
            operator="crash",
            says=f"500 on {word}",
            spoil=lambda _c, _f, response, _m: with_body(
                response,
                {"RequestId": body_of(response)["RequestId"], "Code": "InternalError", "Message": "Failed."},
                500,
            ),
            when=when,
            needs={"wire.method": "taken"} if word == "other-method" else {},
        )


def _can_happen(d: Description, word: str) -> bool:
    """Whether the operation has the parameters with which this can be sent."""
    by_type = {kind: [node for node in d.parameters if node.type == kind] for kind in ("array", "object")}
    return bool(
        {
            "many-digits": d.integer_parameters,
            "not-a-number": d.integer_parameters,
            "many-items": by_type["array"],
            "null-item": any(node.type == "array" for node in d.nodes.values()),
            "empty-list": by_type["object"] or any("minItems" in node.schema for node in by_type["array"]),
            "lone-surrogate": any(node.type == "string" and node.location == "json" for node in d.nodes.values()),
            "unknown-member": any(node.type == "object" for node in d.nodes.values()),
            "duplicate-member": any(node.type == "object" for node in d.nodes.values()),
            **dict.fromkeys(_OF_JSON, d.json_parameters),
            # JSON writes these as escapes.
            **dict.fromkeys(("nul", "control", "line-break"), len(d.parameters) > len(d.json_parameters)),
        }.get(word, True)
    )


_OF_JSON = (
    "deep-nesting",
    "very-deep-nesting",
    "many-members",
    "scalar-for-structure",
    "null-for-structure",
    "not-json",
)


# --- only for the longest id ------------------------------------------------------------------------------------------


def _longest(d: Description) -> Iterator[Seed]:
    """Answers that are wrong only where an identifier is as long as it may be."""
    for path, node in d.nodes.items():
        lengths = (
            texts.lengths(d, path) if node.type == "string" and "enum" not in node.schema and not node.derived else []
        )
        if not lengths or is_looked_up(d, path):  # what names a thing is as long as it was made
            continue
        place, high = steps(path), lengths[-1]

        def is_longest(
            call: Call, found: list[Breach], _memory: Memory, place: tuple[str, ...] = place, n: int = high
        ) -> bool:
            return not found and any(isinstance(v, str) and len(v) == n for v in at(call, place))

        for name in d.success_schema.get("required", []):

            def dropped(_c: Call, _f: list[Breach], response: RawResponse, _m: Memory, name: str = name) -> RawResponse:
                return with_body(response, {k: v for k, v in body_of(response).items() if k != name})

            yield Spoiled(
                id=f"{d.id(f'response.{name}.required')}!longest#{path}",
                operator="longest",
                says=f"{name} is left out when {path} is {high} characters long",
                spoil=dropped,
                when=is_longest,
            )
