"""The command that explores: its exit codes, and a script that shows the wrong answer again on any such server."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

import in_process
import servers
from acs_conformance import faults, spec_folder
from acs_conformance.emulator.admin import Admin
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.server import running
from servers import KEYS, acs

DESCRIPTIONS = spec_folder.load_all()
START, DESCRIBE, STOP = (f"{verb}RtcCloudTranscode" for verb in ("Start", "Describe", "Stop"))
STATE = f"{DESCRIBE}.response.TaskInfo.Status"


def faulty(identifier: str) -> Emulator:
    return servers.core_of(faults.find(DESCRIPTIONS.values(), identifier))


def test_the_command_ends_with_0_where_nothing_goes_wrong(tmp_path):
    ended = acs("explore", "--examples", 3, "--steps", 10, "--report-dir", tmp_path / "r", folder=tmp_path)
    ended.without_traceback()
    assert ended.code == 0
    assert "nothing went wrong" in ended.out
    lines = [json.loads(line) for line in (tmp_path / "r" / "journal.jsonl").read_text().splitlines()]
    assert sum("exchange" in line for line in lines) > 10
    assert not (tmp_path / "r" / "finding.sh").exists()


def explored_by_command(core: Emulator, folder) -> tuple[dict, str]:
    """The finding and its script."""
    with running(core, admin=Admin(core)) as url:
        ended = acs("explore", "--target", url, "--steps", 20, "--report-dir", folder / "r", folder=folder)
    ended.without_traceback()
    assert ended.code == 1
    assert "a finding" in ended.err
    finding = json.loads((folder / "r" / "finding.json").read_text())
    assert ended.out == (folder / "r" / "finding.sh").read_text()
    assert finding["requirement"] in ended.out
    assert KEYS.access_key_secret not in ended.out
    return finding, ended.out


def answers_to(script: str, core: Emulator) -> list[dict]:
    """What a server answers to a script."""
    before = datetime.now(UTC)
    with running(core, admin=Admin(core)) as url:
        ran = subprocess.run(
            ["bash"],
            input=script,
            env={**servers.environment(), "ACS_ENDPOINT": url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert (datetime.now(UTC) - before).total_seconds() < 20  # its waits move the clock
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("identifier", ["ended!ignore", "alive!refused-ends#all", "ended!another#newest"])
def test_the_printed_script_shows_the_wrong_answer_again_and_on_a_fresh_server(identifier, tmp_path):
    core = faulty(f"{STATE}.{identifier}")
    finding, script = explored_by_command(core, tmp_path)
    for server in (core, faulty(f"{STATE}.{identifier}")):
        answers = answers_to(script, server)
        assert len(answers) == len(finding["calls"])
        status = answers[-1]["TaskInfo"]["Status"]
        assert finding["received"] == f"Status {status}"
        assert status not in finding["allowed"]


def test_the_printed_script_shows_on_a_fresh_server_what_several_answers_show_together(tmp_path):
    identifier = f"{STOP}.response.RequestId.unique!constant"
    finding, script = explored_by_command(faulty(identifier), tmp_path)
    assert [call["operation"] for call in finding["calls"]] == [START, STOP, STOP]
    started, ended, again = answers_to(script, faulty(identifier))
    assert ended["RequestId"] == again["RequestId"] != started["RequestId"]


def test_the_command_says_what_a_target_does_not_have(tmp_path):
    keys = AccessKeys(secrets={KEYS.access_key_id: KEYS.access_key_secret})
    core = Emulator({START: DESCRIPTIONS[START]}, settings=Settings(access_keys=keys))
    with running(core) as url:
        ended = acs("explore", "--target", url, "--examples", 3, folder=tmp_path).without_traceback()
    assert ended.code == 3
    assert f"{DESCRIBE} was left out" in ended.out
    assert f"{STOP} was left out" in ended.out


def test_the_command_ends_with_3_where_nobody_answers(tmp_path):
    with servers.nobody() as url:
        ended = acs("explore", "--target", url, folder=tmp_path).without_traceback()
    assert ended.code == 3
    assert url in ended.err


def test_the_command_ends_with_2_and_a_remedy_where_there_is_nothing_to_explore(tmp_path):
    away = acs("explore", "--target", "https://live.ap-southeast-1.aliyuncs.com", folder=tmp_path).without_traceback()
    assert away.code == 2
    assert "not on this machine" in away.err
    for name in (in_process.MADE_UP.operation, in_process.MADE_UP_TOO.operation):
        folder = spec_folder.folders(in_process.MADE_UP_ROOT)[name]
        shutil.copytree(folder, tmp_path / "spec" / folder.relative_to(in_process.MADE_UP_ROOT))
    alone = acs("explore", "--spec", tmp_path / "spec", folder=tmp_path).without_traceback()
    assert alone.code == 2
    assert "no described operation acts on what another one creates" in alone.err
    assert "x-acts-on" in alone.err
