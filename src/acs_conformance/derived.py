"""Values that follow from others, such as a join token made of the ids beside it.

In: the description's `x-derived` terms and a request document. Out: the value, or whether a given value is one of that
making. The words are `copy`, `text`, `secret`, `expiry` and `sha256`, packed as JSON in Base64. Pure: the time and the
secrets are arguments.

Source: the ARTC token guide: the SHA-256 of plain concatenation, expiry in Unix seconds, JSON packed in Base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from acs_conformance.description import Json, Location, Node, get, steps

#: What stands for a credential in everything that is written down. The judges read it as a well-made value, so that
#: they say the same of a record as of the exchange itself.
REDACTED = "***"
#: The same for a credential that does not fit the request it stands in, which the judges read as one that does not.
REDACTED_OTHER = "***?"


def make(node: Node, document: Mapping[str, Any], location: Location, *, now: int, secrets: Mapping[str, str]) -> str:
    """The value of `node` at `location`: Base64 (padded) of compact JSON.

    Args:
        node: a node with `derived` terms.
        document: the request; what a term copies has to be in it, else it counts as an empty text.
        location: where the value stands, which says which item is meant by a path with `[]`.
        now: Unix seconds.
        secrets: values of the `secret` terms; one that is missing counts as an empty text.
    """
    members = {
        name: _value(term, document, location, now, secrets)
        for name, term in (node.derived or {})["base64-json"].items()
    }
    return base64.b64encode(json.dumps(members, separators=(",", ":")).encode()).decode()


def _value(term: Json, document: Mapping[str, Any], location: Location, now: int, secrets: Mapping[str, str]) -> Json:
    ((word, argument),) = term.items()
    if word == "copy":
        value = referred(document, argument, location)
        return value if isinstance(value, str) else ""
    if word == "secret":
        return secrets.get(argument, "")
    if word == "expiry":
        return now + argument
    if word == "sha256":
        parts = "".join(str(_value(part, document, location, now, secrets)) for part in argument)
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
    return argument


def referred(document: Mapping[str, Any], path: str, location: Location) -> Json:
    """What `path` means seen from `location`: the same item, where both are in one list; None when there is nothing."""
    positions = iter([step for step in location if isinstance(step, int)])
    target: list[str | int] = [next(positions, 0) if step == "[]" else step for step in steps(path)]
    try:
        return get(document, tuple(target))
    except LookupError:
        return None


def is_well_made(node: Node, document: Mapping[str, Any], location: Location, value: str) -> bool:
    """Whether `value` decodes to the documented members and copies what it should copy.

    Expiry and digest are not looked at: the first needs a clock, the second a secret.
    """
    if value == REDACTED:
        return True
    members = _members(node, value)
    if members is None:
        return False
    terms: Mapping[str, Json] = (node.derived or {})["base64-json"]
    for name, term in terms.items():
        ((word, argument),) = term.items()
        if word == "copy":
            expected = referred(document, argument, location)
            if isinstance(expected, str) and members[name] != expected:
                return False
    return True


def is_packed(node: Node, value: str) -> bool:
    """Whether `value` decodes to the documented members, whatever they say."""
    return node.derived is not None and _members(node, value) is not None


def _members(node: Node, value: str) -> dict[str, Json] | None:
    try:
        members = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    terms: Mapping[str, Json] = (node.derived or {})["base64-json"]
    return members if isinstance(members, dict) and members.keys() == terms.keys() else None
