"""The public API: what it is, that importing it costs nothing, and that a run is that of the command line."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re
import subprocess
import sys

import pytest

import acs_conformance
from acs_conformance import (
    Credentials,
    ExitCode,
    ReportError,
    SelectionError,
    TargetUnreachable,
    UsageError,
    Verdict,
    run_conformance,
    start_emulator,
)

ACTION = "StartRtcCloudTranscode"
FAULT = f"{ACTION}.AppId.maxLength!limit#65"
QUICK = {"depth": "quick", "only": "*.AppId.*"}


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", acs_conformance.__all__)
def test_every_public_name_is_there_and_explained(name):
    found = getattr(acs_conformance, name)
    assert name in dir(acs_conformance)
    assert name == "__version__" or len(inspect.getdoc(found)) > 15


def test_names_for_types_and_names_at_run_time_are_the_same():
    source = inspect.getsource(acs_conformance)
    (typed,) = re.findall(r"^if TYPE_CHECKING:\n(.*?)^\S", source, flags=re.DOTALL | re.MULTILINE)
    imported = re.findall(r"from acs_conformance\.([\w.]+) import (?:\(\n(.*?)\)|(.*?)\n)", typed, flags=re.DOTALL)
    homes = {home: sorted(re.findall(r"\w+", several or one)) for home, several, one in imported}
    assert homes == {home: sorted(names) for home, names in acs_conformance._HOMES.items()}
    assert sorted(name for names in homes.values() for name in names) == sorted(
        name for name in acs_conformance.__all__ if name != "__version__"
    )


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        acs_conformance.nothing  # noqa: B018


def test_the_package_imports_nothing_until_a_name_is_asked_for():
    code = "import sys, acs_conformance; print(sorted(name for name in sys.modules if name.startswith('acs_')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "['acs_conformance', 'acs_conformance.version']"


@pytest.mark.parametrize("module", ["api", "running_emulator"])
def test_the_examples_in_docstrings_are_so(module):
    found = importlib.import_module(f"acs_conformance.{module}")
    told = doctest.testmod(found)
    assert told.attempted >= 2
    assert told.failed == 0


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_faulty_target_is_a_result_with_its_evidence(tmp_path):
    with start_emulator(fault=FAULT) as emulator:
        result = run_conformance(
            ACTION, target=emulator.url, credentials=emulator.access_key, report_dir=tmp_path / "report", **QUICK
        )
        assert len(emulator.received) >= len(result.report["exchanges"]) > 10
    assert not result.conforms
    assert result.exit_code is ExitCode.FAILED
    (failed,) = result.having(Verdict.FAIL)
    assert failed.id == f"{ACTION}.AppId.maxLength"
    assert failed.failed >= 1
    assert failed.statements
    (finding,) = result.findings
    assert finding.requirements == (failed.id,)
    assert "A" * 65 in finding.curl.replace("a", "A") or len(re.search(r"AppId=([^&']+)", finding.curl)[1]) == 65
    assert finding.replay.startswith("acs-conformance replay report.json ")
    # What was created under a name that only the faulty operation takes can't be ended by that name.
    assert result.may_live
    assert all("could not be stopped" in says for says in result.may_live)
    assert finding.statements
    assert {"maxLength", "pattern", "required"} <= {each.id.rpartition(".")[2] for each in result.requirements}
    assert result.report_dir == tmp_path / "report"
    assert (tmp_path / "report/report.html").exists()
    assert json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8")) == result.report
    assert "AppId.maxLength" in str(result)


def test_the_verdicts_are_those_of_the_command_line(tmp_path):
    from click.testing import CliRunner

    from acs_conformance.cli import cli

    result = run_conformance(ACTION, seed=7, run_id="same", **QUICK)
    options = ["--seed", "7", "--run-id", "same", "--depth", "quick", "--only", "*.AppId.*", "--no-self-check"]
    told = CliRunner().invoke(cli, ["run", ACTION, *options, "--report-dir", str(tmp_path)], standalone_mode=False)
    assert told.return_value == result.exit_code == 0, told.output
    theirs = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {row["id"]: row["verdict"] for row in theirs["requirements"]} == {
        each.id: str(each.verdict) for each in result.requirements
    }
    assert len(theirs["exchanges"]) == len(result.report["exchanges"])


def test_readings_are_told_by_question():
    result = run_conformance(ACTION, depth="quick")
    assert result.conforms
    assert result.may_live == ()
    assert set(result.readings) == {row["id"] for row in result.report["readings"]}
    assert set(result.readings.values()) > {"not observed"}


def test_a_budget_leaves_requirements_undecided_unless_that_is_allowed():
    limits = {"max_requests": 16, "depth": "quick", "only": "*.AppId.*"}
    result = run_conformance(ACTION, **limits)
    assert result.exit_code is ExitCode.INCONCLUSIVE
    assert result.having(Verdict.INCONCLUSIVE)
    assert run_conformance(ACTION, **limits, allow_inconclusive=["*"]).conforms


def test_nothing_is_left_where_no_report_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert run_conformance(ACTION, **QUICK).report_dir is None
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_does_not_answer_is_an_exception_with_a_report(tmp_path):
    with start_emulator() as emulator:
        gone = emulator.url
    with pytest.raises(TargetUnreachable, match=re.escape(gone)):
        run_conformance(ACTION, target=gone, credentials=emulator.access_key, report_dir=tmp_path, **QUICK)
    assert (tmp_path / "report.html").exists()


def test_a_profile_is_taken(tmp_path, monkeypatch):
    with start_emulator(fault=FAULT) as emulator:
        file = tmp_path / "profiles.toml"
        file.write_text(
            f'[targets.ours]\nurl = "{emulator.url}"\ndepth = "quick"\noperations = ["{ACTION}"]\n'
            'credentials = { environment = "OURS_" }\n',
            encoding="utf-8",
        )
        key = emulator.access_key
        monkeypatch.setenv("OURS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("OURS_ACCESS_KEY_SECRET", key.access_key_secret)
        result = run_conformance(profile=file, only="*.AppId.*")
    assert result.report["target"]["kind"] == "ours"
    assert result.report["run"]["depth"] == "quick"
    assert [each.id for each in result.having(Verdict.FAIL)] == [f"{ACTION}.AppId.maxLength"]


KEYS = Credentials(access_key_id="id", access_key_secret="secret")


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"only": "nothing"}, SelectionError, "nothing"),
        ({"target": "http://192.0.2.1"}, UsageError, "is not on this machine"),
        ({"target": "http://192.0.2.1", "credentials": KEYS}, UsageError, "is not on this machine"),
        ({"credentials": KEYS}, UsageError, "credentials are for a target"),
        ({"run_id": "UPPER"}, UsageError, "UPPER"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_sent(wrong, error, told):
    with pytest.raises(error, match=told):
        run_conformance(ACTION, **({"depth": "quick"} | wrong))


def test_an_unknown_operation_is_told():
    with pytest.raises(SelectionError, match="Did you mean StartRtcCloudTranscode"):
        run_conformance("StartRtcCloudTranscodes")


def test_the_folder_of_an_earlier_run_is_not_written_to(tmp_path):
    run_conformance(ACTION, report_dir=tmp_path, **QUICK)
    with pytest.raises(UsageError, match="holds the journal of an earlier run"):
        run_conformance(ACTION, report_dir=tmp_path, **QUICK)
    (tmp_path / "file").touch()
    with pytest.raises(ReportError):
        run_conformance(ACTION, report_dir=tmp_path / "file" / "below", **QUICK)
