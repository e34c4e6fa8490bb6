"""The emulator itself: a plain function from raw request to raw response, without I/O.

In: descriptions, a policy, settings, and then requests. Out: responses, and what successful calls leave behind. It
knows no sockets (`server` does) and nothing of the suite that is run against it.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from acs_conformance.description import Description, Json, steps
from acs_conformance.emulator import answers, checks, validation, xml_answer
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.acting import Acting
from acs_conformance.emulator.answers import Answers
from acs_conformance.emulator.envelope import Envelope
from acs_conformance.emulator.fault import Call, Fault, Refusal
from acs_conformance.emulator.gateway import Gate
from acs_conformance.emulator.job_file import JobFile
from acs_conformance.emulator.jobs import Jobs, JobStore, Name, identifiers
from acs_conformance.emulator.life import Life, Where
from acs_conformance.emulator.limits import Nonces, Quota
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.readings import Reader
from acs_conformance.emulator.showing import Showing, masked
from acs_conformance.emulator.validation import Breach
from acs_conformance.message import RawRequest, RawResponse

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an emulator is told about its own world."""

    #: Whether signatures, nonces and times are checked. False for requests that are replayed in process.
    authenticate: bool = True
    #: Who may call.
    access_keys: AccessKeys = field(default_factory=AccessKeys)
    #: Secrets in derived values, by the name that descriptions use, such as an application's key.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Seconds by which the date of a V3 request may differ from the clock, either way; for V1 the policy decides.
    window_s: float = 15 * 60
    #: How many requests each AccessKey may send; None: any number.
    quota: Quota | None = None
    #: Seconds for which a nonce is remembered, and how many at most.
    nonce_lifetime_s: float = 31 * 60
    nonce_capacity: int = 100_000
    #: How many created things are remembered, those that have ended among them.
    job_capacity: int = 10_000
    #: Where created things are kept, to be there again after a restart; None: in memory.
    state_file: Path | None = None
    #: Seconds that a created thing takes to start.
    starts_after_s: float = 1.0
    #: 18 hexadecimal digits that all ids start from; None for random ones.
    id_seed: str | None = None


class Emulator:
    """A stand-in for the operations of some descriptions. Threads that call it take turns.

    Args:
        descriptions: operation name -> contract.
        settings: keys, windows and capacities.
        policy: how it settles what the contracts leave open.
        fault: the defect it plays; None for none.
        clock: returns Unix time in seconds.

    Raises:
        SelectionError: the policy makes a choice that none of the descriptions has.
        UsageError: the state file can't be used.
    """

    def __init__(
        self,
        descriptions: Mapping[str, Description],
        *,
        settings: Settings | None = None,
        policy: Policy | None = None,
        fault: Fault | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        settings = settings or Settings()
        policy = policy or Policy.default()
        policy.check(descriptions.values())
        ids = identifiers(settings.id_seed)
        self.descriptions = descriptions
        self.jobs: JobStore = Jobs(capacity=settings.job_capacity)
        if settings.state_file is not None:
            shown = {policy.choice(description, "answer.credentials") for description in descriptions.values()}
            self.jobs = JobFile(
                settings.state_file,
                capacity=settings.job_capacity,
                kept=self._as_given if "shown" in shown else self._masked,
            )
        self.life = Life(
            self.jobs, clock=clock, ids=ids.__next__, policy=policy, starts_after_s=settings.starts_after_s
        )
        self.memory: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._ids = ids
        self._clock = clock
        self._fault = fault or Fault()
        self._operations = {
            name: _Operation(description, policy, settings, clock, self._fault)
            for name, description in descriptions.items()
        }
        self._gate = Gate(
            descriptions,
            policy,
            keys=settings.access_keys if settings.authenticate else None,
            window_s=settings.window_s,
            nonces=Nonces(lifetime_s=settings.nonce_lifetime_s, capacity=settings.nonce_capacity),
            quota=settings.quota,
        )
        self._has_gateway_members = policy.gateway("gateway.members") == "gateway"
        self._numbers = itertools.count(1)

    def handle(self, request: RawRequest) -> RawResponse:
        """The response to `request`. Never raises: a bug in here is logged and answered 500 InternalError."""
        request_id = next(self._ids).upper()
        try:
            with self._lock:
                return self._handle(request, request_id)
        except Exception:
            _LOG.exception("a bug of the emulator, answered 500")
            refusal = Refusal(status=500, code="InternalError", message="The emulator failed; its log says how.")
            return answers.refuse(refusal, request, request_id, "")

    def advance(self, seconds: float) -> float:
        """Lets seconds go by in the lives of created things, and nowhere else; the lifecycle's time then."""
        with self._lock:
            return self.life.advance(seconds)

    def join(self, where: Where | None = None, *, job_id: str | None = None) -> int:
        """Lets somebody publish; see `Life.join`."""
        with self._lock:
            return self.life.join(where, job_id=job_id)

    def leave(self, where: Where | None = None, *, job_id: str | None = None) -> bool:
        """Lets those leave that have joined with the same arguments; whether there were any."""
        with self._lock:
            return self.life.leave(where, job_id=job_id)

    def close(self) -> None:
        """Lets go of the state file, if there is one; no request can be answered afterwards."""
        with self._lock:
            self.jobs.close()

    def _masked(self, operation: str, document: Mapping[str, Json]) -> Mapping[str, Json]:
        """What is written of a thing's document: credentials that no answer shows are in no file."""
        creator = self.descriptions.get(operation)
        return masked(document, creator) if creator is not None else document

    @staticmethod
    def _as_given(_operation: str, document: Mapping[str, Json]) -> Mapping[str, Json]:
        return document

    def _handle(self, request: RawRequest, request_id: str) -> RawResponse:
        number = next(self._numbers)
        envelope = self._gate.open(request, self._clock())
        refused = self._fault.refusal(envelope, self._gate.check(envelope), self.memory)
        operation = self._operations.get(envelope.get("Action"))
        if refused is not None or operation is None:
            refused = refused or checks.UNKNOWN_ACTION
            response = answers.refuse(
                refused,
                request,
                request_id,
                operation.description.product if operation else "",
                has_gateway_members=self._has_gateway_members,
            )
            response = self._fault.turned_away(envelope, refused, response, self.memory)
        else:
            response = self._call(operation, envelope, request_id, number)
        # Last, so that everything before it, a fault included, has one format to know.
        return xml_answer.as_xml(response, envelope.get("Action")) if envelope.wants_xml else response

    def _call(self, operation: _Operation, envelope: Envelope, request_id: str, number: int) -> RawResponse:
        request = envelope.request
        reading = operation.reader.read(request, envelope.parameters)
        if operation.refuses_used_names and not reading.breaches:
            reading.breaches = list(self._in_use(operation, reading.document))
        call = Call(
            description=operation.description,
            document=reading.document,
            request=request,
            traits=frozenset(reading.traits),
            number=number,
            operation_number=next(operation.numbers),
            life=self.life,
        )
        found = reading.breaches
        if operation.acting is not None:
            job = operation.fault.looked_up(call, operation.acting.find(self.life, call.document), self.memory)
            call = replace(call, job=job)
            found = [*found, *operation.acting.breaches(self.life, job, call.document)]
        found = operation.fault.breaches(call, found, self.memory)
        if operation.acting is not None and found:
            found = operation.acting.answered(found, call.document)
        self._end(operation, call, found)
        if found:
            response = operation.answers.error(found, request, request_id)
        else:
            response = operation.answers.success(
                request_id, self._created(operation, call), operation.members(self.life, call)
            )
        return operation.fault.answer(call, found, response, self.memory)

    def _end(self, operation: _Operation, call: Call, found: list[Breach]) -> None:
        """Ends what a call ends."""
        jobs = [call.job] if call.job is not None and operation.ends_within_s is not None and not found else []
        for job in operation.fault.ends(call, found, jobs, self.memory):
            self.life.end(job, operation.ends_within_s or 0)

    def _created(self, operation: _Operation, call: Call) -> Callable[[], str]:
        """Creates what a successful call creates; gives the ids of the answer, first that of what was created."""
        creates = operation.description.creates
        if creates is None:
            return self._ids.__next__
        # Which names are in use matters only to a server that refuses them, and costs as much as the validation.
        names = operation.names(call.document) if operation.refuses_used_names else ()
        limit_s = None
        if creates.idle_limit is not None:
            limit_s = call.document.get(creates.idle_limit, operation.usual_idle_limit_s)
        limit_s = operation.fault.idle_limit_s(call, limit_s, self.memory)
        job = self.life.create(operation.description.operation, call.document, names, limit_s)
        return itertools.chain([job.id], self._ids).__next__

    def _in_use(self, operation: _Operation, document: Mapping[str, Json]) -> Iterator[Breach]:
        for name in operation.names(document):
            if self.life.is_used(name):
                yield operation.in_use(name)
                return


class _Operation:
    """One operation as this emulator plays it."""

    def __init__(
        self,
        description: Description,
        policy: Policy,
        settings: Settings,
        clock: Callable[[], float],
        fault: Fault,
    ) -> None:
        self.description = description
        self.fault = fault if fault.concerns(description.operation) else Fault()
        self.reader = Reader(description, policy, now_s=clock, secrets=settings.secrets)
        self.answers = Answers(description, policy)
        self.numbers = itertools.count(1)
        self._scoped = [
            (relation.of, steps(relation.of), steps(relation.within))
            for relation in description.relations
            if relation.word == "unique" and relation.within is not None
        ]
        readings = [policy.reading(description, q) for q in description.questions if q.trait == "in-use"]
        creates, acts_on = description.creates, description.acts_on
        self.usual_idle_limit_s: float | None = None
        if creates is not None and creates.idle_limit is not None:
            self.usual_idle_limit_s = description.nodes[creates.idle_limit].schema["default"]
        self.acting = Acting(description, acts_on, policy) if acts_on is not None else None
        self.ends_within_s = acts_on.ends_within_s if acts_on is not None else None
        self._showing = None
        if acts_on is not None and acts_on.shows is not None:
            self._showing = acts_on.shows, Showing(description, acts_on.shows, acts_on.creator, policy)
        self.refuses_used_names = any(reading and reading.effect == "refuse" for reading in readings)

    def members(self, life: Life, call: Call) -> dict[str, Json] | None:
        """What a success shows of the thing that the call acts on."""
        if self._showing is None:
            return None
        shows, showing = self._showing
        if call.job is None:  # only a defect acts on nothing
            return {shows.at: showing.example(call.document)}
        job = life.jobs.get(call.job.id) or call.job  # the call itself may have changed it
        return {shows.at: showing.show(job, life.state(job, shows))}

    def names(self, document: Mapping[str, Json]) -> Iterator[Name]:
        """The names in a document that can be used once in their scope, beyond the request itself."""
        for path, of, within in self._scoped:
            scope = [value for _, value in validation.find(document, within)]
            for _, value in validation.find(document, of):
                yield path, repr(scope), repr(value)

    def in_use(self, name: Name) -> Breach:
        """The breach of using a name that another one uses."""
        path = name[0]
        location = tuple(0 if step == "[]" else step for step in steps(path))
        return Breach(
            location=location,
            path=path,
            keyword="in-use",
            kind="other",
            rows=self.description.refusals.other,
        )
