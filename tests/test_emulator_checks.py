"""Each check of the gateway refuses what it should, in the documented words, in the told order, and can be dropped."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.envelope import opened
from acs_conformance.emulator.gateway import check_ids
from acs_conformance.emulator.limits import Quota
from acs_conformance.emulator.policy import GATEWAY_POINTS, Policy, gateway_variants, options, variants
from acs_conformance.errors import SelectionError
from acs_conformance.message import header
from acs_conformance.signing import v3
from emulator_calls import ACTION, DESCRIPTION, body, outcome
from gateway_calls import (
    KEY,
    KEYS,
    NOW,
    NOW_S,
    TEMPORARY,
    WRONG,
    Clock,
    Dropping,
    Watching,
    gateway,
    parameters,
    v1_common,
    v1_request,
    v1_signed,
    v3_signed,
    with_header,
)

DENIED = "denied"
OFF = "off"
KEYS_OF_ALL_KINDS = AccessKeys(
    secrets={**KEYS.secrets, DENIED: KEY.access_key_secret, OFF: KEY.access_key_secret},
    tokens=KEYS.tokens,
    denied={DENIED: frozenset({ACTION})},
    inactive=frozenset({OFF}),
)


def of(key_id):
    return replace(KEY, access_key_id=key_id)


def uncovered(raw, name):
    """The request, its signature right but not over one header."""
    parts = v3.parse_authorization(header(raw.headers, "authorization"))
    names = tuple(other for other in parts.signed_headers if other != name)
    canonical = v3.canonical_request(raw, names, header(raw.headers, "x-acs-content-sha256"))
    signature = v3.signature(KEY.access_key_secret, v3.string_to_sign(canonical))
    return with_header(raw, "authorization", str(replace(parts, signed_headers=names, signature=signature)))


def changed(name, value):
    return lambda: with_header(v3_signed(), name, value)


def authorized(**changes):
    """A V3 request whose Authorization header is changed after the signing."""
    raw = v3_signed()
    return with_header(
        raw, "authorization", str(replace(v3.parse_authorization(header(raw.headers, "authorization")), **changes))
    )


EXPIRED = NOW - timedelta(hours=1)
INCOMPLETE = (400, "IncompleteSignature")
MISMATCH = (400, "SignatureDoesNotMatch")
UNKNOWN = (404, "InvalidAction.NotFound")

#: Id of a check -> a request that is well but for it, and the answer. "again": what is asked a second time.
BROKEN = {
    "v3.action.required": (changed("x-acs-action", None), (400, "MissingAction")),
    "v3.version.required": (changed("x-acs-version", ""), (400, "MissingVersion")),
    "v3.action.known": (changed("x-acs-action", "Nonesuch"), UNKNOWN),
    "v3.version.known": (changed("x-acs-version", "1999-12-31"), (400, "InvalidVersion")),
    "v3.method.supported": (lambda: v3_signed(method="PUT"), (400, "UnsupportedHTTPMethod")),
    "v3.authorization.required": (changed("authorization", None), (400, "MissingAccessKeyId")),
    "v3.authorization.form": (changed("authorization", "ACS3-HMAC-SHA256 Credential=testAk"), INCOMPLETE),
    "v3.accessKey.required": (lambda: authorized(access_key_id=""), (400, "MissingAccessKeyId")),
    "v3.accessKey.known": (lambda: v3_signed(of("nobody")), (404, "InvalidAccessKeyId.NotFound")),
    "v3.accessKey.active": (lambda: v3_signed(of(OFF)), (400, "InvalidAccessKeyId.Inactive")),
    "v3.token": (
        lambda: v3_signed(replace(TEMPORARY, security_token="other")),
        (400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ),
    "v3.date.required": (changed("x-acs-date", ""), (400, "MissingTimestamp")),
    "v3.date.form": (changed("x-acs-date", "now"), (400, "InvalidTimeStamp.Format")),
    "v3.date.window": (lambda: v3_signed(now=EXPIRED), (400, "InvalidTimeStamp.Expired")),
    "v3.nonce.required": (changed("x-acs-signature-nonce", None), (400, "MissingSignatureNonce")),
    "v3.nonce.unique": (lambda: v3_signed(nonce="again"), (400, "SignatureNonceUsed")),
    "v3.coverage": (lambda: uncovered(v3_signed(), "x-acs-version"), INCOMPLETE),
    "v3.payload": (lambda: replace(v3_signed(), body=b"x"), MISMATCH),
    "v3.signature": (lambda: v3_signed(WRONG), MISMATCH),
    "v3.throttling": (lambda: v3_signed(TEMPORARY), (400, "Throttling.User")),
    "v3.authorization.ram": (lambda: v3_signed(of(DENIED)), (403, "Forbidden.RAM")),
    "v1.format": (lambda: v1_signed(Format="YAML"), (400, "InvalidParameter.Format")),
    "v1.action.required": (lambda: v1_signed(Action=...), (400, "MissingAction")),
    "v1.version.required": (lambda: v1_signed(Version=""), (400, "MissingVersion")),
    "v1.action.known": (lambda: v1_signed(Action="Nonesuch"), UNKNOWN),
    "v1.version.known": (lambda: v1_signed(Version="1999-12-31"), (400, "InvalidVersion")),
    "v1.method.supported": (lambda: v1_signed(method="DELETE"), (400, "UnsupportedHTTPMethod")),
    "v1.accessKey.required": (lambda: v1_signed(AccessKeyId=...), (400, "MissingAccessKeyId")),
    "v1.accessKey.known": (lambda: v1_signed(of("nobody")), (404, "InvalidAccessKeyId.NotFound")),
    "v1.accessKey.active": (lambda: v1_signed(of(OFF)), (400, "InvalidAccessKeyId.Inactive")),
    "v1.authorization.required": (lambda: v1_request(parameters(), v1_common()), (400, "MissingSignature")),
    "v1.authorization.form": (lambda: v1_signed(SignatureMethod="HMAC-MD5"), (400, "InvalidSignatureMethod")),
    "v1.token": (lambda: v1_signed(TEMPORARY, SecurityToken=...), (400, "MissingSecurityToken")),
    "v1.date.required": (lambda: v1_signed(Timestamp=...), (400, "MissingTimestamp")),
    "v1.date.form": (lambda: v1_signed(Timestamp="2026-01-27 08:00:00"), (400, "InvalidTimeStamp.Format")),
    "v1.date.window": (lambda: v1_signed(now=EXPIRED), (400, "InvalidTimeStamp.Expired")),
    "v1.nonce.required": (lambda: v1_signed(SignatureNonce=""), (400, "MissingSignatureNonce")),
    "v1.nonce.unique": (lambda: v1_signed(nonce="again"), (400, "SignatureNonceUsed")),
    "v1.signature": (lambda: v1_signed(WRONG), MISMATCH),
    "v1.throttling": (lambda: v1_signed(TEMPORARY), (400, "Throttling.User")),
    "v1.authorization.ram": (lambda: v1_signed(of(DENIED)), (403, "Forbidden.RAM")),
}

SIGNED = {"v3": v3_signed, "v1": v1_signed}


def prepared(check, fault):
    """A gateway to which the check's request is still to come: for some, one has been before."""
    is_second = check.endswith(("nonce.unique", "throttling"))
    quota = Quota(rate=0.001, burst=1) if check.endswith("throttling") else None
    play = gateway(keys=KEYS_OF_ALL_KINDS, quota=quota, fault=fault)
    if is_second:
        assert play.handle(BROKEN[check][0]()).status == 200
    return play


def test_every_check_is_in_the_table():
    assert set(BROKEN) == set(check_ids())
    assert len(set(check_ids())) == len(check_ids())


@pytest.mark.parametrize("check", BROKEN)
def test_check_refuses_and_names_itself(check):
    make, expected = BROKEN[check]
    watching = Watching()
    play = prepared(check, watching)
    answer = play.handle(make())
    assert watching.check == check
    if check == "v1.format":
        assert answer.status == 400
        assert b"<Code>InvalidParameter.Format</Code>" in answer.body
        return
    assert outcome(answer) == expected
    assert header(answer.headers, "x-acs-request-id") == body(answer)["RequestId"]
    assert body(answer)["Message"].endswith(".") or check == "v1.signature"


@pytest.mark.parametrize("check", BROKEN)
def test_fault_that_drops_a_check_admits_the_request(check):
    """What would have been checked later is not made up for; what names no operation reaches none."""
    make, _ = BROKEN[check]
    answer = prepared(check, Dropping(check)).handle(make())
    assert answer.status == (404 if ".action." in check else 200)


@pytest.mark.parametrize("scheme", SIGNED)
def test_request_without_fault_is_refused_by_nobody(scheme):
    watching = Watching()
    watching.check = "unset"
    assert gateway(fault=watching).handle(SIGNED[scheme]()).status == 200
    assert watching.check == ""


def test_fault_that_drops_one_check_leaves_the_others():
    play = gateway(fault=Dropping("v3.signature"))
    assert outcome(play.handle(v3_signed(WRONG))) == 200
    assert outcome(play.handle(v1_signed(WRONG))) == MISMATCH
    assert outcome(play.handle(v3_signed(now=EXPIRED))) == (400, "InvalidTimeStamp.Expired")


#: What is wrong with the request, in the order in which the gateway says it, each with the change that mends it.
MENDING_V1 = [
    ("v1.format", {"Format": "JSON"}),
    ("v1.action.required", {"Action": "Nonesuch"}),
    ("v1.version.required", {"Version": "1999-12-31"}),
    ("v1.action.known", {"Action": ACTION}),
    ("v1.version.known", {"Version": "2016-11-01"}),
    ("v1.accessKey.required", {"AccessKeyId": "nobody"}),
    ("v1.accessKey.known", {"AccessKeyId": OFF}),
    ("v1.accessKey.active", {"AccessKeyId": "STS.ak"}),
    ("v1.authorization.required", {"Signature": "x"}),
    ("v1.authorization.form", {"SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0"}),
    ("v1.token", {"SecurityToken": TEMPORARY.security_token}),
    ("v1.date.required", {"Timestamp": "now"}),
    ("v1.date.form", {"Timestamp": "1999-12-31T00:00:00Z"}),
    ("v1.date.window", {"Timestamp": "2026-01-27T08:00:00Z"}),
    ("v1.nonce.required", {"SignatureNonce": "again"}),
    ("v1.nonce.unique", {"SignatureNonce": "new"}),
    ("v1.signature", {}),
]


def test_checks_of_v1_come_in_the_told_order():
    watching = Watching()
    play = gateway(keys=KEYS_OF_ALL_KINDS, fault=watching)
    assert play.handle(v1_signed(TEMPORARY, nonce="again")).status == 200
    sent = {"Format": "YAML", "SignatureMethod": "HMAC-MD5"}
    for check, mended in MENDING_V1:
        play.handle(v1_request({}, sent))
        assert watching.check == check, sent
        sent |= mended
    told = [check for check in check_ids() if check.startswith("v1.")]
    assert [check for check, _ in MENDING_V1] == [check for check in told if check in dict(MENDING_V1)]


MENDING_V3 = [
    ("v3.action.required", {"x-acs-action": "Nonesuch"}),
    ("v3.version.required", {"x-acs-version": "1999-12-31"}),
    ("v3.action.known", {"x-acs-action": ACTION}),
    ("v3.version.known", {"x-acs-version": "2016-11-01"}),
    ("v3.authorization.required", {"authorization": "Bearer x"}),
    ("v3.authorization.form", {"authorization": "ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=x"}),
    ("v3.accessKey.required", {"authorization": "ACS3-HMAC-SHA256 Credential=nobody,SignedHeaders=host,Signature=x"}),
    ("v3.accessKey.known", {"authorization": f"ACS3-HMAC-SHA256 Credential={OFF},SignedHeaders=host,Signature=x"}),
    ("v3.accessKey.active", {"authorization": "ACS3-HMAC-SHA256 Credential=STS.ak,SignedHeaders=host,Signature=x"}),
    ("v3.token", {"x-acs-security-token": TEMPORARY.security_token}),
    ("v3.date.required", {"x-acs-date": "now"}),
    ("v3.date.form", {"x-acs-date": "1999-12-31T00:00:00Z"}),
    ("v3.date.window", {"x-acs-date": "2026-01-27T08:00:00Z"}),
    ("v3.nonce.required", {"x-acs-signature-nonce": "again"}),
    ("v3.nonce.unique", {"x-acs-signature-nonce": "new"}),
    ("v3.coverage", {"x-acs-content-sha256": "x", "host": "live.example"}),
    (
        "v3.coverage",
        {
            "authorization": "ACS3-HMAC-SHA256 Credential=STS.ak,SignedHeaders=host;x-acs-action;x-acs-version;"
            "x-acs-date;x-acs-signature-nonce;x-acs-content-sha256;x-acs-security-token,Signature=x"
        },
    ),
    ("v3.payload", {"x-acs-content-sha256": v3.hashed_payload(b"")}),
    ("v3.signature", {}),
]


def test_checks_of_v3_come_in_the_told_order():
    watching = Watching()
    play = gateway(keys=KEYS_OF_ALL_KINDS, fault=watching)
    assert play.handle(v3_signed(TEMPORARY, nonce="again")).status == 200
    headers = {}
    for check, mended in MENDING_V3:
        play.handle(replace(v3_signed(), headers=tuple(headers.items())))
        assert watching.check == check, headers
        headers |= mended
    told = [check for check in check_ids() if check.startswith("v3.")]
    assert list(dict.fromkeys(check for check, _ in MENDING_V3)) == [c for c in told if c in dict(MENDING_V3)]


def test_quota_is_looked_at_before_permission_and_that_before_parameters():
    watching = Watching()
    play = gateway(keys=KEYS_OF_ALL_KINDS, quota=Quota(rate=0.001, burst=1), fault=watching)
    assert outcome(play.handle(v3_signed(of(DENIED), AppId="."))) == (403, "Forbidden.RAM")
    assert outcome(play.handle(v3_signed(of(DENIED), AppId="."))) == (400, "Throttling.User")


def test_repr_shows_no_secret_token_or_signature():
    shown = []

    class Showing(Watching):
        def refusal(self, request, refused, memory):
            shown.append(repr(refused))
            return super().refusal(request, refused, memory)

    play = gateway(fault=Showing())
    for sign in (v3_signed, v1_signed):
        raw = sign(replace(TEMPORARY, access_key_secret="wrongSecret"))
        assert outcome(play.handle(raw)) == MISMATCH
        shown.append(repr(opened(raw, NOW_S)))
    assert len(shown) == 4
    for text in shown:
        assert "SignatureDoesNotMatch" in text or "scheme=" in text
        assert not any(secret in text for secret in ("sts", "Secret", "SignedHeaders"))


# --- choices of the policy ------------------------------------------------------------------------------------------


def broken(check):
    return BROKEN[check][0]


#: point -> a request that raises the question, and what each choice makes of it.
OUTCOMES = {
    "gateway.accessKey.known": (
        broken("v3.accessKey.known"),
        {"404": (404, "InvalidAccessKeyId.NotFound"), "400": (400, "InvalidAccessKeyId.NotFound")},
    ),
    "gateway.missing": (
        broken("v1.date.required"),
        {"MissingName": (400, "MissingTimestamp"), "MissingParameter": (400, "MissingParameter")},
    ),
    "gateway.v1": (v1_signed, {"taken": 200, "refused": (400, "MissingAction")}),
    "gateway.v1.window": (
        lambda: v1_signed(now=NOW - timedelta(minutes=20)),
        {"31": 200, "15": (400, "InvalidTimeStamp.Expired")},
    ),
    "gateway.date.future": (
        lambda: v3_signed(now=NOW + timedelta(minutes=20)),
        {"refused": (400, "InvalidTimeStamp.Expired"), "taken": 200},
    ),
    "gateway.coverage": (broken("v3.coverage"), {"refused": INCOMPLETE, "taken": 200}),
    "gateway.signature.status": (broken("v1.signature"), {"400": MISMATCH, "403": (403, "SignatureDoesNotMatch")}),
    "gateway.nonce.order": (
        lambda: v3_signed(WRONG, nonce="used"),
        {"before-signature": (400, "SignatureNonceUsed"), "after-signature": MISMATCH},
    ),
    "gateway.method": (
        broken("v3.method.supported"),
        {"400": (400, "UnsupportedHTTPMethod"), "403": (403, "UnsupportedHTTPMethod"), "404": UNKNOWN},
    ),
    "gateway.members": (broken("v3.action.known"), {"gateway": UNKNOWN, "documented": UNKNOWN}),
}


def test_each_point_of_the_gateway_is_here():
    assert {point: tuple(outcomes) for point, (_, outcomes) in OUTCOMES.items()} == dict(GATEWAY_POINTS)


@pytest.mark.parametrize(
    ("point", "choice"), [(point, choice) for point, (_, outcomes) in OUTCOMES.items() for choice in outcomes]
)
def test_choice_decides(point, choice):
    make, outcomes = OUTCOMES[point]
    play = gateway(choices={point: choice})
    assert outcome(play.handle(v3_signed(nonce="used"))) == 200
    assert outcome(play.handle(make())) == outcomes[choice]


@pytest.mark.parametrize("scheme", SIGNED)
@pytest.mark.parametrize(("name", "policy"), gateway_variants(), ids=[name for name, _ in gateway_variants()])
def test_every_variant_admits_what_is_right_and_nothing_else(name, policy, scheme):
    play = gateway(choices=policy.choices)
    is_known = scheme == "v3" or policy.gateway("gateway.v1") == "taken"
    assert (play.handle(SIGNED[scheme]()).status == 200) == is_known
    assert 400 <= play.handle(SIGNED[scheme](WRONG)).status < 500
    replayed = SIGNED[scheme]()
    play.handle(replayed)
    assert 400 <= play.handle(replayed).status < 500


def test_nonce_is_looked_for_after_the_signature_and_still_taken_once():
    play = gateway(choices={"gateway.nonce.order": "after-signature"})
    assert outcome(play.handle(v3_signed(WRONG, nonce="n"))) == MISMATCH
    assert outcome(play.handle(v3_signed(nonce="n"))) == 200
    assert outcome(play.handle(v3_signed(nonce="n"))) == (400, "SignatureNonceUsed")


def test_future_is_open_on_its_own_side_only():
    play = gateway(choices={"gateway.date.future": "taken"})
    assert outcome(play.handle(v3_signed(now=NOW + timedelta(days=1)))) == 200
    assert outcome(play.handle(v3_signed(now=EXPIRED))) == (400, "InvalidTimeStamp.Expired")


def test_header_that_is_absent_is_missed_even_where_it_need_not_be_signed():
    play = gateway(choices={"gateway.coverage": "taken"})
    raw = uncovered(v3_signed(), "x-acs-content-sha256")
    assert outcome(play.handle(raw)) == 200
    assert outcome(play.handle(with_header(uncovered(v3_signed(), "host"), "host", None))) == INCOMPLETE


@pytest.mark.parametrize("check", [check for check in BROKEN if BROKEN[check][1][1].startswith("Missing")])
def test_one_code_for_all_that_is_missing(check):
    answer = gateway(keys=KEYS_OF_ALL_KINDS, choices={"gateway.missing": "MissingParameter"}).handle(BROKEN[check][0]())
    assert outcome(answer) == (400, "MissingParameter")
    name = BROKEN[check][1][1].removeprefix("Missing")
    assert f'The input parameter "{name}" that is mandatory' in body(answer)["Message"]


def test_members_of_the_gateways_own_errors():
    members = {}
    for choice in GATEWAY_POINTS["gateway.members"]:
        play = gateway(choices={"gateway.members": choice, "answer.members": "gateway"})
        members[choice] = body(play.handle(v3_signed(WRONG))).keys()
        assert "HostId" in body(play.handle(v3_signed(AppId=".")))  # the operation's own errors are another point
    assert members["gateway"] == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert members["documented"] == {"RequestId", "Code", "Message"}


def test_gateway_that_knows_v3_only_looks_at_headers_alone():
    """The official SDK sends the operation's name in a header too, when it signs the old way."""
    play = gateway(choices={"gateway.v1": "refused"})
    raw = v1_signed(headers=(("x-acs-action", ACTION), ("x-acs-version", "2016-11-01")))
    assert outcome(play.handle(raw)) == (400, "MissingAccessKeyId")


def test_points_of_the_gateway_are_none_of_an_operation():
    """The suite of an operation has no use for them, so it isn't proven against them."""
    assert not options(DESCRIPTION).keys() & GATEWAY_POINTS.keys()
    assert not any(policy.choices.keys() & GATEWAY_POINTS.keys() for _, policy in variants(DESCRIPTION))


def test_variants_of_the_gateway_cover_all_pairs_of_choices():
    found = gateway_variants()
    assert found[0] == ("default", Policy.default())
    assert len({name for name, _ in found}) == len(found)
    alone = [dict(policy.choices) for _, policy in found if len(policy.choices) == 1]
    assert alone == [{point: name} for point, names in GATEWAY_POINTS.items() for name in names[1:]]
    rows = [policy.choices for name, policy in found if name.startswith("pairwise-")]
    for one, other in itertools.combinations(GATEWAY_POINTS, 2):
        pairs = {(row[one], row[other]) for row in rows}
        assert pairs == set(itertools.product(GATEWAY_POINTS[one], GATEWAY_POINTS[other]))
    assert len(rows) < 15


def test_unknown_choice_about_the_gateway_is_refused():
    for choices in ({"gateway.v1": "maybe"}, {"gateway.v2": "taken"}):
        with pytest.raises(SelectionError, match=r"Did you mean|Known"):
            Emulator({ACTION: DESCRIPTION}, settings=Settings(), policy=Policy(choices=choices))


# --- times and nonces, for both schemes -------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "minutes"), [("v3", 15), ("v1", 31)])
@pytest.mark.parametrize("sign", [1, -1])
def test_time_may_be_so_far_from_the_clock(scheme, minutes, sign):
    inside, outside = (NOW + sign * timedelta(minutes=minutes, seconds=seconds) for seconds in (0, 1))
    assert outcome(gateway().handle(SIGNED[scheme](now=inside))) == 200
    assert outcome(gateway().handle(SIGNED[scheme](now=outside))) == (400, "InvalidTimeStamp.Expired")


@pytest.mark.parametrize("scheme", SIGNED)
def test_nonce_is_taken_once_by_each_key(scheme):
    play = gateway()
    sign = SIGNED[scheme]
    assert outcome(play.handle(sign(nonce="n"))) == 200
    assert outcome(play.handle(sign(nonce="n"))) == (400, "SignatureNonceUsed")
    assert outcome(play.handle(sign(TEMPORARY, nonce="n"))) == 200
    assert outcome(play.handle(SIGNED["v1" if scheme == "v3" else "v3"](nonce="n"))) == (400, "SignatureNonceUsed")


def test_nonce_of_a_request_that_is_throttled_or_denied_is_used():
    """Both knew who called; who calls again signs again."""
    play = gateway(keys=KEYS_OF_ALL_KINDS, quota=Quota(rate=0.001, burst=1))
    assert outcome(play.handle(v3_signed(of(DENIED), nonce="a"))) == (403, "Forbidden.RAM")
    assert outcome(play.handle(v3_signed(of(DENIED), nonce="a"))) == (400, "SignatureNonceUsed")
    assert outcome(play.handle(v3_signed(of(DENIED), nonce="b"))) == (400, "Throttling.User")
    assert outcome(play.handle(v3_signed(of(DENIED), nonce="b"))) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize("scheme", SIGNED)
def test_nonce_is_remembered_for_31_minutes(scheme):
    clock = Clock()
    play = gateway(clock)
    sign = SIGNED[scheme]
    assert outcome(play.handle(sign(nonce="n"))) == 200
    for minutes, expected in ((31, (400, "SignatureNonceUsed")), (31.1, 200)):
        clock.now_s = NOW_S + minutes * 60
        assert outcome(play.handle(sign(nonce="n", now=NOW + timedelta(minutes=minutes)))) == expected
