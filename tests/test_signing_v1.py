"""The signature scheme HMAC-SHA1, held to published vectors and to the official Python signers."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

import signers
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Credentials, is_same_signature, v1
from signers import CREDENTIALS, NONCE, NOW, TEMPORARY, TeaSigner, core_signer, sampled, texts

VECTORS = {vector["name"]: vector for vector in signers.vectors("v1")}
ON_THE_WIRE = [name for name, vector in VECTORS.items() if "wire_target" in vector]
CAPTURED = signers.captured("v1")
FORM = (("content-type", "application/x-www-form-urlencoded"),)
COMMON = {
    "Action": "StopRtcCloudTranscode",
    "Version": "2016-11-01",
    "Format": "JSON",
    "AccessKeyId": "testAccessKeyId",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "SignatureNonce": NONCE,
    "Timestamp": "2026-01-27T08:00:00Z",
}
ARGUMENTS = {"action": "StopRtcCloudTranscode", "version": "2016-11-01", "now": NOW, "nonce": NONCE}

places = pytest.mark.parametrize("place", ["query", "body"])


def sign(request: RawRequest, credentials: Credentials = CREDENTIALS, **changes) -> RawRequest:
    return v1.sign(request, credentials, **(ARGUMENTS | changes))


def expected_signature(request: RawRequest, secret: str = CREDENTIALS.access_key_secret) -> str:
    """What a verifier computes from a request as received."""
    return v1.signature(secret, v1.string_to_sign(request.method, v1.parameters(request)))


def encoded(parameters: dict[str, str]) -> str:
    return urlencode(parameters, quote_via=quote, safe="~")


# --- published vectors ---------------------------------------------------------------------------------------------


def test_all_fifteen_vectors_are_there_and_eleven_of_them_as_sent():
    assert len(VECTORS) == 15
    assert len(ON_THE_WIRE) == 11


@pytest.mark.parametrize("name", VECTORS)
def test_a_vectors_texts_follow_from_its_parameters(name):
    vector = VECTORS[name]
    parameters = [*vector["query_params"].items(), *vector["body_params"].items()]
    assert v1.string_to_sign(vector["method"], parameters) == vector["string_to_sign"]
    assert v1.signature(vector["access_key_secret"], vector["string_to_sign"]) == vector["signature"]


@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_a_vectors_signature_follows_from_its_request_as_received(name):
    vector = VECTORS[name]
    body = vector.get("wire_body", urlencode(vector["body_params"]))
    request = RawRequest(vector["method"], vector["wire_target"], FORM if body else (), body.encode())
    assert v1.sent_signature(request) == vector["signature"]
    assert expected_signature(request, vector["access_key_secret"]) == vector["signature"]


@pytest.mark.parametrize("name", ["doc_describeregions", "doc_describededicatedhosts", "popcore_get", "popcore_post"])
def test_signing_what_others_have_signed_sends_the_same_parameters(name):
    vector = VECTORS[name]
    theirs = vector["query_params"] | vector["body_params"]
    own = {name: value for name, value in theirs.items() if name not in COMMON}
    signed = v1.sign(
        RawRequest(vector["method"], f"/?{urlencode(own)}"),
        Credentials(access_key_id=vector["access_key_id"], access_key_secret=vector["access_key_secret"]),
        action=theirs["Action"],
        version=theirs["Version"],
        now=datetime.fromisoformat(theirs["Timestamp"]),
        nonce=theirs["SignatureNonce"],
        place="body" if vector["body_params"] else "query",
        answer_format=theirs["Format"],
    )
    sent = parse_qsl(signed.body.decode() if vector["body_params"] else signed.query, strict_parsing=True)
    assert sorted(sent) == sorted([*theirs.items(), ("Signature", vector["signature"])])


# --- requests of the official SDKs ---------------------------------------------------------------------------------


def test_fifteen_captured_requests_are_there():
    assert len(CAPTURED) == 15
    assert any(request.body for request in CAPTURED.values())


@pytest.mark.parametrize("name", CAPTURED)
def test_the_signature_of_a_captured_request_follows_from_its_bytes(name):
    assert expected_signature(CAPTURED[name], signers.CAPTURED_SECRET) == v1.sent_signature(CAPTURED[name])


# --- agreement with the official signers ---------------------------------------------------------------------------

NOT_BUSINESS = {*COMMON, "Signature", "SignatureType", "SecurityToken"}
parameter_sets = st.dictionaries(texts.filter(lambda name: name not in NOT_BUSINESS), texts, max_size=5)


@sampled
@given(
    query=parameter_sets,
    body=parameter_sets,
    method=st.sampled_from(["GET", "POST"]),
    credentials=st.sampled_from([CREDENTIALS, TEMPORARY]),
    answer_format=st.sampled_from(["JSON", "XML", None]),
)
def test_the_core_sdk_gives_the_same_signature(query, body, method, credentials, answer_format):
    body = {name: value for name, value in body.items() if name not in query}
    token = {"SecurityToken": credentials.security_token} if credentials.security_token else {}
    url, string_to_sign = core_signer.get_signed_url(
        {**query, **token, "Action": ARGUMENTS["action"], "Version": ARGUMENTS["version"]},
        credentials.access_key_id,
        credentials.access_key_secret,
        answer_format,
        method,
        body,
    )
    theirs = RawRequest(method, url, FORM, urlencode(body).encode())
    assert v1.string_to_sign(method, v1.parameters(theirs)) == string_to_sign
    assert expected_signature(theirs) == v1.sent_signature(theirs)

    sent = dict(v1.parameters(theirs))
    ours = sign(
        RawRequest(method, f"/?{encoded(query)}&SignatureType=", FORM, urlencode(body).encode()),
        credentials,
        now=datetime.fromisoformat(sent["Timestamp"]),
        nonce=sent["SignatureNonce"],
        answer_format=answer_format,
    )
    assert dict(v1.parameters(ours)) == sent
    assert v1.sent_signature(ours) == v1.sent_signature(theirs)


@sampled
@given(st.dictionaries(texts, texts, max_size=8), st.sampled_from(["GET", "POST"]))
def test_the_tea_sdk_gives_the_same_signature(parameters, method):
    ours = v1.signature("testAccessKeySecret", v1.string_to_sign(method, parameters.items()))
    assert ours == TeaSigner.get_rpcsignature(parameters, method, "testAccessKeySecret")


# --- what is signed ------------------------------------------------------------------------------------------------


def test_query_and_form_are_merged_and_all_but_the_signature_counts():
    request = RawRequest("POST", "/?b=1&Signature=x&a&&=v&b=+%2B", FORM, b"b=2&Signature=y&c=%e4%ba%ff")
    assert v1.parameters(request) == [
        ("b", "1"),
        ("a", ""),
        ("", "v"),
        ("b", " +"),
        ("b", "2"),
        ("c", "\udce4\udcba\udcff"),
    ]
    assert v1.sent_signature(request) == "x"
    assert v1.string_to_sign("post", v1.parameters(request)) == (
        "POST&%2F&%3Dv%26a%3D%26b%3D%2520%252B%26b%3D1%26b%3D2%26c%3D%25E4%25BA%25FF"
    )


@pytest.mark.parametrize(
    ("content_type", "counts"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-URLEncoded ; charset=utf-8", True),
        ("application/json", False),
        ("application/x-www-form-urlencoded-not", False),
        (None, False),
    ],
)
def test_a_body_counts_only_if_it_is_called_a_form(content_type, counts):
    headers = () if content_type is None else (("Content-Type", content_type),)
    request = RawRequest("POST", "/?a=1", headers, b"b=2&Signature=s")
    assert v1.parameters(request) == [("a", "1"), *([("b", "2")] if counts else [])]
    assert v1.sent_signature(request) == ("s" if counts else None)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"target": "/?AppId=b"},
        {"target": "/?appId=a"},
        {"target": "/?AppId=a&AppId=a"},
        {"body": b"x=2"},
        {"action": "StartRtcCloudTranscode"},
        {"version": "2016-11-02"},
        {"now": NOW + timedelta(seconds=1)},
        {"nonce": "other"},
        {"answer_format": None},
        {"credentials": TEMPORARY},
        {"credentials": dataclasses.replace(CREDENTIALS, access_key_secret="other")},
    ],
    ids=lambda change: "-".join(change),
)
def test_each_signed_part_changes_the_signature(change):
    arguments = {"method": "POST", "target": "/?AppId=a", "body": b"x=1", "credentials": CREDENTIALS}

    def signature(method, target, body, **rest):
        return v1.sent_signature(sign(RawRequest(method, target, FORM, body), **rest))

    assert signature(**(arguments | change)) != signature(**arguments)


def test_path_and_headers_do_not_change_the_signature():
    plain, other = RawRequest("POST", "/?a=1"), RawRequest("POST", "/x?a=1", (("x-acs-action", "x"),))
    assert v1.sent_signature(sign(plain)) == v1.sent_signature(sign(other))


# --- sign ----------------------------------------------------------------------------------------------------------

# Dense in what matters: separators, escapes in both cases, cut and wrong escapes, bytes that are no UTF-8.
raw_forms = st.lists(
    st.sampled_from([*"abZ09-_.~&&&===+%*/ ;?", "%20", "%2b", "%2B", "%41", "%ff", "%C3%A9", "%zz", "%4", "\xe9"]),
    max_size=20,
).map("".join)


@sampled
@given(raw_forms, raw_forms)
def test_a_signed_query_begins_with_the_bytes_it_had(query, body):
    request = RawRequest("POST", f"/?{query}", (*FORM, ("accept", "*/*")), body.encode("latin-1"))
    signed = sign(request)
    assert signed.target.startswith(f"/?{query}&Action=" if query else "/?Action=")
    assert (signed.method, signed.headers, signed.body) == (request.method, request.headers, request.body)
    assert dict(v1.parameters(signed)) == dict(v1.parameters(request)) | COMMON
    assert expected_signature(signed) == v1.sent_signature(signed)


@sampled
@given(raw_forms, raw_forms)
def test_a_signed_form_holds_the_bytes_of_the_query_and_then_its_own(query, body):
    request = RawRequest("POST", f"/?{query}", FORM, body.encode("latin-1"))
    signed = sign(request, place="body")
    assert signed.target == "/"
    assert signed.headers == FORM
    assert signed.body.startswith("&".join([*filter(None, (query, body)), "Action="]).encode("latin-1"))
    assert v1.parameters(signed) == [*v1.parameters(request), *COMMON.items()]
    assert v1.sent_signature(signed) == v1.sent_signature(sign(request))


def test_a_signed_query_looks_like_this():
    signed = sign(RawRequest("POST", "/?AppId=a+b%2a"), TEMPORARY)
    assert signed.target == (
        "/?AppId=a+b%2a&Action=StopRtcCloudTranscode&Version=2016-11-01&Format=JSON&AccessKeyId=testAccessKeyId"
        "&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=00112233445566778899aabbccddeeff"
        "&Timestamp=2026-01-27T08%3A00%3A00Z&SecurityToken=CAIS%2Btoken%2Fwith%3Dchars"
        f"&Signature={quote(v1.sent_signature(signed), safe='')}"
    )


@places
def test_the_format_can_be_left_out(place):
    signed = sign(RawRequest("POST", "/"), place=place, answer_format=None)
    assert "Format" not in dict(v1.parameters(signed))


@places
@pytest.mark.parametrize("first", ["query", "body"])
def test_signing_again_with_other_credentials_leaves_nothing_of_the_first_signature(first, place):
    request = RawRequest("POST", "/?AppId=a&&b=%2a", FORM, b"c=+")
    again = sign(sign(request, TEMPORARY, nonce="first", place=first, answer_format="XML"), place=place)
    assert sorted(v1.parameters(again)) == sorted(v1.parameters(sign(request, place=place)))
    assert v1.sent_signature(again) == v1.sent_signature(sign(request, place=place))
    assert (again.query + again.body.decode()).count("Signature=") == 1


@pytest.mark.parametrize("framing", [("Content-Length", "0"), ("transfer-encoding", "chunked")])
def test_a_body_that_has_grown_tells_its_own_length(framing):
    signed = sign(RawRequest("POST", "/?a=1", (framing, ("content-type", "text/plain"))), place="body")
    assert signed.headers == (*FORM, ("content-length", str(len(signed.body))))
    assert header(sign(RawRequest("POST", "/?a=1", (framing,))).headers, framing[0]) == framing[1]


def test_a_body_that_is_no_form_stays_but_takes_no_parameters():
    request = RawRequest("POST", "/?a=1", (("content-type", "application/json"),), b'{"Action": "x&Signature=y"}')
    assert sign(request).body == request.body
    with pytest.raises(ValueError, match="holds no form"):
        sign(request, place="body")
    with pytest.raises(ValueError, match="no form"):
        v1.with_signature(request, CREDENTIALS, place="body")


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        sign(RawRequest("POST", "/"), now=datetime(2026, 1, 27))


# --- deviating on purpose ------------------------------------------------------------------------------------------


@places
def test_the_two_halves_make_sign(place):
    request = RawRequest("POST", "/?a=1")
    common = {"action": ARGUMENTS["action"], "version": ARGUMENTS["version"], "nonce": NONCE, "place": place}
    complete = v1.with_common_parameters(request, TEMPORARY, date="2026-01-27T08:00:00Z", **common)
    assert v1.sent_signature(complete) is None
    assert v1.with_signature(complete, TEMPORARY, place=place) == sign(request, TEMPORARY, place=place)


def test_a_date_is_sent_and_signed_as_it_is_given_and_a_parameter_may_be_missing():
    complete = v1.with_common_parameters(
        RawRequest("GET", "/"), CREDENTIALS, action="A", version="1", date="27.1.2026 8:00", nonce="n"
    )
    deviant = dataclasses.replace(complete, target=complete.target.replace("&SignatureNonce=n", ""))
    signed = v1.with_signature(deviant, CREDENTIALS)
    assert dict(v1.parameters(signed))["Timestamp"] == "27.1.2026 8:00"
    assert "SignatureNonce" not in dict(v1.parameters(signed))
    assert expected_signature(signed) == v1.sent_signature(signed)


# --- comparing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "same"), [("abc=", True), ("abd=", False), ("", False), ("abc", False), ("é😀", False), ("\udcff", False)]
)
def test_signatures_are_compared_whatever_was_sent(sent, same):
    assert is_same_signature("abc=", sent) is same
