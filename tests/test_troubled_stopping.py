"""Ending what a run has created: whatever goes wrong with one thing, the others are ended; over real HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest

import servers
from acs_conformance import intents, reach, spec_folder, target
from acs_conformance.budget import Budget, Limits
from acs_conformance.cases.render import Context
from acs_conformance.errors import ReportError
from acs_conformance.guard import Guard
from acs_conformance.intents import Intent, Intents
from acs_conformance.message import RawResponse
from acs_conformance.options import Options
from acs_conformance.run import Run
from acs_conformance.stopping import stop_all
from acs_conformance.store import Store

START = "StartRtcCloudTranscode"
ENDERS = spec_folder.enders()
NAMES = ("t1", "t2", "t3", "t4")
JSON = (("content-type", "application/json"),)


def left(folder, url, names=NAMES):
    """A journal of intents that a run has left."""
    journal = Intents(folder / intents.FILE)
    for name in names:
        journal.announce(
            Intent(
                key=f"key-{name}",
                operation=START,
                thing="job",
                case="case",
                hash="h",
                url=url,
                at=time.time(),
                idle_limit_s=10,
                same={"AppId": "app"},
            )
        )
        journal.tell(f"key-{name}", "created", time.time(), name)
    return journal


def named(server):
    """What was asked to end."""
    queries = [parse_qs(urlsplit(r.target).query, errors="surrogateescape") for r in server.requests]
    return [query["TaskId"][0] for query in queries]


def ends_everything():
    return servers.serving(lambda *_: RawResponse(200, JSON, json.dumps({"RequestId": "R"}).encode()))


@contextlib.contextmanager
def recording(server, journal, budget=None):
    chosen = target.from_url(server.url, servers.environment(), is_limited=True)
    guard = Guard(intents=journal, enders=ENDERS, budget=budget or Budget(Limits()))
    recorder, sender = reach.recorder_for(chosen, guard=guard)
    try:
        yield recorder
    finally:
        sender.close()
        guard.close()


def stopped(recorder, found):
    return list(stop_all(found, ENDERS, recorder, Context(run_id="c", now=1), sleep=lambda _: None))


def test_a_full_disk_keeps_nothing_from_being_ended(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ReportError("no space is left")

    with ends_everything() as server:
        journal = left(tmp_path, server.url)
        found = journal.unsettled()
        monkeypatch.setattr(journal, "_append", fail)
        with recording(server, journal) as recorder:
            endings = stopped(recorder, found)
        assert named(server) == list(NAMES)
    assert [ending.may_live for ending in endings] == [True] * 4, "nobody wrote down that they ended"
    assert endings[0].says.startswith(
        "job t1 may not have been stopped: ReportError: no space is left; unused, it will"
    )


def test_an_id_that_is_no_text_is_ended_and_written_down(tmp_path):
    """Half a surrogate pair, as JSON can have it; it is free, as the end of all that is ours."""
    names = ("\ud800", "a\udfff", "t3")
    with ends_everything() as server:
        journal = left(tmp_path, server.url, names)
        budget = Budget(Limits(max_requests=1))
        budget.request()
        with recording(server, journal, budget) as recorder:
            endings = stopped(recorder, journal.unsettled())
            assert not journal.unsettled()
        assert len(server.requests) == 3
    assert not any(ending.may_live for ending in endings)


def test_cleanup_prints_an_id_that_no_terminal_takes(tmp_path):
    with ends_everything() as server:
        left(tmp_path, server.url, ("\ud800", "t2")).close()
        ended = servers.acs("cleanup", tmp_path, folder=tmp_path / "c")
        assert named(server)[1:] == ["t2"]
    assert ended.code == 0, ended.out + ended.err
    assert "over: job ⟨U+D800⟩ stopped" in ended.without_traceback().out


def test_cleanup_ends_the_rest_though_nobody_reads_on(tmp_path):
    with ends_everything() as server:
        left(tmp_path, server.url).close()
        reader, writer = os.pipe()
        os.close(reader)
        with subprocess.Popen(
            [sys.executable, "-m", "acs_conformance", "cleanup", str(tmp_path)],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=servers.environment() | {"PYTHONUNBUFFERED": "1"},
        ) as process:
            os.close(writer)
            _, err = process.communicate(timeout=60)
        assert named(server) == list(NAMES)
    assert not err


def test_a_record_that_can_not_be_kept_is_told_once_all_was_ended(tmp_path, monkeypatch):
    def fail(*_):
        raise ReportError("no space is left")

    with ends_everything() as server:
        prepared = Run(Options(operations=(START,), target_url=server.url))
        chosen = target.from_url(server.url, servers.environment(), is_limited=True)
        store = Store(tmp_path)
        monkeypatch.setattr(store, "_append", fail)
        with recording(server, left(tmp_path, chosen.url)) as recorder:
            recorder.guard.place = prepared.guard(chosen, tmp_path).place
            endings = []
            with pytest.raises(ReportError, match="no space is left"):
                endings.extend(prepared.stop_all(recorder, store))
        assert named(server) == list(NAMES)
        store.close()
