"""The scripts of a finding run as they are: signed by themselves, byte for byte, and without a secret."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import servers
from acs_conformance import spec_folder
from acs_conformance.cases.render import Context, render
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.exchange import redacted
from acs_conformance.message import header
from acs_conformance.record import Exchange
from acs_conformance.report import curl_script, python_snippet, scripts
from acs_conformance.reproduction import Names, request_of
from acs_conformance.wire import decode, decode_query
from hostile import poisoned, sample
from in_process import planned

START = spec_folder.load("StartRtcCloudTranscode")
TOKEN = "aSecurityToken+/=="
#: What a script can get wrong: escapes, a quote, a form, another method, JSON that is spoiled, bytes without UTF-8, a
#: zero byte that a credential repeats, a name twice, several requests.
CASES = (
    "AppId.maxLength#65",
    "AppId.pattern#U+0000-first",
    "AppId.pattern#U+0027",
    "response.status#valid-01",
    "response.status#after-refused",
    "OutputParams.content#trailing-comma",
    "wire.method#GET",
    "wire.form-body#all",
    "wire.invalid-utf-8#AppId",
    "wire.repeated-parameter#AppId",
)
UNSAYABLE = {"wire.invalid-utf-8#AppId", "wire.repeated-parameter#AppId"}


def case_called(name):
    cases = planned(START).cases
    found = [case for case in cases if case.id == START.id(name)]
    return found[0] if found else next(c for c in cases if c.id.startswith(START.id(name.partition("#")[0] + "#")))


def finding(name, secrets=None):
    """A finding with the requests of a case."""
    case, context, names = case_called(name), Context(run_id="r1", now=0), Names("r1")
    requests = []
    for step in range(len(case.steps)):
        request, _ = redacted(START, render(START, case, step, context))
        exchange = Exchange(number=step + 1, operation=START.operation, case=case.id, request=request, response=None)
        requests.append(request_of(START, exchange, names, secrets or {}))
    return {**sample()["findings"][0], "id": f"{case.id}~123456", "requests": requests, "replay": "replay it"}


def matching(parts):
    """A pattern for what parts make."""
    pieces = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(re.escape(part))
        elif "fresh" in part:
            pieces.append("[0-9A-F]{10}" if part["was"] != part["was"].lower() else "[0-9a-f]{10}")
        else:
            pieces.append("[A-Za-z0-9%]{40,}")
    return "".join(pieces)


@pytest.fixture(scope="module")
def server():
    """The emulator, which checks signatures, nonces and times, and knows a token."""
    keys = servers.KEYS
    known = AccessKeys(
        secrets={keys.access_key_id: keys.access_key_secret, "temporary": keys.access_key_secret},
        tokens={"temporary": TOKEN},
    )
    core = Emulator({START.operation: START}, settings=Settings(access_keys=known))
    with servers.serving(lambda request, _: core.handle(request)) as running:
        yield running


def run(kind, found, server, tmp_path, **environment):
    """The end of a script that is run from a file, as a user does; it is told nothing but the keys."""
    render_script = {"sh": curl_script.render, "py": python_snippet.render}[kind]
    script = tmp_path / f"finding.{kind}"
    script.write_text(render_script({**sample(), "target": {"url": server.url, "kind": "x"}}, found), "utf-8")
    command = ["bash", str(script)] if kind == "sh" else [sys.executable, str(script)]
    path = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    keys = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": servers.KEYS.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": servers.KEYS.access_key_secret,
    }
    server.requests.clear()
    return subprocess.run(
        command, env={**path, **keys, **environment}, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("name", CASES)
def test_curl_sends_the_very_bytes_and_the_gateway_takes_them(name, server, tmp_path):
    found = finding(name)
    ended = run("sh", found, server, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert "Signature" not in ended.stdout
    assert len(server.requests) == len(found["requests"])
    for sent, wanted in zip(server.requests, found["requests"], strict=True):
        assert re.fullmatch(matching(wanted["target"]), sent.target)
        assert re.fullmatch(matching(wanted["body"]).encode(), sent.body)
        assert sent.method == wanted["method"]
        assert header(sent.headers, "x-acs-action") == "StartRtcCloudTranscode"
    statuses = re.findall(r"^status: (\d+)$", ended.stdout, re.MULTILINE)
    assert len(statuses) == len(found["requests"])


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNSAYABLE])
def test_the_sdk_sends_the_same_parameters(name, server, tmp_path):
    found = finding(name)
    ended = run("py", found, server, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "Signature" not in ended.stdout
    for sent, wanted in zip(server.requests, found["requests"], strict=True):
        recorded = python_snippet._as_it_was(wanted["target"]).partition("?")[2]
        body = python_snippet._as_it_was(wanted["body"])
        for given, known in ((sent.query, recorded), (sent.body.decode(), body)):
            texts, names = dict(decode_query(given)[0]), dict(decode_query(known)[0])
            assert list(texts) == list(names) or body
            plain = {key: text for key, text in names.items() if "r1-" not in text and "x" not in text}
            assert {key: texts[key] for key in plain} == plain


@pytest.mark.parametrize("name", sorted(UNSAYABLE))
def test_the_sdk_sends_nothing_rather_than_something_else(name, server, tmp_path):
    ended = run("py", finding(name), server, tmp_path)
    assert ended.returncode == 1
    assert "Instead: replay it" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert server.requests == []


@pytest.mark.parametrize("kind", ["sh", "py"])
def test_a_finding_about_a_signature_sends_nothing(kind, server, tmp_path):
    found = finding("AppId.maxLength#65")
    found["requests"][0]["signing"] = "signed by v3, a wrong secret"
    ended = run(kind, found, server, tmp_path)
    assert ended.returncode != 0
    assert "how a request is signed" in ended.stderr
    assert server.requests == []


@pytest.mark.parametrize("kind", ["sh", "py"])
def test_a_script_can_be_run_again(kind, server, tmp_path):
    """Names and nonces are other ones each time."""
    targets = set()
    for _ in range(2):
        ended = run(kind, finding("response.status#after-refused"), server, tmp_path)
        assert re.findall(r"^status: (\d+)$", ended.stdout, re.MULTILINE)[-1] == "200", ended.stdout
        targets |= {request.target for request in server.requests}
    assert len(targets) == 4


@pytest.mark.parametrize("kind", ["sh", "py"])
def test_temporary_credentials_and_another_endpoint(kind, server, tmp_path):
    found = finding("response.status#after-refused")
    with servers.nobody() as nowhere:
        elsewhere = servers.Server(nowhere)
        elsewhere.requests = server.requests
        ended = run(
            kind,
            found,
            elsewhere,
            tmp_path,
            ALIBABA_CLOUD_ACCESS_KEY_ID="temporary",
            ALIBABA_CLOUD_SECURITY_TOKEN=TOKEN,
            ACS_ENDPOINT=f"{server.url}/",
        )
    assert ended.stdout.count("status: ") == 2, ended.stderr
    assert all(header(request.headers, "x-acs-security-token") == TOKEN for request in server.requests)


@pytest.mark.parametrize("kind", ["sh", "py"])
def test_a_credential_is_made_with_the_secret_of_the_environment(kind, server, tmp_path):
    found = finding("AppId.maxLength#65", {"app-key": "OUR_KEY"})
    run(kind, found, server, tmp_path, OUR_KEY="sesame'\"$`")
    document = decode(START, server.requests[0]).document
    token = json.loads(base64.b64decode(document["OutputParams"][0]["UserToken"]))
    parts = document["AppId"] + "sesame'\"$`" + document["ChannelId"] + document["OutputParams"][0]["UserId"]
    assert token["token"] == hashlib.sha256(f"{parts}{token['nonce']}{token['timestamp']}".encode()).hexdigest()


def test_without_keys_each_says_what_is_missing(server, tmp_path):
    ended = run("sh", finding("AppId.maxLength#65"), server, tmp_path, ALIBABA_CLOUD_ACCESS_KEY_SECRET="")
    assert ended.returncode != 0
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET: set it to the secret" in ended.stderr
    assert server.requests == []


def test_the_secret_is_an_argument_of_no_program(server, tmp_path):
    """A curl and an openssl that write down how they were called."""
    for name in ("curl", "openssl", "od", "tr", "sed", "cut", "sort"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        spy = tmp_path / "bin" / name
        spy.parent.mkdir(exist_ok=True)
        spy.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\nexec {real} "$@"\n', "utf-8")
        spy.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    ended = run("sh", finding("AppId.maxLength#65"), server, tmp_path, PATH=path, ALIBABA_CLOUD_SECURITY_TOKEN=TOKEN)
    assert ended.returncode == 0
    calls = (tmp_path / "calls").read_text("utf-8")
    assert "curl " in calls
    assert servers.KEYS.access_key_secret not in calls
    assert TOKEN not in calls


@pytest.mark.parametrize("poison", ["\n;touch hacked;", "'$(touch hacked)'", "\u2028\nimport os", "\x00", '"""'])
def test_what_a_target_answers_is_never_run(poison, server, tmp_path):
    found = {**poisoned(sample()["findings"][0], poison), "requests": finding("AppId.maxLength#65")["requests"]}
    found["replay"] = f"acs-conformance replay {poison}"
    for kind in ("sh", "py"):
        ended = run(kind, found, server, tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert len(server.requests) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["finding.py", "finding.sh"]


def test_the_shell_parses_every_script_and_python_every_snippet(tmp_path):
    for case in planned(START).cases[::40]:
        found = finding(case.id.removeprefix("StartRtcCloudTranscode."))
        ast.parse(python_snippet.render(sample(), found))
        told = subprocess.run(
            ["bash", "-n"], input=curl_script.render(sample(), found).encode(), capture_output=True, check=False
        )
        assert told.returncode == 0, told.stderr


def test_files_have_safe_names_and_none_is_lost():
    report = sample()
    request = finding("AppId.maxLength#65")["requests"]
    report["findings"] = [
        {**report["findings"][0], "id": identifier, "requests": request, "replay": "replay it"}
        for identifier in ("A[].x~1", "A[]].x~1", "A/../x~2", "A#U+0020~3")
    ]
    names = [name for name, _ in scripts.files(report)]
    assert len(set(names)) == 2 * len(report["findings"])
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+\.(sh|py)", name) and Path(name).name == name for name in names)
