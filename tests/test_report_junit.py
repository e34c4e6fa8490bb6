"""junit.xml: one test case for each requirement, every verdict in the words of JUnit, whatever a target answered."""

import copy
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from acs_conformance.report import junit

DATA = Path(__file__).parent / "data"
OUTCOMES = {"fail": ["failure"], "error": ["error"], "inconclusive": ["skipped"], "none": ["skipped"], "pass": []}


@pytest.fixture
def report():
    return json.loads((DATA / "report-sample.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def schema():
    return xmlschema.XMLSchema10(DATA / "junit-10.xsd")


def parsed(report, schema):
    text = junit.render(report)
    schema.validate(text.encode())
    return ET.fromstring(text.encode())  # noqa: S314 - our own text


def test_each_requirement_is_a_test_case_with_its_outcome(report, schema):
    root = parsed(report, schema)
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {r["id"]: OUTCOMES[r["verdict"]] for r in report["requirements"]}
    assert {case.get("classname") for case in root.iter("testcase")} == {r["operation"] for r in report["requirements"]}


def test_the_counts_are_those_of_the_report(report, schema):
    counts = report["run"]["counts"]
    root = parsed(report, schema)
    (suite,) = root
    assert suite.get("skipped") == str(counts["none"] + counts["inconclusive"])
    for element in (root, suite):
        assert element.get("tests") == str(sum(counts.values()))
        assert (element.get("failures"), element.get("errors")) == (str(counts["fail"]), str(counts["error"]))


def test_a_failure_says_what_a_finding_says(report, schema):
    finding = report["findings"][0]
    finding["replay"] = "command to send it again"
    text = next(
        case.find("failure")
        for case in parsed(report, schema).iter("testcase")
        if case.get("name") == finding["requirement"]
    )
    assert text.get("type") == finding["cause"]
    assert text.get("message") == f"{finding['claim']}: received {finding['received']}, allowed {finding['allowed']}"
    said = [line.partition(":")[2].strip() for line in text.text.splitlines()]
    named = [finding["claim"], finding["statements"][0]["text"], finding["source"], finding["received"]]
    assert said == [
        finding["id"],
        *named,
        finding["allowed"],
        f"{finding['rate']['failed']} of {finding['rate']['tried']}",
        finding["case"],
        f"exchange {finding['exchange']} in report.json",
        finding["curl"],
        finding["replay"],
        finding["again"],
    ]


def test_several_causes_are_one_failure(report, schema):
    other = {**report["findings"][0], "id": "other~1", "cause": "other", "received": "200, another"}
    report["findings"].append(other)
    case = next(c for c in parsed(report, schema).iter("testcase") if c.get("name") == other["requirement"])
    (failure,) = case
    assert failure.get("message").endswith("; 1 more cause")
    assert "200, another" in failure.text


def test_a_failure_without_a_finding_is_still_one(report, schema):
    report["findings"] = []
    failures = list(parsed(report, schema).iter("failure"))
    assert len(failures) == report["run"]["counts"]["fail"]
    assert all(failure.text for failure in failures)


def test_what_is_not_decided_says_why(report, schema):
    reasons = {r["id"]: r["reason"] for r in report["requirements"] if OUTCOMES[r["verdict"]] == ["skipped"]}
    for case in parsed(report, schema).iter("testcase"):
        if case.get("name") in reasons:
            assert case.find("skipped").get("message").endswith(reasons[case.get("name")])


def test_the_run_is_in_the_properties(report, schema):
    run = report["run"]
    properties = {p.get("name"): p.get("value") for p in parsed(report, schema).iter("property")}
    assert properties["target"] == report["target"]["url"]
    assert (properties["seed"], properties["depth"]) == (str(run["seed"]), run["depth"])
    assert properties["tool-version"] == f"{run['tool']['name']} {run['tool']['version']}"
    assert properties["description-sha256"] == report["descriptions"][0]["sha256"]
    assert properties["exit-code"] == str(run["exit_code"])


def test_times_are_those_of_the_evidence(report, schema):
    elapsed = {x["number"]: x["elapsed_s"] for x in report["exchanges"]}
    requirement = report["requirements"][0]
    case = next(c for c in parsed(report, schema).iter("testcase") if c.get("name") == requirement["id"])
    assert float(case.get("time")) == pytest.approx(sum(elapsed[n] for n in requirement["evidence"]), abs=1e-6)


def test_each_operation_is_a_suite(report, schema):
    second = copy.deepcopy(report["requirements"][0]) | {
        "operation": "Other",
        "id": "Other.x.required",
        "evidence": [9999],
    }
    report["requirements"].append(second)
    report["descriptions"].append({**report["descriptions"][0], "operation": "Unused"})
    assert [suite.get("name") for suite in parsed(report, schema)] == [report["requirements"][0]["operation"], "Other"]


@pytest.mark.parametrize(
    ("change", "tag", "said"),
    [
        ({"verdict": "error", "exit_code": 4, "stopped": "the tool broke"}, "error", "the tool broke"),
        ({"verdict": "error", "exit_code": 4}, "error", "the tool failed"),
        ({"is_complete": False}, "skipped", "the run has not ended"),
    ],
)
def test_what_no_requirement_tells_is_told_by_the_run(report, schema, change, tag, said):
    """A failure of the tool or a partial report is never all green."""
    report["requirements"] = [r for r in report["requirements"] if r["verdict"] == "pass"]
    report["run"]["counts"] |= {"error": 0}
    report["run"] |= change
    case = parsed(report, schema)[-1].find("testcase")
    assert (case.get("name"), [child.tag for child in case]) == ("run", [tag])
    assert case[0].get("message").startswith(said)


def test_a_run_without_requirements_is_not_green(report, schema):
    report["requirements"], report["findings"] = [], []
    root = parsed(report, schema)
    assert [child.tag for child in root[0].find("testcase")] == ["skipped"]
    assert root.get("tests") == "1"


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x1b", "\x7f", "\x85", "\ud800", "\ufffe", "\uffff", "\u202e"])
def test_characters_that_xml_forbids_are_shown_by_their_code_point(report, schema, character):
    hostile = f"]]></failure><a b='{character}'>&lt;"
    report["findings"][0] |= {"received": hostile, "curl": hostile, "cause": hostile}
    report["run"]["diagnosis"] = report["target"]["url"] = hostile
    for requirement in report["requirements"]:
        requirement["reason"] = hostile
    root = parsed(report, schema)
    failure = next(root.iter("failure"))
    shown = hostile.replace(character, f"⟨U+{ord(character):04X}⟩")
    assert failure.get("type") == shown
    assert f"request:   {shown}" in failure.text
    assert len(list(root.iter("a"))) == 0
