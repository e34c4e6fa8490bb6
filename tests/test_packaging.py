"""What is installed: the wheel, built as pip builds it."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from acs_conformance import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_UNSHIPPED = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def shipped(folder: str) -> set[str]:
    """Files below a folder of the repository, as paths from its top."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in path.as_posix()
    }


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory):
    """The wheel, opened; built once for all workers, from a copy, so that the tree stays as it is."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "acs-conformance-wheel"
    with FileLock(f"{shared}.lock"):
        if not list(shared.glob("*.whl")):
            copy = shared / "copy"
            for name in ("src", "spec", "suites"):
                shutil.copytree(ROOT / name, copy / name, ignore=_UNSHIPPED)
            for name in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, copy / name)
            built = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", _BUILD, str(shared)], cwd=copy, capture_output=True, text=True
            )
            assert built.returncode == 0, built.stderr
    (file,) = shared.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


@pytest.fixture(scope="session")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


def test_the_wheel_is_for_every_platform_and_says_its_version(wheel):
    assert Path(str(wheel.filename)).name == f"acs_conformance-{__version__}-py3-none-any.whl"
    assert PROJECT["project"]["version"] == __version__


def test_every_module_and_what_it_reads_is_in_the_wheel(names):
    expected = {path.removeprefix("src/") for path in shipped("src")}
    assert expected <= names
    assert {"acs_conformance/py.typed", "acs_conformance/report/report.schema.json"} <= names
    assert any(name.endswith(".html.j2") for name in names)


def test_every_description_is_in_the_wheel(names):
    files = shipped("spec")
    assert any(name.endswith("/openapi.yaml") for name in files)
    assert {f"acs_conformance/{name}" for name in files} <= names


def test_every_suite_is_in_the_wheel(names):
    files = shipped("suites")
    assert any("/test_" in name for name in files)
    assert {f"acs_conformance/{name}" for name in files} <= names


def test_nothing_else_is_in_the_wheel(names):
    expected = {path.removeprefix("src/") for path in shipped("src")}
    expected |= {f"acs_conformance/{name}" for folder in ("spec", "suites") for name in shipped(folder)}
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_no_path_of_this_machine_is_in_the_wheel(wheel, names):
    places = [str(ROOT), str(Path(str(wheel.filename)).parent)]
    if len(Path.home().parts) > 1:
        places.append(f"{Path.home()}/")
    found = [(name, place) for name in names for place in places if place.encode() in wheel.read(name)]
    assert found == []


def test_the_command_and_the_plugin_are_entry_points(wheel, names):
    (file,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(wheel.read(file).decode())
    assert {section: dict(points[section]) for section in points.sections()} == {
        "console_scripts": {"acs-conformance": "acs_conformance.cli:main"},
        "pytest11": {
            "acs_conformance": "acs_conformance.pytest_plugin",
            "acs_conformance_client": "acs_conformance.client_fixtures",
        },
    }


def test_every_package_folder_is_declared():
    found = {
        ".".join(path.parent.relative_to(ROOT / "src").parts)
        for path in (ROOT / "src").rglob("*.py")
        if ".egg-info" not in path.as_posix()
    }
    mapped = {"acs_conformance.spec", "acs_conformance.suites"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | mapped


def test_the_suites_run_in_a_clone_without_what_only_the_tests_of_the_project_use():
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "pytest", "suites", "--co", "-q", "-p", "no:timeout", "-p", "no:xdist"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_licence_is_in_the_wheel(wheel, names):
    (file,) = (name for name in names if name.endswith("/LICENSE"))
    assert wheel.read(file) == (ROOT / "LICENSE").read_bytes()


# --- types ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, so that types come by py.typed, and all else as it is here."""
    environment = tmp_path_factory.mktemp("installed")
    venv.create(environment, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    wheel.extractall(packages)
    (packages / "else.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return environment / "bin/python"


def type_errors(installed: Path, folder: Path, cache: Path) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--python-executable",
        installed,
        "--cache-dir",
        cache,
        "--no-error-summary",
    ]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert told.returncode in (0, 1), told.stderr
    return told.stdout.splitlines()


def test_the_example_of_a_client_team_passes_mypy_strict(installed, tmp_path):
    project = tmp_path / "client-team"
    shutil.copytree(ROOT / "examples/client-team", project, ignore=_UNSHIPPED)
    assert "strict = true" in (project / "pyproject.toml").read_text(encoding="utf-8")
    assert type_errors(installed, project, tmp_path / "cache") == []


WRONG = """
from acs_conformance import RunningEmulator, Verdict, __all__, load_descriptions, run_conformance, start_emulator

result = run_conformance("AnOperation", depth="deep")
result.findings[0].request
result.having("fail")
with start_emulator(quota=50) as emulator:
    emulator.urls
    reveal_type(emulator.jobs[0].created_s)
    reveal_type(result.requirements[0].verdict)
    reveal_type(load_descriptions()["AnOperation"].nodes["A"].type)
"""


def test_what_is_wrong_with_a_call_is_told_by_mypy(installed, tmp_path):
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\nfiles = wrong.py\n", encoding="ascii")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="ascii")
    told = type_errors(installed, tmp_path, tmp_path / "cache")
    assert [re.match(r"wrong\.py:(\d+): (error|note: Revealed type is .*)", line)[1] for line in told] == [
        *"45678",
        "9",
        "10",
        "11",
    ], told
    assert re.findall(r'Revealed type is "([\w.]+)"', "\n".join(told)) == [
        "float",
        "acs_conformance.verdict.Verdict",
        "str",
    ], told
