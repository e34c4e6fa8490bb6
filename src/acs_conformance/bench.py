"""The bench of the proof: a plan, made once, and servers to try it on, in process.

In: a plan, a fault or the number of a faultless server. Out: a `Trial`. The engine, the plan and the judges are those
of a real run; there is no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from acs_conformance import lifecycle, requirement
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.policy import Policy, gateway_variants, variants
from acs_conformance.exchange import Recorder, Reply, Signs
from acs_conformance.faults import Seed
from acs_conformance.gateway_checks import Signing
from acs_conformance.journal import Journal
from acs_conformance.message import RawRequest
from acs_conformance.observation import Judgement
from acs_conformance.signer import Signer
from acs_conformance.signing import Credentials
from acs_conformance.verdict import Verdict, exit_code, verdicts

#: A moment after which tokens still are valid; the proof looks at no clock.
_NOW = 1_800_000_000
_HOST = "localhost"
_IDS = "a0b1c2d3e4f5a6b7c8"
_CALLER = Credentials(access_key_id="proofAccessKeyId", access_key_secret="proofSecret", security_token="proofToken")  # noqa: S106


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The plan against one server."""

    #: Id of the fault, or name of the variant.
    name: str
    operator: str
    says: str
    found_at: str
    #: Ids of the requirements that failed; with a quick look only the first one.
    caught_by: tuple[str, ...]
    #: Requests sent until the first failure, or in all.
    requests: int
    #: Accepted requests among them.
    accepted: int
    #: Exit code that a run would have had.
    code: int

    @property
    def is_caught(self) -> bool:
        """Whether a requirement failed."""
        return bool(self.caught_by)


def servers(description: Description) -> tuple[tuple[str, Policy], ...]:
    """Named servers without a fault: of an operation, or of the gateway."""
    return gateway_variants() if description.checks is not None else variants(description)


class InProcess:
    """A sender whose target is an emulator in the same process."""

    def __init__(self, emulator: Emulator) -> None:
        """Send to `emulator`."""
        self._emulator = emulator

    def send(self, request: RawRequest) -> Reply:
        """Hand the request over."""
        return Reply(self._emulator.handle(request))


class Anybody:
    """Names the operation and signs nothing, for an emulator that lets everybody in."""

    has_token = False

    def sign(
        self, description: Description, request: RawRequest, how: Signing | None = None, step: int = 0
    ) -> RawRequest:
        """The request with the headers that route it."""
        del how, step
        named = (("host", _HOST), ("x-acs-action", description.action), ("x-acs-version", description.version))
        return RawRequest(request.method, request.target, (*request.headers, *named), request.body)


class Bench:
    """A plan, made once, and servers to try it on."""

    def __init__(self, tested: Plan, *, is_full: bool) -> None:
        """Try `tested`; go on after the first failure if `is_full`."""
        self.description = tested.description
        self.plan = tested
        self.requirements = requirement.derive(self.description)
        self._is_full = is_full
        self._context = Context(run_id="proof", now=_NOW)
        self._requests: dict[tuple[object, ...], RawRequest] = {}
        self._is_gateway = self.description.checks is not None
        # The same ids in each trial, so that requests are the same and what is known of them is found again.
        self._settings = Settings(authenticate=False, id_seed=_IDS)
        if self._is_gateway:
            keys, token = _CALLER.access_key_id, _CALLER.security_token or ""
            access = AccessKeys(secrets={keys: _CALLER.access_key_secret}, tokens={keys: token})
            self._settings = Settings(access_keys=access)
        self._served = lifecycle.called([self.description.carrier or self.description])

    def fault(self, fault: Seed) -> Trial:
        """The plan against a server with this fault."""
        until = None if self._is_full else _shows_failure
        policy = Policy(choices=fault.needs)
        return self._trial(fault.id, fault.operator, fault.says, fault.found_at, policy, fault, until)

    def variant(self, number: int) -> Trial:
        """The plan against a server without a fault."""
        name, policy = servers(self.description)[number]
        return self._trial(name, "variant", "", "", policy, None, None)

    def _signer(self) -> Signs:
        """A caller with temporary credentials where signatures are tested, else nobody in particular."""
        if not self._is_gateway:
            return Anybody()
        return Signer(_CALLER, _HOST, clock=lambda: datetime.fromtimestamp(_NOW, UTC))

    def _rendered(self, description: Description, case: Case, step: int, context: Context, attempt: int) -> RawRequest:
        """As `render`, remembered: explaining cases have ids of their own only within a trial, so they are not."""
        if "~" in case.id:
            return render(description, case, step, context, attempt)
        things = tuple((kind, thing.id, repr(thing.document)) for kind, thing in context.things.items())
        key = (case.id, step, attempt, things)
        if key not in self._requests:
            self._requests[key] = render(description, case, step, context, attempt)
        return self._requests[key]

    def _trial(
        self,
        name: str,
        operator: str,
        says: str,
        found_at: str,
        policy: Policy,
        fault: Seed | None,
        until: Callable[[Judgement], bool] | None,
    ) -> Trial:
        emulator = Emulator(
            self._served, settings=self._settings, policy=policy, fault=fault, clock=lambda: float(_NOW)
        )

        def advance(seconds: float) -> float:
            emulator.advance(seconds)
            return seconds

        journal = Journal()
        campaign = Campaign(
            [self.plan],
            Recorder(InProcess(emulator), self._signer()),
            self._context,
            journal=journal,
            until=until,
            rendered=self._rendered,
            sleep=lambda _seconds: None,
            wait=advance,
        )
        campaign.run()
        judged = judge_campaign(campaign.descriptions, campaign.cases, journal.exchanges)
        results = verdicts(self.requirements, self.plan.aspects, judged, stopped=campaign.stopped)
        return Trial(
            name=name,
            operator=operator,
            says=says,
            found_at=found_at,
            caught_by=tuple(r.requirement.id for r in results if r.verdict is Verdict.FAIL),
            requests=len(journal.exchanges),
            accepted=sum(judgement.is_accepted for judgement in judged.judgements.values()),
            code=int(exit_code(results)),
        )


def _shows_failure(judgement: Judgement) -> bool:
    return any(observation.outcome == "fail" for observation in judgement.observations)
