"""What a request says to the gateway, whatever its signature scheme: which operation, who, when, in which format.

In: a raw request. Out: an `Envelope`. Nothing is checked here and nothing refused; what isn't said is "".

Two schemes are told apart. V3 (ACS3-HMAC-SHA256) speaks in headers. V1 (HMAC-SHA1) speaks in parameters, in the query
or in a form body or in both: the clients of the ecosystem do each of the three. Sources: "V3 request structure and
signature" and "Request structure and signature of RPC-style APIs (V2)" of Alibaba Cloud, and what its SDKs send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from acs_conformance.emulator import decoding
from acs_conformance.emulator.decoding import Parameter
from acs_conformance.message import RawRequest
from acs_conformance.signing.v3 import Authorization, parse_authorization

Scheme = Literal["v3", "v1"]

FORM = "application/x-www-form-urlencoded"

#: Parameters that are the gateway's in a V1 request: never an operation's, unless it documents one of these names.
COMMON_PARAMETERS = frozenset(
    {
        "AccessKeyId",
        "Action",
        "Format",
        "RegionId",  # sent by the official Python client of this scheme on its own account
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "Timestamp",
        "Version",
    }
)

# Where V3 says what V1 says in a parameter.
_HEADERS = {
    "Action": "x-acs-action",
    "Version": "x-acs-version",
    "Timestamp": "x-acs-date",
    "SignatureNonce": "x-acs-signature-nonce",
    "SecurityToken": "x-acs-security-token",
}

# Media types that decide about the format of an answer -> whether they ask for XML.
_MEDIA_TYPES = {
    "application/json": False,
    "application/*": False,
    "*/*": False,
    "application/xml": True,
    "text/xml": True,
}


@dataclass(slots=True, kw_only=True)
class Envelope:
    """A request as the gateway sees it. Its repr shows nothing of what was sent, which may be a token."""

    request: RawRequest = field(repr=False)
    #: When it came: Unix time in seconds.
    received_s: float
    scheme: Scheme
    #: Lower-case name -> value; of several headers with one name the first.
    headers: Mapping[str, str] = field(repr=False)
    #: Name of a common parameter -> what the request says there, in its scheme's place for it.
    said: Mapping[str, str] = field(repr=False)
    wants_xml: bool
    #: V3: the Authorization header taken apart; None for none, and for one that is malformed.
    authorization: Authorization | None = None
    #: V1: the parameters of query and form body, in order; None for V3, which has no common ones among them.
    parameters: Sequence[Parameter] | None = field(default=None, repr=False)

    def get(self, name: str) -> str:
        """What the request says under the name of a common parameter; "" for nothing."""
        return self.said.get(name, "")

    @property
    def nonce(self) -> tuple[str, str]:
        """The nonce, which each AccessKey has to itself."""
        return self.get("AccessKeyId"), self.get("SignatureNonce")

    def place(self, name: str) -> str:
        """Where this scheme sends a common parameter, for messages."""
        if self.scheme == "v1":
            return f"the parameter {name}"
        return f"the header {_HEADERS.get(name, 'Authorization')}"


def opened(request: RawRequest, received_s: float, *, takes_v1: bool = True) -> Envelope:
    """The envelope of a request.

    A request with an Authorization header of V3's family is V3, whatever else it has. Any other one is V1 if it has a
    parameter Signature or SignatureMethod, or names its operation or AccessKey by parameters alone: the official SDK
    sends x-acs-action in either scheme, so that header decides nothing by itself.

    Args:
        request: as it came.
        received_s: Unix time in seconds.
        takes_v1: False for a gateway that knows V3 only.
    """
    headers = {name.lower(): value for name, value in reversed(request.headers)}
    authorization = headers.get("authorization", "")
    if takes_v1 and not authorization.startswith("ACS3-"):
        parameters = _parameters_of_v1(request, headers)
        if parameters is not None:
            return _v1(request, received_s, headers, parameters)
    said = {name: headers.get(key, "") for name, key in _HEADERS.items()}
    parts = parse_authorization(authorization)
    if parts is not None:
        said["AccessKeyId"] = parts.access_key_id
    return Envelope(
        request=request,
        received_s=received_s,
        scheme="v3",
        headers=headers,
        said=said,
        wants_xml=_prefers_xml(headers.get("accept", "")),
        authorization=parts,
    )


def _v1(
    request: RawRequest, received_s: float, headers: Mapping[str, str], parameters: Sequence[Parameter]
) -> Envelope:
    said = {name: text for name, text, _ in reversed(parameters) if name in COMMON_PARAMETERS}
    return Envelope(
        request=request,
        received_s=received_s,
        scheme="v1",
        headers=headers,
        said=said,
        wants_xml=said.get("Format", "").upper() != "JSON",  # XML is the documented default
        parameters=parameters,
    )


def _parameters_of_v1(request: RawRequest, headers: Mapping[str, str]) -> list[Parameter] | None:
    """The parameters of a V1 request; None if it is none."""
    body = form_of(request, headers.get("content-type"))
    names_operation = "x-acs-action" not in headers
    if not names_operation and "Signature" not in request.target and "Signature" not in body:
        return None  # nothing is decoded twice for the sake of who writes these names in escapes
    parameters = decoding.parameters(request.query)
    if body:
        parameters += decoding.parameters(body)
    names = {name for name, _, _ in parameters}
    if not names.isdisjoint(("Signature", "SignatureMethod")):
        return parameters
    return parameters if names_operation and not names.isdisjoint(("Action", "AccessKeyId")) else None


def form_of(request: RawRequest, content_type: str | None) -> str:
    """The request's form body, still percent-encoded, one character per byte; "" if it has none.

    Args:
        request: as it came.
        content_type: the value of that header, or None.
    """
    if not request.body or not content_type or content_type.partition(";")[0].strip().lower() != FORM:
        return ""
    return request.body.decode("latin-1")


def _prefers_xml(accept: str) -> bool:
    """Whether an Accept header wants XML more than JSON; of equals the first. JSON where it names neither.

    Which of them a V3 request without a preference gets is documented nowhere; the official SDK asks for JSON.
    """
    if not accept or accept in ("application/json", "*/*"):
        return False
    wants_xml, best = False, 0.0
    for item in accept.lower().split(","):
        media_type, *options = [part.strip() for part in item.split(";")]
        weight = next((_weight(option[2:]) for option in options if option.startswith("q=")), 1.0)
        if media_type in _MEDIA_TYPES and weight > best:
            wants_xml, best = _MEDIA_TYPES[media_type], weight
    return wants_xml


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
