"""What an official client is asked to do, what it reports, and an emulator that remembers what reached it.

Made from the descriptions and from nothing that the emulator uses to read a request.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from acs_conformance import spec_folder
from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Call as ReadCall
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.server import running
from acs_conformance.message import RawRequest, RawResponse, header

DESCRIPTIONS = spec_folder.load_all()


# --- what is asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a client signs with."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


ACCOUNT = Keys(id="testAk", secret="testSecret")
STS = Keys(id="STS.testAk", secret="stsSecret", token="stsToken+/=")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an operation."""

    description: Description
    #: Parameter -> value; objects and lists where the parameter travels as JSON.
    document: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, str]:
        """Parameter -> text, as the clients without a model of the operation are given it."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            for name, value in self.document.items()
        }

    def without(self, name: str) -> Call:
        """The same call, one parameter left out."""
        return replace(self, document={key: value for key, value in self.document.items() if key != name})

    def with_every_text(self, text: str) -> Call:
        """The same call, `text` in the place of every text in it."""
        return replace(self, document=_with_every_text(self.document, text))


def _with_every_text(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [_with_every_text(item, text) for item in value]
    if isinstance(value, Mapping):
        return {name: _with_every_text(item, text) for name, item in value.items()}
    return value


def simplest(description: Description) -> Call:
    """A call with what is required, at its simplest."""
    operation = description.operation
    case = Case(id=f"{operation}.client", operation=operation, kind="accept", steps=((),), aspects=())
    sent = render(description, case, 0, Context(run_id="clients", now=int(time.time())))
    document: dict[str, Any] = dict(parse_qsl(sent.query, keep_blank_values=True, strict_parsing=True))
    for name in document:
        if name in description.json_parameters or name in description.scalar_types:
            document[name] = json.loads(document[name])
    return Call(description=description, document=document)


def creating() -> Description:
    """The operation that creates what the others speak of."""
    (found,) = [description for description in DESCRIPTIONS.values() if description.creates is not None]
    return found


def bound(call: Call, created: Mapping[str, Any]) -> Call:
    """The same call, about what another one has created: `created` is the body that told of it."""
    name = creating().creates.id
    if call.description is creating() or name not in call.document:
        return call
    return replace(call, document={**call.document, name: created[name]})


# --- what is reported -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a client reports of one call; None where it shows nothing of the kind."""

    #: Name of the exception; None where the client returned.
    error: str | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    retry_after_ms: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """As docs/clients.md writes it: what is shown, besides status and Code of an error."""
        if self.error is None:
            return "body" if self.status is None else "body, status"
        # Some clients name their errors after the Code.
        name = "<Code>Error" if self.error == f"{self.code}Error" else self.error
        return f"`{name}`" if self.retry_after_ms is None else f"`{name}`, wait"


class Client(Protocol):
    """An official client in one way of using it."""

    #: As docs/clients.md names it.
    name: str
    #: "V3" or "V1".
    signature: str
    #: Choices without which the emulator refuses what the client sends.
    choices: Mapping[str, str]

    def send(self, url: str, keys: Keys, calls: Sequence[Call]) -> list[Outcome]:
        """What the client reports of each call, made one after the other."""


# --- who is asked ---------------------------------------------------------------------------------------------------


class Listener(Fault):
    """An emulator that remembers what reached it and what it read."""

    def __init__(self, choices: Mapping[str, str], *, clock: Callable[[], float] = time.time, **settings: Any) -> None:
        self.exchanges: list[tuple[RawRequest, RawResponse]] = []
        #: What the operations read, of the requests that the gateway admitted.
        self.read: list[Mapping[str, Any]] = []
        keys = AccessKeys(secrets={keys.id: keys.secret for keys in (ACCOUNT, STS)}, tokens={STS.id: STS.token})
        self.emulator = Emulator(
            DESCRIPTIONS,
            settings=Settings(access_keys=keys, **settings),
            policy=Policy(choices=choices),
            fault=self,
            clock=clock,
        )

    def handle(self, request: RawRequest) -> RawResponse:
        response = self.emulator.handle(request)
        self.exchanges.append((request, response))
        return response

    def breaches(self, call: ReadCall, found, memory):  # noqa: ARG002
        self.read.append(call.document)
        return found

    @property
    def requests(self) -> list[RawRequest]:
        return [request for request, _ in self.exchanges]

    def last_answer(self) -> dict[str, Any]:
        """The body of the last response."""
        return json.loads(self.exchanges[-1][1].body)


class Stage:
    """One HTTP server for many tests, with an emulator of its own for each: servers are slow to start and to end."""

    def __init__(self) -> None:
        self._emulator: Any = None
        self.url = ""

    def handle(self, request: RawRequest) -> RawResponse:
        return self._emulator.handle(request)

    @contextlib.contextmanager
    def playing(self, emulator: Any) -> Iterator[str]:
        """The emulator is the one that answers while the context lasts; gives the URL."""
        self._emulator = emulator
        try:
            yield self.url
        finally:
            self._emulator = None

    @contextlib.contextmanager
    def listening(self, choices: Mapping[str, str] | None = None, **settings: Any) -> Iterator[tuple[Listener, str]]:
        """A new listener, and the URL."""
        listener = Listener(choices or {}, **settings)
        with self.playing(listener) as url:
            yield listener, url


@contextlib.contextmanager
def served() -> Iterator[Stage]:
    """A stage whose server runs while the context lasts."""
    stage = Stage()
    with running(stage) as stage.url:
        yield stage


# --- what was sent --------------------------------------------------------------------------------------------------


def query_parameters(request: RawRequest) -> dict[str, str]:
    """What a request carries in its query, decoded."""
    return _decoded(request.query)


def form_parameters(request: RawRequest) -> dict[str, str]:
    """What a request carries in a form body, decoded; nothing where its body is none."""
    kind = header(request.headers, "content-type") or ""
    return _decoded(request.body.decode("ascii")) if kind.startswith("application/x-www-form-urlencoded") else {}


def sent_parameters(request: RawRequest) -> dict[str, str]:
    """What a request carries in either place."""
    in_query, in_body = query_parameters(request), form_parameters(request)
    assert not in_query.keys() & in_body.keys()
    return in_query | in_body


def _decoded(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), "a name is there twice"
    return dict(pairs)


# --- what was sent once ---------------------------------------------------------------------------------------------

#: Requests of official clients, recorded; tests/data/README.md tells where they are from.
RECORDED = json.loads((Path(__file__).parent / "data" / "client-requests.json").read_text(encoding="utf-8"))


def recorded_request(entry: Mapping[str, Any]) -> RawRequest:
    """The request of an entry, as it stood on the wire."""
    headers = tuple((name, value) for name, value in entry["headers"])
    return RawRequest(entry["method"], entry["target"], headers, entry["body"].encode("ascii"))
