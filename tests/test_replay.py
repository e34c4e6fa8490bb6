"""A finding is sent again as it was, and told from one that is fixed and from one that can't be told."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys

import pytest

import servers
from acs_conformance import report as reports
from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.policy import Policy
from acs_conformance.errors import SelectionError, UsageError
from acs_conformance.faults import find
from acs_conformance.message import RawRequest, RawResponse, header
from acs_conformance.report.failure import Failures
from acs_conformance.wire import decode
from hostile import SAMPLE
from servers import acs, run_against

START = spec_folder.load("StartRtcCloudTranscode")


@contextlib.contextmanager
def faulty(fault_id):
    described = [*spec_folder.load_all().values(), spec_folder.load("gateway")]
    with servers.emulates(fault=find(described, fault_id)) as server:
        yield server


def run(fault_id, folder, *arguments, depth="standard"):
    """The report of a run against a faulty server, without its gateway."""
    with faulty(fault_id) as server:
        ended = run_against(server.url, folder, *(arguments or ("--only", "StartRtcCloudTranscode.*")), depth=depth)
    assert ended.code == 1, ended.out + ended.err
    return ended.report


def replayed(server, folder, *arguments):
    return acs("replay", ".", *arguments, "--target", server.url, folder=folder).without_traceback()


def starts(server):
    """The requests of the operation under test."""
    return [each for each in server.requests if header(each.headers, "x-acs-action") == "StartRtcCloudTranscode"]


LIMIT = "StartRtcCloudTranscode.AppId.maxLength!limit#65"


@pytest.fixture(scope="module")
def limit(tmp_path_factory):
    """The folder of a report with one finding: names of 65 characters are taken."""
    folder = tmp_path_factory.mktemp("limit")
    run(LIMIT, folder, "--only", "StartRtcCloudTranscode.AppId.*", depth="quick")
    return folder


def test_1_it_still_fails(limit):
    report = reports.load(limit)
    (finding,) = report["findings"]
    recorded = next(each for each in report["exchanges"] if each["number"] == finding["exchange"])
    with faulty(LIMIT) as server:
        ended = replayed(server, limit)
    assert ended.code == 1
    assert "now      200, accepted (1 of 1 try failed)" in ended.out
    assert "STILL FAILS: for the same cause (exit code 1)" in ended.out
    (sent,) = starts(server)
    # What a replay creates is ended.
    assert [header(each.headers, "x-acs-action") for each in server.requests[1:]] == ["StopRtcCloudTranscode"]
    # The value under test is sent as it was; the name beside it and the credential are new.
    then, now = (
        decode(START, request).document for request in (RawRequest("POST", recorded["request"]["target"]), sent)
    )
    assert (then["AppId"], then["ChannelId"]) == (now["AppId"], now["ChannelId"])
    names = [document["OutputParams"][0]["UserId"] for document in (then, now)]
    assert names[0] != names[1]
    assert len({re.sub("[0-9a-f]{10}", "", name) for name in names}) == 1
    assert len(now["OutputParams"][0]["UserToken"]) > 100


def test_0_it_no_longer_fails_and_that_is_not_said_at_once(limit):
    with servers.emulates() as server:
        ended = replayed(server, limit, "AppId.maxLength")
    assert ended.code == 0
    assert "NO LONGER FAILS" in ended.out
    # Three times, and before the third what came before it in the run.
    assert len(starts(server)) == 4
    assert len({request.target for request in starts(server)}) == 4


def test_3_what_is_in_the_way_decides_nothing(limit):
    with servers.fails_once(0) as server, servers.throttles_for_ever() as busy, servers.forbids_everything() as closed:
        assert replayed(server, limit).code == 0
        assert replayed(closed, limit).code == 3
        ended = replayed(busy, limit)
    assert ended.code == 3
    assert "INCONCLUSIVE: 400 Throttling" in ended.out


def test_3_a_wrong_key_decides_nothing(limit):
    keys = {**servers.environment(), "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "not-the-secret"}
    with servers.emulates() as server:
        ended = _acs_with(keys, "replay", ".", "--target", server.url, folder=limit)
    assert ended.returncode == 3
    assert "INCONCLUSIVE: 400 SignatureDoesNotMatch" in ended.stdout
    assert len(server.requests) == 1


def test_2_without_any_key(limit):
    ended = acs("replay", ".", "--target", "http://127.0.0.1:9", folder=limit, keys=False)
    assert ended.code == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in ended.err


def test_3_nobody_answers(limit):
    with servers.nobody() as url:
        ended = acs("replay", ".", "--target", url, folder=limit).without_traceback()
    assert ended.code == 3
    assert "INCONCLUSIVE: " in ended.out
    assert "no connection" in ended.out


def test_the_target_is_that_of_the_report(tmp_path):
    with faulty(LIMIT) as server:
        assert run_against(server.url, tmp_path, "--only", "*.AppId.*", depth="quick").code == 1
        server.requests.clear()
        assert acs("replay", ".", folder=tmp_path).code == 1
        assert len(starts(server)) == 1


def test_a_report_of_the_embedded_emulator_starts_it_again(limit, tmp_path):
    report = reports.load(limit)
    report["target"] |= {"kind": "embedded emulator", "option": ""}
    reports.write_json(report, tmp_path / "report.json")
    assert acs("replay", ".", folder=tmp_path, keys=False).code == 0


def test_json_says_all_of_it(limit):
    with faulty(LIMIT) as server:
        ended = replayed(server, limit, "--format", "json", "--times", "2")
    (told,) = json.loads(ended.out)
    assert (told["outcome"], told["exit_code"], told["tried"], told["failed"]) == ("fails", 1, 2, 2)
    assert told["then"]["received"] == told["received"] == "200, accepted"
    assert len(told["exchanges"]) == len(server.requests)
    sent = [each for each in told["exchanges"] if each["operation"] == "StartRtcCloudTranscode"]
    assert len(sent) == 2
    assert all("UserToken%22%3A%22%2A%2A%2A%22" in each["request"]["target"] for each in sent)


# --- findings of several requests, or of none alone ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault_id", "depth"),
    [
        ("StartRtcCloudTranscode.response.RequestId.unique!constant", "quick"),
        ("StartRtcCloudTranscode.response.type!body#empty", "quick"),
        ("StartRtcCloudTranscode.response.status!unchecked-after-success", "standard"),
        ("StartRtcCloudTranscode.response.status!unchecked-after-refused", "quick"),
    ],
)
def test_what_one_request_does_not_show_is_found_again(fault_id, depth, tmp_path):
    report = run(fault_id, tmp_path, depth=depth)
    finding = report["findings"][0]
    with faulty(fault_id) as server:
        assert replayed(server, tmp_path, finding["id"]).code == 1
    with servers.emulates() as server:
        assert replayed(server, tmp_path, finding["id"]).code == 0


def test_an_id_that_repeats_takes_both_requests(tmp_path):
    report = run("StartRtcCloudTranscode.response.RequestId.unique!constant", tmp_path, depth="quick")
    finding = next(each for each in report["findings"] if each["requirement"].endswith(".RequestId.unique"))
    assert [request["exchange"] for request in finding["requests"]] == [1, finding["exchange"]]


def test_a_finding_about_a_signature_is_signed_in_the_same_wrong_way(tmp_path):
    fault_id = "gateway.v3.signature.value!skip-check#signature"
    with faulty(fault_id) as server:
        ended = run_against(server.url, tmp_path, "gateway", "--only", "gateway.v3.signature.*", depth="quick")
        assert ended.code == 1
        finding = ended.report["findings"][0]["id"]
        assert replayed(server, tmp_path, finding).code == 1
    with servers.emulates() as server:
        assert replayed(server, tmp_path, finding).code == 0


def test_identifiers_that_do_not_exist_are_told_from_an_answer(tmp_path):
    """Not found decides something only once the same identifiers have been seen to work."""
    report = run(
        "StartRtcCloudTranscode.MaxIdleTime.minimum!ignore", tmp_path, "--only", "*.MaxIdleTime.minimum", depth="quick"
    )
    (finding,) = report["findings"]
    not_found = RawResponse(
        404,
        (("content-type", servers.JSON),),
        json.dumps({"RequestId": "R", "Code": "NotFound", "Message": "No such channel."}).encode(),
    )
    with servers.serving(lambda *_: not_found) as server:
        assert replayed(server, tmp_path).code == 3
    core = servers.core_of()
    too_short = decode(START, RawRequest("POST", report["exchanges"][finding["exchange"] - 1]["request"]["target"]))

    def answer(request, _number):
        is_same = decode(START, request).document["MaxIdleTime"] == too_short.document["MaxIdleTime"]
        return not_found if is_same else core.handle(request)

    with servers.serving(answer) as server:
        ended = replayed(server, tmp_path)
    assert len(starts(server)) == 2
    assert ended.code == 1
    assert "STILL FAILS: for another cause than then; allowed 400 InvalidParameter" in ended.out


def test_identifiers_of_a_profile_take_the_place_of_those_of_the_report(limit, tmp_path):
    profile = tmp_path / "acs-conformance.toml"
    with servers.emulates() as server:
        profile.write_text(
            f'[targets.other]\nurl = "{server.url}"\ncredentials = {{ environment = "ALIBABA_CLOUD_" }}\n'
            'bindings = { ChannelId = "our-channel" }\nsecrets = { app-key = { environment = "OUR_KEY" } }\n',
            encoding="utf-8",
        )
        missing = acs("replay", str(limit), "--profile", "other", folder=tmp_path)
        assert missing.code == 2
        assert "OUR_KEY" in missing.err
        servers_environment = {**servers.environment(), "OUR_KEY": "sesame"}
        ended = _acs_with(servers_environment, "replay", str(limit), "--profile", "other", folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = decode(START, server.requests[0]).document
    assert document["ChannelId"] == document["OutputParams"][0]["ChannelId"] == "our-channel"
    assert len(document["AppId"]) == 65


def _acs_with(environment, *arguments, folder):
    command = [sys.executable, "-m", "acs_conformance", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("fault_id", "operations"),
    [
        ("DescribeRtcCloudTranscode.AppId.required!ignore", {"DescribeRtcCloudTranscode"}),
        (
            "DescribeRtcCloudTranscode.response.TaskInfo.InputParam.SingleSubUserParam.SourceType.as-created!other",
            {"DescribeRtcCloudTranscode"},
        ),
    ],
)
def test_what_acts_on_a_thing_acts_on_a_new_one(fault_id, operations, tmp_path):
    with faulty(fault_id) as server:
        ended = run_against(server.url, tmp_path, "DescribeRtcCloudTranscode", "--no-self-check", depth="quick")
        assert ended.code == 1, ended.out + ended.err
        finding = ended.report["findings"][0]
        assert {request["operation"] for request in finding["requests"]} == operations
        assert all(request["acts_on"] for request in finding["requests"])
        before = len(server.requests)
        assert replayed(server, tmp_path, finding["id"]).code == 1
        actions = [header(each.headers, "x-acs-action") for each in server.requests[before:]]
        assert actions[0] == "StartRtcCloudTranscode"
        assert actions[-1] == "StopRtcCloudTranscode"
    script = next((tmp_path / "findings").glob("*.sh")).read_text("utf-8")
    assert "It acts on a job of that run, which has ended" in script
    with servers.emulates() as server:
        assert replayed(server, tmp_path, finding["id"]).code == 0


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A report with many findings of one operation."""
    folder = tmp_path_factory.mktemp("many")
    return run("StartRtcCloudTranscode.response.status!every-n-refused#2", folder, depth="quick"), folder


def test_a_finding_has_many_names(limit):
    report = reports.load(limit)
    (finding,) = report["findings"]
    names = Failures(report)
    assert names.short(finding) == "AppId.maxLength"
    for name in (finding["id"], finding["id"][:-3], finding["requirement"], "AppId.maxLength", "AppId.maxLength~"):
        assert names.find(name)["id"] == finding["id"]
    with pytest.raises(SelectionError, match=re.escape(finding["id"])):
        names.find("AppId.maxlength")


def test_a_short_name_leads_back(many):
    report, _ = many
    names = Failures(report)
    assert len(report["findings"]) > 1
    for finding in report["findings"]:
        assert names.find(names.short(finding))["id"] == finding["id"]
        assert names.find(finding["id"])["id"] == finding["id"]


def test_2_a_name_that_may_mean_several_lists_them(many):
    report, folder = many
    with pytest.raises(UsageError, match="may be any of"):
        Failures(report).find("StartRtcCloudTranscode.")
    ended = acs("replay", ".", folder=folder)
    assert ended.code == 2
    assert report["findings"][0]["id"] in ended.err
    assert "--all" in ended.err


def test_2_nothing_failed(tmp_path):
    assert run_against(None, tmp_path, "--only", "*.AppId.required", depth="quick").code == 0
    ended = acs("replay", ".", folder=tmp_path)
    assert ended.code == 2
    assert "no findings" in ended.err
    assert acs("replay", ".", "--all", folder=tmp_path).code == 0


def test_2_a_report_that_does_not_say_how_says_so(limit, tmp_path):
    report = reports.load(limit)
    del report["findings"][0]["requests"]
    reports.write_json(report, tmp_path / "report.json")
    ended = acs("replay", ".", folder=tmp_path)
    assert ended.code == 2
    assert '"requests" is a required property' in ended.err


def test_all_of_them_count(many):
    report, folder = many
    with servers.emulates() as server:
        ended = replayed(server, folder, "--all", "--format", "json", "--times", "1")
    told = json.loads(ended.out)
    assert [each["id"] for each in told] == [each["id"] for each in report["findings"]]
    assert ended.code == (0 if all(each["exit_code"] == 0 for each in told) else 3)


def test_a_description_that_has_changed_since_is_told(limit, tmp_path):
    report = reports.load(limit)
    for each in report["descriptions"]:
        each["sha256"] = "0" * 64
    reports.write_json(report, tmp_path / "report.json")
    with servers.emulates() as server:
        ended = acs("replay", ".", "--target", server.url, folder=tmp_path)
    assert "warning: StartRtcCloudTranscode is described otherwise than in that run" in ended.err


def test_no_answer_shows_a_secret(limit):
    """A target that repeats what it was sent."""

    def repeats(request, _number):
        text = f"{request.target} {request.headers}"
        return RawResponse(200, (("content-type", servers.JSON),), json.dumps({"RequestId": text}).encode())

    with servers.serving(repeats) as server:
        ended = replayed(server, limit, "--format", "json")
    assert servers.KEYS.access_key_secret not in ended.out
    signature = re.search(r"Signature=([0-9a-f]{64})", str(server.requests[0].headers))[1]
    assert signature not in ended.out


# --- findings that are no failure of one request ----------------------------------------------------------------------


@contextlib.contextmanager
def settled(**choices):
    """The emulator with open points settled otherwise."""
    keys = AccessKeys(secrets={servers.KEYS.access_key_id: servers.KEYS.access_key_secret})
    policy = Policy(choices={point.replace("_", "."): choice for point, choice in choices.items()})
    core = Emulator({"StartRtcCloudTranscode": START}, settings=Settings(access_keys=keys), policy=policy)
    with servers.serving(lambda request, _: core.handle(request)) as server:
        yield server


def test_a_reading_that_has_changed_is_told_from_one_that_is_back(tmp_path):
    question = "StartRtcCloudTranscode.wire.method"
    baseline = reports.load(SAMPLE)
    baseline["readings"] = [
        {
            "id": question,
            "operation": "StartRtcCloudTranscode",
            "question": "GET?",
            "readings": ["any"],
            "observed": "accepted",
            "evidence": {},
        }
    ]
    reports.write_json(baseline, tmp_path / "baseline.json")
    with settled() as server:
        arguments = ("StartRtcCloudTranscode", "--baseline", tmp_path / "baseline.json", "--no-self-check")
        (finding,) = run_against(server.url, tmp_path, *arguments, depth="standard").report["findings"]
        assert (finding["id"], finding["received"]) == (f"{question}~changed", "reading 'refused'")
        ended = replayed(server, tmp_path)
    assert (ended.code, "STILL FAILS" in ended.out) == (1, True), ended.out
    with settled(wire_method="taken") as server:
        ended = replayed(server, tmp_path)
    assert (ended.code, "reading 'accepted' again" in ended.out) == (0, True), ended.out


def test_a_target_that_fails_now_and_then_is_not_cleared_by_a_few_good_answers(tmp_path):
    with servers.fails_every(20) as server:
        ended = run_against(server.url, tmp_path, "--only", "StartRtcCloudTranscode.*", depth="quick")
    assert ended.failed == {"StartRtcCloudTranscode.availability"}
    with servers.fails_every(3) as server:
        assert replayed(server, tmp_path).code == 1
    with servers.emulates() as server:
        ended = replayed(server, tmp_path, "--times", "3")
    assert ended.code == 3
    assert "may be chance" in ended.out
