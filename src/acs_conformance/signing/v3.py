"""The request signature ACS3-HMAC-SHA256 (V3), as pure functions.

In: a request as it stands on the wire, credentials, the time, a nonce. Out: the same request with the headers that
authenticate it, or the texts a verifier compares. The client and the emulator share this module, so it is held to
published vectors and to the official signer, not to their agreement. It knows no description, reads no clock and no
environment, and knows nothing of targets.

Source: Alibaba Cloud, "V3 request structure and signature",
alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature (copies of 2025 and 2026); called
"the V3 page" below. What the page leaves open follows the official Python signer, except where a docstring says so.

Texts of the wire are str with one character per byte (Latin-1), as in `acs_conformance.message`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from acs_conformance.encoding import encode_octets, octets
from acs_conformance.message import RawRequest
from acs_conformance.signing.common import form_octets, timestamp
from acs_conformance.signing.credentials import Credentials

#: Name of the scheme: the first word of the Authorization header and the first line of the text that is signed.
ALGORITHM = "ACS3-HMAC-SHA256"

#: Headers that a V3 request carries in any case; a verifier demands that all of them are signed.
#: Source: the V3 page, common request headers.
MANDATORY_HEADERS = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)

# What `sign` writes, and therefore first removes, so that a request can be signed again with other credentials.
_WRITTEN_HEADERS = MANDATORY_HEADERS | {"authorization", "x-acs-accesskey-id", "x-acs-security-token"}

# What encoding would give back unchanged: unreserved characters and upper-case escapes of all others. To match too
# little only costs time; to match too much would sign a query that the receiver reads differently.
_IS_ENCODED = re.compile(
    r"(?:[A-Za-z0-9._~-]++|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[B-DF]))*+"
).fullmatch

# Visible ASCII but for the comma, which separates the parts of the header.
_PART = r"([!-+\--~]+)"
_AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential={_PART},SignedHeaders={_PART},Signature={_PART}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The value of an Authorization header of this scheme, taken apart; `str()` puts it together again."""

    access_key_id: str
    #: Names as sent: a verifier decides what lower case, order and repetition are worth.
    signed_headers: tuple[str, ...]
    #: As sent, visible ASCII; right ones are 64 lower-case hexadecimal digits.
    signature: str = field(repr=False)

    def __str__(self) -> str:
        return (
            f"{ALGORITHM} Credential={self.access_key_id},"
            f"SignedHeaders={';'.join(self.signed_headers)},Signature={self.signature}"
        )


def parse_authorization(value: str) -> Authorization | None:
    """The parts of an Authorization header, or None when the value is malformed or of another scheme.

    Well-formed is exactly the documented form: one blank after the algorithm, three parts in order, commas without
    blanks, no part empty. Never raises.

    Source: the V3 page, Authorization header.
    """
    match = _AUTHORIZATION(value)
    if match is None:
        return None
    key_id, names, signed = match.groups()
    return Authorization(access_key_id=key_id, signed_headers=tuple(names.split(";")), signature=signed)


def canonical_query(raw_query: str) -> str:
    """The query as it is signed: decoded as a form, sorted by encoded name and encoded value, encoded again.

    A plus sign is a blank; a parameter without "=" has an empty value; "&" next to "&" encloses no parameter.
    Parameters with the same name are all kept. A percent sign without two hexadecimal digits stands for itself, and
    bytes that are no UTF-8 stay the bytes they are. Never raises.

    Args:
        raw_query: query of the request line without its question mark, such as "b=1+2&a"; "" when there is none.

    Returns:
        Percent-encoded ASCII, such as "a=&b=1%202". Encoding it again changes nothing.

    Source: the V3 page, canonicalized query string. It doesn't mention repeated names; the order of their values is
    ours. The official Python signer leaves names unencoded here; the page, and this function, encode them.
    """
    parameters = []
    for parameter in raw_query.split("&"):
        if parameter:
            name, _, value = parameter.partition("=")
            parameters.append(
                (name if _IS_ENCODED(name) else _recode(name), value if _IS_ENCODED(value) else _recode(value))
            )
    parameters.sort()
    return "&".join([f"{name}={value}" for name, value in parameters])


def hashed_payload(body: bytes) -> str:
    """SHA-256 of the body's bytes as sent, as 64 lower-case hexadecimal digits: the value of x-acs-content-sha256."""
    return hashlib.sha256(body).hexdigest()


def canonical_request(request: RawRequest, signed_headers: Iterable[str], hashed_payload: str) -> str:
    r"""The six parts of a request that are signed, joined by "\n".

    They are method, path, canonical query, canonical headers, signed headers, hash of the body. The canonical headers
    end with a newline of their own, so that a blank line follows them. The path is taken as it stands on the wire.
    Values are trimmed, like the official Python signer does it, by Python's notion of white space; those of a repeated
    header are sorted and joined by commas.

    Args:
        request: as sent or received; only the headers that are named take part.
        signed_headers: names, in any order and letter case; they are made lower-case, unique and sorted. One that the
            request doesn't have gets an empty value.
        hashed_payload: as given by the function of that name.

    Source: the V3 page, step "Construct a canonicalized request".
    """
    values: dict[str, list[str]] = {name: [] for name in sorted({name.lower() for name in signed_headers})}
    for name, value in request.headers:
        found = values.get(name.lower())
        if found is not None:
            found.append(value.strip())
    path, _, query = request.target.partition("?")
    return "\n".join(
        [
            request.method.upper(),
            path or "/",
            canonical_query(query),
            *[f"{name}:{','.join(sorted(found))}" for name, found in values.items()],
            "",
            ";".join(values),
            hashed_payload,
        ]
    )


def string_to_sign(canonical_request: str) -> str:
    r"""The algorithm, "\n", and the SHA-256 of a canonical request's UTF-8 as 64 lower-case hexadecimal digits.

    Source: the V3 page, step "Construct a string-to-sign".
    """
    return f"{ALGORITHM}\n{hashlib.sha256(octets(canonical_request)).hexdigest()}"


def signature(secret: str, string_to_sign: str) -> str:
    """HMAC-SHA256 of a string-to-sign with the AccessKey secret as the key, as 64 lower-case hexadecimal digits.

    Source: the V3 page, step "Calculate the signature". Unlike in older schemes, nothing is appended to the secret.
    """
    return hmac.digest(octets(secret), octets(string_to_sign), "sha256").hex()


def with_common_headers(
    request: RawRequest,
    credentials: Credentials,
    *,
    action: str,
    version: str,
    host: str,
    date: str,
    nonce: str,
) -> RawRequest:
    """The request with all headers of the scheme but Authorization: the first half of `sign`.

    `host` comes first, then the headers the request had, unchanged, then x-acs-action, -version, -date,
    -signature-nonce, -content-sha256, and with a security token x-acs-accesskey-id and x-acs-security-token. Of these,
    any the request already had are replaced; an Authorization is removed.

    For who tests a gateway: `date` and all else is sent as given, and what comes out may be changed before
    `with_authorization` signs it.

    Source: the V3 page, common request headers.
    """
    headers = [
        ("host", host),
        *[item for item in request.headers if item[0].lower() not in _WRITTEN_HEADERS],
        ("x-acs-action", action),
        ("x-acs-version", version),
        ("x-acs-date", date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-content-sha256", hashed_payload(request.body)),
    ]
    if credentials.security_token is not None:
        headers.append(("x-acs-accesskey-id", credentials.access_key_id))
        headers.append(("x-acs-security-token", credentials.security_token))
    return replace(request, headers=tuple(headers))


def with_authorization(
    request: RawRequest, credentials: Credentials, *, signed_headers: Iterable[str] | None = None
) -> RawRequest:
    """The request with an Authorization header over what it holds now: the second half of `sign`.

    Args:
        request: with the headers of the scheme; an Authorization that it already has is replaced.
        credentials: whose id is named and whose secret signs.
        signed_headers: names, in any order and letter case. Default, and right: host, content-type and every x-acs-*
            header, as far as they are there.

    Source: the V3 page, canonicalized headers and Authorization header.
    """
    headers = tuple(item for item in request.headers if item[0].lower() != "authorization")
    if signed_headers is None:
        present = (name.lower() for name, _ in headers)
        signed_headers = (name for name in present if name.startswith("x-acs-") or name in {"host", "content-type"})
    names = sorted({name.lower() for name in signed_headers})
    canonical = canonical_request(request, names, hashed_payload(request.body))
    authorization = Authorization(
        access_key_id=credentials.access_key_id,
        signed_headers=tuple(names),
        signature=signature(credentials.access_key_secret, string_to_sign(canonical)),
    )
    return replace(request, headers=(*headers, ("Authorization", str(authorization))))


def sign(
    request: RawRequest,
    credentials: Credentials,
    *,
    action: str,
    version: str,
    host: str,
    now: datetime,
    nonce: str,
) -> RawRequest:
    """The request with the headers that authenticate it; pure, so equal arguments give an equal request.

    What is added is listed at `with_common_headers`, what is signed at `with_authorization`; who means to deviate
    calls these two instead.

    Args:
        request: the rest of it, as it will be sent: any change to method, target, body or a signed header breaks the
            signature.
        credentials: whose id is named and whose secret signs.
        action: name of the operation, such as "ListItems".
        version: version of the product's API, such as "2016-11-01".
        host: value of the Host header, with the port if it isn't the default one.
        now: aware; sent in UTC, its fraction of a second dropped.
        nonce: unique per request; the gateway refuses one it has seen.

    Raises:
        ValueError: `now` is naive, and would be taken for local time.
    """
    complete = with_common_headers(
        request, credentials, action=action, version=version, host=host, date=timestamp(now), nonce=nonce
    )
    return with_authorization(complete, credentials)


def _recode(text: str) -> str:
    """One name or value of a query, decoded as a form and encoded again."""
    return encode_octets(form_octets(text))
