"""What of a report is sent again: recorded requests as cases that the engine can send.

In: a report, a finding in it, descriptions. Out: `Recorded`: cases without edits, and the function that gives the
engine their bytes. Nothing is rendered from a plan.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description, get, locations
from acs_conformance.encoding import percent_encode
from acs_conformance.gateway_checks import Signing
from acs_conformance.gateway_judge import check_of
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Filling, Names, raw, request_of
from acs_conformance.wire import decode

Report = Mapping[str, Any]

#: Seconds between two requests of a sequence from which on the pause is taken to belong to it.
_NOTICED_S = 0.4

#: Random bytes behind the ten hexadecimal digits of a name.
_FRESH_BYTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a finding is sent again.

    Attributes:
        times: how often; None: so often that a failure of the recorded rate would hardly be missed.
        secrets: name of a secret in a description -> the secret.
        environ: the environment, for what a report says is there.
        bindings: operation -> path -> identifier that exists at the target, where it is another target than the
            report's.
        bound: path -> identifier that exists at the target, for what has to be created first.
        wait: moves the clock of the target's things by so many seconds and says by how many; None: time is waited for.
    """

    times: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bound: Mapping[str, str] = field(default_factory=dict)
    wait: Callable[[float], float] | None = None


class Recorded:
    """The requests of a finding and whatever else of its report is sent with them.

    Attributes:
        records: exchanges of the report, by number.
        cases: what is sent, by id: a case for each of the report's, with the steps that the finding takes.
    """

    def __init__(
        self, report: Report, finding: Report, descriptions: Mapping[str, Description], settings: Settings
    ) -> None:
        self.records: dict[int, Report] = {each["number"]: each for each in report["exchanges"]}
        self.cases: dict[str, Case] = {}
        self._descriptions = descriptions
        self._settings = settings
        self._requests: dict[str, list[Report]] = {}
        #: Attempt -> the random parts of its names.
        self._fresh: dict[int, _Fresh] = {}
        #: Id of a thing -> number of the exchange that created it.
        self._created = _created(descriptions, self.records)
        self._names = Names(report["run"]["id"], _numbers(finding))
        for request in finding["requests"]:
            self._add(self.records[request["exchange"]]["case"], self._at_this_target(request))

    def besides(self, exchange: Exchange, why: str) -> Case:
        """The case of a recorded request that the finding is not about."""
        name = f"{exchange.case}~{why}"
        if name not in self.cases:
            request = request_of(self._descriptions[exchange.operation], exchange, self._names, {})
            self._add(name, self._at_this_target(request))
        return self.cases[name]

    def rendered(self, description: Description, case: Case, step: int, context: Context, attempt: int) -> RawRequest:
        """The bytes of a step, unsigned; names are fresh in each attempt; what the run created is what there is now.

        Raises:
            CredentialsError: a credential is needed that only the environment can give, and it does not.
        """
        filling = Filling(
            fresh=self._fresh.setdefault(attempt, _Fresh()),
            now=int(time.time()),
            secrets=self._settings.secrets,
            environ=self._settings.environ,
        )
        if case.id not in self._requests:  # the engine's own, to create or end what a case acts on
            return render(description, case, step, context, attempt)
        request = raw(self._requests[case.id][step], filling)
        acts_on = description.acts_on
        thing = context.things.get(acts_on.thing) if acts_on is not None else None
        if acts_on is None or thing is None:
            return request
        named = decode(description, request).document.get(acts_on.id)
        if named not in self._created:  # it is under test
            return request
        return replace(request, target=_with_value(request.target, str(named), thing.id))

    def _add(self, case: str, request: Report) -> None:
        description = self._descriptions[request["operation"]]
        requests = self._requests.setdefault(case, [])
        requests.append(request)
        operations = tuple(each["operation"] for each in requests)
        count = len(requests)
        is_gateway = description.checks is not None
        self.cases[case] = Case(
            id=case,
            operation=operations[-1],
            kind="gateway" if is_gateway else "lifecycle" if len(set(operations)) > 1 else "open",
            steps=tuple(self._edits(requests, step) for step in range(count)),
            aspects=(),
            operations=operations if len(set(operations)) > 1 else (),
            signing=_signing(description, case, count),
        )

    def _edits(self, requests: list[Report], step: int) -> tuple[Edit, ...]:
        """How long a step of a sequence was waited for, and which of its things it names."""
        record = self.records[requests[step]["exchange"]]
        edits = []
        if step:
            before = self.records[requests[step - 1]["exchange"]]
            moved = record["moved_s"] - before["moved_s"]
            waited = record["sent_at"] - before["sent_at"] - before["elapsed_s"] + moved
            if waited > _NOTICED_S:
                edits.append(Edit("wait", (), round(waited, 1)))
        acts_on = self._descriptions[record["operation"]].acts_on
        if acts_on is not None:
            exchange = Exchange.from_json(record)
            named = decode(self._descriptions[record["operation"]], exchange.request).document.get(acts_on.id)
            made = self._created.get(named) if isinstance(named, str) else None
            steps = [n for n, each in enumerate(requests[:step]) if each["exchange"] == made]
            edits += [Edit("of", (), steps[0])] if steps else []
        return tuple(edits)

    def _at_this_target(self, request: Report) -> Report:
        """The request with the identifiers that this target has in the place of those of the report's own."""
        description = self._descriptions[request["operation"]]
        exchange = Exchange.from_json(self.records[request["exchange"]])
        target = exchange.request.target
        for path, new in self._settings.bindings.get(description.operation, {}).items():
            old = self._bound(description, path)
            if old is not None:
                target = _with_value(target, old, new)
        if target == exchange.request.target:
            return request
        moved = replace(exchange, request=replace(exchange.request, target=target))
        return request_of(description, moved, self._names, {})

    def _bound(self, description: Description, path: str) -> str | None:
        """The identifier that the run had for a path: that of its first request, which is the plainest."""
        for record in self.records.values():
            if record["operation"] == description.operation:
                decoded = decode(description, Exchange.from_json(record).request)
                for location in locations(decoded.document, path):
                    value = get(decoded.document, location)
                    return value if isinstance(value, str) else None
        return None


def _with_value(target: str, old: str, new: str) -> str:
    """The target with another text where one is a whole value, of a parameter or in JSON."""
    whole = rf"(?:(?<==)|(?<=%22)){re.escape(percent_encode(old))}(?=&|%22|$)"
    return re.sub(whole, percent_encode(new), target)


def _created(descriptions: Mapping[str, Description], records: Mapping[int, Report]) -> dict[str, int]:
    """What the run has created: id -> number of the exchange."""
    found: dict[str, int] = {}
    for number, record in records.items():
        description = descriptions.get(record["operation"])
        response = record["response"]
        if description is None or description.creates is None or response is None:
            continue
        try:
            body = json.loads(response["body"])
        except (TypeError, ValueError):
            continue
        if isinstance(body, dict) and isinstance(body.get(description.creates.id), str):
            found.setdefault(body[description.creates.id], number)
    return found


def _numbers(finding: Report) -> dict[str, int]:
    """The random parts of names in a finding, and their numbers."""
    parts = [p for request in finding["requests"] for p in (*request["target"], *request["body"])]
    return {part["was"].lower(): part["fresh"] for part in parts if isinstance(part, dict) and "fresh" in part}


class _Fresh(dict[int, str]):
    """Random texts, made when they are first asked for."""

    def __missing__(self, number: int) -> str:
        self[number] = secrets.token_hex(_FRESH_BYTES)
        return self[number]


def _signing(description: Description, case: str, count: int) -> tuple[Signing, ...]:
    """How the first requests of a gateway's case are signed; of another case, nothing."""
    if description.checks is None:
        return ()
    check, steps = check_of(description, description.checks, case)
    return steps[:count] if steps else (Signing(scheme=check.scheme, expects=check.expects),) * count
