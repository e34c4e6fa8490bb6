"""What a run leaves beside its report for GitHub, and the help of the commands on reports."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from acs_conformance import report as reports
from acs_conformance.cli import cli

QUICK = ["run", "--only", "*.AppId.required", "--depth", "quick", "--no-self-check", "--report-dir"]


def run(folder):
    return CliRunner().invoke(cli, [*QUICK, str(folder)], standalone_mode=False)


def test_a_run_writes_every_format_and_appends_to_the_summary_of_its_job(tmp_path, monkeypatch):
    job = tmp_path / "job.md"
    job.write_text("an earlier step\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    told = run(tmp_path / "run")
    assert told.exit_code == 0, told.output
    assert set(reports.FORMATS) <= {path.name for path in (tmp_path / "run").iterdir()}
    summary = (tmp_path / "run" / "summary.md").read_text(encoding="utf-8")
    assert job.read_text(encoding="utf-8") == f"an earlier step\n{summary}\n"
    assert run(tmp_path / "again").exit_code == 0
    assert job.read_text(encoding="utf-8").count("## ✅ Keeps its contract") == 2


def test_without_the_variable_nothing_is_appended(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path / "run").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_summary_that_can_not_be_written_is_told_and_fails_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    told = run(tmp_path / "run")
    assert (told.exit_code, told.return_value) == (0, 0)
    assert f"warning: {tmp_path}: the job summary can't be written" in told.stderr


@pytest.mark.parametrize("command", ["diff", "trend", "statement"])
def test_the_help_has_examples(command):
    told = CliRunner().invoke(cli, [command, "--help"])
    examples = [line for line in told.output.splitlines() if line.startswith(f"    acs-conformance {command} ")]
    assert len(examples) >= 2


@pytest.mark.parametrize("arguments", [["diff", "a"], ["diff", "a", "b", "--format", "xml"], ["trend", "/nowhere"]])
def test_wrong_usage_is_exit_code_2(arguments):
    told = CliRunner().invoke(cli, arguments)
    assert told.exit_code == 2
    assert "Usage: " in told.output


def test_commands_on_reports_start_without_the_engine():
    """A statement of a release is made where nothing is tested: the heavy parts stay out."""
    code = (
        "import sys\n"
        "from acs_conformance import cli\n"
        "from acs_conformance.report import diff_markdown, statement, trend\n"
        "print([m for m in ('schemathesis', 'hypothesis', 'httpx', 'uvicorn') if m in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
