"""The gateway's single checks: each one looks at an envelope and gives a refusal, or None to let it pass.

In: what the gateway knows, and an envelope. Out: what is refused, in the gateway's documented words and, where these
say little, a sentence more. `gateway` says which checks there are for each scheme, and in which order.

Sources: the tables of common errors in Alibaba Cloud's documentation, and answers of real gateways quoted in public.
Where they differ, the policy's points `gateway.…` decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from acs_conformance.description import Description
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.envelope import Envelope, Scheme
from acs_conformance.emulator.fault import Refusal
from acs_conformance.emulator.limits import Buckets, Nonces
from acs_conformance.signing import v1, v3
from acs_conformance.signing.common import is_same_signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the checks know besides the request."""

    descriptions: Mapping[str, Description]
    #: Operation -> HTTP methods that it takes.
    methods: Mapping[str, frozenset[str]]
    keys: AccessKeys
    #: Seconds by which a request's time may differ from the clock, either way.
    window_s: Mapping[Scheme, float]
    nonces: Nonces
    #: None: there is no quota.
    buckets: Buckets | None
    #: Point of the policy -> choice.
    choices: Mapping[str, str]


Check = Callable[[Knowledge, Envelope], Refusal | None]

UNKNOWN_ACTION = Refusal(
    status=404, code="InvalidAction.NotFound", message="Specified api is not found, please check your url and method."
)
_INCOMPLETE = "The request signature does not conform to Aliyun standards."
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z").fullmatch
_WITHOUT_ID = re.compile(rf"{v3.ALGORITHM} Credential=,SignedHeaders=[^,]+,Signature=[^,]+").fullmatch


def required(name: str) -> Check:
    """The check that a common parameter is there and not empty."""

    def check(known: Knowledge, envelope: Envelope) -> Refusal | None:
        return None if envelope.get(name) else _missing(name, known, envelope)

    return check


def _missing(name: str, known: Knowledge, envelope: Envelope) -> Refusal:
    if known.choices["gateway.missing"] == "MissingParameter":
        return _bad_request(
            "MissingParameter",
            f'The input parameter "{name}" that is mandatory for processing this request is not supplied.',
        )
    where = envelope.place(name)
    return _bad_request(f"Missing{name}", f"{name} is mandatory for this action. It is sent as {where}.")


def _bad_request(code: str, message: str) -> Refusal:
    return Refusal(status=400, code=code, message=message)


def _invalid(name: str, remedy: str) -> Refusal:
    return _bad_request(f"Invalid{name}", f"Specified parameter {name} is not valid. {remedy}")


# --- which operation --------------------------------------------------------------------------------------------------


def format_known(_known: Knowledge, envelope: Envelope) -> Refusal | None:
    """Format, a parameter of V1, is JSON or XML, in any letter case, or absent."""
    if envelope.get("Format").upper() in ("", "JSON", "XML"):
        return None
    return _bad_request("InvalidParameter.Format", "Specified parameter format is not valid. It is JSON or XML.")


def action_known(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The operation exists, at this path."""
    description = known.descriptions.get(envelope.get("Action"))
    if description is None or (envelope.request.path or "/") != description.path:
        return UNKNOWN_ACTION
    return None


def version_known(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The version is the operation's."""
    version = known.descriptions[envelope.get("Action")].version
    return None if envelope.get("Version") == version else _invalid("Version", f"It is {version}.")


def method_supported(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The HTTP method is one that the operation takes."""
    methods = known.methods[envelope.get("Action")]
    if envelope.request.method in methods:
        return None
    choice = known.choices["gateway.method"]
    if choice == "404":
        return UNKNOWN_ACTION
    return Refusal(
        status=int(choice),
        code="UnsupportedHTTPMethod",
        message=f"This http method is not supported; call the operation with {' or '.join(sorted(methods))}.",
    )


# --- who calls --------------------------------------------------------------------------------------------------------


def key_known(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The AccessKey exists."""
    if envelope.get("AccessKeyId") in known.keys.secrets:
        return None
    return Refusal(
        status=int(known.choices["gateway.accessKey.known"]),
        code="InvalidAccessKeyId.NotFound",
        message="Specified access key is not found.",
    )


def key_active(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The AccessKey is not disabled."""
    if envelope.get("AccessKeyId") not in known.keys.inactive:
        return None
    return _bad_request("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")


def token(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """Temporary credentials come with their security token, others with none."""
    sent = envelope.get("SecurityToken")
    expected = known.keys.tokens.get(envelope.get("AccessKeyId"))
    if expected is None:
        is_right = not sent
    elif not sent:
        return _missing("SecurityToken", known, envelope)
    else:
        is_right = is_same_signature(expected, sent)
    if is_right:
        return None
    return _bad_request(
        "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken is mismatched with AccessKeyId."
    )


# --- when -------------------------------------------------------------------------------------------------------------


def date_form(_known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The time is written as documented."""
    if _unix_time(envelope.get("Timestamp")) is not None:
        return None
    return _bad_request(
        "InvalidTimeStamp.Format",
        "Specified time stamp or date value is not well formatted. It looks like 2026-01-27T08:00:00Z, as "
        f"{envelope.place('Timestamp')}.",
    )


def date_window(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The time is near the clock's."""
    sent_s = _unix_time(envelope.get("Timestamp"))
    if sent_s is None:
        return None  # what is no time has been refused for that
    age_s, window_s = envelope.received_s - sent_s, known.window_s[envelope.scheme]
    if abs(age_s) <= window_s or (age_s < 0 and known.choices["gateway.date.future"] == "taken"):
        return None
    return _bad_request(
        "InvalidTimeStamp.Expired",
        f"Specified time stamp or date value is expired. It is {abs(age_s):.0f} seconds from the server's time; "
        f"{window_s:.0f} are allowed.",
    )


def _unix_time(text: str) -> float | None:
    """Unix time in seconds, or None for what is no such time."""
    return _seconds(text) if len(text) == len("2026-01-27T08:00:00Z") else None


@lru_cache(maxsize=1024)
def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if _DATE(text) else None
    except (ValueError, OverflowError):
        return None


def nonce_unique(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The AccessKey has not used this nonce."""
    if not known.nonces.has(envelope.nonce, envelope.received_s):
        return None
    return _bad_request("SignatureNonceUsed", "Specified signature nonce was used already.")


# --- the signature of V3 ----------------------------------------------------------------------------------------------


def v3_authorization_required(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """There is an Authorization header; without one nobody says who calls."""
    return None if envelope.headers.get("authorization") else _missing("AccessKeyId", known, envelope)


def v3_authorization_form(_known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The Authorization header is one of this scheme; that it names nobody is another matter."""
    value = envelope.headers["authorization"]
    if envelope.authorization is not None or _WITHOUT_ID(value):
        return None
    if not value.startswith(f"{v3.ALGORITHM} "):
        return _bad_request(
            "InvalidSignatureMethod",
            f"Specified signature method is not valid. This server knows {v3.ALGORITHM} in the header Authorization.",
        )
    return _bad_request(
        "IncompleteSignature",
        f"{_INCOMPLETE} The header Authorization must look like "
        f"'{v3.ALGORITHM} Credential=<id>,SignedHeaders=<names>,Signature=<hex>'.",
    )


def v3_coverage(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The headers that the scheme needs are there and signed."""
    assert envelope.authorization is not None  # noqa: S101 - checked before
    absent = v3.MANDATORY_HEADERS - envelope.headers.keys()
    if absent:
        return _incomplete("absent", absent)
    # Not content-type: the HTTP library below the asynchronous official SDK adds one after the signing.
    wanted = v3.MANDATORY_HEADERS | ({"x-acs-security-token"} & envelope.headers.keys())
    unsigned = wanted.difference(name.lower() for name in envelope.authorization.signed_headers)
    if not unsigned or known.choices["gateway.coverage"] == "taken":
        return None
    return _incomplete("not in SignedHeaders", unsigned)


def _incomplete(what: str, names: frozenset[str]) -> Refusal:
    return _bad_request(
        "IncompleteSignature", f"{_INCOMPLETE} Headers that must be signed are {what}: {', '.join(sorted(names))}."
    )


def v3_payload(_known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The hash that was signed is the body's."""
    body = envelope.request.body
    body_hash = v3.hashed_payload(body)
    if envelope.headers["x-acs-content-sha256"] == body_hash:
        return None
    return _bad_request(
        "SignatureDoesNotMatch",
        "Specified signature does not match our calculation. x-acs-content-sha256 is not the SHA-256 of the "
        f"{len(body)} bytes of body received, {body_hash}.",
    )


def v3_signature(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The signature is the one that the AccessKey's secret makes."""
    sent = envelope.authorization
    assert sent is not None  # noqa: S101 - checked before
    canonical = v3.canonical_request(envelope.request, sent.signed_headers, envelope.headers["x-acs-content-sha256"])
    to_sign = v3.string_to_sign(canonical)
    if is_same_signature(v3.signature(known.keys.secrets[sent.access_key_id], to_sign), sent.signature):
        return None
    return _bad_request(
        "SignatureDoesNotMatch",
        f"Specified signature does not match our calculation. server StringToSign is [{to_sign}] "
        f"server CanonicalRequest is [{canonical}].",
    )


# --- the signature of V1 ----------------------------------------------------------------------------------------------


def v1_authorization_form(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The parameters that name the scheme name this one."""
    for name in ("SignatureMethod", "SignatureVersion"):
        if not envelope.get(name):
            return _missing(name, known, envelope)
    if envelope.get("SignatureMethod") != v1.METHOD:
        return _bad_request(
            "InvalidSignatureMethod", f"Specified signature method is not valid. This server knows {v1.METHOD}."
        )
    if envelope.get("SignatureVersion") != v1.VERSION:
        return _invalid("SignatureVersion", f"It is {v1.VERSION}.")
    # Empty in what the official Python client sends; other types are signed by other means than a secret.
    return _invalid("SignatureType", "It is empty or absent.") if envelope.get("SignatureType") else None


def v1_signature(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The signature is the one that the AccessKey's secret makes.

    The answer ends with what the server signed, after a colon and no blank: an official client takes the text after
    the colon and compares it with its own, and fails on a message without one.
    """
    to_sign = v1.string_to_sign(envelope.request.method, v1.parameters(envelope.request))
    expected = v1.signature(known.keys.secrets[envelope.get("AccessKeyId")], to_sign)
    if is_same_signature(expected, envelope.get("Signature")):
        return None
    return Refusal(
        status=int(known.choices["gateway.signature.status"]),
        code="SignatureDoesNotMatch",
        message=f"Specified signature is not matched with our calculation. server string to sign is:{to_sign}",
    )


# --- what a known caller may do ---------------------------------------------------------------------------------------


def quota_left(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The AccessKey's quota has a request left."""
    wait_s = known.buckets.take(envelope.get("AccessKeyId"), envelope.received_s) if known.buckets else 0.0
    if not wait_s:
        return None
    return Refusal(
        status=400,
        code="Throttling.User",
        message="Request was denied due to user flow control.",
        headers=(("x-acs-retry-after", str(math.ceil(wait_s * 1000))),),
    )


def is_permitted(known: Knowledge, envelope: Envelope) -> Refusal | None:
    """The AccessKey's owner may call the operation."""
    if envelope.get("Action") not in known.keys.denied.get(envelope.get("AccessKeyId"), ()):
        return None
    return Refusal(
        status=403,
        code="Forbidden.RAM",
        message="User not authorized to operate on the specified resource, or this API doesn't support RAM.",
    )
