"""All exchanges as an HTTP archive, HAR 1.2, which browsers' developer tools and proxies open.

In: a report. Out: the text of exchanges.har: a page for each operation, an entry for each exchange in the order of
sending, with its case and judgement as a comment. Secrets are already gone from a report.

Source: HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/. A request without an answer has the status 0 and an
`_error`, as Chromium writes it.
"""

from __future__ import annotations

import base64
import http
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

Data = Mapping[str, Any]

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
#: What is not known, by the specification.
_UNKNOWN = -1


def render(report: Data, numbers: frozenset[int] | None = None) -> str:
    """The text of the archive.

    Args:
        report: whose exchanges it holds.
        numbers: of those that are wanted; None: all.
    """
    exchanges = [each for each in report["exchanges"] if numbers is None or each["number"] in numbers]
    judged = {number: finding["id"] for finding in report["findings"] for number in finding["exchanges"]}
    tool = {"name": report["run"]["tool"]["name"], "version": report["run"]["tool"]["version"]}
    head = {
        "version": "1.2",
        "creator": tool,
        "comment": f"run {report['run']['id']} against {report['target']['url']}",
        "pages": list(_pages(report, exchanges)),
    }
    entries = (_entry(report, exchange, judged.get(exchange["number"])) for exchange in exchanges)
    # A line for each: to be searched and compared by line, and written much faster than with a line for each member.
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    return f'{{"log":{json.dumps(head)[:-1]}, "entries":[\n{lines}\n]}}}}\n'


def _pages(report: Data, exchanges: list[Data]) -> Iterator[dict[str, Any]]:
    first: dict[str, float] = {}
    for exchange in exchanges:
        first.setdefault(exchange["operation"], exchange["sent_at"])
    titles = {each["operation"]: each["title"] for each in report["descriptions"]}
    for operation, started in first.items():
        title = titles.get(operation, operation)
        yield {"id": operation, "startedDateTime": _moment(started), "title": title, "pageTimings": {}}


def _entry(report: Data, exchange: Data, finding: str | None) -> dict[str, Any]:
    elapsed_ms = round(exchange["elapsed_s"] * 1000, 3)
    words = f"{exchange['number']}: {exchange['case']}, {exchange['judged']}"
    entry: dict[str, Any] = {
        "pageref": exchange["operation"],
        "startedDateTime": _moment(exchange["sent_at"]),
        "time": elapsed_ms,
        "request": _request(report, exchange),
        "response": _response(exchange),
        "cache": {},
        # Only the whole is measured; the specification wants these three.
        "timings": {"send": 0, "wait": elapsed_ms, "receive": 0},
        "comment": f"{words}; finding {finding}" if finding else words,
        "_exchange": exchange["number"],
        "_case": exchange["case"],
        "_judged": exchange["judged"],
    }
    if finding:
        entry["_finding"] = finding
    return entry


def _request(report: Data, exchange: Data) -> dict[str, Any]:
    request = exchange["request"]
    body = _bytes(request["body"])
    found: dict[str, Any] = {
        "method": request["method"],
        "url": f"{report['target']['url']}{request['target']}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(request["headers"]),
        "queryString": [*_pairs(request["target"].partition("?")[2])],
        "headersSize": _UNKNOWN,
        "bodySize": len(body),
    }
    if body:
        text, encoding = _text(body)
        found["postData"] = {"mimeType": _type(request["headers"]), "params": [], "text": text} | (
            {"_encoding": encoding} if encoding else {}
        )
    return found


def _response(exchange: Data) -> dict[str, Any]:
    response = exchange["response"]
    if response is None:
        content = {"size": 0, "mimeType": "x-unknown"}
        status, headers, error = 0, [], {"_error": exchange["failure"] or "no answer"}
        reason = ""
    else:
        body = _bytes(response["body"])
        text, encoding = _text(body)
        content = {"size": len(body), "mimeType": _type(response["headers"]), "text": text}
        content |= {"encoding": encoding} if encoding else {}
        status, headers, error = response["status"], response["headers"], {}
        reason = _REASONS.get(status, "")
    return {
        "status": status,
        "statusText": reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(headers),
        "content": content,
        "redirectURL": next((value for name, value in headers if name.lower() == "location"), ""),
        "headersSize": _UNKNOWN,
        # The body was kept without its content encoding.
        "bodySize": _UNKNOWN,
        **error,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _headers(pairs: list[list[str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _type(headers: list[list[str]]) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "application/octet-stream")


def _pairs(query: str) -> Iterator[dict[str, str]]:
    """Names and values, decoded; bytes that are not UTF-8 as escapes: the URL has them as they are."""
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        yield {"name": _decoded(name), "value": _decoded(value)}


def _decoded(text: str) -> str:
    octets = unquote_to_bytes(text.replace("+", " ").encode("utf-8", "backslashreplace"))
    return octets.decode("utf-8", "backslashreplace")


def _bytes(body: str | Mapping[str, str]) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else base64.b64decode(body["base64"])


def _text(body: bytes) -> tuple[str, str]:
    """The body as a text, and its encoding: none, or base64 where the bytes are not UTF-8."""
    try:
        return body.decode("utf-8"), ""
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), "base64"
