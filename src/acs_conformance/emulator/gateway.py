"""What stands before every operation: which operation is called, and who calls, by the signature ACS3-HMAC-SHA256.

In: a raw request and the time. Out: a refusal, or nothing. The order of the checks is documented nowhere; it goes from
what is cheapest to know. Nothing here knows an operation's parameters.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from acs_conformance.description import Description
from acs_conformance.emulator.fault import Refusal
from acs_conformance.emulator.policy import Policy
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import v3 as signing

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z").fullmatch
_UNKNOWN = Refusal(
    status=404, code="InvalidAction.NotFound", message="Specified api is not found, please check your url and method."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeys:
    """Who may call.

    Attributes:
        secrets: AccessKey id -> its secret.
        tokens: AccessKey id -> the security token that must come with it, for temporary credentials.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)


class Router:
    """Tells which operation a request calls.

    Args:
        descriptions: operation name -> contract.
        policy: whether other methods than the documented one are taken.
    """

    #: What is said of an operation that isn't there.
    unknown = _UNKNOWN

    def __init__(self, descriptions: Mapping[str, Description], policy: Policy) -> None:
        self._descriptions = descriptions
        self._takes_get = {
            name: any(
                question.trait == "method" and policy.choice(description, question.key) == "taken"
                for question in description.questions
            )
            for name, description in descriptions.items()
        }

    def route(self, request: RawRequest) -> tuple[str, Refusal | None]:
        """The action that a request names, "" for none, and why it can't be called, or None."""
        action = header(request.headers, "x-acs-action") or ""
        version = header(request.headers, "x-acs-version")
        if not action:
            return "", _mandatory("Action", "the header x-acs-action")
        if not version:
            return action, _mandatory("Version", "the header x-acs-version")
        description = self._descriptions.get(action)
        if description is None:
            return action, _UNKNOWN
        if version != description.version:
            return action, Refusal(
                status=400, code="InvalidVersion", message="Specified parameter Version is not valid."
            )
        if (request.path or "/") != description.path:
            return action, _UNKNOWN
        if request.method != description.method and not (request.method == "GET" and self._takes_get[action]):
            return action, Refusal(
                status=400,
                code="UnsupportedHTTPMethod",
                message=f"This http method is not supported; call the operation with {description.method}.",
            )
        return action, None


class Gate:
    """Checks signatures, and remembers nonces.

    Args:
        keys: who may call.
        window_s: seconds by which a request's date may differ from the clock, either way.
        nonce_lifetime_s: seconds for which a nonce is remembered.
        nonce_capacity: how many nonces are remembered; beyond it the oldest is forgotten.
    """

    def __init__(self, keys: AccessKeys, *, window_s: float, nonce_lifetime_s: float, nonce_capacity: int) -> None:
        self._keys = keys
        self._window_s = window_s
        self._nonces = _Nonces(nonce_lifetime_s, nonce_capacity)

    def check(self, request: RawRequest, now_s: float) -> Refusal | None:
        """Why a request is not admitted, or None. A nonce is used up only by a request that is."""
        value = header(request.headers, "authorization")
        if value is None:
            return _mandatory("AccessKeyId", "the header Authorization")
        authorization = signing.parse_authorization(value)
        if authorization is None:
            return _malformed(value)
        secret = self._keys.secrets.get(authorization.access_key_id)
        if secret is None:
            return Refusal(status=404, code="InvalidAccessKeyId.NotFound", message="Specified access key is not found.")
        nonce = (authorization.access_key_id, header(request.headers, "x-acs-signature-nonce") or "")
        refused = (
            self._token(request, authorization.access_key_id)
            or self._time(request, now_s)
            or self._nonce(nonce, now_s)
            or _coverage(request, authorization)
            or _signature(request, authorization, secret)
        )
        if refused is None:
            self._nonces.add(nonce, now_s)
        return refused

    def _token(self, request: RawRequest, key_id: str) -> Refusal | None:
        sent = header(request.headers, "x-acs-security-token")
        expected = self._keys.tokens.get(key_id)
        if expected is not None and not sent:
            return _mandatory("SecurityToken", "the header x-acs-security-token")
        if sent and (expected is None or not hmac.compare_digest(sent.encode(), expected.encode())):
            return Refusal(
                status=400,
                code="InvalidSecurityToken.MismatchWithAccessKey",
                message="Specified SecurityToken is mismatched with AccessKeyId.",
            )
        return None

    def _time(self, request: RawRequest, now_s: float) -> Refusal | None:
        text = header(request.headers, "x-acs-date")
        if not text:
            return _mandatory("Timestamp", "the header x-acs-date")
        try:
            sent_s = datetime.fromisoformat(text).astimezone(UTC).timestamp() if _DATE(text) else None
        except (ValueError, OverflowError):
            sent_s = None
        if sent_s is None:
            return Refusal(
                status=400,
                code="InvalidTimeStamp.Format",
                message="Specified time stamp or date value is not well formatted. x-acs-date must look like "
                "2026-01-27T08:00:00Z.",
            )
        if abs(now_s - sent_s) > self._window_s:
            return Refusal(
                status=400,
                code="InvalidTimeStamp.Expired",
                message=f"Specified time stamp or date value is expired. x-acs-date is {abs(now_s - sent_s):.0f} "
                f"seconds from the server's time; {self._window_s:.0f} are allowed.",
            )
        return None

    def _nonce(self, nonce: tuple[str, str], now_s: float) -> Refusal | None:
        if not nonce[1]:
            return _mandatory("SignatureNonce", "the header x-acs-signature-nonce")
        if self._nonces.has(nonce, now_s):
            return Refusal(status=400, code="SignatureNonceUsed", message="Specified signature nonce was used already.")
        return None


class _Nonces:
    """Nonces seen, oldest first."""

    def __init__(self, lifetime_s: float, capacity: int) -> None:
        self._lifetime_s = lifetime_s
        self._capacity = capacity
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def has(self, nonce: tuple[str, str], now_s: float) -> bool:
        seen_s = self._seen.get(nonce)
        return seen_s is not None and now_s - seen_s <= self._lifetime_s

    def add(self, nonce: tuple[str, str], now_s: float) -> None:
        self._seen.pop(nonce, None)
        self._seen[nonce] = now_s
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)


def _mandatory(name: str, where: str) -> Refusal:
    return Refusal(
        status=400, code=f"Missing{name}", message=f"{name} is mandatory for this action. It is sent as {where}."
    )


def _malformed(authorization: str) -> Refusal:
    """Of an Authorization header that can't be read."""
    if not authorization.startswith(f"{signing.ALGORITHM} "):
        return Refusal(
            status=400,
            code="InvalidSignatureMethod",
            message=f"Specified signature method is not valid. This server knows {signing.ALGORITHM}.",
        )
    return Refusal(
        status=400,
        code="IncompleteSignature",
        message="The request signature does not conform to Aliyun standards. The header Authorization must look like "
        f"'{signing.ALGORITHM} Credential=<id>,SignedHeaders=<names>,Signature=<hex>'.",
    )


def _coverage(request: RawRequest, authorization: signing.Authorization) -> Refusal | None:
    """Whether the headers that must be signed are."""
    sent = {name.lower() for name, _ in request.headers}
    # Not content-type: the HTTP library below the asynchronous official SDK adds one after the signing.
    wanted = signing.MANDATORY_HEADERS | (sent & {"x-acs-security-token"})
    absent = sorted(signing.MANDATORY_HEADERS - sent)
    unsigned = sorted(wanted - {name.lower() for name in authorization.signed_headers})
    if not absent and not unsigned:
        return None
    what = f"absent: {', '.join(absent)}" if absent else f"not in SignedHeaders: {', '.join(unsigned)}"
    return Refusal(
        status=400,
        code="IncompleteSignature",
        message=f"The request signature does not conform to Aliyun standards. Headers that must be signed are {what}.",
    )


def _signature(request: RawRequest, authorization: signing.Authorization, secret: str) -> Refusal | None:
    body_hash = signing.hashed_payload(request.body)
    if header(request.headers, "x-acs-content-sha256") != body_hash:
        return Refusal(
            status=400,
            code="SignatureDoesNotMatch",
            message="Specified signature does not match our calculation. x-acs-content-sha256 is not the SHA-256 of "
            f"the {len(request.body)} bytes of body received, {body_hash}.",
        )
    canonical = signing.canonical_request(request, authorization.signed_headers, body_hash)
    to_sign = signing.string_to_sign(canonical)
    if hmac.compare_digest(signing.signature(secret, to_sign).encode(), authorization.signature.encode()):
        return None
    return Refusal(
        status=400,
        code="SignatureDoesNotMatch",
        message=f"Specified signature does not match our calculation. server StringToSign is [{to_sign}] "
        f"server CanonicalRequest is [{canonical}].",
    )
