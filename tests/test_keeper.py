"""What a campaign creates it ends, however it comes to its own end; and what cases act on is there when they do."""

from __future__ import annotations

import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from acs_conformance import lifecycle, spec_folder
from acs_conformance.bench import Anybody
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.cases import Plan
from acs_conformance.cases.render import render
from acs_conformance.description import Description
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.message import RawRequest, RawResponse, header
from acs_conformance.record import STALE
from acs_conformance.verdict import Verdict, verdicts
from in_process import CONTEXT, MADE_UP_ROOT, NOW, planned
from lives import END, FAILS, SHOW, START

FAMILY = (START, SHOW, END)
PARCELS = tuple(spec_folder.load(name, MADE_UP_ROOT) for name in ("OpenParcel", "ShowParcel", "CloseParcel"))
families = pytest.mark.parametrize("family", [FAMILY, PARCELS], ids=["jobs", "parcels"])


@dataclass
class World:
    """A target in this process and a clock that everybody looks at; each request takes a moment."""

    family: tuple[Description, ...]
    fault: Fault | None = None
    policy: Policy | None = None
    #: Names of operations that the target does not have.
    lacks: tuple[str, ...] = ()
    #: Seconds that each request takes.
    took: float = 0.01
    #: Called before each request with the world and what is sent; raises, or answers instead of the target.
    meddle: Callable[[World, RawRequest], Reply | None] = lambda _world, _request: None
    sent: list[RawRequest] = field(default_factory=list)
    now: float = float(NOW)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.emulator = Emulator(
            {each.operation: each for each in self.family if each.operation not in self.lacks},
            settings=Settings(authenticate=False, secrets=CONTEXT.secrets),
            policy=self.policy,
            fault=self.fault,
            clock=self.clock,
        )

    def clock(self) -> float:
        """Real time goes by too: that is how long an answer is seen to take."""
        return self.now + time.perf_counter() - self.began

    def send(self, request: RawRequest) -> Reply:
        self.now += self.took
        self.sent.append(request)
        reply = self.meddle(self, request)
        return reply if reply is not None else Reply(self.emulator.handle(request))

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def advance(self, seconds: float) -> float:
        self.emulator.advance(seconds)
        return seconds

    def campaign(self, *plans: Plan, can_move: bool = True) -> Campaign:
        recorder = Recorder(self, Anybody(), clock=self.clock)
        wait = self.advance if can_move else None
        return Campaign(plans, recorder, CONTEXT, beside=self.family, sleep=self.sleep, wait=wait)

    def calls(self, operation: str) -> list[RawRequest]:
        return [request for request in self.sent if header(request.headers, "x-acs-action") == operation]

    @property
    def alive(self) -> list[str]:
        """Ids of what lives at the target."""
        return [job.id for job in self.emulator.jobs if not self.emulator.life.has_ended(job)]


def plans_of(family: Iterable[Description], depth: str = "quick") -> list[Plan]:
    return [planned(description, depth) for description in family]


# --- nothing is left behind -------------------------------------------------------------------------------------------


@families
@pytest.mark.parametrize("depth", ["quick", "standard"])
def test_nothing_that_a_whole_run_has_created_outlives_it(family, depth):
    world = World(family)
    campaign = world.campaign(*plans_of(family, depth))
    campaign.run()
    assert campaign.stopped == ""
    assert len(world.emulator.jobs) > 10
    assert world.alive == []
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    kind = family[0].creates.thing
    assert judged.created == judged.ended == {kind: len(world.emulator.jobs)}


@families
def test_only_what_is_shared_lives_between_two_cases(family):
    """At any moment no more lives than what the case at hand has created and the one that they share."""
    most: dict[str, int] = {}

    def count(world, _request):
        case = campaign.journal.exchanges[-1].case if campaign.journal.exchanges else ""
        most[case] = max(most.get(case, 0), len(world.alive))

    world = World(family, meddle=count)
    campaign = world.campaign(*plans_of(family, "standard"))
    campaign.run()
    assert max(most.values()) <= 5
    singles = [n for name, n in most.items() if name in campaign.cases and campaign.cases[name].kind == "reject"]
    assert max(singles) <= 2


class Interrupted(BaseException):
    """As Ctrl-C ends a run, at any request."""


@families
@pytest.mark.parametrize("after", [1, 2, 3, 5, 6, 40, 150])
def test_an_interruption_leaves_nothing_behind(family, after):
    def interrupt(world, request):
        if len(world.sent) == after:
            reply = Reply(world.emulator.handle(request))  # it has arrived, and the answer is read
            world.interrupted = reply
            return reply
        if len(world.sent) == after + 1 and not getattr(world, "is_over", False):
            world.is_over = True
            raise Interrupted
        return None

    world = World(family, meddle=interrupt)
    campaign = world.campaign(*plans_of(family))
    with pytest.raises(Interrupted):
        campaign.run()
    assert len(world.emulator.jobs) >= 1
    assert world.alive == []


@families
def test_nothing_is_left_behind_where_the_target_stops_answering(family):
    """Nothing can be ended while nobody answers; once somebody does again, what is left is ended."""

    def silent(world, request):
        is_end = header(request.headers, "x-acs-action") == family[2].operation
        return Reply(None, "the connection was closed") if 60 < len(world.sent) < 90 and not is_end else None

    world = World(family, meddle=silent)
    campaign = world.campaign(*plans_of(family))
    campaign.run()
    assert "no HTTP answer" in campaign.stopped
    assert world.alive == []


class RefusesLists(Fault):
    """Refuses what has more than one item, so that valid cases fail and are explained."""

    def __init__(self, name: str) -> None:
        self.name = name

    def breaches(self, call, found, memory):  # noqa: ARG002
        from acs_conformance.emulator.validation import Breach

        if found or len(call.document.get(self.name, [])) < 2:
            return found
        row = next(iter(call.description.refusals.other))
        return [Breach(location=(self.name,), path=self.name, keyword="type", kind="other", rows=(row,))]


class Accepts(Fault):
    """Accepts whatever is sent, so that reject cases create things."""

    def breaches(self, call, found, memory):  # noqa: ARG002
        return found if call.description.acts_on is not None and call.job is None else []


@families
@pytest.mark.parametrize("fault", ["refuses lists", "accepts"])
def test_nothing_is_left_behind_where_cases_fail(family, fault):
    lists = next(node.path for node in family[0].parameters if node.type == "array")
    world = World(family, fault=RefusesLists(lists) if fault == "refuses lists" else Accepts())
    campaign = world.campaign(*plans_of(family))
    campaign.run()
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    assert any(result.status == "fail" for result in judged.results.values())
    same = family[2].acts_on.same
    left = [job.document for job in world.emulator.jobs if not world.emulator.life.has_ended(job)]
    # Nobody can name the owner of what was created without one.
    assert [document for document in left if all(document.get(name) for name in same)] == []


@families
def test_each_thing_is_ended_once_and_under_its_own_names(family):
    world = World(family)
    plan = planned(family[0], "quick")
    campaign = world.campaign(plan)
    campaign.run()
    ender = family[2].acts_on
    ended = [dict(urllib.parse.parse_qsl(request.query)) for request in world.calls(family[2].operation)]
    assert Counter(names[ender.id] for names in ended) == {job.id: 1 for job in world.emulator.jobs}
    documents = {job.id: job.document for job in world.emulator.jobs}
    for names in ended:
        assert {name: names[name] for name in ender.same} == {n: documents[names[ender.id]][n] for n in ender.same}


@families
def test_what_has_ended_by_itself_is_not_ended_again(family):
    world = World(family)
    show = family[1]
    idle = [case for case in planned(show).cases if case.id.endswith("#idle")]
    campaign = world.campaign(Plan(show, "standard", 0, tuple(idle)))
    campaign.run()
    assert len(world.emulator.jobs) == 2
    assert world.alive == []
    assert len(world.calls(family[2].operation)) == 1  # of the one with the longer limit


# --- what is shared ---------------------------------------------------------------------------------------------------


@families
def test_cases_share_one_thing_as_long_as_it_is_fresh(family):
    world = World(family, took=0.0)
    show = family[1]
    reject = tuple(case for case in planned(show).cases if case.kind in ("opening", "reject"))
    campaign = world.campaign(Plan(show, "standard", 0, reject))
    campaign.run()
    assert len(reject) > 50
    assert len(world.calls(family[0].operation)) == 1
    assert len(world.calls(family[2].operation)) == 1


@families
def test_a_shared_thing_is_renewed_before_its_time_is_over(family):
    """Each request takes a second; the thing that it names surely lives when it is asked for."""
    world = World(family, took=1.0)
    show = family[1]
    reject = tuple(case for case in planned(show).cases if case.kind in ("opening", "reject"))[:60]
    campaign = world.campaign(Plan(show, "standard", 0, reject))
    campaign.run()
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    assert {result.status for result in judged.results.values()} == {"pass"}
    limit = next(iter(family[0].creates.short_lived.values()))
    created = len(world.calls(family[0].operation))
    assert 60 / limit < created <= 60 / (limit * 0.6) + 5
    assert len(world.calls(family[2].operation)) == created
    assert world.alive == []


@families
def test_a_thing_that_a_case_has_ended_is_not_shared_any_more(family):
    world = World(family)
    end = family[2]
    case = next(case for case in planned(end).cases if case.kind == "opening")
    others = [replace(case, id=f"{case.id}-{number}", kind="accept") for number in range(3)]
    campaign = world.campaign(Plan(end, "standard", 0, (case, *others)))
    campaign.run()
    named = [dict(urllib.parse.parse_qsl(r.query))[end.acts_on.id] for r in world.calls(end.operation)]
    assert named == [job.id for job in world.emulator.jobs]
    assert len(named) == 4


@families
def test_the_steps_of_a_case_name_what_they_say(family):
    """Two things: the end of one names that one, and each look the one that it is for."""
    world = World(family)
    show, end = family[1], family[2]
    (case,) = [case for case in planned(show).cases if case.kind == "lifecycle" and case.id.endswith("ended#ended")]
    campaign = world.campaign(Plan(show, "standard", 0, (case,)))
    campaign.run()
    made = [job.id for job in world.emulator.jobs]
    for exchange in campaign.journal.exchanges:
        if exchange.case != case.id or case.operation_of(exchange.step) == family[0].operation:
            continue
        edits = case.steps[exchange.step]
        wanted = next(edit.value for edit in edits if edit.op == "of")
        name = dict(urllib.parse.parse_qsl(exchange.request.query)).get(end.acts_on.id)
        if any(edit.location == (end.acts_on.id,) for edit in edits):
            assert name not in made
        else:
            assert name == made[wanted], exchange.step
    assert world.alive == []


# --- targets that can't end, or not yet -------------------------------------------------------------------------------


@families
def test_a_target_without_an_end_is_asked_once_and_the_run_goes_on(family):
    create, show, end = family
    world = World(family, lacks=(end.operation,))
    campaign = world.campaign(*plans_of((create, show)))
    campaign.run()
    assert campaign.stopped == ""
    kind = create.creates.thing
    keeper = campaign._dispatcher.keeper
    assert list(keeper.unended) == [kind]
    assert "404" in keeper.unended[kind]
    asked = [e for e in campaign.journal.exchanges if campaign.cases[e.case].kind == "cleanup"]
    assert len(asked) == 1
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    assert judged.created[kind] > 10
    failing = {
        o.requirement for o in judged.observations if o.outcome == "fail" and not o.requirement.startswith(end.id(""))
    }
    assert failing == set()


@families
def test_an_end_that_fails_once_is_asked_for_again(family):
    failed = []

    def fails_first(world, request):
        if header(request.headers, "x-acs-action") == family[2].operation and not failed:
            failed.append(request)
            return Reply(FAILS)
        return None

    world = World(family, meddle=fails_first)
    campaign = world.campaign(planned(family[0], "quick"))
    campaign.run()
    assert failed
    assert world.alive == []


def test_an_end_over_a_connection_that_had_been_closed_is_sent_again():
    failed = []

    def stale_first(world, request):
        if header(request.headers, "x-acs-action") == END.operation and not failed:
            failed.append(request)
            return Reply(None, STALE)
        return None

    world = World(FAMILY, meddle=stale_first)
    world.campaign(planned(START, "quick")).run()
    assert failed
    assert world.alive == []


def test_where_nothing_can_be_created_to_act_on_the_reason_is_told_and_nothing_more_is_sent():
    def refuses(world, request):
        if header(request.headers, "x-acs-action") != START.operation:
            return None
        body = b'{"RequestId":"r","Code":"Forbidden","Message":"Not you."}'
        return Reply(RawResponse(403, (("content-type", "application/json"),), body))

    world = World(FAMILY, meddle=refuses)
    campaign = world.campaign(planned(SHOW, "quick"))
    campaign.run()
    assert campaign.journal.skipped == {SHOW.operation: "no job could be created to act on: 403 Forbidden"}
    assert world.calls(SHOW.operation) == []
    assert len(world.sent) <= 2
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    (result,) = verdicts(
        [r for r in _requirements(SHOW) if r.key == "response.status"],
        planned(SHOW, "quick").aspects,
        judged,
        stopped=campaign.journal.skipped[SHOW.operation],
    )
    assert result.verdict in (Verdict.NONE, Verdict.INCONCLUSIVE)
    assert "403 Forbidden" in result.reason


def _requirements(description: Description):
    from acs_conformance import requirement

    return requirement.derive(description)


# --- how the parts fit ------------------------------------------------------------------------------------------------


@families
def test_every_step_of_every_plan_renders_with_the_operation_that_it_calls(family):
    for description in family:
        plan = planned(description)
        called = lifecycle.called([*family])
        for case in plan.cases:
            for step in range(len(case.steps)):
                assert render(called[case.operation_of(step)], case, step, CONTEXT).target.startswith("/")
