"""Send a finding of a report again, and say whether it still fails.

In: a report, a finding in it, and a recorder that reaches the target. Out: a `Replay`. What is sent are the recorded
bytes, never what a seed would make today, but for the random part of names and for credentials: `reproduction` says
which and why. A finding of several requests is sent as a whole. Judged is what comes, by the same judges as in a run.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from acs_conformance import spec_folder
from acs_conformance.campaign import Campaign, Stopped
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context
from acs_conformance.description import Description, get, locations
from acs_conformance.encoding import percent_encode
from acs_conformance.errors import TargetUnreachable
from acs_conformance.exchange import Recorder
from acs_conformance.gateway_checks import Signing
from acs_conformance.gateway_judge import check_of
from acs_conformance.journal import Journal
from acs_conformance.judge import identifiers
from acs_conformance.message import RawRequest
from acs_conformance.observation import Observation
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Filling, Names, raw, request_of
from acs_conformance.verdict import ExitCode
from acs_conformance.wire import decode

Report = Mapping[str, Any]

#: How sure a replay has to be that a failure which shows now and then would have shown: one in twenty may be missed.
_MISSED = 0.05
#: Times that a finding is sent where nobody says how often.
_MOST = 20
#: Random bytes behind the ten hexadecimal digits of a name.
_FRESH_BYTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What became of a finding."""

    finding: Report
    outcome: Literal["fails", "passes", "inconclusive"]
    #: What came, in words, and why it counts as it does.
    received: str
    reason: str
    #: How often its requests were sent, and how often that failed.
    tried: int
    failed: int
    exchanges: tuple[Exchange, ...]

    @property
    def exit_code(self) -> ExitCode:
        """1 still fails, 0 no longer, 3 can't be told."""
        codes = {"fails": ExitCode.FAILED, "passes": ExitCode.CONFORMS, "inconclusive": ExitCode.INCONCLUSIVE}
        return codes[self.outcome]

    def to_json(self) -> dict[str, Any]:
        """Plain data, as `replay --format json` prints it."""
        return {
            "id": self.finding["id"],
            "outcome": self.outcome,
            "exit_code": int(self.exit_code),
            "then": {name: self.finding[name] for name in ("received", "allowed", "rate")},
            "received": self.received,
            "reason": self.reason,
            "tried": self.tried,
            "failed": self.failed,
            "exchanges": [exchange.to_json() for exchange in self.exchanges],
        }


# --- sending it -------------------------------------------------------------------------------------------------------


def descriptions_of(report: Report, finding: Report, root: Any) -> tuple[dict[str, Description], list[str]]:  # noqa: ANN401
    """The descriptions that a finding is judged by, and those of them that have changed since.

    Args:
        report: that has the finding.
        finding: what is sent again.
        root: folder of descriptions, or None for those that ship.

    Raises:
        SelectionError: an operation of it is not described any more.
    """
    hashes = {each["operation"]: each["sha256"] for each in report["descriptions"]}
    found: dict[str, Description] = {}
    for name in dict.fromkeys(request["operation"] for request in finding["requests"]):
        description = spec_folder.load(name, root)
        if description.checks is not None:  # whoever asks for it means it
            description = replace(description, checks=replace(description.checks, are_demanded=True))
        found[name] = description
    return found, [name for name, each in found.items() if hashes.get(name, each.sha256) != each.sha256]


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


def replay(
    report: Report, finding: Report, descriptions: Mapping[str, Description], recorder: Recorder, settings: Settings
) -> Replay:
    """Send the requests of a finding again and judge what comes.

    Raises:
        TargetUnreachable: nothing answers at the target's address.
        CredentialsError: a request holds a credential that only the environment can give, and it does not.
    """
    return _Replayer(report, finding, descriptions, recorder, settings).replay()


class _Replayer:
    """One finding, being sent."""

    def __init__(
        self,
        report: Report,
        finding: Report,
        descriptions: Mapping[str, Description],
        recorder: Recorder,
        settings: Settings,
    ) -> None:
        self.report = report
        self.finding = finding
        self.descriptions = descriptions
        self.settings = settings
        self.records = {each["number"]: each for each in report["exchanges"]}
        self.requests: dict[str, list[Report]] = {}
        self.cases: dict[str, Case] = {}
        #: Attempt -> the random parts of its names.
        self.fresh: dict[int, dict[int, str]] = {}
        self.names = Names(report["run"]["id"])
        for request in finding["requests"]:
            self._add(self.records[request["exchange"]]["case"], self._at_this_target(request))
        #: Those that are asked about; what else is sent only helps to judge them.
        self.own = tuple(self.cases.values())
        self.journal = Journal()
        self.campaign = Campaign(
            [Plan(description, "standard", 0, ()) for description in descriptions.values()],
            recorder,
            Context(run_id=self.names.run_id, now=0),
            journal=self.journal,
            rendered=self._rendered,
        )

    # --- what is sent -----------------------------------------------------------------------------------------------

    def _add(self, case: str, request: Report) -> None:
        description = self.descriptions[request["operation"]]
        self.requests.setdefault(case, []).append(request)
        count = len(self.requests[case])
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
        description = self.descriptions[request["operation"]]
        exchange = Exchange.from_json(self.records[request["exchange"]])
        target = exchange.request.target
        for path, new in self.settings.bindings.get(description.operation, {}).items():
            old = self._bound(description, path)
            if old is not None:
                target = re.sub(
                    rf"(?:(?<==)|(?<=%22)){re.escape(percent_encode(old))}(?=&|%22|$)", percent_encode(new), target
                )
        if target == exchange.request.target:
            return request
        moved = replace(exchange, request=replace(exchange.request, target=target))
        return request_of(description, moved, self.names, {})

    def _bound(self, description: Description, path: str) -> str | None:
        """The identifier that the run had for a path: that of its first request, which is the plainest."""
        for record in self.report["exchanges"]:
            if record["operation"] == description.operation:
                decoded = decode(description, Exchange.from_json(record).request)
                for location in locations(decoded.document, path):
                    value = get(decoded.document, location)
                    return value if isinstance(value, str) else None
        return None

    def _rendered(self, _: Description, case: Case, step: int, _context: Context, attempt: int) -> RawRequest:
        fresh = self.fresh.setdefault(attempt, _Fresh())
        filling = Filling(
            fresh=fresh, now=int(time.time()), secrets=self.settings.secrets, environ=self.settings.environ
        )
        return raw(self.requests[case.id][step], filling)

    # --- sending and judging ----------------------------------------------------------------------------------------

    def replay(self) -> Replay:
        rate = self._rate()
        times = self.settings.times or min(_MOST, _enough(rate))
        tried = failed = 0
        first = 0
        ended = ""
        try:
            while tried < times:
                before = len(self.journal.exchanges)
                last = first
                for case in self.own:
                    _, attempt = self.campaign.tried(case, first)
                    last = max(last, attempt)
                first = last + 1
                tried += 1
                if tried == 1:
                    self._make_sure_that_names_work()
                if self._failures(self._judged(), before):
                    failed += 1
                    if self.settings.times is None:
                        break
        except Stopped as stop:
            if self.campaign.is_unreachable:
                raise TargetUnreachable(str(stop)) from stop
            ended = str(stop)
        return self._ended(tried, failed, rate, ended)

    def _judged(self) -> CampaignJudgement:
        return judge_campaign(self.descriptions, self.cases, self.journal.exchanges)

    def _rate(self) -> float:
        """How often the failure showed among the requests that may show it."""
        rate = self.finding["rate"]
        if rate["failed"]:
            return min(1.0, int(rate["failed"]) / max(1, int(rate["tried"])))
        operations = {request["operation"] for request in self.finding["requests"]}
        sent = sum(each["operation"] in operations for each in self.report["exchanges"])
        return min(1.0, max(1, len(self.finding["exchanges"])) / max(1, sent))

    def _make_sure_that_names_work(self) -> None:
        """Send a valid request with the same identifiers where the answer is about these.

        That they don't exist is an answer about the world, unless they are seen to work.
        """
        last = self.journal.exchanges[-1]
        judged = self._judged().judgements[last.number]
        if judged.answer.kind != "world" or judged.is_right is not None:
            return
        description = self.descriptions[last.operation]
        wanted = identifiers(description, decode(description, last.request))
        records = [each for each in self.report["exchanges"] if each["operation"] == last.operation]
        for record in sorted(records, key=lambda each: len(each["request"]["target"])):
            response = record["response"]
            if response is None or response["status"] != description.success_status or record["judged"] != "right":
                continue
            exchange = Exchange.from_json(record)
            if record["step"] or not wanted <= identifiers(description, decode(description, exchange.request)):
                continue
            request = request_of(description, exchange, self.names, {})
            case = f"{record['case']}~works"
            self._add(case, self._at_this_target({**request, "exchange": record["number"]}))
            self.campaign.tried(self.cases[case])
            return

    def _failures(self, judged: CampaignJudgement, after: int) -> list[Observation]:
        """What failed among the exchanges behind the first `after` ones."""
        names = {case.id for case in self.own}
        numbers = {each.number for each in self.journal.exchanges[after:] if each.case in names}
        found = [each for each in judged.observations if each.outcome == "fail" and each.exchange in numbers]
        # What else is wrong with the answer to a request that is handled rightly is another finding.
        wrong = {number for name in names & judged.results.keys() for number in _failed(judged, name)}
        asked = self.finding["requirements"]
        found = [each for each in found if each.requirement in asked or each.exchange in wrong]
        if self.finding["cause"] == "reading changed":
            return [] if self._reading(judged) != self.finding["received"] else found or [_changed(self.finding)]
        if found or "now and then" not in self.finding["cause"]:
            return found
        # A request that is broken now and then is so already if it is once.
        broken = [number for number in numbers if judged.judgements[number].answer.kind == "broken"]
        return [_broken(self.finding, judged, number) for number in broken]

    def _reading(self, judged: CampaignJudgement) -> str:
        wanted = self.finding["requirement"]
        return next((f"reading {each.reading!r}" for each in judged.readings if each.question == wanted), "")

    def _ended(self, tried: int, failed: int, rate: float, ended: str) -> Replay:
        judged = self._judged()
        failures = self._failures(judged, 0)
        own = [each for each in self.journal.exchanges if each.case in {case.id for case in self.own}]
        decisive = failures[0].exchange if failures else own[-1].number if own else 0
        judgement = judged.judgements.get(decisive)
        received = failures[0].received if failures else str(judgement.answer) if judgement is not None else ""
        outcome: Literal["fails", "passes", "inconclusive"]
        if failures:
            same = [each for each in failures if each.cause == self.finding["cause"]]
            allowed = failures[0].allowed
            outcome = "fails"
            reason = "for the same cause" if same else f"for another cause than then; allowed {allowed}"
        elif ended or judgement is None:
            outcome, reason = "inconclusive", ended or "nothing was sent"
        else:
            outcome, reason = self._without_failure(judged, own, tried, rate)
        return Replay(
            finding=self.finding,
            outcome=outcome,
            received=received,
            reason=reason,
            tried=tried,
            failed=failed,
            exchanges=tuple(self.journal.exchanges),
        )

    def _without_failure(
        self, judged: CampaignJudgement, own: Sequence[Exchange], tried: int, rate: float
    ) -> tuple[Literal["passes", "inconclusive"], str]:
        undecided = [j for j in (judged.judgements[each.number] for each in own) if j.is_right is None]
        last = judged.judgements[own[-1].number]
        if last.is_right is None:
            return "inconclusive", last.reason or undecided[0].reason
        if self.finding["cause"] == "reading changed":
            reading = self._reading(judged)
            if not self.finding["allowed"].startswith(f"{reading},"):
                return "inconclusive", f"the answer shows neither reading; the target follows {reading or 'none'}"
            return "passes", f"{reading} again"
        if (1 - rate) ** tried > _MISSED:
            shown = f"it showed in {rate:.0%} of the answers then" if rate < 1 else ""
            return "inconclusive", f"{shown}, and not in {tried} now, which may be chance; --times sends it more often"
        return "passes", "the answer is one that the contract allows"


def _failed(judged: CampaignJudgement, case: str) -> tuple[int, ...]:
    """Numbers of the exchanges of a case that failed."""
    result = judged.results[case]
    return result.exchanges if result.status == "fail" else ()


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


def _enough(rate: float) -> int:
    """So many tries leave a failure of that rate unseen with the small probability that is put up with."""
    return 1 if rate >= 1 - _MISSED else math.ceil(math.log(_MISSED) / math.log(1 - rate))


def _changed(finding: Report) -> Observation:
    return Observation(
        requirement=finding["requirement"],
        outcome="fail",
        exchange=0,
        received=finding["received"],
        allowed=finding["allowed"],
        cause=finding["cause"],
    )


def _broken(finding: Report, judged: CampaignJudgement, number: int) -> Observation:
    return Observation(
        requirement=finding["requirement"],
        outcome="fail",
        exchange=number,
        received=str(judged.judgements[number].answer),
        allowed=finding["allowed"],
        cause=finding["cause"],
    )
