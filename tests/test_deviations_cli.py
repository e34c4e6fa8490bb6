"""A failure from its finding to its end: run, accept, run again, expired, gone; over HTTP against a faulty emulator."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import servers
from acs_conformance import cli, faults, profile, report, spec_folder
from acs_conformance.options import Options
from acs_conformance.reach import reached, recorder_for
from acs_conformance.report import sarif
from acs_conformance.run import Run
from acs_conformance.store import Store
from acs_conformance.summary import Screen, summary
from servers import KEYS, pytest_suites, run_against

START = spec_folder.load("StartRtcCloudTranscode")
NAME = "StartRtcCloudTranscode.AppId.maxLength"
FAULT = f"{NAME}!limit#65"
TODAY = datetime.now(UTC).date()
LATER = TODAY + timedelta(days=60)
DAY_S = 86_400.0


def faulty(identifier=FAULT):
    return servers.emulates(fault=faults.find([START], identifier))


def settle(folder: Path, url: str) -> Path:
    """A profile of the server, in the folder where commands are given."""
    path = folder / "acs-conformance.toml"
    path.write_text(f'# Ours.\n[targets.staging]\nurl = "{url}"  # here\n', encoding="utf-8")
    return path


@pytest.fixture
def acs(tmp_path, monkeypatch, capsys):
    """`acs-conformance` in this process, in a folder of its own."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEYS.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEYS.access_key_secret)
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["acs-conformance", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return servers.Ended(int(ended.value.code or 0), shown.out, shown.err, tmp_path).without_traceback()

    return command


RUN = ("run", "--no-self-check", "--only", "StartRtcCloudTranscode.AppId.*", "--depth", "quick", "--report-dir")
ACCEPT = ("--reason", "ticket 123", "--until", LATER)


@contextlib.contextmanager
def clock_of_run(monkeypatch, days):
    """Runs begin so many days from now."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEYS.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEYS.access_key_secret)
    yield datetime.now(UTC).timestamp() + days * DAY_S


def outcome_of(options: Options, folder: Path, started_at: float):
    """The outcome of a run in this process that begins at a given time."""
    prepared = Run(options, started_at=started_at)
    with reached(options, prepared.served) as chosen, contextlib.closing(Store(folder)) as store:
        recorder, sender = recorder_for(chosen, guard=prepared.guard(chosen, folder))
        with contextlib.closing(sender):
            prepared.campaign(chosen, recorder, store).run()
        return prepared.outcome(chosen, store, is_complete=True)


def test_a_failure_is_accepted_by_the_profile_and_any_other_still_fails(acs, tmp_path):
    with faulty() as server:
        path = settle(tmp_path, server.url)
        before = path.read_text()
        first = acs(*RUN, "first", "--profile", "staging")
        assert first.code == 1
        said = acs("accept", "first", NAME[:-3], *ACCEPT)
        assert said.code == 0, said.err
        assert said.out.startswith("acs-conformance.toml:5: accepted at target staging until")
        assert NAME in said.out
        assert path.read_text().startswith(before)
        second = acs(*RUN, "second", "--profile", "staging")
    assert second.code == 0, second.out + second.err
    assert re.search(rf"KNOWN {re.escape(NAME)}: accepted until {LATER}, ticket 123", second.out)
    assert "1 fail (1 as accepted)" in second.out
    assert "CONFORMS with 1 accepted failure (exit code 0)" in second.out
    found = report.load(tmp_path / "second")
    assert (found["run"]["exit_code"], found["run"]["covered"], found["run"]["counts"]["fail"]) == (0, 1, 1)
    (row,) = (each for each in found["requirements"] if each["id"] == NAME)
    assert (row["verdict"], row["is_covered"]) == ("fail", True)
    (deviation,) = found["deviations"]
    assert (deviation["state"], deviation["occurred"], deviation["notice"]) == ("covers", [NAME], "")
    assert deviation["source"] == "acs-conformance.toml:5"
    # The same target with one more fault.
    with faulty("StartRtcCloudTranscode.AppId.pattern!admit#U+0020") as server:
        path.write_text(re.sub(r"http://127.0.0.1:\d+", server.url, path.read_text()))
        third = acs(*RUN, "third", "--profile", "staging")
    assert third.code == 1
    assert "FAIL StartRtcCloudTranscode.AppId.pattern" in third.out
    assert f"deviation at acs-conformance.toml:5 ({NAME}): no longer occurs: remove it" in third.out


def test_the_same_requirement_failing_for_another_cause_fails(acs, tmp_path):
    """Accepted is that a long AppId is taken; not that it breaks the server."""
    with faulty() as server:
        settle(tmp_path, server.url)
        acs(*RUN, "first", "--profile", "staging")
        acs("accept", "first", NAME, *ACCEPT)

        def breaks(request, _number, ask):
            response = ask()
            long = re.search(r"AppId=[^&]{65,}(&|$)", request.target)
            return servers.refusal(500, "InternalError") if long else response

    with servers.emulates(breaks) as server:
        settled = tmp_path / "acs-conformance.toml"
        settled.write_text(re.sub(r"http://127.0.0.1:\d+", server.url, settled.read_text()))
        ended = acs(*RUN, "second", "--profile", "staging")
    assert ended.code == 1
    (row,) = (each for each in report.load(tmp_path / "second")["requirements"] if each["id"] == NAME)
    assert [(each["cause"], each["deviation"]) for each in row["failures"]] == [("answer 500", None)]


@pytest.mark.parametrize(
    ("days", "code", "said"),
    [
        (0, 0, ""),
        (60 - 15, 0, ""),
        (60 - 14, 0, "expires in 14 days"),
        (60, 0, "expires today"),
        (61, 1, f"expired after {LATER}"),
    ],
)
def test_the_clock_moves_on_to_the_notice_and_to_the_end(tmp_path, monkeypatch, days, code, said):
    with faulty() as server, clock_of_run(monkeypatch, days) as started_at:
        path = settle(tmp_path, server.url)
        entry = f'requirements = ["{NAME}"]\ncause = "accepted"\nreason = "ticket 123"\nuntil = {LATER}\n'
        path.write_text(f"{path.read_text()}[[targets.staging.deviations]]\n{entry}")
        options = Options(
            operations=("StartRtcCloudTranscode",), profile=profile.load(str(path), tmp_path), depth="quick", only=NAME
        )
        ended = outcome_of(options, tmp_path / "run", started_at)
    assert ended.exit_code == code
    text = "\n".join(summary(ended.report, Screen(height=None)))
    (deviation,) = ended.report["deviations"]
    assert said in deviation["notice"]
    assert bool(deviation["notice"]) is bool(said)
    assert deviation["notice"] in text
    files = report.write_all(ended.report, tmp_path / "files")
    assert report.load(files["report.json"])["run"]["exit_code"] == code
    for name in ("summary.md", "report.html", "junit.xml", "report.sarif"):
        assert deviation["notice"] in files[name].read_text(encoding="utf-8"), name
    if code:
        assert f"FAIL {NAME}" in text
        assert f"was accepted until {LATER} by {path}:4: ticket 123" in text


def test_one_that_no_longer_occurs_is_told_and_costs_no_exit_code(acs, tmp_path):
    with faulty() as server:
        path = settle(tmp_path, server.url)
        acs(*RUN, "first", "--profile", "staging")
        acs("accept", "first", NAME, *ACCEPT)
    with servers.emulates() as server:
        path.write_text(re.sub(r"http://127.0.0.1:\d+", server.url, path.read_text()))
        ended = acs(*RUN, "second", "--profile", "staging")
        elsewhere = acs(*RUN, "elsewhere", "--profile", "staging", "--only", "StartRtcCloudTranscode.ChannelId.*")
        one_case = acs(*RUN, "one-case", "--profile", "staging", "--only", f"{NAME}#65")
    assert (ended.code, elsewhere.code, one_case.code) == (0, 0, 0)
    assert f"deviation at acs-conformance.toml:5 ({NAME}): no longer occurs: remove it" in ended.out
    states = [report.load(tmp_path / name)["deviations"][0]["state"] for name in ("second", "elsewhere", "one-case")]
    assert states == ["gone", "not tested", "not tested"]


def test_a_run_without_a_profile_needs_a_file_and_takes_it(acs, tmp_path):
    with faulty() as server:
        first = acs(*RUN, "first", "--target", server.url)
        assert first.code == 1
        told = acs("accept", "first", NAME, *ACCEPT)
        assert (told.code, told.out) == (2, "")
        assert "used no profile" in told.err
        assert "--file" in told.err
        both = acs("accept", "first", NAME, *ACCEPT, "--file", "d.toml", "--profile", "staging")
        assert both.code == 2
        said = acs("accept", "first", NAME, *ACCEPT, "--file", "d.toml")
        assert said.out.startswith("d.toml:1: accepted for runs with --deviations d.toml")
        second = acs(*RUN, "second", "--target", server.url, "--deviations", tmp_path / "d.toml")
        assert second.code == 0, second.out
        tested = pytest_suites(
            tmp_path / "suites",
            *("--acs-target", server.url, "--acs-depth", "quick", "--acs-operation", "StartRtcCloudTranscode"),
            *("--acs-deviations", tmp_path / "d.toml", "-rx", "-k", "AppId"),
        )
    assert tested.code == 0, tested.out
    assert re.search(rf"XFAIL .*{re.escape(NAME)}.*accepted until {LATER}: ticket 123", tested.out)
    broken = tmp_path / "d.toml"
    broken.write_text(broken.read_text().replace("AppId.maxLength", "AppId.maxLenght"))
    refused = acs("run", "--deviations", broken)
    assert (refused.code, refused.out) == (2, "")
    assert f"{broken}:2: at deviations[0].requirements[0]: no requirement is called" in refused.err
    assert NAME in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reason", "x"), "--until"),
        (("--until", LATER), "--reason"),
        (("--reason", " ", "--until", LATER), "--reason is empty"),
        (("--reason", "x", "--until", TODAY - timedelta(days=1)), "in the past"),
        (("--reason", "x", "--until", "soon"), "as in 2027-01-31"),
        (("--reason", "x", "--until", LATER, "--profile", "stagin"), "staging"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(acs, covered, tmp_path, arguments, said):
    settle(tmp_path, "http://127.0.0.1:1")
    before = (tmp_path / "acs-conformance.toml").read_bytes()
    where = () if "--profile" in arguments else ("--profile", "staging")
    ended = acs("accept", covered, NAME, *arguments, *where).without_traceback()
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert (tmp_path / "acs-conformance.toml").read_bytes() == before


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def covered(tmp_path_factory):
    """The report of a run whose one failure is accepted."""
    folder = tmp_path_factory.mktemp("covered")
    with faulty() as server:
        file = folder / "d.toml"
        file.write_text(
            f'[[deviations]]\nrequirements = ["{NAME}"]\ncause = "accepted"\nreason = "<ticket> 123"\nuntil = {LATER}\n'
        )
        ended = run_against(
            server.url, folder / "run", "--deviations", file, "--only", "StartRtcCloudTranscode.AppId.*"
        )
    assert ended.code == 0, ended.out
    return folder / "run"


def test_junit_skips_it_so_that_no_build_turns_red_and_says_why(covered):
    root = ET.fromstring((covered / "junit.xml").read_bytes())  # noqa: S314 - our own text
    assert root.get("failures") == "0"
    (case,) = (case for case in root.iter("testcase") if case.get("name") == NAME)
    (skipped,) = case
    assert (skipped.tag, skipped.get("type")) == ("skipped", "deviation")
    assert f"accepted until {LATER}: <ticket> 123" in skipped.get("message")
    assert "200, accepted" in skipped.text


def test_sarif_suppresses_it_with_the_justification(covered):
    (run,) = json.loads((covered / "report.sarif").read_text())["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == NAME
    (suppression,) = result["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert f"accepted until {LATER}: <ticket> 123" in suppression["justification"]
    plain = report.load(covered)
    for finding in plain["findings"]:
        finding |= {"is_covered": False, "deviations": []}
    assert [each["suppressions"] for each in json.loads(sarif.render(plain))["runs"][0]["results"]] == [[]]


@pytest.mark.parametrize("name", ["summary.md", "report.html", "badge.svg"])
def test_no_page_says_that_the_contract_is_kept_and_no_more(covered, name):
    text = (covered / name).read_text(encoding="utf-8")
    assert "conforms, 1 accepted" in text or "Keeps its contract, with 1 accepted failure" in text
    if name != "badge.svg":
        assert f"accepted until {LATER}" in text
        assert "<ticket>" not in text
        assert re.search(r"ticket.{0,6} 123", text)


@pytest.mark.parametrize("style", ["markdown", "html"])
def test_the_statement_lists_it_with_reason_and_day(acs, covered, style):
    text = acs("statement", covered, "--format", style).out
    assert "Accepted deviations" in text
    assert f"accepted until {LATER}" in text
    assert "Keeps its contract, with 1 accepted failure" in text
    assert "<ticket>" not in text


def test_diff_knows_it_from_a_failure(acs, covered):
    with servers.emulates() as server:
        acs(*RUN, "kept", "--target", server.url)
    with faulty() as server:
        acs(*RUN, "failing", "--target", server.url)

    def compared(old, new):
        ended = acs("diff", old, new, "--format", "json")
        changes = json.loads(ended.out)
        kinds = {kind for kind in ("newly_failing", "covered", "fixed", "lost_coverage") if changes[kind]}
        return kinds, ended.code

    assert compared("kept", covered) == ({"covered"}, 0)
    assert compared("failing", covered) == ({"covered"}, 0)
    assert compared(covered, "failing") == ({"newly_failing"}, 1)
    assert compared(covered, "kept") == ({"fixed"}, 0)
    assert "Failing as accepted" in acs("diff", "kept", covered).out
