"""A finding as a Python script that calls the official SDK, for teams that use it.

In: a report and a finding in it. Out: the text of a script that needs `alibabacloud_tea_openapi` from 0.4 on, takes
credentials from the environment, and holds none. The SDK's generic call takes any action, so no client of a product is
needed. It writes the query by itself, from names and texts; what it can't say in these, the script does not send in
another way: it tells why, and ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from acs_conformance.report import curl_script
from acs_conformance.report.text import visible

Data = Mapping[str, Any]
Part = str | Mapping[str, Any]

_FORM = "application/x-www-form-urlencoded"
#: Names that the SDK signs as it sends them.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)

_CLIENT = '''\
endpoint = os.environ.get("ACS_ENDPOINT", {endpoint!r}).rstrip("/")
protocol, _, host = endpoint.partition("://")
client = Client(
    Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        security_token=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN"),
        protocol=protocol,
        endpoint=host,
    )
)


def send(action, version, method, path, query, form):
    """Call an action and show what comes."""
    params = Params(
        action=action,
        version=version,
        protocol=protocol,
        pathname=path,
        method=method,
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    try:
        answer = client.call_api(params, OpenApiRequest(query=query, body=form), RuntimeOptions())
    except AlibabaCloudException as error:
        print(f"status: {{error.status_code}}\\ncode: {{error.code}}\\nmessage: {{error.message}}")
    else:
        print(f"status: {{answer['statusCode']}}\\nbody: {{answer['body']}}")
'''


def render(report: Data, finding: Data) -> str:
    """The text of the script; one that only says why, where the SDK can't send the requests."""
    return "\n".join([*_head(report, finding), *_body(report, finding), ""])


def _head(report: Data, finding: Data) -> Iterator[str]:
    facts = [
        finding["id"],
        finding["claim"],
        *(f"The page says: {each['text']}" for each in finding["statements"]),
        f"received: {finding['received']}",
        f"allowed:  {finding['allowed']}",
        "Sends the smallest request that showed it, with the official SDK (pip install alibabacloud-tea-openapi).",
        f"Sent to ACS_ENDPOINT, else to {report['target']['url']}.",
    ]
    for variable, is_needed in curl_script.variables(finding):
        has = "has to be" if is_needed else "may be"
        facts.append(f"{variable} {has} set: a credential in the request is made of it.")
    yield from (f"# {visible(fact)}".replace("\n", " ") for fact in facts)


def _body(report: Data, finding: Data) -> Iterator[str]:
    why = impossible(finding)
    if why:
        yield "import sys"
        yield ""
        yield f"sys.exit({f'{why} Instead: ' + finding['replay']!r})"
        return
    calls = [line for number, request in enumerate(finding["requests"], 1) for line in _call(request, number)]
    yield from _notes(finding)
    needed = {name for name in ("base64", "hashlib") if any(f"{name}." in each for each in calls)}
    names = [*_names(finding)]
    has_time = any("str(now + " in each for each in calls)
    needed |= {"os"} | ({"secrets"} if names else set()) | ({"time"} if has_time else set())
    yield from (f"import {name}" for name in sorted(needed))
    yield ""
    yield "from alibabacloud_tea_openapi.client import Client"
    yield "from alibabacloud_tea_openapi.exceptions import AlibabaCloudException"
    yield "from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params"
    yield "from darabonba.runtime import RuntimeOptions"
    yield ""
    yield _CLIENT.format(endpoint=report["target"]["url"])
    yield ""
    yield from ["now = int(time.time())"] if has_time else []
    yield from names
    yield from calls


def _notes(finding: Data) -> Iterator[str]:
    texts = "".join(_as_it_was(request["target"]) + _as_it_was(request["body"]) for request in finding["requests"])
    if "%20" in texts:
        yield "# The SDK writes a blank as +, where the recorded request has %20; both mean the same in a query."


# --- what the SDK can say ---------------------------------------------------------------------------------------------


def impossible(finding: Data) -> str:
    """Why the SDK can't send the requests of a finding, or ""."""
    if any(request["signing"] for request in finding["requests"]):
        return "What was tested is how a request is signed, and the SDK only signs well."
    if curl_script.of_the_past(finding):
        return curl_script.of_the_past(finding)
    return next((why for request in finding["requests"] if (why := _unsayable(request))), "")


def _unsayable(request: Data) -> str:
    target, body = _as_it_was(request["target"]), _as_it_was(request["body"])
    types = [value for name, value in request["headers"] if name.lower() == "content-type"]
    if body and types != [_FORM]:
        return f"The request has a body of type {', '.join(types) or 'none'}, which the SDK's call does not send."
    if not (target + body).isascii():
        return "The request holds letters that are not encoded, which the SDK would encode."
    for text in (target.partition("?")[2], body):
        pairs = [pair.partition("=") for pair in text.split("&")] if text else []
        names = [name for name, _, _ in pairs]
        if len(set(names)) < len(names):
            return "A parameter comes twice in the request, and the SDK takes each name once."
        for name, equals, value in pairs:
            if not _PLAIN_NAME.fullmatch(name):
                return f"The SDK does not sign the name of parameter {unquote(name)!r} as it sends it."
            if not equals or quote(unquote_to_bytes(value), safe="~") != value:
                return f"The SDK would spell the value of {name} in another way."
            try:
                unquote(value, errors="strict")
            except UnicodeDecodeError:
                return f"The value of {name} holds bytes that are not UTF-8, and the SDK takes texts only."
    return ""


def _as_it_was(parts: Sequence[Part]) -> str:
    """The text with plain stand-ins for what is made anew."""
    return "".join(part if isinstance(part, str) else str(part.get("was", "x")) for part in parts)


# --- the call ---------------------------------------------------------------------------------------------------------


def _names(finding: Data) -> Iterator[str]:
    lengths = {
        part["fresh"]: len(part["was"])
        for request in finding["requests"]
        for part in curl_script.walk([*request["target"], *request["body"]])
        if "fresh" in part
    }
    for number, length in sorted(lengths.items()):
        yield f"fresh{number} = secrets.token_hex({length // 2})"


def _call(request: Data, number: int) -> Iterator[str]:
    path = _as_it_was(request["target"]).partition("?")[0]
    query, form = _parameters(request["target"], path), _parameters(request["body"], "")
    for name, parameters in (("query", query), ("form", form)):
        yield f"{name}{number} = {{"
        yield from (f"    {key!r}: {_expression(value)}," for key, value in parameters)
        yield "}"
    words = ", ".join(repr(request[name]) for name in ("action", "version", "method"))
    yield f"send({words}, {path!r}, query{number}, form{number} or None)"


def _parameters(parts: Sequence[Part], path: str) -> list[tuple[str, list[Part]]]:
    """Name and decoded value, in parts, of each parameter."""
    found: list[tuple[str, list[Part]]] = []
    for position, part in enumerate(parts):
        if not isinstance(part, str):
            found[-1][1].append(part)
            continue
        text = part.removeprefix(path).removeprefix("?") if path and not position else part
        for count, piece in enumerate(text.split("&")):
            rest = piece
            if count or not position:
                name, _, rest = piece.partition("=")
                if not name and not rest:
                    continue
                found.append((name, []))
            if rest:
                found[-1][1].append(unquote(rest, errors="strict"))
    return found


def _expression(parts: Sequence[Part]) -> str:
    return " + ".join(repr(part) if isinstance(part, str) else _value(part) for part in parts) or "''"


def _value(part: Mapping[str, Any]) -> str:
    match part:
        case {"fresh": number, "was": was}:
            return f"fresh{number}.upper()" if was != was.lower() else f"fresh{number}"
        case {"now_plus": seconds}:
            return f"str(now + {seconds})"
        case {"secret": "", "environment": variable}:
            return f"os.environ[{variable!r}]"
        case {"environment": variable}:
            return f"os.environ.get({variable!r}, '')"
        case {"sha256": inner}:
            text = _expression(inner)
            # A text with half a surrogate pair has no UTF-8 otherwise.
            encode = '.encode("utf-8", "surrogatepass")' if "\\ud" in text else ".encode()"
            return f"hashlib.sha256(({text}){encode}).hexdigest()"
        case {"base64": inner}:
            return f"base64.b64encode(({_expression(inner)}).encode()).decode()"
        case {"percent": inner}:
            return f"({_expression(inner)})"
        case _:
            raise ValueError(f"no part of a request: {sorted(part)}")
