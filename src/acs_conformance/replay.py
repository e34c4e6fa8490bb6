"""Send a finding of a report again, and say whether it still fails.

In: a report, a finding in it, and a recorder that reaches the target. Out: a `Replay`. What is sent are the recorded
bytes, never what a seed would make today, but for the random part of names and for credentials: `reproduction` says
which and why. A finding of several requests is sent as a whole. Judged is what comes, by the same judges as in a run.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from acs_conformance import lifecycle
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.render import Context
from acs_conformance.description import Description
from acs_conformance.early_end import Stopped
from acs_conformance.errors import TargetUnreachable
from acs_conformance.exchange import Recorder
from acs_conformance.journal import Journal
from acs_conformance.judge import identifiers
from acs_conformance.observation import Observation
from acs_conformance.record import Exchange
from acs_conformance.resend import Recorded, Settings
from acs_conformance.spec_folder import Shelf
from acs_conformance.verdict import ExitCode
from acs_conformance.wire import decode

Report = Mapping[str, Any]

#: How sure a replay has to be that a failure which shows now and then would have shown: one in twenty may be missed.
_MISSED = 0.05
#: Times that a finding is sent where nobody says how often and it does not fail. Twice, for what fails every other time
#: may be recorded as what always fails; and once more after what was sent before it then, which may be to blame.
_LEAST, _MOST = 3, 20


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
    shelf = Shelf(root)
    loaded = [_demanded(shelf.load(name)) for name in dict.fromkeys(each["operation"] for each in finding["requests"])]
    enders = [shelf.ender(each) for each in loaded if each.checks is None]
    # What creates and ends things is called too: what is created is ended again.
    found = lifecycle.called([*(each for each in enders if each is not None), *loaded])
    return found, [each.operation for each in loaded if hashes.get(each.operation, each.sha256) != each.sha256]


def _demanded(description: Description) -> Description:
    """The description of something that a target has to offer: whoever asks for it means it."""
    if description.checks is not None:
        return replace(description, checks=replace(description.checks, are_demanded=True))
    if description.acts_on is not None:
        return replace(description, acts_on=replace(description.acts_on, is_demanded=True))
    return description


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
        self.finding = finding
        self.descriptions = descriptions
        self.times = settings.times
        self.recorded = Recorded(report, finding, descriptions, settings)
        #: Those that are asked about; what else is sent only helps to judge them.
        self.own = tuple(self.recorded.cases.values())
        self.journal = Journal()
        self.campaign = Campaign(
            [Plan(descriptions[case.operation], "standard", 0, ()) for case in self.own],
            recorder,
            Context(
                run_id=secrets.token_hex(3), now=int(time.time()), bindings=settings.bound, secrets=settings.secrets
            ),
            journal=self.journal,
            beside=descriptions.values(),
            rendered=self.recorded.rendered,
            wait=settings.wait,
        )

    def replay(self) -> Replay:
        rate = self._rate()
        times = self.times or min(_MOST, max(_LEAST, _enough(rate)))
        tried = failed = 0
        first = 0
        ended = ""
        try:
            while tried < times:
                if tried == _LEAST - 1:
                    self._send_what_came_before()
                before = len(self.journal.exchanges)
                last = first
                for case in self.own:
                    _, attempt = self.campaign.tried(case, first)
                    last = max(last, attempt)
                first = last + 1
                tried += 1
                if tried == 1:
                    self._make_sure_that_names_work()
                judged = self._judged()
                if self._failures(judged, before):
                    failed += 1
                if self.times is None and (failed or self._undecided(judged)):
                    break
        except Stopped as stop:
            if self.campaign.is_unreachable:
                raise TargetUnreachable(str(stop)) from stop
            ended = str(stop)
        finally:
            self.campaign.close()
        return self._ended(tried, failed, rate, ended)

    def _judged(self) -> CampaignJudgement:
        return judge_campaign(
            self.campaign.descriptions, self.recorded.cases | self.journal.added, self.journal.exchanges
        )

    def _own(self) -> list[Exchange]:
        """The exchanges that are asked about."""
        names = {case.id for case in self.own}
        return [each for each in self.journal.exchanges if each.case in names]

    def _rate(self) -> float:
        """How often the failure showed among the requests that may show it."""
        rate = self.finding["rate"]
        if rate["failed"]:
            return min(1.0, int(rate["failed"]) / max(1, int(rate["tried"])))
        # What a body lacks, an id repeats or a sequence shows is not counted there. A sequence shows it once or not.
        if any(len(case.steps) > 1 for case in self.own):
            shown = {(record["case"], record["attempt"]) for record in map(self._record, self.finding["exchanges"])}
            return min(1.0, len(shown) / max(1, int(rate["tried"])))
        # Anything else shows in answers of the same status.
        operations = {request["operation"] for request in self.finding["requests"]}
        status = _status(self._record(self.finding["exchange"]))
        alike = sum(
            each["operation"] in operations and _status(each) == status for each in self.recorded.records.values()
        )
        return min(1.0, max(1, len(self.finding["exchanges"])) / max(1, alike))

    def _record(self, number: int) -> Report:
        return self.recorded.records[number]

    def _make_sure_that_names_work(self) -> None:
        """Send a valid request with the same identifiers where the answer is about these.

        That they don't exist is an answer about the world, unless they are seen to work.
        """
        last = self._own()[-1]
        judged = self._judged().judgements[last.number]
        if judged.answer.kind != "world" or judged.is_right is not None:
            return
        description = self.descriptions[last.operation]
        wanted = identifiers(description, decode(description, last.request))
        records = [each for each in self.recorded.records.values() if each["operation"] == last.operation]
        for record in sorted(records, key=lambda each: len(each["request"]["target"])):
            is_accepted = _status(record) == description.success_status and record["judged"] == "right"
            exchange = Exchange.from_json(record)
            shown = identifiers(description, decode(description, exchange.request))
            if is_accepted and not record["step"] and wanted <= shown:
                self._send_besides(exchange, "works")
                return

    def _send_what_came_before(self) -> None:
        """Send the request to the same operation that came right before the finding's first one in the run."""
        first = self.finding["requests"][0]
        numbers = (number for number in range(first["exchange"] - 1, 0, -1) if number in self.recorded.records)
        records = (self.recorded.records[number] for number in numbers)
        record = next((each for each in records if each["operation"] == first["operation"]), None)
        if record is not None and not record["signing"]:
            self._send_besides(Exchange.from_json(record), "before")

    def _send_besides(self, exchange: Exchange, why: str) -> None:
        """Send a recorded request that the finding is not about."""
        case = self.recorded.besides(exchange, why)
        self.campaign.tried(case, max((each.attempt + 1 for each in self.journal.exchanges), default=0))

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
        if not found:
            # Answers that are like nothing of the API's say nothing of it by themselves, unless they came then too.
            seen = (each for number in sorted(numbers) for each in judged.judgements[number].observations)
            found = [each for each in seen if each.outcome == "fail" and each.cause == self.finding["cause"]]
        if found or "now and then" not in self.finding["cause"]:
            return found
        # A request that is broken now and then is so already if it is once.
        broken = [number for number in numbers if judged.judgements[number].answer.kind == "broken"]
        return [_broken(self.finding, judged, number) for number in broken]

    def _undecided(self, judged: CampaignJudgement) -> str:
        """Why what came decides nothing, or ""."""
        results = [judged.results[case.id] for case in self.own if case.id in judged.results]
        if len(results) < len(self.own):
            return "the target does not offer the operation, or nothing was sent"
        return next((result.reason for result in results if result.status != "pass"), "")

    def _reading(self, judged: CampaignJudgement) -> str:
        wanted = self.finding["requirement"]
        return next((f"reading {each.reading!r}" for each in judged.readings if each.question == wanted), "")

    def _ended(self, tried: int, failed: int, rate: float, ended: str) -> Replay:
        judged = self._judged()
        failures = self._failures(judged, 0)
        own = self._own()
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
            outcome, reason = self._without_failure(judged, tried, rate)
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
        self, judged: CampaignJudgement, tried: int, rate: float
    ) -> tuple[Literal["passes", "inconclusive"], str]:
        undecided = self._undecided(judged)
        if undecided:
            return "inconclusive", undecided
        if self.finding["cause"] == "reading changed":
            reading = self._reading(judged)
            if not self.finding["allowed"].startswith(f"{reading},"):
                return "inconclusive", f"the answer shows neither reading; the target follows {reading or 'none'}"
            return "passes", f"{reading} again"
        if (1 - rate) ** tried > _MISSED:
            shown = f"it showed in {rate:.0%} of the answers then" if rate < 1 else ""
            return "inconclusive", f"{shown}, and not in {tried} now, which may be chance; --times sends it more often"
        return "passes", "the answer is one that the contract allows"


def _status(record: Report) -> int:
    response = record["response"]
    return int(response["status"]) if response is not None else 0


def _failed(judged: CampaignJudgement, case: str) -> tuple[int, ...]:
    """Numbers of the exchanges of a case that failed."""
    result = judged.results[case]
    return result.exchanges if result.status == "fail" else ()


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
