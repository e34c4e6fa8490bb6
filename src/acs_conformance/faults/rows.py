"""Faults in the rows of the table of errors: another status, another code, the code of another row.

In: a description. Out: faults of every row that a request can bring about, and of the answer to each requirement.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from acs_conformance.description import Description, Node
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import (
    Spoil,
    Spoiled,
    When,
    body_of,
    put,
    spoiled,
    with_body,
    with_members,
    with_status,
)
from acs_conformance.faults.showing import can_be_broken, is_inside, is_looked_up
from acs_conformance.requirement import REQUEST_KEYWORDS
from acs_conformance.violation import validator


def _alone(d: Description, name: str) -> bool:
    """Whether some breach may be answered by this row only: a server that never uses another one shows nothing."""
    return (name,) in (d.refusals.absent, d.refusals.vacant, d.refusals.other)


def answerable(d: Description) -> list[str]:
    """Error rows that a request can bring about."""
    return list(dict.fromkeys((*d.refusals.absent, *d.refusals.vacant, *d.refusals.other)))


def documented_rows(d: Description) -> Iterator[Spoiled]:
    """Each row that answers breaches of the form, with another status and another spelling of its code."""
    for name in filter(functools.partial(_alone, d), answerable(d)):

        def is_row(_call: Call, found: list[Breach], _memory: Memory, name: str = name) -> bool:
            return bool(found) and all(breach.rows == (name,) for breach in found)

        yield from row_of(d, name, is_row)


def row_of(d: Description, name: str, is_row: When, needs: Mapping[str, str] | None = None) -> Iterator[Spoiled]:
    """One row with another status, and with another spelling of its code.

    Args:
        d: the contract.
        name: of the row.
        is_row: whether it answers a call.
        needs: choices of the policy without which it answers none.
    """
    for status in (200, 400, 401, 403, 404, 409, 422, 429, 500, 503):
        if status == d.errors[name].status:
            continue
        says = f"{name} comes with {status}"
        yield spoiled(d, f"error.{name}", "status", says, with_status(status), is_row, str(status), needs)
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
        yield spoiled(d, f"error.{name}", "code", says, put({"Code": code}), is_row, detail, needs)


def codes(d: Description) -> Iterator[Spoiled]:
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
                if row in world and not _is_wrong_about_the_world(d, node.path, keyword):
                    continue

                def is_wrong(
                    call: Call, found: list[Breach], memory: Memory, row: str = row, mine: When = is_mine
                ) -> bool:
                    return mine(call, found, memory) and all(row not in breach.rows for breach in found)

                status = d.errors[row].status if row in d.errors else 400
                spoil = other_row(row, status)
                if row in answerable(d) and not _can_differ(d, node, keyword, row):
                    continue
                yield spoiled(d, key, "answer", f"a breach of {key} is answered {status} {row}", spoil, is_wrong, row)


def _is_wrong_about_the_world(d: Description, path: str, keyword: str) -> bool:
    """Whether an answer about the world is wrong where just this rule of a node is broken.

    It is where all that is named is known to work, and where nothing is named at all.

    What an id that is under test names may not exist. Where the description marks no ids, any value may be what is
    looked up, and such an answer can't be told from a right one either.
    """
    if is_looked_up(d, path):
        return keyword == "required"
    named = [other for other, node in d.nodes.items() if node.identifier in ("bound", "run")]
    return bool(named) and not any(other == path or is_inside(other, path) for other in named)


def _can_differ(d: Description, node: Node, keyword: str, row: str) -> bool:
    """Whether some breach of the keyword may not be answered by `row`."""
    if keyword == "required":
        return row not in (d.refusals.absent if node.is_parameter else d.refusals.vacant)
    if keyword in ("minLength", "minItems") and node.schema[keyword] == 1:
        return row not in d.refusals.vacant  # only nothing at all is too little
    return row not in d.refusals.other


def other_row(row: str, status: int) -> Spoil:
    """An answer by another row."""
    return lambda _call, _found, response, _memory: with_members(response, {"Code": row}, status)


def internal(d: Description) -> Spoil:
    """An answer that the server has failed."""
    name = next((row.name for row in d.errors.values() if row.status >= 500), "InternalError")
    return lambda _call, _found, response, _memory: with_body(
        response, {"RequestId": body_of(response)["RequestId"], "Code": name, "Message": "The server failed."}, 500
    )
