"""The results of Allure: a folder that Allure 2 and 3 make their report of, together with those of other tools.

In: a report and a folder. Out: a result for each requirement; for each that fails the claim, the exchanges as steps,
and what shows and repeats them as attachments. A requirement keeps its history from run to run by its id. The names
come from the report and the run, so that the same report gives the same files, whatever is in the folder already.

Source: Allure's result files, https://allurereport.org/docs/how-it-works-test-result-file/.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from acs_conformance.report import har, scripts
from acs_conformance.report.files import encoded, write_text
from acs_conformance.report.text import plural, visible

Data = Mapping[str, Any]

_STATUS = {"pass": "passed", "fail": "failed", "error": "broken", "inconclusive": "skipped", "none": "skipped"}
_JUDGED = {"right": "passed", "wrong": "failed", "undecided": "skipped"}
_NO_KEY = re.compile(r"[^A-Za-z0-9._-]+")
#: Exchanges that a result shows as steps.
_STEPS = 20
_CATEGORIES = [
    {"name": "Broken promises", "matchedStatuses": ["failed"]},
    {"name": "Errors of the tool", "matchedStatuses": ["broken"]},
    {"name": "Not decided", "matchedStatuses": ["skipped"], "messageRegex": "(?s)inconclusive.*"},
    {"name": "Not tested, or did not arise", "matchedStatuses": ["skipped"], "messageRegex": "(?s)no verdict.*"},
]


def write(report: Data, folder: Path) -> list[Path]:
    """Write the results into a folder, which may hold those of others; the paths.

    Raises:
        ReportError: a file can't be written.
    """
    return [write_text(folder / name, text) for name, text in _files(report)]


def _files(report: Data) -> Iterator[tuple[str, str]]:
    exchanges = {each["number"]: each for each in report["exchanges"]}
    findings: dict[str, list[Data]] = defaultdict(list)
    for finding in report["findings"]:
        for name in finding["requirements"]:
            findings[name].append(finding)
    attached: dict[str, list[dict[str, str]]] = {}
    for finding in report["findings"]:
        attached[finding["id"]] = []
        for title, kind, suffix, text in _evidence(report, finding):
            name = f"{_uuid(report, finding['id'] + suffix)}-attachment{suffix}"
            attached[finding["id"]].append({"name": title, "source": name, "type": kind})
            yield name, text
    for requirement in report["requirements"]:
        mine = findings[requirement["id"]]
        found = _result(report, requirement, mine, exchanges)
        found["attachments"] = [each for finding in mine for each in attached[finding["id"]]]
        yield f"{found['uuid']}-result.json", _json(found)
    if not report["run"]["is_complete"] or not report["requirements"]:
        found = _of_the_run(report)
        yield f"{found['uuid']}-result.json", _json(found)
    yield "environment.properties", _environment(report)
    yield "categories.json", _json(_CATEGORIES)


def _evidence(report: Data, finding: Data) -> Iterator[tuple[str, str, str, str]]:
    """Title, media type, suffix and text of what is attached to a finding."""
    name = finding["cause"]
    if "requests" in finding:
        numbers = frozenset(request["exchange"] for request in finding["requests"])
        yield f"requests and answers ({name})", "application/json", ".har", har.render(report, numbers)
        yield f"curl script ({name})", "text/x-shellscript", ".sh", scripts.KINDS[".sh"](report, finding)
        yield f"Python SDK ({name})", "text/x-python", ".py", scripts.KINDS[".py"](report, finding)
    else:
        yield f"curl ({name})", "text/plain", ".txt", f"{finding['curl']}\n"


def _result(report: Data, requirement: Data, findings: Sequence[Data], exchanges: Mapping[int, Data]) -> dict[str, Any]:
    steps = [_step(exchanges[number]) for number in requirement["evidence"][:_STEPS] if number in exchanges]
    start = min((step["start"] for step in steps), default=_ms(report["run"]["started_at"]))
    stop = max((step["stop"] for step in steps), default=start)
    return {
        **_named(report, requirement["id"], requirement["claim"]),
        "status": _STATUS[requirement["verdict"]],
        "statusDetails": _details(requirement, findings),
        "stage": "finished",
        "description": _description(report, requirement),
        "steps": steps,
        "labels": [
            {"name": name, "value": visible(value)}
            for name, value in (
                ("framework", report["run"]["tool"]["name"]),
                ("host", report["target"]["url"]),
                ("parentSuite", _product(report, requirement["operation"])),
                ("suite", requirement["operation"]),
                ("subSuite", requirement["path"] or requirement["kind"]),
                ("epic", _product(report, requirement["operation"])),
                ("feature", requirement["operation"]),
                ("story", requirement["path"] or requirement["kind"]),
                ("tag", requirement["keyword"]),
            )
            if value
        ],
        "links": [
            {"type": "link", "name": "documentation", "url": each["page"]}
            for each in report["descriptions"]
            if each["operation"] == requirement["operation"] and each["page"]
        ],
        "start": start,
        "stop": stop,
    }


def _named(report: Data, identifier: str, claim: str) -> dict[str, Any]:
    """What tells a result from others, and what it has in common with those of other runs."""
    lasting = hashlib.md5(encoded(identifier), usedforsecurity=False).hexdigest()
    return {
        "uuid": _uuid(report, identifier),
        "historyId": lasting,
        "testCaseId": lasting,
        "fullName": visible(identifier),
        "name": visible(f"{identifier}: {claim}"),
    }


def _uuid(report: Data, name: str) -> str:
    run = report["run"]
    return str(uuid.uuid5(uuid.NAMESPACE_URL, visible(f"{run['id']} {run['started_at']} {name}")))


def _details(requirement: Data, findings: Sequence[Data]) -> dict[str, Any]:
    reason = requirement["reason"]
    if requirement["verdict"] == "fail":
        lines = [f"received {each['received']}; allowed {each['allowed']}" for each in findings] or [reason]
        trace = [line for each in findings for line in (f"{each['id']}", each.get("replay", ""), each.get("again", ""))]
        rates = [each["rate"] for each in findings]
        is_flaky = any(0 < rate["failed"] < rate["tried"] for rate in rates)
        return {
            "message": visible("\n".join(lines)),
            "trace": visible("\n".join(filter(None, trace))),
            "flaky": is_flaky,
        }
    if requirement["verdict"] == "pass":
        return {}
    words = {"inconclusive": "inconclusive", "none": "no verdict", "error": "the tool failed"}[requirement["verdict"]]
    return {"message": visible(f"{words}: {reason}" if reason else words)}


def _description(report: Data, requirement: Data) -> str:
    texts = [s["text"] for s in report["statements"] if requirement["id"] in s["requirements"]]
    counts = f"{requirement['decided']:,} of {plural(requirement['planned'], 'case')} decided"
    return visible("\n\n".join([*(f"The page says: {text}" for text in texts), counts]))


def _step(exchange: Data) -> dict[str, Any]:
    start = round(exchange["sent_at"] * 1000)
    return {
        "name": visible(f"exchange {exchange['number']}: {exchange['case']} → {exchange['answer']}"),
        "status": _JUDGED[exchange["judged"]],
        "stage": "finished",
        "start": start,
        "stop": start + round(exchange["elapsed_s"] * 1000),
    }


def _of_the_run(report: Data) -> dict[str, Any]:
    """What the other results would be silent about: that the run did not end, or that nothing was selected."""
    run = report["run"]
    reason = (
        run["stopped"] or run["diagnosis"] or ("nothing was selected" if run["is_complete"] else "it has not ended")
    )
    return {
        **_named(report, run["tool"]["name"], "the run as a whole"),
        "status": "broken" if run["verdict"] == "error" else "skipped",
        "statusDetails": {"message": visible(f"inconclusive: {reason}")},
        "stage": "finished",
        "labels": [{"name": "framework", "value": run["tool"]["name"]}],
        "start": _ms(run["started_at"]),
        "stop": _ms(run["ended_at"]),
    }


def _product(report: Data, operation: str) -> str:
    words = (f"{d['product']} {d['version']}" for d in report["descriptions"] if d["operation"] == operation)
    return next(words, operation).strip()


def _environment(report: Data) -> str:
    run, target = report["run"], report["target"]
    facts = {
        "target": target["url"],
        "target.kind": target["kind"],
        "depth": run["depth"],
        "seed": str(run["seed"]),
        "run": run["id"],
        "only": run["only"],
        "tool": f"{run['tool']['name']} {run['tool']['version']}",
        **{f"description.{_NO_KEY.sub('_', d['operation'])}": d["sha256"] for d in report["descriptions"]},
    }
    return "".join(f"{name}={_property(value)}\n" for name, value in facts.items() if value)


def _property(text: str) -> str:
    """A value as a file of Java properties has it."""
    escaped = re.sub(r"[\\\n\r]", lambda found: {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}[found[0]], text)
    return re.sub(r"[^\x20-\x7e]", lambda found: f"\\u{ord(found[0]) & 0xFFFF:04x}", escaped)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, indent=1) + "\n"
