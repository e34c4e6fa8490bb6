"""Profiles: what a file may say, and what is told of one that says something else. No complaint quotes a value."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from acs_conformance import profile, profile_file, spec_folder, toml_source
from acs_conformance.errors import CredentialsError, ProfileError, SelectionError, UsageError
from acs_conformance.pace import Pace

ROOT = Path(__file__).parent.parent
DESCRIBED = [spec_folder.load(name) for name in spec_folder.names()]
URL = 'url = "http://127.0.0.1:8080"\n'
#: Of the form of an AccessKey secret; no account's.
SECRET = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0"


def written(tmp_path, table, name="staging", file="acs-conformance.toml"):
    """The path of a file with one profile whose table has these lines."""
    path = tmp_path / file
    path.write_text(f"[targets.{name}]\n{table}", encoding="utf-8")
    return path


def loaded(tmp_path, table):
    written(tmp_path, table)
    return profile.load("staging", tmp_path)


def complaint(tmp_path, table) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        loaded(tmp_path, table)
    assert str(caught.value).startswith(f"{tmp_path / 'acs-conformance.toml'}:")
    return caught.value


# --- what it may say --------------------------------------------------------------------------------------------------


def test_everything_that_a_profile_can_say_is_read(tmp_path):
    (tmp_path / "ca.pem").touch()
    found = loaded(
        tmp_path,
        """
url = "https://127.0.0.1:8443"
signature = "v1"
credentials = { environment = "STAGING_" }
bindings = { AppId = "our-app", ChannelId = "our-channel" }
secrets = { app-key = { environment = "STAGING_APP_KEY" } }
pace = 0.5
timeouts = { connect = 1, answer = 2.5 }
proxy = "http://127.0.0.1:3128"
ca_bundle = "ca.pem"
may_stay_inconclusive = ["*.availability"]
operations = ["gateway"]
depth = "quick"
""",
    )
    assert (found.name, found.url, found.signature, found.depth) == ("staging", "https://127.0.0.1:8443", "v1", "quick")
    assert found.credentials_in == ("environment", "STAGING_")
    assert found.bindings == {"AppId": "our-app", "ChannelId": "our-channel"}
    assert found.secret_variables == {"app-key": "STAGING_APP_KEY"}
    assert (found.pace, found.route.connect_s, found.route.answer_s) == (0.5, 1, 2.5)
    assert (found.route.proxy, found.route.ca_bundle) == ("http://127.0.0.1:3128", tmp_path / "ca.pem")
    assert (found.may_stay_inconclusive, found.operations) == (("*.availability",), ("gateway",))
    found.check_against(DESCRIBED)


def test_an_address_is_enough(tmp_path):
    found = loaded(tmp_path, URL)
    assert found.credentials_in == ("chain", "")
    assert (found.pace, found.proxy({}), found.secrets({}), found.depth, found.signature) == (
        None,
        None,
        {},
        None,
        None,
    )


def test_the_schema_is_one_and_its_own_examples_fit_it():
    schema = profile_file.schema()
    Draft202012Validator.check_schema(schema)
    table = {
        name: part["examples"][0]
        for name, part in schema["$defs"]["profile"]["properties"].items()
        if "examples" in part
    }
    assert len(table) >= 10
    assert list(Draft202012Validator(schema).iter_errors({"targets": {"staging": table}})) == []
    assert list(Draft202012Validator(schema).iter_errors({"targets": {"staging": {**table, "urll": "x"}}}))


def test_targets_md_explains_every_key_and_its_example_is_valid(tmp_path):
    text = (ROOT / "docs/targets.md").read_text(encoding="utf-8")
    known = profile_file.schema()["$defs"]["profile"]["properties"]
    table = text[text.index("| key | meaning") : text.index("An option on the command line")]
    assert set(re.findall(r"`(\w+)`", " ".join(row.split(" | ")[0] for row in table.splitlines()))) == set(known)
    (example,) = re.findall(r"<!-- example: profile -->\n```toml\n(.*?)```", text, flags=re.DOTALL)
    assert set(tomllib.loads(example)["targets"]["staging"]) <= set(known)
    (tmp_path / "acs-conformance.toml").write_text(example, encoding="utf-8")
    profile.load("staging", tmp_path).check_against(DESCRIBED)


@pytest.mark.parametrize("file", sorted((ROOT / "examples/profiles").glob("*.toml")), ids=lambda file: file.stem)
def test_an_example_is_valid_and_fits_the_descriptions(file):
    found = profile.load(str(file), Path())
    found.check_against(DESCRIBED)
    assert found.name == file.stem


def test_the_example_of_production_has_a_documented_endpoint():
    found = profile.load(str(ROOT / "examples/profiles/singapore.toml"), Path())
    assert found.url in {endpoint for description in DESCRIBED for endpoint in description.endpoints}


# --- where it is found ------------------------------------------------------------------------------------------------


def test_a_profile_is_found_by_name_by_file_and_by_both(tmp_path):
    (tmp_path / "acs-conformance.toml").write_text(f"[targets.a]\n{URL}[targets.b]\n{URL}", encoding="utf-8")
    other = written(tmp_path, URL, "c", "other.toml")
    assert profile.load("b", tmp_path).name == "b"
    assert profile.load("other.toml", tmp_path).name == "c"
    assert profile.load(str(other), Path("elsewhere")).name == "c"
    assert profile.load("./acs-conformance.toml#a", tmp_path).name == "a"
    assert [each.name for each in profile.load_all(tmp_path / "acs-conformance.toml")] == ["a", "b"]
    with pytest.raises(UsageError, match=r"\./acs-conformance\.toml#a or \./acs-conformance\.toml#b"):
        profile.load("./acs-conformance.toml", tmp_path)
    with pytest.raises(SelectionError, match="Known: c"):
        profile.load("other.toml#x", tmp_path)


def test_a_misspelt_name_gets_a_hint(tmp_path):
    written(tmp_path, URL)
    with pytest.raises(SelectionError, match="Did you mean staging"):
        profile.load("stagin", tmp_path)


def test_without_a_file_it_is_told_how_to_write_one(tmp_path):
    with pytest.raises(UsageError, match=r"no acs-conformance\.toml in .*docs/targets\.md"):
        profile.load("staging", tmp_path)
    with pytest.raises(ProfileError, match=r"other\.toml: can't be read"):
        profile.load("other.toml", tmp_path)


# --- what it may not say ----------------------------------------------------------------------------------------------

WRONG = {
    "no address": ("pace = 5\n", 1, "targets.staging", "lacks url", "https://api.example.com"),
    "unknown key": (URL + "sginature = 'v3'\n", 3, "targets.staging.sginature", "no key", "Did you mean signature?"),
    "key far from any": (URL + "xyzzy = 1\n", 3, "targets.staging.xyzzy", "no key", "Known: url, "),
    "key in a table": (URL + "timeouts = { conect = 1 }\n", 3, "targets.staging.timeouts.conect", "", "connect?"),
    "address is no text": ("url = 8080\n", 2, "targets.staging.url", "is a number, and has to be a text", "url = "),
    "empty address": ('url = ""\n', 2, "targets.staging.url", "is empty", "url = "),
    "unknown scheme": (
        URL + 'signature = "v2"\n',
        3,
        "targets.staging.signature",
        "none of v3, v1",
        'signature = "v3"',
    ),
    "unknown depth": (URL + 'depth = "deep"\n', 3, "targets.staging.depth", "quick, standard, exhaustive", "quick"),
    "pace of zero": (URL + "pace = 0\n", 3, "targets.staging.pace", "not more than 0", "pace = 5"),
    "pace of minus one": (URL + "pace = -1\n", 3, "targets.staging.pace", "not more than 0", "pace = 5"),
    "pace without end": (URL + "pace = inf\n", 3, "targets.staging.pace", "more than 10000", "pace = 5"),
    "pace that is none": (URL + "pace = nan\n", 3, "targets.staging.pace", "is no number", "pace = 5"),
    "pace in words": (URL + 'pace = "fast"\n', 3, "targets.staging.pace", "is a text", "pace = 5"),
    "pace is a date": (URL + "pace = 2026-01-01\n", 3, "targets.staging.pace", "is a date or time", "pace = 5"),
    "no time": (
        URL + "timeouts = { answer = 0 }\n",
        3,
        "targets.staging.timeouts.answer",
        "less than 0.1",
        "answer = 30",
    ),
    "credentials in words": (URL + 'credentials = "x"\n', 3, "targets.staging.credentials", "a text", "STAGING_"),
    "no place": (URL + "credentials = {}\n", 3, "targets.staging.credentials", "is empty", "STAGING_"),
    "two places": (
        URL + 'credentials = { chain = true, profile = "x" }\n',
        3,
        "targets.staging.credentials",
        "2 keys, of which one has to be chosen",
        "environment",
    ),
    "unknown place": (
        URL + 'credentials = { vault = "x" }\n',
        3,
        "targets.staging.credentials.vault",
        "",
        "Known: env",
    ),
    "chain that is none": (
        URL + "credentials = { chain = false }\n",
        3,
        "targets.staging.credentials.chain",
        "true",
        "",
    ),
    "variable in lower case": (
        URL + 'secrets = { app-key = { environment = "app_key" } }\n',
        3,
        "targets.staging.secrets.app-key.environment",
        "not of its form",
        "upper-case",
    ),
    "secret without a place": (URL + "secrets = { app-key = {} }\n", 3, "targets.staging.secrets.app-key", "lacks", ""),
    "binding that is none": (
        URL + "[targets.staging.bindings]\nAppId = 7\n",
        4,
        "targets.staging.bindings.AppId",
        "",
        "",
    ),
    "proxy by TLS": (URL + 'proxy = "https://127.0.0.1"\n', 3, "targets.staging.proxy", "not of its form", "http://"),
    "operations in words": (
        URL + 'operations = "all"\n',
        3,
        "targets.staging.operations",
        "has to be a list",
        "gateway",
    ),
    "an operation twice": (URL + 'operations = ["a",\n "a"]\n', 3, "targets.staging.operations", "item twice", ""),
    "an operation is a number": (
        URL + "operations = [1]\n",
        3,
        "targets.staging.operations[0]",
        "has to be a text",
        "",
    ),
    "an empty budget": (URL + "[targets.staging.budget]\n", 3, "targets.staging.budget", "is empty", "jobs = 40"),
    "a budget of less than nothing": (
        URL + "[targets.staging.budget]\njobs = -1\n",
        4,
        "targets.staging.budget.jobs",
        "is less than 0",
        "only what has to be refused",
    ),
    "half a job": (
        URL + "[targets.staging.budget]\njobs = 0.5\n",
        4,
        "targets.staging.budget.jobs",
        "has to be a whole number",
        "jobs = 40",
    ),
    "no request at all": (
        URL + "[targets.staging.budget]\nrequests = 0\n",
        4,
        "targets.staging.budget.requests",
        "is less than 1",
        "requests = 1000",
    ),
    "no second at all": (
        URL + "[targets.staging.budget]\nseconds = 0\n",
        4,
        "targets.staging.budget.seconds",
        "is not more than 0",
        "seconds = 600",
    ),
    "a budget of something else": (
        URL + "[targets.staging.budget]\nmoney = 5\n",
        4,
        "targets.staging.budget.money",
        "is no key",
        "jobs",
    ),
    "a deviation without a reason": (
        URL + '[[targets.staging.deviations]]\nrequirements = ["x"]\ncause = "y"\nuntil = 2027-01-31\n',
        3,
        "targets.staging.deviations[0]",
        "lacks reason",
        "why the difference is accepted",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_with_line_key_reason_and_remedy(tmp_path, name):
    table, line, key, reason, remedy = WRONG[name]
    found = complaint(tmp_path, table)
    assert (found.line, found.key) == (line, key)
    assert reason in found.reason
    assert remedy in found.reason
    assert found.more == ()
    assert len(str(found).splitlines()) == 1


def test_a_value_is_never_quoted(tmp_path):
    quoted = 'signature = "Qx7"\npace = "Qx7"\ndepth = ["Qx7"]\nproxy = "Qx7"\noperations = "Qx7"\nbindings = "Qx7"\n'
    found = complaint(tmp_path, f'url = ["Qx7"]\ncredentials = {{ environment = "Qx7" }}\n{quoted}')
    assert len(found.more) == 7
    assert "Qx7" not in str(found)


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path):
    found = complaint(tmp_path, "pace = 0\nurll = 'x'\ndepth = 'deep'\n")
    assert [each.line for each in (found, *found.more)] == [1, 2, 3, 4]
    assert len(str(found).splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, 'has no target; begin with a line [targets.NAME] and a line url = "http://HOST:PORT" below it'),
        ("# later\n", 0, "has no target; begin with"),
        ("\ufeff[targets.a]\n", 1, "begins with a byte order mark; save it as UTF-8 without one"),
        ("[targets]\n", 1, "is empty"),
        ("targets = 1\n", 1, "a number"),
        ("[targets]\nstaging = 1\n", 2, "has to be a table"),
        (f"[targets.a]\n{URL}[target.b]\n{URL}", 3, "Did you mean targets"),
        (f'[targets."a b"]\n{URL}', 1, "no name of a target"),
        (f"[targets.a]\n{URL}[targets.a]\n{URL}", 3, "is no TOML"),
        ("[targets.a]\nurl = http://127.0.0.1\n", 2, "text without quotes"),
        ('[targets.a]\nurl = "http://127.0.0.1\n', 2, "is no TOML"),
        ("[targets.a]\nurl = [\n", 0, "is no TOML at its end"),
    ],
)
def test_a_file_that_has_no_profiles_is_refused(tmp_path, text, line, words):
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        profile_file.read(path)
    assert caught.value.line == line
    assert words in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"[targets.a]\nurl = '\xff'")
    with pytest.raises(ProfileError, match="is not UTF-8"):
        profile_file.read(path)
    with pytest.raises(ProfileError, match="can't be read: Is a directory"):
        profile_file.read(tmp_path)


@given(st.text(alphabet="[]{}=\"'\n#., abtarges1-_\\\r\x00é", max_size=80))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(ProfileError):
        assert profile_file.read(path).data["targets"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:18080", "is no address; give scheme and host"),
        ("ftp://127.0.0.1", "is no address; give scheme and host"),
        ("http://127.0.0.1/a", "has a path or query"),
        ("http://127.0.0.1?a=b", "has a path or query"),
        ("http://127.0.0.1:99999", "is no address: Port out of range"),
        ("http://127.0.0.1:0", "no server listens on port 0"),
    ],
)
def test_an_address_is_held_to_its_form_with_all_other_mistakes_of_the_file(tmp_path, url, words):
    found = complaint(tmp_path, f'url = "{url}"\npace = 0\nproxy = "http://a/b"\n')
    assert [(each.line, each.key) for each in (found, *found.more)] == [
        (2, "targets.staging.url"),
        (3, "targets.staging.pace"),
        (4, "targets.staging.proxy"),
    ]
    assert found.reason.startswith(words)


def test_what_no_description_knows_is_told_at_once(tmp_path):
    table = 'operations = ["A"]\nsecrets = { b = { environment = "B" } }\nbindings = { C = "c", AppId = "!" }\n'
    with pytest.raises(ProfileError) as caught:
        loaded(tmp_path, f'{URL}{table}may_stay_inconclusive = ["D"]\n').check_against(DESCRIBED)
    assert len(str(caught.value).splitlines()) == 5


def test_what_a_deviation_lacks_is_told_once(tmp_path):
    found = complaint(tmp_path, f'{URL}deviations = [{{ requirements = ["a"] }}, {{ requirements = ["a"] }}]\n')
    reasons = [each.reason.partition(".")[0] for each in (found, *found.more)]
    assert reasons == ["lacks cause", "lacks reason", "lacks until"] * 2


@pytest.mark.parametrize("until", ["2027-01-31", '"2027-01-31"'])
def test_a_day_is_a_date_or_a_text(tmp_path, until):
    entry = f'requirements = ["a"], cause = "accepted", reason = "r", until = {until}'
    (deviation,) = loaded(tmp_path, f"{URL}deviations = [{{ {entry} }}]\n").deviations
    assert str(deviation.until) == "2027-01-31"


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('secret = "Qx7"', "secret"),
        ('access_key_secret = "Qx7"', "access_key_secret"),
        ('AccessKeySecret = "Qx7"', "AccessKeySecret"),
        ('token = "Qx7"', "token"),
        ('security-token = "Qx7"', "security-token"),
        ("password = 1234567", "password"),
        ('credentials = { secret = "Qx7" }', "credentials.secret"),
        ('secrets = { app-key = "Qx7" }', "secrets.app-key"),
        ('bindings = { "OutputParams[].UserToken" = "Qx7" }', 'bindings."OutputParams[].UserToken"'),
        (f'credentials = {{ environment = "{SECRET}" }}', "credentials.environment"),
        (f'bindings = {{ AppId = "{SECRET}" }}', "bindings.AppId"),
        (f'operations = ["{SECRET}"]', "operations[0]"),
        (f'depth = "CAIS{"Qx7" * 40}"', "depth"),
        ('proxy = "http://user:Qx7@127.0.0.1:3128"', "proxy"),
    ],
)
def test_a_secret_in_the_file_is_refused_with_the_reason_and_the_way_to_refer_to_it(tmp_path, line, key):
    found = complaint(tmp_path, f"{URL}{line}\n")
    assert found.key == f"targets.staging.{key}"
    assert found.line == 3
    assert "only refers to secrets" in found.reason
    assert "environment = " in found.reason
    for value in ("Qx7", SECRET, "1234567"):
        assert value not in str(found)


def test_a_secret_in_the_address_or_in_a_comment_is_refused(tmp_path):
    found = complaint(tmp_path, 'url = "http://user:Qx7@127.0.0.1"\n')
    assert found.line == 2
    assert "Qx7" not in str(found)
    found = complaint(tmp_path, f"{URL}pace = 5  # was {SECRET}\n")
    assert found.line == 3
    assert "in a comment" in found.reason
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    "comment",
    [
        ' access_key_secret = "hunter2hunter2hunter2"',
        "password=hunter2",
        " password = hunter2",
        " password: hunter2",
        ' AccessKeySecret = "abcdefghijklmnopqrstuvwxyz1234"',
        ' credentials = { id = "a", secret = "hunter2" }',
        " export STAGING_ACCESS_KEY_SECRET=hunter2 STAGING_APP_KEY=...",
        " {'token': 'hunter2'}",
        " http://bob:hunter2@127.0.0.1:8080",
        ' app-key = "plainappkey123"',
        " -----BEGIN PRIVATE KEY-----",
        " -----BEGIN RSA PRIVATE KEY-----",
    ],
)
@pytest.mark.parametrize("before", ["", "pace = 5 ", """bindings = { AppId = "a # b", ChannelId = 'c"' } """])
def test_a_secret_in_a_comment_is_refused_by_its_key_its_form_and_its_place(tmp_path, before, comment):
    with pytest.raises(ProfileError, match="secret in a comment") as error:
        loaded(tmp_path, f"{URL}{before}#{comment}\n")
    assert error.value.line == 3
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        '# credentials = { environment = "STAGING_" }',
        '# app-key = { environment = "STAGING_APP_KEY" }',
        "# export STAGING_ACCESS_KEY_ID=... STAGING_ACCESS_KEY_SECRET=... STAGING_APP_KEY=$KEY",
        "# The token = what the server hands out; the secret: nobody knows. Password and token stay elsewhere.",
        "# proxy: http://USER:PASSWORD@HOST:3128, in a variable; ask ops@example.com",
        "# curl http://127.0.0.1:8080/?token=$TOKEN  # see //wiki and mail bob@example.com",
        'may_stay_inconclusive = ["gateway.v3.*"]  # secrets and tokens expire = nothing to decide',
        "# token: STAGING_TOKEN",
        'deviations = [{requirements=["a"], cause="accepted", reason="#1: password=changed", until=2099-01-01}]',
    ],
)
def test_prose_and_references_in_comments_are_no_secrets(tmp_path, line):
    loaded(tmp_path, f"{URL}{line}\n")


@pytest.mark.parametrize(
    "value",
    [
        "5f0c2a73-8501-4c11-8ac1-72295a0f9e6d",  # a UUID
        "0123456789abcdef0123456789abcdef",  # 32 hexadecimal digits
        "abcdefghijabcdefghijabcdefghij",  # 30 letters of one case
        "acs-conformance-staging-channel-1",
    ],
)
def test_an_identifier_is_no_secret(tmp_path, value):
    loaded(tmp_path, f'{URL}bindings = {{ AppId = "{value}" }}\n').check_against(DESCRIBED)


# --- what it refers to ------------------------------------------------------------------------------------------------


def test_credentials_come_from_variables_with_a_prefix(tmp_path):
    found = loaded(tmp_path, URL + 'credentials = { environment = "STAGING_" }\n')
    environ = {"STAGING_ACCESS_KEY_ID": "id", "STAGING_ACCESS_KEY_SECRET": "s3cret", "ALIBABA_CLOUD_ACCESS_KEY_ID": "x"}
    credentials = found.credentials(environ)
    assert (credentials.access_key_id, credentials.access_key_secret, credentials.security_token) == (
        "id",
        "s3cret",
        None,
    )
    assert found.credentials(environ | {"STAGING_SECURITY_TOKEN": "t"}).security_token == "t"
    with pytest.raises(CredentialsError) as caught:
        found.credentials({"STAGING_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "x"})
    assert "acs-conformance.toml:3: at targets.staging.credentials: " in str(caught.value)
    assert "STAGING_ACCESS_KEY_SECRET not set" in str(caught.value)


def test_credentials_come_from_a_named_profile_whatever_the_environment_holds(tmp_path):
    home = tmp_path / "home"
    (home / ".aliyun").mkdir(parents=True)
    rows = [{"name": name, "mode": "AK", "access_key_id": name, "access_key_secret": "s3cret"} for name in ("a", "b")]
    (home / ".aliyun/config.json").write_text(json.dumps({"current": "a", "profiles": rows}), encoding="utf-8")
    environ = {"HOME": str(home), "ALIBABA_CLOUD_ACCESS_KEY_ID": "x", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "y"}
    found = loaded(tmp_path, URL + 'credentials = { profile = "b" }\n').credentials(environ)
    assert found.access_key_id == "b"
    assert "profile 'b'" in found.source
    with pytest.raises(CredentialsError, match="profile called 'c'"):
        loaded(tmp_path, URL + 'credentials = { profile = "c" }\n').credentials(environ)


@pytest.mark.parametrize("value", [None, "", " key", "key\n"])
def test_a_secret_that_is_not_there_is_told_by_its_variable(tmp_path, value):
    found = loaded(tmp_path, URL + 'secrets = { app-key = { environment = "STAGING_APP_KEY" } }\n')
    assert found.secrets({"STAGING_APP_KEY": "key"}) == {"app-key": "key"}
    with pytest.raises(CredentialsError) as caught:
        found.secrets({} if value is None else {"STAGING_APP_KEY": value})
    assert "acs-conformance.toml:3: at targets.staging.secrets.app-key: the variable STAGING_APP_KEY" in str(
        caught.value
    )


def test_a_proxy_with_a_password_comes_from_a_variable(tmp_path):
    found = loaded(tmp_path, URL + 'proxy = { environment = "STAGING_PROXY" }\n')
    assert found.proxy({"STAGING_PROXY": "http://u:p@127.0.0.1:1"}) == "http://u:p@127.0.0.1:1"
    with pytest.raises(CredentialsError, match="STAGING_PROXY is not set"):
        found.proxy({})


# --- the descriptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ('operations = ["gateway", "StartRtcCloud"]', "operations[1]", "StartRtcCloudTranscode"),
        ('bindings = { ApId = "x" }', "bindings.ApId", "Did you mean AppId"),
        ('bindings = { TranscodeTemplate = "x" }', "bindings.TranscodeTemplate", "no identifier of a target"),
        ('bindings = { AppId = "a b" }', "bindings.AppId", "its pattern is ^[A-Za-z0-9_-]*$"),
        (f'bindings = {{ AppId = "{"a" * 65}" }}', "bindings.AppId", "its maxLength is 64"),
        ('secrets = { app_kez = { environment = "X" } }', "secrets.app_kez", "Did you mean app-key"),
        ('may_stay_inconclusive = ["*.nothing"]', "may_stay_inconclusive[0]", "no requirement"),
    ],
)
def test_what_no_description_knows_is_refused(tmp_path, table, key, words):
    found = loaded(tmp_path, f"{URL}{table}\n")
    with pytest.raises(ProfileError) as caught:
        found.check_against(DESCRIBED)
    assert (caught.value.line, caught.value.key) == (3, f"targets.staging.{key}")
    assert words in caught.value.reason


def test_what_has_to_equal_a_bound_value_is_bound_with_it(tmp_path):
    found = loaded(tmp_path, URL + 'bindings = { ChannelId = "ours" }\n')
    assert found.bindings_in(DESCRIBED) == {"ChannelId": "ours", "OutputParams[].ChannelId": "ours"}
    found = loaded(tmp_path, URL + 'bindings = { ChannelId = "ours", "OutputParams[].ChannelId" = "other" }\n')
    assert found.bindings_in(DESCRIBED) == {"ChannelId": "ours", "OutputParams[].ChannelId": "other"}


# --- lines of TOML ----------------------------------------------------------------------------------------------------

DOCUMENT = '''# a comment with [brackets] and a = sign
a = 1

[one]
b = """
[not.a.header]
c = 2
"""
d = [
  # e = 3
  "x = 1", # [y]
  "z",
]
f.g = { h = 4, "i.j" = { k = 5 } }
"quoted key" = 'l = 6'

  [one . "two.three"]
  m = 7

[[four]]
n = 8
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_has_its_line(tmp_path, newline):
    path = tmp_path / "x.toml"
    path.write_text(DOCUMENT, encoding="utf-8", newline=newline)
    source = toml_source.read(path)
    lines = DOCUMENT.split("\n")
    expected = {
        ("a",): 2,
        ("one",): 4,
        ("one", "b"): 5,
        ("one", "d"): 9,
        ("one", "f"): 14,
        ("one", "f", "g"): 14,
        ("one", "f", "g", "h"): 14,
        ("one", "f", "g", "i.j"): 14,
        ("one", "f", "g", "i.j", "k"): 14,
        ("one", "quoted key"): 15,
        ("one", "two.three"): 17,
        ("one", "two.three", "m"): 18,
        ("four",): 20,
        ("four", 0): 20,
        ("four", 0, "n"): 21,
    }
    assert source.lines == expected
    names = {key: next(step for step in reversed(key) if isinstance(step, str)) for key in expected}
    assert all(names[key].partition(".")[0] in lines[line - 1] for key, line in expected.items())
    ends = {("a",): 2, ("one",): 18, ("one", "d"): 13, ("one", "two.three"): 18, ("four",): 21, ("four", 0): 21}
    assert {key: source.ends[key] for key in ends} == ends
    assert source.line(("one", "d", 1)) == 9
    assert source.line(("nothing",)) == 0
    assert toml_source.dotted(("one", "two.three", "d", 1)) == 'one."two.three".d[1]'


# --- pace -------------------------------------------------------------------------------------------------------------


class Clock:
    """Time that only waiting moves."""

    def __init__(self):
        self.now = 1000.0
        self.waits = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("per_second", [0.5, 1, 4, 8, 64])
def test_no_second_sees_more_requests_than_the_pace_allows(per_second):
    clock = Clock()
    pace = Pace(per_second, clock=clock, sleep=clock.sleep)
    sent = []
    for number in range(40):
        pace.wait()
        sent.append(clock.now)
        clock.now += 0.125 if number % 7 == 0 else 0  # now and then an answer takes its time
    window = max(1, 1 / per_second)
    most = max(1, per_second * window)
    assert all(sum(begin <= t < begin + window for t in sent) <= most for begin in sent)
    if per_second < 8:  # nothing is given away: so slow a pace alone decides
        assert sent == [1000 + number / per_second for number in range(40)]


def test_who_is_slower_than_the_pace_never_waits():
    clock = Clock()
    pace = Pace(4, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        pace.wait()
        clock.now += 0.25
    assert clock.waits == []


def test_what_others_have_sent_counts():
    clock = Clock()
    pace = Pace(4, clock=clock, sleep=clock.sleep)
    clock.now += 10
    pace.sent(0.125)
    pace.wait()
    assert clock.now == 1010.125
    pace.sent(5.0)  # long ago
    pace.wait()
    assert clock.now == 1010.375


def test_without_a_pace_nobody_waits():
    clock = Clock()
    pace = Pace(None, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        pace.wait()
        pace.sent(0.0)
    assert (clock.waits, clock.now) == ([], 1000)


def test_a_sleep_that_ends_early_is_made_up_for():
    clock = Clock()
    pace = Pace(2, clock=clock, sleep=lambda seconds: clock.sleep(seconds / 2 if seconds > 0.01 else seconds))
    pace.wait()
    pace.wait()
    assert clock.now == 1000.5
    assert len(clock.waits) > 2
