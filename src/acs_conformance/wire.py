"""The query string: parameters to bytes and back, built and read by us, byte for byte.

In: parameters as texts. Out: the percent-encoded query; and the way back, from a query to a request document together
with what was noticed about its form. Texts may carry bytes that are not UTF-8 as surrogate escapes (PEP 383). Nothing
here knows what is allowed.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from acs_conformance.description import Description, Json, Location
from acs_conformance.encoding import percent_encode
from acs_conformance.message import RawRequest

#: Parameters as sent: name and text, in order; names may repeat.
Parameters = tuple[tuple[str, str], ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
#: A number as JSON writes it (RFC 8259).
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: Nesting beyond this is an open question; RFC 8259 lets a parser set a limit.
DEEP: Final = 32
#: Integers from -(2^63) to 2^63 - 1 fit every common type.
BIG: Final = 2**63


@dataclass(frozen=True, slots=True)
class Unparseable:
    """The value of a parameter whose text is not JSON (RFC 8259)."""

    text: str


def encode_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Parameters as a query string, in their order."""
    return "&".join([f"{percent_encode(name)}={percent_encode(text)}" for name, text in parameters])


def compact(value: Json) -> str:
    """`value` as compact JSON text, as the official SDKs send it: no blanks, real characters rather than escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def to_parameters(description: Description, document: Mapping[str, Json]) -> Parameters:
    """A request document as parameters: JSON text where the description says so, else plain text."""
    return tuple(
        (name, compact(value) if name in description.json_parameters else plain(value))
        for name, value in document.items()
    )


def plain(value: Json) -> str:
    """A scalar as the plain text of a parameter."""
    return value if isinstance(value, str) else compact(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was noticed about the form of one request, apart from what it says."""

    #: Names of parameters that came twice or more.
    repeated: tuple[str, ...] = ()
    #: Whether bytes are not UTF-8, or a percent sign stands before something else than two hex digits.
    is_not_utf8: bool = False
    #: Parameters whose JSON text has two members of one name in one object.
    duplicate_members: tuple[str, ...] = ()
    #: Parameters whose JSON text holds half of a surrogate pair, or nests deeper than `DEEP`.
    lone_surrogates: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One request as read from its bytes."""

    #: Parameter -> value: parsed JSON; an integer, number or boolean where one is documented and spelt; else the text.
    document: Mapping[str, Any]
    #: The parameters as texts.
    parameters: Parameters
    form: Form = field(default_factory=Form)


def decode_query(query: str) -> tuple[Parameters, bool]:
    """A query as parameters, and whether it was not UTF-8; `+` is a blank, a name without `=` has the text ""."""
    pairs = []
    bad = False
    for part in query.split("&") if query else []:
        name, _, text = part.partition("=")
        pair = []
        for piece in (name, text):
            decoded, is_bad = _form_decode(piece)
            pair.append(decoded)
            bad = bad or is_bad
        pairs.append((pair[0], pair[1]))
    return tuple(pairs), bad


@functools.lru_cache(maxsize=1024)
def _form_decode(piece: str) -> tuple[str, bool]:
    if "%" not in piece and "+" not in piece and piece.isascii():
        return piece, False
    raw = unquote_to_bytes(piece.replace("+", " ").encode("utf-8", "surrogateescape"))  # leaves broken escapes alone
    try:
        return raw.decode("utf-8"), _BROKEN_ESCAPE.search(piece) is not None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape"), True


def decode(description: Description, request: RawRequest) -> Decoded:
    """Read a request from the bytes of its query, as the page's wire form says.

    Remembered, for one request is redacted, judged and judged again: what is returned is not to be changed.
    """
    return _decode(description, request.query)


@functools.lru_cache(maxsize=4096)
def _decode(description: Description, query: str) -> Decoded:
    return decode_parameters(description, *decode_query(query))


def decode_parameters(description: Description, parameters: Parameters, is_not_utf8: bool = False) -> Decoded:
    """The document that parameters make; of a repeated one the first counts."""
    document: dict[str, Any] = {}
    repeated: list[str] = []
    duplicate: list[str] = []
    surrogates: list[str] = []
    deep: list[str] = []
    for name, text in parameters:
        if name in document:
            repeated.append(name)
            continue
        if name in description.json_parameters:
            parsed = _parsed(text)
            document[name] = parsed.value
            for found, names in ((parsed.duplicates, duplicate), (parsed.surrogates, surrogates), (parsed.deep, deep)):
                if found:
                    names.append(name)
        else:
            document[name] = _scalar(description, name, text)
    form = Form(
        repeated=tuple(repeated),
        is_not_utf8=is_not_utf8,
        duplicate_members=tuple(duplicate),
        lone_surrogates=tuple(surrogates),
        deep=tuple(deep),
    )
    return Decoded(document=document, parameters=parameters, form=form)


def _scalar(description: Description, name: str, text: str) -> Json:
    """The text of a plain parameter as a value of its documented type, or the text where it spells none."""
    kind = description.scalar_types.get(name)
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text) if len(text) < 4000 else float("inf")  # int() refuses huge texts
    if kind == "number" and _NUMBER.fullmatch(text) and len(text) < 4000:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


class _Json:
    """One JSON text, parsed strictly, with what its parser would silently swallow."""

    __slots__ = ("deep", "duplicates", "surrogates", "value")

    def __init__(self, text: str) -> None:
        self.duplicates = False
        self.surrogates = False
        self.deep = text.count("[") + text.count("{") > DEEP and depth(text) > DEEP
        try:
            self.value: Any = json.loads(
                text, object_pairs_hook=self._object, parse_constant=_refuse, parse_int=_integer
            )
        except (ValueError, RecursionError):
            self.value = Unparseable(text)
            return
        if "\\u" in text.lower() or not text.isascii():
            self.surrogates = _has_surrogate(self.value)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            self.duplicates = True
        return result


_parsed = functools.lru_cache(maxsize=1024)(_Json)


def depth(text: str) -> int:
    """How deep brackets nest in a JSON text; brackets inside strings don't count."""
    level = deepest = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            level += 1
            deepest = max(deepest, level)
        elif char in "]}":
            level -= 1
    return deepest


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")


def _integer(text: str) -> int | float:
    if text == "-0":
        return -0.0  # JSON's minus zero is a number that only a float can keep
    if len(text) > 4000:  # int() refuses huge texts, which would make a well-formed number unparseable
        return float("-inf") if text.startswith("-") else float("inf")
    return int(text)


def _has_surrogate(value: Json) -> bool:
    if isinstance(value, str):
        return _SURROGATE.search(value) is not None
    if isinstance(value, dict):
        return any(_has_surrogate(key) or _has_surrogate(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_has_surrogate(inner) for inner in value)


def with_value(document: Mapping[str, Any], location: Location, value: Json) -> dict[str, Any]:
    """A copy of `document` in which `location` holds `value`; only the objects and lists on the way are copied."""
    copy: Any = dict(document)
    inner = copy
    for step, following in itertools.pairwise(location):
        below = inner[step] if isinstance(step, int) or step in inner else ([] if isinstance(following, int) else {})
        inner[step] = list(below) if isinstance(below, list) else dict(below)
        inner = inner[step]
    inner[location[-1]] = value
    result: dict[str, Any] = copy
    return result


def without(document: Mapping[str, Any], location: Location) -> dict[str, Any]:
    """A copy of `document` without the member or item at `location`."""
    copy: Any = dict(document)
    inner = copy
    for step in location[:-1]:
        inner[step] = list(inner[step]) if isinstance(inner[step], list) else dict(inner[step])
        inner = inner[step]
    del inner[location[-1]]
    result: dict[str, Any] = copy
    return result
