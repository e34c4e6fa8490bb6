r"""A finding as a shell script that signs its requests by itself and sends them with curl.

In: a report and a finding in it. Out: the text of a script for bash that needs curl and openssl, takes credentials from
the environment, and holds none. The request is sent byte for byte but for what `reproduction` says.

The signature is ACS3-HMAC-SHA256. The HMAC is computed from two plain hashes, for `openssl dgst -hmac` would show the
secret to everybody who lists processes; for the same reason curl reads its headers from standard input.

Source: the V3 page, "V3 request structure and signature"; RFC 2104 for HMAC.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from acs_conformance.report.text import visible

Data = Mapping[str, Any]
Part = str | Mapping[str, Any]


def render(report: Data, finding: Data) -> str:
    """The text of the script; one that only says why, where its requests can't be sent by it."""
    return "\n".join([*_comment(report, finding), *_body(report, finding), ""])


def _comment(report: Data, finding: Data) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    facts = (
        finding["id"],
        finding["claim"],
        *(f"The page says: {each['text']}" for each in finding["statements"]),
        f"received: {finding['received']}",
        f"allowed:  {finding['allowed']}",
        "Sends the smallest request that showed it, signed with ACS3-HMAC-SHA256. Needs curl and openssl.",
    )
    yield from (f"# {_line(fact)}" for fact in facts)
    yield f"# Sent to $ACS_ENDPOINT, else to {_line(report['target']['url'])}."
    for variable, is_needed in variables(finding):
        yield f"# {variable} {'has to be' if is_needed else 'may be'} set: a credential in the request is made of it."


def _line(text: str) -> str:
    return visible(text).replace("\n", " ")


def _body(report: Data, finding: Data) -> Iterator[str]:
    why = impossible(finding)
    if why:
        words = f"{why} Instead: {finding['replay']}"
        yield f"echo {shlex.quote(words)} >&2"
        yield "exit 2"
        return
    yield from preamble(report, finding)
    for number, request in enumerate(finding["requests"], start=1):
        if len(finding["requests"]) > 1:
            yield f"echo '--- request {number} of {len(finding['requests'])}'"
        yield from sending(request, number)


def preamble(report: Data, finding: Data) -> Iterator[str]:
    """Where requests go, what signs and sends them, and the random parts of names."""
    yield f"default_endpoint={shlex.quote(report['target']['url'])}"
    yield resources.files(__package__).joinpath("curl_script.sh").read_text("utf-8")
    yield from _names(finding)


def impossible(finding: Data) -> str:
    """Why plain well signed requests can't show a finding, or ""."""
    if any(request["signing"] for request in finding["requests"]):
        return "What was tested is how a request is signed, and this script only signs well."
    return of_the_past(finding)


def of_the_past(finding: Data) -> str:
    """Why a finding can be seen only where something is created first, or ""."""
    things = [request["acts_on"] for request in finding["requests"] if request.get("acts_on")]
    return f"It acts on a {things[0]} of that run, which has ended; a replay creates another first." if things else ""


def variables(finding: Data) -> list[tuple[str, bool]]:
    """The environment's variables that credentials are made of, and whether each is needed."""
    parts = [part for request in finding["requests"] for part in walk([*request["target"], *request["body"]])]
    return list({part["environment"]: part["secret"] == "" for part in parts if "environment" in part}.items())


def walk(parts: Sequence[Part]) -> Iterator[Mapping[str, Any]]:
    """Everything in a text that has to be made anew, outer parts before what is inside of them."""
    for part in parts:
        if not isinstance(part, str):
            yield part
            for name in ("sha256", "base64", "percent"):
                yield from walk(part.get(name, ()))


# --- texts ------------------------------------------------------------------------------------------------------------


def _names(finding: Data) -> Iterator[str]:
    """The time, and the random parts of names: new each time, and the same in all requests."""
    was: dict[int, str] = {}
    capital: dict[int, None] = {}
    for request in finding["requests"]:
        for part in walk([*request["target"], *request["body"]]):
            if "fresh" in part:
                was.setdefault(part["fresh"], part["was"])
                if part["was"] != part["was"].lower():
                    capital[part["fresh"]] = None
    yield "now=$(date +%s)"
    yield from (f"fresh{number}=$(fresh {len(text)})" for number, text in sorted(was.items()))
    yield from (f"capital{number}=$(printf '%s' \"$fresh{number}\" | tr a-f A-F)" for number in capital)


def sending(request: Data, number: int) -> Iterator[str]:
    """Lines that make a request and send it; the last one sends."""
    made: list[str] = []
    target, query = _target(request["target"], number, made)
    body = _quoted(request["body"], f"body{number}", made)
    types = [value for name, value in request["headers"] if name.lower() == "content-type"]
    yield from made
    yield f"target={target}"
    yield f"query={query}"
    arguments = [shlex.quote(request["method"]), '"$target"', '"$query"', body]
    arguments += [shlex.quote(text) for text in ("".join(types[:1]), request["action"], request["version"])]
    yield f"send {' '.join(arguments)}"


def _target(parts: Sequence[Part], number: int, made: list[str]) -> tuple[str, str]:
    """Target and canonical query as words of the shell; what they need is made first."""
    # Late: the package of the signatures brings an HTTP client, and most reports have no findings.
    from acs_conformance.signing.v3 import canonical_query

    # The canonical query is sorted and encoded anew. Stand-ins of plain letters take the place of what is
    # not known yet: these stay what they are, and two parameters of one name with different ones are never sent.
    words: dict[str, str] = {}
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            stand_in = f"ACS{number}part{len(words)}end"
            words[stand_in] = _word(part, f"part{number}_{len(words)}", made)
            text += stand_in
    return _with_words(text, words), _with_words(canonical_query(text.partition("?")[2]), words)


def _with_words(text: str, words: Mapping[str, str]) -> str:
    if not words:
        return shlex.quote(text)
    pieces = re.split(f"({'|'.join(words)})", text)
    return "".join(words[piece] if piece in words else shlex.quote(piece) if piece else "" for piece in pieces)


def _quoted(parts: Sequence[Part], name: str, made: list[str]) -> str:
    """A text in parts as one word of the shell."""
    words = [shlex.quote(p) if isinstance(p, str) else _word(p, f"{name}_{i}", made) for i, p in enumerate(parts)]
    return "".join(words) or "''"


def _word(part: Mapping[str, Any], name: str, made: list[str]) -> str:
    """What gives a part its value, in double quotes; a credential is put into a variable first."""
    match part:
        case {"variable": variable}:  # of the script, such as an id that an earlier answer gave
            return f'"${{{variable}}}"'
        case {"fresh": number, "was": was}:
            return f'"${{capital{number}}}"' if was != was.lower() else f'"${{fresh{number}}}"'
        case {"now_plus": seconds}:
            return f'"$((now + {seconds}))"'
        case {"secret": "", "environment": variable}:
            return f'"${{{variable}:?set it to the credential that the request is to hold}}"'
        case {"environment": variable}:
            return f'"${{{variable}:-}}"'
        case {"sha256": inner}:
            made.append(f"{name}_hash=$({_piped(inner, f'{name}_hash', made)} | sha256)")
            return f'"${{{name}_hash}}"'
        case {"base64": inner}:
            made.append(f"{name}=$({_piped(inner, f'{name}_text', made)} | base64)")
            return f'"${{{name}}}"'
        case {"percent": inner}:
            made.append(f"{name}=$(encoded {_quoted(inner, f'{name}_plain', made)})")
            return f'"${{{name}}}"'
        case _:
            raise ValueError(f"no part of a request: {sorted(part)}")


def _piped(parts: Sequence[Part], name: str, made: list[str]) -> str:
    """Commands that write a text in parts, byte by byte: no word of the shell holds a zero byte."""
    if not parts:
        return "printf ''"
    commands = []
    for position, part in enumerate(parts):
        if not isinstance(part, str):
            commands.append(f"printf '%s' {_word(part, f'{name}_{position}', made)}")
        elif part.isascii() and part.isprintable():
            commands.append(f"printf '%s' {shlex.quote(part)}")
        else:
            octets = part.encode("utf-8", "surrogatepass")
            commands.append(f"printf '%b' '{''.join(f'{chr(92)}0{octet:03o}' for octet in octets)}'")
    return commands[0] if len(commands) == 1 else f"{{ {'; '.join(commands)}; }}"
