"""Ending what is left: what is tried, how often, and when something counts as ended; in this process."""

from __future__ import annotations

import json
import time
from collections import Counter
from urllib.parse import parse_qs

import pytest

from acs_conformance import spec_folder
from acs_conformance.cases.render import Context
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.guard import Guard
from acs_conformance.intents import Intent, Intents
from acs_conformance.message import RawResponse
from acs_conformance.stopping import stop_all
from in_process import Anybody

START = spec_folder.load("StartRtcCloudTranscode")
ENDERS = spec_folder.enders(None)
SILENT = Reply(None, "no answer in time")


def answer(status, **body):
    return Reply(RawResponse(status, (("content-type", "application/json"),), json.dumps(body).encode()))


STOPPED = answer(200, RequestId="r")
INVALID = answer(400, RequestId="r", Code="InvalidParameter", Message="Bad.")
MISSING = answer(404, RequestId="r", Code="NotFound", Message="It is not there.")
FAILING = answer(500, RequestId="r", Code="InternalError", Message="It failed.")


class Left:
    """A journal with things of one run, and a target that answers the requests that end them."""

    def __init__(self, path, things, reply):
        self.journal = Intents(path / "i", is_durable=False)
        self.reply = reply
        self.asked = []
        self.slept = []
        for number, (app, name) in enumerate(things):
            key = f"k{number}"
            intent = Intent(
                key=key,
                operation=START.operation,
                thing="job",
                case="c",
                hash="h",
                url="u",
                at=time.time(),
                idle_limit_s=10,
                same={"AppId": app},
            )
            self.journal.announce(intent)
            self.journal.tell(key, "created", time.time(), name)

    def send(self, request):
        sent = parse_qs(request.query)
        self.asked.append(sent["TaskId"][0])
        return self.reply(sent["AppId"][0], sent["TaskId"][0])

    def stop(self):
        recorder = Recorder(self, Anybody(), guard=Guard(intents=self.journal, enders=ENDERS))
        context = Context(run_id="c", now=1)
        return list(stop_all(self.journal.unsettled(), ENDERS, recorder, context, sleep=self.slept.append))

    @property
    def unsettled(self):
        return [intent.id for intent in self.journal.unsettled()]


def test_what_can_not_be_stopped_keeps_nothing_else_from_being_stopped(tmp_path):
    """Some were accepted under a name that the ending operation refuses."""
    things = [("no name", f"bad{n}") for n in range(4)] + [("app", f"good{n}") for n in range(5)]
    left = Left(tmp_path, things, lambda app, _name: STOPPED if app == "app" else INVALID)
    endings = left.stop()
    assert [ending.may_live for ending in endings] == [True] * 4 + [False] * 5
    assert left.unsettled == [f"bad{n}" for n in range(4)]


def test_where_nothing_can_be_stopped_each_is_tried_and_few_are_tried_again(tmp_path):
    left = Left(tmp_path, [("app", f"t{n}") for n in range(8)], lambda _app, _name: FAILING)
    assert all(ending.may_live for ending in left.stop())
    assert Counter(left.asked) == {**{f"t{n}": 4 for n in range(3)}, **{f"t{n}": 1 for n in range(3, 8)}}


def test_where_nobody_answers_no_more_is_tried(tmp_path):
    left = Left(tmp_path, [("app", f"t{n}") for n in range(8)], lambda _app, _name: SILENT)
    endings = left.stop()
    assert set(left.asked) == {"t0", "t1"}
    assert all(ending.may_live for ending in endings)
    assert "was not stopped, for the target did not answer before" in endings[-1].says


def test_what_is_not_there_is_looked_for_again_before_it_counts_as_ended(tmp_path):
    """A target may know of a new thing later than it has told its id."""
    left = Left(tmp_path, [("app", "new"), ("app", "gone"), ("app", "here")], lambda _app, name: known(name))

    def known(name):
        return STOPPED if name == "here" or (name == "new" and left.asked.count(name) == 2) else MISSING

    endings = left.stop()
    assert left.asked == ["new", "gone", "here", "new", "gone"]
    assert left.slept == [2.0], "once for all"
    assert {ending.intent.id: ending.says.partition(":")[0] for ending in endings} == {
        "here": "job here stopped",
        "new": "job new stopped",
        "gone": "job gone is not there (any more)",
    }
    assert {ending.intent.id: len(ending.exchanges) for ending in endings} == {"here": 1, "new": 2, "gone": 2}
    assert [exchange.attempt for ending in endings for exchange in ending.exchanges] == [0, 0, 1, 0, 1]
    assert not any(ending.may_live for ending in endings)
    assert not left.unsettled


@pytest.mark.parametrize("later", [FAILING, SILENT, INVALID], ids=["fails", "silent", "refuses"])
def test_what_is_not_there_once_may_live(tmp_path, later):
    left = Left(tmp_path, [("app", "t")], lambda _app, name: MISSING if left.asked.count(name) == 1 else later)
    (ending,) = left.stop()
    assert ending.may_live
    assert "it will have ended by itself by" in ending.says
    assert left.unsettled == ["t"]


def test_after_its_time_what_is_not_there_has_ended_at_once(tmp_path):
    left = Left(tmp_path, [("app", "t")], lambda _app, _name: MISSING)
    now = time.time()
    recorder = Recorder(left, Anybody(), guard=Guard(intents=left.journal, enders=ENDERS, clock=lambda: now + 101))
    context = Context(run_id="c", now=1)
    (ending,) = stop_all(left.journal.unsettled(), ENDERS, recorder, context, clock=lambda: now + 101)
    assert not ending.may_live
    assert left.asked == ["t"]
    assert not left.unsettled


def test_what_a_target_has_said_stays_on_one_line(tmp_path):
    """An id or a code may move the cursor, or be a command to a CI system that reads its log."""
    evil = "\n::error::x\x1b[2J"
    refused = answer(400, RequestId="r", Code=f"A{evil}")
    left = Left(tmp_path, [("app", f"t{evil}")], lambda _app, _name: refused)
    (ending,) = left.stop()
    shown = "⟨U+000A⟩::error::x⟨U+001B⟩[2J"
    assert f"job t{shown} could not be stopped: StopRtcCloudTranscode was answered 400 A{shown};" in ending.says
    assert ending.says.isprintable()
