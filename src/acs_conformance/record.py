"""What is recorded of a campaign: exchanges, as sent and received, with every secret already removed.

In and out: `Exchange` and its JSON form, one line of a journal. It knows nothing of what an exchange means.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acs_conformance.message import RawRequest, RawResponse

#: The failure of a request that went over a kept connection which the target had closed meanwhile. It says nothing of
#: the target: HTTP lets a server close an idle connection at any time.
STALE = "the kept connection had been closed"

#: Bytes of a response body that are kept; a judge reads no more than that either.
BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came of it."""

    #: Order within the campaign, from 1; unique.
    number: int
    operation: str
    #: Id of the case, position of the request in its sequence from 0, and attempt from 0.
    case: str
    step: int = 0
    attempt: int = 0
    #: How it was signed, in words, where that is what was tested; else "".
    signing: str = ""
    #: The operation that was called, where that is another one than the record's; else "".
    action: str = ""
    #: Bytes of the request target as it was sent: what is recorded may be shorter.
    target_bytes: int = 0
    #: As sent, without the headers that sign it and with credentials in it redacted.
    request: RawRequest
    #: None when no whole HTTP response came.
    response: RawResponse | None
    #: Why there is no response: "" or a sentence such as "the connection was closed".
    failure: str = ""
    #: Whether there was no connection, so that nothing was sent.
    is_unreachable: bool = False
    #: Unix seconds when it was sent, and seconds until the answer was read.
    sent_at: float = 0.0
    elapsed_s: float = 0.0
    #: Seconds by which the clock of the target's things had been moved before.
    moved_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data, as it stands in a journal and in report.json."""
        data: dict[str, Any] = {
            "number": self.number,
            "operation": self.operation,
            "case": self.case,
            "step": self.step,
            "attempt": self.attempt,
            "signing": self.signing,
            "action": self.action,
            "target_bytes": self.target_bytes,
            "sent_at": round(self.sent_at, 6),
            "elapsed_s": round(self.elapsed_s, 6),
            "moved_s": round(self.moved_s, 3),
            "request": {
                "method": self.request.method,
                "target": self.request.target,
                "headers": [list(pair) for pair in self.request.headers],
                "body": _text(self.request.body),
            },
            "response": None,
            "failure": self.failure,
        }
        if self.is_unreachable:
            data["is_unreachable"] = True
        if self.response is not None:
            data["response"] = {
                "status": self.response.status,
                "headers": [list(pair) for pair in self.response.headers],
                "body": _text(self.response.body),
            }
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exchange:
        """The exchange that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: `data` is not of that form.
        """
        request, response = data["request"], data["response"]
        return cls(
            number=data["number"],
            operation=data["operation"],
            case=data["case"],
            step=data["step"],
            attempt=data["attempt"],
            signing=data["signing"],
            action=data["action"],
            target_bytes=data["target_bytes"],
            request=RawRequest(
                request["method"], request["target"], _headers(request["headers"]), _bytes(request["body"])
            ),
            response=None
            if response is None
            else RawResponse(response["status"], _headers(response["headers"]), _bytes(response["body"])),
            failure=data["failure"],
            is_unreachable=data.get("is_unreachable", False),
            sent_at=data["sent_at"],
            elapsed_s=data["elapsed_s"],
            moved_s=data["moved_s"],
        )


def _headers(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)


def _text(body: bytes) -> str | dict[str, str]:
    """Bytes as text where they are UTF-8, else as Base64 in an object."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def _bytes(value: str | Mapping[str, str]) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else base64.b64decode(value["base64"])
