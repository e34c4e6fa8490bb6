"""How a recorded request is made anew: its bytes, but for what must not or can't be the same a second time.

In: an exchange as recorded. Out: plain data for report.json, a text as a list of parts that anything can put together:
a replay, a shell script, a snippet. Three things differ from what was sent:

- the random part of names, which the first time has taken: `{"fresh": 1, "was": "0f3a…"}`, as long and of the same
  characters, and the same wherever the same name stood;
- credentials, which no record holds, from their derivation: `{"percent": [{"base64": [...]}]}` around texts,
  `{"sha256": [...]}`, `{"now_plus": 43200}` (Unix seconds) and `{"secret": "key", "environment": "KEY"}`;
- a credential without a derivation, which only its owner has: `{"secret": "", "environment": "ACS_…"}`.

Pure; the environment, the time and what is random are arguments of `filled`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acs_conformance.derived import REDACTED, REDACTED_OTHER, referred
from acs_conformance.description import Description, Json, Location, path_of
from acs_conformance.encoding import percent_encode
from acs_conformance.errors import CredentialsError
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.wire import decode, decode_query

Data = dict[str, Any]
#: A text, or what one is made of.
Part = str | Data

_MARK = re.compile(re.escape(percent_encode(REDACTED)) + f"({re.escape(percent_encode(REDACTED_OTHER[-1]))})?")
_SHOWN_MARK = re.compile(re.escape(REDACTED) + f"({re.escape(REDACTED_OTHER[-1])})?")
#: What makes a copied name another one, for a credential that is not to fit.
_OTHER = "-other"


@dataclass(slots=True)
class Names:
    """The random parts of names in the requests of one finding, numbered as they come."""

    run_id: str
    numbers: dict[str, int] = field(default_factory=dict)

    def split(self, text: str) -> list[Part]:
        """The text with its random parts set apart: ten hexadecimal digits behind the run's mark, in any letter case.

        What was cut short of that, as in names of a few characters, stays as it was.
        """
        parts: list[Part] = []
        end = 0
        for found in re.finditer(rf"(?<![A-Za-z0-9]){self.run_id}-([0-9a-f]{{10}})", text, re.IGNORECASE):
            was = found[1]
            part: Part = {"fresh": self.numbers.setdefault(was.lower(), len(self.numbers) + 1), "was": was}
            parts += [text[end : found.start(1)], part]
            end = found.end(1)
        return [part for part in (*parts, text[end:]) if part != ""]


def request_of(
    description: Description, exchange: Exchange, names: Names, secrets: Mapping[str, str]
) -> dict[str, Any]:
    """One request of a finding as plain data: who is called, how, and target and body in parts.

    Args:
        description: of the exchange's operation.
        exchange: as recorded.
        names: of the finding, which the request's own are added to.
        secrets: name of a secret in the description -> the environment's variable that holds it.
    """
    request = exchange.request
    maker = _Maker(description, names, secrets)
    return {
        "exchange": exchange.number,
        "operation": exchange.operation,
        "action": description.action,
        "version": description.version,
        "signing": exchange.signing,
        "acts_on": description.acts_on.thing if description.acts_on is not None else "",
        "method": request.method,
        "target": maker.parts(request.target),
        "headers": [list(pair) for pair in request.headers],
        "body": maker.parts(request.body.decode("latin-1")) if request.body else [],
    }


@dataclass(frozen=True, slots=True)
class _Maker:
    description: Description
    names: Names
    secrets: Mapping[str, str]

    def parts(self, text: str) -> list[Part]:
        """A target, or a form in a body, in parts."""
        path, mark, query = text.partition("?")
        if not mark:
            path, query = "", text
        decoded = decode(self.description, RawRequest("POST", f"/?{query}"))
        found: list[Part] = [f"{path}?"] if mark else []
        seen: set[str] = set()
        for position, raw in enumerate(query.split("&")):
            name = decode_query(raw.partition("=")[0])[0][0][0] if raw else ""
            value = decoded.document.get(name) if name not in seen else None
            seen.add(name)
            found += ["&"] if position else []
            found += self._parameter(raw, [*_marks(value, (name,))], decoded.document)
        return _joined(found)

    def _parameter(self, raw: str, places: list[Location], document: Mapping[str, Any]) -> Iterator[Part]:
        marks = list(_MARK.finditer(raw))
        end = 0
        for position, mark in enumerate(marks):
            yield from self.names.split(raw[end : mark.start()])
            if len(places) == len(marks):
                yield self._credential(_Place(document, places[position], "", ""), fits=mark[1] is None)
            else:  # spoiled JSON, which has no places; what it was before is told by the texts around
                sides = (_text(raw[: mark.start()]), _text(raw[mark.end() :]))
                yield self._credential(_Place(document, (), *sides), fits=True)
            end = mark.end()
        yield from self.names.split(raw[end:])

    def _credential(self, place: _Place, *, fits: bool) -> Part:
        nodes = [self.description.nodes[path] for path in self.description.secrets]
        if not nodes:  # three asterisks that were sent as such
            return percent_encode(REDACTED if fits else REDACTED_OTHER)
        node = next((node for node in nodes if node.path == path_of(place.location)), nodes[0])
        if node.derived is None:
            return {"percent": [{"secret": "", "environment": _variable("ACS", node.path)}]}
        members = [
            _joined([json.dumps(name), ":", *self._member(term, place, fits=fits)])
            for name, term in node.derived["base64-json"].items()
        ]
        inside: list[Part] = ["{"]
        for position, member in enumerate(members):
            inside += [",", *member] if position else member
        return {"percent": [{"base64": _joined([*inside, "}"])}]}

    def _member(self, term: Json, place: _Place, *, fits: bool) -> list[Part]:
        """The value of a member of the credential as JSON text in parts."""
        ((word, argument),) = term.items()
        if word == "expiry":
            return [{"now_plus": argument}]
        if word == "text":
            return [json.dumps(argument)]
        if word == "copy":
            return self.names.split(json.dumps(self._copied(argument, place, fits=fits)))
        return ['"', *self._plain(term, place, fits=fits), '"']

    def _plain(self, term: Json, place: _Place, *, fits: bool) -> list[Part]:
        """The value of a term as a text in parts."""
        ((word, argument),) = term.items()
        if word == "sha256":
            return [{"sha256": _joined([p for t in argument for p in self._plain(t, place, fits=fits)])}]
        if word == "secret":
            variable = self.secrets.get(argument)
            # Without a profile a run has no secrets, and makes credentials with an empty text, as for an emulator.
            return [{"secret": argument, "environment": variable or _variable("ACS_SECRET", argument)}]
        if word == "copy":
            return self.names.split(self._copied(argument, place, fits=fits))
        return [{"now_plus": argument}] if word == "expiry" else [str(argument)]

    def _copied(self, path: str, place: _Place, *, fits: bool) -> str:
        value = place.value(path)
        return value if fits else value + _OTHER


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a credential stands: in a document or, where JSON is spoiled, between two texts."""

    document: Mapping[str, Any]
    location: Location
    before: str
    after: str

    def value(self, path: str) -> str:
        """What `path` means seen from here; "" where it is not there, or no text."""
        found = referred(self.document, path, self.location)
        if self.location or isinstance(found, str):
            return found if isinstance(found, str) else ""
        # With quotes of any kind or none: how it is spoiled is not known here.
        member = re.compile(rf"""{re.escape(path.rpartition(".")[2])}["']?\s*:\s*["']([^"'\\]*)["']""")
        values = [*reversed(member.findall(self.before)), *member.findall(self.after)]
        return next(iter(values), "")


def _text(raw: str) -> str:
    return decode_query(raw.replace("=", "%3D"))[0][0][0] if raw else ""


def _marks(value: Json, location: Location) -> Iterator[Location]:
    """The place of each mark of a credential in a parsed value, in the order of the text."""
    if isinstance(value, str):
        yield from (location for _ in _SHOWN_MARK.finditer(value))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (location for _ in _SHOWN_MARK.finditer(name))
            yield from _marks(inner, (*location, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _marks(inner, (*location, position))


def _variable(prefix: str, name: str) -> str:
    return f"{prefix}_{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}"


def _joined(parts: Sequence[Part]) -> list[Part]:
    """The parts with neighbouring texts drawn together."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found


# --- putting it together ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is new about a request that is made again."""

    #: Ten hexadecimal digits for each of the random parts, by number.
    fresh: Mapping[int, str]
    #: Unix seconds.
    now: int
    #: Name of a secret in the description -> the secret; these come first.
    secrets: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)


def filled(parts: Sequence[Part], filling: Filling) -> str:
    """The text that parts make.

    Raises:
        CredentialsError: a credential is needed that nothing but the environment can give, and it does not.
    """
    return "".join(part if isinstance(part, str) else _filled(part, filling) for part in parts)


def _filled(part: Mapping[str, Any], filling: Filling) -> str:
    match part:
        case {"fresh": number, "was": was}:
            text = filling.fresh[number]
            return text.upper() if was != was.lower() else text
        case {"now_plus": seconds}:
            return str(filling.now + seconds)
        case {"secret": "", "environment": variable}:
            if variable in filling.environ:
                return filling.environ[variable]
            raise CredentialsError(
                f"the request holds a credential that no record has and no rule makes. Set {variable} to one that works"
            )
        case {"secret": name, "environment": variable}:
            return filling.secrets.get(name, filling.environ.get(variable, ""))
        case {"sha256": inner}:
            return hashlib.sha256(filled(inner, filling).encode("utf-8", "surrogatepass")).hexdigest()
        case {"base64": inner}:
            return base64.b64encode(filled(inner, filling).encode()).decode()
        case {"percent": inner}:
            return percent_encode(filled(inner, filling))
        case _:
            raise ValueError(f"no part of a request: {sorted(part)}")


def raw(request: Mapping[str, Any], filling: Filling) -> RawRequest:
    """The request of a finding, ready to be signed.

    Raises:
        CredentialsError: as `filled` does.
    """
    return RawRequest(
        request["method"],
        filled(request["target"], filling),
        tuple((name, value) for name, value in request["headers"]),
        filled(request["body"], filling).encode("latin-1"),
    )
