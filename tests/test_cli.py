"""The command line as its users meet it: a process with arguments, an exit code, and text."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest

import servers
from acs_conformance import __version__
from acs_conformance.emulator.fault import Fault
from acs_conformance.message import RawResponse, header
from servers import KEYS, acs, run_against
from spec_copies import copy_to

OPENING = "StartRtcCloudTranscode.response.status#plain"


def left_in(folder):
    """What a command left in its working folder, a cache of Hypothesis' apart, which has a test of its own."""
    return {path.name for path in folder.iterdir()} - {".hypothesis"}


# --- version and help -------------------------------------------------------------------------------------------------

_LOADED = """
import sys
from acs_conformance.cli import main
sys.argv = ["acs-conformance", *sys.argv[1:]]
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"], ["emulator", "-h"]])
def test_version_and_help_load_nothing_heavy(arguments):
    shown = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    loaded = set(shown.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & {"httpx", "hypothesis", "schemathesis", "jsonschema", "pytest", "rich", "ruamel", "uvicorn"}


def test_version_comes_at_once(tmp_path):
    took_s = []
    for _ in range(5):
        begin = time.monotonic()
        ended = acs("--version", folder=tmp_path)
        took_s.append(time.monotonic() - begin)
        assert (ended.code, ended.out, ended.err) == (0, f"acs-conformance, version {__version__}\n", "")
    assert min(took_s) < 1


def test_help_names_the_commands_and_exit_codes(tmp_path):
    ended = acs("--help", folder=tmp_path)
    assert ended.code == 0
    for word in ("run", "requirements", "emulator", "0 conforms", "1 a requirement failed", "4 an error of this tool"):
        assert word in " ".join(ended.out.split())


@pytest.mark.parametrize("command", ["run", "requirements", "emulator", "faults", "prove"])
def test_help_of_a_command_has_an_example(tmp_path, command):
    ended = acs(command, "--help", folder=tmp_path)
    assert ended.code == 0
    assert f"acs-conformance {command}" in ended.out
    assert "Example" in ended.out


# --- requirements -----------------------------------------------------------------------------------------------------


def test_requirements_as_json_and_as_a_table_agree(tmp_path):
    rows = json.loads(acs("requirements", "--format", "json", folder=tmp_path, keys=False).out)
    table = acs("requirements", folder=tmp_path, keys=False)
    assert table.code == 0
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) > 50
    lines = table.out.splitlines()
    assert [line.split()[0] for line in lines[1:-1] if not line.startswith(" ")] == ids
    assert lines[-1].startswith(f"{len(ids)} requirements")
    by_id = {row["id"]: row for row in rows}
    pattern = by_id["StartRtcCloudTranscode.AppId.pattern"]
    assert pattern["plan"]["reject"] > 0
    assert pattern["plan"]["accept"] > 0
    assert pattern["statements"]
    assert re.search(r"StartRtcCloudTranscode/openapi\.yaml:\d+$", pattern["source"])


def test_requirements_of_another_folder(tmp_path):
    root = servers.ROOT / "tests" / "data" / "spec"
    rows = json.loads(acs("requirements", "BookParcel", "--format", "json", "--spec", root, folder=tmp_path).out)
    assert {row["id"].partition(".")[0] for row in rows} == {"BookParcel"}


# --- wrong usage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "run"),
        (["run", "StartRtcCloudTranscod"], "StartRtcCloudTranscode"),
        (["requirements", "StatRtcCloudTranscode"], "StartRtcCloudTranscode"),
        (["faults", "Start"], "StartRtcCloudTranscode"),
        (["run", "--dpeth", "quick"], "--depth"),
        (["run", "--depth", "quik"], "quick"),
        (["requirements", "--format", "yaml"], "json"),
        (["run", "--only", "StartRtcCloudTranscode.AppId.patern"], "StartRtcCloudTranscode.AppId.pattern"),
        (["run", "--only", "*.Nothing.*"], "acs-conformance requirements"),
        (["run", "--only", "StartRtcCloudTranscode.AppId.pattern#U+002"], "U+002"),
        (["prove", "--only", "StartRtcCloudTranscode.AppId.nothing!"], "acs-conformance faults"),
        (["emulator", "--fault", "StartRtcCloudTranscode.AppId.nothing!"], "StartRtcCloudTranscode.AppId"),
        (["run", "--run-id", "A B"], "lower-case"),
        (["run", "--run-id", "a" * 13], "1 to 12"),
        (["run", "--seed", "x"], "integer"),
        (["run", "--max-requests", "0"], "x>=1"),
        (["run", "--max-seconds", "0"], "x>0"),
        (["run", "--baseline", "no-such.json"], "no such file"),
        (["run", "--spec", "no-such-folder"], "not a folder"),
        (["run", "--report-dir", "/dev/null/reports"], "can't be written"),
        (["emulator", "--port", "65536"], "65535"),
    ],
)
def test_wrong_usage_is_told_with_a_hint(tmp_path, arguments, hint):
    ended = acs(*arguments, folder=tmp_path).without_traceback()
    assert ended.code == 2, ended.out + ended.err
    assert hint in ended.err
    assert not ended.out
    assert not left_in(tmp_path)


@pytest.mark.parametrize("command", ["run", "requirements", "prove"])
def test_folder_without_operations_is_wrong_usage(tmp_path, command):
    """Nothing is green by silence."""
    (tmp_path / "empty").mkdir()
    ended = acs(command, "--spec", "empty", folder=tmp_path).without_traceback()
    assert ended.code == 2, ended.out + ended.err


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("openapi.yaml", "maxLength: 64", "maxLength: sixty-four"),
        ("openapi.yaml", "openapi: 3.1", "openapi: [3.1"),
        ("statements.yaml", "statements:", "sentences:"),
    ],
)
@pytest.mark.parametrize("command", [["run", "--report-dir", "r"], ["requirements"]])
def test_broken_description_is_told_with_file_and_line(tmp_path, command, name, old, new):
    copy = copy_to(tmp_path)
    copy.replace(name, old, new)
    ended = acs(*command, "--spec", copy.root, folder=tmp_path).without_traceback()
    assert ended.code == 2, ended.out + ended.err
    assert re.search(rf"{re.escape(str(copy.file(name)))}:\d+: ", ended.err)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("missing", ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
def test_target_without_whole_credentials_is_wrong_usage(tmp_path, monkeypatch, missing):
    monkeypatch.setenv("HOME", str(tmp_path))  # without profiles
    with servers.accepts_everything() as server:
        ended = run_against(server.url, tmp_path / "r", keys=False)
        environ = servers.environment()
        del environ[missing]
        monkeypatch.setattr(servers, "environment", lambda **_: environ)
        half = run_against(server.url, tmp_path / "r2")
    assert (ended.code, half.code) == (2, 2)
    assert missing in ended.err
    assert missing in half.err
    assert KEYS.access_key_secret not in half.err
    assert not server.connections


# --- exit codes -------------------------------------------------------------------------------------------------------

_BROKEN = """
import sys
import acs_conformance.campaign
from acs_conformance.cli import main
def broken(*_): raise RuntimeError("made to fail")
acs_conformance.campaign.Campaign.run_valid = broken
sys.argv = ["acs-conformance", "run", "--report-dir", sys.argv[1], "--no-self-check"]
main()
"""


def test_0_the_target_conforms(tmp_path):
    ended = acs("run", "--depth", "quick", folder=tmp_path, keys=False)
    assert ended.code == 0, ended.err
    (folder,) = (tmp_path / "reports").iterdir()
    assert ended.out.splitlines()[-1] == f"report: {folder.relative_to(tmp_path) / 'report.html'}"
    assert re.search(r"self-check: the same plan finds (\d+) of \1 seeded faults", ended.out)
    assert "CONFORMS (exit code 0)" in ended.out


class NoFullStop(Fault):
    """Messages don't end with a period."""

    def answer(self, call, found, response, memory):  # noqa: ARG002 - the hook's own signature
        return RawResponse(response.status, response.headers, response.body.replace(b'."', b'"'))


def test_1_a_requirement_fails_and_the_hint_leads_back_to_it(tmp_path):
    with servers.emulates(fault=NoFullStop()) as server:
        ended = run_against(server.url, tmp_path)
        assert ended.code == 1
        assert ended.failed == {"StartRtcCloudTranscode.error.Message.pattern"}
        (line,) = [line for line in ended.out.splitlines() if line.startswith("     again: ")]
        command = shlex.split(line.removeprefix("     again: "))
        assert command[0] == "acs-conformance"
        replayed = acs(*command[1:], folder=tmp_path)
        command = shlex.split(ended.report["findings"][0]["again"])
        again = acs(*command[1:], "--report-dir", "again", folder=tmp_path)
    assert replayed.code == 1
    assert "STILL FAILS: for the same cause" in replayed.out
    assert again.code == 1
    assert len(servers.report.load(tmp_path / "again")["exchanges"]) <= 5


def test_2_wrong_usage(tmp_path):
    assert acs("run", "--no-such-option", folder=tmp_path).code == 2


def test_3_something_stays_undecided(tmp_path):
    ended = run_against(None, tmp_path, "--max-requests", "10")
    assert ended.code == 3
    assert ended.report["budget"]["requests"] == 10
    assert "the limit of 10 requests was reached" in ended.out
    assert set(ended.verdicts.values()) >= {"none"}


def test_4_an_error_of_ours_names_itself_and_leaves_what_was_recorded(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", _BROKEN, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=servers.environment(),
    )
    assert ended.returncode == 4
    assert "RuntimeError: made to fail" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not servers.report.load(tmp_path)["run"]["is_complete"]


def test_run_leaves_nothing_but_its_report(tmp_path):
    assert acs("run", "--report-dir", "r", "--no-self-check", folder=tmp_path).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"r"}
    visible = {path.name for path in (tmp_path / "r").iterdir() if not path.name.startswith(".")}
    assert visible == {"journal.jsonl", "intents.jsonl", "run.json", "report.json", *servers.report.FORMATS}


def test_reader_that_leaves_is_no_error(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "acs_conformance", "requirements", "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=servers.environment(),
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


# --- selection and limits ---------------------------------------------------------------------------------------------


def test_only_one_requirement(tmp_path):
    chosen = "StartRtcCloudTranscode.OutputParams[].TranscodeTemplate.enum"
    ended = run_against(None, tmp_path, "--only", chosen)
    assert ended.code == 0, ended.out
    assert ended.verdicts == {chosen: "pass"}
    assert 2 <= ended.report["budget"]["requests"] < 40
    assert ended.report["run"]["only"] == chosen


def test_only_one_case(tmp_path):
    chosen = "StartRtcCloudTranscode.AppId.pattern#U+0020"
    ended = run_against(None, tmp_path, "--only", chosen, depth="standard")
    assert ended.code in (0, 3), ended.out
    assert list(ended.verdicts) == ["StartRtcCloudTranscode.AppId.pattern"]
    cases = [exchange["case"] for exchange in ended.report["exchanges"]]
    assert OPENING in cases
    assert [case for case in cases if case != OPENING and "#end-of-" not in case] == [chosen]
    sent = ended.report["exchanges"][cases.index(chosen)]["request"]["target"]
    assert "%20" in re.search(r"AppId=([^&]*)", sent).group(1)


def test_only_a_glob(tmp_path):
    ended = run_against(None, tmp_path, "--only", "*.ChannelId.*")
    assert ended.code == 0, ended.out
    assert len(ended.verdicts) > 5
    assert all(".ChannelId." in name for name in ended.verdicts)


def test_max_seconds_ends_a_run(tmp_path):
    with servers.emulates(pause_s=0.1) as server:
        ended = run_against(server.url, tmp_path, "--max-seconds", "1")
    assert ended.code == 3
    assert "the limit of 1 seconds was reached" in ended.out
    assert 1 <= len(server.requests) <= 11


def test_report_folder_is_never_used_twice(tmp_path):
    first = run_against(None, tmp_path, "--max-requests", "3")
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with servers.accepts_everything() as server:
        second = run_against(server.url, tmp_path)
    assert (first.code, second.code) == (3, 2)
    assert f"{tmp_path} holds the journal of an earlier run" in second.err
    assert not server.connections
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


# --- dry run ----------------------------------------------------------------------------------------------------------


def test_dry_run_prints_commands_and_sends_nothing(tmp_path):
    with servers.accepts_everything() as server:
        ended = acs("run", "--dry-run", "--target", server.url, "--report-dir", "r", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert not server.connections
    assert not left_in(tmp_path)
    lines = [line for line in ended.out.splitlines() if line.startswith("curl ")]
    assert re.search(rf"^{len(lines)} requests, .* at least \d+; nothing was sent$", ended.err, re.MULTILINE)
    assert len(lines) > 500
    for line in lines:
        words = shlex.split(line)
        assert words[:4] == ["curl", "-sS", "-X", words[3]]
        assert words[4].startswith("$ACS_ENDPOINT/")
        assert not re.search(r"[`$]", words[4].removeprefix("$ACS_ENDPOINT"))
    assert ended.out.splitlines()[0] == f"# {OPENING}"
    assert KEYS.access_key_secret not in ended.out
    assert not leaked(tokens_in(unquote(ended.out)), ended.out.encode())


# --- emulator ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def emulator_command(*arguments):
    """`acs-conformance emulator` as a process, and the address that it prints first."""
    with subprocess.Popen(
        [sys.executable, "-m", "acs_conformance", "emulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=servers.environment(),
    ) as process:
        try:
            yield process, process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.kill()


def test_emulator_command_serves_until_sigterm(tmp_path):
    with emulator_command("--port", "0") as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        taken = acs("emulator", "--port", url.rpartition(":")[2], folder=tmp_path).without_traceback()
        ended = run_against(url, tmp_path / "r")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert ended.code == 0, ended.out + ended.err
    assert (taken.code, taken.out) == (2, "")
    assert "is taken" in taken.err
    assert process.returncode == 0
    assert KEYS.access_key_secret not in out + err
    assert err == ""


def test_emulator_command_plays_a_fault(tmp_path):
    fault = "StartRtcCloudTranscode.AppId.required!"
    listed = json.loads(acs("faults", "--format", "json", folder=tmp_path).out)
    chosen = next(row["id"] for row in listed if row["id"].startswith(fault))
    with emulator_command("--port", "0", "--fault", chosen) as (_, url):
        ended = run_against(url, tmp_path / "r", "--only", "*.AppId.required")
    assert ended.code == 1
    assert ended.failed == {"StartRtcCloudTranscode.AppId.required"}


# --- secrets ----------------------------------------------------------------------------------------------------------


def tokens_in(text):
    """The tokens in a text: Base64 of JSON objects."""
    found = set()
    for match in re.findall(r"eyJ[A-Za-z0-9+/]{40,}={0,2}", text):
        with contextlib.suppress(ValueError):
            if isinstance(json.loads(base64.b64decode(match)), dict):
                found.add(match)
    return found


def leaked(secrets, written):
    """Those of the secrets of which a long piece stands in what was written, however it is quoted."""
    runs = set()
    for _ in range(3):
        runs |= {run.decode() for run in re.findall(rb"[A-Za-z0-9]{12,}", written)}
        written = unquote_to_bytes(written)
    return {secret for secret in secrets if runs & set(re.findall(r"[A-Za-z0-9]{12,}", secret)[-3:])}


def as_gson(text):
    """JSON text as a library writes it that is afraid of HTML."""
    return text.replace("=", "\\u003d").replace("&", "\\u0026").replace("'", "\\u0027")


def echoes(how):
    """The emulator, which repeats the whole request, and all that it knows, in everything it says."""

    def answer(request, _number, ask):
        response = ask()
        said = f"{request.method} {how(request.target)} {dict(request.headers)} {KEYS.access_key_secret}."
        body = json.loads(response.body)
        body["Message" if "Message" in body else "Echo"] = said
        text = json.dumps(body)
        headers = (
            *response.headers,
            ("x-echo", how(request.target)),
            ("x-authorization", header(request.headers, "authorization")),
        )
        return RawResponse(response.status, headers, (as_gson(text) if how is gson else text).encode())

    return servers.emulates(answer)


def as_sent(target):
    return target


def decoded(target):
    return unquote(target).encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")


def encoded_twice(target):
    return quote(target, safe="")


def gson(target):
    return decoded(target)


@pytest.mark.parametrize("how", [as_sent, decoded, encoded_twice, gson])
def test_no_secret_is_written_down_when_a_target_repeats_it(tmp_path, how):
    with echoes(how) as server:
        ended = run_against(server.url, tmp_path, "--run-id", "secret").without_traceback()
    assert ended.report["budget"]["requests"] > 100
    signatures = {
        re.search(r"Signature=([0-9a-f]{64})", header(request.headers, "authorization")).group(1)
        for request in server.requests
    }
    tokens = {token for request in server.requests for token in tokens_in(unquote(request.target))}
    assert len(signatures) == len(server.requests)
    assert len(tokens) > 50
    names = ("report.json", "junit.xml", "report.html", "journal.jsonl")
    written = {name: (tmp_path / name).read_bytes() for name in names}
    written |= {"stdout": ended.out.encode(), "stderr": ended.err.encode()}
    for kind, secrets in (("key", {KEYS.access_key_secret}), ("token", tokens), ("signature", signatures)):
        found = {name: len(leaked(secrets, text)) for name, text in written.items()}
        assert not any(found.values()), f"{kind} in {found}"


def test_no_token_is_written_down_at_any_depth(tmp_path):
    """Also not where it stands in something that is no JSON."""
    with servers.emulates() as server:
        ended = run_against(server.url, tmp_path, depth="standard")
    tokens = {token for request in server.requests for token in tokens_in(unquote(request.target))}
    assert ended.code == 0, ended.out
    assert len(tokens) > 200
    assert not leaked(tokens, (tmp_path / "journal.jsonl").read_bytes())
