"""The journal of intents, and the guard that writes it: nothing goes out that may create something unannounced."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from acs_conformance import intents, spec_folder
from acs_conformance.budget import Budget, Exhausted, Limits, Unaffordable
from acs_conformance.cases import plan
from acs_conformance.cases.case import Edit, single
from acs_conformance.cases.render import Context, render
from acs_conformance.errors import ReportError
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.guard import Guard, Place, idle_limit_s, outcome
from acs_conformance.intents import Intent, Intents
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.record import BODY_LIMIT
from acs_conformance.wire import decode, decode_query
from in_process import Anybody

START = spec_folder.load("StartRtcCloudTranscode")
STOP = spec_folder.load("StopRtcCloudTranscode")
DESCRIBE = spec_folder.load("DescribeRtcCloudTranscode")
CONTEXT = Context(run_id="test", now=1_700_000_000)
NOW = 1_700_000_000.0


def intent(key="k", **known):
    given = {
        "operation": "Op",
        "thing": "job",
        "case": "Op.a#b",
        "hash": "h",
        "url": "u",
        "at": NOW,
        "idle_limit_s": 10,
    }
    return Intent(key=key, **{**given, **known})


def request(*edits):
    return render(START, single("X#x", START.operation, "accept", edits), 0, CONTEXT)


def answer(status, **body):
    return RawResponse(status, (("content-type", "application/json"),), json.dumps(body).encode())


# --- the file ---------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read_by_another_process(tmp_path):
    one, other = Intents(tmp_path / "i"), Intents(tmp_path / "i")
    one.announce(intent("a", same={"App": "\udcffx"}, profile="p", idle_limit_s=None))
    other.announce(intent("b"))
    one.tell("a", "created", NOW, "job-1")
    other.tell("b", "refused", NOW)
    assert [(i.key, i.state, i.id, i.same, i.profile, i.ends_by) for i in intents.read(tmp_path / "i")] == [
        ("a", "created", "job-1", {"App": "\udcffx"}, "p", None),
        ("b", "refused", None, {}, "", NOW + 10 + intents.MARGIN_S),
    ]
    assert other.created("job-1").key == "a"
    assert [i.key for i in other.unsettled()] == ["a"]
    other.tell("a", "ended", NOW)
    one.tell("a", "created", NOW, "job-1")  # what has ended does not come back
    assert not other.unsettled()
    one.close()
    other.close()


def written(tmp_path):
    """A journal of three, of which the second has an id."""
    journal = Intents(tmp_path / "i")
    for key in "abc":
        journal.announce(intent(key, same={"App": "x"}))
    journal.tell("b", "created", NOW, "job-1")
    journal.close()
    return (tmp_path / "i").read_bytes()


@pytest.mark.parametrize("cut", [1, 2, 20, 40])
def test_a_torn_last_line_is_no_damage(tmp_path, cut):
    whole = written(tmp_path)
    (tmp_path / "i").write_bytes(whole[:-cut])
    contents = intents.examine(tmp_path / "i")
    states = {each.key: each.state for each in contents.intents}
    assert states == {"a": "reserved", "b": "created" if cut == 1 else "reserved", "c": "reserved"}
    assert not contents.damage


def test_a_journal_of_an_earlier_version_is_read(tmp_path):
    journal = Intents(tmp_path / "i")
    journal.announce(intent("a"))
    journal.announce(intent("b", signature="v1", spec="/s"))
    journal.close()
    first, second = (tmp_path / "i").read_text("ascii").splitlines()
    assert not {"signature", "spec"} & json.loads(first).keys()
    assert {"signature", "spec"} < json.loads(second).keys()
    assert [(i.signature, i.spec) for i in intents.read(tmp_path / "i")] == [("", ""), ("v1", "/s")]


def test_what_a_kill_has_torn_is_told_from_what_is_damaged():
    line = json.dumps(intent().to_json(), separators=(",", ":"))
    assert [intents.is_torn(text) for text in (line[:5], line[:50], line, "garbage")] == [True, True, False, False]


@pytest.mark.parametrize("cut", [1, 2, 20, 100])
def test_a_torn_line_costs_no_other_line(tmp_path, cut):
    """Of the process that was killed, and of the one that goes on writing behind it."""
    journal = Intents(tmp_path / "i")
    journal.announce(intent("a"))
    journal.announce(intent("b"))
    whole = (tmp_path / "i").read_bytes()
    (tmp_path / "i").write_bytes(whole[: len(whole) - cut])
    journal.announce(intent("c"))
    journal.tell("a", "created", NOW, "job-1")
    journal.close()
    contents = intents.examine(tmp_path / "i")
    found = {each.key: each.state for each in contents.intents}
    assert found["a"] == "created"
    assert found["c"] == "reserved"
    assert ("b" in found) == (cut == 1), "a line that lacks nothing but its end is whole"
    assert [words.partition(":")[0] for words in contents.damage] == [str(tmp_path / "i")] * (cut != 1)


AT = b"1700000000.0"
NOT_READABLE = "is not readable: something may have been created of which nothing else is known"


@pytest.mark.parametrize(
    ("change", "states", "damage"),
    [
        (lambda lines: [lines[0][:40], *lines[1:]], "b=created c=reserved", [f":1, {NOT_READABLE}"]),
        (lambda lines: [*lines[:3], lines[3].replace(b"cre", b"cr"), b""], None, [":4, unknown state 'crated'"]),
        (lambda lines: [*lines[:4], b"garbage"], None, [":5, is no intent"]),
        (lambda lines: [*lines[:4], b"\x00\x00"], None, [":5, is no intent"]),
        (lambda lines: [*lines[:3], lines[3] + b"garbage"], None, [":4, has something behind an intent"]),
        (lambda lines: [*lines[:3], lines[3] + b"\xff", b""], None, [":4, has something behind an intent"]),
        (lambda lines: [lines[0], lines[2], lines[3], b""], "a=reserved c=reserved b=created", []),
        (lambda lines: [lines[0].replace(b'"profile":""', b'"profile":null'), *lines[1:]], None, []),
        (lambda lines: [lines[0].replace(b'"url"', b'"u"'), *lines[1:]], "b=created c=reserved", [":1, lacks 'url'"]),
        (lambda lines: [lines[0].replace(AT, b"NaN"), *lines[1:]], "b=created c=reserved", [":1, 'at' is no time"]),
        (lambda lines: [*lines[:4], b'{"intent":"a","state":[]}', b""], None, [":5, unknown state []"]),
        (lambda lines: [*lines[:4], b'{"intent":"a"}', b""], None, [":5, lacks 'state'"]),
        (lambda lines: [*lines[:4], lines[1], b""], None, []),
    ],
)  # fmt: skip
def test_what_is_damaged_is_told_and_costs_no_more_than_itself(tmp_path, change, states, damage):
    lines = written(tmp_path).split(b"\n")
    (tmp_path / "i").write_bytes(b"\n".join(change(lines)))
    contents = intents.examine(tmp_path / "i")
    assert " ".join(f"{i.key}={i.state}" for i in contents.intents) == (states or "a=reserved b=created c=reserved")
    assert contents.damage == [f"{tmp_path / 'i'}{words}" for words in damage]
    (known,) = (each for each in contents.intents if each.key == "b")
    known_by_id = ("job-1", "Op", "u", {"App": "x"}, "") if known.is_announced else ("job-1", "", "", {}, "")
    assert (known.id, known.operation, known.url, known.same, known.profile) == known_by_id
    assert known.is_announced == (lines[1] in change(lines))


def test_a_new_journal_is_found_again_after_a_power_cut(tmp_path, monkeypatch):
    """The names of the file and of the folders that were made for it are on disk too."""
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(Path(f"/proc/self/fd/{file}").readlink()), sync(file)))
    Intents(tmp_path / "a" / "b" / "i").close()
    assert synced == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    synced.clear()
    Intents(tmp_path / "a" / "b" / "i").close()
    Intents(tmp_path / "c" / "i", is_durable=False).close()
    assert not synced, "nothing was made, or nothing has to last"


def test_a_closed_journal_writes_into_no_other_file(tmp_path):
    journal = Intents(tmp_path / "i")
    journal.announce(intent("a"))
    journal.close()
    with (tmp_path / "report.json").open("wb", buffering=0):  # gets the number that was given back
        with pytest.raises(ReportError, match="can't be written: it is closed"):
            journal.announce(intent("b"))
        with pytest.raises(ReportError, match="can't be written: it is closed"):
            journal.tell("a", "created", NOW, "job-1")
        journal.close()
    assert not (tmp_path / "report.json").read_bytes()
    assert [(each.key, each.state) for each in intents.read(tmp_path / "i")] == [("a", "reserved")]


def test_an_id_that_can_not_be_written_down_is_known_all_the_same(tmp_path):
    journal = Intents(tmp_path / "i")
    journal.announce(intent("a"))
    journal.close()  # as good as a full disk
    with pytest.raises(ReportError):
        journal.tell("a", "created", NOW, "job-1")
    assert [(each.key, each.state, each.id) for each in journal.unsettled()] == [("a", "created", "job-1")]


# --- the guard --------------------------------------------------------------------------------------------------------


class Target:
    """Answers as it is told, and looks at the journal while it is asked."""

    def __init__(self, path, *replies):
        self.path = path
        self.replies = list(replies)
        self.seen = []

    def send(self, _request):
        self.seen.append([(i.state, i.idle_limit_s, dict(i.same)) for i in intents.read(self.path)][-1:])
        reply = self.replies.pop(0)
        return reply if isinstance(reply, Reply) else Reply(reply)


def guarded(tmp_path, *replies, **limits):
    journal = Intents(tmp_path / "i", is_durable=False)
    target = Target(tmp_path / "i", *replies)
    guard = Guard(
        intents=journal,
        place=Place(url="http://here"),
        enders={START.operation: STOP},
        budget=Budget(Limits(**limits)),
    )
    return Recorder(target, Anybody(), guard=guard), target, guard


def send(recorder, raw, description=START):
    return recorder.exchange(description, raw, number=1, case="case#1", step=0, attempt=0)[0]


def test_it_is_on_disk_before_the_request_goes_out(tmp_path):
    recorder, target, _ = guarded(tmp_path, answer(200, TaskId="t1", RequestId="r"))
    sent = send(recorder, request())
    app = decode(START, request()).document["AppId"]
    assert target.seen == [[("reserved", 10.0, {"AppId": app})]]
    (found,) = intents.read(tmp_path / "i")
    assert (found.state, found.id, found.thing, found.case, found.url) == (
        "created",
        "t1",
        "job",
        "case#1",
        "http://here",
    )
    assert len(found.hash) == 64
    assert sent.response is not None
    assert "UserToken" not in (tmp_path / "i").read_text("ascii")


def test_what_can_not_be_written_down_is_not_sent(tmp_path):
    recorder, target, guard = guarded(tmp_path, answer(200), max_jobs=1)
    guard.intents.close()
    with pytest.raises(ReportError, match="can't be written"):
        send(recorder, request())
    assert not target.seen
    assert guard.budget.spent("job") == 0


def test_what_is_interrupted_before_it_goes_out_created_nothing(tmp_path):
    class Interrupted:
        def wait(self):
            raise KeyboardInterrupt

    recorder, target, guard = guarded(tmp_path, answer(200, TaskId="t"), max_jobs=1)
    recorder = Recorder(target, Anybody(), pace=Interrupted(), guard=guard)
    with pytest.raises(KeyboardInterrupt):
        send(recorder, request())
    assert not target.seen
    assert not guard.intents.unsettled()
    assert guard.budget.spent("job") == 0


@pytest.mark.parametrize(
    ("response", "state", "identifier"),
    [
        (answer(200, TaskId="t"), "created", "t"),
        (answer(200, RequestId="r"), "unknown", None),
        (answer(200, Code="InvalidParameter", Message="Bad."), "unknown", None),
        (answer(400, Code="InvalidParameter", Message="Bad."), "refused", None),
        (answer(404, Code="NotFound"), "refused", None),
        (answer(429, Code="Throttling"), "refused", None),
        (answer(400, Code="InvalidParameter", TaskId="t"), "created", "t"),
        (answer(500, Code="InternalError"), "unknown", None),
        (answer(500, TaskId="t"), "created", "t"),
        (answer(302), "unknown", None),
        (RawResponse(200, (), b"\xff"), "unknown", None),
        (None, "unknown", None),
        # The API's own words, of this operation or not; and those of something in between.
        (answer(400, Code="Odd.Code", RequestId="r"), "refused", None),
        (RawResponse(400, (), b"<Error><RequestId>r</RequestId><Code>Odd</Code></Error>"), "refused", None),
        (answer(400, Code="Odd.Code"), "unknown", None),
        (answer(400, RequestId="r"), "unknown", None),
        (RawResponse(408, (("content-type", "text/html"),), b"<html>Request Timeout</html>"), "unknown", None),
        (RawResponse(404, (), b""), "unknown", None),
        # An id in an answer that is not as it should be.
        (RawResponse(200, (), b'\xef\xbb\xbf{"RequestId":"r","TaskId":"t"}'), "created", "t"),
        (RawResponse(200, (), '{"TaskId":"t"}'.encode("utf-16")), "created", "t"),
        (RawResponse(200, (), b'{"RequestId":"r","TaskId":"t"'), "created", "t"),
        (RawResponse(200, (), b'{"TaskId" : "a\\"\\u0062", "Requ'), "created", 'a"b'),
        (RawResponse(200, (), b'{"RequestId":"r","TaskId":"t'), "unknown", None),
        (RawResponse(200, (), b'{"RequestId":"r","TaskId":""'), "unknown", None),
        (RawResponse(200, (), b'{"RequestId":"r","TaskId":"\\x"}'), "unknown", None),
        (answer(200, Data={"TaskId": "t"}), "created", "t"),
        (answer(200, TaskId=17), "created", "17"),
        (RawResponse(200, (), b'{"TaskId":17'), "unknown", None),
        (RawResponse(200, (), b"<Answer><TaskId>a&amp;b</TaskId><Re"), "created", "a&b"),
        (RawResponse(200, (), b'<x:Answer><x:TaskId nil="no">\n t\n</x:TaskId>'), "created", "t"),
        (RawResponse(200, (), b"<Answer><TaskId>t"), "unknown", None),
        (RawResponse(502, (), b'<html>{"TaskId":"t"}</html>'), "created", "t"),
    ],
)
def test_only_a_refusal_says_that_nothing_was_created(response, state, identifier):
    assert outcome(START, response) == (state, identifier)


@pytest.mark.parametrize(
    ("body", "state", "identifier"), [(b'{"TaskId":"t"', "created", "t"), (b'{"Ta', "unknown", None)]
)
def test_what_had_come_of_an_answer_that_broke_off_may_hold_the_id(tmp_path, body, state, identifier):
    """It is looked into for that, and neither judged nor recorded."""
    arrived = RawResponse(200, (("content-type", "application/json"),), body)
    recorder, _, guard = guarded(tmp_path, Reply(None, "the connection was closed", arrived=arrived), max_jobs=1)
    assert send(recorder, request()).response is None
    assert [(each.state, each.id) for each in intents.read(tmp_path / "i")] == [(state, identifier)]
    assert guard.budget.spent("job") == 1


def test_a_refusal_that_had_come_in_part_refuses_nothing(tmp_path):
    arrived = RawResponse(400, (), b'{"RequestId":"r","Code":"InvalidParameter","Message":"B')
    recorder, _, _ = guarded(tmp_path, Reply(None, "the connection was closed", arrived=arrived))
    send(recorder, request())
    assert [each.state for each in intents.read(tmp_path / "i")] == ["unknown"]


@pytest.mark.parametrize("piece", [b'"TaskId":"', b"<TaskId ", b'"TaskId": ', b'"TaskId":"\\', b"<a:TaskId>"])
def test_a_hostile_text_is_searched_in_no_time(piece):
    began = time.perf_counter()
    outcome(START, RawResponse(200, (), piece * (BODY_LIMIT // len(piece))))
    assert time.perf_counter() - began < 5


def test_a_unit_is_given_back_when_refused_and_kept_when_nobody_knows(tmp_path):
    replies = (
        answer(400, Code="InvalidParameter"),
        Reply(None, "no connection", is_unreachable=True),
        Reply(None, "cut"),
    )
    recorder, _, guard = guarded(tmp_path, *replies, max_jobs=1)
    for spent in (0, 0, 1):
        send(recorder, request())
        assert guard.budget.spent("job") == spent
    with pytest.raises(Unaffordable):
        send(recorder, request())
    assert [each.state for each in intents.read(tmp_path / "i")] == ["refused", "refused", "unknown"]


def test_while_the_run_ends_only_ends_are_sent(tmp_path):
    recorder, target, guard = guarded(tmp_path, answer(200, TaskId="t1"), answer(200), max_jobs=5)
    send(recorder, request())
    guard.is_closing = True
    app = decode(START, request()).document["AppId"]
    for description, raw in (
        (START, request()),
        (DESCRIBE, RawRequest("POST", f"/?AppId={app}&TaskId=t1")),
        (STOP, RawRequest("POST", f"/?AppId={app}&TaskId=another")),
    ):
        with pytest.raises(Exhausted, match=r"^the run is ending$"):
            send(recorder, raw, description)
    assert len(target.seen) == 1
    assert guard.budget.spent("job") == 1
    send(recorder, RawRequest("POST", f"/?AppId={app}&TaskId=t1"), STOP)
    assert len(target.seen) == 2


def test_a_request_that_is_not_sent_reserves_nothing(tmp_path):
    refused = answer(400, Code="InvalidParameter", RequestId="r")
    recorder, target, guard = guarded(tmp_path, refused, max_requests=1, max_jobs=5)
    send(recorder, request())
    with pytest.raises(Exhausted):
        send(recorder, request())
    assert guard.budget.spent("job") == 0
    assert len(target.seen) == 1
    assert len(intents.read(tmp_path / "i")) == 1


def stop(task, app):
    return RawRequest("POST", f"/?AppId={app}&TaskId={task}")


@pytest.mark.parametrize(
    ("response", "is_other", "state"),
    [
        (answer(200, RequestId="r"), False, "ended"),
        (answer(404, RequestId="r", Code="NotFound"), False, "created"),
        (answer(200, RequestId="r"), True, "created"),
        (answer(404, RequestId="r", Code="NotFound"), True, "created"),
        (answer(403, RequestId="r", Code="Forbidden"), False, "created"),
        (answer(400, RequestId="r", Code="Throttling"), False, "created"),
        (answer(500), False, "created"),
        (None, False, "created"),
    ],
)
def test_what_ends_it_is_noticed_whoever_sends_it(tmp_path, response, is_other, state):
    """If it is named as it has to be, and the answer says so; beyond the limit of requests too, for it is ours."""
    recorder, target, _ = guarded(tmp_path, answer(200, TaskId="t1"), response, max_requests=1)
    app = decode(START, request()).document["AppId"]
    send(recorder, request())
    if is_other:  # of another application: need not be ours, so the limit holds
        with pytest.raises(Exhausted):
            send(recorder, stop("t1", "other"), STOP)
    else:
        send(recorder, stop("t1", app), STOP)
    assert len(target.seen) == 2 - is_other
    assert [each.state for each in intents.read(tmp_path / "i")] == [state]


@pytest.mark.parametrize(("seconds", "state"), [(10, "created"), (99, "created"), (100, "ended")])
def test_what_is_not_there_has_ended_when_its_time_is_over(tmp_path, seconds, state):
    """Before that it may be too new to be known everywhere."""
    recorder, _, guard = guarded(tmp_path, answer(200, TaskId="t1"), answer(404, RequestId="r", Code="NotFound"))
    guard.clock = lambda: NOW
    send(recorder, request())
    guard.clock = lambda: NOW + seconds
    send(recorder, stop("t1", decode(START, request()).document["AppId"]), STOP)
    assert [each.state for each in intents.read(tmp_path / "i")] == [state]


def test_under_the_name_of_another_operation_nothing_is_ended(tmp_path):
    recorder, _, _ = guarded(tmp_path, answer(200, TaskId="t1"), answer(200, RequestId="r"))
    send(recorder, request())
    raw = stop("t1", decode(START, request()).document["AppId"])
    recorder.exchange(STOP, raw, number=2, case="case#2", step=0, attempt=0, action=f"{STOP.operation}X")
    assert [each.state for each in intents.read(tmp_path / "i")] == ["created"]


def test_an_end_of_something_else_is_no_end_of_ours(tmp_path):
    recorder, _, _ = guarded(tmp_path, answer(200, TaskId="t1"), *[answer(200, RequestId="r")] * 2)
    send(recorder, request())
    send(recorder, stop("t1", "other"), STOP)
    send(recorder, stop("t2", decode(START, request()).document["AppId"]), STOP)
    assert [each.state for each in intents.read(tmp_path / "i")] == ["created"]


def test_what_creates_nothing_is_not_announced(tmp_path):
    recorder, _, _ = guarded(tmp_path, answer(200, RequestId="r"), max_jobs=0)
    send(recorder, RawRequest("POST", "/?AppId=a&TaskId=t"), DESCRIBE)
    assert not intents.read(tmp_path / "i")


# --- idle limits ------------------------------------------------------------------------------------------------------


def limit(query):
    return idle_limit_s(START, START.creates, RawRequest("POST", f"/?{query}"))


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("MaxIdleTime=10", 10),
        ("MaxIdleTime=14400", 14400),
        ("AppId=a", 300),
        ("MaxIdleTime=", 14400),
        ("MaxIdleTime=9", 14400),
        ("MaxIdleTime=%2B20", 14400),
        ("MaxIdleTime=20000", 20000),
        ("MaxIdleTime=10&MaxIdleTime=600", 600),
        (f"MaxIdleTime={'9' * 5000}", 10**9),
    ],
)
def test_the_idle_limit_is_the_longest_that_a_target_may_read(query, seconds):
    assert limit(query) == seconds
    assert idle_limit_s(START, START.creates, RawRequest("POST", "/", (), query.encode())) == seconds


@pytest.mark.parametrize("operation", [name for name, each in spec_folder.load_all().items() if each.creates])
def test_every_request_carries_the_smallest_idle_limit_unless_that_is_under_test(operation):
    description = spec_folder.load(operation)
    name = description.creates.idle_limit
    smallest = description.nodes[name].schema["minimum"]
    assert description.creates.short_lived[name] == smallest
    others = 0
    for case in plan(description, "quick").cases:
        edits = [edit for step in case.steps for edit in (*case.context, *step)]
        about = any(edit.op == "whole" or (edit.location and edit.location[0] == name) for edit in edits)
        for step in range(len(case.steps)):
            raw = render(description, case, step, CONTEXT)
            sent = dict(decode_query(raw.query)[0] + decode_query(raw.body.decode())[0]).get(name)
            if not about:
                assert sent == str(smallest), case.id
                others += 1
    assert others > 100


def test_edit_of_the_idle_limit_is_announced_as_it_is(tmp_path):
    recorder, target, _ = guarded(tmp_path, answer(400))
    send(recorder, request(Edit("set", ("MaxIdleTime",), 600)))
    assert target.seen[0][0][1] == 600
