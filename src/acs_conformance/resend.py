"""What of a report is sent again: recorded requests as cases that the engine can send.

In: a report, a finding in it, descriptions. Out: `Recorded`: cases without edits, and the function that gives the
engine their bytes. Nothing is rendered from a plan.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context
from acs_conformance.description import Description, get, locations
from acs_conformance.encoding import percent_encode
from acs_conformance.gateway_checks import Signing
from acs_conformance.gateway_judge import check_of
from acs_conformance.message import RawRequest
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Filling, Names, raw, request_of
from acs_conformance.wire import decode

Report = Mapping[str, Any]

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
    """

    times: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


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

    def rendered(self, _: Description, case: Case, step: int, _context: Context, attempt: int) -> RawRequest:
        """The bytes of a step, unsigned; names are fresh for each attempt.

        Raises:
            CredentialsError: a credential is needed that only the environment can give, and it does not.
        """
        filling = Filling(
            fresh=self._fresh.setdefault(attempt, _Fresh()),
            now=int(time.time()),
            secrets=self._settings.secrets,
            environ=self._settings.environ,
        )
        return raw(self._requests[case.id][step], filling)

    def _add(self, case: str, request: Report) -> None:
        description = self._descriptions[request["operation"]]
        self._requests.setdefault(case, []).append(request)
        count = len(self._requests[case])
        self.cases[case] = Case(
            id=case,
            operation=description.operation,
            kind="open" if description.checks is None else "gateway",
            steps=((),) * count,
            aspects=(),
            signing=_signing(description, case, count),
        )

    def _at_this_target(self, request: Report) -> Report:
        """The request with the identifiers that this target has in the place of those of the report's own."""
        description = self._descriptions[request["operation"]]
        exchange = Exchange.from_json(self.records[request["exchange"]])
        target = exchange.request.target
        for path, new in self._settings.bindings.get(description.operation, {}).items():
            old = self._bound(description, path)
            if old is not None:  # where it is a whole value, of a parameter or in JSON
                whole = rf"(?:(?<==)|(?<=%22)){re.escape(percent_encode(old))}(?=&|%22|$)"
                target = re.sub(whole, percent_encode(new), target)
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
