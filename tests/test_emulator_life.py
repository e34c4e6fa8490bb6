"""What the emulator plays of the lives of jobs: they are shown as they were started, and end when they have to."""

from __future__ import annotations

import itertools
import json
import threading
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy, options, variants
from acs_conformance.errors import SelectionError
from acs_conformance.message import RawRequest
from emulator_calls import NOW_S, body, outcome, output

DESCRIPTIONS = spec_folder.load_all()
START, DESCRIBE, STOP = (f"{verb}RtcCloudTranscode" for verb in ("Start", "Describe", "Stop"))
STATES = ("STARTING", "RUNNING", "RECOVERING", "STOPPED")


class Play:
    """An emulator that asks for no signature, and whose real clock stands still."""

    def __init__(self, *, fault=None, **settings):
        choices = {point: settings.pop(point) for point in list(settings) if "." in point}
        self.now_s = NOW_S
        self.emulator = Emulator(
            DESCRIPTIONS,
            settings=Settings(authenticate=False, **settings),
            policy=Policy(choices=choices),
            fault=fault,
            clock=lambda: self.now_s,
        )
        self.advance = self.emulator.advance

    def ask(self, action, **values):
        return self.emulator.handle(call(action, **values))

    def start(self, **changes):
        return body(self.ask(START, **(job() | changes)))["TaskId"]

    def describe(self, task, app="app"):
        return self.ask(DESCRIBE, AppId=app, TaskId=task)

    def shown(self, task):
        return body(self.describe(task))["TaskInfo"]

    def status(self, task):
        return self.shown(task)["Status"]

    def stop(self, task, app="app"):
        return outcome(self.ask(STOP, AppId=app, TaskId=task))


def call(action, **values):
    query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    headers = (("host", "live.example"), ("x-acs-action", action), ("x-acs-version", "2016-11-01"))
    return RawRequest("POST", f"/?{urlencode(query)}", headers)


def job(channel="channel", user="in", **more):
    sub = {"SingleSubUserParam": {"UserId": user}}
    return {"AppId": "app", "ChannelId": channel, "InputParam": sub, "OutputParams": [output("out")]} | more


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_a_job_is_shown_as_it_was_started():
    play = Play()
    outputs = [output("one"), output("two", TranscodeTemplate="lud")]
    sub = {"SingleSubUserParam": {"UserId": "in", "StreamType": 2, "SourceType": 1}}
    other = play.start(ChannelId="other", MaxIdleTime=20)
    task = play.start(InputParam=sub, OutputParams=outputs, MaxIdleTime=600)
    assert play.shown(task) == {
        "AppId": "app",
        "ChannelId": "channel",
        "TaskId": task,
        "Status": "STARTING",
        "InputParam": sub,
        "OutputParams": [each | {"UserToken": "******"} for each in outputs],
        "MaxIdleTime": 600,
    }
    assert play.shown(other)["ChannelId"] == "other"


def test_defaults_are_shown_or_left_out():
    filled, bare = (Play(**{"answer.defaults": choice}) for choice in ("shown", "left-out"))
    shown, left = (play.shown(play.start()) for play in (filled, bare))
    assert shown["MaxIdleTime"] == 300
    assert shown["InputParam"]["SingleSubUserParam"] == {"UserId": "in", "StreamType": 0, "SourceType": 0}
    assert "MaxIdleTime" not in left
    assert left["InputParam"]["SingleSubUserParam"] == {"UserId": "in"}
    assert bare.shown(bare.start(MaxIdleTime=300))["MaxIdleTime"] == 300


def test_credentials_are_masked_unless_they_are_to_be_shown():
    outputs = [output("out", UserToken="secret-token")]
    play = Play()
    assert b"secret-token" not in play.describe(play.start(OutputParams=outputs)).body
    play = Play(**{"answer.credentials": "shown"})
    assert play.shown(play.start(OutputParams=outputs))["OutputParams"] == outputs


def test_what_has_no_effect_is_shown_as_given_or_as_the_default():
    given = {
        "InputParam": {"SingleSubUserParam": {"UserId": "in", "StreamType": 1}},
        "OutputParams": [output("a", ChannelId="elsewhere"), output("b")],
    }
    found = {}
    for choice in ("as-given", "default"):
        play = Play(**{"answer.without-effect": choice})
        task = play.start(**given)
        shown = play.shown(task)
        found[choice] = (
            shown["InputParam"]["SingleSubUserParam"]["StreamType"],
            [each["ChannelId"] for each in shown["OutputParams"]],
        )
        assert play.emulator.jobs.get(task).document["OutputParams"][0]["ChannelId"] == "elsewhere"
    assert found == {"as-given": (1, ["elsewhere", "channel"]), "default": (0, ["channel", "channel"])}


def test_what_is_shown_belongs_to_the_schema_whatever_is_chosen():
    schema = DESCRIPTIONS[DESCRIBE].success_schema["properties"]["TaskInfo"]
    for name, policy in variants(DESCRIPTIONS[DESCRIBE]):
        play = Play(**dict(policy.choices))
        shown = play.shown(play.start())
        assert set(schema["required"]) <= shown.keys() <= set(schema["properties"]), name
        assert shown["Status"] in STATES, name


# --- which job --------------------------------------------------------------------------------------------------------

NOT_FOUND, FORBIDDEN = (404, "NotFound"), (403, "Forbidden")


@pytest.mark.parametrize("action", [DESCRIBE, STOP])
@pytest.mark.parametrize(
    ("choices", "unknown", "foreign"),
    [
        ({}, NOT_FOUND, NOT_FOUND),
        ({"answer.unknown-thing": "forbidden"}, FORBIDDEN, NOT_FOUND),
        ({"answer.foreign-thing": "forbidden"}, NOT_FOUND, FORBIDDEN),
    ],
)
def test_an_unknown_job_and_a_foreign_one_are_refused(action, choices, unknown, foreign):
    play = Play(**choices)
    task = play.start()
    for named in ("x", task.upper(), task[:-1], task + "0"):
        assert outcome(play.ask(action, AppId="app", TaskId=named)) == unknown
    for app in ("App", "app2", "ap"):
        assert outcome(play.ask(action, AppId=app, TaskId=task)) == foreign
    assert play.status(task) == "STARTING"


@pytest.mark.parametrize("action", [DESCRIBE, STOP])
def test_the_form_of_a_request_is_looked_at_first_or_the_job_is(action):
    cases = {
        (("AppId", "app"), ("TaskId", "x.")): NOT_FOUND,
        (("AppId", "app"), ("TaskId", "x" * 65)): NOT_FOUND,
        (("AppId", "a b"), ("TaskId", "known")): NOT_FOUND,
        # Nothing can be looked up where nothing is named.
        (("AppId", "app"), ("TaskId", "")): (400, "MissingParameter"),
        (("AppId", "app"),): (400, "MissingParameter"),
        (("TaskId", "known"),): (400, "MissingParameter"),
        (("TaskId", "x."),): (400, "MissingParameter"),
    }
    form, lookup = (Play(**{"answer.lookup-order": choice}) for choice in ("form-first", "lookup-first"))
    for members, expected in cases.items():
        for play in (form, lookup):
            values = {name: play.start() if value == "known" else value for name, value in members}
            is_missing = expected[1] == "MissingParameter"
            wanted = expected if play is lookup or is_missing else (400, "InvalidParameter")
            assert outcome(play.ask(action, **values)) == wanted, members


def test_only_what_the_right_operation_created_is_found():
    """An emulator that serves operations of several kinds has things of several kinds."""
    play = Play()
    thing = play.emulator.life.create("CreateSomethingElse", {"AppId": "app"})
    assert outcome(play.describe(thing.id)) == NOT_FOUND


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_job_starts_and_runs_and_ends_when_nobody_publishes_for_its_time():
    play = Play()
    task, usual = play.start(MaxIdleTime=10), play.start()
    assert play.status(task) == "STARTING"
    for seconds, expected in ((0.9, "STARTING"), (0.2, "RUNNING"), (8.8, "RUNNING"), (0.2, "STOPPED")):
        play.advance(seconds)
        assert play.status(task) == expected
    play.advance(289)
    assert play.status(usual) == "RUNNING"
    play.advance(1)
    assert play.status(usual) == "STOPPED"
    assert play.status(task) == "STOPPED"


def test_describing_does_not_keep_a_job_going():
    play = Play()
    task = play.start(MaxIdleTime=10)
    for _ in range(9):
        play.advance(1)
        assert play.status(task) != "STOPPED"
    play.advance(1)
    assert play.status(task) == "STOPPED"


def test_real_time_goes_by_too():
    play = Play()
    task = play.start(MaxIdleTime=10)
    play.now_s += 5
    play.advance(4)
    assert play.status(task) == "RUNNING"
    play.now_s += 1
    assert play.status(task) == "STOPPED"
    play.now_s -= 100
    assert play.status(task) == "STOPPED", "a clock that is set back wakes nothing"


@pytest.mark.parametrize(
    "where",
    [
        {"ChannelId": "channel", "InputParam.SingleSubUserParam.UserId": "in"},
        {"ChannelId": "channel"},
        {"OutputParams[].UserId": "out"},
        {},
    ],
)
def test_a_publisher_keeps_a_job_running_and_leaves(where):
    play = Play()
    early = play.start(MaxIdleTime=10)
    assert play.emulator.join(where) == 1
    late = play.start(MaxIdleTime=10)
    play.advance(1000)
    assert [play.status(task) for task in (early, late)] == ["RUNNING", "RUNNING"]
    assert play.emulator.leave(where)
    assert [play.status(task) for task in (early, late)] == ["RECOVERING", "RECOVERING"]
    play.advance(9)
    assert play.status(early) == "RECOVERING"
    play.emulator.join(where)
    assert play.status(early) == "RUNNING"
    play.emulator.leave(where)
    play.advance(9)
    assert play.status(early) == "RECOVERING", "the time begins anew"
    play.advance(1)
    assert play.status(early) == "STOPPED"
    assert play.emulator.join(where) == 0
    assert play.status(early) == "STOPPED", "what has ended never lives again"


def test_a_publisher_of_something_else_is_none():
    play = Play()
    tasks = [play.start(MaxIdleTime=10), play.start(ChannelId="other", MaxIdleTime=10)]
    play.emulator.join({"ChannelId": "channel", "InputParam.SingleSubUserParam.UserId": "other"})
    play.emulator.join({"ChannelId": "nowhere"})
    play.emulator.join(job_id=tasks[1])
    assert not play.emulator.leave({"ChannelId": "channel"})
    play.advance(10)
    assert [play.status(task) for task in tasks] == ["STOPPED", "RUNNING"]


def test_one_of_two_publishers_is_enough():
    play = Play()
    task = play.start(MaxIdleTime=10)
    play.emulator.join({"ChannelId": "channel"})
    play.emulator.join({})
    play.emulator.leave({})
    play.advance(100)
    assert play.status(task) == "RUNNING"


def test_stopping_ends_one_job_at_once():
    play = Play()
    tasks = [play.start(OutputParams=[output(f"out{number}")]) for number in range(3)]
    assert play.stop(tasks[1]) == 200
    play.advance(2)
    assert [play.status(task) for task in tasks] == ["RUNNING", "STOPPED", "RUNNING"]


def test_stopping_can_take_its_time():
    play = Play(**{"life.stop": "later", "TaskId.ended": "refused"})
    task = play.start()
    play.advance(2)
    assert play.stop(task) == 200
    assert play.status(task) == "RUNNING"
    play.advance(2)
    assert play.stop(task) == 200, "it has not ended yet"
    play.advance(1)
    assert play.status(task) == "STOPPED", "a second stop does not put it off"
    assert play.stop(task) == NOT_FOUND


def test_a_refused_stop_changes_nothing():
    play = Play()
    task = play.start()
    play.stop(task, "other")
    play.stop("x")
    play.ask(STOP, TaskId=task)
    play.ask(STOP, AppId="app")
    assert play.status(task) == "STARTING"


def test_what_has_ended_is_shown_and_stopped_again_or_refused():
    play = Play()
    task = play.start()
    assert [play.stop(task), play.stop(task), play.status(task)] == [200, 200, "STOPPED"]
    play = Play(**{f"{STOP}.TaskId.ended": "refused", f"{DESCRIBE}.TaskId.ended": "forgotten"})
    task = play.start()
    assert play.stop(task) == 200
    assert [play.stop(task), outcome(play.describe(task))] == [NOT_FOUND, NOT_FOUND]
    assert play.stop(task, "other") == NOT_FOUND
    rows = ("first", "second", "last")
    answers = []
    for choice in rows:
        play = Play(**{"TaskId.ended": "refused", "answer.refusal": choice})
        task = play.start()
        play.stop(task)
        answers.append(play.stop(task))
    assert answers == [NOT_FOUND, FORBIDDEN, (400, "InvalidParameter")]


def test_a_choice_for_one_operation_is_checked():
    with pytest.raises(SelectionError):
        Play(**{f"{STOP}.TaskId.ended": "forgotten"})


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"life.start": "at-once"}, ["RUNNING", "RUNNING"]),
        ({"life.idle": "first"}, ["STARTING", "STARTING"]),
        ({"life.idle": "last"}, ["STARTING", "RECOVERING"]),
        ({"life.idle": "last", "life.start": "at-once"}, ["RECOVERING", "RECOVERING"]),
        ({"starts_after_s": 60.0}, ["STARTING", "STARTING"]),
    ],
)
def test_the_first_states_are_a_choice(choices, expected):
    play = Play(**choices)
    task = play.start()
    seen = [play.status(task)]
    play.advance(30)
    assert [*seen, play.status(task)] == expected


def test_names_of_ended_jobs_are_free():
    play = Play(**{"wire.in-use": "refused"})
    task = play.start(MaxIdleTime=10)
    refused = (400, "InvalidParameter")
    assert outcome(play.ask(START, **job())) == refused
    play.stop(task)
    second = play.start(MaxIdleTime=10)
    play.advance(9)
    assert outcome(play.ask(START, **job())) == refused
    play.advance(1)
    assert play.status(second) == "STOPPED"
    assert outcome(play.ask(START, **job())) == 200


@pytest.mark.parametrize("is_file", [False, True], ids=["memory", "file"])
def test_names_of_jobs_that_have_ended_are_let_go_of(tmp_path, is_file):
    """Many jobs of one name, one after the other, of which all but the last have ended."""
    where = {"state_file": tmp_path / "jobs.sqlite"} if is_file else {}
    play = Play(**{"wire.in-use": "refused"}, **where)
    tasks = [play.start() for _ in range(20) if play.advance(300)]
    (name,) = play.emulator.jobs.get(tasks[-1]).names
    assert [each.id for each in play.emulator.jobs.using(name)] == tasks[-1:]
    assert len(play.emulator.jobs) == 20
    play.emulator.jobs.remove(tasks[0])
    assert outcome(play.ask(START, **job())) == (400, "InvalidParameter")
    play.emulator.close()


def test_jobs_are_forgotten_beyond_the_capacity_only():
    play = Play(job_capacity=3)
    tasks = [play.start(MaxIdleTime=10) for _ in range(3)]
    play.advance(100_000)
    assert [play.status(task) for task in tasks] == ["STOPPED"] * 3
    play.start()
    assert outcome(play.describe(tasks[0])) == NOT_FOUND


def test_each_choice_about_things_makes_a_difference():
    """All points that a description has for acting operations, by what a client sees of one life."""

    def life(**choices):
        play = Play(**choices)
        given = {"InputParam": {"SingleSubUserParam": {"UserId": "in", "StreamType": 1}}}
        task = play.start(**given)
        seen = [play.shown(task), play.describe("x"), play.describe(task, "other"), play.describe("x.")]
        play.advance(5)
        seen += [play.shown(task), play.stop(task), play.describe(task), play.stop(task)]
        return [
            str(outcome(each)) + str(body(each).get("TaskInfo")) if hasattr(each, "body") else each for each in seen
        ]

    def without_ids(seen):
        return [str(each).replace(body_id(each), "") for each in seen]

    def body_id(each):
        return each.get("TaskId", "-") if isinstance(each, dict) else "-"

    points = {
        point: choices
        for name in (DESCRIBE, STOP)
        for point, choices in options(DESCRIPTIONS[name]).items()
        if point.startswith("life.") or (point.startswith("answer.") and point not in options(DESCRIPTIONS[START]))
    }
    assert len(points) == 9
    usual = without_ids(life(id_seed="0123456789abcdef01"))
    for point, choices in points.items():
        for choice in choices[1:]:
            assert without_ids(life(**{point: choice}, id_seed="0123456789abcdef01")) != usual, (point, choice)


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """One in memory, one in a file, one that looks things up first; each with a job."""
    file = tmp_path_factory.mktemp("state") / "jobs.sqlite"
    found = [Play(), Play(state_file=file), Play(**{"answer.lookup-order": "lookup-first"})]
    return [(play, play.start()) for play in found]


@given(
    st.sampled_from([DESCRIBE, STOP]),
    st.lists(
        st.tuples(
            st.sampled_from(["AppId", "TaskId", "taskid", "Other"]),
            st.one_of(st.text(max_size=70), st.sampled_from(["app", "known", "%ff", "%00", "%ed%a0%80", "[]", "{}"])),
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_whatever_names_a_job_is_answered_as_documented(plays, action, pairs, is_raw):
    for play, task in plays:
        named = [(name, task if text == "known" else text) for name, text in pairs]
        quoted = (f"{name}={text if is_raw and text.isascii() else quote(text, safe='')}" for name, text in named)
        headers = call(action).headers
        answer = play.emulator.handle(RawRequest("POST", f"/?{'&'.join(quoted)}", headers))
        if answer.status == 200:
            assert (dict(named)["AppId"], dict(named)["TaskId"]) == ("app", task)
        else:
            assert outcome(answer) in {
                (400, "MissingParameter"),
                (400, "InvalidParameter"),
                NOT_FOUND,
            }


def test_threads_take_turns():
    """Whoever moves the clock or a publisher does it while the server answers."""
    play = Play()
    ended = threading.Event()
    failures = []

    def move():
        for number in itertools.count():
            if ended.is_set():
                return
            try:
                play.emulator.join({"ChannelId": "channel"})
                play.advance(0.001)
                play.emulator.leave({"ChannelId": "channel"})
            except Exception as error:
                failures.append((number, error))
                return

    thread = threading.Thread(target=move)
    thread.start()
    statuses = {play.ask(START, **job()).status for _ in range(1500)}
    ended.set()
    thread.join()
    assert (statuses, failures) == ({200}, [])
