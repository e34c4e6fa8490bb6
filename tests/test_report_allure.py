"""The results for Allure: its own model takes them, and both of its readers make the same of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import attr
import filelock
import pytest
from allure_commons import model2

from acs_conformance.report import allure
from client_node import SKIP_VARIABLE
from hostile import poisoned, sample

ROOT = Path(__file__).parent.parent
EXPECTED = {"pass": "passed", "fail": "failed", "error": "broken", "inconclusive": "skipped", "none": "skipped"}
PARTS = {
    "steps": model2.TestStepResult,
    "attachments": model2.Attachment,
    "labels": model2.Label,
    "links": model2.Link,
}


@pytest.fixture
def report():
    return sample()


def results(folder):
    return [json.loads(path.read_text("utf-8")) for path in folder.glob("*-result.json")]


def as_model(data):
    """The result as Allure's own classes hold it; an unknown member is refused by them."""
    parts = {name: [kind(**each) for each in data.get(name, [])] for name, kind in PARTS.items()}
    details = model2.StatusDetails(**data["statusDetails"])
    return model2.TestResult(**{**data, **parts, "statusDetails": details})


def test_every_requirement_is_a_result_with_its_verdict(report, tmp_path):
    allure.write(report, tmp_path)
    found = {each["fullName"]: as_model(each) for each in results(tmp_path)}
    assert {name: result.status for name, result in found.items()} == {
        each["id"]: EXPECTED[each["verdict"]] for each in report["requirements"]
    }
    assert all(result.start <= result.stop for result in found.values())
    assert len({result.historyId for result in found.values()}) == len(found)
    assert attr.asdict(next(iter(found.values())))["stage"] == "finished"


def test_a_failure_says_what_came_and_has_its_evidence(report, tmp_path):
    written = {path.name for path in allure.write(report, tmp_path)}
    finding = report["findings"][0]
    result = next(each for each in results(tmp_path) if each["fullName"] == finding["requirement"])
    assert f"received {finding['received']}; allowed {finding['allowed']}" in result["statusDetails"]["message"]
    assert result["attachments"]
    assert {each["source"] for each in result["attachments"]} <= written
    assert finding["id"] in result["statusDetails"]["trace"]


def test_the_history_stays_and_the_result_is_another(report, tmp_path):
    allure.write(report, tmp_path / "one")
    allure.write(report, tmp_path / "again")
    report["run"] |= {"id": "r2", "started_at": "2026-11-25T08:00:00Z"}
    allure.write(report, tmp_path / "two")
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "again", "two")]
    assert files[0] == files[1]
    one, two = (results(tmp_path / name) for name in ("one", "two"))
    assert {each["historyId"] for each in one} == {each["historyId"] for each in two}
    assert {each["uuid"] for each in one} & {each["uuid"] for each in two} == set()


def test_a_run_that_did_not_end_is_a_result_too(report, tmp_path):
    report["run"] |= {"is_complete": False, "stopped": "interrupted"}
    allure.write(report, tmp_path)
    (run,) = [each for each in results(tmp_path) if each["fullName"] == "acs-conformance"]
    assert run["status"] == "skipped"
    assert "interrupted" in run["statusDetails"]["message"]


@pytest.mark.parametrize("poison", ["\ud800", "\x00", "\nx=y", "\u202e", "</script>"])
def test_a_hostile_target_spoils_nothing(report, tmp_path, poison):
    allure.write(poisoned(report, poison), tmp_path)
    assert len(results(tmp_path)) == len(report["requirements"])
    lines = (tmp_path / "environment.properties").read_text("ascii").splitlines()
    assert all("=" in line for line in lines)
    assert not any(line.startswith("x=") for line in lines)


# --- its readers ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def readers():
    """Allure 2, in Java, and Allure 3, in JavaScript, installed by npm the first time."""
    if os.environ.get(SKIP_VARIABLE) == "1" or shutil.which("npm") is None:
        pytest.skip("needs Node.js and npm")
    folder = ROOT / ".cache" / "allure-3.18.0-2.46.1"
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / "lock"):
        if not (folder / "whole").exists():
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
            command = ["npm", "install", *options, "allure@3.18.0", "allure-commandline@2.46.1"]
            told = subprocess.run(command, capture_output=True, text=True, timeout=280)
            assert told.returncode == 0, told.stderr[-2000:]
            (folder / "whole").touch()
    return folder / "node_modules"


def statistics(report):
    verdicts = [EXPECTED[each["verdict"]] for each in report["requirements"]]
    return {name: verdicts.count(name) for name in ("passed", "failed", "broken", "skipped")}


@pytest.mark.slow
def test_allure_2_reads_it(report, tmp_path, readers):
    if shutil.which("java") is None:
        pytest.skip("Allure 2 needs Java")
    allure.write(report, tmp_path / "results")
    command = ["bash", str(readers / "allure-commandline/dist/bin/allure"), "generate", "results", "-o", "made"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stdout + told.stderr
    shown = json.loads((tmp_path / "made/widgets/summary.json").read_text("utf-8"))["statistic"]
    assert {name: shown[name] for name in statistics(report)} == statistics(report)
    environment = json.loads((tmp_path / "made/widgets/environment.json").read_text("utf-8"))
    assert {each["name"]: each["values"] for each in environment}["target"] == [report["target"]["url"]]


@pytest.mark.slow
def test_allure_3_reads_it(report, tmp_path, readers):
    allure.write(report, tmp_path / "results")
    command = ["node", str(readers / "allure/cli.js"), "generate", "results", "-o", "made"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stdout + told.stderr
    shown = json.loads((tmp_path / "made/summary.json").read_text("utf-8"))["stats"]
    assert {name: shown.get(name, 0) for name in statistics(report)} == statistics(report)
