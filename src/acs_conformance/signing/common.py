"""What both schemes share: how a time is written, how a form is read, how signatures are compared.

In: texts of the wire, one character per byte (Latin-1). Nothing here knows a scheme.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from acs_conformance.encoding import octets


def timestamp(now: datetime) -> str:
    """A time as signed requests give it, such as "2026-01-27T08:00:00Z".

    Args:
        now: aware; written in UTC, its fraction of a second dropped, for the gateway refuses one.

    Raises:
        ValueError: `now` is naive, and would be taken for local time.
    """
    if now.tzinfo is None:
        raise ValueError(f"now={now.isoformat()} has no time zone; give an aware datetime, such as datetime.now(UTC).")
    return f"{now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def form_octets(text: str) -> bytes:
    """One name or value of a query or a form, decoded: a plus sign is a blank, %XX is a byte.

    Never raises: a percent sign without two hexadecimal digits stands for itself.
    """
    try:
        wire = text.encode("latin-1")
    except UnicodeEncodeError:  # never from a wire, but a caller may ask
        wire = octets(text)
    return unquote_to_bytes(wire.replace(b"+", b" "))


def is_same_signature(expected: str, sent: str) -> bool:
    """Whether two signatures are equal, found out in a time that doesn't tell where they differ.

    For verifiers: a plain comparison ends at the first wrong character, and who can measure that can guess a signature
    character by character. Never raises, whatever was sent.
    """
    return hmac.compare_digest(octets(expected), octets(sent))
