"""Money: what a run creates is counted, ended, and cleaned up after, whatever becomes of the run; over real HTTP."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import servers
from acs_conformance import faults, intents, profile, reach, report, run, spec_folder
from acs_conformance.budget import Limits
from acs_conformance.errors import UsageError
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.options import Options
from acs_conformance.oracle import expect
from acs_conformance.store import Store
from acs_conformance.trait import Memory

START = spec_folder.load("StartRtcCloudTranscode")
ALL = ("StartRtcCloudTranscode", "DescribeRtcCloudTranscode", "StopRtcCloudTranscode")


class World:
    """An emulator behind HTTP, and what runs there."""

    def __init__(self, core, server):
        self.core = core
        self.server = server
        self.url = server.url

    @property
    def ids(self):
        return {job.id for job in self.core.jobs}

    @property
    def created(self):
        return len(self.core.jobs)

    @property
    def living(self):
        return {job.id for job in self.core.jobs if not self.core.life.has_ended(job)}

    def calls(self, action):
        return [request for request in self.server.requests if ("x-acs-action", action) in request.headers]


@contextlib.contextmanager
def world(fault=None, pause_s=0.0, disturb=None):
    core = servers.core_of(faults.find([START], fault) if fault else None)
    lock = threading.Lock()
    if isinstance(disturb, Slow):
        disturb.core = core

    def answer(request, number):
        if pause_s:
            time.sleep(pause_s)
        with lock:
            return disturb(request, number, lambda: core.handle(request)) if disturb else core.handle(request)

    with servers.serving(answer) as server:
        yield World(core, server)


def states(folder):
    """State -> how many intents are in it."""
    found = [each.state for each in intents.read(folder / intents.FILE)]
    return {state: found.count(state) for state in found}


def reasons(ended):
    return {row["reason"] for row in ended.report["requirements"]}


# --- the budget -------------------------------------------------------------------------------------------------------


def test_every_run_ends_what_it_has_created(tmp_path):
    with world() as target:
        ended = servers.run_against(target.url, tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert target.created >= 5
    assert not target.living
    assert set(states(tmp_path)) == {"ended", "refused"}
    assert "still run" not in ended.err


@pytest.mark.parametrize("threads", [1, 4])
def test_no_more_is_created_than_may_be_and_the_rest_is_not_tested(tmp_path, threads):
    with world(pause_s=0.005 * (threads > 1)) as target:
        ended = servers.run_against(target.url, tmp_path, "--max-jobs", "3", "--concurrency", threads)
    assert ended.code == 3
    assert target.created == 3
    assert not target.living
    assert "not tested: budget: no job is left (--max-jobs 3)" in reasons(ended)
    assert re.search(r"\d+ cases not tested: budget", ended.report["run"]["diagnosis"])
    undecided = {row["id"] for row in ended.report["requirements"] if row["reason"].startswith("not tested: budget")}
    assert {ended.verdicts[name] for name in undecided} == {"inconclusive"}
    # Invalid requests went on: nothing of theirs was accepted.
    assert len(target.calls(START.operation)) > 100


def test_with_none_only_what_has_to_be_refused_is_sent(tmp_path):
    with world() as target:
        ended = servers.run_against(target.url, tmp_path, "--max-jobs", "0", depth="standard")
    assert ended.code == 3
    assert not target.created
    sent = [RawRequest(r.method, r.target, (), r.body) for r in target.server.requests]
    assert len(sent) > 400
    assert all(expect(START, request, Memory()).is_reject for request in sent)
    assert set(states(tmp_path)) == {"refused"}


TOO_LONG = "StartRtcCloudTranscode.ChannelId.maxLength!limit#65"


@pytest.mark.parametrize(("surprises", "accepted"), [(None, 1), (0, 0)])
def test_with_none_an_invalid_request_that_is_accepted_ends_the_run_of_them(tmp_path, surprises, accepted):
    with world(TOO_LONG) as target:
        more = () if surprises is None else ("--max-surprises", surprises)
        ended = servers.run_against(target.url, tmp_path, "--max-jobs", "0", *more)
    assert target.created == accepted
    assert not target.living, "stopped"
    assert ended.code == (1 if accepted else 3)
    assert ended.failed == ({"StartRtcCloudTranscode.ChannelId.maxLength"} if accepted else set())
    assert any(f"(--max-surprises {surprises or 0 if surprises is not None else 1})" in why for why in reasons(ended))


def test_with_jobs_left_an_accepted_one_ends_further_ones_of_its_requirement(tmp_path):
    """It is not sent again to learn its rate either; other requirements go on."""
    dropped = next(each.id for each in faults.catalogue(START) if re.match(r"[^!]*\.ChannelId\.pattern!.*", each.id))
    with world(dropped) as target:
        limited = servers.run_against(
            target.url, tmp_path / "a", "--max-jobs", "30", "--only", "StartRtcCloudTranscode.ChannelId.*"
        )
    store = Store(tmp_path / "a")
    store.close()
    surprises = [
        exchange
        for exchange in store.exchanges
        if exchange.case.startswith("StartRtcCloudTranscode.ChannelId.pattern#") and exchange.response.status == 200
    ]
    assert len(surprises) == 1
    assert limited.code == 1
    assert not target.living
    later = [name for name, why in store.unsent.items() if "invalid request of this requirement was accepted" in why]
    assert later
    assert all(name.startswith("StartRtcCloudTranscode.ChannelId.pattern#") for name in later)
    assert limited.verdicts["StartRtcCloudTranscode.ChannelId.maxLength"] == "pass"


def test_four_workers_of_pytest_share_ten_jobs(tmp_path):
    with world() as target:
        ended = servers.pytest_suites(
            tmp_path, "-n", "4", "--acs-target", target.url, "--acs-max-jobs", "10", "--acs-depth", "quick"
        )
    assert ended.code == 3, ended.out[-3000:] + ended.err
    assert target.created == 10
    assert not target.living
    assert ended.report["budget"]["requests"] > 100
    assert sum(states(tmp_path).values()) >= 10


_WORKER = """
import sys, time
from pathlib import Path
from acs_conformance.budget import Unaffordable
from acs_conformance.cases import plan
from acs_conformance.cases.render import Context, render
from acs_conformance.options import Options
from acs_conformance.reach import given_target, recorder_for
from acs_conformance.budget import Limits
from acs_conformance.run import Run
folder, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
options = Options(operations=("StartRtcCloudTranscode",), target_url=url, depth="quick", limits=Limits(max_jobs=10))
run = Run(options)
target = given_target(options)
recorder, sender = recorder_for(target, guard=run.guard(target, folder))
description = run.descriptions["StartRtcCloudTranscode"]
sent = 0
for number, case in enumerate(plan(description, "quick").cases[:60]):
    raw = render(description, case, 0, Context(run_id=name, now=int(time.time())))
    try:
        recorder.exchange(description, raw, number=number, case=case.id, step=0, attempt=0)
        sent += 1
    except Unaffordable:
        pass
sender.close()
print(sent)
"""


def test_four_processes_at_once_share_ten_jobs(tmp_path):
    """Without turns: all send at the same time, what is valid and what is not."""
    with world(pause_s=0.002) as target:
        command = [sys.executable, "-c", _WORKER, str(tmp_path), target.url]
        workers = [
            subprocess.Popen([*command, f"w{n}"], stdout=subprocess.PIPE, text=True, env=servers.environment())
            for n in range(4)
        ]
        sent = [int(worker.communicate(timeout=120)[0]) for worker in workers]
        assert target.created == 10
        assert sum(sent) > 4 * 30
        assert states(tmp_path)["created"] == 10
        assert servers.acs("cleanup", tmp_path, folder=tmp_path).code == 0
        assert not target.living


def test_requests_are_limited_and_ends_are_sent_all_the_same(tmp_path):
    with world() as target:
        ended = servers.run_against(target.url, tmp_path, "--max-requests", "6")
    assert ended.code == 3
    assert "the limit of 6 requests was reached" in ended.out
    assert len(target.calls(START.operation)) <= 6
    assert target.created >= 2
    assert not target.living


def test_unknown_outcomes_stay_spent(tmp_path):
    """A server that creates something and fails to say so."""

    def fail(request, _number, ask):
        response = ask()
        return servers.refusal(500, "InternalError") if response.status == 200 else response

    with world(disturb=fail) as target:
        servers.run_against(target.url, tmp_path, "--max-jobs", "4")
    assert target.created == 4
    assert states(tmp_path)["unknown"] == 4


def test_what_stands_in_between_gives_no_unit_back(tmp_path):
    """A proxy that has passed a request on, and answers a page of its own when it takes too long."""

    def page(request, _number, ask):
        response = ask()
        html = RawResponse(408, (("content-type", "text/html"),), b"<html><title>Request Timeout</title></html>")
        return html if response.status == 200 and ("x-acs-action", ALL[0]) in request.headers else response

    with world(disturb=page) as target:
        ended = servers.run_against(target.url, tmp_path, "--max-jobs", "4").without_traceback()
    assert target.created == 4
    assert states(tmp_path)["unknown"] == 4
    assert "no job is left (--max-jobs 4)" in ended.report["run"]["diagnosis"]


def test_what_a_cut_answer_has_named_is_ended(tmp_path):
    """The length that is announced is more than comes, so no answer is complete, but the id has arrived."""

    def cut(_request, _number, ask):
        response = ask()
        if b"TaskId" not in response.body or response.status != 200:
            return response
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(response.body) + 1}\r\n\r\n"
        return head.encode() + response.body

    with world(disturb=cut) as target:
        servers.run_against(target.url, tmp_path).without_traceback()
    assert target.created
    assert not target.living
    assert set(states(tmp_path)) <= {"ended", "refused"}


# --- killed and interrupted -------------------------------------------------------------------------------------------

_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from acs_conformance.cli import main
main()
"""


@contextlib.contextmanager
def running(target, folder, *arguments):
    given = ["run", *ALL, "--target", target.url, "--depth", "quick", "--no-self-check", "--report-dir", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *given, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=servers.environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_jobs_first(tmp_path, number):
    with world(pause_s=0.01) as target, running(target, tmp_path / "r") as process:
        target.server.wait_for(8)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 3, out + err
        assert target.created
        assert not target.living
    assert "stopped early: interrupted" in out
    assert set(states(tmp_path / "r")) <= {"ended", "refused", "reserved"}


class Slow:
    """Disturbs a world: requests that create something are carried out at once and answered late, all but the first.

    Args:
        delay_s: how late.
        count: how many.
        first: the number of the first that is.
    """

    def __init__(self, delay_s, count=1, first=1):
        self.delay_s = delay_s
        self.left = count
        self.first = first
        self.begun = threading.Event()

    def __call__(self, _request, _number, ask):
        before = len(self.core.jobs)
        answered = ask()
        if len(self.core.jobs) == before or len(self.core.jobs) < self.first or self.begun.is_set():
            return answered
        self.left -= 1
        if not self.left:
            self.begun.set()
        return self._late(answered)

    def _late(self, answered):
        time.sleep(self.delay_s)
        head = [f"HTTP/1.1 {answered.status} X", *(f"{name}: {value}" for name, value in answered.headers)]
        yield "\r\n".join([*head, f"content-length: {len(answered.body)}", "", ""]).encode() + answered.body


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_for_the_id_of_what_is_being_created(tmp_path, number):
    slow = Slow(2)
    with world(disturb=slow) as target, running(target, tmp_path / "r") as process:
        assert slow.begun.wait(60)
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 3, out + err
        assert target.created == 1
        assert not target.living
    assert report.load(tmp_path / "r")["run"]["stopped"] == "interrupted"
    assert "still run" not in err
    assert states(tmp_path / "r") == {"ended": 1}


def test_a_second_interruption_waits_for_nothing_and_tells_what_may_run(tmp_path):
    slow = Slow(25)
    with world(disturb=slow) as target, running(target, tmp_path / "r") as process:
        assert slow.begun.wait(60)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None, "the first one waits"
        sent_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - sent_at < 15
        assert process.returncode == 3, out + err
        assert not target.calls("StopRtcCloudTranscode"), "nobody knows the id"
    assert report.load(tmp_path / "r")["run"]["stopped"] == "interrupted"
    assert "no answer gave an id" in err
    assert "something may still run: acs-conformance cleanup" in err
    assert states(tmp_path / "r") == {"reserved": 1}


THREADS = 3


def test_an_interruption_waits_for_what_all_threads_are_creating(tmp_path):
    slow = Slow(3, THREADS, first=3)
    with world(disturb=slow) as target, running(target, tmp_path / "r", "--concurrency", THREADS) as process:
        assert slow.begun.wait(60)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        sent = len(target.server.requests)
        sent_at = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - sent_at < 20
        assert process.returncode == 3, out + err
        assert target.created >= THREADS
        assert not target.living
        after = target.server.requests[sent:]
        assert {dict(each.headers)["x-acs-action"] for each in after} <= {"StopRtcCloudTranscode"}
    assert report.load(tmp_path / "r")["run"]["stopped"] == "interrupted"
    assert "still run" not in err
    assert set(states(tmp_path / "r")) <= {"ended", "refused"}


def test_a_second_interruption_leaves_what_threads_are_creating_and_ends_the_rest(tmp_path):
    slow = Slow(25, THREADS, first=3)
    with world(disturb=slow) as target, running(target, tmp_path / "r", "--concurrency", THREADS) as process:
        assert slow.begun.wait(60)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.7)
        assert process.poll() is None, "the first one waits"
        created = target.created
        sent_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - sent_at < 15
        assert process.returncode == 3, out + err
        assert "Traceback" not in err
        assert target.created == created, "nothing new"
        found = intents.read(tmp_path / "r" / intents.FILE)
        assert target.living <= target.ids - {each.id for each in found}, "all whose id is known were stopped"
        assert len(target.living) == THREADS
    assert [each.state for each in found if not each.is_settled] == ["unknown"] * THREADS
    assert err.count("no answer gave an id") == THREADS
    assert "something may still run: acs-conformance cleanup" in err
    assert report.load(tmp_path / "r")["run"]["stopped"] == "interrupted"


def kill_and_clean_up(tmp_path, count, later_s):
    """Kill a run after so many requests; then nothing lives that is known, and later nothing at all."""
    folder = tmp_path / "r"
    with world(pause_s=0.01) as target:
        with running(target, folder) as process:
            target.server.wait_for(count)
            time.sleep(later_s)
            process.kill()
            process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        time.sleep(0.1)  # what was under way arrives
        left = intents.read(folder / intents.FILE)
        before = target.living
        assert len(target.core.jobs) <= sum(each.state != "refused" for each in left), "created without an intent"
        ended = servers.acs("cleanup", folder, folder=tmp_path / "c")
        assert "Traceback" not in ended.err
        known = {each.id for each in left if each.id is not None}
        assert not target.living & known
        unknown = [each for each in left if each.id is None and not each.is_settled]
        assert ended.code == (3 if unknown else 0), ended.out + ended.err
        assert len(re.findall("it will have ended by itself by", ended.out)) == len(unknown)
        assert len(target.living) <= len(unknown)
        again = servers.acs("cleanup", folder, folder=tmp_path / "c")
        assert again.code == ended.code
        if unknown:
            target.core.advance(max(each.idle_limit_s for each in unknown))
        assert not target.living
    return len(before), len(unknown)


@pytest.mark.parametrize(("count", "later_s"), [(3, 0.0), (170, 0.005)])
def test_nothing_lives_after_a_killed_run_was_cleaned_up(tmp_path, count, later_s):
    kill_and_clean_up(tmp_path, count, later_s)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_lives_after_runs_were_killed_at_any_moment(tmp_path):
    living = unknown = 0
    for number in range(30):
        moment = random.Random(number)  # noqa: S311
        count = moment.randrange(1, 215)
        lived, unsure = kill_and_clean_up(tmp_path / str(number), count, moment.uniform(0, 0.02))
        living += lived
        unknown += unsure
    assert living, "there was nothing to clean up"
    assert unknown, "no kill came between a request and its answer"


# --- cleanup ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def killed(tmp_path):
    """An emulator with two living jobs, and the folder of the run that was killed there."""
    with world() as target:
        script = _WORKER.replace("[:60]", "[:2]").replace("sender.close()", "import os; os.kill(os.getpid(), 9)")
        command = [sys.executable, "-c", script, str(tmp_path / "r"), target.url, "w"]
        subprocess.run(command, env=servers.environment(), check=False)
        assert target.created == 2
        yield target, tmp_path / "r"


def test_cleanup_takes_the_file_too_and_may_be_repeated(killed, tmp_path):
    target, folder = killed
    first = servers.acs("cleanup", folder / intents.FILE, folder=tmp_path)
    assert first.code == 0, first.out + first.err
    assert len(target.calls(ALL[2])) == 2
    assert not target.living
    assert (
        len(re.findall(r"^over: job \S+ stopped: StopRtcCloudTranscode was answered 200$", first.out, re.MULTILINE))
        == 2
    )
    asked = len(target.server.requests)
    second = servers.acs("cleanup", folder, folder=tmp_path, keys=False)
    assert (second.code, second.out) == (0, "2 requests may have created something; 0 of that may still run\n")
    assert len(target.server.requests) == asked


def test_cleanup_goes_nowhere_else(killed, tmp_path):
    target, folder = killed
    with servers.emulates() as other:
        ended = servers.acs("cleanup", folder, "--target", other.url, folder=tmp_path)
    assert ended.code == 2
    assert f"{other.url} is not where the run created something: that was {target.url}" in ended.err
    assert not other.connections
    assert not target.calls(ALL[2])


def test_cleanup_by_profile(killed, tmp_path):
    target, folder = killed
    table = f'[targets.staging]\nurl = "{target.url}"\nsignature = "v1"\n'
    table += 'credentials = { environment = "ALIBABA_CLOUD_" }\n'
    (tmp_path / "acs-conformance.toml").write_text(table, encoding="utf-8")
    ended = servers.acs("cleanup", folder, "--profile", "staging", folder=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert not target.living


def test_what_can_not_be_stopped_is_told_with_its_time(killed, tmp_path):
    target, folder = killed
    target.core.life.end = lambda *_: None  # it goes on whatever it is told, and the answer is for others to judge
    with servers.forbids_everything() as other:
        text = (folder / intents.FILE).read_text("ascii").replace(target.url, other.url)
    with servers.nobody() as gone:
        (folder / intents.FILE).write_text(text.replace(other.url, gone), encoding="ascii")
        unreachable = servers.acs("cleanup", folder, folder=tmp_path)
    assert unreachable.code == 3
    assert len(re.findall("may still run: ", unreachable.out)) == 2
    assert re.search(r"no connection.*it will have ended by itself by \S+Z, in \d+ s", unreachable.out)
    with servers.forbids_everything() as refusing:
        (folder / intents.FILE).write_text(text.replace(other.url, refusing.url), encoding="ascii")
        refused = servers.acs("cleanup", folder, folder=tmp_path)
    assert refused.code == 3
    assert "could not be stopped: StopRtcCloudTranscode was answered 403 Forbidden" in refused.out


def test_without_an_operation_that_ends_it_is_told_when_they_end(killed, tmp_path):
    target, folder = killed
    spec = tmp_path / "spec"
    shutil.copytree(spec_folder.shipped_root(), spec)
    shutil.rmtree(next(spec.glob("*/*/StopRtcCloudTranscode")))
    ended = servers.acs("cleanup", folder, "--spec", spec, folder=tmp_path, keys=False)
    assert ended.code == 3, ended.out + ended.err
    assert len(re.findall("no described operation ends a job; unused, it will have ended by itself", ended.out)) == 2
    old = re.sub(r'"at":[0-9.]+', '"at":1000000000.0', (folder / intents.FILE).read_text("ascii"))
    (folder / intents.FILE).write_text(old, encoding="ascii")
    over = servers.acs("cleanup", folder, "--spec", spec, folder=tmp_path, keys=False)
    assert over.code == 0
    assert "unused, it has ended by itself by 2001-09-09T" in over.out
    assert not target.calls(ALL[2])


def test_the_command_that_is_told_needs_nothing_else(tmp_path):
    """Neither the signatures nor the descriptions of the run, and its folder may have any name."""
    spec = tmp_path / "my spec"
    shutil.copytree(spec_folder.shipped_root(), spec)
    is_closed = [True]

    def forbids(request, _number, ask):
        if is_closed[0] and b"StopRtcCloudTranscode" in request.target.encode() + request.body:
            return servers.refusal(403, "Forbidden")
        return ask()

    with world(disturb=forbids) as target:
        ended = servers.run_against(
            target.url, tmp_path / "a run's", "--signature", "v1", "--spec", spec, "--max-requests", "5"
        )
        assert target.living
        told = next(line for line in ended.err.splitlines() if line.startswith("something may still run: "))
        words = shlex.split(told.partition(": ")[2])
        assert words == ["acs-conformance", "cleanup", str(tmp_path / "a run's")]
        is_closed[0] = False
        found = intents.read(tmp_path / "a run's" / intents.FILE)
        assert {(each.signature, each.spec) for each in found} == {("v1", str(spec))}
        before = len(target.server.requests)
        cleaned = servers.acs(*words[1:], folder=tmp_path)
        assert cleaned.code == 0, cleaned.out + cleaned.err
        assert not target.living
        assert all("SignatureMethod" in request.query for request in target.server.requests[before:])


def test_jobs_of_the_embedded_emulator_end_with_it(tmp_path):
    servers.run_against(None, tmp_path / "r", "--max-requests", "5")
    ended = servers.acs("cleanup", tmp_path / "r", folder=tmp_path, keys=False)
    assert ended.code == 0
    assert re.match(r"\d+ requests may have created something; 0 of that may still run\n$", ended.out)


def test_every_readable_id_of_a_damaged_journal_is_stopped(killed, tmp_path):
    """One line can't be read, and the announcement of another job is gone, which is of the same application."""
    target, folder = killed
    path = folder / intents.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    assert [b"reserved" in line for line in lines] == [True, False] * 2
    lost = json.loads(lines[2])["same"]["AppId"]
    like = re.sub(rb'"AppId":"[^"]*"', f'"AppId":"{lost}"'.encode(), lines[0]).replace(
        b'"intent":"', b'"intent":"other-'
    )
    path.write_bytes(b"garbage\n" + lines[0] + lines[1] + like + lines[3])
    ended = servers.acs("cleanup", folder, folder=tmp_path)
    assert ended.code == 3
    assert f"damaged: {path}:1, is no intent" in ended.err
    assert f"may still run: what the damaged part of {path} spoke of" in ended.err
    assert not target.living
    path.write_bytes(lines[3])
    told = servers.acs("cleanup", folder, folder=tmp_path)
    assert told.code == 3
    assert "for the line that announced it is lost; give --target URL or --profile NAME" in told.out
    # Without the application that it was started for, the target knows no such job, running or not.
    for _ in range(2):
        there = servers.acs("cleanup", folder, "--target", target.url, folder=tmp_path)
        assert there.code == 3
        assert re.search(
            "could not be stopped, for the line that announced it is lost; unused, it will have", there.out
        )


def test_an_empty_journal_beside_requests_is_refused(killed, tmp_path):
    _, folder = killed
    (folder / intents.FILE).write_bytes(b"")
    assert servers.acs("cleanup", folder, folder=tmp_path).code == 0, "no journal says that anything was sent"
    servers.run_against(None, tmp_path / "r", "--max-requests", "5")
    (tmp_path / "r" / intents.FILE).write_bytes(b"")
    ended = servers.acs("cleanup", tmp_path / "r", folder=tmp_path)
    assert ended.code == 2
    assert re.search(
        r"intents.jsonl is empty, yet \S+journal.jsonl has [1-9] requests that may have created", ended.err
    )


def test_the_address_is_checked_even_if_nothing_is_sent(killed, tmp_path):
    target, folder = killed
    path = folder / intents.FILE
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b"reserved" in line))
    ended = servers.acs("cleanup", folder, "--target", "http://127.0.0.1:1", folder=tmp_path)
    assert ended.code == 2
    assert "http://127.0.0.1:1 is not where the run created something" in ended.err
    assert servers.acs("cleanup", folder, "--target", target.url, folder=tmp_path, keys=False).code == 3


def test_what_has_ended_by_itself_may_not_still_run(killed, tmp_path):
    _, folder = killed
    path = folder / intents.FILE
    with servers.nobody() as gone:
        text = re.sub(r'"url":"[^"]*"', f'"url":"{gone}"', path.read_text("ascii"))
        path.write_text(re.sub(r'"at":[0-9.]+', '"at":1000000000.0', text), encoding="ascii")
        ended = servers.acs("cleanup", folder, folder=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert len(re.findall("over: .*; unused, it has ended by itself by 2001", ended.out)) == 2
    path.write_text(text.replace('"is_embedded":false', '"is_embedded":true'), encoding="ascii")
    embedded = servers.acs("cleanup", folder, folder=tmp_path)
    assert embedded.code == 0
    assert len(re.findall("over: .*; it ended with the embedded emulator", embedded.out)) == 2


def test_a_folder_without_intents_is_refused(tmp_path):
    ended = servers.acs("cleanup", tmp_path, folder=tmp_path)
    assert ended.code == 2
    assert "holds no intents.jsonl" in ended.err


# --- elsewhere: only what options resolve to, nothing is sent ---------------------------------------------------------

ELSEWHERE = "https://198.51.100.7"


@pytest.fixture
def keys(monkeypatch):
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("number", [0, 40])
def test_with_a_limit_a_target_elsewhere_is_let_through(keys, number):
    found = reach.given_target(Options(target_url=ELSEWHERE, limits=Limits(max_jobs=number)))
    assert found.url == ELSEWHERE


@pytest.mark.parametrize(
    ("url", "limits", "words"),
    [
        (ELSEWHERE, Limits(), "--max-jobs N"),
        (ELSEWHERE, Limits(max_requests=1, max_seconds=1), "--max-jobs N"),
        ("http://198.51.100.7", Limits(max_jobs=0), "https"),
    ],
)
def test_without_a_limit_or_encryption_it_is_not(keys, url, limits, words):
    with pytest.raises(UsageError, match=f"is not on this machine.*{words}"):
        reach.given_target(Options(target_url=url, limits=limits))


def test_a_profile_limits_more_and_does_not_let_through(keys, tmp_path):
    table = f'[targets.there]\nurl = "{ELSEWHERE}"\nproxy = "http://198.51.100.8:3128"\n[targets.there.budget]\n'
    (tmp_path / "acs-conformance.toml").write_text(f"{table}jobs = 5\nrequests = 900\nseconds = 1.5\n", "utf-8")
    found = profile.load("there", tmp_path)
    with pytest.raises(UsageError, match="is not on this machine"):
        reach.given_target(Options(profile=found))
    options = Options(profile=found, limits=Limits(max_jobs=10, max_requests=20, max_surprises=0))
    assert reach.given_target(options).url == ELSEWHERE
    assert run.Run(options).limits == Limits(max_jobs=5, max_requests=20, max_seconds=1.5, max_surprises=0)


def test_a_budget_of_a_profile_holds(tmp_path):
    with world() as target:
        table = f'[targets.s]\nurl = "{target.url}"\nbudget = {{ jobs = 2 }}\n'
        table += 'credentials = { environment = "ALIBABA_CLOUD_" }\n'
        (tmp_path / "acs-conformance.toml").write_text(table, encoding="utf-8")
        ended = servers.acs("run", ALL[0], "--profile", "s", "--depth", "quick", "--no-self-check", folder=tmp_path)
    assert ended.code == 3, ended.err
    assert target.created == 2
    assert not target.living


def test_what_breaks_what_is_needed_to_stop_it_is_told(tmp_path):
    """A job under an id that the ending operation has to refuse: nothing but time ends it."""
    with world("StartRtcCloudTranscode.AppId.maxLength!limit#65") as target:
        ended = servers.run_against(target.url, tmp_path, "--max-jobs", "0", "--only", "*.AppId.maxLength")
    assert target.created == 1
    assert ended.code == 1
    assert "could not be stopped: StopRtcCloudTranscode was answered 400 InvalidParameter" in ended.err
    assert f"something may still run: acs-conformance cleanup {tmp_path}" in ended.err


# --- dry run ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_it_may_cost_and_needs_neither_network_nor_secrets(tmp_path):
    (tmp_path / "acs-conformance.toml").write_text(
        f'[targets.there]\nurl = "{ELSEWHERE}"\npace = 2\nsecrets = {{ app-key = {{ environment = "NOT_SET" }} }}\n',
        "utf-8",
    )
    command = ("run", ALL[0], "--dry-run", "--depth", "quick", "--profile", "there")
    free = servers.acs(*command, folder=tmp_path, keys=False)
    assert free.code == 0, free.err
    requests, valid = map(
        int, re.search(r"^(\d+) requests, .* at least (\d+); nothing was sent$", free.err, re.MULTILINE).groups()
    )
    assert f"jobs: at least {valid}, at most {requests} where everything is accepted; --max-jobs" in free.err
    assert f"seconds: at least {requests / 2:.0f} at 2 requests per second" in free.err
    limited = servers.acs(*command, "--max-jobs", "4", folder=tmp_path, keys=False)
    assert f"jobs: 4 of the {valid} that" in limited.err
    assert "at most 5 where everything is accepted" in limited.err


def test_a_dry_run_counts_what_is_created_to_be_acted_on(tmp_path):
    told = [servers.acs("run", name, "--dry-run", folder=tmp_path, keys=False) for name in (ALL[1], ALL[2], ALL[0])]
    assert [each.code for each in told] == [0, 0, 0], [each.err for each in told]
    for each in told:
        least, most = map(int, re.search(r"jobs: at least (\d+), at most (\d+)", each.err).groups())
        assert 0 < least < most
    assert re.search(r"seconds: at least \d+, \d+ of them waiting", told[0].err)
