"""The report as JUnit XML, for the test views of GitLab, Jenkins and GitHub.

In: a report. Out: the text of junit.xml: a suite for each operation, a test case for each requirement. What is not
decided is skipped, with the reason; what the tool could not do is an error. A failure that deviations cover is skipped
as well, as pytest's expected failures are: build servers turn red for a failure. It follows Jenkins' schema, junit-10.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from acs_conformance.report import deviations
from acs_conformance.report.text import plural, visible

Data = Mapping[str, Any]


def render(report: Data) -> str:
    """The text of junit.xml, with its declaration; a suite's time is that of all its exchanges, in seconds."""
    elapsed = {exchange["number"]: exchange["elapsed_s"] for exchange in report["exchanges"]}
    spent: Counter[str] = Counter()
    for exchange in report["exchanges"]:
        spent[exchange["operation"]] += exchange["elapsed_s"]
    findings: dict[str, list[Data]] = defaultdict(list)
    for finding in report["findings"]:
        for name in finding["requirements"]:
            findings[name].append(finding)
    by_operation: dict[str, list[Data]] = {description["operation"]: [] for description in report["descriptions"]}
    for requirement in report["requirements"]:
        by_operation.setdefault(requirement["operation"], []).append(requirement)
    root = _element("testsuites", name=report["run"]["tool"]["name"])
    for operation, requirements in ((name, mine) for name, mine in by_operation.items() if mine):
        suite = _suite(report, operation, spent[operation])
        for requirement in requirements:
            time = sum(elapsed.get(number, 0.0) for number in requirement["evidence"])
            case = _child(suite, "testcase", classname=operation, name=requirement["id"], time=_seconds(time))
            accepted = deviations.of_requirement(report, requirement)
            if requirement["is_covered"]:
                _covered(case, requirement, findings[requirement["id"]], accepted)
            else:
                _outcome(case, requirement, findings[requirement["id"]], accepted)
        root.append(suite)
    if unseen := _unseen(report):
        suite = _suite(report, report["run"]["tool"]["name"], 0.0)
        case = _child(suite, "testcase", classname=report["run"]["tool"]["name"], name="run", time="0")
        _child(case, unseen, message=_of_the_run(report))
        root.append(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _unseen(report: Data) -> str:
    """What the suites would be silent about: "error", "skipped" or nothing."""
    verdict = report["run"]["verdict"]
    if verdict == "error" and not report["run"]["counts"]["error"]:
        return "error"
    return "skipped" if not report["requirements"] or not report["run"]["is_complete"] else ""


def _of_the_run(report: Data) -> str:
    run = report["run"]
    said = run["stopped"] or run["diagnosis"]
    if run["verdict"] == "error":
        return said or "the tool failed; its output says where"
    return said or ("the run has not ended" if not run["is_complete"] else "no requirement was selected")


# --- elements -------------------------------------------------------------------------------------------------------


def _element(tag: str, **attributes: str) -> ET.Element:
    return ET.Element(tag, {name: visible(value) for name, value in attributes.items()})


def _child(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    element = _element(tag, **attributes)
    parent.append(element)
    return element


def _seconds(value: float) -> str:
    return f"{value:.6f}"


def _suite(report: Data, operation: str, spent: float) -> ET.Element:
    run, target = report["run"], report["target"]
    suite = _element("testsuite", name=operation, time=_seconds(spent), timestamp=run["started_at"])
    facts = {
        "target": target["url"],
        "target-kind": target["kind"],
        "seed": str(run["seed"]),
        "depth": run["depth"],
        "run": run["id"],
        "only": run["only"],
        "tool-version": f"{run['tool']['name']} {run['tool']['version']}",
        "verdict": run["verdict"],
        "exit-code": str(run["exit_code"]),
        "diagnosis": run["diagnosis"],
        **{f"deviation {each['source']}": each["notice"] for each in deviations.noticed(report)},
    }
    for description in report["descriptions"]:
        if description["operation"] == operation:
            facts |= {"documentation": description["page"], "description": description["file"]}
            facts |= {"description-sha256": description["sha256"]}
    properties = _child(suite, "properties")
    for name, value in facts.items():
        if value:
            _child(properties, "property", name=name, value=value)
    return suite


def _outcome(case: ET.Element, requirement: Data, findings: Sequence[Data], accepted: Sequence[Data]) -> None:
    verdict, reason = requirement["verdict"], requirement["reason"]
    if verdict == "fail":
        # One element however many causes there are: viewers show the first only.
        first = f"received {findings[0]['received']}, allowed {findings[0]['allowed']}" if findings else reason
        more = f"; {plural(len(findings) - 1, 'more cause')}" if len(findings) > 1 else ""
        kind = findings[0]["cause"] if findings else "fail"
        failure = _child(case, "failure", message=f"{requirement['claim']}: {first}{more}", type=kind)
        expired = [deviations.in_words(deviation) for deviation in accepted if deviation["days_left"] < 0]
        failure.text = visible("\n\n".join([*expired, *map(_finding, findings)]) or reason)
    elif verdict == "error":
        error = _child(case, "error", message=reason or "the tool failed on this requirement", type="error")
        error.text = visible("\n".join((requirement["id"], requirement["claim"], reason)))
    elif verdict != "pass":
        words = {"inconclusive": "inconclusive", "none": "no verdict"}[verdict]
        _child(case, "skipped", message=f"{words}: {reason}" if reason else words)


def _covered(case: ET.Element, requirement: Data, findings: Sequence[Data], accepted: Sequence[Data]) -> None:
    words = "; ".join(map(deviations.in_words, accepted))
    message = f"fails, {words}: {requirement['reason']}"
    skipped = _child(case, "skipped", message=message, type="deviation")
    skipped.text = visible("\n\n".join(map(_finding, findings)))


def _finding(finding: Data) -> str:
    """The lines of a finding in the order in which one prints everywhere."""
    rate = finding["rate"]
    lines: Iterable[tuple[str, str]] = (
        ("finding", finding["id"]),
        ("claim", finding["claim"]),
        *(("statement", statement["text"]) for statement in finding["statements"]),
        ("source", finding["source"]),
        ("received", finding["received"]),
        ("allowed", finding["allowed"]),
        ("rate", f"{rate['failed']} of {rate['tried']}"),
        ("case", finding["case"]),
        ("evidence", f"exchange {finding['exchange']} in report.json"),
        ("request", finding["curl"]),
        ("replay", finding.get("replay", "")),
        ("again", finding.get("again", "")),
    )
    return "\n".join(f"{name + ':':<10} {value}" for name, value in lines if value)


def _count(root: ET.Element) -> None:
    """Put the counts on each suite and, without the skipped ones that the schema has no place for, on the whole."""
    total: Counter[str] = Counter()
    for suite in root:
        tags = Counter(element.tag for element in itertools.chain.from_iterable(suite.iterfind("testcase")))
        counts = {
            "tests": len(suite.findall("testcase")),
            "failures": tags["failure"],
            "errors": tags["error"],
            "skipped": tags["skipped"],
        }
        suite.attrib.update({name: str(count) for name, count in counts.items()})
        total.update(counts)
    root.attrib.update({name: str(total[name]) for name in ("tests", "failures", "errors")})
    root.set("time", _seconds(sum(float(suite.get("time", "0")) for suite in root)))
