"""Run a campaign: send the cases of a plan, retry what the day's weather spoiled, explain what was refused.

In: plans, a recorder, limits. Out: the exchanges and the cases, in a `Journal`; the verdicts are made from these by
pure functions, so that a killed run, a merge of shards and pytest come to the same. The one engine: the command line
and the pytest plugin both call it.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace

from acs_conformance import lifecycle, threads
from acs_conformance.answer import Answer
from acs_conformance.budget import Exhausted, Unaffordable
from acs_conformance.campaign_claims import absentees
from acs_conformance.campaign_judge import ATTEMPTS, BROKEN
from acs_conformance.cases import Plan
from acs_conformance.cases.case import Case
from acs_conformance.cases.explain import explain
from acs_conformance.cases.lifecycle import stranger_case
from acs_conformance.cases.render import Context, render
from acs_conformance.cases.smaller import smaller_case
from acs_conformance.description import Description
from acs_conformance.dispatch import Dispatcher, Rendered
from acs_conformance.early_end import EarlyEnds, Stopped, is_surprise, look_at_valid, stopping
from acs_conformance.exchange import Recorder
from acs_conformance.gateway_judge import is_locked_out, is_pointless
from acs_conformance.journal import Journal, Shared
from acs_conformance.judge import judge_exchange
from acs_conformance.keeper import NothingToActOn
from acs_conformance.leaving import Leaving
from acs_conformance.observation import Judgement
from acs_conformance.obstacle import obstacle_of
from acs_conformance.record import Exchange
from acs_conformance.trait import Memory
from acs_conformance.waiting import Move, Offered, Waiting

#: Requirements whose first failure is sent once more to learn its rate, and requests spent on explaining refusals.
_CONFIRMED = 15
_EXPLAINING = 120
#: Seconds before a broken case is tried again, where the target is far away and others use it, too.
_REST_S = 4.0
#: Attempts at the opening request that each part of a campaign has to itself.
_ATTEMPTS_OF_A_PART = 100
#: Kinds of cases that have to be accepted.
VALID = ("opening", "accept", "sequence")

#: Why more invalid requests are not sent where each may create something that costs money.
_SURPRISED = "not tested: an invalid request of this requirement was accepted"

#: Called after each case: the case, its last judgement, cases done, cases planned.
Progress = Callable[[Case, Judgement, int, int], None]


class Campaign:
    """One run of chosen cases against one target."""

    def __init__(
        self,
        plans: Sequence[Plan],
        recorder: Recorder | Sequence[Recorder],
        context: Context,
        *,
        journal: Journal | None = None,
        beside: Iterable[Description] = (),
        progress: Progress | None = None,
        until: Callable[[Judgement], bool] | None = None,
        rendered: Rendered = render,
        sleep: Callable[[float], None] | None = None,
        wait: Move | None = None,
        offered: Offered | None = None,
        part: int = 0,
    ) -> None:
        """Prepare a run; nothing is sent.

        Args:
            plans: one for each operation, in the order in which they run.
            recorder: sends and records; its guard says what may be spent. Several work at the same time, each in a
                thread of its own.
            context: run, bindings and time of the requests.
            journal: where exchanges go.
            beside: operations that are called and not tested: that create or end what others act on.
            progress: told of each case.
            until: ends the run after the exchange for which it holds.
            rendered: makes the requests; a proof that sends the same ones again and again remembers them.
            sleep: waits so many seconds; without it they are slept through, unless an interruption comes.
            wait: lets so many seconds of the life of things go by, and says by how many their clock was moved to that
                end; without it they are slept through.
            offered: finds such a thing in what was answered, where it was not known before.
            part: which part of a campaign that is sent in parts, from 0; the opening request, which they all send,
                takes names of its own in each.
        """
        self.plans = tuple(plans)
        self.journal = journal if journal is not None else Journal()
        tested = {plan.description.operation: plan.description for plan in plans}
        #: Every operation that may be called, those that are tested among them.
        self.descriptions: Mapping[str, Description] = lifecycle.called([*beside, *tested.values()])
        #: Why the run ended early, or "".
        self.stopped = ""
        self._ends = EarlyEnds(self.journal)
        recorders = [recorder] if isinstance(recorder, Recorder) else list(recorder)
        self._recorder = recorders[0]
        self._context = context
        self._progress = progress
        self._until = until
        #: Whether what is accepted costs, so that nothing is to be accepted without need.
        guard = self._recorder.guard
        self._is_frugal = guard is not None and guard.limits.max_jobs is not None
        #: Requirements of which an invalid request was accepted.
        self._surprising: set[str] = set()
        self._first_attempt = part * _ATTEMPTS_OF_A_PART
        self._shared = Shared(self.journal)
        self._leaving = Leaving(recorders)
        sleep = sleep or self._leaving.doze
        self._waiting = Waiting(self.journal, sleep, wait, offered)
        self._dispatchers = [
            Dispatcher(
                self.descriptions,
                each,
                context,
                self._shared,
                name=f"{part}-{name}." if part or len(recorders) > 1 else "",
                rendered=rendered,
                sleep=sleep,
                wait=self._waiting.let_pass,
                after=self._look_at,
            )
            for name, each in enumerate(recorders, 1)
        ]
        self._dispatcher = self._dispatchers[0]
        self._each = functools.partial(threads.each, hurry=self._leaving.steps)
        #: Case of the gateway -> the judgement on its last request.
        self._asked: dict[str, Judgement] = {}
        #: Exchanges of the journal that `resume` has looked at.
        self._looked_at = 0
        self._confirmed: set[str] = set()
        self._explained = 0
        self._done = 0

    @property
    def is_unreachable(self) -> bool:
        """Whether no connection to the target was ever made."""
        return self._ends.is_unreachable

    @property
    def cases(self) -> dict[str, Case]:
        """All cases by id: planned ones and explaining ones."""
        return {case.id: case for plan in self.plans for case in plan.cases} | self.journal.added

    def run(self) -> None:
        """Send everything and end what was created; an early end is told by `stopped`.

        After an interruption or an error what was created is in the journal of intents, if the recorder's guard has
        one, and is left to whoever holds that: what the threads knew of it may have been cut.
        """
        try:
            for plan in self.plans:
                self.run_valid(plan)
                self.run_cases(case for case in plan.cases if case.kind not in VALID)
        except Stopped as stop:
            self.stopped = str(stop)
        except BaseException:
            self._leaving.begin()
            if not self._leaving.is_written_down:
                self.close()
            raise
        self.close()

    def close(self) -> None:
        """End everything that was created and is not known to have ended."""
        self._until = None
        for dispatcher in self._dispatchers:
            with contextlib.suppress(Stopped, Exhausted, Unaffordable):
                dispatcher.keeper.end_all()

    @stopping()
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
            opening = valid[:1] if valid and valid[0].kind == "opening" else []
            for case in opening:
                judgement = self._run_case(case, self._dispatcher)
                if judgement is not None and not judgement.is_right and not self._is_offered(plan.description):
                    return
                self._take(case, judgement, judged)
            others = valid[len(opening) :]
            self._each(others, self._dispatchers, lambda c, d: self._take(c, self._run_case(c, d), judged))
            self._explain([case for case in valid if case.id in judged], judged)
        except NothingToActOn as reason:
            self.journal.skip(plan.description.operation, str(reason))
        except Unaffordable:
            return  # what is known has to do as an explanation

    def _take(self, case: Case, judgement: Judgement | None, judged: dict[str, Judgement]) -> None:
        if judgement is not None:
            with self._shared.lock:
                judged[case.id] = judgement
                self._check_valid(case, judged)

    @stopping()
    def run_cases(self, cases: Iterable[Case]) -> None:
        """Send some cases.

        Raises:
            Stopped: the run ended early.
        """
        alone: list[Case] = []
        together: list[Case] = []
        for case in cases:
            (alone if self._has_to_be_alone(case) else together).append(case)
        self._each(together, self._dispatchers, self._run_one)
        self._each(alone, self._dispatchers[:1], self._run_one)

    def _has_to_be_alone(self, case: Case) -> bool:
        """Whether other cases at the same time would disturb it, or it them: by order, or by moving time."""
        return self.descriptions[case.operation].checks is not None or self._waiting.moves_time(case)

    def _run_one(self, case: Case, dispatcher: Dispatcher) -> None:
        description = self.descriptions[case.operation]
        checks = description.checks
        if case.operation in self.journal.skipped or self._waiting.takes_too_long(case):
            return
        if checks is not None and is_pointless(
            description, checks, case.id, self._asked, has_token=self._recorder.has_token
        ):
            return
        try:
            judgement = self._run_case(case, dispatcher)
        except NothingToActOn as reason:
            with self._shared.lock:
                self.journal.skip(case.operation, str(reason))
            return
        if judgement is not None and checks is not None and is_locked_out(description, checks, self._asked):
            raise self._obstructed(case, judgement.answer)

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
        self._recorder.follow(added)
        judged = self._dispatcher.resume(added)
        self._asked |= {e.case: j for e, j in judged if self.descriptions[e.operation].checks is not None}
        cases = self.cases if self._is_frugal else {}
        self._surprising |= {cases[e.case].requirement for e, j in judged if is_surprise(cases.get(e.case), j)}

    def tried(self, case: Case, first: int = 0, dispatcher: Dispatcher | None = None) -> tuple[Judgement, int]:
        """Try a case: again while it is throttled, and twice more where the answer is broken.

        Args:
            case: what to send.
            first: number of the first attempt.
            dispatcher: sends it; None: the first one.

        Returns:
            The judgement that counts, and the number of the last attempt.

        Raises:
            Stopped: the run ended early.
        """
        dispatcher = dispatcher or self._dispatcher
        judgement, attempt = dispatcher.attempt(case, first)
        broken = judgement.is_right is None and judgement.answer.kind == "broken"
        count = 1 if broken else 0
        while broken and attempt + 1 < first + ATTEMPTS and count < BROKEN:
            dispatcher.rest(_REST_S if self._is_frugal else 0.0)
            latest, attempt = dispatcher.attempt(case, attempt + 1)
            count += latest.is_right is None and latest.answer.kind == "broken"
            judgement = latest if latest.answer.kind != "broken" else judgement
        return judgement, attempt

    # --- one case ---------------------------------------------------------------------------------------------------

    def _run_case(self, case: Case, dispatcher: Dispatcher) -> Judgement | None:
        """Send a case; None where nothing is left to be spent on it."""
        if self._is_frugal and case.kind == "reject" and case.requirement in self._surprising:
            reason = _SURPRISED
        else:
            try:
                return self._decide(case, dispatcher)
            except Unaffordable as lack:
                reason = str(lack)
        with self._shared.lock:
            self.journal.leave(case.id, reason)
            self._done += 1
        return None

    def _decide(self, case: Case, dispatcher: Dispatcher) -> Judgement:
        judgement, attempt = self.tried(case, self._first_attempt if case.kind == "opening" else 0, dispatcher)
        if is_surprise(case, judgement):
            self._surprising.add(case.requirement)
        if not (self._is_frugal and judgement.is_accepted):
            with contextlib.suppress(Unaffordable):
                self._confirm(case, judgement, attempt, dispatcher)
        with self._shared.lock:
            self._done += 1
            if self._progress is not None:
                self._progress(case, judgement, self._done, sum(len(plan.cases) for plan in self.plans))
            self._ends.look_at_case(case, judgement)
        return judgement

    def _confirm(self, case: Case, judgement: Judgement, attempt: int, dispatcher: Dispatcher) -> None:
        """Send the first failure of a requirement once more: never to outvote it, only to learn its rate."""
        if judgement.is_right is not False or case.signing:  # a check of the gateway is no matter of chance
            return
        failed = next(o.requirement for o in judgement.observations if o.outcome == "fail")
        if failed not in self._confirmed and len(self._confirmed) < _CONFIRMED:
            self._confirmed.add(failed)
            dispatcher.attempt(case, attempt + 1)
            smaller = smaller_case(self.descriptions[case.operation], case, self._context)
            if smaller is not None:
                self._shared.add_case(smaller)
                dispatcher.attempt(smaller, 0)

    # --- explaining -------------------------------------------------------------------------------------------------

    def _explain(self, valid: list[Case], judged: Mapping[str, Judgement]) -> None:
        """Find the smallest difference from an accepted request for which a valid request is refused."""
        failed = [c for c in valid if judged[c.id].is_right is False or judged[c.id].answer.kind == "broken"]
        accepted = [case for case in valid if judged[case.id].is_accepted and judged[case.id].is_right]
        if not failed or not accepted:
            return

        def is_refused(case: Case) -> bool:
            self._explained += 1
            self.journal.add_case(case)
            judgement, _ = self._dispatcher.attempt(case, 0)
            return judgement.is_right is False or judgement.answer.kind == "broken"

        d = self.descriptions[failed[0].operation]
        explain(failed, accepted, is_refused, lambda: self._explained < _EXPLAINING, d)

    # --- early ends -------------------------------------------------------------------------------------------------

    def _look_at(self, exchange: Exchange, judgement: Judgement, is_unreachable: bool) -> None:
        self._ends.look_at_exchange(exchange, is_unreachable)
        if self.descriptions[exchange.operation].checks is not None:
            self._asked[exchange.case] = judgement
        if self._until is not None and self._until(judgement):
            raise Stopped("what was looked for was found")

    def _check_valid(self, case: Case, judged: Mapping[str, Judgement]) -> None:
        """End where nothing valid is accepted: refusals would show nothing then."""
        judgement = judged[case.id]
        answer = judgement.answer
        is_elsewhere = judgement.is_right is None and answer.kind in ("gateway", "world", "throttled")
        acts_on = self.descriptions[case.operation].acts_on
        if case.kind == "opening" and acts_on is not None and is_elsewhere:
            raise NothingToActOn(f"the plain valid request was answered {answer}")
        if case.kind == "opening" and (is_elsewhere or (answer.is_foreign and not self._knows_the_contract(case))):
            raise self._obstructed(case, answer)
        if acts_on is None:  # else refusals may be all about what is acted on
            look_at_valid(judged.values())

    def _obstructed(self, case: Case, answer: Answer) -> Stopped:
        """The end of a run that something is in the way of, as its last exchange shows."""
        found = obstacle_of(self.descriptions[case.operation], self.journal.exchanges[-1])
        return Stopped(f"the plain valid request was answered {answer}{f': {found.says}' if found else ''}")

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
