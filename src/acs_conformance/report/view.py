"""What the page shows of a report: chosen, arranged and linked, so that the template only prints.

In: a report. Out: the values that `page.html.j2` names. It decides what a page of readable size embeds; report.json has
the rest, and the page says how much that is. Texts are as in the report: the template makes them visible and escapes.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from acs_conformance.report import deviations, scripts
from acs_conformance.report.pages import link
from acs_conformance.report.text import cut, plural

Data = Mapping[str, Any]

#: Worst news first, in every list and in the bar.
VERDICTS = ("fail", "error", "inconclusive", "none", "pass")
#: Characters of a target, a body or a value that a page shows; more is no longer read.
TEXT_LIMIT = 4_000
#: Operations that are named above the verdict; the others can be opened there.
HEAD = 4
#: Findings that get their request and answer; of the others the page has one line each.
FULL_FINDINGS = 100
#: Findings that get a line.
SHORT_FINDINGS = 1_000
#: Rows of a list that is there to be read rather than searched.
LIST_LIMIT = 200
#: Exchanges shown of a requirement that did not fail.
_SHOWN = 3
#: Characters of HTML that the page should stay below, what exchanges may take of them, and what they get in any case.
_PAGE_LIMIT, _MOST, _LEAST = 6_000_000, 3_500_000, 500_000
#: HTML around the texts of one exchange, requirement, statement and short finding.
_FRAME, _REQUIREMENT, _STATEMENT, _FINDING = 480, 620, 700, 350

#: The run's verdict in words.
HEADLINES = {
    "conforms": "Keeps its contract",
    "fails": "Breaks its contract",
    "inconclusive": "Not decided",
    "error": "The run failed",
}


def anchor(name: str) -> str:
    """The name as a fragment that needs no escaping anywhere: `~` stands for `[]`, and the rest becomes hex."""
    return quote(name.replace("[]", "~"), safe="", errors="backslashreplace").replace("%", "_")


def page(report: Data, embedded: Collection[int]) -> dict[str, Any]:
    """The variables of the template.

    Args:
        report: what the page shows.
        embedded: numbers of the exchanges that it holds.
    """
    exchanges = {exchange["number"]: exchange for exchange in report["exchanges"]}
    shown: set[str] = set()
    operations = [_operation(report, description, shown) for description in report["descriptions"]]
    return {
        "report": report,
        "run": report["run"],
        "headline": headline(report),
        "summary": in_short(report),
        "bar": _bar(report["run"]["counts"]),
        "findings": _findings(report, exchanges),
        "deviations": deviations.shown(report),
        "undecided": undecided(report),
        "absent": [r for r in report["requirements"] if did_not_arise(r)],
        "operations": operations,
        "loose": [r for r in report["requirements"] if r["id"] not in shown],
        "requirements": {requirement["id"]: requirement for requirement in report["requirements"]},
        "readings": {reading["id"]: reading for reading in report["readings"]},
        "known": frozenset(exchanges),
        "embedded": embedded,
        "exchanges": [exchanges[number] for number in sorted(embedded)],
        "left_out": len(exchanges) - len(embedded),
        "first_left_out": min(frozenset(exchanges) - frozenset(embedded), default=0),
    }


# --- the whole ------------------------------------------------------------------------------------------------------


def did_not_arise(requirement: Data) -> bool:
    """Whether a requirement speaks of a situation that was not met, so that it does not count."""
    return bool(requirement["conditional"]) and requirement["verdict"] == "none"


def target_name(report: Data) -> str:
    """The target by what stays of it from run to run: the embedded emulator has another address each time."""
    target = report["target"]
    return str(target["url"] if target["kind"] == "given URL" else target["kind"])


def headline(report: Data) -> str:
    """The run's verdict in words, never without what it owes to deviations."""
    run = report["run"]
    covered = f", with {plural(run['covered'], 'accepted failure')}" if run["covered"] else ""
    return f"{HEADLINES[run['verdict']]}{covered if run['verdict'] == 'conforms' else ''}"


def in_short(report: Data) -> str:
    """How the requirements came out, in a sentence."""
    run = report["run"]
    counts, selected = run["counts"], run["selected"]
    absent = sum(map(did_not_arise, report["requirements"]))
    open_ = counts["none"] + counts["inconclusive"] - absent
    parts = []
    if counts["fail"]:
        verb = "fails" if counts["fail"] == 1 else "fail"
        covered = f", {run['covered']:,} of them as accepted" if run["covered"] else ""
        parts.append(f"{counts['fail']:,} of {plural(selected, 'requirement')} {verb}{covered}")
    if counts["error"] or run["verdict"] == "error":
        on = f" on {plural(counts['error'], 'requirement')}" if counts["error"] else ""
        parts.append(f"the tool itself failed{on}, which says nothing about the target")
    if open_:
        verb = "is" if open_ == 1 else "are"
        parts.append(f"{open_:,} of {plural(selected, 'requirement')} {verb} not decided")
    if not parts:
        parts.append(f"{counts['pass']:,} of {plural(selected, 'requirement')} pass, none fails")
    if absent:
        parts.append(f"{absent:,} {'speaks' if absent == 1 else 'speak'} of a situation that did not arise")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _bar(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """A segment for each verdict, in percent; a small one stays wide enough to be seen."""
    total = sum(counts.values())
    wide = {name: max(counts[name] / total * 100, 1.0) if counts[name] else 0.0 for name in VERDICTS} if total else {}
    scale = 100 / (sum(wide.values()) or 1.0)
    left, segments = 0.0, []
    for name in VERDICTS:
        width = wide.get(name, 0.0) * scale
        segments.append({"verdict": name, "count": counts[name], "x": f"{left:.3f}%", "width": f"{width:.3f}%"})
        left += width
    return segments


# --- findings and what is not decided -------------------------------------------------------------------------------


def _findings(report: Data, exchanges: Mapping[int, Data]) -> list[dict[str, Any]]:
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    files = {finding["id"]: name for name, finding in scripts.names(report).items()}
    found = []
    for position, finding in enumerate(report["findings"]):
        requirement = requirements.get(finding["requirement"], {})
        cases = dict.fromkeys(exchanges[n]["case"] for n in finding["exchanges"] if n in exchanges)
        found.append(
            {
                **finding,
                "scripts": [f"{scripts.FOLDER}/{files[finding['id']]}{suffix}" for suffix in scripts.KINDS]
                if finding["id"] in files
                else [],
                "known": [deviations.in_words(each) for each in deviations.of_finding(report, finding)],
                "operation": requirement.get("operation", ""),
                # The parameter of the query that the requirement is about: its row is marked.
                "parameter": re.split(r"[.\[]", requirement.get("path", ""))[0],
                "record": exchanges.get(finding["exchange"]) if position < FULL_FINDINGS else None,
                "cases": [case.removeprefix(finding["requirement"]) for case in cases],
            }
        )
    return found


def undecided(report: Data) -> list[dict[str, Any]]:
    """What the run owes an answer to, by verdict and reason; what is common to most comes first."""
    groups: dict[tuple[str, str], list[Data]] = defaultdict(list)
    for requirement in report["requirements"]:
        if requirement["verdict"] in ("error", "inconclusive", "none") and not did_not_arise(requirement):
            groups[requirement["verdict"], _cause(requirement)].append(requirement)
    ordered = sorted(groups.items(), key=lambda item: (VERDICTS.index(item[0][0]), -len(item[1])))
    return [{"verdict": verdict, "reason": reason, "requirements": mine} for (verdict, reason), mine in ordered]


def _cause(requirement: Data) -> str:
    """The reason without the count of cases, which differs between requirements and stands beside it anyway."""
    reason: str = requirement["reason"]
    planned, decided = requirement["planned"], requirement["decided"]
    return reason.removeprefix(f"{planned - decided} of {planned} cases not decided: ")


# --- the documentation ----------------------------------------------------------------------------------------------


def _operation(report: Data, description: Data, shown: set[str]) -> dict[str, Any]:
    """An operation's statements by row of its page; a requirement stands in full at its first statement only."""
    rows = []
    mine = [s for s in report["statements"] if s["operation"] == description["operation"]]
    for row, statements in itertools.groupby(mine, key=lambda statement: statement["row"]):
        entries = []
        for statement in statements:
            first = [name for name in statement["requirements"] if name not in shown]
            shown.update(first)
            entries.append({**statement, "first": frozenset(first), "shown_as": _shown_as(statement)})
        rows.append({"row": row, "statements": entries})
    return {**description, "link": link(description["page"]), "rows": rows}


def _shown_as(statement: Data) -> str:
    """A statement without requirements has no verdict to show: it is open or untestable."""
    if statement["requirements"]:
        return str(statement["verdict"])
    return "open" if statement["questions"] else "untestable" if statement["untestable"] else str(statement["verdict"])


# --- exchanges ------------------------------------------------------------------------------------------------------


def embedded(report: Data) -> frozenset[int]:
    """Numbers of the exchanges to embed: by use to a reader until the page would be too big."""
    exchanges = {exchange["number"]: exchange for exchange in report["exchanges"]}
    limit = max(_LEAST, min(_MOST, _PAGE_LIMIT - _rest(report)))
    failing = [r["evidence"] for r in report["requirements"] if r["verdict"] in ("fail", "error")]
    others = [r["evidence"] for r in report["requirements"] if r["verdict"] not in ("fail", "error")]
    readings = [numbers for reading in report["readings"] for numbers in reading["evidence"].values()]
    order = itertools.chain(
        (finding["exchange"] for finding in report["findings"]),
        _by_rank(failing, 0, _SHOWN),
        _by_rank(readings, 0, 1),
        _by_rank(others, 0, 1),
        _by_rank(failing, _SHOWN, len(exchanges)),
        _by_rank(readings + others, 1, _SHOWN),
        exchanges,
    )
    chosen: set[int] = set()
    size = 0
    for number in order:
        if number in chosen or number not in exchanges:
            continue
        size += _size(exchanges[number])
        if size > limit:
            break
        chosen.add(number)
    return frozenset(chosen)


def _by_rank(lists: Sequence[Sequence[int]], start: int, stop: int) -> Iterator[int]:
    """The items from `start` to `stop`: first of every list the first one, then of every list the second."""
    for rank in range(start, min(stop, max(map(len, lists), default=0))):
        yield from (numbers[rank] for numbers in lists if rank < len(numbers))


def _rest(report: Data) -> int:
    """About how many characters the page has without exchanges."""
    size = sum(_REQUIREMENT + 4 * len(r["id"]) + len(r["claim"]) + len(r["reason"]) for r in report["requirements"])
    size += sum(_STATEMENT + len(s["id"]) + len(s["text"]) + len(s["untestable"]) for s in report["statements"])
    findings = report["findings"]
    full = sum(6_000 + 2 * min(len(finding["curl"]), TEXT_LIMIT) for finding in findings[:FULL_FINDINGS])
    return size + full + _FINDING * len(findings[FULL_FINDINGS:][:SHORT_FINDINGS])


def _size(exchange: Data) -> int:
    request, response = exchange["request"], exchange["response"]
    size = _FRAME + 2 * min(len(request["target"]), TEXT_LIMIT) + min(len(request["body"]), TEXT_LIMIT)
    return size + (min(len(response["body"]), TEXT_LIMIT) if response else 0)


def parameters(exchange: Data) -> list[tuple[str, str]]:
    """Name and value of each parameter of the query, decoded; a byte that is not UTF-8 is shown as its escape."""
    query = exchange["request"]["target"].partition("?")[2]
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(_decoded(name), cut(_decoded(value), TEXT_LIMIT)) for name, _, value in pairs]


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "backslashreplace")).decode("utf-8", "backslashreplace")


def decoded_text(exchange: Data) -> str:
    """The parameters in the order of the query, a line for each."""
    return "\n".join(f"{name} = {value}" for name, value in parameters(exchange))


def request_text(exchange: Data) -> str:
    """The request as it went over the wire, without the headers that sign it."""
    request = exchange["request"]
    return _message(f"{request['method']} {cut(request['target'], TEXT_LIMIT)}", request)


def response_text(exchange: Data) -> str:
    """The response as it came, or why there is none."""
    response = exchange["response"]
    return _message(f"HTTP {response['status']}", response) if response else exchange["failure"] or "no response"


def _message(start: str, message: Data) -> str:
    body = message["body"]
    text = body if isinstance(body, str) else f"(not UTF-8; Base64) {body['base64']}"
    lines = [start, *(f"{name}: {value}" for name, value in message["headers"])]
    return "\n".join([*lines, "", cut(text, TEXT_LIMIT)] if text else lines)


#: Filters for templates that show exchanges and link to what is named.
WORDS: Mapping[str, Any] = {
    "anchor": anchor,
    "decoded": decoded_text,
    "milliseconds": lambda seconds: f"{seconds * 1000:,.1f}",
    "parameters": parameters,
    "request": request_text,
    "response": response_text,
}
