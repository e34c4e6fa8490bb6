"""The pytest plugin in the sessions of others: client teams that use its fixtures, and everybody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

ACTION = "StartRtcCloudTranscode"
CALL = f'''
def call(client, **changes):
    output = {{"ChannelId": "c", "UserId": "out", "UserToken": "t", "TranscodeTemplate": "lld"}}
    valid = {{"AppId": "a", "ChannelId": "c", "InputParam": {{"SingleSubUserParam": {{"UserId": "in"}}}}}}
    return client.call("{ACTION}", **(valid | {{"OutputParams": [output]}} | changes))
'''


@pytest.fixture
def session(tmp_path):
    """Runs pytest on some files, as somebody else's project would; warnings are errors there."""

    def run(files, *options, before="pass", code=0):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n", encoding="ascii")
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ALIBABA_"))}
        start = f"import sys; {before}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
        told = subprocess.run(
            [sys.executable, "-c", start, "-q", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env=environ | {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert told.returncode == code, told.stdout + told.stderr
        return told.stdout

    return run


# --- who uses it ------------------------------------------------------------------------------------------------------


def test_each_test_has_an_emulator_as_good_as_new_at_the_same_address(session):
    test = (
        CALL
        + """
import pytest

urls = set()

@pytest.mark.parametrize("turn", range(3))
def test_one(acs_emulator, acs_client, turn):
    call(acs_client)
    acs_emulator.refuse_next("Left.Over", times=9)
    urls.add(acs_emulator.url)
    assert len(urls) == len(acs_emulator.jobs) == len(acs_emulator.received) == 1
"""
    )
    assert "3 passed" in session({"test_client.py": test})


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_marker_tells_it_what_to_play(session, options):
    test = (
        CALL
        + f'''
import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from acs_conformance import AccessKeys

pytestmark = pytest.mark.acs_emulator(fault="{ACTION}.AppId.maxLength!limit#65")

def test_the_module_decides(acs_client):
    call(acs_client, AppId="a" * 65)

@pytest.mark.acs_emulator(quota="0.001:1")
def test_the_nearest_wins(acs_client):
    with pytest.raises(AlibabaCloudException, match="InvalidParameter"):
        call(acs_client, AppId="a" * 65)
    with pytest.raises(AlibabaCloudException, match="Throttling"):
        call(acs_client)

@pytest.mark.acs_emulator(access_keys=AccessKeys(secrets={{"k": "s"}}, denied={{"k": frozenset({{"{ACTION}"}})}}))
def test_keys(acs_client, acs_emulator):
    with pytest.raises(AlibabaCloudException, match="Forbidden.RAM"):
        call(acs_client)

def test_the_module_decides_again(acs_client, acs_sdk_config, acs_emulator):
    call(acs_client, AppId="a" * 65)
    assert acs_sdk_config.endpoint == acs_emulator.endpoint
'''
    )
    assert "4 passed" in session({"test_client.py": test}, *options)


def test_a_folder_has_options_of_its_own(session):
    conftest = """
import pytest
from acs_conformance import EmulatorOptions

@pytest.fixture(scope="session")
def acs_emulator_options():
    return EmulatorOptions(policy={"answer.suffix": "Name"})
"""
    test = (
        CALL
        + """
import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

def test_it(acs_client):
    with pytest.raises(AlibabaCloudException) as caught:
        call(acs_client, AppId="a b")
    assert caught.value.code == "InvalidParameterAppId"
"""
    )
    plain = CALL + "def test_one(acs_client):\n    call(acs_client)\n"
    files = {"test_a.py": plain, "below/conftest.py": conftest, "below/test_b.py": test, "test_c.py": plain}
    assert "3 passed" in session(files)


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("quota='fast'", "marker acs_emulator: 'fast' is no quota"),
        ("fault='nothing'", "marker acs_emulator: no fault is called 'nothing'"),
        ("speed=2", "marker acs_emulator: speed stands for nothing. Known: policy, fault, quota, access_keys."),
        ("'50'", "marker acs_emulator: a value without a name stands for nothing."),
    ],
)
def test_a_wrong_marker_is_told_in_one_line(session, marker, told):
    test = f"import pytest\n\n@pytest.mark.acs_emulator({marker})\ndef test_it(acs_emulator):\n    pass\n"
    out = session({"test_client.py": test}, code=1)
    assert told in out
    assert "Traceback" not in out
    assert "client_fixtures.py" not in out


def test_wrong_options_are_told_in_one_line(session):
    test = """
import pytest
from acs_conformance import EmulatorOptions

@pytest.fixture(scope="session")
def acs_emulator_options():
    return EmulatorOptions(quota="fast")

def test_it(acs_emulator):
    pass
"""
    out = session({"test_client.py": test}, code=1)
    assert "acs_emulator_options: 'fast' is no quota" in out
    assert "client_fixtures.py" not in out


def test_without_the_sdk_the_emulator_works_and_the_client_says_what_to_install(session):
    test = "def test_one(acs_emulator):\n    assert acs_emulator.url\n\ndef test_two(acs_client):\n    pass\n"
    out = session({"test_client.py": test}, before="sys.modules['alibabacloud_tea_openapi'] = None", code=1)
    assert "1 passed, 1 error" in out
    assert "the official SDK is not installed" in out
    assert "pip install 'acs-conformance[client]'" in out


# --- who does not -----------------------------------------------------------------------------------------------------

PLAIN = """
import sys

def test_it():
    heavy = {"httpx", "hypothesis", "jsonschema", "ruamel", "schemathesis", "uvicorn"}
    assert heavy.isdisjoint(sys.modules)
    ours = sorted(name for name in sys.modules if name.startswith("acs_conformance"))
    assert ours == [
        "acs_conformance",
        "acs_conformance.client_fixtures",
        "acs_conformance.pytest_plugin",
        "acs_conformance.version",
    ]
"""
# Plugins of our dependencies, which would come by themselves and import what they need.
QUIET = ("-p", "no:hypothesispytest", "-p", "no:schemathesis", "-p", "no:anyio", "-p", "no:locust")


def test_other_sessions_import_nothing_heavy(session):
    assert "1 passed" in session({"test_plain.py": PLAIN}, *QUIET)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_other_sessions_leave_nothing_behind(session, tmp_path, options):
    assert "1 passed" in session({"test_plain.py": "def test_it():\n    pass\n"}, *options)
    assert [path.name for path in (tmp_path / "temporary").glob("acs*")] == []


def test_a_session_with_the_emulator_leaves_nothing_behind(session, tmp_path):
    session({"test_client.py": "def test_it(acs_emulator):\n    pass\n"})
    assert [path.name for path in (tmp_path / "temporary").glob("acs*")] == []


def test_every_option_marker_and_fixture_says_whose_it_is(session):
    options = session({}, "--help")
    (ours,) = re.findall(r"^conformance of cloud APIs:\n((?: .*\n|\n)+?)(?=^\S|\Z)", options, flags=re.MULTILINE)
    assert {name.partition("-")[0] for name in re.findall(r"^  --([\w-]+)", ours, flags=re.MULTILINE)} == {"acs"}
    markers = session({}, "--markers")
    assert {"acs_emulator", "acs_family"} <= set(re.findall(r"^@pytest.mark.(\w+)", markers, flags=re.MULTILINE))
    fixtures = session({}, "--fixtures")
    shown = re.findall(r"^(\w+)[^\n]* -- \S*acs_conformance/(?:client_fixtures|pytest_plugin)", fixtures, re.MULTILINE)
    assert {"acs_client", "acs_emulator", "acs_emulator_options", "acs_sdk_config"} <= set(shown)
    assert {name for name in shown if not name.startswith("acs_")} <= {"campaign"}


def test_the_fixtures_can_be_left_out(session):
    test = {"test_client.py": "def test_it(acs_emulator):\n    pass\n"}
    assert "fixture 'acs_emulator' not found" in session(test, "-p", "no:acs_conformance_client", code=1)
