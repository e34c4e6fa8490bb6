"""`targets` and `run --profile`: what is told of a target before it is tested, over real HTTP."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest

import relays
import servers
from acs_conformance import cli, report, spec_folder
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy
from acs_conformance.message import RawResponse
from acs_conformance.wire import decode_query

START = spec_folder.load("StartRtcCloudTranscode")
APP_KEY = "4ppKey0fTheTester"
#: What the commands here may find in their environment.
ENVIRONMENT = {
    "STAGING_ACCESS_KEY_ID": servers.KEYS.access_key_id,
    "STAGING_ACCESS_KEY_SECRET": servers.KEYS.access_key_secret,
    "STAGING_APP_KEY": APP_KEY,
}


@dataclass(frozen=True)
class Ended:
    """What a command said, and what it left."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict:
        (file,) = self.folder.glob("reports/*/report.json")
        return report.load(file)


@pytest.fixture
def acs(tmp_path, monkeypatch, capsys) -> Callable[..., Ended]:
    """`acs-conformance` in this process and an empty folder; nothing that it shows or writes has a secret in it."""
    for name in list(os.environ):
        if name.startswith("ALIBABA_CLOUD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **environ: str) -> Ended:
        for name, value in (ENVIRONMENT | environ).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["acs-conformance", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        files = [file for file in tmp_path.glob("reports/**/*") if file.is_file()]
        written = [file.read_bytes().decode("utf-8", "replace") for file in files]
        for name, secret in (ENVIRONMENT | environ).items():
            if secret and not name.endswith(("_ID", "_PROXY")):
                assert not any(secret in text for text in (shown.out, shown.err, *written)), name
        assert "Traceback" not in shown.err
        assert "defect" not in shown.err
        return Ended(int(ended.value.code or 0), shown.out, shown.err, tmp_path)

    return run


def profile(url, *lines, credentials='{ environment = "STAGING_" }', name="staging"):
    """Write acs-conformance.toml with one profile."""
    table = [f"[targets.{name}]", f'url = "{url}"', f"credentials = {credentials}", *lines]
    Path("acs-conformance.toml").write_text("\n".join(table) + "\n", encoding="utf-8")


def core(*, offset_s=0.0, secrets=None, denied=(), token=None, policy=()):
    """An emulator's core whose clock is off, and which knows what tokens are made with."""
    keys = servers.KEYS
    access = AccessKeys(
        secrets={keys.access_key_id: keys.access_key_secret},
        tokens={keys.access_key_id: token} if token else {},
        denied={keys.access_key_id: frozenset(denied)},
    )
    settings = Settings(access_keys=access, secrets=secrets or {})
    described = spec_folder.load_all()
    return Emulator(
        described, settings=settings, policy=Policy(choices=dict(policy)), clock=lambda: time.time() + offset_s
    )


def behind(emulator, *, date_offset_s=None):
    """A server with an emulator's core in it, which tells its own time in a Date if it has one."""

    def answer(request, _number):
        response = emulator.handle(request)
        if date_offset_s is None:
            return response
        date = ("date", formatdate(time.time() + date_offset_s, usegmt=True))
        return RawResponse(response.status, (*response.headers, date), response.body)

    return servers.serving(answer)


# --- list -------------------------------------------------------------------------------------------------------------


def test_list_shows_each_profile_and_no_secret(acs):
    Path("acs-conformance.toml").write_text(
        '[targets.a]\nurl = "http://127.0.0.1:1"\n[targets.long-name]\nurl = "https://example.com"\n'
        'signature = "v1"\ncredentials = { environment = "STAGING_" }\n',
        encoding="utf-8",
    )
    ended = acs("targets", "list")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "a          http://127.0.0.1:1   v3  chain",
        "long-name  https://example.com  v1  environment STAGING_",
    ]
    Path("acs-conformance.toml").rename("other.toml")
    assert acs("targets", "list", "other.toml").out == ended.out
    missing = acs("targets", "list")
    assert missing.code == 2
    assert "there is no acs-conformance.toml in" in missing.err


# --- check: ready -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v3", "v1"])
def test_a_target_that_holds_is_ready_after_one_request_that_creates_nothing(acs, signature):
    emulator = core()
    with behind(emulator, date_offset_s=0) as server:
        profile(
            server.url,
            f'signature = "{signature}"',
            'bindings = { AppId = "bound-app" }',
            'secrets = { app-key = { environment = "STAGING_APP_KEY" } }',
        )
        ended = acs("targets", "check", "staging")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:3] == [
        "profile: staging in acs-conformance.toml, valid",
        "credentials: the environment: STAGING_ACCESS_KEY_ID and STAGING_ACCESS_KEY_SECRET; long-term",
        "secret app-key: the environment: STAGING_APP_KEY",
    ]
    assert "answer: 400 MissingParameter to StartRtcCloudTranscode without OutputParams" in ended.out
    assert "clock: agrees" in ended.out
    assert ended.out.splitlines()[-1] == "ready: acs-conformance run --profile staging"
    (request,) = server.requests
    sent = dict(decode_query(request.query)[0])
    assert sent["AppId"] == "bound-app"
    assert "OutputParams" not in sent
    assert ("Signature" in sent) == (signature == "v1")
    assert len(emulator.jobs) == 0


def test_temporary_credentials_are_said_to_be(acs):
    with behind(core(token="theSecurityToken01")) as server:
        profile(server.url)
        ended = acs("targets", "check", "staging", STAGING_SECURITY_TOKEN="theSecurityToken01")
    assert ended.code == 0, ended.err
    assert "temporary, with a security token" in ended.out


def test_credentials_of_the_chain_are_named_by_their_place(acs):
    with servers.emulates() as server:
        profile(server.url, credentials="{ chain = true }")
        keys = servers.KEYS
        own = {"ALIBABA_CLOUD_ACCESS_KEY_ID": keys.access_key_id}
        ended = acs("targets", "check", "staging", ALIBABA_CLOUD_ACCESS_KEY_SECRET=keys.access_key_secret, **own)
    assert ended.code == 0, ended.err
    assert "credentials: the environment: ALIBABA_CLOUD_ACCESS_KEY_ID" in ended.out


def test_check_goes_through_proxies_to_an_endpoint_with_tls(acs, tmp_path):
    made = relays.certificate(tmp_path)
    with (
        servers.emulates() as server,
        relays.tls(server.url, made) as url,
        relays.tunnels("user", "passw0rdOfTheProxy") as proxy,
    ):
        profile(url, 'ca_bundle = "authority.pem"', 'proxy = { environment = "STAGING_PROXY" }')
        address = proxy.address.replace("//", "//user:passw0rdOfTheProxy@")
        ended = acs("targets", "check", "staging", STAGING_PROXY=address)
        assert ended.code == 0, ended.err
        refused = acs("targets", "check", "staging", STAGING_PROXY=proxy.address)
    assert refused.code == 3
    assert "error: target staging: proxy: " in refused.err
    assert "407; check the proxy's address, user and password" in refused.err
    assert "passw0rd" not in ended.out + refused.out + refused.err
    assert len(server.requests) == 1


# --- check: in the way ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A server, and the one line that has to be said about it."""

    server: Callable
    about: str
    words: str
    environ: dict = None
    lines: tuple = ()
    #: Whether a run ends at its first valid request with the same words.
    stops_a_run: bool = True


def _gateway(status, code):
    return lambda: servers.serving(lambda *_: servers.refusal(status, code))


PAGE = b"<html><head><title>\n Blocked &amp;\n logged </title></head></html>"
TROUBLE = {
    "wrong secret": Trouble(
        servers.emulates, "secret", "not that of the access key", {"STAGING_ACCESS_KEY_SECRET": "anotherSecret00"}
    ),
    "wrong secret, older scheme": Trouble(
        servers.emulates,
        "secret",
        "not that of the access key",
        {"STAGING_ACCESS_KEY_SECRET": "anotherSecret00"},
        ('signature = "v1"',),
    ),
    "unknown key": Trouble(servers.emulates, "access key", "does not know", {"STAGING_ACCESS_KEY_ID": "nobody"}),
    "token that is missing": Trouble(lambda: behind(core(token="theSecurityToken01")), "token", "missing"),
    "clock behind": Trouble(
        lambda: behind(core(offset_s=1200), date_offset_s=1200), "clock", r"our clock is (1199|1200) s behind"
    ),
    "clock ahead": Trouble(
        lambda: behind(core(offset_s=-1200), date_offset_s=-1200), "clock", r"our clock is (1200|1201) s ahead of"
    ),
    "clock without a date": Trouble(lambda: behind(core(offset_s=1200)), "clock", "no Date to compare"),
    "clock of another machine": Trouble(
        lambda: behind(core(offset_s=1200), date_offset_s=0), "clock", "our clocks agree, so it goes by another one"
    ),
    "no permission": Trouble(
        lambda: behind(core(denied=["StartRtcCloudTranscode"])), "permission", "owner of the access key"
    ),
    "unknown identifiers": Trouble(
        servers.finds_nothing, "identifiers", "does not know AppId 'bound-app' or ChannelId 'acs-conformance-channel'"
    ),
    "forbidden identifiers": Trouble(servers.forbids_everything, "identifiers", "or not for this caller; bindings of"),
    "throttled": Trouble(servers.throttles_for_ever, "throttling", "come back later"),
    "another product": Trouble(_gateway(404, "InvalidProduct.NotFound"), "endpoint", "another product"),
    "another version": Trouble(_gateway(400, "InvalidVersion"), "endpoint", "another product"),
    "unknown operation": Trouble(_gateway(404, "InvalidAction.NotFound"), "endpoint", "does not know this operation"),
    "wants TLS": Trouble(_gateway(404, "InvalidProtocol.NeedSsl"), "endpoint", "write the address with https"),
    "wants the other scheme": Trouble(_gateway(400, "InvalidSignatureMethod"), "signature", "the other scheme"),
    "another API": Trouble(lambda: servers.always(404, {"message": "no Route"}), "endpoint", "no endpoint"),
    "a server for files": Trouble(
        lambda: servers.always(404, b"404 page not found", content_type="text/plain"), "endpoint", "no endpoint"
    ),
    "codes of another API": Trouble(_gateway(400, "BadThing"), "endpoint", "documents no such", stops_a_run=False),
    "200 of another API": Trouble(
        lambda: servers.always(200, {"status": "ok"}), "endpoint", "documents no such", stops_a_run=False
    ),
    "page": Trouble(servers.shows_a_page, "page", "with the title 'Sign in'"),
    "page that blocks": Trouble(
        lambda: servers.always(403, PAGE, content_type="text/html"), "page", "with the title 'Blocked & logged'"
    ),
    "page without a title": Trouble(
        lambda: servers.always(200, b"<p>Hm", content_type="text/html"), "page", "a page for people, as proxies"
    ),
    "page of a proxy without its target": Trouble(
        lambda: servers.always(502, PAGE, content_type="text/html"), "page", "no API was reached", stops_a_run=False
    ),
    "proxy that wants a password": Trouble(lambda: servers.always(407, b""), "proxy", "wants a user and password"),
    "redirect": Trouble(
        lambda: servers.sends_elsewhere("https://login.example.com/?q=1"), "endpoint", "login.example.com;"
    ),
    "fails": Trouble(servers.fails_always, "target", "fails by itself", stops_a_run=False),
    "hangs up": Trouble(servers.hangs_up, "connection", "closed", stops_a_run=False),
    "no HTTP": Trouble(servers.speaks_no_http, "connection", "begin with https://", stops_a_run=False),
    "silence": Trouble(
        servers.is_silent, "connection", "no answer in time", None, ("timeouts = { answer = 0.3 }",), stops_a_run=False
    ),
    "accepts everything": Trouble(servers.accepts_everything, "contract", "without OutputParams", stops_a_run=False),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_what_is_in_the_way_is_told_in_one_line(acs, name):
    trouble = TROUBLE[name]
    with trouble.server() as server:
        profile(server.url, 'bindings = { AppId = "bound-app" }', *trouble.lines)
        ended = acs("targets", "check", "staging", **(trouble.environ or {}))
    assert ended.code == 3, ended.out + ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith(f"error: target staging: {trouble.about}: ")
    assert re.search(trouble.words, line)
    assert "ready" not in ended.out
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", [name for name, trouble in TROUBLE.items() if trouble.stops_a_run])
def test_a_run_ends_at_its_first_valid_request_with_the_same_words(acs, name):
    trouble = TROUBLE[name]
    with trouble.server() as server:
        profile(server.url, 'bindings = { AppId = "bound-app" }', *trouble.lines)
        ended = acs("run", "--profile", "staging", "--no-self-check", "--depth", "quick", **(trouble.environ or {}))
    assert ended.code == 3, ended.out + ended.err
    found = ended.report
    assert found["findings"] == []
    assert found["run"]["diagnosis"] in ended.out
    assert re.search(trouble.words, found["run"]["diagnosis"])
    assert "the plain valid request was answered" in found["run"]["diagnosis"]
    assert len(server.requests) <= 5
    named = {"option": "--profile staging", "profile": "staging"}
    assert found["target"] == {"url": server.url, "kind": "staging", **named}


@pytest.mark.parametrize("name", ["wrong secret", "unknown key", "token that is missing"])
def test_a_run_of_the_gateway_ends_with_the_same_words(acs, name):
    trouble = TROUBLE[name]
    with trouble.server() as server:
        profile(server.url, *trouble.lines)
        ended = acs("run", "gateway", "--profile", "staging", "--no-self-check", **(trouble.environ or {}))
    assert ended.code == 3, ended.out + ended.err
    assert ended.report["findings"] == []
    assert re.search(trouble.words, ended.report["run"]["diagnosis"])
    assert ended.report["run"]["diagnosis"] in ended.out
    assert ended.report["run"]["counts"]["fail"] == 0
    assert len(server.requests) <= 3


def test_nobody_there_and_no_such_host(acs):
    with servers.nobody() as url:
        profile(url)
        ended = acs("targets", "check", "staging")
    assert ended.code == 3
    assert "error: target staging: connection: no connection" in ended.err
    assert "is the target running" in ended.err
    profile("http://no-such-host.invalid:8080")
    ended = acs("targets", "check", "staging")
    assert ended.code == 3
    assert "host: no-such-host.invalid does not resolve" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_tls_that_fails_is_told_with_what_to_do(acs, tmp_path):
    made = relays.certificate(tmp_path)
    with servers.emulates() as server, relays.tls(server.url, made) as url:
        profile(url)
        ended = acs("targets", "check", "staging")
        assert ended.code == 3
        assert "connection: TLS failed: certificate verify failed: self-signed certificate; ca_bundle" in ended.err
        profile(server.url.replace("http:", "https:"))
        ended = acs("targets", "check", "staging")
        assert ended.code == 3
        assert "should the address begin with http://?" in ended.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("addresses", "days", "words"),
    [(["127.0.0.2"], 30, "another host's; check the address"), (["127.0.0.1"], -1, "has to be renewed")],
)
def test_a_certificate_that_does_not_hold_is_told_with_what_to_do(acs, tmp_path, addresses, days, words):
    made = relays.certificate(tmp_path, *addresses, days=days)
    with servers.emulates() as server, relays.tls(server.url, made) as url:
        profile(url, 'ca_bundle = "authority.pem"')
        checked = acs("targets", "check", "staging")
        ended = acs("run", "--profile", "staging", "--no-self-check")
    assert (checked.code, ended.code) == (3, 3)
    assert words in checked.err
    assert words in ended.err


def test_a_clock_that_is_off_by_less_is_mentioned(acs):
    with behind(core(), date_offset_s=-300) as server:
        profile(server.url)
        ended = acs("targets", "check", "staging")
    assert ended.code == 0, ended.err
    assert re.search(r"clock: ours is (299|300|301) s ahead of the target's", ended.out)


# --- check: the profile is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["pace = 0"], "acs-conformance.toml:4: at targets.staging.pace"),
        (['bindings = { Nothing = "x" }'], "acs-conformance.toml:4: at targets.staging.bindings.Nothing"),
        (['secrets = { app-key = { environment = "NOT_SET" } }'], "the variable NOT_SET is not set"),
        (['ca_bundle = "no.pem"'], "acs-conformance.toml:4: at targets.staging.ca_bundle: no.pem can't be read"),
        (['proxy = "http://a/b"'], "acs-conformance.toml:4: at targets.staging.proxy: is no address of an HTTP proxy"),
        (['proxy = "http://192.0.2.1:3128"'], "at targets.staging.proxy: is not on this machine"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_profile_that_is_wrong_is_told_with_its_line_and_nothing_is_sent(acs, command, lines, words):
    with servers.emulates() as server:
        profile(server.url, *lines)
        ended = acs("targets", "check", "staging") if command == "check" else acs("run", "--profile", "staging")
    assert ended.code == 2
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert server.connections == 0


def test_all_that_a_profile_refers_to_and_is_not_there_is_told_at_once(acs):
    profile(
        "http://127.0.0.1:1",
        'ca_bundle = "no.pem"',
        'proxy = { environment = "NO_PROXY_HERE" }',
        'secrets = { app-key = { environment = "NOT_SET" } }',
        'operations = ["Nothing"]',
    )
    for arguments in (("targets", "check", "staging"), ("run", "--profile", "staging")):
        ended = acs(*arguments, STAGING_ACCESS_KEY_SECRET="")
        assert (ended.code, ended.out) == (2, "")
        if arguments[0] == "run":
            assert "operation is called 'Nothing'" in ended.err
            file = Path("acs-conformance.toml")
            file.write_text(file.read_text(encoding="utf-8").replace('"Nothing"', '"gateway"'), encoding="utf-8")
            ended = acs(*arguments, STAGING_ACCESS_KEY_SECRET="")
        else:
            assert "operation is called 'Nothing'" in ended.err
        for words in ("no.pem can't be read", "NO_PROXY_HERE is not set", "NOT_SET is not set", "SECRET not set"):
            assert words in ended.err


def test_without_a_file_all_commands_say_the_same(acs):
    said = [
        acs(*arguments).err for arguments in (("targets", "list"), ("targets", "check", "a"), ("run", "--profile", "a"))
    ]
    where = f"error: there is no acs-conformance.toml in {Path.cwd()}"
    how = ". Write one as docs/targets.md shows, or give the path of another file\n"
    assert said == [f"{where}{how}", *[f"{where} to look up the profile 'a' in{how}"] * 2]


def test_credentials_that_are_not_there_are_told(acs):
    profile("http://127.0.0.1:1")
    ended = acs("targets", "check", "staging", STAGING_ACCESS_KEY_SECRET="")
    assert ended.code == 2
    assert "acs-conformance.toml:3: at targets.staging.credentials" in ended.err
    assert "STAGING_ACCESS_KEY_SECRET not set" in ended.err


@pytest.mark.parametrize("arguments", [("targets", "check", "staging"), ("run", "--profile", "staging")])
@pytest.mark.parametrize("url", ["http://192.0.2.1", "https://198.51.100.7:8443", "http://0.0.0.0:8080"])
def test_an_address_elsewhere_is_refused_with_the_reason_and_not_contacted(acs, monkeypatch, arguments, url):
    def connect(_self, address):
        raise AssertionError(f"{address} was contacted")

    profile(url)
    monkeypatch.setattr(socket.socket, "connect", connect)
    ended = acs(*arguments)
    assert ended.code == 2
    assert f"acs-conformance.toml:2: at targets.staging.url: {url!r} is not on this machine" in ended.err
    assert "cost money" in ended.err
    assert not Path("reports").exists()


def test_the_example_of_production_is_read_and_refused(acs, monkeypatch):
    def connect(_self, address):
        raise AssertionError(f"{address} was contacted")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("203.0.113.9", 0))])
    monkeypatch.setattr(socket.socket, "connect", connect)
    keys = {"name": "conformance", "mode": "AK", "access_key_id": "id", "access_key_secret": "s3cretOfNobody"}
    Path(".aliyun").mkdir()
    Path(".aliyun/config.json").write_text(json.dumps({"current": "other", "profiles": [keys]}), encoding="utf-8")
    ended = acs("targets", "check", servers.ROOT / "examples/profiles/singapore.toml", CONFORMANCE_APP_KEY=APP_KEY)
    assert ended.code == 2
    assert "profile 'conformance' in" in ended.out
    assert (
        "singapore.toml:9: at targets.singapore.url: 'https://live.ap-southeast-1.aliyuncs.com' is not on" in ended.err
    )


def test_the_example_of_staging_can_be_used(acs):
    text = (servers.ROOT / "examples/profiles/staging.toml").read_text(encoding="utf-8")
    with servers.emulates() as server:
        Path("staging.toml").write_text(text.replace("http://127.0.0.1:8080", server.url), encoding="utf-8")
        ended = acs("targets", "check", "staging.toml")
    assert ended.code == 0, ended.err
    assert len(server.requests) == 1


# --- run --profile ----------------------------------------------------------------------------------------------------


def quick(acs, *arguments, **environ):
    return acs("run", "--profile", "staging", "--no-self-check", *arguments, **environ)


def test_a_run_takes_everything_from_the_profile(acs):
    with servers.emulates() as server:
        profile(
            server.url,
            'depth = "quick"',
            'signature = "v1"',
            'operations = ["StartRtcCloudTranscode"]',
            'bindings = { AppId = "bound-app", ChannelId = "bound-channel" }',
            'secrets = { app-key = { environment = "STAGING_APP_KEY" } }',
        )
        ended = quick(acs)
        sent = len(server.requests)
        again = ended.report["run"]
        other = acs("run", "gateway", "--profile", "staging", "--no-self-check", "--signature", "v3")
    assert (ended.code, other.code) == (0, 0), ended.out + other.out
    assert again["depth"] == "quick"
    assert [each["operation"] for each in report_of(ended, 0)["descriptions"]] == ["StartRtcCloudTranscode"]
    assert [each["operation"] for each in report_of(ended, 1)["descriptions"]] == ["gateway"]
    assert all("SignatureMethod=HMAC-SHA1" in request.query for request in server.requests[:sent])
    texts = [request.query for request in server.requests[:sent]]
    assert sum("AppId=bound-app&" in text for text in texts) > 0.8 * sent
    assert not any("acs-conformance-app" in text for text in texts)
    assert not any("acs-conformance-channel" in text for text in texts)
    assert Path(next(Path("reports").iterdir())).name.endswith("-staging")


def report_of(ended, index):
    """The report of one of several runs, in their order."""
    return report.load(sorted(ended.folder.glob("reports/*/report.json"))[index])


def test_a_finding_is_replayed_through_the_profile(acs):
    with servers.accepts_everything() as server:
        profile(server.url)
        ended = quick(acs, "--depth", "quick")
    assert ended.code == 1
    replays = {finding["again"] for finding in ended.report["findings"]}
    assert replays
    assert all(line.startswith("acs-conformance run --profile staging --depth quick") for line in replays)


@pytest.mark.parametrize(("app_key", "code"), [(APP_KEY, 0), ("another4ppKeyOfNobody", 3)])
def test_tokens_are_made_with_the_secret_that_the_profile_refers_to(acs, app_key, code):
    settled = {"OutputParams[].UserToken.invalid": "refused"}
    with behind(core(secrets={"app-key": app_key}, policy=settled)) as server:
        profile(server.url, 'secrets = { app-key = { environment = "STAGING_APP_KEY" } }')
        ended = quick(acs, "--depth", "quick", "StartRtcCloudTranscode")
    assert (ended.code == 0) == (app_key == APP_KEY), ended.out
    assert bool(ended.report["findings"]) == (app_key != APP_KEY)


def test_no_record_has_a_secret_that_an_answer_repeats(acs):
    """The fixture looks through everything that is shown and written."""

    def tells(request, _number):
        told = f"{APP_KEY} {servers.KEYS.access_key_secret} {dict(request.headers)['proxy-authorization']}."
        return RawResponse(400, (("content-type", servers.JSON), ("x-told", told)), error(told))

    def error(told):
        return json.dumps(servers.error("InvalidParameter", told)).encode()

    with servers.serving(tells) as server:
        profile(
            server.url,
            'proxy = { environment = "STAGING_PROXY" }',
            'secrets = { app-key = { environment = "STAGING_APP_KEY" } }',
        )
        address = server.url.replace("//", "//user:passw0rdOfTheProxy@")
        packed = base64.b64encode(b"user:passw0rdOfTheProxy").decode()
        ended = quick(acs, "--depth", "quick", STAGING_PROXY=address, PACKED=packed)
    assert ended.code == 1
    answer = ended.report["exchanges"][0]["response"]
    assert json.loads(answer["body"])["Message"].replace("=", "") == "*** *** Basic ***."


def test_a_dry_run_needs_neither_secrets_nor_a_target(acs):
    profile(
        "https://198.51.100.7", 'bindings = { AppId = "bound-app" }', 'secrets = { app-key = { environment = "NO" } }'
    )
    ended = quick(acs, "--dry-run", "--depth", "quick")
    assert ended.code == 0, ended.err
    assert "AppId=bound-app&" in ended.out


def test_the_pace_holds_for_all_that_a_run_sends(acs):
    with servers.fails_every(4) as server:
        profile(server.url, "pace = 40")
        ended = quick(acs, "--depth", "quick", "--max-requests", "24")
    times = [exchange["sent_at"] for exchange in ended.report["exchanges"]]
    assert len(times) == len(server.requests) >= 24
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.024  # 25 ms, but for another clock's steps


def test_the_time_for_an_answer_is_the_profiles(acs):
    with servers.is_silent() as server:
        profile(server.url, "timeouts = { answer = 0.2 }")
        ended = quick(acs, "--depth", "quick")
    assert ended.code == 3
    assert {exchange["failure"] for exchange in ended.report["exchanges"]} <= {
        "no answer in time",
        "the answer was not complete after 0.2 s",
    }


def test_profile_and_target_exclude_each_other(acs):
    profile("http://127.0.0.1:1")
    ended = quick(acs, "--target", "http://127.0.0.1:1")
    assert ended.code == 2
    assert "--target and --profile" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "stagin"), "Did you mean staging"),
        (("--profile", "no.toml"), "no.toml: can't be read"),
        (("--profile", "staging", "--allow-inconclusive", "*.nothing"), "no requirement is called '*.nothing'"),
    ],
)
def test_what_does_not_exist_is_told(acs, arguments, words):
    profile("http://127.0.0.1:1")
    ended = acs("run", *arguments)
    assert ended.code == 2
    assert words in ended.err


# --- what may stay undecided ------------------------------------------------------------------------------------------

AVAILABILITY = "StartRtcCloudTranscode.availability"


@pytest.mark.parametrize(
    ("lines", "options", "code"),
    [
        ([], [], 3),
        ([], ["--allow-inconclusive", "*.availability"], 0),
        ([], ["--allow-inconclusive", "*.AppId.*", "--allow-inconclusive", AVAILABILITY], 0),
        (['may_stay_inconclusive = ["StartRtcCloudTranscode.avail*"]'], [], 0),
        (['may_stay_inconclusive = ["StartRtcCloudTranscode.AppId"]'], [], 3),
    ],
)
def test_what_may_stay_undecided_does_not_cause_exit_code_3(acs, lines, options, code):
    with servers.fails_once(60) as server:
        profile(server.url, *lines)
        ended = quick(acs, "StartRtcCloudTranscode", "--depth", "quick", *options)
    verdicts = {row["id"]: row["verdict"] for row in ended.report["requirements"]}
    assert verdicts[AVAILABILITY] == "inconclusive"
    assert ended.code == ended.report["run"]["exit_code"] == code, ended.out
    assert ("1 requirements stayed undecided, as they may" in ended.out) == (code == 0)


def test_nothing_makes_a_failure_or_a_run_without_a_pass_green(acs):
    with servers.accepts_everything() as server:
        profile(server.url, 'may_stay_inconclusive = ["*"]')
        assert quick(acs, "--depth", "quick").code == 1
    with servers.throttles_for_ever() as server:
        profile(server.url, 'may_stay_inconclusive = ["*"]')
        ended = quick(acs, "--depth", "quick", "--only", "*.AppId.*", "StartRtcCloudTranscode")
        assert ended.code == 3, ended.out


# --- pytest -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_pytest_takes_a_profile(tmp_path, workers):
    file = tmp_path / "profiles.toml"
    with servers.fails_once(60) as server:
        file.write_text(
            f'[targets.staging]\nurl = "{server.url}"\ndepth = "quick"\noperations = ["StartRtcCloudTranscode"]\n'
            'may_stay_inconclusive = ["*.availability", "*.AppId.*"]\nbindings = { AppId = "bound-app" }\n',
            encoding="utf-8",
        )
        ended = servers.pytest_suites(tmp_path, "--acs-profile", file, *workers)
    assert ended.code == 0, ended.out
    assert ended.verdicts[AVAILABILITY] == "inconclusive"
    assert "1 skipped" in re.sub(r"\d+ (?=skipped)", "1 ", ended.out)
    assert any("AppId=bound-app&" in request.query for request in server.requests)
    assert ended.report["target"]["kind"] == "staging"


def test_pytest_that_only_tolerates_is_not_green(tmp_path):
    file = tmp_path / "profiles.toml"
    with servers.forbids_everything() as server:
        file.write_text(
            f'[targets.staging]\nurl = "{server.url}"\ndepth = "quick"\nmay_stay_inconclusive = ["*"]\n',
            encoding="utf-8",
        )
        ended = servers.pytest_suites(
            tmp_path, "--acs-profile", file, "--acs-operation", "StartRtcCloudTranscode", "-k", "AppId"
        )
    assert ended.code == 3, ended.out


def test_pytest_tells_a_broken_profile(tmp_path):
    file = tmp_path / "profiles.toml"
    file.write_text('[targets.staging]\nurl = "http://127.0.0.1:1"\npace = 0\n', encoding="utf-8")
    ended = servers.pytest_suites(tmp_path, "--acs-profile", file)
    assert ended.code == 2
    assert "at targets.staging.pace: is not more than 0" in ended.err + ended.out
