"""The command `emulator`: who may call, how often, and how open points are settled, from the command line."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from acs_conformance import spec_folder
from acs_conformance.emulator import access_keys
from acs_conformance.emulator.gateway import check_ids
from acs_conformance.emulator.policy import GATEWAY_POINTS, options
from acs_conformance.message import RawRequest
from emulator_calls import DESCRIPTION
from gateway_calls import KEY, Credentials, v1_signed, v3_signed

DOCUMENT = (Path(__file__).parent.parent / "docs" / "emulator.md").read_text(encoding="utf-8")
KEYS = """
[[access-key]]
id = "testAk"
secret = "testSecret"

[[access-key]]
id = "STS.ak"
secret = "stsSecret"
token = "stsToken"
deny = ["StartRtcCloudTranscode"]
"""


def environment(**more):
    return {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")} | more


def command(*arguments):
    return [sys.executable, "-m", "acs_conformance", "emulator", "--port", "0", *map(str, arguments)]


@contextlib.contextmanager
def serving(*arguments, **environ):
    """The command as a process: its address, and the lines that it has said so far."""
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True, env=environment(**environ))
    try:
        lines = [process.stdout.readline().strip() for _ in range(3)]
        yield lines[0].removeprefix("listening on "), lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def refused(*arguments, **environ):
    """What the command says when it doesn't start."""
    told = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False, env=environment(**environ)
    )
    assert told.returncode == 2
    assert told.stdout == ""
    assert "Traceback" not in told.stderr
    return told.stderr


def ask(url, raw: RawRequest):
    """Status, Code and headers of the answer over HTTP."""
    with httpx.Client() as http:
        url = httpx.URL(url).copy_with(raw_path=raw.target.encode())
        answer = http.request(raw.method, url, headers=dict(raw.headers), content=raw.body)
    return answer.status_code, answer.json().get("Code"), answer.headers


def now():
    return datetime.now(UTC)


def test_keys_quota_and_policy_from_the_command_line(tmp_path):
    (tmp_path / "keys.toml").write_text(KEYS, encoding="utf-8")
    temporary = Credentials(access_key_id="STS.ak", access_key_secret="stsSecret", security_token="stsToken")
    options = (
        "--access-keys",
        tmp_path / "keys.toml",
        "--quota",
        "0.001:2",
        "--policy",
        "gateway.v1.window=15",
        "--policy",
        "gateway.missing=MissingParameter",
    )
    with serving(*options) as (url, lines):
        assert lines[2] == f"access keys: 2 in {tmp_path / 'keys.toml'}"
        assert ask(url, v3_signed(now=now()))[:2] == (200, None)
        assert ask(url, v1_signed(now=now()))[:2] == (200, None)
        status, code, headers = ask(url, v3_signed(now=now()))
        assert (status, code) == (400, "Throttling.User")
        assert 900_000 < int(headers["x-acs-retry-after"]) <= 1_000_000
        assert ask(url, v1_signed(temporary, now=now()))[:2] == (403, "Forbidden.RAM")
        assert ask(url, v3_signed(replace(temporary, security_token=None), now=now()))[:2] == (400, "MissingParameter")
        late = datetime.fromtimestamp(now().timestamp() - 20 * 60, UTC)
        assert ask(url, v1_signed(now=late))[:2] == (400, "InvalidTimeStamp.Expired")
        assert ask(url, v3_signed(Credentials(access_key_id="nobody", access_key_secret="x"), now=now()))[0] == 404


def test_key_and_token_of_the_environment_are_taken():
    environ = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "testAk",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "testSecret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "envToken",
    }
    with serving(**environ) as (url, lines):
        assert lines[2] == "access key: that of the environment"
        assert ask(url, v3_signed(replace(KEY, security_token="envToken"), now=now()))[0] == 200
        assert ask(url, v3_signed(now=now()))[:2] == (400, "MissingSecurityToken")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--access-keys", "nowhere.toml"], "can't read the access keys in nowhere.toml"),
        (["--quota", "many"], "'many' is no quota. Give requests per second"),
        (["--policy", "gateway.v1"], "--policy 'gateway.v1' is not of the form POINT=CHOICE"),
        (["--policy", "gateway.v1=maybe"], "no choice at gateway.v1 is called 'maybe'. Known: refused, taken."),
        (["--policy", "gateway.v2=taken"], "no point of a policy is called 'gateway.v2'. Did you mean gateway.v1"),
        (["--policy", "gateway.v1=taken", "--policy", "gateway.v1=refused"], "--policy settles gateway.v1 twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(arguments, says):
    assert says in refused(*arguments)


def test_half_of_a_key_in_the_environment_is_told():
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in refused(ALIBABA_CLOUD_ACCESS_KEY_ID="x")


def test_fault_that_needs_a_choice_contradicts_another_one():
    from acs_conformance.faults import catalogue

    fault = next(fault for fault in catalogue(DESCRIPTION) if fault.needs)
    ((point, choice),) = fault.needs.items()
    said = refused("--fault", fault.id, "--policy", f"{point}=refused")
    assert f"this fault shows only with {point}={choice}; leave out --policy {point}=..." in said


# --- what docs/emulator.md says ---------------------------------------------------------------------------------------


def rows(head):
    """First cells of the table whose head begins with a cell, and the other cells."""
    table = re.search(rf"^\| {head} \|.*\n\|[ -|]+\n((?:\|.*\n)+)", DOCUMENT, flags=re.MULTILINE)
    assert table, head
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table[1].splitlines()]


def test_document_has_the_checks_of_both_schemes_in_order():
    told = rows("check")
    for scheme, column in (("v3", 1), ("v1", 2)):
        numbers = {row[0].strip("`"): int(row[column]) for row in told if row[column] != "-"}
        names = sorted(numbers, key=numbers.__getitem__)
        assert [f"{scheme}.{name}" for name in names] == [c for c in check_ids() if c.startswith(f"{scheme}.")]
        assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))


def test_document_has_every_point_of_the_gateway_with_its_choices():
    told = {row[0].strip("`"): tuple(re.findall(r"`([^`]+)`", row[1])) for row in rows("point")}
    assert told == dict(GATEWAY_POINTS)


def test_document_has_every_point_about_jobs_with_its_choices():
    told = {row[0].strip("`"): tuple(re.findall(r"`([^`]+)`", row[1])) for row in rows("point about jobs")}
    acting = [each for each in spec_folder.load_all().values() if each.acts_on is not None]
    own = {point: choices for each in acting for point, choices in options(each).items() if "." in point}
    known = options(DESCRIPTION)
    named = ("answer.", "life.")
    assert told == {point: own[point] for point in own if point.startswith(named) and point not in known}


def test_example_of_access_keys_is_read(tmp_path):
    (example,) = re.findall(r"<!-- example: access keys -->\n```toml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    path = tmp_path / "keys.toml"
    path.write_text(example, encoding="utf-8")
    keys = access_keys.load(path, [DESCRIPTION.operation])
    assert len(keys.secrets) == 4
    assert len(keys.tokens) == len(keys.inactive) == 1
    assert sum(map(len, keys.denied.values())) == 1
