"""The bodies that go out: success, an operation's documented errors, and the gateway's.

In: what was decided. Out: responses as the description words them. It decides nothing about a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

from acs_conformance.description import Description, ErrorRow, Json, Location
from acs_conformance.emulator.fault import Refusal
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.showing import example
from acs_conformance.emulator.validation import Breach
from acs_conformance.message import RawRequest, RawResponse, header

_CONTENT_TYPE = ("content-type", "application/json;charset=utf-8")
_REQUEST_ID = "RequestId"
_encode = json.JSONEncoder(separators=(",", ":")).encode
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")

_REASONS = {
    "required": "is required but not there",
    "type": "is not of the documented type",
    "enum": "is none of the documented values",
    "const": "is not the documented value",
    "pattern": "contains a character that is not allowed",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
    "minItems": "has too few items",
    "maxItems": "has too many items",
    "unique": "is used more than once",
    "distinct": "is used elsewhere in the request",
    "equal": "differs from what it must be equal to",
    "in-use": "is in use already",
    "known": "names nothing that there is",
    "same": "is not what this was created with",
    "ended": "names something that has ended",
    "unknown-parameter": "is no parameter of this operation",
    "unknown-member": "is no member of this object",
    "repeated-parameter": "is given more than once",
    "duplicate-member": "contains two members of one name",
    "empty-optional": "is empty",
    "unsupported": "is not supported",
}


def respond(status: int, body: Mapping[str, Json], request_id: str) -> RawResponse:
    """A response with a JSON body; its bytes are ASCII, so that any text in it is safe.

    The headers with the request's id and a trace id are those that real gateways send.
    """
    trace_id = request_id.replace("-", "").lower()
    headers = (_CONTENT_TYPE, ("x-acs-request-id", request_id), ("x-acs-trace-id", trace_id))
    return RawResponse(status=status, headers=headers, body=_encode(body).encode("ascii"))


def refuse(
    refusal: Refusal, request: RawRequest, request_id: str, product: str, *, has_gateway_members: bool = True
) -> RawResponse:
    """The gateway's answer to a request that reaches no operation.

    Args:
        refusal: what to say.
        request: whose Host is repeated as HostId.
        request_id: of this answer.
        product: named in the link to the troubleshooter; "" where none is known.
        has_gateway_members: whether HostId and Recommend are in the body.
    """
    body = {_REQUEST_ID: request_id, "Code": refusal.code, "Message": refusal.message}
    if has_gateway_members:
        body = _with_gateway_members(body, request, request_id, refusal.code, product)
    response = respond(refusal.status, body, request_id)
    return replace(response, headers=(*response.headers, *refusal.headers)) if refusal.headers else response


def _with_gateway_members(
    body: dict[str, str], request: RawRequest, request_id: str, code: str, product: str
) -> dict[str, str]:
    link = f"https://api.aliyun.com/troubleshoot?q={quote(code)}&product={quote(product)}&requestId={request_id}"
    return {**body, "HostId": header(request.headers, "host") or "", "Recommend": link}


class Answers:
    """The answers of one operation, worded as a policy says.

    Args:
        description: the contract.
        policy: the server's choices.
    """

    def __init__(self, description: Description, policy: Policy) -> None:
        self._description = description
        self._policy = {point: policy.choice(description, f"answer.{point}") for point in _POINTS}
        self._success = _Success(description)
        self._suffixed = {name for name, row in description.errors.items() if _admits_suffix(row)}

    def success(
        self, request_id: str, new_id: Callable[[], str], members: Mapping[str, Json] | None = None
    ) -> RawResponse:
        """The documented success of a call.

        Args:
            request_id: of this answer.
            new_id: gives the ids in the body: that of what was created, and of anything else that never repeats.
            members: what else is known of the body.
        """
        body = self._success.body(request_id, new_id)
        if members:
            body |= members
        return respond(self._description.success_status, body, request_id)

    def error(self, found: list[Breach], request: RawRequest, request_id: str) -> RawResponse:
        """The answer to a call with at least one breach."""
        breach = self._chosen(found)
        row = self._description.errors[self._row(breach)]
        code = row.name
        if row.name in self._suffixed:
            ended = code + self._suffix(breach.location)
            # A row may admit some endings only; a server that keeps the contract says no others.
            code = ended if _is_code_of(row, ended) else code
        body = {_REQUEST_ID: request_id, "Code": code, "Message": self._message(breach)}
        if self._policy["members"] == "gateway":
            body = _with_gateway_members(body, request, request_id, code, self._description.product)
        return respond(row.status, body, request_id)

    def _chosen(self, found: list[Breach]) -> Breach:
        """The breach that is answered."""
        order = self._policy["order"]
        if order == "reverse":
            return found[-1]
        if order == "missing-first":
            return next((breach for breach in found if breach.keyword == "required"), found[0])
        return found[0]

    def _row(self, breach: Breach) -> str:
        """The error row that answers a breach."""
        freedom = "vacant" if breach.question is None else "refusal"
        place = {"first": 0, "second": min(1, len(breach.rows) - 1), "last": -1}[self._policy[freedom]]
        return breach.rows[place]

    def _suffix(self, location: Location) -> str:
        # A location may hold names that the client made up.
        names = [str(step + 1) if isinstance(step, int) else _UNFIT.sub("_", step)[:64] for step in location]
        last = next((name for name in reversed(names) if not name.isdigit()), "")
        styles = {"none": "", "Name": last, ".Name": f".{last}", ".path": f".{'.'.join(names)}"}
        return styles[self._policy["suffix"]]

    def _message(self, breach: Breach) -> str:
        where = breach.path.encode("ascii", "backslashreplace").decode()[:200]
        if self._policy["message"] == "terse":
            return f"{where}."
        reason = _REASONS.get(breach.keyword, "is not accepted")
        sentence = f"The parameter {where} {reason}."
        if self._policy["message"] == "long":
            place = ".".join(str(step) for step in breach.location)
            place = place.encode("ascii", "backslashreplace").decode()[:200]
            return f"{sentence}\nThe request was refused because of {breach.keyword} at {place}; see the page \u2713."
        return sentence


_POINTS = ("order", "suffix", "vacant", "refusal", "message", "members")


def _is_code_of(row: ErrorRow, code: str) -> bool:
    return re.fullmatch(row.schema["properties"]["Code"]["pattern"], code, re.ASCII) is not None


def _admits_suffix(row: ErrorRow) -> bool:
    """Whether a row's Code is the row's name and any ending."""
    pattern = row.schema["properties"]["Code"].get("pattern")
    return pattern is not None and re.search(pattern, f"{row.name}.Name") is not None


class _Success:
    """The success body: ids where ids belong, else what the schema gives as an example."""

    def __init__(self, description: Description) -> None:
        self._fixed: dict[str, Json] = {}
        self._ids: list[str] = []
        self._has_request_id = False
        for name, schema in description.success_schema.get("properties", {}).items():
            if name == _REQUEST_ID:
                self._has_request_id = True
            elif schema.get("x-never-repeats") or (description.creates and name == description.creates.id):
                self._ids.append(name)
            else:
                self._fixed[name] = example(schema)

    def body(self, request_id: str, new_id: Callable[[], str]) -> dict[str, Json]:
        """A body with a fresh id in each place of one."""
        body: dict[str, Json] = {_REQUEST_ID: request_id} if self._has_request_id else {}
        for name in self._ids:
            body[name] = new_id()
        return body | self._fixed
