"""A campaign in parts, in threads, beside another one, and at a target that goes away: the verdicts stay the same."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import servers
from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.server import running
from acs_conformance.errors import UsageError
from acs_conformance.faults import catalogue
from acs_conformance.shard import Shard

START = spec_folder.load("StartRtcCloudTranscode")
SHOW, END = "DescribeRtcCloudTranscode", "StopRtcCloudTranscode"
FAMILY = (START.operation, SHOW, END)


def fault(identifier):
    return next(each for each in catalogue(START) if each.id == identifier)


def merged(folder, parts, *arguments):
    return servers.acs("merge", *parts, "--report-dir", folder, *arguments, folder=folder)


def run_part(url, folder, shard, *arguments, chosen=(START.operation,)):
    return servers.run_against(url, folder, "--shard", shard, "--run-id", "parts", *arguments, chosen=chosen)


# --- in parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seeded",
    [
        None,
        "StartRtcCloudTranscode.response.RequestId.unique!constant",
        "StartRtcCloudTranscode.AppId.maxLength!limit#65",
    ],
)
def test_parts_together_are_judged_as_the_whole(tmp_path, seeded):
    known = {each.id: each for each in catalogue(START)}
    if seeded is not None and seeded not in known:
        seeded = next(name for name in known if name.startswith(seeded.partition("!")[0] + "!"))
    defect = known[seeded] if seeded is not None else None
    with servers.emulates(fault=defect) as server:
        whole = servers.run_against(server.url, tmp_path / "whole")
    parts = []
    with servers.emulates(fault=defect) as server:
        for number in (1, 2, 3):
            ended = run_part(server.url, tmp_path / f"part-{number}", f"{number}/3").without_traceback()
            parts.append(ended.folder)
    together = merged(tmp_path / "together", parts).without_traceback()
    assert together.code == whole.code == (0 if seeded is None else 1), together.out + together.err
    assert together.verdicts == whole.verdicts
    assert {r["id"]: r["observed"] for r in together.report["readings"]} == {
        r["id"]: r["observed"] for r in whole.report["readings"]
    }
    assert [f["requirements"] for f in together.report["findings"]] == [
        f["requirements"] for f in whole.report["findings"]
    ]
    numbers = [exchange["number"] for exchange in together.report["exchanges"]]
    assert numbers == list(range(1, len(numbers) + 1))
    sent = sum(len(json.loads((part / "report.json").read_text())["exchanges"]) for part in parts)
    assert len(numbers) == sent


def test_a_part_sends_its_share_only(tmp_path):
    with servers.emulates() as server:
        whole = servers.run_against(server.url, tmp_path / "whole").report["budget"]["requests"]
        part = run_part(server.url, tmp_path / "part", "2/4").report
    assert whole / 5 < part["budget"]["requests"] < whole / 3
    assert {row["verdict"] for row in part["requirements"]} <= {"pass", "none"}


def test_a_part_that_is_missing_leaves_what_it_would_have_decided_undecided(tmp_path):
    with servers.emulates() as server:
        one = run_part(server.url, tmp_path / "one", "1/2").folder
    ended = merged(tmp_path / "all", [one]).without_traceback()
    assert ended.code == 3
    assert "shard 2/2 is missing" in ended.report["run"]["stopped"]
    assert "inconclusive" in ended.verdicts.values()
    assert "fail" not in ended.verdicts.values()


def test_a_part_that_was_killed_is_told(tmp_path):
    with servers.emulates() as server:
        parts = [run_part(server.url, tmp_path / f"part-{n}", f"{n}/2", "--depth", "quick").folder for n in (1, 2)]
    journal = parts[1] / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])
    ended = merged(tmp_path / "all", parts).without_traceback()
    assert ended.code == 3
    assert re.search(
        r"stopped early: shard 2/2 did not end \(killed\?\): [1-9]\d* of its \d+ cases were not", ended.out
    )
    assert all(
        "shard 2/2 did not end" in r["reason"] for r in ended.report["requirements"] if r["verdict"] == "inconclusive"
    )
    assert "shard 1/2" not in ended.out


def test_what_is_no_part_of_it_is_refused_in_words(tmp_path):
    with servers.emulates() as server:
        one = run_part(server.url, tmp_path / "one", "1/2").folder
        other = run_part(server.url, tmp_path / "other", "2/2", "--seed", "7").folder
    twice = merged(tmp_path / "twice", [one, one]).without_traceback()
    assert twice.code == 2
    assert "shard 1 is there more than once" in twice.err
    mixed = merged(tmp_path / "mixed", [one, other]).without_traceback()
    assert mixed.code == 2
    assert f"{other} is no part of the campaign in {one}: its seed is 7, not 0" in mixed.err
    (tmp_path / "empty").mkdir()
    nothing = merged(tmp_path / "nothing", [tmp_path / "empty"]).without_traceback()
    assert nothing.code != 0
    assert "run.json" in nothing.err


def test_a_part_needs_a_run_id(tmp_path):
    ended = servers.run_against(None, tmp_path / "r", "--shard", "1/2").without_traceback()
    assert ended.code == 2
    assert "--run-id" in ended.err


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/1000", "", "\u0661/2"])
def test_what_names_no_part_is_refused(text):
    with pytest.raises(UsageError, match="such as 2/4"):
        Shard.parse(text)


# --- in threads -------------------------------------------------------------------------------------------------------


def test_threads_send_at_the_same_time_and_come_to_the_same(tmp_path):
    under_way, most, lock = 0, 0, threading.Lock()
    core = servers.core_of()

    def answer(request, _number):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.01)
        with lock:
            under_way -= 1
            return core.handle(request)

    with servers.serving(answer) as server:
        one = servers.run_against(server.url, tmp_path / "one", chosen=FAMILY)
        assert most == 1
        four = servers.run_against(server.url, tmp_path / "four", "--concurrency", "4", chosen=FAMILY)
    assert 1 < most <= 4
    assert one.code == four.code == 0, four.out + four.err
    assert one.verdicts == four.verdicts
    numbers = sorted(exchange["number"] for exchange in four.report["exchanges"])
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(core.life.has_ended(job) for job in core.jobs)


# --- beside another one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["taken", "refused"])
def test_two_campaigns_on_one_channel_find_nothing(tmp_path, choice):
    from acs_conformance.emulator.policy import Policy

    keys = AccessKeys(secrets={servers.KEYS.access_key_id: servers.KEYS.access_key_secret})
    core = Emulator(
        spec_folder.load_all(), settings=Settings(access_keys=keys), policy=Policy(choices={"wire.in-use": choice})
    )
    with running(core) as url, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(servers.run_against, url, tmp_path / name, chosen=FAMILY) for name in ("a", "b")]
        ended = [each.result() for each in both]
    for each in ended:
        assert each.report["findings"] == []
        assert each.code == 0, each.out + each.err
    assert all(core.life.has_ended(job) for job in core.jobs)


# --- at a target that goes away ---------------------------------------------------------------------------------------


def test_a_target_that_forgets_everything_on_the_way_is_failed_for_nothing(tmp_path):
    """Killed and started again: what was created before is unknown, and a few requests get no answer."""
    state = {"core": servers.core_of()}

    def disturbance(request, number, _answer):
        if number in (60, 61):
            return b""  # it is down
        if number == 62:
            state["core"] = servers.core_of()
        return state["core"].handle(request)

    with servers.emulates(disturbance) as server:
        ended = servers.run_against(server.url, tmp_path / "r", chosen=FAMILY).without_traceback()
    verdicts = set(ended.verdicts.values())
    assert "fail" not in verdicts, ended.failed
    assert ended.code in (0, 3)
    assert ended.report["run"]["is_complete"]


def test_what_parts_have_left_is_ended_by_the_whole(tmp_path):
    """Somebody forbade it while they were sent."""
    core = servers.core_of()
    is_closed = [True]

    def answer(request, _number):
        if is_closed[0] and ("x-acs-action", END) in request.headers:
            return servers.refusal(403, "Forbidden")
        return core.handle(request)

    with servers.serving(answer) as server:
        parts = [run_part(server.url, tmp_path / f"part-{n}", f"{n}/2", "--max-requests", "5").folder for n in (1, 2)]
        assert len([job for job in core.jobs if not core.life.has_ended(job)]) > 1
        together = merged(tmp_path / "together", parts).without_traceback()
        assert f"something may still run: acs-conformance cleanup {tmp_path / 'together'}" in together.err
        is_closed[0] = False
        cleaned = servers.acs("cleanup", tmp_path / "together", folder=tmp_path)
    assert cleaned.code == 0, cleaned.out + cleaned.err
    assert not [job for job in core.jobs if not core.life.has_ended(job)]
    again = merged(tmp_path / "together", parts)
    assert again.code == 2
