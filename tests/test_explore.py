"""The stateful model: it raises no alarm, finds defects that only several calls show, and tells them in few calls."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace

import pytest

import in_process
import servers
from acs_conformance import faults, spec_folder
from acs_conformance.bench import Anybody, InProcess
from acs_conformance.cases import render
from acs_conformance.cases.case import Edit
from acs_conformance.cases.moves import Call, families, moves_of, smaller
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.errors import UsageError
from acs_conformance.exchange import Recorder
from acs_conformance.explore import Effort, Exploration, explore
from acs_conformance.journal import Journal
from acs_conformance.message import RawResponse
from acs_conformance.signing import Credentials
from acs_conformance.target import Target
from acs_conformance.walk import Stage, Walk

DESCRIPTIONS = spec_folder.load_all()
START, DESCRIBE, STOP = (f"{verb}RtcCloudTranscode" for verb in ("Start", "Describe", "Stop"))
URL = "http://127.0.0.1:9"
STATE = f"{DESCRIBE}.response.TaskInfo.Status"


@dataclass(frozen=True)
class Explored:
    """An exploration and what it left behind."""

    found: Exploration
    emulator: Emulator
    journal: Journal

    @property
    def alive(self) -> int:
        return sum(not self.emulator.life.has_ended(job) for job in self.emulator.jobs)

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """Operation and edits of each call of the finding."""
        assert self.found.failing is not None
        return [(call.operation, [str(edit) for edit in call.edits]) for call in self.found.failing.calls]

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


def explored(fault=None, *, policy=None, seed=0, examples=20, sender=None, url=URL, descriptions=None) -> Explored:
    """An exploration of an emulator in this process."""
    described = descriptions or DESCRIPTIONS
    emulator = Emulator(described, settings=Settings(authenticate=False), fault=fault, policy=policy)

    def advance(seconds: float) -> float:
        emulator.advance(seconds)
        return seconds

    keys = Credentials(access_key_id="any", access_key_secret="any")
    target = Target(url=url, kind="embedded emulator", credentials=keys, advance=advance)
    journal = Journal()
    found = explore(
        described.values(),
        Recorder((sender or InProcess)(emulator), Anybody()),
        target,
        effort=Effort(seed=seed, examples=examples, steps=20),
        run_id="t1",
        journal=journal,
    )
    return Explored(found, emulator, journal)


def seeded(identifier: str) -> Fault:
    return faults.find(DESCRIPTIONS.values(), identifier)


# --- nothing wrong ----------------------------------------------------------------------------------------------------


def test_a_right_server_gives_no_alarm_and_is_left_without_a_living_thing():
    right = explored(examples=20)
    assert right.found.failing is None
    assert right.found.undecided == ()
    assert right.alive == 0
    # It did what it is for: several things at once, other applications and channels, all operations, time.
    assert len(right.emulator.jobs) > 20
    assert len({(job.document["AppId"], job.document["ChannelId"]) for job in right.emulator.jobs}) == 4
    assert {exchange.operation for exchange in right.journal.exchanges} == {START, DESCRIBE, STOP}
    assert right.emulator.life.advanced_s > 100
    statuses = [exchange.response.status for exchange in right.journal.exchanges]
    assert {200, 400, 404} <= set(statuses)


@pytest.mark.parametrize(
    "choices",
    [
        {f"{STOP}.TaskId.ended": "refused"},
        {f"{DESCRIBE}.TaskId.ended": "forgotten"},
        {"life.stop": "later", "life.idle": "last"},
        {"answer.unknown-thing": "forbidden", "answer.lookup-order": "lookup-first"},
    ],
    ids=lambda choices: "-".join(choices.values()),
)
def test_what_the_page_leaves_open_gives_no_alarm_either(choices):
    right = explored(policy=Policy(choices=choices), examples=8, seed=3)
    assert right.found.failing is None
    assert right.found.undecided == ()


def test_the_same_seed_sends_the_same_and_another_seed_something_else():
    def sent(seed: int) -> list[object]:
        walks = explored(seed=seed, examples=4).journal.added.values()
        return [(case.operations, case.steps) for case in walks if case.id.startswith("walk")]

    first = sent(7)
    assert first == sent(7)
    assert first != sent(8)
    assert len(first) >= 8  # four worlds, and at least as many sequences as were asked for


# --- something wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "broken", "most"),
    [
        ("ended!another#newest", {"alive", "ended"}, 4),
        ("alive!ends-more#all", {"alive"}, 4),
        ("alive!refused-ends#all", {"alive"}, 3),
        ("ended!ignore", {"ended"}, 3),
        ("ended!toggle", {"ended", "idle"}, 4),
        ("idle!ignore", {"idle"}, 2),
        ("alive!scaled#0.5", {"alive"}, 2),
    ],
)
def test_a_defect_in_lives_is_found_and_told_in_as_few_calls_as_it_takes(identifier, broken, most):
    wrong = explored(seeded(f"{STATE}.{identifier}"), examples=60)
    assert wrong.found.failing.observation.requirement in {f"{STATE}.{word}" for word in broken}
    assert len(wrong.operations) <= most
    assert (wrong.operations[0], wrong.operations[-1]) == (START, DESCRIBE)
    # At most one difference from the simplest request in each call.
    assert all(len(edits) <= 1 for _, edits in wrong.calls)
    assert wrong.found.failed >= 1


class ShowsTheFirst(Fault):
    """Whatever is asked for, the oldest of all jobs is shown."""

    id = "shows-the-first"

    def looked_up(self, call, job, _memory):
        return next(iter(call.life.jobs)) if job is not None and call.description.operation == DESCRIBE else job


def test_a_job_shown_instead_of_another_is_told_in_two_calls():
    wrong = explored(ShowsTheFirst())
    assert wrong.operations == [START, DESCRIBE]
    assert wrong.found.failing.observation.outcome == "fail"


def test_a_defect_that_comes_and_goes_is_told_in_few_calls_all_the_same():
    """Every second end ends nothing, whoever asks for it: what failed may pass when it is sent again."""
    wrong = explored(seeded(f"{STATE}.ended!every-n-ignored#2"), examples=100)
    assert wrong.found.failing.observation.requirement == f"{STATE}.ended"
    assert len(wrong.operations) <= 4


class RepeatsIds(InProcess):
    """Every answer to an end has the same id."""

    def send(self, request):
        reply = super().send(request)
        if (STOP not in dict(request.headers).values()) or reply.response.status != 200:
            return reply
        body = json.dumps({"RequestId": "THE-SAME"}).encode()
        return type(reply)(RawResponse(200, reply.response.headers, body))


# With 6, 10 and 17 what is left when no call can be left out any more are ends of two things, in three orders.
@pytest.mark.parametrize("seed", [0, 6, 10, 17])
def test_what_only_several_answers_show_together_is_told_in_the_fewest_calls(seed):
    wrong = explored(sender=RepeatsIds, seed=seed)
    assert wrong.found.failing.observation.requirement == f"{STOP}.response.RequestId.unique"
    assert wrong.found.failing.calls == (Call(START), Call(STOP, of=0), Call(STOP, of=0))
    assert wrong.found.failed == wrong.found.tried >= 3


def stage_of(emulator: Emulator, sender=InProcess) -> Stage:
    keys = Credentials(access_key_id="any", access_key_secret="any")
    target = Target(url=URL, kind="given URL", credentials=keys)
    return Stage(DESCRIPTIONS, Recorder(sender(emulator), Anybody()), Journal(), target, "t1")


def named(thing: str) -> tuple[Edit, ...]:
    return (Edit("set", ("TaskId",), thing),)


def test_what_an_earlier_sequence_was_answered_makes_no_sequence_fail():
    """It would be told without the answer that makes it wrong, and nobody could see it again."""
    emulator = Emulator(DESCRIPTIONS, settings=Settings(authenticate=False))
    stage = stage_of(emulator, RepeatsIds)
    first = Walk(stage)
    first.call(Call(START))
    first.call(Call(STOP, of=0))
    (thing,) = emulator.jobs
    second = Walk(stage)
    second.call(Call(START))
    second.call(Call(DESCRIBE, named(thing.id), of=0))
    second.call(Call(STOP, of=0))
    second.finish()
    assert second.failing is None
    second.call(Call(STOP, of=0))
    second.finish()
    assert second.failing.calls == second.calls
    assert [call.operation for call in second.calls] == [START, DESCRIBE, STOP, STOP]
    earlier = second.failing.observation.earlier
    assert earlier in {exchange.number for exchange in second.failing.exchanges}


class Fails(InProcess):
    """Answers 500 to what shows things: from the start, or to the one request with this number."""

    at: int | None = None

    def __init__(self, emulator):
        super().__init__(emulator)
        self.count = 0

    def send(self, request):
        reply = super().send(request)
        if DESCRIBE in dict(request.headers).values():
            self.count += 1
            if self.count > 5 and (self.at is None or self.count == self.at):
                return type(reply)(servers.refusal(500, "InternalError"))
        return reply


def test_a_5xx_that_comes_again_fails_the_operation_that_gave_it():
    wrong = explored(sender=Fails)
    assert wrong.found.failing.observation.requirement.startswith(f"{DESCRIBE}.")
    assert wrong.found.failing.observation.received.startswith("500")
    assert wrong.operations == [START, DESCRIBE]


def test_a_single_5xx_fails_nothing_and_leaves_the_exploration_undecided():
    once = explored(sender=type("FailsOnce", (Fails,), {"at": 9}), examples=8)
    assert once.found.failing is None
    assert "did not come again" in " ".join(once.found.undecided)


def test_a_made_up_id_that_is_a_thing_of_an_earlier_sequence_gives_no_alarm():
    """Emulators count their ids, so an altered one may be there after all."""
    emulator = Emulator(DESCRIPTIONS, settings=Settings(authenticate=False))
    stage = stage_of(emulator)
    first = Walk(stage)
    first.call(Call(START))
    (thing,) = emulator.jobs
    second = Walk(stage)
    second.call(Call(START))
    shown = second.call(Call(DESCRIBE, named(thing.id), of=0))
    assert shown.is_accepted
    assert second.failing is None
    unknown = second.call(Call(DESCRIBE, (Edit("alter", ("TaskId",)),), of=0))
    assert not unknown.is_accepted
    # The same answer is wrong where no sequence has made such a thing.
    emulator.life.jobs.add(replace(thing, id="nobody-made-this"))
    second.call(Call(DESCRIBE, named("nobody-made-this"), of=0))
    assert second.failing.observation.requirement == f"{DESCRIBE}.TaskId.known"


def test_a_made_up_id_that_a_later_thing_gets_gives_no_alarm(monkeypatch):
    def paired():
        """Each second id is the altered one before it."""
        for number in itertools.count(1):
            yield f"job-{number:06d}"
            yield render.altered(f"job-{number:06d}", None)

    ids = paired()
    monkeypatch.setattr("acs_conformance.emulator.life.new_id", lambda *_: next(ids))
    right = explored(examples=5)
    assert right.found.failing is None
    made = {job.id for job in right.emulator.jobs}
    asked = "".join(exchange.request.target for exchange in right.journal.exchanges if exchange.response.status == 404)
    assert any(name in asked for name in made)


# --- what can be sent -------------------------------------------------------------------------------------------------


def test_smaller_sequences_keep_the_last_call_and_what_it_acts_on():
    calls = (
        Call("create"),
        Call("create", (Edit("resize", ("L",), 2), Edit("set", ("L", 1), 5), Edit("remove", ("P",)))),
        Call("end", of=0, after_s=30.0),
        Call("show", of=1),
    )
    found = list(smaller(calls, (0.0, 6.0, 30.0)))
    assert all(each[-1].operation == "show" and each[each[-1].of].operation == "create" for each in found)
    assert (calls[1], Call("show", of=0, after_s=30.0)) in found
    assert (calls[0], calls[1], Call("show", of=1, after_s=30.0)) in found
    edits = [each[1].edits for each in found if len(each) == 4]
    assert (calls[1].edits[2],) in edits  # a longer list goes with what is in its items
    assert (calls[1].edits[1], calls[1].edits[2]) not in edits
    assert [each[2].after_s for each in found if len(each) == 4 and each[2].after_s != 30.0] == [0.0, 6.0]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3)], ids=str)
def test_one_thing_does_for_two_in_a_smaller_sequence(order):
    steps = {0: ("create", None), 1: ("create", None), 2: ("end", 0), 3: ("end", 1)}
    calls = tuple(Call(steps[n][0], of=None if steps[n][1] is None else order.index(steps[n][1])) for n in order)
    assert (Call("create"), Call("end", of=0), Call("end", of=0)) in list(smaller(calls, ()))


def test_the_simplest_moves_come_first():
    (family,) = families(DESCRIPTIONS.values())
    moves = moves_of(family)
    assert [each.operation for each in family.descriptions] == [START, DESCRIBE, STOP]
    assert moves.creations[0] == moves.worlds[0] == moves.lives[0] == ()
    assert moves.waits_s[0] == 0
    assert {edit.location[0] for world in moves.worlds for edit in world} == {"AppId", "ChannelId"}


def test_operations_that_act_on_nothing_are_no_family():
    assert families([in_process.MADE_UP, in_process.MADE_UP_TOO]) == ()


def test_other_operations_are_explored_as_well():
    descriptions = spec_folder.load_all(in_process.MADE_UP_ROOT)
    right = explored(descriptions=descriptions, examples=6)
    assert right.found.failing is None
    assert right.found.undecided == ()
    (family,) = families(descriptions.values())
    assert {each.operation for each in family.descriptions} == {e.operation for e in right.journal.exchanges}


def test_a_target_elsewhere_is_refused_before_anything_is_sent():
    with pytest.raises(UsageError, match="not on this machine"):
        explored(url="https://live.ap-southeast-1.aliyuncs.com")
