"""The benchmarks start, explain themselves, and the cheap one gives its figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SCRIPTS = ["run_overhead.py", "against_schemathesis.py", "emulator_rate.py"]


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
    known = {*SCRIPTS, "measure.py", "schemathesis_hooks.py"}
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


def test_the_overhead_of_a_run_with_few_requests():
    done = run("run_overhead.py", "--depth", "quick", "--max-requests", "12", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert "ratio run / loop" in done.stdout
    assert "12, 12" in done.stdout
