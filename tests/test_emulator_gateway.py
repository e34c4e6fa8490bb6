"""The gateway admits what is signed, fresh and new, and says clearly why it admits nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.message import header
from acs_conformance.signing import v3 as signing
from emulator_calls import (
    ACTION,
    DESCRIPTION,
    NOW_S,
    VERSION,
    body,
    code,
    encoded,
    outcome,
    request,
    start,
    target,
)
from gateway_calls import KEY, KEYS, NOW, TEMPORARY, WRONG, Clock, gateway, with_header

PLAIN = request(target(), headers=(("accept", "application/json"),))
MISMATCH = (400, "SignatureDoesNotMatch")
INCOMPLETE = (400, "IncompleteSignature")


def signed(raw=PLAIN, *, credentials=KEY, now=NOW, nonce="nonce", action=ACTION, version=VERSION):
    return signing.sign(raw, credentials, action=action, version=version, host="live.example", now=now, nonce=nonce)


def resigned(raw, names):
    """The request with a right signature over these headers alone."""
    body_hash = header(raw.headers, "x-acs-content-sha256") or ""
    to_sign = signing.string_to_sign(signing.canonical_request(raw, names, body_hash))
    authorization = signing.Authorization(
        access_key_id=KEY.access_key_id,
        signed_headers=tuple(names),
        signature=signing.signature(KEY.access_key_secret, to_sign),
    )
    return with_header(raw, "authorization", str(authorization))


def test_signed_request_is_admitted():
    assert outcome(gateway().handle(signed())) == 200


def test_plus_and_escapes_of_the_query_are_signed_as_their_meaning():
    """A blank may be sent as + or %20, a letter as an escape: the signature is the same."""
    plain = request(target() + "&Other=a+b%20~%2A")
    authorization = header(signed(plain).headers, "authorization")
    for query in ("&Other=a%20b+%7E*", "&%4fther=%61+b+~%2a"):
        same = with_header(signed(request(target() + query)), "authorization", authorization)
        assert outcome(gateway().handle(same)) == 200


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8"]
)
def test_signed_form_body_is_admitted(content_type):
    raw = request(body=target()[2:].encode(), headers=(("Content-Type", content_type),))
    assert outcome(gateway().handle(signed(raw))) == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: replace(raw, target=raw.target + "&Other=1"),
        lambda raw: replace(raw, target=raw.target.replace("AppId=app", "AppId=apq")),
        lambda raw: replace(raw, method="GET"),
        lambda raw: replace(raw, body=b"x"),
        lambda raw: with_header(raw, "host", "other.example"),
        lambda raw: with_header(raw, "x-acs-signature-nonce", "other"),
        lambda raw: with_header(raw, "x-acs-content-sha256", "0" * 64),
        lambda raw: with_header(raw, "x-acs-date", f"{NOW - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"),
    ],
)
def test_any_change_of_what_is_signed_is_noticed(change):
    assert outcome(gateway().handle(change(signed()))) == MISMATCH


def test_body_that_is_not_what_was_hashed_is_named():
    answer = gateway().handle(replace(signed(), body=b"x"))
    assert "x-acs-content-sha256 is not the SHA-256 of the 1 bytes" in body(answer)["Message"]


def test_wrong_secret_is_answered_with_what_the_server_signed():
    answer = gateway().handle(signed(credentials=WRONG))
    assert outcome(answer) == MISMATCH
    canonical = signing.canonical_request(
        signed(),
        ["host", *[name for name, _ in signed().headers if name.startswith("x-acs-")]],
        signing.hashed_payload(b""),
    )
    assert f"[{canonical}]" in body(answer)["Message"]
    assert f"[{signing.string_to_sign(canonical)}]" in body(answer)["Message"]
    assert body(answer).keys() == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert body(answer)["HostId"] == "live.example"
    assert code(answer) in body(answer)["Recommend"]
    assert body(answer)["RequestId"] in body(answer)["Recommend"]
    assert "testSecret" not in answer.body.decode()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("authorization", None, (400, "MissingAccessKeyId")),
        ("authorization", "", (400, "MissingAccessKeyId")),
        ("authorization", "Bearer x", (400, "InvalidSignatureMethod")),
        ("authorization", "ACS3-HMAC-SM3 Credential=a,SignedHeaders=b,Signature=c", (400, "InvalidSignatureMethod")),
        ("authorization", "ACS3-HMAC-SHA256 Credential=testAk", INCOMPLETE),
        (
            "authorization",
            "ACS3-HMAC-SHA256 Credential=nobody,SignedHeaders=b,Signature=c",
            (404, "InvalidAccessKeyId.NotFound"),
        ),
        (
            "authorization",
            "ACS3-HMAC-SHA256 Credential=STS.ak,SignedHeaders=b,Signature=c",
            (400, "MissingSecurityToken"),
        ),
        ("authorization", "ACS3-HMAC-SHA256 Credential=testAk,SignedHeaders=b,Signature=c", INCOMPLETE),
        ("x-acs-action", None, (400, "MissingAction")),
        ("x-acs-version", None, (400, "MissingVersion")),
        ("x-acs-date", None, (400, "MissingTimestamp")),
        ("x-acs-date", "", (400, "MissingTimestamp")),
        ("x-acs-signature-nonce", None, (400, "MissingSignatureNonce")),
        ("x-acs-signature-nonce", "", (400, "MissingSignatureNonce")),
        ("x-acs-content-sha256", None, INCOMPLETE),
        ("host", None, INCOMPLETE),
        ("x-acs-security-token", TEMPORARY.security_token, (400, "InvalidSecurityToken.MismatchWithAccessKey")),
    ],
)
def test_what_is_absent_or_malformed_is_named(name, value, expected):
    answer = gateway().handle(with_header(signed(), name, value))
    assert outcome(answer) == expected
    assert body(answer)["Message"].endswith(".")


@pytest.mark.parametrize("name", sorted(signing.MANDATORY_HEADERS))
def test_each_mandatory_header_must_be_signed(name):
    raw = signed()
    names = [header for header, _ in raw.headers if header.lower() != "authorization"]
    assert outcome(gateway().handle(resigned(raw, names))) == 200
    answer = gateway().handle(resigned(raw, [other for other in names if other != name]))
    assert outcome(answer) == INCOMPLETE
    assert name in body(answer)["Message"]


def test_content_type_may_be_signed_or_not():
    """The asynchronous official SDK sends one that its HTTP library adds after the signing."""
    raw = signed(request(target(), headers=(("content-type", "text/plain"),)))
    names = sorted(signing.MANDATORY_HEADERS)
    assert outcome(gateway().handle(resigned(raw, names))) == 200
    assert outcome(gateway().handle(resigned(raw, [*names, "Content-Type"]))) == 200


def test_of_a_header_that_comes_twice_the_first_counts():
    raw = signed()
    twice = replace(raw, headers=(*raw.headers, ("X-Acs-Action", "Other"), ("x-acs-date", "now")))
    names = [name for name, _ in raw.headers if name.lower() != "authorization"]
    assert outcome(gateway().handle(resigned(twice, names))) == 200
    first = replace(raw, headers=(("X-Acs-Action", "Other"), *raw.headers))
    assert outcome(gateway().handle(first)) == (404, "InvalidAction.NotFound")


def test_more_headers_may_be_signed():
    """The official SDK signs all that it sets."""
    raw = signed()
    names = ["accept", *[name for name, _ in raw.headers if name.startswith("x-acs-")], "host", "user-agent"]
    assert outcome(gateway().handle(resigned(raw, names))) == 200


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-27T08:00:00.000Z",
        "2026-01-27 08:00:00Z",
        "2026-01-27T08:00:00",
        "2026-01-27T08:00:00+00:00",
        "20260127T080000Z",
        "2026-02-30T08:00:00Z",
        "2026-01-27T24:00:00Z",
        "0000-01-27T08:00:00Z",
        "2026-01-27T08:00:00z",
        "\u0662026-01-27T08:00:00Z",
        "Tue, 27 Jan 2026 08:00:00 GMT",
        "1769500800",
    ],
)
def test_date_has_one_format(text):
    assert outcome(gateway().handle(with_header(signed(), "x-acs-date", text))) == (400, "InvalidTimeStamp.Format")


@pytest.mark.parametrize("sign", [1, -1])
def test_date_may_be_fifteen_minutes_from_the_clock(sign):
    inside = signed(now=NOW + sign * timedelta(minutes=15))
    outside = signed(now=NOW + sign * timedelta(minutes=15, seconds=1))
    assert outcome(gateway().handle(inside)) == 200
    assert outcome(gateway().handle(outside)) == (400, "InvalidTimeStamp.Expired")
    assert outcome(gateway(window_s=901).handle(outside)) == 200


def test_nonce_is_taken_once():
    play = gateway()
    assert outcome(play.handle(signed())) == 200
    assert outcome(play.handle(signed())) == (400, "SignatureNonceUsed")
    assert outcome(play.handle(signed(now=NOW + timedelta(seconds=1)))) == (400, "SignatureNonceUsed")
    assert outcome(play.handle(signed(nonce="other"))) == 200
    assert outcome(play.handle(signed(credentials=TEMPORARY))) == 200


def test_refused_business_parameters_use_the_nonce_up():
    play = gateway()
    assert outcome(play.handle(signed(start(AppId=...)))) == (400, "MissingParameter")
    assert outcome(play.handle(signed())) == (400, "SignatureNonceUsed")


def test_request_that_is_not_admitted_leaves_its_nonce():
    play = gateway()
    assert outcome(play.handle(signed(credentials=WRONG))) == MISMATCH
    assert outcome(play.handle(signed(now=NOW - timedelta(hours=1)))) == (400, "InvalidTimeStamp.Expired")
    assert outcome(play.handle(signed())) == 200


def test_nonce_is_forgotten_after_its_lifetime():
    clock = Clock()
    play = gateway(clock)
    assert outcome(play.handle(signed())) == 200
    for minutes, expected in ((31, (400, "SignatureNonceUsed")), (31.1, 200)):
        clock.now_s = NOW_S + minutes * 60
        assert outcome(play.handle(signed(now=datetime.fromtimestamp(clock.now_s, UTC)))) == expected


def test_memory_for_nonces_is_bounded():
    play = gateway(nonce_capacity=3)
    for nonce in "abcd":
        assert outcome(play.handle(signed(nonce=nonce))) == 200
    assert outcome(play.handle(signed(nonce="b"))) == (400, "SignatureNonceUsed")
    assert outcome(play.handle(signed(nonce="a"))) == 200


def test_temporary_credentials_need_their_token():
    assert outcome(gateway().handle(signed(credentials=TEMPORARY))) == 200
    for text in ("other", "sts/Token+=\u00e9"):
        wrong = with_header(signed(credentials=TEMPORARY), "x-acs-security-token", text)
        assert code(gateway().handle(wrong)) == "InvalidSecurityToken.MismatchWithAccessKey"
    raw = signed(credentials=TEMPORARY)
    unsigned = with_header(signed(credentials=TEMPORARY), "authorization", None)
    names = sorted(signing.MANDATORY_HEADERS)
    to_sign = signing.string_to_sign(signing.canonical_request(raw, names, signing.hashed_payload(b"")))
    right = signing.signature("stsSecret", to_sign)
    text = f"{signing.ALGORITHM} Credential=STS.ak,SignedHeaders={';'.join(names)},Signature={right}"
    assert outcome(gateway().handle(with_header(unsigned, "authorization", text))) == INCOMPLETE


def test_operation_is_looked_for_before_the_caller():
    """Nobody needs a key to learn that there is no such operation."""
    assert outcome(gateway().handle(with_header(PLAIN, "x-acs-action", "Other"))) == (400, "MissingVersion")
    assert outcome(gateway().handle(signed(action="Other", nonce="x"))) == (404, "InvalidAction.NotFound")


def test_signature_is_looked_at_before_the_parameters():
    assert outcome(gateway().handle(with_header(signed(start(AppId=...)), "authorization", None))) == (
        400,
        "MissingAccessKeyId",
    )


def test_without_authentication_nothing_is_asked_for():
    play = Emulator({ACTION: DESCRIPTION}, settings=Settings(authenticate=False))
    assert outcome(play.handle(start())) == 200
    assert outcome(play.handle(with_header(start(), "authorization", "nonsense"))) == 200


def test_settings_do_not_show_secrets():
    assert "testSecret" not in repr(Settings(access_keys=KEYS, secrets={"app-key": "testSecret"}))


def test_query_beyond_ascii_is_verified():
    raw = request(target(InputParam='{"SingleSubUserParam":{"UserId":"用户 😀"}}'))
    assert encoded("用户") in raw.target
    assert outcome(gateway().handle(signed(raw))) == 200
