"""What the command line says of itself: examples in every help text, and completion by the shells."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from acs_conformance import run_conformance, start_emulator
from acs_conformance.cli import cli

ACTION = "StartRtcCloudTranscode"


def commands(group: click.Command = cli, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Every command and group, by the words that call it."""
    found = {path: group}
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            found |= commands(command, (*path, name))
    return found


COMMANDS = commands()
each_command = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "acs-conformance")


def help_of(path):
    told = CliRunner().invoke(cli, [*path, "--help"], prog_name="acs-conformance", terminal_width=100)
    assert told.exit_code == 0
    return told.output


def examples_in(text):
    """The examples of a help text, each as its words."""
    single = re.findall(r"^  Example: (acs-conformance .*)$", text, flags=re.MULTILINE)
    block = re.search(r"^  Examples:\n((?:    .*\n)+)", text, flags=re.MULTILINE)
    lines = [*single, *(block[1].replace("\\\n", " ").splitlines() if block else ())]
    # Where it goes on, with `| bash` or `> FILE`, is the shell's.
    return [shlex.split(re.split(r" [|>] ", line)[0], comments=True) for line in lines]


@each_command
def test_every_help_text_has_an_example_that_can_be_typed(path):
    examples = [words for words in examples_in(help_of(path)) if words[0] == "acs-conformance"]
    assert examples
    for words in examples:
        assert tuple(words[1 : len(path) + 1]) == path
        called = max((name for name in COMMANDS if tuple(words[1 : len(name) + 1]) == name), key=len)
        known = {name for parameter in COMMANDS[called].params for name in (*parameter.opts, *parameter.secondary_opts)}
        known |= {"--help"}
        assert {word for word in words if word.startswith("-")} <= known, words
        assert isinstance(COMMANDS[called], click.Group) <= ("--help" in words), words


@each_command
def test_every_option_and_command_is_explained(path):
    command = COMMANDS[path]
    assert (command.help or "").strip()
    bare = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
    assert bare == [], "give each option a help text"


# --- completion -------------------------------------------------------------------------------------------------------


def completed(line: str, folder: Path | None = None) -> list[str]:
    """What bash is offered where the cursor stands at the end of the line, the quick way."""
    words = line.split(" ")
    environ = os.environ | {
        "_ACS_CONFORMANCE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    told = subprocess.run(
        [sys.executable, "-m", "acs_conformance"], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert told.stderr == ""
    return [offer.removeprefix("plain,") for offer in told.stdout.splitlines() if offer]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("acs-conformance req", ["requirements"]),
        ("acs-conformance targets ", ["check", "list"]),
        ("acs-conformance run --dep", ["--depth"]),
        ("acs-conformance run --depth ", ["quick", "standard", "exhaustive"]),
        ("acs-conformance run Start", [ACTION]),
        ("acs-conformance prove gate", ["gateway"]),
        ("acs-conformance requirements --spec tests/data/spec Book", ["BookParcel"]),
        ("acs-conformance run --spec nowhere Start", []),
        (f"acs-conformance run --only {ACTION}.AppId.max", [f"{ACTION}.AppId.maxLength"]),
        (f"acs-conformance emulator --fault {ACTION}.AppId.maxLength!limit#65", [f"{ACTION}.AppId.maxLength!limit#65"]),
    ],
)
def test_names_are_completed(line, offered):
    assert completed(line, Path(__file__).parent.parent) == offered


def test_profiles_are_completed_where_there_are_some(tmp_path):
    assert completed("acs-conformance run --profile s", tmp_path) == ["file,s"]
    text = '[targets.staging]\nurl = "http://127.0.0.1:1"\n\n[targets.other]\nurl = "http://127.0.0.1:2"\n'
    (tmp_path / "acs-conformance.toml").write_text(text, encoding="utf-8")
    assert completed("acs-conformance run --profile s", tmp_path) == ["staging", "file,s"]
    assert completed("acs-conformance targets check ", tmp_path) == ["staging", "other", "file,"]
    (tmp_path / "acs-conformance.toml").write_text("[broken", encoding="utf-8")
    assert completed("acs-conformance run --profile s", tmp_path) == ["file,s"]


@pytest.mark.parametrize("command", ["replay", "export", "accept"])
def test_findings_of_a_report_are_completed(tmp_path, report, command):
    line = f"acs-conformance {command} {report} "
    assert completed(f"{line}App") == ["AppId.maxLength"]
    assert completed(f"{line}Other") == []
    assert completed(f"acs-conformance {command} {tmp_path} App") == []


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder of a report with one finding."""
    folder = tmp_path_factory.mktemp("report")
    with start_emulator(fault=f"{ACTION}.AppId.maxLength!limit#65") as emulator:
        asked = {"depth": "quick", "only": "*.AppId.*", "report_dir": folder}
        run_conformance(ACTION, target=emulator.url, credentials=emulator.access_key, **asked)
    return folder


def test_bash_completes_once_told_to():
    """The line that docs/cli.md gives, in a bash of its own."""
    script = """
eval "$(_ACS_CONFORMANCE_COMPLETE=bash_source acs-conformance)"
complete -p acs-conformance
COMP_WORDS=(acs-conformance run --depth q) COMP_CWORD=3
_acs_conformance_completion acs-conformance
echo "offered: ${COMPREPLY[*]}"
"""
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", "-c", script], env=os.environ | {"PATH": places}, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert "-F _acs_conformance_completion acs-conformance" in told.stdout
    assert told.stdout.splitlines()[-1] == "offered: quick"


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_the_other_shells_have_a_script(shell, word):
    environ = os.environ | {"_ACS_CONFORMANCE_COMPLETE": f"{shell}_source"}
    told = subprocess.run(
        [sys.executable, "-m", "acs_conformance"], env=environ, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert word in told.stdout
    assert "_ACS_CONFORMANCE_COMPLETE" in told.stdout
