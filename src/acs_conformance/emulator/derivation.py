"""Whether a value follows from others as the description says, such as a token that names its channel and user.

In: a node's derivation, the document, the place of the value, the time and the secrets that the emulator knows. Out:
yes or no. Nothing here makes such values, and nothing raises.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping

from acs_conformance.description import Json, Location, steps

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch


def is_derived(
    rule: Mapping[str, Json],
    document: Mapping[str, Json],
    location: Location,
    *,
    now_s: float,
    secrets: Mapping[str, str],
) -> bool:
    """Whether the value at `location` is what `rule` makes of the rest of the document.

    A digest over a secret that the emulator doesn't know is checked for its shape alone.

    Args:
        rule: the node's `x-derived`.
        document: parameter -> value.
        location: of a text.
        now_s: Unix time in seconds; an expiry before it makes the answer no.
        secrets: name of a secret in the rule -> its value.
    """
    terms = rule.get("base64-json")
    value = _at(document, location)
    if terms is None or not isinstance(value, str):
        return False
    try:
        claims = json.loads(base64.b64decode(value, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return False
    if not isinstance(claims, dict):
        return False
    place = _Place(document, location, secrets, _expiry(terms, claims))
    return all(name in claims and place.holds(term, claims[name], now_s) for name, term in terms.items())


def _expiry(terms: Mapping[str, Json], claims: Mapping[str, Json]) -> int | None:
    """The time that the value itself gives as its expiry; digests contain it too."""
    for name, term in terms.items():
        if "expiry" in term and isinstance(claims.get(name), int):
            return int(claims[name])
    return None


class _Place:
    """The surroundings of one derived value."""

    def __init__(
        self, document: Mapping[str, Json], location: Location, secrets: Mapping[str, str], expiry: int | None
    ) -> None:
        self._document = document
        self._location = location
        self._secrets = secrets
        self._expiry = expiry

    def holds(self, term: Mapping[str, Json], claim: Json, now_s: float) -> bool:
        """Whether one member of the value is what its term says."""
        if "expiry" in term:
            return self._expiry is not None and claim == self._expiry and self._expiry > now_s
        if "sha256" in term and self._text(term) is None:
            return isinstance(claim, str) and _DIGEST(claim) is not None
        return isinstance(claim, str) and claim == self._text(term)

    def _text(self, term: Mapping[str, Json]) -> str | None:
        """The text that a term stands for, or None where the emulator can't know it."""
        ((word, argument),) = term.items()
        if word == "text":
            return str(argument)
        if word == "copy":
            value = _at(self._document, self._beside(argument))
            return value if isinstance(value, str) else None
        if word == "secret":
            return self._secrets.get(argument)
        if word == "expiry":
            return None if self._expiry is None else str(self._expiry)
        parts = [self._text(part) for part in argument]
        if any(part is None for part in parts):
            return None
        return hashlib.sha256("".join(part for part in parts if part is not None).encode("utf-8")).hexdigest()

    def _beside(self, path: str) -> Location:
        """The location of `path` in the same items as the derived value."""
        numbers = [step for step in self._location if isinstance(step, int)]
        return tuple(numbers.pop(0) if step == "[]" and numbers else step for step in steps(path))


def _at(document: Json, location: Location) -> Json:
    for step in location:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return None
    return document
