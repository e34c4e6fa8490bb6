"""Explore: several things, applications and channels, invalid calls and time, interleaved by a stateful model.

In: descriptions, a target on loopback, a seed. Out: an `Exploration`: what was sent, and the smallest sequence of
requests that broke a requirement. Hypothesis chooses what is sent next and makes a failing sequence smaller, which
sends it again and again: this is for targets where requests are free. Whether an answer is right is said by the judges
that a campaign has, so the model holds no opinion of its own: it is a list of what can be sent.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from acs_conformance import lifecycle
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import ATTEMPTS, judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.accept import opening_case
from acs_conformance.cases.case import Case
from acs_conformance.cases.draw import BACKEND
from acs_conformance.cases.moves import Call, Family, Moves, families, moves_of, smaller
from acs_conformance.cases.render import Context
from acs_conformance.description import Description
from acs_conformance.emulator_clock import with_clock
from acs_conformance.errors import TargetUnreachable, UsageError
from acs_conformance.exchange import Recorder
from acs_conformance.explore_machine import Enough, Found, found, machine
from acs_conformance.journal import Journal
from acs_conformance.target import Target, is_loopback
from acs_conformance.walk import Failing, Stage, Walk

#: Walks without progress after which Hypothesis has made a failing one small enough, and those that are spent then on
#: leaving out one part after the other.
_PATIENCE = 40
_SMALLER = 120
#: Ends of the requirements that only many exchanges show.
_TOGETHER = (".unique", ".availability")
#: Told how many sequences were tried, and how many there are to be.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is tried."""

    seed: int = 0
    #: Sequences, and requests or waits in each of them.
    examples: int = 100
    steps: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What came of it."""

    descriptions: Mapping[str, Description]
    effort: Effort
    run_id: str
    #: The smallest sequence that failed, how often it was sent and how often it failed then; None: all was right.
    failing: Failing | None
    failed: int = 0
    tried: int = 0
    #: Sequences, those that made a failing one smaller among them, and requests in all.
    walks: int
    requests: int
    #: Why something could not be decided, or was left out.
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def explore(
    descriptions: Iterable[Description],
    recorder: Recorder,
    target: Target,
    *,
    effort: Effort,
    run_id: str,
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Explore what the operations do together; what was created is ended.

    Args:
        descriptions: of all operations there are.
        recorder: sends to the target and records.
        target: on loopback.
        effort: how much is tried.
        run_id: marks the names that are made; up to six lower-case letters and digits.
        journal: where exchanges go.
        progress: told of each sequence.

    Raises:
        UsageError: the target is elsewhere, or no operation acts on what another one creates.
        TargetUnreachable: nobody answers.
    """
    if not is_loopback(urlsplit(target.url).hostname or ""):
        raise UsageError(
            f"{target.url} is not on this machine. An exploration sends thousands of requests and starts hundreds of "
            "things; on a real endpoint the fixed programme of `acs-conformance run` asks the same"
        )
    found = families(descriptions)
    if not found:
        raise UsageError(
            "no described operation acts on what another one creates, so there is nothing to explore; "
            "spec/README.md says how x-acts-on describes one"
        )
    called = lifecycle.called(each for family in found for each in family.descriptions)
    stage = Stage(called, recorder, journal if journal is not None else Journal(), target, run_id)
    explorer = _Explorer(stage, effort, progress)
    for family in found:
        explorer.run(family)
    return explorer.result()


def undemanded(descriptions: Mapping[str, Description]) -> dict[str, Description]:
    """The operations for a target that may do without some: what it does not have is left out then, and said."""
    return {
        name: each if each.acts_on is None else replace(each, acts_on=replace(each.acts_on, is_demanded=False))
        for name, each in descriptions.items()
    }


@dataclass(slots=True)
class _Explorer:
    """One exploration, family by family, up to its first finding."""

    stage: Stage
    effort: Effort
    progress: Progress | None
    cases: dict[str, Case] = field(default_factory=dict)
    run_ids: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    smallest: Failing | None = None
    #: Calls of a sequence as a text -> how often it was sent, and how often it failed.
    tried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    examples: int = 0
    #: Number of the last exchange before the walks.
    opened_up_to: int = 0
    #: Walks since a failing one became smaller.
    idle_walks: int = 0

    def run(self, family: Family) -> None:
        """Explore one family, unless something was found before."""
        if self.smallest is not None or self.stage.stopped:
            return
        present = self._present(family)
        if present is None:
            return
        moves = self._known_worlds(present, moves_of(present))
        if self.smallest is not None or self.stage.stopped:
            return
        model = seed(self.effort.seed)(machine(self, present, moves))
        chosen = settings(
            max_examples=self.effort.examples,
            stateful_step_count=self.effort.steps,
            phases=(Phase.generate, Phase.shrink),
            database=None,
            deadline=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            backend=BACKEND,
        )
        try:
            run_state_machine_as_test(model, settings=chosen)
        except (Found, Enough):
            pass
        except Flaky:
            # Another answer the second time: what was seen stays so, and how often it comes is told.
            if self.smallest is None:
                self.stage.undecided["the same requests were answered otherwise when they were sent again"] = None
        self._make_smaller(sorted(set(moves.waits_s)))
        self._confirm()

    # --- before -------------------------------------------------------------------------------------------------------

    def _present(self, family: Family) -> Family | None:
        """The operations of the family that the target has, each called once; None without any to explore."""
        plans = [
            Plan(each, "quick", self.effort.seed, (opening_case(each),))
            for each in dict.fromkeys((family.creator, *family.showing, *family.ending))
        ]
        stage = self.stage
        context = Context(run_id=f"{stage.run_id}0", now=int(time.time()), secrets=stage.target.secrets)
        campaign = Campaign(
            plans,
            stage.recorder,
            context,
            journal=stage.journal,
            beside=stage.descriptions.values(),
            wait=stage.target.advance,
        )
        campaign.run()
        stage.shared.go_on()
        self.opened_up_to = stage.requests
        self.cases |= campaign.cases
        stage.target = with_clock(stage.target, stage.journal.exchanges)
        if campaign.is_unreachable:
            raise TargetUnreachable(f"{stage.target.url}: {campaign.stopped}")
        if campaign.stopped:
            stage.stopped = campaign.stopped
            stage.undecided[campaign.stopped] = None
            return None
        left_out = stage.journal.skipped
        self.notes += [f"{name} was left out: {why}" for name, why in left_out.items()]
        showing = tuple(each for each in family.showing if each.operation not in left_out)
        ending = tuple(each for each in family.ending if each.operation not in left_out)
        if not showing and not ending:
            stage.undecided[f"nothing was seen of what acts on a {family.thing}"] = None
            return None
        return replace(family, showing=showing, ending=ending)

    def _known_worlds(self, family: Family, moves: Moves) -> Moves:
        """The moves without what the target knows nothing of, such as an application that it does not have."""
        known = []
        for world in moves.worlds:
            walk = Walk(self.stage)
            judgement = walk.call(Call(family.creator.operation, world))
            if judgement is None or judgement.answer.kind != "world" or judgement.is_right is not None:
                known.append(world)
            else:
                names = " and ".join(str(edit.location[0]) for edit in world)
                self.notes.append(f"another {names} was left out: the target answers {judgement.answer}")
            self._close(walk)
        return replace(moves, worlds=tuple(known) or ((),))

    # --- walks --------------------------------------------------------------------------------------------------------

    def over(self, walk: Walk) -> None:
        """Judge and end a walk; a failing one is kept if it is the smallest.

        Raises:
            Found: what it broke shows only now.
        """
        is_known = walk.failing is not None
        walk.finish()
        self._close(walk)
        self.examples += 1
        if self.progress is not None:
            self.progress(min(self.examples, self.effort.examples), self.effort.examples)
        if walk.failing is not None and not is_known:
            raise found(walk.failing)

    def _close(self, walk: Walk) -> None:
        walk.close()
        self.cases[walk.case.id] = walk.case
        self.run_ids[walk.case.id] = walk.run_id
        key = repr(walk.calls if walk.failing is None else walk.failing.calls)
        self.tried[key] += 1
        if walk.failing is not None:
            self.failed[key] += 1
            if self.smallest is None or walk.failing.size < self.smallest.size:
                self.smallest = walk.failing
                self.idle_walks = 0
        self.idle_walks += 1

    def go_on(self) -> None:
        """Called before each walk that Hypothesis wants.

        Raises:
            Enough: a failing one has not become smaller for a long time.
        """
        if self.smallest is not None and self.idle_walks > _PATIENCE:
            raise Enough

    def _make_smaller(self, waits_s: Iterable[float]) -> None:
        """What Hypothesis has left: parts of a failing walk that it fails without, and where it fails now and then."""
        left = _SMALLER
        while self.smallest is not None and left > 0:
            before = self.smallest
            is_steady = self.failed[repr(before.calls)] == self.tried[repr(before.calls)]
            for calls in smaller(before.calls, waits_s):
                for _ in range(1 if is_steady else ATTEMPTS):
                    left -= 1
                    self._retry(calls)
                    if self.smallest is not before:
                        break
                if self.smallest is not before or left <= 0:
                    break
            else:
                return

    def _confirm(self) -> None:
        """Send what is to be told again: it is told with how often it fails, of which a single time says nothing."""
        for _ in range(ATTEMPTS - 1):
            if self.smallest is not None:
                self._retry(self.smallest.calls)

    def _retry(self, calls: tuple[Call, ...]) -> None:
        walk = Walk(self.stage)
        for call in calls:
            walk.call(call)
        walk.finish()
        self._close(walk)

    # --- after --------------------------------------------------------------------------------------------------------

    def result(self) -> Exploration:
        """What came of it; where no walk failed, what all of them show together counts too."""
        stage = self.stage
        failing = self.smallest or self._together()
        # What all walks show together was seen once: it is no sequence that could have been sent again.
        once = int(failing is not None)
        key = repr(self.smallest.calls) if self.smallest is not None else ""
        return Exploration(
            descriptions=stage.descriptions,
            effort=self.effort,
            run_id=stage.run_id,
            failing=failing,
            failed=self.failed[key] or once,
            tried=self.tried[key] or once,
            walks=stage.walks,
            requests=stage.requests,
            undecided=tuple(stage.undecided),
            notes=tuple(self.notes),
        )

    def _together(self) -> Failing | None:
        """What no walk shows: what went wrong before them, and what repeats or fails now and then in all of them.

        What they say of things was judged in order. Seen from the end, an id that was made up may have become one.
        """
        exchanges, cases = self.stage.journal.exchanges, self.cases | self.stage.journal.added
        before = [exchange for exchange in exchanges if exchange.number <= self.opened_up_to]
        judged = judge_campaign(self.stage.descriptions, cases, before)
        failed = [o for o in judged.observations if o.outcome == "fail"]
        if not failed:
            judged = judge_campaign(self.stage.descriptions, cases, exchanges)
            failed = [o for o in judged.observations if o.outcome == "fail" and o.requirement.endswith(_TOGETHER)]
        if not failed:
            return None
        first = min(failed, key=lambda observation: observation.exchange)
        last = next(e for e in exchanges if e.number == first.exchange)
        case = judged.results[last.case].case
        shown = tuple(e for e in exchanges if e.case == last.case and e.attempt == last.attempt)
        return Failing(
            observation=first,
            case=case,
            calls=(),
            run_id=self.run_ids.get(last.case, self.stage.run_id),
            exchanges=tuple(e for e in shown if e.number <= last.number),
        )
