"""Raw HTTP messages, as they go over the wire: what the emulator's core takes and gives, and what a judge reads.

Nothing here knows a description, a signature or a library. Texts are what stands on the wire: a target is the
percent-encoded ASCII of the request line, header names keep the spelling they were sent with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

# What the repr of a request hides: signatures, and the tokens of temporary credentials.
_SECRET_HEADERS = frozenset({"authorization", "x-acs-bearer-token", "x-acs-security-token"})
_SECRET_PARAMETERS = re.compile(r"(?<=[?&])(BearerToken|SecurityToken|Signature)=[^&]*")


def header(headers: Headers, name: str) -> str | None:
    """The value of the first header called `name` in any letter case, or None."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One HTTP request. Its repr shows no body, no signature and no security token."""

    #: Upper-case method, such as "POST".
    method: str
    #: Path and query as in the request line, percent-encoded, such as "/?Name=a".
    target: str
    headers: Headers = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target up to its first question mark."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after its first question mark, still percent-encoded; empty when there is none."""
        return self.target.partition("?")[2]

    def __repr__(self) -> str:
        target = _SECRET_PARAMETERS.sub(r"\1=***", self.target)
        headers = tuple((name, "***" if name.lower() in _SECRET_HEADERS else value) for name, value in self.headers)
        return f"RawRequest(method={self.method!r}, target={target!r}, headers={headers!r})"


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One HTTP response, its body already decompressed."""

    status: int
    headers: Headers = ()
    body: bytes = b""
