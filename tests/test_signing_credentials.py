"""Credentials: what they may be, where they come from, and that nothing shows them."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pickle
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator

import pytest

from acs_conformance import target
from acs_conformance.errors import CredentialsError
from acs_conformance.message import RawRequest
from acs_conformance.signing import Acs3HmacSha256, Credentials, v1, v3
from signers import HOST, NONCE, NOW, TEMPORARY, authorization_of

with warnings.catch_warnings():
    # The library below is old code; on some versions of Python its import warns.
    warnings.simplefilter("ignore")
    import alibabacloud_credentials.provider  # noqa: F401

NAMED = {"action": "a", "version": "v", "now": NOW, "nonce": NONCE}

# --- what they may be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["query", "body"])
def test_no_repr_shows_a_secret_a_token_or_a_signature(place):
    auth = Acs3HmacSha256(TEMPORARY, action="a", version="v")
    new = v3.sign(RawRequest("POST", "/"), TEMPORARY, host=HOST, **NAMED)
    old = v1.sign(RawRequest("POST", "/"), TEMPORARY, place=place, **NAMED)
    chosen = target.Target(url="http://127.0.0.1", kind="given URL", credentials=TEMPORARY)
    signatures = [authorization_of(new).signature, v1.sent_signature(old)]
    holders = [TEMPORARY, pickle.loads(pickle.dumps(TEMPORARY)), auth, authorization_of(new), new, old, chosen]  # noqa: S301
    shown = f"{holders!r} {' '.join(map(str, holders[:3]))}"
    assert TEMPORARY.access_key_id in shown
    for secret in (TEMPORARY.access_key_secret, TEMPORARY.security_token, *signatures):
        for form in (secret, v1.percent_encode(secret)):
            assert form not in shown


ENVIRONMENT = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s3cret"}


@pytest.mark.parametrize(
    ("token", "expected"),
    [({}, None), ({"ALIBABA_CLOUD_SECURITY_TOKEN": ""}, None), ({"ALIBABA_CLOUD_SECURITY_TOKEN": "t"}, "t")],
)
def test_the_environment_gives_a_pair_and_perhaps_a_token(token, expected):
    assert Credentials.from_environment(ENVIRONMENT | token | {"HOME": "/"}) == Credentials(
        access_key_id="id", access_key_secret="s3cret", security_token=expected
    )


@pytest.mark.parametrize(
    "left_out", [{name} for name in ENVIRONMENT] + [set(ENVIRONMENT)], ids=lambda names: str(len(names))
)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "unset"])
def test_absent_variables_are_named(left_out, empty):
    environ = {name: value for name, value in ENVIRONMENT.items() if name not in left_out}
    environ |= dict.fromkeys(left_out, "") if empty else {}
    with pytest.raises(CredentialsError) as caught:
        Credentials.from_environment(environ)
    complaint = str(caught.value).partition("not set")[0]
    assert {name for name in ENVIRONMENT if name in complaint} == left_out
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "position"),
    [
        ("access_key_id", "id,x", "3 of 4"),
        ("access_key_id", "i d", "2 of 3"),
        ("access_key_secret", "s3cret\n", "7 of 7"),
        ("access_key_secret", "\ufeffs3cret", "1 of 7"),
        ("security_token", "tok\x00n", "4 of 5"),
        ("security_token", "", "empty"),
        ("access_key_secret", "", "empty"),
        ("access_key_id", "", "empty"),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_position_without_being_quoted(name, value, position):
    fields = {"access_key_id": "id", "access_key_secret": "s", "security_token": "t"} | {name: value}
    with pytest.raises(CredentialsError) as caught:
        Credentials(**fields)
    assert name in str(caught.value)
    assert position in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_unusable_value_in_the_environment_is_not_quoted_either():
    with pytest.raises(CredentialsError, match=r"ALIBABA_CLOUD_ACCESS_KEY_SECRET.*: access_key_secret has") as caught:
        Credentials.from_environment(ENVIRONMENT | {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s3cret\n"})
    assert "s3cret" not in str(caught.value)


def test_a_secret_and_a_token_may_contain_commas():
    assert Credentials(access_key_id="id", access_key_secret="a,b", security_token="c,d").access_key_secret == "a,b"


# --- where they come from ------------------------------------------------------------------------------------------

SECRET = "Pr0fileS3cret"
PROFILES = {
    "current": "main",
    "profiles": [
        {"name": "main", "mode": "AK", "access_key_id": "configId", "access_key_secret": SECRET},
        {
            "name": "temporary",
            "mode": "StsToken",
            "access_key_id": "STS.id",
            "access_key_secret": SECRET,
            "sts_token": "CAIS+t0ken/=",
        },
        {"name": "blank", "mode": "AK", "access_key_id": "configId", "access_key_secret": f"{SECRET} x"},
        {"name": "strange", "mode": f"unheard of {SECRET}"},
    ],
}
INI = f"""\
[default]
enable = true
type = access_key
access_key_id = iniId
access_key_secret = {SECRET}

[other]
type = access_key
access_key_id = otherId
access_key_secret = {SECRET}
"""
FROM_CONFIG = Credentials(access_key_id="configId", access_key_secret=SECRET)
FROM_INI = Credentials(access_key_id="iniId", access_key_secret=SECRET)

_connections: list[object] | None = None


def _refuse_connections(event: str, arguments: tuple) -> None:
    if _connections is not None and event in {"socket.connect", "socket.getaddrinfo"}:
        _connections.append(arguments[-1] if event == "socket.connect" else arguments[0])
        raise OSError("no network in this test")


sys.addaudithook(_refuse_connections)


@contextlib.contextmanager
def no_network() -> Iterator[list[object]]:
    """Refuses connections and look-ups of names, and tells whither they would have gone."""
    global _connections
    _connections = []
    try:
        yield _connections
    finally:
        _connections = None


@pytest.fixture
def home(tmp_path):
    """An empty home, and a function that writes into it."""

    def write(name: str, content: str) -> dict[str, str]:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
        return {"HOME": str(tmp_path)}

    return write


@pytest.fixture
def config(home):
    return home(".aliyun/config.json", json.dumps(PROFILES))


@pytest.fixture
def ini(home):
    return home(".alibabacloud/credentials.ini", INI)


def test_without_anything_every_place_is_named_and_no_network_is_used(tmp_path):
    with no_network() as connections, pytest.raises(CredentialsError) as caught:
        Credentials.from_chain({"HOME": str(tmp_path)})
    assert connections == []
    for name in (
        *ENVIRONMENT,
        "ALIBABA_CLOUD_ROLE_ARN",
        str(tmp_path / ".aliyun/config.json"),
        str(tmp_path / ".alibabacloud/credentials.ini"),
        "ALIBABA_CLOUD_ECS_METADATA",
        "ALIBABA_CLOUD_CREDENTIALS_URI",
    ):
        assert name in str(caught.value)


def test_the_environment_comes_first(config):
    assert Credentials.from_chain(config | ENVIRONMENT) == Credentials.from_environment(ENVIRONMENT)


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_half_a_pair_is_an_error_and_no_reason_to_look_elsewhere(config, variable):
    with pytest.raises(CredentialsError, match="The environment holds no credentials"):
        Credentials.from_chain(config | {variable: ENVIRONMENT[variable]})


def test_the_profile_of_the_command_line_comes_before_the_one_in_credentials_ini(config, ini):
    assert Credentials.from_chain(config) == FROM_CONFIG
    assert Credentials.from_chain(config | {"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true"}) == FROM_INI


def test_a_profile_with_a_security_token(config):
    assert Credentials.from_chain(config | {"ALIBABA_CLOUD_PROFILE": "temporary"}) == Credentials(
        access_key_id="STS.id", access_key_secret=SECRET, security_token="CAIS+t0ken/="
    )


def test_a_profile_of_credentials_ini_by_name_or_in_a_file_named(ini, tmp_path):
    assert Credentials.from_chain(ini) == FROM_INI
    assert Credentials.from_chain(ini | {"ALIBABA_CLOUD_PROFILE": "other"}).access_key_id == "otherId"
    elsewhere = {"HOME": "/nowhere", "ALIBABA_CLOUD_CREDENTIALS_FILE": str(tmp_path / ".alibabacloud/credentials.ini")}
    assert Credentials.from_chain(elsewhere) == FROM_INI


@pytest.mark.parametrize(
    ("name", "content", "profile", "said"),
    [
        (".aliyun/config.json", f'{{"{SECRET}', None, "no usable credentials"),
        (".aliyun/config.json", f'["{SECRET}"]', None, "no usable credentials"),
        (".aliyun/config.json", json.dumps(PROFILES), "absent", "no usable credentials"),
        (".aliyun/config.json", json.dumps(PROFILES), "strange", "no usable credentials"),
        (".aliyun/config.json", json.dumps(PROFILES), "blank", "access_key_secret has a character"),
        (".alibabacloud/credentials.ini", f"access_key_secret = {SECRET}", None, "no usable credentials"),
        (".alibabacloud/credentials.ini", INI.replace(SECRET, f"%{SECRET}"), None, "no usable credentials"),
        (".alibabacloud/credentials.ini", INI.replace("access_key\n", f"{SECRET}\n"), None, "no usable credentials"),
        (".alibabacloud/credentials.ini", INI, "absent", "no usable credentials"),
    ],
)
def test_a_profile_that_can_not_be_used_is_told_without_quoting_it(home, capfd, name, content, profile, said):
    environ = home(name, content) | ({"ALIBABA_CLOUD_PROFILE": profile} if profile else {})
    with pytest.raises(CredentialsError) as caught:
        Credentials.from_chain(environ)
    (line,) = [line for line in str(caught.value).splitlines() if name in line]
    assert said in line
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())


def test_a_broken_profile_does_not_hide_a_later_place(home, ini):
    assert Credentials.from_chain(home(".aliyun/config.json", "{")) == FROM_INI


@pytest.mark.parametrize(
    ("asked", "host"),
    [
        ({"ALIBABA_CLOUD_ECS_METADATA": "my-role"}, "100.100.100.200"),
        (
            {
                "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/r",
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/p",
                "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "token",
            },
            "sts.aliyuncs.com",
        ),
    ],
    ids=["ecs", "oidc"],
)
def test_a_service_is_asked_if_the_environment_says_so(tmp_path, monkeypatch, capfd, asked, host):
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    (tmp_path / "token").write_text("s3cret", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with no_network() as connections, pytest.raises(CredentialsError, match="no usable credentials"):
        Credentials.from_chain({"HOME": str(tmp_path)} | asked)
    assert host in {address[0] if isinstance(address, tuple) else address for address in connections}
    assert "s3cret" not in "".join(capfd.readouterr())


def test_ecs_is_not_asked_where_that_is_switched_off(tmp_path):
    environ = {"ALIBABA_CLOUD_ECS_METADATA": "my-role", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    with no_network() as connections, pytest.raises(CredentialsError, match="METADATA_DISABLED is true"):
        Credentials.from_chain({"HOME": str(tmp_path)} | environ)
    assert connections == []


@contextlib.contextmanager
def handing_out(answer: dict[str, str]) -> Iterator[str]:
    """The address of a server that answers everything with this JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/credentials"
        server.shutdown()
        thread.join()


HANDED_OUT = {"AccessKeyId": "STS.u", "AccessKeySecret": SECRET, "SecurityToken": "t0ken", "Code": "Success"}


def test_an_address_hands_out_temporary_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with handing_out(HANDED_OUT | {"Expiration": "2099-01-01T00:00:00Z"}) as uri:
        found = Credentials.from_chain({"HOME": str(tmp_path), "ALIBABA_CLOUD_CREDENTIALS_URI": uri})
    assert found == Credentials(access_key_id="STS.u", access_key_secret=SECRET, security_token="t0ken")


def test_an_answer_that_can_not_be_used_is_quoted_nowhere(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with handing_out(HANDED_OUT) as uri, pytest.raises(CredentialsError) as caught:
        Credentials.from_chain({"HOME": str(tmp_path), "ALIBABA_CLOUD_CREDENTIALS_URI": f"{uri}?key={SECRET}"})
    assert "an address that hands out credentials: no usable credentials" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())
    assert caplog.records == []


def test_the_official_library_is_not_loaded_before_it_is_needed():
    code = (
        "import os, sys; from acs_conformance.signing import Credentials; "
        "Credentials.from_chain(os.environ); print('alibabacloud_credentials' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    assert told.stdout.strip() == "False", told.stderr


# --- the target's --------------------------------------------------------------------------------------------------


def test_a_target_is_signed_for_by_the_environment_or_else_by_a_profile(config):
    url = "http://127.0.0.1:8080"
    assert target.from_url(url, config | ENVIRONMENT).credentials.access_key_id == "id"
    assert target.from_url(url, config).credentials == FROM_CONFIG


def test_a_target_without_credentials_is_wrong_usage(tmp_path):
    with pytest.raises(CredentialsError, match="Looked at"):
        target.from_url("http://127.0.0.1:8080", {"HOME": str(tmp_path)})
