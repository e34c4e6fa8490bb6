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
from typing import Any

from acs_conformance.report.text import visible
from acs_conformance.signing.v3 import canonical_query

Data = Mapping[str, Any]
Part = str | Mapping[str, Any]

_HEAD = r"""
set -euo pipefail
export LC_ALL=C

endpoint=${ACS_ENDPOINT:-%(endpoint)s}
endpoint=${endpoint%%/}
: "${ALIBABA_CLOUD_ACCESS_KEY_ID:?set it to the id of the access key to sign with}"
: "${ALIBABA_CLOUD_ACCESS_KEY_SECRET:?set it to the secret of that access key}"
host=${endpoint#*://}
case $endpoint in
http://*) host=${host%%:80} ;;
https://*) host=${host%%:443} ;;
esac

sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; } # of standard input, in hex
base64() { openssl base64 -A; }
fresh() { openssl rand -hex "$(($1 / 2))"; }
encoded() { # a Base64 text as it stands in a query
  local text=$1
  text=${text//+/%%2B}
  text=${text//\//%%2F}
  printf '%%s' "${text//=/%%3D}"
}

# The HMAC-SHA256 of standard input, in hex. The key never becomes an argument of a program.
hmac() {
  local key i inner='' outer=''
  if ((${#1} > 64)); then key=$(printf '%%s' "$1" | sha256); else key=$(printf '%%s' "$1" | od -An -v -tx1 | tr -d ' \n'); fi
  while ((${#key} < 128)); do key+=00; done
  for ((i = 0; i < 128; i += 2)); do
    printf -v inner '%%s\\x%%02x' "$inner" $((16#${key:i:2} ^ 0x36))
    printf -v outer '%%s\\x%%02x' "$outer" $((16#${key:i:2} ^ 0x5c))
  done
  inner=$({ printf "$inner"; cat; } | sha256)
  { printf "$outer"; printf "$(sed 's/../\\x&/g' <<<"$inner")"; } | sha256
}

send() { # method, target, canonical query, body, content type, action, version
  local method=$1 target=$2 query=$3 body=$4 type=$5
  local -a headers=("host:$host") sent=()
  [[ -z $type ]] || headers+=("content-type:$type")
  headers+=(
    "x-acs-action:$6"
    "x-acs-content-sha256:$(printf '%%s' "$body" | sha256)"
    "x-acs-date:$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)"
    "x-acs-signature-nonce:$(openssl rand -hex 16)"
    "x-acs-version:$7"
  )
  if [[ -n ${ALIBABA_CLOUD_SECURITY_TOKEN:-} ]]; then
    headers+=("x-acs-accesskey-id:$ALIBABA_CLOUD_ACCESS_KEY_ID" "x-acs-security-token:$ALIBABA_CLOUD_SECURITY_TOKEN")
  fi
  mapfile -t headers < <(printf '%%s\n' "${headers[@]}" | sort)
  local signed canonical signature
  signed=$(printf '%%s\n' "${headers[@]%%%%:*}" | paste -s -d ';' -)
  canonical=$(printf '%%s\n' "$method" "${target%%%%\?*}" "$query" "${headers[@]}" '' "$signed" "$(printf '%%s' "$body" | sha256)")
  signature=$(printf 'ACS3-HMAC-SHA256\n%%s' "$(printf '%%s' "$canonical" | sha256)" | hmac "$ALIBABA_CLOUD_ACCESS_KEY_SECRET")
  headers+=("authorization:ACS3-HMAC-SHA256 Credential=$ALIBABA_CLOUD_ACCESS_KEY_ID,SignedHeaders=$signed,Signature=$signature")
  [[ -n $body || $method != POST ]] || sent+=("content-length: 0")
  [[ -n $type ]] || sent+=("content-type:")
  printf '%%s\n' "${headers[@]/:/: }" "${sent[@]}" | curl --silent --show-error --max-time 60 --globoff --path-as-is \
    --request "$method" ${body:+--data-binary "$body"} --header @- --write-out '\nstatus: %%{http_code}\n' "$endpoint$target"
}
"""


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
        f"Sends the smallest request that showed it, signed with ACS3-HMAC-SHA256. Needs curl and openssl.",
    )
    yield from (f"# {_line(fact)}" for fact in facts)
    yield f"# Sent to $ACS_ENDPOINT, else to {_line(report['target']['url'])}."
    for variable, is_needed in _variables(finding):
        yield f"# {variable} {'has to be' if is_needed else 'may be'} set: a credential in the request is made of it."


def _line(text: str) -> str:
    return visible(text).replace("\n", " ")


def _body(report: Data, finding: Data) -> Iterator[str]:
    why = impossible(finding)
    if why:
        yield f"echo {shlex.quote(f'{why} Instead: {finding['replay']}')} >&2"
        yield "exit 2"
        return
    yield (_HEAD % {"endpoint": shlex.quote(report["target"]["url"])}).strip("\n")
    yield ""
    yield from _names(finding)
    for number, request in enumerate(finding["requests"], start=1):
        if len(finding["requests"]) > 1:
            yield f"echo '--- request {number} of {len(finding['requests'])}'"
        yield from _send(request, number)


def impossible(finding: Data) -> str:
    """Why plain well signed requests can't show a finding, or ""."""
    if any(request["signing"] for request in finding["requests"]):
        return "What was tested is how a request is signed, and this script only signs well."
    return ""


def _variables(finding: Data) -> list[tuple[str, bool]]:
    """The environment's variables that credentials are made of, and whether each is needed."""
    found: dict[str, bool] = {}

    def walk(parts: Sequence[Part]) -> None:
        for part in parts:
            if not isinstance(part, str):
                if "environment" in part:
                    found[part["environment"]] = part["secret"] == ""
                for name in ("sha256", "base64", "percent"):
                    walk(part.get(name, ()))

    for request in finding["requests"]:
        walk(request["target"])
        walk(request["body"])
    return list(found.items())


# --- texts ------------------------------------------------------------------------------------------------------------


def _names(finding: Data) -> Iterator[str]:
    """The random parts of names: new each time, and the same in all requests."""
    lengths: dict[int, int] = {}
    for request in finding["requests"]:
        for number, length in re.findall(r"'fresh': (\d+), 'was': '([0-9A-Fa-f]+)'", repr(request)):
            lengths[int(number)] = len(length)
    for number, length in sorted(lengths.items()):
        yield f"fresh{number}=$(fresh {length})"


def _send(request: Data, number: int) -> Iterator[str]:
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
    # In the canonical query parameters are sorted and encoded anew, so stand-ins of plain letters take the place of what
    # is not known yet: these stay what they are, and behind the same name its order decides nothing.
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
        case {"fresh": number, "was": was}:
            return f'"${{fresh{number}^^}}"' if was != was.lower() else f'"${{fresh{number}}}"'
        case {"now_plus": seconds}:
            return f'"$(($(date +%s) + {seconds}))"'
        case {"secret": "", "environment": variable}:
            return f'"${{{variable}:?set it to the credential that the request is to hold}}"'
        case {"environment": variable}:
            return f'"${{{variable}:-}}"'
        case {"sha256": inner}:
            made.append(f"{name}_hash=$(printf '%s' {_quoted(inner, f'{name}_hash', made)} | sha256)")
            return f'"${{{name}_hash}}"'
        case {"percent": [{"base64": inner}]}:
            made.append(f"{name}=$(encoded \"$(printf '%s' {_quoted(inner, name, made)} | base64)\")")
            return f'"${{{name}}}"'
        case {"percent": inner}:
            return f'"$(encoded {_quoted(inner, name, made)})"'
        case _:
            raise ValueError(f"no part of a request: {sorted(part)}")
