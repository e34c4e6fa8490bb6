"""Jobs in a file outlive the emulator, however it ends; and its own endpoints move their clock over HTTP."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from acs_conformance import spec_folder
from acs_conformance.emulator.admin import Admin
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.server import running
from acs_conformance.errors import UsageError
from acs_conformance.message import RawRequest
from acs_conformance.signing.v3 import sign
from acs_conformance.target import EMULATOR_CREDENTIALS
from emulator_calls import outcome, output
from test_emulator_life import DESCRIBE, NOT_FOUND, START, STOP, Play, call, job

DESCRIPTIONS = spec_folder.load_all()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "jobs.sqlite"


def reopened(play, file, **choices):
    """Another emulator on the file, after the first has ended; its real clock goes on."""
    play.emulator.close()
    after = Play(state_file=file, **choices)
    after.now_s = play.now_s
    return after


# --- in the file ------------------------------------------------------------------------------------------------------


def test_a_job_is_the_same_after_a_restart(file):
    play = Play(state_file=file)
    outputs = [output("用户"), output("two", TranscodeTemplate="lud")]
    play = reopened(play, file, **{"OutputParams[].UserId.beyond": "taken"})
    tasks = [play.start(OutputParams=outputs, MaxIdleTime=600), play.start(MaxIdleTime=10), play.start()]
    play.stop(tasks[2])
    play.advance(5)
    before = [play.shown(task) for task in tasks]
    assert [each["Status"] for each in before] == ["RUNNING", "RUNNING", "STOPPED"]
    play = reopened(play, file)
    assert [play.shown(task) for task in tasks] == before
    assert [each.id for each in play.emulator.jobs] == tasks
    assert len(play.emulator.jobs) == 3
    play.advance(5)
    assert [play.status(task) for task in tasks] == ["RUNNING", "STOPPED", "STOPPED"]


def test_the_moved_clock_and_publishers_are_remembered(file):
    play = Play(state_file=file)
    ended, used = play.start(MaxIdleTime=10), play.start(ChannelId="used", MaxIdleTime=10)
    play.emulator.join({"ChannelId": "used"})
    play.advance(1000)
    play = reopened(play, file)
    assert [play.status(task) for task in (ended, used)] == ["STOPPED", "RUNNING"]
    assert play.status(play.start(ChannelId="used")) == "STARTING"
    play.advance(1000)
    assert play.status(used) == "RUNNING"
    assert play.emulator.leave({"ChannelId": "used"})
    assert play.status(used) == "RECOVERING"


def test_names_in_use_are_remembered(file):
    strict = {"wire.in-use": "refused"}
    play = Play(state_file=file, **strict)
    task = play.start()
    play = reopened(play, file, **strict)
    assert outcome(play.ask(START, **job())) == (400, "InvalidParameter")
    play.stop(task)
    assert outcome(play.ask(START, **job())) == 200


def test_the_capacity_holds_in_a_file(file):
    play = Play(state_file=file, job_capacity=3, **{"wire.in-use": "refused"})
    tasks = [play.start(OutputParams=[output(f"o{number}")]) for number in range(5)]
    assert [each.id for each in play.emulator.jobs] == tasks[2:]
    assert len(play.emulator.jobs) == 3
    assert outcome(play.describe(tasks[0])) == NOT_FOUND
    assert outcome(play.ask(START, **job(OutputParams=[output("o1")]))) == 200
    play.emulator.jobs.remove(tasks[4])
    assert len(play.emulator.jobs) == 2


def test_ids_of_one_seed_do_not_come_again(file):
    seed = "0123456789abcdef01"
    play = Play(state_file=file, id_seed=seed)
    first = [play.start() for _ in range(3)]
    play.emulator.close()
    again = Play(state_file=file, id_seed=seed)
    assert not {again.start() for _ in range(3)} & set(first)
    assert len(again.emulator.jobs) == 6


def test_no_credential_is_in_the_file_unless_answers_show_it(file, tmp_path):
    secret = [output("out", UserToken="a-secret-token")]
    play = Play(state_file=file)
    play.start(OutputParams=secret)
    kept = list(file.parent.glob("jobs.sqlite*"))
    assert not any(b"a-secret-token" in each.read_bytes() for each in kept)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = Play(state_file=tmp_path / "shown.sqlite", **{"answer.credentials": "shown"})
    task = shown.start(OutputParams=secret)
    shown = reopened(shown, tmp_path / "shown.sqlite", **{"answer.credentials": "shown"})
    assert shown.shown(task)["OutputParams"] == secret


def test_texts_that_no_file_could_hold_are_looked_up_all_the_same(file):
    play = Play(state_file=file)
    play.start()
    assert play.emulator.jobs.get("\ud800") is None
    assert play.emulator.jobs.get("\x00") is None
    play.emulator.jobs.remove("\ud800")
    assert len(play.emulator.jobs) == 1


def test_a_file_that_cannot_be_used_is_named_with_a_remedy(file, tmp_path):
    first = Play(state_file=file)
    with pytest.raises(UsageError, match=r"jobs\.sqlite is in use by another emulator"):
        Play(state_file=file)
    first.emulator.close()
    (tmp_path / "text").write_text("no database, but longer than the head of one " * 9, encoding="utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE mine (x)")
    untouched = (tmp_path / "other").read_bytes()
    with contextlib.closing(sqlite3.connect(file)) as later:
        later.execute("PRAGMA user_version = 2")
    for name, problem in {
        "text": "is no state of an emulator",
        "other": "is the database of another program",
        "jobs.sqlite": "was written by another version",
        "nowhere/jobs.sqlite": "can't write the state to .*No such file",
        "": "can't write the state to .*Is a directory",
    }.items():
        with pytest.raises(UsageError, match=f"{problem}.*Choose another file"):
            Play(state_file=tmp_path / name)
    assert (tmp_path / "other").read_bytes() == untouched


# --- the command ------------------------------------------------------------------------------------------------------


class Served:
    """The command as a process that asks for no more than a key, and a client of it."""

    def __init__(self, *arguments, lines=3):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")}
        command = [sys.executable, "-m", "acs_conformance", "emulator", "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)
        self.lines = [self.process.stdout.readline().strip() for _ in range(lines)]
        self.url = self.lines[0].removeprefix("listening on ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=20)

    def ask(self, action, **values):
        raw = call(action, **values)
        host = self.url.removeprefix("http://")
        signed = sign(
            RawRequest("POST", raw.target, (("accept", "application/json"),)),
            EMULATOR_CREDENTIALS,
            action=action,
            version="2016-11-01",
            host=host,
            now=datetime.now(UTC),
            nonce=os.urandom(8).hex(),
        )
        return httpx.post(self.url + signed.target, headers=dict(signed.headers)).json()


def test_jobs_survive_a_kill(file):
    with Served("--state", file, lines=4) as served:
        assert served.lines[3] == f"state: 0 jobs in {file}"
        tasks = [served.ask(START, **job(OutputParams=[output(f"o{n}")]))["TaskId"] for n in range(3)]
        served.ask(STOP, AppId="app", TaskId=tasks[1])
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(timeout=20)
    with Served("--state", file, lines=4) as served:
        assert served.lines[3] == f"state: 3 jobs in {file}"
        shown = [served.ask(DESCRIBE, AppId="app", TaskId=task)["TaskInfo"] for task in tasks]
        assert [each["TaskId"] for each in shown] == tasks
        assert [each["OutputParams"][0]["UserId"] for each in shown] == ["o0", "o1", "o2"]
        assert [each["Status"] == "STOPPED" for each in shown] == [False, True, False]


def test_the_command_serves_its_own_endpoints_on_request_only():
    with Served() as served:
        answer = httpx.get(f"{served.url}/_emulator/clock")
        assert answer.status_code != 200
        assert "x-emulator-clock" not in answer.headers
    with Served("--admin", lines=4) as served:
        assert served.lines[3] == f"admin: {served.url}/_emulator"
        task = served.ask(START, **job(MaxIdleTime=10))["TaskId"]
        httpx.post(f"{served.url}/_emulator/clock", json={"advance_s": 11}).raise_for_status()
        assert served.ask(DESCRIBE, AppId="app", TaskId=task)["TaskInfo"]["Status"] == "STOPPED"


def test_the_command_refuses_a_file_in_one_line(tmp_path):
    (tmp_path / "text").write_text("no database, but longer than the head of one " * 9, encoding="utf-8")
    command = [sys.executable, "-m", "acs_conformance", "emulator", "--port", "0", "--state", str(tmp_path / "text")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (2, "", 1)


# --- its own endpoints ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def admin():
    """An emulator that asks for no signature, its endpoints over HTTP, and calls of its operations."""
    emulator = Emulator(DESCRIPTIONS, settings=Settings(authenticate=False))
    with running(emulator, admin=Admin(emulator)) as url, httpx.Client(base_url=url) as http:

        def ask(action, **values):
            raw = call(action, **values)
            return http.post(raw.target, headers=dict(raw.headers))

        yield http, ask


def test_the_clock_is_told_and_moved(admin):
    http, ask = admin
    task = ask(START, **job(MaxIdleTime=10)).json()["TaskId"]
    describe = lambda: ask(DESCRIBE, AppId="app", TaskId=task)  # noqa: E731
    before = http.get("/_emulator/clock").json()
    assert describe().headers["x-emulator-clock"] == "/_emulator/clock"
    after = http.post("/_emulator/clock", json={"advance_s": 20}).json()
    assert after["advanced_s"] == before["advanced_s"] + 20
    assert 20 <= after["time_s"] - before["time_s"] < 25
    assert describe().json()["TaskInfo"]["Status"] == "STOPPED"


def test_a_publisher_joins_and_leaves(admin):
    http, ask = admin
    one, other = (ask(START, **job(channel, MaxIdleTime=10)).json()["TaskId"] for channel in ("one", "other"))
    status = lambda task: ask(DESCRIBE, AppId="app", TaskId=task).json()["TaskInfo"]["Status"]  # noqa: E731
    where = {"ChannelId": "one", "InputParam.SingleSubUserParam.UserId": "in"}
    for members in ({"where": where}, {"job": other}):
        joined = http.post("/_emulator/publisher", json={"present": True, **members}).json()
        assert {"job": members.get("job"), "where": members.get("where", {})} in joined["publishers"]
    http.post("/_emulator/clock", json={"advance_s": 60})
    assert [status(one), status(other)] == ["RUNNING", "RUNNING"]
    left = http.post("/_emulator/publisher", json={"present": False, "where": where}).json()
    assert left["publishers"] == http.get("/_emulator/publisher").json()["publishers"] != []
    assert [status(one), status(other)] == ["RECOVERING", "RUNNING"]
    assert http.post("/_emulator/publisher", json={"present": False, "where": where}).status_code == 404


def test_jobs_are_listed_without_credentials(admin):
    http, ask = admin
    tasks = [
        ask(START, **job(f"listed-{n}", OutputParams=[output("o", UserToken="secret-token")])).json()["TaskId"]
        for n in range(3)
    ]
    answer = http.get("/_emulator/jobs", params={"limit": 2})
    assert "secret-token" not in answer.text
    assert [each["id"] for each in answer.json()["jobs"]] == tasks[:0:-1]
    assert answer.json()["count"] >= 3
    (shown,) = http.get("/_emulator/jobs", params={"id": tasks[0]}).json()["jobs"]
    assert (shown["operation"], shown["state"], shown["has_ended"]) == (START, "STARTING", False)
    assert shown["parameters"]["ChannelId"] == "listed-0"
    assert shown["parameters"]["OutputParams"][0]["UserToken"] == "******"
    assert http.get("/_emulator/jobs", params={"id": "nothing"}).json()["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/_emulator", b"", 404),
        ("GET", "/_emulator/else", b"", 404),
        ("DELETE", "/_emulator/clock", b"", 405),
        ("POST", "/_emulator/jobs", b"{}", 405),
        ("GET", "/_emulator/jobs?limit=x", b"", 400),
        ("POST", "/_emulator/clock", b"", 400),
        ("POST", "/_emulator/clock", b"[]", 400),
        ("POST", "/_emulator/clock", b"{}", 400),
        ("POST", "/_emulator/clock", b"[" * 100_000, 400),
        ("POST", "/_emulator/clock", b'{"advance_s": -1}', 400),
        ("POST", "/_emulator/clock", b'{"advance_s": true}', 400),
        ("POST", "/_emulator/clock", b'{"advance_s": NaN}', 400),
        ("POST", "/_emulator/clock", b'{"advance_s": 1e300}', 400),
        ("POST", "/_emulator/clock", b'{"advance_s": "1"}', 400),
        ("POST", "/_emulator/clock", b'{"advance": 1}', 400),
        ("POST", "/_emulator/publisher", b"{}", 400),
        ("POST", "/_emulator/publisher", b'{"present": true, "where": "x"}', 400),
        ("POST", "/_emulator/publisher", b'{"present": true, "where": {"Nope": "c"}}', 400),
        ("POST", "/_emulator/publisher", b'{"present": true, "job": "x"}', 404),
        ("POST", "/_emulator/publisher", b'{"present": true, "job": 7}', 404),
    ],
)
def test_what_an_endpoint_cannot_take_is_refused_with_a_reason(admin, method, path, content, status):
    http, _ = admin
    before = http.get("/_emulator/clock").json()["advanced_s"], http.get("/_emulator/publisher").json()
    answer = http.request(method, path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert (http.get("/_emulator/clock").json()["advanced_s"], http.get("/_emulator/publisher").json()) == before


def test_a_page_in_a_browser_cannot_move_the_clock(admin):
    """Without asking first it can only send types of forms."""
    http, _ = admin
    answer = http.post("/_emulator/clock", content=b'{"advance_s": 1}', headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_paths_that_only_look_like_an_endpoint_go_to_the_service(admin):
    http, _ = admin
    assert "Code" in http.get("/_emulators").json()
