"""The older request signature, HMAC-SHA1 with SignatureVersion 1.0 (V1), as pure functions.

In: a request as it stands on the wire, credentials, the time, a nonce. Out: the same request with the parameters that
authenticate it, or the texts a verifier compares. Everything is a parameter here, in the query or in a form body;
headers are not signed. The client and the emulator share this module, so it is held to published vectors and to the
official signers, not to their agreement. It knows no description, reads no clock and no environment.

Source: Alibaba Cloud, "Common parameters" (and signature) of RPC-style APIs,
alibabacloud.com/help/en/ram/common-parameters-2; called "the RPC page" below. Alibaba Cloud names the scheme "V2 RPC"
and advises against it. What the page leaves open follows the official Python signer.

Texts of the wire are str with one character per byte (Latin-1), as in `acs_conformance.message`.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from acs_conformance.encoding import octets, percent_encode
from acs_conformance.message import Headers, RawRequest, header
from acs_conformance.signing.common import form_octets, timestamp
from acs_conformance.signing.credentials import Credentials

#: Values of the parameters SignatureMethod and SignatureVersion.
METHOD = "HMAC-SHA1"
VERSION = "1.0"

#: Where parameters travel.
Place = Literal["query", "body"]

#: A name and a value, decoded. Bytes that are no UTF-8 are there by "surrogateescape".
Parameter = tuple[str, str]

#: Media type of a body that holds parameters.
FORM = "application/x-www-form-urlencoded"

# What `sign` writes, and therefore first removes, so that a request can be signed again with other credentials.
_WRITTEN = frozenset(
    {
        "AccessKeyId",
        "Action",
        "Format",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureVersion",
        "Timestamp",
        "Version",
    }
)


def parameters(request: RawRequest) -> list[Parameter]:
    """What is signed of a request: the parameters of its query and of its form body, without Signature.

    They come in the order of the wire, the query's first. Parameters with the same name are all kept. A body counts
    only if its content type says that it is a form.

    Source: the RPC page, canonicalized query string.
    """
    return [(name, value) for name, value in _all_parameters(request) if name != "Signature"]


def sent_signature(request: RawRequest) -> str | None:
    """The first parameter Signature, in the query or in a form body, or None."""
    return next((value for name, value in _all_parameters(request) if name == "Signature"), None)


def string_to_sign(method: str, parameters: Iterable[Parameter]) -> str:
    """The method, an encoded slash, and the sorted parameters encoded twice, joined by "&".

    Args:
        method: of HTTP, in any letter case.
        parameters: decoded names and values, in any order. They are sorted by name and then by value, each by code
            point; the page does not mention repeated names, the order of their values is ours.

    Returns:
        ASCII, such as "GET&%2F&Action%3DListItems%26Name%3Da%2520b".

    Source: the RPC page, step "Construct a string-to-sign". The slash stands there whatever the path is.
    """
    canonical = "&".join([f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(parameters)])
    return f"{method.upper()}&%2F&{percent_encode(canonical)}"


def signature(secret: str, string_to_sign: str) -> str:
    """HMAC-SHA1 of a string-to-sign in Base64, 28 characters; the key is the AccessKey secret and an ampersand.

    Source: the RPC page, step "Calculate the signature".
    """
    return base64.b64encode(hmac.digest(octets(f"{secret}&"), octets(string_to_sign), "sha1")).decode("ascii")


def with_common_parameters(
    request: RawRequest,
    credentials: Credentials,
    *,
    action: str,
    version: str,
    date: str,
    nonce: str,
    place: Place = "query",
    answer_format: str | None = "JSON",
) -> RawRequest:
    """The request with all parameters of the scheme but Signature: the first half of `sign`.

    Appended are Action, Version, Format, AccessKeyId, SignatureMethod, SignatureVersion, SignatureNonce, Timestamp and,
    with a security token, SecurityToken. Of these, any that the query or the form already had are removed, as is a
    Signature; everything else stays as it is, byte for byte.

    For who tests a gateway: `date` and all else is sent as given, and what comes out may be changed before
    `with_signature` signs it.

    Raises:
        ValueError: `place` is "body", and the request has a body that is no form.

    Source: the RPC page, common parameters.
    """
    common = {
        "Action": action,
        "Version": version,
        "Format": answer_format,
        "AccessKeyId": credentials.access_key_id,
        "SignatureMethod": METHOD,
        "SignatureVersion": VERSION,
        "SignatureNonce": nonce,
        "Timestamp": date,
        "SecurityToken": credentials.security_token,
    }
    bare = _without(request, _WRITTEN)
    if place == "body":
        bare = _all_in_body(bare)
    return _appended(bare, [(name, value) for name, value in common.items() if value is not None], place)


def with_signature(request: RawRequest, credentials: Credentials, *, place: Place = "query") -> RawRequest:
    """The request with a Signature over what it holds now: the second half of `sign`.

    Args:
        request: with the parameters of the scheme; a Signature that it already has is replaced.
        credentials: whose secret signs.
        place: where the Signature goes.

    Raises:
        ValueError: `place` is "body", and the request has no form as its body.
    """
    bare = _without(request, frozenset({"Signature"}))
    signed = signature(credentials.access_key_secret, string_to_sign(bare.method, parameters(bare)))
    return _appended(bare, [("Signature", signed)], place)


def sign(
    request: RawRequest,
    credentials: Credentials,
    *,
    action: str,
    version: str,
    now: datetime,
    nonce: str,
    place: Place = "query",
    answer_format: str | None = "JSON",
) -> RawRequest:
    """The request with the parameters that authenticate it; pure, so equal arguments give an equal request.

    What is added is listed at `with_common_parameters`; who means to deviate calls that and `with_signature` instead.

    Args:
        request: the rest of it, as it will be sent: any change to the method or a parameter breaks the signature.
        credentials: whose id is named and whose secret signs.
        action: name of the operation, such as "ListItems".
        version: version of the product's API, such as "2016-11-01".
        now: aware; sent in UTC, its fraction of a second dropped.
        nonce: unique per request; the gateway refuses one it has seen.
        place: "query" appends to the query. "body" makes all parameters one form body, those of the query too, as the
            official Node.js client does it for POST.
        answer_format: "JSON" or "XML"; None leaves Format out, for which the RPC page promises XML.

    Raises:
        ValueError: `now` is naive; or `place` is "body", and the request has a body that is no form.
    """
    complete = with_common_parameters(
        request,
        credentials,
        action=action,
        version=version,
        date=timestamp(now),
        nonce=nonce,
        place=place,
        answer_format=answer_format,
    )
    return with_signature(complete, credentials, place=place)


# --- a request's query and form ------------------------------------------------------------------------------------


def _is_form(request: RawRequest) -> bool:
    media_type = (header(request.headers, "content-type") or "").partition(";")[0]
    return media_type.strip().lower() == FORM


def _all_parameters(request: RawRequest) -> Iterator[Parameter]:
    for text in (request.query, request.body.decode("latin-1") if _is_form(request) else ""):
        for part in text.split("&"):
            if part:
                name, _, value = part.partition("=")
                yield _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    return form_octets(text).decode("utf-8", "surrogateescape")


def _without(request: RawRequest, names: frozenset[str]) -> RawRequest:
    """The request without these parameters; what remains keeps its bytes."""

    def kept(text: str) -> str:
        return "&".join([part for part in text.split("&") if _decoded(part.partition("=")[0]) not in names])

    bare = _with_query(request, kept(request.query))
    return _with_body(bare, kept(request.body.decode("latin-1")).encode("latin-1")) if _is_form(bare) else bare


def _all_in_body(request: RawRequest) -> RawRequest:
    """The request with the query's parameters before those of its form."""
    if not _is_form(request):
        if request.body:
            raise ValueError(
                f"The body holds no form, so parameters can't join it. Send it as {FORM}, or use place='query'."
            )
        others = tuple(item for item in request.headers if item[0].lower() != "content-type")
        request = replace(request, headers=(*others, ("content-type", FORM)))
    texts = (request.query, request.body.decode("latin-1"))
    body = "&".join([text for text in texts if text]).encode("latin-1")
    return _with_body(replace(request, target=request.path), body)


def _appended(request: RawRequest, added: list[Parameter], place: Place) -> RawRequest:
    """The request with these parameters at the end of its query or of its form."""
    more = "&".join([f"{percent_encode(name)}={percent_encode(value)}" for name, value in added])
    if place == "query":
        return _with_query(request, f"{request.query}&{more}" if request.query else more)
    if not _is_form(request):
        raise ValueError(
            f"The request has no form as its body, so nothing can be added there. Its type must be {FORM}."
        )
    return _with_body(request, b"&".join([part for part in (request.body, more.encode("ascii")) if part]))


def _with_query(request: RawRequest, query: str) -> RawRequest:
    if query == request.query:
        return request
    return replace(request, target=f"{request.path}?{query}" if query else request.path)


def _with_body(request: RawRequest, body: bytes) -> RawRequest:
    """The request with this body, and with the right length if it tells one."""
    if body == request.body:
        return request
    framing = {"content-length", "transfer-encoding"}
    headers: Headers = tuple(item for item in request.headers if item[0].lower() not in framing)
    if len(headers) < len(request.headers):
        headers = (*headers, ("content-length", str(len(body))))
    return replace(request, headers=headers, body=body)
