"""What a run says on a terminal: failures first, on one screen, each with its replay command; more, less, as JSON."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

import servers
from acs_conformance import spec_folder
from acs_conformance.cli_run import has_color
from acs_conformance.faults import find
from acs_conformance.summary import Screen, brief, summary
from hostile import poisoned, sample
from servers import acs, run_against

FAULT = "StartRtcCloudTranscode.AppId.maxLength!limit#65"
ONLY = ("--only", "*.AppId.*", "--no-self-check")


def emulator():
    return servers.emulates(fault=find(spec_folder.load_all().values(), FAULT))


@pytest.fixture
def report():
    return sample()


def with_findings(report, count):
    first = report["findings"][0]
    report["findings"] = [
        {**first, "id": f"{first['requirement']}{n}~abcdef", "requirement": f"{first['requirement']}{n}"}
        for n in range(count)
    ]
    return report


# --- one screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [24, 40, 60])
@pytest.mark.parametrize("count", [1, 5, 300])
def test_it_fits_the_screen_with_the_failures_first(report, height, count):
    lines = [*summary(with_findings(report, count), Screen(height=height, width=100, folder="reports/x"))]
    # The line that names the report and the prompt come below.
    assert len(lines) + 2 <= height
    assert lines[0].startswith("FAIL ")
    shown = sum(line.startswith("FAIL ") for line in lines)
    assert shown >= min(count, (height - 16) // 3)
    assert shown == count or f"     ... and {count - shown} more findings" in lines
    assert re.fullmatch(r"FAILS \(exit code 1\)", lines[-1])


def test_each_failure_is_three_lines_and_ends_with_its_command(report):
    lines = [*summary(report, Screen(height=60, width=80, folder="a folder/x"))]
    starts = [number for number, line in enumerate(lines) if line.startswith("FAIL ")]
    assert len(starts) == len(report["findings"])
    for start, finding in zip(starts, report["findings"], strict=True):
        assert finding["requirement"][:40] in lines[start]
        assert lines[start + 1].startswith("     received ")
        words = shlex.split(lines[start + 2].removeprefix("     again: "))
        assert words[:3] == ["acs-conformance", "replay", "a folder/x"]
        assert finding["id"].endswith(words[3]) or finding["requirement"].endswith(words[3])
        assert max(len(line) for line in lines[start : start + 2]) <= 80


def test_everything_where_there_is_no_screen(report):
    lines = [*summary(with_findings(report, 50), Screen(height=None))]
    assert sum(line.startswith("FAIL ") for line in lines) == 50
    assert not any("..." in line for line in lines)


def test_little_for_who_wants_little(report):
    lines = [*brief(report, Screen())]
    assert len(lines) == len(report["findings"]) + 1
    assert lines[-1] == "FAILS (exit code 1)"


def test_colours_are_for_terminals_that_want_them(report):
    assert not any("\x1b" in line for line in summary(report, Screen(color=False)))
    assert any("\x1b[31mFAIL" in line for line in summary(report, Screen(color=True)))
    assert has_color({})
    assert has_color({"NO_COLOR": ""})
    assert not has_color({"NO_COLOR": "1"})
    assert not has_color({"TERM": "dumb"})


# --- the command ------------------------------------------------------------------------------------------------------


def test_piped_output_is_plain(tmp_path):
    with emulator() as server:
        ended = run_against(server.url, tmp_path, *ONLY)
    assert ended.code == 1
    assert "\x1b" not in ended.out + ended.err
    assert ended.out.startswith("FAIL StartRtcCloudTranscode.AppId.maxLength")
    assert f"     again: acs-conformance replay {tmp_path} AppId.maxLength\n" in ended.out
    assert re.search(r"^\d+ of \d+$", ended.err, re.MULTILINE)


def test_quiet_is_a_line_for_each_finding_and_the_verdict(tmp_path):
    with emulator() as server:
        ended = run_against(server.url, tmp_path, "-q", *ONLY)
    # What a fault keeps from being stopped is told all the same.
    assert not re.search(r"^\d+ of \d+", ended.err, re.MULTILINE)
    assert len(ended.out.splitlines()) == 2
    assert ended.out.splitlines()[0].startswith("FAIL StartRtcCloudTranscode.AppId.maxLength~")
    assert (tmp_path / "report.html").exists()


def test_quiet_says_why_a_run_ended_early(tmp_path):
    with servers.shows_a_page() as server:
        page = run_against(server.url, tmp_path / "page", "-q")
    assert page.code == 3
    assert re.fullmatch(r"stopped early: .*title 'Sign in'.*\nINCONCLUSIVE \(exit code 3\)\n", page.out)


def test_verbose_names_every_case_as_it_is_judged(tmp_path):
    with emulator() as server:
        ended = run_against(server.url, tmp_path, "-v", *ONLY)
    cases = {each["case"] for each in ended.report["exchanges"] if each["operation"] == "StartRtcCloudTranscode"}
    named = set(re.findall(r"^\d+/\d+ (?:right|WRONG|undecided) (\S+): ", ended.err, re.MULTILINE))
    assert {case for case in cases if "~" not in case} == named
    assert "WRONG StartRtcCloudTranscode.AppId.maxLength#65: 200" in ended.err


def test_quiet_and_verbose_exclude_each_other(tmp_path):
    ended = acs("run", "-q", "-v", folder=tmp_path)
    assert ended.code == 2
    assert "exclude each other" in ended.err


def test_json_is_one_document_on_standard_output(tmp_path):
    with emulator() as server:
        ended = run_against(server.url, tmp_path, "--format", "json", *ONLY)
        told = json.loads(ended.out)
        (finding,) = told["findings"]
        replayed = acs(*shlex.split(finding["replay"])[1:], folder=tmp_path)
    assert ended.code == told["run"]["exit_code"] == replayed.code == 1
    assert finding["short"] == "AppId.maxLength"
    assert told["run"] == ended.report["run"]
    assert told["readings"] == {each["id"]: each["observed"] for each in ended.report["readings"]}
    for name, path in told["files"].items():
        assert os.path.basename(path) == name  # noqa: PTH119 - a text from JSON
        assert os.path.exists(path)  # noqa: PTH110


def test_json_of_a_run_that_conforms_has_no_findings(tmp_path):
    ended = run_against(None, tmp_path, "--format", "json", "-q", "--only", "*.AppId.required", depth="quick")
    told = json.loads(ended.out)
    assert (ended.code, told["findings"], told["run"]["verdict"]) == (0, [], "conforms")
    assert ended.err == ""


# --- a terminal -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "term"), [("", "xterm-256color"), ("1", "xterm-256color"), ("", "dumb")])
def test_a_terminal_shows_a_table_that_is_gone_at_the_end(tmp_path, no_color, term):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**servers.environment(), "NO_COLOR": no_color, "TERM": term}
    environment = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    with servers.emulates(fault=find(spec_folder.load_all().values(), FAULT), pause_s=0.01) as server:
        command = [sys.executable, "-m", "acs_conformance", "run", "--target", server.url, "--report-dir", "r", *ONLY]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment, close_fds=True
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other end has been closed
                break
            if not piece:
                break
            shown += piece
        assert process.wait(60) == 1
    os.close(ours)
    text = shown.decode()
    is_table = term != "dumb"
    assert ("undecided" in text) == is_table
    assert bool(re.search(r"\d+ of \d+ cases, \d+ s", text)) == is_table
    assert bool(re.search(r"✗ StartRtcCloudTranscode.AppId.maxLength#65", text)) == is_table
    # The rest of the screen is the summary: the table was drawn over, and the cursor is back.
    last = text.rpartition("\x1b[2K")[2] if is_table else text
    assert "FAIL" in last
    assert "operation" not in last
    assert ("\x1b[31m" in text) == (is_table and not no_color)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", last)
    assert len(plain.splitlines()) <= 24 or not is_table


# --- what a target says -----------------------------------------------------------------------------------------------

EVIL = "\n::error::x\x1b[2J"


def test_no_line_of_a_summary_begins_or_moves_as_a_target_says(report):
    hostile = poisoned(report, EVIL)
    for line in (*summary(hostile, Screen(height=None)), *brief(hostile, Screen())):
        assert line.isprintable()
        assert not line.startswith("::")


@pytest.mark.parametrize("arguments", [("--verbose",), ("--quiet",), ()])
def test_no_line_of_a_run_begins_or_moves_as_a_target_says(tmp_path, arguments):
    with servers.always(400, {**servers.error(f"A{EVIL}"), "Message": EVIL}) as server:
        ended = run_against(server.url, tmp_path, *arguments)
    assert "::error::x" in ended.out + ended.err
    assert not re.search(r"^::|\x1b", ended.out + ended.err, re.MULTILINE)


def test_no_line_of_pytest_begins_or_moves_as_a_target_says(tmp_path):
    with servers.always(200, {"RequestId": EVIL, "TaskId": f"t{EVIL}"}) as server:
        ended = servers.pytest_suites(
            tmp_path, "-rA", "--acs-target", server.url, "--acs-depth", "quick", "-k", "TaskId"
        )
    assert "::error::x" in ended.out + ended.err
    assert not re.search(r"^[ \t]*::|\x1b\[2J", ended.out + ended.err, re.MULTILINE)


def test_no_line_of_a_check_begins_or_moves_as_a_target_says(tmp_path):
    with servers.always(400, servers.error(f"A{EVIL}")) as server:
        table = f'[targets.s]\nurl = "{server.url}"\ncredentials = {{ environment = "ALIBABA_CLOUD_" }}\n'
        (tmp_path / "acs-conformance.toml").write_text(table, encoding="utf-8")
        ended = acs("targets", "check", "s", folder=tmp_path)
    assert "::error::x" in ended.out + ended.err
    assert not re.search(r"^::|\x1b", ended.out + ended.err, re.MULTILINE)
