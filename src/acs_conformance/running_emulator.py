"""An emulator that is served and can be held: for the tests of client teams, by the pytest fixtures or without them.

In: what it is to play. Out: a URL, and what came there. The server stays for as long as it is held; what stands behind
it is replaced by a fresh emulator at every reset, so that one address serves a whole session and no test sees another.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from acs_conformance import faults, spec_folder
from acs_conformance.description import Description, Json
from acs_conformance.emulator import answers, decoding, envelope, xml_answer
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.envelope import COMMON_PARAMETERS, Envelope
from acs_conformance.emulator.fault import Fault, Refusal
from acs_conformance.emulator.jobs import Job, identifiers
from acs_conformance.emulator.limits import Quota
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.server import running
from acs_conformance.errors import UsageError
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.signing import Credentials
from acs_conformance.target import EMULATOR_CREDENTIALS

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})").fullmatch
_XML_CODE = re.compile(rb"<Code>([^<]*)</Code>")


@dataclass(frozen=True, kw_only=True)
class EmulatorOptions:
    """What an emulator plays.

    Attributes:
        policy: open point -> choice, as `--policy POINT=CHOICE` of the command makes it; docs/emulator.md lists them.
        fault: id of a fault of the catalogue, as `acs-conformance faults` lists them; None for none.
        quota: requests that each AccessKey may send, "RATE" or "RATE:BURST" per second; None for any number.
        access_keys: who may call; None for one AccessKey, that of `RunningEmulator.access_key`.
        secrets: values of the secrets that descriptions name, such as the key that join tokens are made with.
        spec_root: folder of descriptions, instead of those that ship.
    """

    policy: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    quota: str | None = None
    access_keys: AccessKeys | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    spec_root: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """One request that came, and its answer."""

    #: Name of the operation that it calls; "" where it names none.
    operation: str
    request: RawRequest
    response: RawResponse
    _envelope: Envelope = field(repr=False)
    _description: Description | None = field(repr=False)

    @property
    def status(self) -> int:
        """The HTTP status it was answered with."""
        return self.response.status

    @cached_property
    def code(self) -> str:
        """The error code it was answered with, such as "MissingParameter"; "" for a success."""
        if self.response.status < 400:
            return ""
        found = _XML_CODE.search(self.response.body)
        if found:
            return found[1].decode()
        try:
            return str(json.loads(self.response.body).get("Code", ""))
        except (ValueError, AttributeError):  # a fault may answer anything
            return ""

    @cached_property
    def parameters(self) -> Mapping[str, Json]:
        """The operation's parameters as they were sent, also such as it doesn't know.

        Those that travel as JSON are taken apart and documented integers are numbers, as far as they can be read; all
        else is text. Of a parameter that was sent twice it is the last one.
        """
        sent = self._envelope.parameters
        if sent is None:
            form = envelope.form_of(self.request, self._envelope.headers.get("content-type"))
            sent = [*decoding.parameters(self.request.query), *decoding.parameters(form)]
        known = self._description
        own = {node.path for node in known.parameters} if known else set()
        taken = frozenset() if self._envelope.parameters is None else COMMON_PARAMETERS - own
        return {each.name: _value(known, each.name, each.text) for each in sent if each.name not in taken}


def _value(known: Description | None, name: str, text: str) -> Json:
    if known is not None and name in known.json_parameters:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    if known is not None and name in known.integer_parameters and _INTEGER(text):
        return int(text)
    return text


class RunningEmulator:
    """An emulator behind a URL; made by `start_emulator`, and by the fixture `acs_emulator`.

    Attributes:
        url: base URL, such as "http://127.0.0.1:41234". It stays the same for as long as the emulator runs.
        descriptions: operation -> contract, of all that is served.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self.url = ""
        self.descriptions: Mapping[str, Description] = MappingProxyType(spec_folder.load_all(options.spec_root))
        self._started_with = options
        self._play = _Play(self.descriptions, options)

    def __repr__(self) -> str:
        return f"<RunningEmulator {self.url}, {len(self.received)} received>"

    # --- for clients ------------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """Host and port, which official SDKs call the endpoint. Tell them to use the protocol "http" as well."""
        return self.url.removeprefix("http://")

    @property
    def access_key(self) -> Credentials:
        """The AccessKey to sign with: the first of those that may call."""
        keys = self._play.keys
        key_id = next(iter(keys.secrets))
        return Credentials(
            access_key_id=key_id, access_key_secret=keys.secrets[key_id], security_token=keys.tokens.get(key_id)
        )

    # --- what came --------------------------------------------------------------------------------------------------

    @property
    def received(self) -> tuple[ReceivedRequest, ...]:
        """Every request since the last reset, oldest first, refused ones too."""
        return self._play.received

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What calls have created since the last reset, oldest first."""
        return self._play.jobs

    # --- the lives of what was created ------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Lets seconds go by in the lives of created things, and nowhere else: nobody has to wait for one to end.

        Dates of requests, nonces and tokens are compared with the client's clock, which nobody moves.
        """
        self._play.emulator.advance(seconds)

    def join(self, where: Mapping[str, Json] | None = None, *, job_id: str | None = None) -> None:
        """Lets somebody publish what some things use, also those that are created later, until the next reset.

        Args:
            where: what those things were created with: path of a parameter or member, such as "Filter.Name" -> its
                value. Without it all things are used.
            job_id: one thing only.
        """
        self._play.emulator.join(where, job_id=job_id)

    def leave(self, where: Mapping[str, Json] | None = None, *, job_id: str | None = None) -> None:
        """Lets those leave who have joined with the same arguments.

        Raises:
            UsageError: nobody has.
        """
        if not self._play.emulator.leave(where, job_id=job_id):
            raise UsageError(f"nobody has joined with {dict(where or {})}, job_id={job_id!r}. Leave with the same.")

    # --- what it plays ----------------------------------------------------------------------------------------------

    def configure(
        self,
        *,
        policy: Mapping[str, str] | None = None,
        fault: str | None = None,
        quota: str | None = None,
        access_keys: AccessKeys | None = None,
    ) -> None:
        """Starts afresh, playing something else until the next `configure` or `reset`. Forgets what came.

        Args:
            policy: open point -> choice, in addition to those it was started with.
            fault: id of a fault of the catalogue.
            quota: "RATE" or "RATE:BURST", in requests per second.
            access_keys: who may call.

        What is not given is as it was at the start, not as at the last call.

        Raises:
            SelectionError: there is no such point, choice or fault.
            UsageError: the quota is not of this form, or nobody may call.
        """
        base = self._started_with
        changed = replace(
            base,
            policy={**base.policy, **(policy or {})},
            fault=fault if fault is not None else base.fault,
            quota=quota if quota is not None else base.quota,
            access_keys=access_keys if access_keys is not None else base.access_keys,
        )
        self._play = _Play(self.descriptions, changed)

    def refuse_next(self, code: str, *, status: int = 503, message: str = "Refused on demand.", times: int = 1) -> None:
        """Answers the next requests with an error of the caller's choice, whatever they are; they leave nothing behind.

        Args:
            code: the error's Code, such as "ServiceUnavailable".
            status: its HTTP status, from 400 to 599.
            message: its Message.
            times: how many requests.

        Raises:
            UsageError: the status is none of an error, or `times` is below 1.
        """
        if not 400 <= status <= 599:
            raise UsageError(f"status {status} is none of an error. Give one from 400 to 599.")
        if times < 1:
            raise UsageError(f"times={times} refuses nothing. Give 1 or more.")
        self._play.refuse_next(Refusal(status=status, code=code, message=message), times)

    def reset(self) -> None:
        """Starts afresh as it was started: no jobs, no requests, no used nonces, a full quota."""
        self._play = _Play(self.descriptions, self._started_with)

    def handle(self, request: RawRequest) -> RawResponse:
        """The response to a raw request, without HTTP. Never raises."""
        return self._play.handle(request)


class _Play:
    """One emulator between two resets, and what came to it."""

    def __init__(self, descriptions: Mapping[str, Description], options: EmulatorOptions) -> None:
        self._descriptions = descriptions
        self.keys = options.access_keys or _OWN_KEYS
        if not self.keys.secrets:
            raise UsageError("access_keys has no key, so nobody could call. Give AccessKeys(secrets={id: secret}).")
        fault: Fault | None = None
        choices = dict(options.policy)
        if options.fault is not None:
            seed = faults.find(descriptions.values(), options.fault)
            for point, choice in seed.needs.items():
                if choices.setdefault(point, choice) != choice:
                    raise UsageError(f"the fault {seed.id} shows only with the policy {point}={choice}.")
            fault = seed
        settings = Settings(
            access_keys=self.keys,
            secrets=options.secrets,
            quota=Quota.parse(options.quota) if options.quota is not None else None,
        )
        self.emulator = Emulator(descriptions, settings=settings, policy=Policy(choices=choices), fault=fault)
        self._received: list[ReceivedRequest] = []
        self._refusals: list[Refusal] = []
        self._ids = identifiers()
        self._lock = threading.Lock()  # the server's thread writes what a test's thread reads

    @property
    def received(self) -> tuple[ReceivedRequest, ...]:
        with self._lock:
            return tuple(self._received)

    @property
    def jobs(self) -> tuple[Job, ...]:
        with self._lock:
            return tuple(self.emulator.jobs)

    def refuse_next(self, refusal: Refusal, times: int) -> None:
        with self._lock:
            self._refusals += [refusal] * times

    def handle(self, request: RawRequest) -> RawResponse:
        with self._lock:
            opened = envelope.opened(request, time.time())
            known = self._descriptions.get(opened.get("Action"))
            if self._refusals:
                response = self._refused(self._refusals.pop(0), opened, known)
            else:
                response = self.emulator.handle(request)
            self._received.append(
                ReceivedRequest(
                    operation=opened.get("Action"),
                    request=request,
                    response=response,
                    _envelope=opened,
                    _description=known,
                )
            )
            return response

    def _refused(self, refusal: Refusal, opened: Envelope, known: Description | None) -> RawResponse:
        request_id = next(self._ids).upper()
        response = answers.refuse(refusal, opened.request, request_id, known.product if known else "")
        return xml_answer.as_xml(response, opened.get("Action")) if opened.wants_xml else response


_OWN_KEYS = AccessKeys(secrets={EMULATOR_CREDENTIALS.access_key_id: EMULATOR_CREDENTIALS.access_key_secret})


@contextlib.contextmanager
def start_emulator(
    *,
    policy: Mapping[str, str] | None = None,
    fault: str | None = None,
    quota: str | None = None,
    access_keys: AccessKeys | None = None,
    secrets: Mapping[str, str] | None = None,
    spec_root: Path | None = None,
) -> Iterator[RunningEmulator]:
    """Serves an emulator on a free port of 127.0.0.1 for as long as the context lasts.

    It runs in a thread of this process. Nothing is written and nothing printed.

    Args:
        policy: open point -> choice, where it is to settle what the documentation leaves open otherwise.
        fault: id of a fault of the catalogue to play.
        quota: requests that each AccessKey may send, "RATE" or "RATE:BURST" per second.
        access_keys: who may call; without it one AccessKey, `RunningEmulator.access_key`.
        secrets: values of the secrets that descriptions name.
        spec_root: folder of descriptions, instead of those that ship.

    Yields:
        The running emulator.

    Raises:
        SelectionError: there is no such point, choice or fault.
        UsageError: the quota is not of this form, nobody may call, or a description is broken.

    Examples:
        >>> from acs_conformance import start_emulator
        >>> with start_emulator(quota="50:100") as emulator:
        ...     emulator.url.startswith("http://127.0.0.1:")
        True
    """
    options = EmulatorOptions(
        policy=policy or {},
        fault=fault,
        quota=quota,
        access_keys=access_keys,
        secrets=secrets or {},
        spec_root=spec_root,
    )
    with serving(options) as emulator:
        yield emulator


@contextlib.contextmanager
def serving(options: EmulatorOptions) -> Iterator[RunningEmulator]:
    """The same, from options in one piece."""
    emulator = RunningEmulator(options)
    with running(emulator) as url:
        emulator.url = url
        yield emulator
