"""A failing sequence of requests as a shell script that signs by itself and sends them with curl.

In: an exploration's finding as plain data. Out: the text of a script for bash, made like that of a single finding
(`curl_script`), and with it: ids that answers give are kept in variables for the requests that come after them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from acs_conformance.report import curl_script
from acs_conformance.report.text import plural, visible

Data = Mapping[str, Any]

#: What the calls need besides sending.
_FUNCTIONS = r"""
let_pass() { # so many seconds in the lives of things, at once where the emulator lets its clock be moved
  echo "--- $1 seconds go by"
  case $(curl --silent --max-time 10 --header 'content-type: application/json' --data "{\"advance_s\": $1}" \
    "$endpoint/_emulator/clock") in
  *advanced_s*) ;;
  *) sleep "$1" ;;
  esac
}
named() { # the id under this name in an answer
  printf '%s' "$2" | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' | head -n 1
}
"""


def render(finding: Data) -> str:
    """The text of the script."""
    return "\n".join([*_comment(finding), *_body(finding), ""])


def _comment(finding: Data) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    facts = (
        finding["requirement"],
        finding["claim"],
        *(f"The page says: {text}" for text in finding["statements"]),
        f"received: {finding['received']}",
        f"allowed:  {finding['allowed']}",
        "",
        *(f"{number}. {call['says']}" for number, call in enumerate(finding["calls"], start=1)),
        "",
        f"Failed {finding['failed']} of {plural(finding['tried'], 'time')} that it was sent. Found by",
        f"    {finding['again']}",
        f"Sent to $ACS_ENDPOINT, else to {finding['target']}, signed with ACS3-HMAC-SHA256 by the access key in",
        "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET. Needs curl and openssl.",
    )
    yield from (f"# {visible(fact)}".replace("\n", " ").rstrip() for fact in facts)
    for variable, is_needed in curl_script.variables(_as_finding(finding)):
        yield f"# {variable} {'has to be' if is_needed else 'may be'} set: a credential in the request is made of it."


def _as_finding(finding: Data) -> Data:
    return {"requests": [call["request"] for call in finding["calls"]]}


def _body(finding: Data) -> Iterator[str]:
    yield from curl_script.preamble({"target": {"url": finding["target"]}}, _as_finding(finding))
    yield _FUNCTIONS
    for number, call in enumerate(finding["calls"], start=1):
        if call["after_s"]:
            yield f"let_pass {call['after_s']:g}"
        yield _said(f"{number}. {call['says']}")
        *lines, send = curl_script.sending(call["request"], number)
        yield from lines
        if not call["variable"]:
            yield send
            continue
        yield f"answer=$({send})"
        yield "printf '%s\\n' \"$answer\""
        yield f'{call["variable"]}=$(named {shlex.quote(call["id"])} "$answer")'
        yield f': "${{{call["variable"]}:?the answer names nothing that was created}}"'
    yield _said(f"received before: {finding['received']}")
    yield _said(f"allowed: {finding['allowed']}")


def _said(text: str) -> str:
    return f"echo {shlex.quote(f'--- {visible(text)}')}"
