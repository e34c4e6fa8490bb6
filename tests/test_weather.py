"""What is not the target's fault: moments in which it can't answer, load balancers, and clocks that others move."""

from __future__ import annotations

import pytest

from acs_conformance import lifecycle, requirement, spec_folder
from acs_conformance.bench import Anybody
from acs_conformance.budget import FILE, Budget, Limits
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.guard import Guard
from acs_conformance.message import RawResponse
from acs_conformance.store import Store
from acs_conformance.verdict import Verdict, verdicts
from in_process import CONTEXT, NOW, planned

START, DESCRIBE = (spec_folder.load(f"{verb}RtcCloudTranscode") for verb in ("Start", "Describe"))
#: How long a request takes, by the clock of these tests.
TOOK_S = 0.02


class Clock:
    """A clock that goes on with each request, and with each wait."""

    def __init__(self):
        self.now_s = float(NOW)
        self.slept = []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds


class Weather:
    """An emulator behind something that answers by itself from one moment to another."""

    def __init__(self, emulator, clock, answer=None, begin_s=0.0, lasts_s=0.0):
        self.emulator, self.clock, self.answer = emulator, clock, answer
        self.begin_s, self.end_s = NOW + begin_s, NOW + begin_s + lasts_s

    def send(self, request):
        self.clock.now_s += TOOK_S
        if self.answer is not None and self.begin_s <= self.clock.now_s < self.end_s:
            return Reply(self.answer)
        return Reply(self.emulator.handle(request))


def page(status, **headers):
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RawResponse(status, (("content-type", "text/html"), *named), b"<html><body>Not now</body></html>")


def failed(description, answer, tmp_path=None, *, lasts_s=1.5):
    """Requirements that fail where a target is away from its second second on; how long the run waited for it."""
    clock, plan = Clock(), planned(description)
    emulator = Emulator(lifecycle.called([description]), settings=Settings(authenticate=False), clock=clock)
    guard = Guard(budget=Budget(Limits(max_jobs=1000), tmp_path / FILE)) if tmp_path is not None else None
    sender = Weather(emulator, clock, answer, 2.0, lasts_s)
    recorder = Recorder(sender, Anybody(), clock=clock, guard=guard)
    campaign = Campaign([plan], recorder, CONTEXT, sleep=clock.sleep)
    campaign.run()
    assert campaign.stopped == ""
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    results = verdicts(requirement.derive(description), plan.aspects, judged)
    return [result.requirement.key for result in results if result.verdict is Verdict.FAIL], clock.slept


def test_a_target_that_says_when_it_is_back_is_waited_for():
    assert failed(START, page(503, retry_after="2")) == ([], [2.0])


def test_a_target_far_away_is_given_a_moment_before_it_is_asked_again(tmp_path):
    wrong, slept = failed(START, page(502), tmp_path)
    assert wrong == []
    assert 0 < len(slept) <= 2  # the case, and the end of what it may have created
    assert all(3.2 <= seconds <= 4.8 for seconds in slept)


def test_a_target_nearby_is_asked_again_at_once():
    wrong, slept = failed(START, page(502), lasts_s=10 * TOOK_S)
    assert wrong != []
    assert slept == []


@pytest.mark.parametrize("seconds", ["1", "3600"])
def test_who_asks_to_come_back_ever_again_is_not_waited_for_for_ever(seconds):
    _, slept = failed(START, page(503, retry_after=seconds), lasts_s=100_000)
    assert 0 < sum(slept) <= 120


def test_the_page_of_a_load_balancer_that_counts_requests_is_throttling_and_no_answer_of_the_target():
    wrong, slept = failed(START, page(429, retry_after="1"))
    assert wrong == []
    assert slept == [1.0, 1.0]


def test_a_clock_that_another_process_moves_is_moved_for_all(tmp_path):
    clock, plan = Clock(), planned(DESCRIBE)
    emulator = Emulator(lifecycle.called([DESCRIBE]), settings=Settings(authenticate=False), clock=clock)

    def advance(seconds):
        emulator.advance(seconds)
        return seconds

    def process():
        recorder = Recorder(Weather(emulator, clock), Anybody(), clock=clock)
        return Campaign([plan], recorder, CONTEXT, journal=Store(tmp_path), sleep=clock.sleep, wait=advance)

    def turn(campaign, cases):
        campaign.journal.refresh()
        campaign.resume()
        sent = {exchange.case for exchange in campaign.journal.exchanges}
        campaign.run_valid(plan, sent)
        campaign.run_cases([case for case in cases if case.id not in sent])

    one, other = process(), process()
    moving = [case for case in plan.cases if case.kind == "lifecycle"]
    turn(other, [])  # has a thing now that it shares with itself
    turn(one, moving)
    turn(other, [case for case in plan.cases if case.kind in ("reject", "open")])
    other.journal.refresh()
    judged = judge_campaign(other.descriptions, {**one.cases, **other.cases}, other.journal.exchanges)
    assert max(exchange.moved_s for exchange in other.journal.exchanges) > 0
    assert [seen.requirement for seen in judged.observations if seen.outcome == "fail"] == []
    one.journal.close()
    other.journal.close()
