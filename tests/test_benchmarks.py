"""The benchmarks start, explain themselves, and the cheap one gives its figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from acs_conformance import report as reports
from acs_conformance.errors import ReportError
from acs_conformance.report import pdf

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SCRIPTS = ["run_overhead.py", "against_schemathesis.py", "emulator_rate.py", "many_jobs.py", "report_page.py"]


def run(script, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")}
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_what_is_measured(script):
    done = run(script, "--help")
    assert done.returncode == 0, done.stderr
    assert "Measured, " in done.stdout
    assert "--repeats" in done.stdout


def test_every_script_is_known_to_the_readme():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [script for script in SCRIPTS if f"benchmarks/{script}" not in text] == []
    known = {*SCRIPTS, "soak.py", "emulator_server.py", "light_client.py", "measure.py", "schemathesis_hooks.py"}
    assert [name for name in known if name not in text] == []
    assert {path.name for path in FOLDER.glob("*.py")} == known


def test_counts_are_bounded():
    done = run("emulator_rate.py", "--requests", "1000000")
    assert done.returncode == 2
    assert "is not between" in done.stderr


def test_the_rate_of_the_emulator_alone():
    done = run("emulator_rate.py", "--only", "emulator", "--requests", "40", "--connections", "2", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert "emulator: requests/s" in done.stdout
    assert "{'200': 40}" in done.stdout


def test_the_rate_of_the_emulator_with_and_without_signature_checks():
    arguments = ("--only", "emulator", "unchecked", "--requests", "40", "--connections", "2", "--repeats", "1")
    done = run("emulator_rate.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert "ratio without / with signature checks" in done.stdout
    assert done.stdout.count("{'200': 40}") == 2


def test_many_jobs_are_described_in_memory_and_in_a_file():
    done = run("many_jobs.py", "--few", "2", "--many", "30", "--calls", "20", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    for where in ("memory", "file"):
        assert f"{where}: ratio many / few, describe" in done.stdout
        assert f"{where}: a publisher joins, 30 jobs" in done.stdout


# --- the soak ---------------------------------------------------------------------------------------------------------


def test_a_short_soak_gives_its_figures():
    done = run("soak.py", "--requests", "200", "--signature", "v1", "--connections", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("memory after ") == 11
    assert "{'success': 100, 'refusal': 100}" in done.stdout
    assert "too few requests to fill them" in done.stdout


def test_a_soak_fails_where_memory_grows():
    done = run("soak.py", "--requests", "200", "--capacity", "20", "--growth", "-1000")
    assert done.returncode == 1, done.stderr


def test_a_soak_fails_where_answers_are_not_documented():
    """Here for a wrong secret."""
    code = (
        "import dataclasses, sys, soak\n"
        "soak.EMULATOR_CREDENTIALS = dataclasses.replace(soak.EMULATOR_CREDENTIALS, access_key_secret='wrong')\n"
        "soak.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--requests", "100"], capture_output=True, text=True, timeout=120, cwd=FOLDER
    )
    assert done.returncode == 1, done.stderr
    assert "SignatureDoesNotMatch" in done.stdout
    assert re.search(r"answers that are not documented +100\n", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["v3", "v1"])
def test_ten_thousand_requests_leave_memory_as_it_is(scheme):
    done = run("soak.py", "--requests", "10000", "--capacity", "1000", "--signature", scheme)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "{'success': 5000, 'refusal': 5000}" in done.stdout
    assert "bytes per request" in done.stdout.rpartition("once the stores were full")[2]


def test_the_overhead_of_a_run_with_few_requests():
    done = run("run_overhead.py", "--depth", "quick", "--max-requests", "12", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert "ratio run / loop" in done.stdout
    assert "12, 12" in done.stdout


def test_a_grown_report_is_a_report_and_opens_in_a_browser(tmp_path):
    try:
        pdf.find(os.environ)
    except ReportError:
        pytest.skip(f"there is no Chromium; {pdf.VARIABLE} can name one")
    sizes = ("--requirements", "300", "--exchanges", "2500")
    done = run("report_page.py", *sizes, "--repeats", "1", "--keep", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "ms to DOMContentLoaded" in done.stdout
    assert re.search(r"requirements, exchanges +300, 2,500\n", done.stdout)
    grown = reports.load(tmp_path)
    assert len({requirement["id"] for requirement in grown["requirements"]}) == 300
    assert grown["findings"]
    assert max(path.name for path in (tmp_path / "exchanges").iterdir()) == "002001-002500.html"
