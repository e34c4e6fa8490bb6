"""A target that dies in mid-run: one that comes back breaks nothing, and one that doesn't leaves the rest undecided."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

import servers

ALL = ("StartRtcCloudTranscode", "DescribeRtcCloudTranscode", "StopRtcCloudTranscode")


@contextlib.contextmanager
def emulator(port, state):
    """The emulator as a process, with its jobs in a file."""
    command = [sys.executable, "-m", "acs_conformance", "emulator", "--port", str(port), "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=servers.environment()) as process:
        try:
            assert process.stdout.readline().startswith("listening on ")
            yield process
        finally:
            process.kill()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def disturbed(tmp_path, disturb, *arguments):
    """A run against an emulator, with which `disturb` is done once some requests were sent."""
    port, folder = free_port(), tmp_path / "r"
    journal = folder / "journal.jsonl"

    def watch(process):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b"\n") < 40):
            time.sleep(0.01)
        disturb(process, port)

    with emulator(port, tmp_path / "jobs.sqlite") as process:
        watching = threading.Thread(target=watch, args=(process,))
        watching.start()
        ended = servers.run_against(f"http://127.0.0.1:{port}", folder, *arguments, chosen=ALL)
        watching.join(timeout=60)
    return ended


@pytest.mark.timeout(180)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_target_that_is_killed_and_comes_back_is_waited_for(tmp_path, threads):
    with contextlib.ExitStack() as later:

        def restart(process, port):
            process.kill()
            process.wait(timeout=20)
            time.sleep(1.0)
            later.enter_context(emulator(port, tmp_path / "jobs.sqlite"))

        ended = disturbed(tmp_path, restart, "--concurrency", threads)
    assert ended.report["findings"] == []
    assert ended.report["run"]["stopped"] == ""
    # What was under way when it was killed has no answer, which shakes the availability and decides nothing.
    undecided = {
        row["id"].rpartition(".")[2] for row in ended.report["requirements"] if row["verdict"] == "inconclusive"
    }
    assert ended.code == (3 if undecided else 0), ended.out
    assert undecided <= {"availability"}
    away = [exchange for exchange in ended.report["exchanges"] if exchange.get("is_unreachable")]
    assert away, "it was never noticed"
    assert all(exchange["response"] is None for exchange in away)


@pytest.mark.timeout(180)
def test_a_target_that_is_gone_fails_nothing_and_leaves_the_rest_undecided(tmp_path):
    ended = disturbed(tmp_path, lambda process, _port: process.kill())
    assert ended.report["findings"] == []
    assert "the target can't be reached any more" in ended.report["run"]["stopped"]
    assert ended.report["run"]["counts"]["fail"] == 0
    assert ended.code == 3, ended.out
    assert "may still run" in ended.err
