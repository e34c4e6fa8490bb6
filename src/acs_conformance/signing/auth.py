"""Signatures as httpx authentication: each request that a client sends is signed at the moment it goes out.

In: credentials and the name of an operation. Out: objects for the `auth` argument of an httpx client, sync or async.
The schemes themselves are pure functions in `v3` and `v1`; the clock and the random nonces are here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from datetime import UTC, datetime

import httpx

from acs_conformance.message import RawRequest
from acs_conformance.signing import v1, v3
from acs_conformance.signing.credentials import Credentials


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _random_nonce() -> str:
    """32 hexadecimal digits, as the official SDKs send."""
    return secrets.token_hex(16)


class Acs3HmacSha256(httpx.Auth):
    """Signs the requests of an httpx client, sync or async, as one operation of one product.

    Each time a request is sent it gets a new time and nonce, also when it is the same object again; redirects that a
    client follows are not signed anew. What is signed are the bytes that go out: the URL as httpx encodes it, or the
    request's "target" extension where that replaces it, and the headers and the whole body at that moment.

    Args:
        credentials: who signs.
        action: name of the operation, such as "ListItems".
        version: version of the product's API, such as "2016-11-01".
        clock: returns the time as an aware datetime. Default: the system's.
        nonce: returns another text at each call. Default: 128 random bits as hexadecimal digits.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: Credentials,
        *,
        action: str,
        version: str,
        clock: Callable[[], datetime] = _utc_now,
        nonce: Callable[[], str] = _random_nonce,
    ) -> None:
        self._credentials = credentials
        self._action = action
        self._version = version
        self._clock = clock
        self._nonce = nonce

    def __repr__(self) -> str:
        return f"Acs3HmacSha256({self._credentials!r}, action={self._action!r}, version={self._version!r})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yields the request itself, once, its headers replaced by the signed ones."""
        signed = v3.sign(
            _raw(request),
            self._credentials,
            action=self._action,
            version=self._version,
            host=request.headers.get("host") or request.url.netloc.decode("ascii"),
            now=self._clock(),
            nonce=self._nonce(),
        )
        request.headers = _headers(signed)
        yield request


class AcsHmacSha1(httpx.Auth):
    """Signs the requests of an httpx client by the older scheme, HMAC-SHA1 with SignatureVersion 1.0.

    New times and nonces, redirects and the bytes that are signed: as for `Acs3HmacSha256`. The signature and a security
    token are parameters: with `place="query"` they are part of the URL, which httpx writes to its log and shows in the
    repr of a request.

    Args:
        credentials: who signs.
        action: name of the operation, such as "ListItems".
        version: version of the product's API, such as "2016-11-01".
        place: "query" adds the parameters to the query; "body" makes them and the query one form body.
        answer_format: "JSON" or "XML"; None leaves Format out.
        clock: returns the time as an aware datetime. Default: the system's.
        nonce: returns another text at each call. Default: 128 random bits as hexadecimal digits.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: Credentials,
        *,
        action: str,
        version: str,
        place: v1.Place = "query",
        answer_format: str | None = "JSON",
        clock: Callable[[], datetime] = _utc_now,
        nonce: Callable[[], str] = _random_nonce,
    ) -> None:
        self._credentials = credentials
        self._action = action
        self._version = version
        self._place = place
        self._answer_format = answer_format
        self._clock = clock
        self._nonce = nonce

    def __repr__(self) -> str:
        return f"AcsHmacSha1({self._credentials!r}, action={self._action!r}, version={self._version!r})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yields a signed copy of the request, once; the request itself stays as it was.

        Raises:
            ValueError: `place` is "body", and the request has a body that is no form.
        """
        signed = v1.sign(
            _raw(request),
            self._credentials,
            action=self._action,
            version=self._version,
            now=self._clock(),
            nonce=self._nonce(),
            place=self._place,
            answer_format=self._answer_format,
        )
        yield _copy(request, signed)


def _raw(request: httpx.Request) -> RawRequest:
    """A request, its body read, as it is about to go out."""
    target = request.extensions.get("target", request.url.raw_path)
    return RawRequest(
        method=request.method,
        target=target if isinstance(target, str) else target.decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw),
        body=request.content,
    )


def _headers(request: RawRequest) -> httpx.Headers:
    return httpx.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers])


def _copy(request: httpx.Request, signed: RawRequest) -> httpx.Request:
    """The request with the target, headers and body of `signed`; the target goes where it came from."""
    target = signed.target.encode("latin-1")
    headers = _headers(signed)
    headers.pop("transfer-encoding", None)  # a streamed body has been read: it goes out with its length
    if "target" in request.extensions:
        url, extensions = request.url, {**request.extensions, "target": target}
    else:
        # Encoded by httpx before, so it stays as it is.
        url, extensions = request.url.copy_with(raw_path=target), request.extensions
    return httpx.Request(request.method, url, headers=headers, content=signed.body, extensions=extensions)
