"""What the documents show is run: Python as it stands there, and the tutorial's commands with what they print.

A block of Python is one of these, told by what is in it: an interactive session (`>>>`), a file for pytest
(`def test_`, `@pytest.fixture`), or a script. Sessions and scripts of one document share their names, as a reader would
type them. Where a document points a client at 127.0.0.1:8080, an emulator is there.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from acs_conformance import start_emulator

ROOT = Path(__file__).parent.parent
ADDRESS = "127.0.0.1:8080"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def blocks(document: Path) -> list[str]:
    return _BLOCK.findall(document.read_text(encoding="utf-8"))


DOCUMENTS = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if blocks(path)]


def kind(block: str) -> str:
    if ">>> " in block:
        return "session"
    return "pytest" if "def test_" in block or "@pytest.fixture" in block else "script"


def of(document: Path, wanted: str) -> list[str]:
    return [block for block in blocks(document) if kind(block) == wanted]


def documents_with(wanted: str):
    found = [path for path in DOCUMENTS if of(path, wanted)]
    assert found
    return pytest.mark.parametrize("document", found, ids=lambda path: path.name)


@documents_with("session")
def test_sessions_print_what_they_show(document):
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for number, block in enumerate(of(document, "session"), 1):
        test = doctest.DocTestParser().get_doctest(block, names, f"{document.name}, session {number}", None, 0)
        runner.run(test, clear_globs=False)
        names |= test.globs
    assert runner.tries > 0
    assert runner.failures == 0


@documents_with("script")
def test_scripts_run(document, tmp_path):
    code = "\n".join(of(document, "script"))
    with start_emulator() as emulator:
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code.replace(ADDRESS, emulator.endpoint)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert told.returncode == 0, told.stderr
        assert ADDRESS not in code or emulator.received


def test_files_for_pytest_pass(tmp_path):
    """All documents' files in one session, each in a folder of its own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n", encoding="ascii")
    asking = "def test_it(acs_emulator):\n    pass\n"
    wanted = 0
    for document in DOCUMENTS:
        for block in of(document, "pytest"):
            wanted += 1
            name = f"{document.stem.lower()}_{wanted}"
            (tmp_path / name).mkdir()
            is_test = "def test_" in block
            # Fixtures alone are a conftest.py; a test that asks for the emulator is put beside it.
            (tmp_path / name / (f"test_{name}.py" if is_test else "conftest.py")).write_text(block, encoding="utf-8")
            if not is_test:
                (tmp_path / name / f"test_{name}.py").write_text(asking, encoding="ascii")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert wanted > 3
    assert f"{wanted} passed" in told.stdout


# --- the tutorial -----------------------------------------------------------------------------------------------------


def steps() -> list[tuple[str, list[str]]]:
    """The tutorial's blocks of commands, each with the lines that it is said to print."""
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    found: list[tuple[str, list[str]]] = []
    for language, block in re.findall(r"^```(bash|text)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        if language == "bash":
            found.append((block, []))
        else:
            found[-1][1].extend(block.splitlines())
    return found


def alike(line: str) -> str:
    """A line with its figures and times left open: they change with every operation and description."""
    return re.sub(r"\d+", "0", re.sub(r"\d{8}T\d{6}Z", "TIME", line.strip()))


def missing(wanted: list[str], printed: str) -> list[str]:
    """The lines that are not printed, in this order."""
    rest = iter([alike(line) for line in printed.splitlines()])
    return [line for line in wanted if alike(line) not in rest]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_the_tutorial_prints_what_it_shows(tmp_path):
    port = str(free_port())
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_")}
    environ |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    done = 0
    with contextlib.ExitStack() as stack:
        emulator: subprocess.Popen[str] | None = None
        for block, wanted in steps():
            if "pip install" in block:
                continue
            commands = block.replace("8080", port)
            if commands.startswith("acs-conformance emulator"):
                if emulator is not None:
                    emulator.send_signal(signal.SIGINT)  # Ctrl-C
                    assert emulator.wait(timeout=20) == 0
                emulator = stack.enter_context(
                    subprocess.Popen(
                        ["bash", "-c", f"exec {commands}"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
                    )
                )
                stack.callback(emulator.terminate)
                printed = "".join(emulator.stdout.readline() for _ in range(3 + ("--fault" in commands)))
            else:
                environ |= dict(re.findall(r"(?:export )?(ALIBABA_\w+)=(\S+)", commands))
                told = subprocess.run(
                    ["bash", "-c", commands], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120
                )
                printed = told.stdout
                assert told.returncode == any("(exit code 1)" in line for line in wanted), told
            assert missing([line.replace("8080", port) for line in wanted], printed) == [], printed
            done += len(wanted)
    assert done > 15
    assert (tmp_path / "reports/after/report.html").exists()
