"""Run a campaign: send the cases of a plan, retry what the day's weather spoiled, explain what was refused.

In: plans, a recorder, limits. Out: the exchanges and the cases, in a `Journal`; the verdicts are made from these by
pure functions, so that a killed run, a merge of shards and pytest come to the same. The one engine: the command line
and the pytest plugin both call it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from acs_conformance import lifecycle
from acs_conformance.campaign_claims import absentees
from acs_conformance.campaign_judge import ATTEMPTS, BROKEN
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.context import simplest
from acs_conformance.cases.explain import explain
from acs_conformance.cases.lifecycle import stranger_case
from acs_conformance.cases.reduce import reduced
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.dispatch import Dispatcher, Rendered
from acs_conformance.exchange import Recorder
from acs_conformance.gateway_judge import is_pointless
from acs_conformance.journal import Journal
from acs_conformance.judge import judge_exchange
from acs_conformance.keeper import NothingToActOn
from acs_conformance.observation import Judgement
from acs_conformance.obstacle import obstacle_of, with_remedy
from acs_conformance.record import Exchange
from acs_conformance.trait import Memory
from acs_conformance.wire import decode_query

#: Requests in a row without any HTTP answer, after which nothing more is sent.
_SILENT = 9
#: Invalid requests in a row, all accepted, after which nothing more is sent: on a real target each may cost.
_ALL_ACCEPTED = 30
#: Valid requests, all refused, after which refusals show nothing.
_ALL_REFUSED = 6
#: Requirements whose first failure is sent once more to learn its rate, and requests spent on explaining refusals.
_CONFIRMED = 15
_EXPLAINING = 120

#: Kinds of cases that have to be accepted.
VALID = ("opening", "accept", "sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend; None: no limit."""

    max_requests: int | None = None
    max_seconds: float | None = None


#: Called after each case: the case, its last judgement, cases done, cases planned.
Progress = Callable[[Case, Judgement, int, int], None]


class Stopped(Exception):  # noqa: N818 - an end, not an error
    """The campaign ends early; the text says why."""


class Campaign:
    """One run of chosen cases against one target."""

    def __init__(
        self,
        plans: Sequence[Plan],
        recorder: Recorder,
        context: Context,
        *,
        journal: Journal | None = None,
        limits: Limits | None = None,
        beside: Iterable[Description] = (),
        progress: Progress | None = None,
        until: Callable[[Judgement], bool] | None = None,
        rendered: Rendered = render,
        sleep: Callable[[float], None] = time.sleep,
        wait: Callable[[float], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a run; nothing is sent.

        Args:
            plans: one for each operation, in the order in which they run.
            recorder: sends and records.
            context: run, bindings and time of the requests.
            journal: where exchanges go.
            limits: what may be spent.
            beside: operations that are called and not tested: that create or end what others act on.
            progress: told of each case.
            until: ends the run after the exchange for which it holds.
            rendered: makes the requests; a proof that sends the same ones again and again remembers them.
            sleep: waits so many seconds.
            wait: lets so many seconds of the life of things go by, and says by how many their clock was moved to that
                end; without it they are slept through.
            clock: seconds that only go forward.
        """
        self.plans = tuple(plans)
        self.journal = journal if journal is not None else Journal()
        tested = {plan.description.operation: plan.description for plan in plans}
        #: Every operation that may be called, those that are tested among them.
        self.descriptions: Mapping[str, Description] = lifecycle.called([*beside, *tested.values()])
        #: Why the run ended early, or "".
        self.stopped = ""
        #: Whether no connection to the target was ever made.
        self.is_unreachable = False
        self._recorder = recorder
        self._context = context
        self._limits = limits or Limits()
        self._progress = progress
        self._until = until
        self._clock = clock
        self._start = clock()
        self._dispatcher = Dispatcher(
            self.descriptions,
            recorder,
            context,
            self.journal,
            rendered=rendered,
            sleep=sleep,
            wait=wait,
            before=self._check_limits,
            after=self._look_at,
        )
        #: Case of the gateway -> the judgement on its last request.
        self._asked: dict[str, Judgement] = {}
        #: Exchanges of the journal that `resume` has looked at.
        self._looked_at = 0
        self._silent = 0
        self._confirmed: set[str] = set()
        self._explained = 0
        self._surprises = 0
        self._rejects = 0
        self._done = 0

    @property
    def cases(self) -> dict[str, Case]:
        """All cases by id: planned ones and explaining ones."""
        return {case.id: case for plan in self.plans for case in plan.cases} | self.journal.added

    def run(self) -> None:
        """Send everything; an early end is told by `stopped`. What was created is ended, however it comes to an end."""
        try:
            for plan in self.plans:
                self.run_valid(plan)
                self.run_cases(case for case in plan.cases if case.kind not in VALID)
        except Stopped as stop:
            self.stopped = str(stop)
        finally:
            self.close()

    def close(self) -> None:
        """End everything that was created and is not known to have ended."""
        self._until = None
        with contextlib.suppress(Stopped):
            self._dispatcher.keeper.end_all()

    def run_valid(self, plan: Plan, sent: Container[str] = ()) -> None:
        """Send what has to be accepted, unless it was `sent` before, and explain what is refused.

        Raises:
            Stopped: the run ended early.
        """
        if plan.description.operation in self.journal.skipped:
            return
        valid = [case for case in plan.cases if case.kind in VALID and case.id not in sent]
        judged: dict[str, Judgement] = {}
        try:
            for case in valid:
                judged[case.id] = self._run_case(case)
                if case.kind == "opening" and not judged[case.id].is_right and not self._is_offered(plan.description):
                    return
                self._check_valid(case, judged)
            self._explain(valid, judged)
        except NothingToActOn as reason:
            self.journal.skip(plan.description.operation, str(reason))

    def run_cases(self, cases: Iterable[Case]) -> None:
        """Send some cases.

        Raises:
            Stopped: the run ended early.
        """
        for case in cases:
            description = self.descriptions[case.operation]
            if case.operation in self.journal.skipped:
                continue
            if description.checks is None or not is_pointless(
                description, description.checks, case.id, self._asked, has_token=self._recorder.has_token
            ):
                try:
                    self._run_case(case)
                except NothingToActOn as reason:
                    self.journal.skip(case.operation, str(reason))

    def _is_offered(self, description: Description) -> bool:
        """Whether the target knows an operation at all; one that every target has to offer is not asked for."""
        if description.acts_on is None or description.acts_on.is_demanded:
            return True
        case = stranger_case(description)
        self.journal.add_case(case)
        self._dispatcher.send(case, 0, 0)
        judgements = {
            e.number: judge_exchange(self.descriptions[e.operation], e, Memory()) for e in self.journal.exchanges
        }
        absent = absentees(self.descriptions, self.journal.exchanges, judgements)
        if description.operation in absent:
            self.journal.skip(description.operation, absent[description.operation])
        return description.operation not in absent

    def resume(self) -> None:
        """Go on from what the journal holds, after another process has added to it."""
        # Only what was not looked at before: pytest resumes once for each requirement.
        added = self.journal.exchanges[self._looked_at :]
        self._looked_at = len(self.journal.exchanges)
        judged = self._dispatcher.resume(added)
        self._asked |= {e.case: j for e, j in judged if self.descriptions[e.operation].checks is not None}

    def tried(self, case: Case, first: int = 0) -> tuple[Judgement, int]:
        """Try a case: again while it is throttled, and twice more where the answer is broken.

        Args:
            case: what to send.
            first: number of the first attempt.

        Returns:
            The judgement that counts, and the number of the last attempt.

        Raises:
            Stopped: the run ended early.
        """
        judgement, attempt = self._dispatcher.attempt(case, first)
        broken = judgement.is_right is None and judgement.answer.kind == "broken"
        count = 1 if broken else 0
        while broken and attempt + 1 < first + ATTEMPTS and count < BROKEN:
            latest, attempt = self._dispatcher.attempt(case, attempt + 1)
            count += latest.is_right is None and latest.answer.kind == "broken"
            judgement = latest if latest.answer.kind != "broken" else judgement
        return judgement, attempt

    # --- one case ---------------------------------------------------------------------------------------------------

    def _run_case(self, case: Case) -> Judgement:
        judgement, attempt = self.tried(case)
        self._confirm(case, judgement, attempt)
        self._done += 1
        if self._progress is not None:
            self._progress(case, judgement, self._done, sum(len(plan.cases) for plan in self.plans))
        self._check_everything_accepted(case, judgement)
        return judgement

    def _confirm(self, case: Case, judgement: Judgement, attempt: int) -> None:
        """Send the first failure of a requirement once more: never to outvote it, only to learn its rate."""
        if judgement.is_right is not False or case.signing:  # a check of the gateway is no matter of chance
            return
        failed = next(o.requirement for o in judgement.observations if o.outcome == "fail")
        if failed not in self._confirmed and len(self._confirmed) < _CONFIRMED:
            self._confirmed.add(failed)
            self._dispatcher.attempt(case, attempt + 1)
            smaller = self._smaller(case)
            if smaller is not None:
                self.journal.add_case(smaller)
                self._dispatcher.attempt(smaller, 0)

    def _smaller(self, case: Case) -> Case | None:
        """A case that is judged like this one and smaller, made without sending anything; None if it is small."""
        if case.kind != "wild":
            return simplest(case)
        description = self.descriptions[case.operation]
        plain = Case(id=f"{case.id}~plain", operation=case.operation, kind="wild", steps=((),), aspects=())
        base = render(description, plain, 0, self._context)
        pairs = reduced(
            description, tuple((name, text) for name, text in case.edits[0].value), dict(decode_query(base.query)[0])
        )
        identifier = f"{case.id}~smallest"
        edit = Edit("whole", (), [list(pair) for pair in pairs])
        return replace(case, id=identifier, aspects=(identifier,), steps=((edit,),))

    # --- explaining -------------------------------------------------------------------------------------------------

    def _explain(self, valid: list[Case], judged: Mapping[str, Judgement]) -> None:
        """Find the smallest difference from an accepted request for which a valid request is refused."""
        failed = [
            case for case in valid if judged[case.id].is_right is False or judged[case.id].answer.kind == "broken"
        ]
        accepted = [case for case in valid if judged[case.id].is_accepted and judged[case.id].is_right]
        if not failed or not accepted:
            return

        def is_refused(case: Case) -> bool:
            self._explained += 1
            self.journal.add_case(case)
            judgement, _ = self._dispatcher.attempt(case, 0)
            return judgement.is_right is False or judgement.answer.kind == "broken"

        explain(failed, accepted, is_refused, lambda: self._explained < _EXPLAINING)

    # --- early ends -------------------------------------------------------------------------------------------------

    def _look_at(self, exchange: Exchange, judgement: Judgement, is_unreachable: bool) -> None:
        self._check_silence(exchange, is_unreachable)
        if self.descriptions[exchange.operation].checks is not None:
            self._asked[exchange.case] = judgement
        if self._until is not None and self._until(judgement):
            raise Stopped("what was looked for was found")

    def _check_limits(self, case: Case) -> None:
        if case.kind == "cleanup":
            return  # what was created is ended, whatever it costs
        limits = self._limits
        if limits.max_requests is not None and len(self.journal.exchanges) >= limits.max_requests:
            raise Stopped(f"the limit of {limits.max_requests} requests was reached")
        if limits.max_seconds is not None and self._clock() - self._start >= limits.max_seconds:
            raise Stopped(f"the limit of {limits.max_seconds:g} seconds was reached")

    def _check_silence(self, exchange: Exchange, is_unreachable: bool) -> None:
        self._silent = self._silent + 1 if exchange.response is None else 0
        answered = any(earlier.response is not None for earlier in self.journal.exchanges)
        if is_unreachable and not answered and self._silent >= ATTEMPTS:
            self.is_unreachable = True
            raise Stopped(f"the target can't be reached: {with_remedy(exchange.failure)}")
        if self._silent >= _SILENT:
            self.is_unreachable = not answered
            raise Stopped(f"{self._silent} requests in a row got no HTTP answer: {exchange.failure}")

    def _check_valid(self, case: Case, judged: Mapping[str, Judgement]) -> None:
        """End where nothing valid is accepted: refusals would show nothing then."""
        judgement = judged[case.id]
        answer = judgement.answer
        is_elsewhere = judgement.is_right is None and answer.kind in ("gateway", "world", "throttled")
        acts_on = self.descriptions[case.operation].acts_on
        if case.kind == "opening" and acts_on is not None and is_elsewhere:
            raise NothingToActOn(f"the plain valid request was answered {answer}")
        if case.kind == "opening" and (is_elsewhere or (answer.is_foreign and not self._knows_the_contract(case))):
            found = obstacle_of(self.descriptions[case.operation], self.journal.exchanges[-1])
            raise Stopped(f"the plain valid request was answered {answer}{f': {found.says}' if found else ''}")
        answers = {str(other.answer) for other in judged.values()}
        if (
            len(judged) >= _ALL_REFUSED
            and len(answers) == 1
            and not any(other.is_accepted for other in judged.values())
        ):
            raise Stopped(f"{len(judged)} of {len(judged)} valid requests were answered {judgement.answer}")

    def _knows_the_contract(self, opening: Case) -> bool:
        """Whether the target refuses an invalid request as documented: then what it said to a valid one is its own."""
        cases = next(plan.cases for plan in self.plans if plan.description.operation == opening.operation)
        invalid = next((case for case in cases if case.kind == "reject"), None)
        if invalid is None:
            return False
        probe = replace(invalid, id=f"{invalid.id}~probe", is_enumerated=False)
        self.journal.add_case(probe)
        judgement, _ = self._dispatcher.attempt(probe, 0)
        return judgement.answer.row is not None

    def _check_everything_accepted(self, case: Case, judgement: Judgement) -> None:
        if case.kind != "reject":
            return
        self._rejects += 1
        self._surprises += judgement.is_accepted
        if self._rejects == self._surprises == _ALL_ACCEPTED:
            raise Stopped(f"{_ALL_ACCEPTED} of {_ALL_ACCEPTED} invalid requests were accepted")
