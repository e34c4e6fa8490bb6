"""A run that is ended from outside keeps what it has recorded, and is never taken for a whole one."""

from __future__ import annotations

import contextlib
import gc
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

import servers
from acs_conformance import report
from acs_conformance.errors import ReportError
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.record import Exchange
from acs_conformance.store import FILE, Store

# The handler of SIGINT is set here because a process started in the background inherits that it is ignored.
_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from acs_conformance.cli import main
main()
"""
PAUSE_S = 0.02


@contextlib.contextmanager
def run(folder, pause_s=PAUSE_S):
    """A run against a slow emulator: the process and the server."""
    with servers.emulates(pause_s=pause_s) as server:
        arguments = ["run", "--target", server.url, "--depth", "quick", "--report-dir", str(folder), "--no-self-check"]
        with subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=servers.environment(),
        ) as process:
            try:
                yield process, server
            finally:
                process.kill()


def read_back(folder, copy):
    """The exchanges of a journal, read as the next process would; the original is left as it is."""
    copy.mkdir()
    shutil.copy(folder / FILE, copy / FILE)
    store = Store(copy)
    store.close()
    return store.exchanges


def check_killed(folder, copy, seen):
    """What a killed run leaves: `seen` requests at the most, all but the last one answered and recorded."""
    exchanges = read_back(folder, copy)
    assert seen - 1 <= len(exchanges) <= seen
    assert [exchange.number for exchange in exchanges] == list(range(1, len(exchanges) + 1))
    assert not list(folder.glob("*.html"))
    if (folder / report.JSON_NAME).exists():
        found = report.load(folder)
        assert found["run"]["is_complete"] is False
        assert found["run"]["verdict"] != "conforms"
        assert found["run"]["exit_code"] != 0
        assert 0 < len(found["exchanges"]) <= len(exchanges)
    return exchanges


def kill_after(tmp_path, count, later_s):
    folder = tmp_path / "r"
    with run(folder) as (process, server):
        server.wait_for(count)
        time.sleep(later_s)
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    return check_killed(folder, tmp_path / "copy", len(server.requests))


@pytest.mark.parametrize("count", [1, 40, 100])
def test_killed_run_leaves_a_journal_that_reads_back(tmp_path, count):
    exchanges = kill_after(tmp_path, count, random.uniform(0, PAUSE_S))  # noqa: S311
    assert len(exchanges) >= count - 1


@pytest.mark.slow
@pytest.mark.parametrize("number", range(40))
def test_killed_at_any_moment(tmp_path, number):
    kill_after(tmp_path, random.Random(number).randrange(1, 130), random.uniform(0, 2 * PAUSE_S))  # noqa: S311


def test_killed_run_has_a_partial_report_of_its_last_seconds(tmp_path):
    """Written at intervals, whole each time."""
    folder = tmp_path / "r"
    with run(folder, pause_s=0.06) as (process, server):
        deadline = time.monotonic() + 60
        while not (folder / report.JSON_NAME).exists():
            assert process.poll() is None, "it ended without a partial report"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)
    found = report.load(folder)
    check_killed(folder, tmp_path / "copy", len(server.requests))
    assert found["budget"]["requests"] > 5
    assert found["run"]["counts"]["pass"] > 0
    assert found["run"]["counts"]["none"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_run_leaves_a_whole_partial_report(tmp_path, number):
    folder = tmp_path / "r"
    with run(folder) as (process, server):
        server.wait_for(30)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert "Traceback" not in err
    assert "stopped early: interrupted" in out
    assert "INCONCLUSIVE (exit code 3)" in out
    found = report.load(folder)
    assert found["run"]["is_complete"] is False
    assert found["run"]["stopped"] == "interrupted"
    assert found["run"]["exit_code"] == 3
    assert 29 <= len(found["exchanges"]) <= len(server.requests) < 150
    assert found["run"]["counts"]["fail"] == 0
    assert (folder / "junit.xml").exists()
    assert (folder / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert len(read_back(folder, tmp_path / "copy")) == len(found["exchanges"])
    assert json.loads((folder / FILE).read_bytes().splitlines()[-1]) == {"stopped": "interrupted"}


def test_run_that_has_found_a_failure_says_so_when_interrupted(tmp_path):
    folder = tmp_path / "r"

    def answer(_request, _number, ask):
        time.sleep(PAUSE_S)
        response = ask()
        body = response.body.replace(b'."', b'"')  # a message without its period
        return RawResponse(response.status, response.headers, body)

    with servers.emulates(answer) as server:
        arguments = ["run", "--target", server.url, "--depth", "quick", "--report-dir", str(folder)]
        with subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=servers.environment(),
        ) as process:
            server.wait_for(60)
            process.terminate()
            out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    found = report.load(folder)
    assert (found["run"]["is_complete"], found["run"]["exit_code"], found["run"]["verdict"]) == (False, 1, "fails")
    assert [finding["requirement"] for finding in found["findings"]] == ["StartRtcCloudTranscode.error.Message.pattern"]


# --- the journal itself -----------------------------------------------------------------------------------------------


def exchange(number):
    request, response = RawRequest("POST", "/?a=b"), RawResponse(200, (), b"\xff{}")
    return Exchange(number=number, operation="Op", case="Op.a#b", request=request, response=response)


@pytest.fixture
def torn(tmp_path):
    """A folder with a journal of three exchanges, the last of them cut."""

    def make(cut):
        store = Store(tmp_path / "j")
        for number in (1, 2, 3):
            store.add_exchange(exchange(number))
        store.close()
        whole = store.path.read_bytes()
        store.path.write_bytes(whole[: len(whole) - cut])
        return tmp_path / "j"

    return make


CUTS = [1, 2, 10, 100]


@pytest.mark.parametrize("cut", CUTS)
def test_torn_last_line_is_passed_over(torn, cut):
    store = Store(torn(cut))
    store.close()
    assert store.exchanges == [exchange(1), exchange(2)]


@pytest.mark.parametrize("cut", CUTS)
def test_journal_goes_on_after_a_torn_line(torn, cut):
    """Another process takes over, as a worker of pytest does for one that was killed."""
    folder = torn(cut)
    survivor = Store(folder)
    survivor.add_exchange(exchange(3))
    survivor.add_exchange(exchange(4))
    survivor.close()
    try:
        reader = Store(folder)
    except ReportError as error:
        found: object = str(error)
    else:
        reader.close()
        found = reader.exchanges
    gc.collect()  # what a refused journal left open is complained of here, and not in another test
    assert found == [exchange(number) for number in (1, 2, 3, 4)]


@contextlib.contextmanager
def room(path, more):
    """No file may grow by more than this beyond the size that `path` has; as full a disk as one can have safely."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("more", [0, 10, 100])
def test_what_a_full_disk_cuts_is_told_and_costs_no_other_line(tmp_path, more):
    store = Store(tmp_path)
    store.add_exchange(exchange(1))
    with room(store.path, more), pytest.raises(ReportError, match="can't be written: File too large"):
        store.add_exchange(exchange(2))
    store.add_exchange(exchange(3))
    store.refresh()
    store.close()
    assert store.exchanges == [exchange(1), exchange(2), exchange(3)]
    assert read_back(tmp_path, tmp_path / "copy") == [exchange(1), exchange(3)]


def test_journal_is_shared_while_both_write(tmp_path):
    one, other = Store(tmp_path), Store(tmp_path)
    one.add_exchange(exchange(1))
    other.refresh()
    other.add_exchange(exchange(2))
    one.refresh()
    one.add_exchange(exchange(3))
    other.refresh()
    one.close()
    other.close()
    assert one.exchanges == other.exchanges == [exchange(number) for number in (1, 2, 3)]
