"""Answers: what kind of thing came back.

In: a response as recorded, or the lack of one. Out: `Answer`, which says what the target did with the request, in the
description's words. It does not know what was asked, so it can't say whether the answer is right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from acs_conformance.description import Description, ErrorRow
from acs_conformance.message import RawResponse, header
from acs_conformance.violation import compiled

Kind = Literal[
    "success",  # the documented success status, and no error in the body
    "refusal",  # a documented error row, or a status 4xx
    "throttled",  # come back later
    "world",  # something does not exist or may not be touched
    "gateway",  # credentials, clock, permission or address: the operation was not reached
    "broken",  # 5xx, or no HTTP response at all
    "other",  # any other status
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, classified."""

    kind: Kind
    #: HTTP status; 0 when there was no response.
    status: int
    #: The error row whose Code the body carries, or None.
    row: ErrorRow | None = None
    #: Code and Message as they came, or None.
    code: str | None = None
    #: The family of a gateway answer.
    family: str | None = None
    #: The body as JSON; None where it is none.
    body: Any = field(default=None, repr=False)
    is_json: bool = False
    #: The content type without parameters, lower case; "" when there is none.
    media_type: str = ""
    #: Why there was no response.
    failure: str = ""

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people."""
        return not self.is_json and self.media_type in ("text/html", "application/xhtml+xml")

    @property
    def is_foreign(self) -> bool:
        """Whether something else than an API has spoken: a proxy, a portal, a server for pages.

        A 5xx is none: whoever says it says that the target is not available.
        """
        has_id = isinstance(self.body, dict) and "RequestId" in self.body
        if self.is_page and self.status < 500:
            return True
        return 300 <= self.status < 500 and self.code is None and not has_id

    def __str__(self) -> str:
        if not self.status:
            return f"no answer ({self.failure})"
        if self.code is not None:
            return f"{self.status} {self.code}"
        if self.is_json:
            return f"{self.status}"
        return f"{self.status} with {self.media_type or 'no content type'}"


def answer_of(description: Description, response: RawResponse | None, failure: str = "") -> Answer:
    """Classify a response by its status and the Code in its body."""
    if response is None:
        return Answer(kind="broken", status=0, failure=failure or "no response")
    media_type = (header(response.headers, "content-type") or "").partition(";")[0].strip().lower()
    body, is_json = _parse(response.body)
    code = body.get("Code") if isinstance(body, dict) else None
    code = code if isinstance(code, str) else None
    row = row_of(description, code) if code is not None else None
    family = description.gateway.family(code) if code is not None else None
    return Answer(
        kind=_kind(description, response.status, row, family, code),
        status=response.status,
        row=row,
        code=code,
        family=family,
        body=body,
        is_json=is_json,
        media_type=media_type,
    )


def _parse(body: bytes) -> tuple[Any, bool]:
    """The body as JSON in UTF-8, and whether it is that; NaN and Infinity are not (RFC 8259)."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse), True
    except (ValueError, RecursionError):
        return None, False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def row_of(description: Description, code: str) -> ErrorRow | None:
    """The documented error row that `code` belongs to; an exact code wins over a prefix."""
    fitting = None
    for row in description.errors.values():
        schema = row.schema["properties"]["Code"]
        if schema.get("const") == code:
            return row
        if "pattern" in schema and compiled(schema["pattern"]).fullmatch(code):
            fitting = row
    return fitting


def _kind(d: Description, status: int, row: ErrorRow | None, family: str | None, code: str | None) -> Kind:
    # Whatever the status; and without a code it is a load balancer that speaks (RFC 6585, 4).
    if family == "throttled" or (row and row.name in d.world.throttled) or (status == 429 and code is None):
        return "throttled"
    if status >= 500:
        return "broken"
    if row and row.name in (*d.world.missing, *d.world.forbidden):
        return "world"
    if family is not None and row is None:
        return "gateway"
    if row is not None or 400 <= status < 500:
        return "refusal"
    return "success" if status == d.success_status else "other"
