"""The report as SARIF 2.1.0, for code scanning and the editors that show it beside the description.

In: a report. Out: the text of report.sarif: a rule for each requirement, and a result for each cause for which one
fails, at its line of the description. What is not decided is a notification, so that nothing is green by silence.
Section numbers are those of the OASIS standard.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from acs_conformance.report import deviations, view
from acs_conformance.report.pages import link
from acs_conformance.report.text import cut, visible

Data = Mapping[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: The place that relative addresses start from: where the folder spec/ is.
_ROOT = "SRCROOT"
#: Characters of a message, and of a body in a result.
_MESSAGE, _BODY = 1_000, 4_000


def render(report: Data) -> str:
    """The text of report.sarif."""
    rules = _rules(report)
    index = {name: number for number, name in enumerate(rules)}
    run = {
        "tool": {"driver": {**_tool(report), "rules": list(rules.values())}},
        "automationDetails": {"id": _category(report)},
        "invocations": [_invocation(report, index)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which the folder spec is."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report, index)),
        "properties": {
            "target": visible(report["target"]["url"]),
            "targetKind": visible(report["target"]["kind"]),
            "depth": visible(report["run"]["depth"]),
            "seed": str(report["run"]["seed"]),
            "descriptionSha256": {visible(d["operation"]): d["sha256"] for d in report["descriptions"]},
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def _message(text: str, limit: int = _MESSAGE) -> dict[str, str]:
    """A message of plain text that has no placeholder (3.11.5) and no link (3.11.6) in it."""
    plain = cut(visible(text), limit).replace("{", "{{").replace("}", "}}")
    return {"text": plain.replace("](", "] (")}


def _tool(report: Data) -> dict[str, str]:
    tool = report["run"]["tool"]
    return {"name": visible(tool["name"]), "version": visible(tool["version"])}


def _category(report: Data) -> str:
    """What the run is one of, and the run after the last slash: GitHub shows the last run of a kind."""
    which = f"{report['run']['only'] or 'all'} {view.target_name(report)}"
    named = re.sub(r"[^A-Za-z0-9.-]+", "-", which).strip("-")
    return f"{visible(report['run']['tool']['name'])}/{named}/{visible(report['run']['id'])}"


# --- rules ----------------------------------------------------------------------------------------------------------


def _rules(report: Data) -> dict[str, dict[str, Any]]:
    """By id: one for each requirement, whatever its verdict, and for each open question that has a finding."""
    pages = {description["operation"]: link(description["page"]) for description in report["descriptions"]}
    statements = {(s["operation"], s["id"]): s["text"] for s in report["statements"]}
    rules = {}
    for requirement in report["requirements"]:
        operation = requirement["operation"]
        said = [statements[operation, name] for name in requirement["statements"] if (operation, name) in statements]
        tags = [visible(requirement["kind"])] if requirement["kind"] else []
        page = pages.get(operation, "")
        rules[requirement["id"]] = _rule(requirement["id"], requirement["claim"], said, page, tags)
    questions = {reading["id"]: reading for reading in report["readings"]}
    for finding in report["findings"]:
        said = [statement["text"] for statement in finding["statements"]]
        for name in finding["requirements"]:
            page = pages.get(questions[name]["operation"], "") if name in questions else ""
            rules.setdefault(name, _rule(name, finding["claim"], said, page, ["open question"]))
    return rules


def _rule(name: str, claim: str, said: list[str], page: str, tags: list[str]) -> dict[str, Any]:
    words = f"The documentation says: {' '.join(said)}" if said else claim
    rule = {
        "id": visible(name),
        "shortDescription": _message(claim),
        "fullDescription": _message(words),
        "help": _message(f"{claim}. {words}" if said else claim),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": tags, "precision": "very-high"},
    }
    if page:
        rule["helpUri"] = quote(page, safe=":/?#[]@!$&'()*+,;=%", errors="backslashreplace")
    return rule


# --- results --------------------------------------------------------------------------------------------------------


def _results(report: Data, index: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    files = {description["operation"]: description["file"] for description in report["descriptions"]}
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    exchanges = {exchange["number"]: exchange for exchange in report["exchanges"]}
    explained = set()
    for finding in report["findings"]:
        for name in finding["requirements"]:
            explained.add(name)
            is_main = name == finding["requirement"]
            requirement = requirements.get(name)
            if is_main or requirement is None:
                file, line = _place(finding["source"])
            else:
                file, line = files.get(requirement["operation"], ""), requirement["line"]
            claim = finding["claim"] if requirement is None else requirement["claim"]
            result = _result(name, index, _of_finding(claim, finding), finding["cause"], file, line)
            if finding["is_covered"]:
                result["suppressions"] = list(map(_suppression, deviations.of_finding(report, finding)))
            result["occurrenceCount"] = max(1, finding["rate"]["failed"])
            result["properties"] = {
                "finding": visible(finding["id"]),
                "case": visible(finding["case"]),
                "replay": visible(finding.get("replay", "")),
            }
            if is_main and (exchange := exchanges.get(finding["exchange"])):
                result |= _web(exchange)
            yield result
    for requirement in report["requirements"]:
        if requirement["verdict"] == "fail" and requirement["id"] not in explained:
            text = f"{requirement['claim']}: {requirement['reason'] or 'fails'}"
            file = files.get(requirement["operation"], "")
            yield _result(requirement["id"], index, text, requirement["reason"], file, requirement["line"])


def _of_finding(claim: str, finding: Data) -> str:
    """The message: its first sentence is what viewers show where there is little room (3.11.3)."""
    rate = finding["rate"]
    said = "".join(f" The documentation says: {statement['text']}" for statement in finding["statements"])
    again = f" To see it again: {finding['replay']}" if finding.get("replay") else ""
    first = f"{claim}, but received {cut(finding['received'], 200)} where {cut(finding['allowed'], 200)} is allowed"
    return f"{first}, in {rate['failed']} of {rate['tried']} tries.{said}{again}"


def _result(name: str, index: Mapping[str, int], text: str, cause: str, file: str, line: int) -> dict[str, Any]:
    digest = hashlib.sha256(f"{name}\0{cause}".encode("utf-8", "backslashreplace")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": visible(name),
        "ruleIndex": index[name],
        "level": "error",
        "message": _message(text, 2 * _MESSAGE),
        # All results of a run have the list or none (3.27.23); an empty one says that none covers the result.
        "suppressions": [],
        # The second is the one that GitHub reads; it would be that of the line's text. Ours outlives a moved line.
        "partialFingerprints": {"requirementAndCause/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:1"},
    }
    if file:
        place: dict[str, Any] = {"artifactLocation": _artifact(file)}
        if line:
            place["region"] = {"startLine": line}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _suppression(deviation: Data) -> dict[str, str]:
    """A deviation stands beside the description, not in it, and whoever wrote it had the say (3.35)."""
    words = visible(f"{deviations.in_words(deviation)} ({deviation['source']})")
    return {"kind": "external", "status": "accepted", "justification": cut(words, _MESSAGE)}


def _place(source: str) -> tuple[str, int]:
    """File and line of a finding's source; 0 where it names no line."""
    file, _, line = source.rpartition(":")
    return (file, int(line)) if file and line.isascii() and line.isdigit() else (source, 0)


def _artifact(file: str) -> dict[str, str]:
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix(), errors="backslashreplace"), "uriBaseId": _ROOT}


def _web(exchange: Data) -> dict[str, Any]:
    request, response = exchange["request"], exchange["response"]
    sent = {"protocol": "HTTP", "method": visible(request["method"]), "target": visible(cut(request["target"], _BODY))}
    if response is None:
        received: dict[str, Any] = {"noResponseReceived": True}
    else:
        received = {"protocol": "HTTP", "statusCode": response["status"], **_content(response)}
    return {"webRequest": {**sent, **_content(request)}, "webResponse": received}


def _content(message: Data) -> dict[str, Any]:
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in message["headers"]:
        headers[visible(name)].append(visible(value))
    body = message["body"]
    content = {"text": visible(cut(body, _BODY))} if isinstance(body, str) else {"binary": body["base64"]}
    return {"headers": {name: ", ".join(values) for name, values in headers.items()}, "body": content}


# --- the run --------------------------------------------------------------------------------------------------------


def _invocation(report: Data, index: Mapping[str, int]) -> dict[str, Any]:
    run = report["run"]
    said = dict.fromkeys((run["diagnosis"], run["stopped"], "" if run["is_complete"] else "the run has not ended"))
    notes: list[dict[str, Any]] = [{"level": "warning", "message": _message(text)} for text in said if text]
    for each in deviations.noticed(report):
        words = f"The deviation at {each['source']} {each['notice']}: {', '.join(each['requirements'])}"
        notes.append({"level": "warning", "message": _message(words)})
    for group in view.undecided(report):
        for requirement in group["requirements"]:
            name = requirement["id"]
            words = f"{name} has no verdict but {requirement['verdict']}"
            notes.append(
                {
                    "level": "error" if requirement["verdict"] == "error" else "warning",
                    "message": _message(f"{words}: {requirement['reason']}" if requirement["reason"] else words),
                    "associatedRule": {"id": visible(name), "index": index[name]},
                }
            )
    return {
        "executionSuccessful": run["is_complete"] and run["verdict"] != "error",
        "exitCode": run["exit_code"],
        "exitCodeDescription": run["verdict"],
        "startTimeUtc": run["started_at"],
        "endTimeUtc": run["ended_at"],
        "toolExecutionNotifications": notes,
    }
