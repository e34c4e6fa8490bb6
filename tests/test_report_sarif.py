"""report.sarif: valid, one result for each failed requirement and cause, at its line, with an identity that stays."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from acs_conformance.report import sarif
from hostile import poisoned, sample

DATA = Path(__file__).parent / "data"
HOSTILE = " {0} }} [here](https://evil.example/) \u202e \x00 \ud800 " + "x" * 5_000


@pytest.fixture
def report():
    return sample()


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((DATA / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def run_of(report, validator):
    text = sarif.render(report)
    text.encode()
    log = json.loads(text)
    validator.validate(log)
    assert log["$schema"] == sarif.SCHEMA
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    for note in run["invocations"][0]["toolExecutionNotifications"]:
        if rule := note.get("associatedRule"):
            assert rules[rule["index"]] == rule["id"]
    return run


def test_the_schema_refuses_what_is_no_sarif(validator, report):
    log = json.loads(sarif.render(report))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not validator.is_valid(log)


def test_each_requirement_is_a_rule_and_each_failed_one_has_results(report, validator):
    run = run_of(report, validator)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [r["id"] for r in report["requirements"]]
    pairs = [(result["ruleId"], result["properties"]["finding"]) for result in run["results"]]
    assert pairs == [(name, finding["id"]) for finding in report["findings"] for name in finding["requirements"]]
    assert {name for name, _ in pairs} == {r["id"] for r in report["requirements"] if r["verdict"] == "fail"}


def test_a_result_points_at_the_line_of_its_requirement(report, validator):
    lines = {requirement["id"]: requirement["line"] for requirement in report["requirements"]}
    file = report["descriptions"][0]["file"]
    # One finding for a cause that two requirements share: each has a line of its own.
    shared = report["findings"][0]
    other = next(r["id"] for r in report["requirements"] if r["verdict"] == "fail" and r["id"] != shared["requirement"])
    shared["requirements"] = [shared["requirement"], other]
    for result in run_of(report, validator)["results"]:
        (place,) = (location["physicalLocation"] for location in result["locations"])
        assert place["artifactLocation"] == {"uri": file, "uriBaseId": "SRCROOT"}
        assert place["region"] == {"startLine": lines[result["ruleId"]]}


@pytest.mark.parametrize(
    ("source", "uri", "line"),
    [
        ("spec/a b/ü.yaml:7", "spec/a%20b/%C3%BC.yaml", 7),
        ("spec/_common/rpc.yaml", "spec/_common/rpc.yaml", None),
        ("/home/me/spec/x.yaml:3", "file:///home/me/spec/x.yaml", 3),
        ("a:b:12", "a%3Ab", 12),
    ],
)
def test_a_source_becomes_an_address(report, validator, source, uri, line):
    report["findings"][0]["source"] = source
    place = run_of(report, validator)["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert place.get("region") == ({"startLine": line} if line else None)


def test_the_message_begins_with_what_is_wrong_and_ends_with_how_to_see_it(report, validator):
    finding = report["findings"][0]
    finding["replay"] = "acs-conformance run --only x"
    text = run_of(report, validator)["results"][0]["message"]["text"]
    assert text.startswith(f"{finding['claim']}, but received {finding['received']} where ")
    assert text.endswith("To see it again: acs-conformance run --only x")


def test_the_smallest_request_and_its_answer_are_in_the_result(report, validator):
    finding = report["findings"][0]
    exchange = next(x for x in report["exchanges"] if x["number"] == finding["exchange"])
    result = run_of(report, validator)["results"][0]
    assert result["webRequest"]["target"] == exchange["request"]["target"]
    assert result["webResponse"]["statusCode"] == exchange["response"]["status"]
    assert result["webResponse"]["body"] == {"text": exchange["response"]["body"]}
    exchange |= {"response": None, "failure": "the connection was closed"}
    assert run_of(report, validator)["results"][0]["webResponse"] == {"noResponseReceived": True}


def test_a_body_that_is_no_text_stays_base64(report, validator):
    exchange = next(x for x in report["exchanges"] if x["number"] == report["findings"][0]["exchange"])
    exchange["response"]["body"] = {"base64": "//4="}
    assert run_of(report, validator)["results"][0]["webResponse"]["body"] == {"binary": "//4="}


def test_fingerprints_are_of_the_requirement_and_the_cause_alone(report, validator):
    def prints(changed):
        return [result["partialFingerprints"] for result in run_of(changed, validator)["results"]]

    moved = copy.deepcopy(report)
    for finding in moved["findings"]:
        finding |= {"source": "elsewhere/openapi.yaml:999", "received": "something", "exchange": 1, "curl": "curl"}
    assert prints(moved) == prints(report)
    assert len({each["primaryLocationLineHash"] for each in prints(report)}) == len(prints(report))
    moved["findings"][0]["cause"] = "another"
    assert prints(moved)[0] != prints(report)[0]
    assert prints(moved)[1:] == prints(report)[1:]


def test_a_failure_without_a_finding_is_a_result(report, validator):
    report["findings"] = []
    failed = [r for r in report["requirements"] if r["verdict"] == "fail"]
    results = run_of(report, validator)["results"]
    assert [result["ruleId"] for result in results] == [requirement["id"] for requirement in failed]
    assert failed[0]["reason"] in results[0]["message"]["text"]


def test_a_changed_reading_is_a_result_with_a_rule_of_its_own(report, validator):
    reading = report["readings"][0]
    changed = {**report["findings"][0], "requirement": reading["id"], "requirements": [reading["id"]]}
    report["findings"].append({**changed, "id": f"{reading['id']}~changed", "cause": "reading changed"})
    run = run_of(report, validator)
    assert run["results"][-1]["ruleId"] == reading["id"]
    assert run["tool"]["driver"]["rules"][-1]["properties"]["tags"] == ["open question"]


def test_what_is_not_decided_is_said(report, validator):
    notes = run_of(report, validator)["invocations"][0]["toolExecutionNotifications"]
    told = {note["associatedRule"]["id"]: note["level"] for note in notes}
    undecided = {
        r["id"]: "error" if r["verdict"] == "error" else "warning"
        for r in report["requirements"]
        if r["verdict"] not in ("pass", "fail") and not (r["conditional"] and r["verdict"] == "none")
    }
    assert told == undecided


def test_a_run_that_did_not_end_is_not_successful(report, validator):
    report["run"] |= {"is_complete": False, "stopped": "interrupted"}
    (invocation,) = run_of(report, validator)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "interrupted"


@pytest.mark.parametrize(
    ("page", "address"),
    [("https://a.example/b c?d=é", "https://a.example/b%20c?d=%C3%A9"), ("javascript:alert(1)", None), ("", None)],
)
def test_only_web_addresses_are_help(report, validator, page, address):
    report["descriptions"][0]["page"] = page
    rules = run_of(report, validator)["tool"]["driver"]["rules"]
    assert {rule.get("helpUri") for rule in rules} == {address}


def test_runs_of_one_target_and_selection_share_a_category(report, validator):
    def category():
        return run_of(report, validator)["automationDetails"]["id"].rpartition("/")

    report["target"] = {"url": "http://127.0.0.1:40001", "kind": "embedded emulator"}
    first = category()
    report["target"]["url"] = "http://127.0.0.1:40002"
    report["run"]["id"] = "r2"
    assert category()[0] == first[0]
    assert category()[2] == "r2" != first[2]
    report["target"]["kind"] = "given URL"
    assert category()[0] != first[0]
    report["run"]["only"] = "*.maxLength"
    assert category()[0].count("/") == 1


def test_hostile_text_makes_no_link_no_placeholder_and_nothing_invisible(report, validator):
    run = run_of(poisoned(report, HOSTILE), validator)
    texts = [result["message"]["text"] for result in run["results"]]
    texts += [rule["help"]["text"] for rule in run["tool"]["driver"]["rules"]]
    assert texts
    for text in texts:
        assert "](" not in text
        assert "{" not in text.replace("{{", "")
        assert "}" not in text.replace("}}", "")
        assert not set("\u202e\x00\ud800") & set(text)
        assert len(text) < 2_500


def test_a_report_of_nothing_is_valid(report, validator):
    report |= {name: [] for name in ("descriptions", "statements", "requirements", "readings", "findings", "exchanges")}
    report["run"]["counts"] = dict.fromkeys(report["run"]["counts"], 0)
    assert run_of(report, validator)["results"] == []
