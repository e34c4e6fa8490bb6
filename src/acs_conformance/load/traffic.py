"""What a load test sends and how it counts the answers; no Locust in here.

In: descriptions, an address, and whether something may be created. Out: a `Traffic`, whose callers each send over a
connection of their own, and one `Outcome` for each request. Unless told otherwise, only requests are sent that an
operation has to refuse, so nothing is created.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acs_conformance import spec_folder, target
from acs_conformance.answer import Answer, answer_of
from acs_conformance.cases.accept import opening_case
from acs_conformance.cases.case import Case
from acs_conformance.cases.reject import reject_cases
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.errors import UsageError
from acs_conformance.gateway_checks import Scheme
from acs_conformance.message import RawResponse, header
from acs_conformance.reach import recorder_for
from acs_conformance.record import STALE, Exchange
from acs_conformance.target import Target

#: Seconds to wait after being throttled by an answer that doesn't say how long.
_PAUSE_S = 1.0
_MILLISECONDS = re.compile(r"[0-9]{1,9}").fullmatch


@dataclass(frozen=True, slots=True)
class Template:
    """A request to be made again and again, with other names each time."""

    description: Description
    case: Case
    #: What the documentation says of its answer.
    expected: Literal["success", "refusal"]

    @property
    def name(self) -> str:
        """What it is called in statistics, such as "ListItems refused"."""
        return f"{self.description.operation} {'valid' if self.expected == 'success' else 'refused'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one request."""

    #: What it counts under: the HTTP method, and the template's name or "<operation> throttled".
    method: str
    name: str
    elapsed_s: float
    #: Bytes of the answer's body.
    size: int
    #: Status and code of an answer that is not documented, or why there is none; "" for a documented one.
    failure: str
    #: Seconds for which the target asked not to be called.
    wait_s: float


class Traffic:
    """One load test: what is sent, where to, and how it is signed.

    Args:
        url: address of the target, on loopback.
        environ: where credentials are looked for first, such as os.environ.
        operations: names of those that are called; none: all that are described.
        scheme: of the signatures.
        has_valid: whether valid requests are sent too. The target creates something for each.
        spec_root: folder of descriptions, or None for those that ship.

    Raises:
        UsageError: the address may not be tested, there are no credentials or no such operation, a description is
            broken, or an operation refuses nothing and valid requests are not allowed.
    """

    def __init__(
        self,
        url: str,
        environ: Mapping[str, str],
        *,
        operations: Collection[str] = (),
        scheme: Scheme = "v3",
        has_valid: bool = False,
        spec_root: Path | None = None,
    ) -> None:
        self._target = target.from_url(url, environ)
        self._scheme: Scheme = scheme
        names = operations or spec_folder.folders(spec_root or spec_folder.shipped_root())
        described = [spec_folder.load(name, spec_root) for name in dict.fromkeys(names)]
        if not operations:  # what acts on things would need one for each request
            described = [each for each in described if each.acts_on is None]
        self.templates = tuple(each for description in described for each in _templates(description, has_valid))

    def caller(self) -> Caller:
        """One more caller, with a connection of its own."""
        return Caller(self._target, self.templates, self._scheme)


def _templates(description: Description, has_valid: bool) -> list[Template]:
    """The simplest request that an operation has to refuse, and with `has_valid` the simplest valid one."""
    if description.checks is not None:
        raise UsageError(f"{description.operation} is no operation; name one of those that are described, or none")
    refused = next(iter(reject_cases(description)), None)
    found = [] if refused is None else [Template(description, refused, "refusal")]
    if has_valid:
        found.append(Template(description, opening_case(description), "success"))
    if not found:
        raise UsageError(f"{description.operation} has nothing to refuse; allow valid requests, or leave it out")
    return found


class Caller:
    """Sends the templates in turn, one request after the other."""

    def __init__(self, chosen: Target, templates: Collection[Template], scheme: Scheme) -> None:
        self._target = chosen
        self._scheme = scheme
        self._turns = itertools.cycle(templates)
        self._numbers = itertools.count(1)
        self._run_id = secrets.token_hex(6)
        self._recorder, self._sender = recorder_for(chosen, scheme)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def call(self) -> Outcome:
        """Send the next request and wait for its answer."""
        template = next(self._turns)
        exchange = self._exchange(template)
        if exchange.failure == STALE:  # which is the target's right; another sender keeps its connection again
            self._sender.close()
            self._recorder, self._sender = recorder_for(self._target, self._scheme)
            exchange = self._exchange(template)
        return outcome_of(template, exchange)

    def _exchange(self, template: Template) -> Exchange:
        number = next(self._numbers)
        context = Context(run_id=self._run_id, now=int(time.time()))
        request = render(template.description, template.case, 0, context, number)
        exchange, _ = self._recorder.exchange(
            template.description, request, number=number, case=template.case.id, step=0, attempt=number
        )
        return exchange


def outcome_of(template: Template, exchange: Exchange) -> Outcome:
    """How an answer counts."""
    response = exchange.response
    answer = answer_of(template.description, response, exchange.failure)
    is_throttled = answer.kind == "throttled"
    return Outcome(
        method=template.description.method,
        name=f"{template.description.operation} throttled" if is_throttled else template.name,
        elapsed_s=exchange.elapsed_s,
        size=len(response.body) if response is not None else 0,
        failure="" if is_throttled or _is_documented(template, answer) else str(answer),
        wait_s=_wait_s(response) if is_throttled and response is not None else 0.0,
    )


def _is_documented(template: Template, answer: Answer) -> bool:
    """Whether the answer is of the kind that the documentation promises: a refusal has a documented code."""
    return answer.kind == template.expected and (answer.kind == "success" or answer.row is not None)


def _wait_s(response: RawResponse) -> float:
    """Seconds that the target asks to wait, in `x-acs-retry-after` in milliseconds."""
    asked = _MILLISECONDS((header(response.headers, "x-acs-retry-after") or "").strip())
    return int(asked[0]) / 1000 if asked else _PAUSE_S
