"""Requests for the emulator's tests, built by hand from the wire's rules and from nothing that the emulator uses."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.policy import Policy, options
from acs_conformance.message import RawRequest, RawResponse

ACTION = "StartRtcCloudTranscode"
VERSION = "2016-11-01"
DESCRIPTION = spec_folder.load(ACTION)
NAMES = (("host", "live.example"), ("x-acs-action", ACTION), ("x-acs-version", VERSION))
#: 2026-01-27T08:00:00Z
NOW_S = 1769500800.0


def document(**changes):
    """A valid document, then changed at the top."""
    valid = {
        "AppId": "app",
        "ChannelId": "channel",
        "InputParam": {"SingleSubUserParam": {"UserId": "in"}},
        "OutputParams": [output("out")],
    }
    return {name: value for name, value in (valid | changes).items() if value is not ...}


def output(user, **changes):
    """A valid output of `document()`, then changed; `...` leaves a member out."""
    valid = {"ChannelId": "channel", "UserId": user, "UserToken": "token", "TranscodeTemplate": "lld"}
    return {name: value for name, value in (valid | changes).items() if value is not ...}


def texts(values):
    """The parameters of a document as texts."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in values.items()
    }


def target(**changes):
    """The request target of a valid document, then changed: texts as they are, other values as JSON."""
    return "/?" + urlencode(texts(document(**changes)))


def encoded(text):
    """A text as it stands in a query."""
    return quote_plus(text)


def request(target="/", *, method="POST", headers=NAMES, body=b""):
    """A raw request to the operation."""
    return RawRequest(method=method, target=target, headers=headers, body=body)


def start(**changes):
    """A raw request that starts a job, its document changed at the top."""
    return request(target(**changes))


#: A server that takes whatever it may take: the tests of single choices change one of these.
LENIENT = {
    "InputParam.SingleSubUserParam.UserId.beyond": "taken",
    "OutputParams.many": "taken",
    "OutputParams[].UserId.beyond": "taken",
    "OutputParams[].UserToken.empty": "taken",
    "wire.duplicate-member": "last",
    "wire.empty-optional": "absent",
    "wire.form-body": "counts",
    "wire.method": "taken",
    "wire.null-optional": "absent",
    "wire.repeated-parameter": "last",
}


def lenient(descriptions):
    """`LENIENT`, as far as these descriptions have such points."""
    known = {point for description in descriptions for point in options(description)}
    return {point: choice for point, choice in LENIENT.items() if point in known}


def emulator(*, choices=None, fault=None, clock=lambda: NOW_S, descriptions=None, **settings):
    """An emulator that asks for no signature."""
    descriptions = descriptions or {ACTION: DESCRIPTION}
    return Emulator(
        descriptions,
        settings=Settings(authenticate=False, **settings),
        policy=Policy(choices=lenient(descriptions.values()) | (choices or {})),
        fault=fault,
        clock=clock,
    )


def code(response: RawResponse):
    """The Code in a response, or None."""
    return body(response).get("Code")


def body(response: RawResponse):
    """The JSON body of a response."""
    return json.loads(response.body)


def outcome(response: RawResponse):
    """Status, and Code if there is one."""
    return response.status if response.status == 200 else (response.status, code(response))


# --- a second operation, unlike the first in what it uses ------------------------------------------------------------

TOYS_ACTION = "ListToys"
_TOYS_API = """
openapi: 3.1.0
info: {title: Toys, version: "2020-01-01"}
servers: [{url: "https://toys.example"}]
paths:
  /:
    get:
      operationId: ListToys
      parameters:
        - {name: Owner, in: query, required: true, schema: {type: string, pattern: '^\\d*$', examples: ["1"]}}
        - {name: Broken, in: query, schema: {type: boolean, examples: [true]}}
        - {name: Weight, in: query, schema: {type: number, minimum: 0, examples: [1.5]}}
        - name: Filter
          in: query
          content:
            application/json:
              schema:
                type: object
                properties:
                  Min: {type: integer, minimum: 0, examples: [1]}
                  Max: {type: integer, minimum: 0, examples: [2]}
                  Flags: {type: array, items: {type: boolean, examples: [true]}}
                  Colours: {type: array, maxItems: 2, items: {type: string, minLength: 1, examples: [red]}}
      responses:
        "200":
          description: Toys.
          content:
            application/json:
              schema:
                type: object
                required: [RequestId, Toys, Total]
                properties:
                  RequestId: {type: string}
                  Total: {type: integer}
                  Mark: {type: string, x-never-repeats: true}
                  Toys:
                    type: object
                    properties: {Name: {type: string, examples: [ball]}, New: {type: boolean}}
        "409":
          description: Refused.
          content: {application/json: {schema: {$ref: "#/components/schemas/Odd"}}}
      x-relations:
        - {relation: distinct, of: Filter.Max, from: Filter.Min}
        - {relation: unique, of: "Filter.Flags[]"}
      x-refusals: {absent: [Odd], vacant: [Odd], other: [Odd]}
      x-world: {}
components:
  schemas:
    Odd:
      type: object
      required: [RequestId, Code, Message]
      properties:
        RequestId: {type: string}
        Code: {type: string, const: Odd}
        Message: {type: string}
"""
_TOYS_STATEMENTS = """
page: {title: Toys, url: "https://toys.example/help", updated: "2020-01-01"}
statements:
  - {id: toys, row: Title, text: Lists toys., untestable: It is made up.}
"""


def toys(root: Path, parameters: str = ""):
    """The description of another operation, written to a folder and read like any; with more parameters, as YAML."""
    folder = root / "toys" / "2020-01-01" / TOYS_ACTION
    folder.mkdir(parents=True)
    (folder / "openapi.yaml").write_text(
        _TOYS_API.replace("parameters:\n", f"parameters:\n{parameters}", 1), encoding="utf-8"
    )
    (folder / "statements.yaml").write_text(_TOYS_STATEMENTS, encoding="utf-8")
    return spec_folder.load(TOYS_ACTION, root)


# --- a plain HTTP client, which sends what it is told ----------------------------------------------------------------


def exchange(url, payload, *, answers=1, timeout_s=5.0):
    """Sends bytes on a connection of its own; what comes back, until as many answers came or it is closed."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    received = b""
    with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s) as connection:
        try:
            connection.sendall(payload)
            while received.count(b"HTTP/1.1 ") < answers or not _is_complete(received):
                data = connection.recv(65536)
                if not data:
                    break
                received += data
        except ConnectionError:
            pass  # closed while we still wrote, which some of the callers ask for
    return received


def _is_complete(received):
    """Whether the last answer's body has its announced length."""
    last = received[received.rindex(b"HTTP/1.1 ") :]
    head, separator, rest = last.partition(b"\r\n\r\n")
    if not separator:
        return False
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(rest) >= int(lengths[0])


def as_bytes(raw: RawRequest):
    """A raw request as HTTP/1.1."""
    lines = [f"{raw.method} {raw.target} HTTP/1.1", *(f"{name}: {value}" for name, value in raw.headers)]
    if raw.body:
        lines.append(f"content-length: {len(raw.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + raw.body
