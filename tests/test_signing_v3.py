"""The signature scheme ACS3-HMAC-SHA256, held to published vectors and to the official Python signer."""

import dataclasses
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import signers
from acs_conformance import encoding
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Credentials, v3
from acs_conformance.signing.v3 import Authorization
from signers import (
    CREDENTIALS,
    HOST,
    NONCE,
    NOW,
    TEMPORARY,
    TeaSigner,
    authorization_of,
    official_authorization,
    sampled,
    texts,
    v3_signature,
)

VECTORS = signers.vectors("v3")
BY_NAME = {vector["name"]: vector for vector in VECTORS}
CAPTURED = signers.captured("v3")


def received(vector: dict) -> RawRequest:
    """A vector's request as a server gets it: from its wire_query, never from its decoded parameters."""
    target = vector["canonical_uri"] + (f"?{vector['wire_query']}" if vector["wire_query"] else "")
    return RawRequest(vector["method"], target, tuple(vector["headers"].items()), vector["body"].encode())


ARGUMENTS = {"action": "StartRtcCloudTranscode", "version": "2016-11-01", "host": HOST, "now": NOW, "nonce": NONCE}


def sign(request: RawRequest, credentials: Credentials = CREDENTIALS, **changes) -> RawRequest:
    return v3.sign(request, credentials, **(ARGUMENTS | changes))


# --- published vectors ---------------------------------------------------------------------------------------------


def test_all_eighteen_vectors_are_there_and_one_is_a_known_deviation():
    assert len(BY_NAME) == len(VECTORS) == 18
    assert [vector["name"] for vector in VECTORS if not vector["spec_reproduces"]] == ["odd_key"]


@pytest.mark.parametrize("name", [vector["name"] for vector in VECTORS if vector["spec_reproduces"]])
def test_a_vectors_texts_and_authorization_follow_from_its_request_as_received(name):
    vector = BY_NAME[name]
    request = received(vector)
    published = v3.parse_authorization(vector["authorization"])

    canonical = v3.canonical_request(request, published.signed_headers, v3.hashed_payload(request.body))
    to_sign = v3.string_to_sign(canonical)

    assert canonical == vector["canonical_request"]
    assert to_sign == vector["string_to_sign"]
    assert v3.signature(vector["access_key_secret"], to_sign) == published.signature
    assert str(published) == vector["authorization"]
    assert v3.hashed_payload(request.body) == vector["headers"]["x-acs-content-sha256"]


def test_parameter_names_are_encoded_as_documented_where_the_official_signer_leaves_them_raw():
    vector = BY_NAME["odd_key"]
    request = received(vector)
    published = v3.parse_authorization(vector["authorization"])

    canonical = v3.canonical_request(request, published.signed_headers, v3.hashed_payload(b""))

    assert canonical.split("\n")[2] == "Tag.1.Key%2A=v&a%20b=1"
    # The vector's canonical request was written down by the documented rule; its authorization is the signer's.
    assert canonical == vector["canonical_request"]
    ours = v3.signature(vector["access_key_secret"], v3.string_to_sign(canonical))
    assert ours != published.signature
    raw_names = canonical.replace("Tag.1.Key%2A=v&a%20b=1", "Tag.1.Key*=v&a b=1")
    assert v3.signature(vector["access_key_secret"], v3.string_to_sign(raw_names)) == published.signature


@pytest.mark.parametrize("name", ["doc_runinstances_current", "doc_runinstances_older"])
def test_signing_the_request_of_the_documentation_gives_the_header_it_prints(name):
    vector = BY_NAME[name]
    published = vector["headers"]
    signed = v3.sign(
        RawRequest("POST", f"/?{vector['wire_query']}"),
        Credentials(access_key_id=vector["access_key_id"], access_key_secret=vector["access_key_secret"]),
        action="RunInstances",
        version="2014-05-26",
        host=vector["host"],
        now=datetime.fromisoformat(published["x-acs-date"]),
        nonce=published["x-acs-signature-nonce"],
    )
    assert dict(signed.headers) == published | {"Authorization": vector["authorization"]}


# --- requests of the official SDK ----------------------------------------------------------------------------------


def test_seventeen_captured_requests_are_there():
    assert len(CAPTURED) == 17


@pytest.mark.parametrize("name", CAPTURED)
def test_the_signature_of_a_captured_request_follows_from_its_bytes(name):
    request = CAPTURED[name]
    assert v3_signature(request, signers.CAPTURED_SECRET) == authorization_of(request).signature
    assert set(authorization_of(request).signed_headers) >= v3.MANDATORY_HEADERS


# --- agreement with the official signer ----------------------------------------------------------------------------

names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~", min_size=1, max_size=8)
queries = st.dictionaries(names, texts, max_size=5)
# What RFC 9110 lets stand in a field value.
header_values = st.text(
    st.characters(max_codepoint=0xFF, exclude_categories=["Cc"], include_characters="\t"), max_size=20
)
header_names = st.text("abcXYZ019-_", min_size=1, max_size=6)


@sampled
@given(
    query=queries,
    plus=st.booleans(),
    extra=st.dictionaries(header_names.map("X-Acs-T-{}".format), header_values, max_size=3),
    unsigned=st.dictionaries(header_names.map("y-{}".format), header_values, max_size=2),
    content_type=st.none() | header_values,
    body=st.binary(max_size=60),
    method=st.sampled_from(["POST", "GET", "PUT"]),
    path=st.sampled_from(["/", "/v1/apps/a%20b"]),
    credentials=st.sampled_from([CREDENTIALS, TEMPORARY]),
)
def test_the_official_signer_gives_the_same_authorization(
    query, plus, extra, unsigned, content_type, body, method, path, credentials
):
    encoded = urlencode(query) if plus else "&".join(f"{name}={encoding.percent_encode(query[name])}" for name in query)
    headers = {"accept": "application/json"} | extra | unsigned
    if content_type is not None:
        headers["Content-Type"] = content_type
    signed = sign(RawRequest(method, f"{path}?{encoded}", tuple(headers.items()), body), credentials)

    assert header(signed.headers, "authorization") == official_authorization(signed, query, credentials)
    assert set(authorization_of(signed).signed_headers) == {
        name.lower()
        for name, _ in signed.headers
        if name.lower() in ("host", "content-type") or name.lower().startswith("x-acs-")
    }


@sampled
@given(texts)
@example("a b~c*d+e/f=g&h%i")
def test_percent_encode_leaves_the_unreserved_characters_alone(text):
    assert encoding.percent_encode(text) == TeaSigner.get_encode_param(text)


@sampled
@given(st.binary())
def test_percent_encode_gives_back_bytes_that_were_decoded_with_surrogateescape(octets):
    assert encoding.percent_encode(octets.decode("utf-8", "surrogateescape")) == quote(octets, safe="~")


def test_percent_encode_writes_other_lone_surrogates_as_three_bytes():
    assert encoding.percent_encode("a\ud800") == "a%ED%A0%80"


# --- the canonical query -------------------------------------------------------------------------------------------

# Dense in what matters: separators, escapes in both cases, cut and wrong escapes, bytes that are no UTF-8.
raw_queries = st.lists(
    st.sampled_from(
        [*"abZ09-_.~&&&===+%*/ ;?", "%20", "%2b", "%2B", "%41", "%ff", "%C3%A9", "%7e", "%zz", "%4", "\xe9"]
    )
    | st.integers(0, 255).map("%{:02X}".format),
    max_size=20,
).map("".join)


@sampled
@given(raw_queries)
def test_the_canonical_query_is_the_sorted_form_encoded_again_byte_by_byte(raw_query):
    decoded = parse_qsl(raw_query, keep_blank_values=True, encoding="latin-1")
    pairs = sorted((quote(n.encode("latin-1"), safe="~"), quote(v.encode("latin-1"), safe="~")) for n, v in decoded)
    assert v3.canonical_query(raw_query) == "&".join(f"{name}={value}" for name, value in pairs)


def test_each_byte_has_one_canonical_form_whichever_way_it_is_written():
    for octet in range(256):
        canonical = f"p={quote(bytes([octet]), safe='~')}"
        assert v3.canonical_query(f"p=%{octet:02X}") == canonical
        assert v3.canonical_query(f"p=%{octet:02x}") == canonical
        if chr(octet) not in "&+%":
            assert v3.canonical_query(f"p={chr(octet)}") == canonical


@sampled
@given(st.text())
def test_any_text_has_a_canonical_query_of_ascii_that_is_its_own(raw_query):
    canonical = v3.canonical_query(raw_query)
    assert canonical.isascii()
    assert v3.canonical_query(canonical) == canonical


@pytest.mark.parametrize(
    ("raw_query", "canonical"),
    [
        ("", ""),
        ("&&", ""),
        ("a", "a="),
        ("=v", "=v"),
        ("a=b=c", "a=b%3Dc"),
        ("a=1+2", "a=1%202"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a.1=x&a=y", "a=y&a.1=x"),
        ("b=1&B=2", "B=2&b=1"),
        ("a=%", "a=%25"),
        ("a=%zz%4", "a=%25zz%254"),
        ("a=%ff%c3", "a=%FF%C3"),
        ("a=%41%2d%7E", "a=A-~"),
    ],
)
def test_odd_queries_have_the_documented_or_declared_canonical_form(raw_query, canonical):
    assert v3.canonical_query(raw_query) == canonical


# --- the canonical request -----------------------------------------------------------------------------------------


def test_signed_headers_are_made_lower_case_unique_and_sorted_and_an_absent_one_is_empty():
    request = RawRequest("post", "?b=1", (("X-B", " 2 "), ("x-a", "3"), ("x-b", "1"), ("x-c", "unsigned")))
    assert v3.canonical_request(request, ["x-b", "X-A", "x-b", "x-gone"], "hash") == (
        "POST\n/\nb=1\nx-a:3\nx-b:1,2\nx-gone:\n\nx-a;x-b;x-gone\nhash"
    )


# --- sign ----------------------------------------------------------------------------------------------------------


def test_a_signed_request_keeps_what_it_had_and_gains_the_documented_headers():
    request = RawRequest("POST", "/?AppId=a", (("accept", "application/json"), ("Content-Type", "text/plain")), b"x")
    signed = sign(request)
    assert (signed.method, signed.target, signed.body) == (request.method, request.target, request.body)
    assert signed.headers == (
        ("host", HOST),
        ("accept", "application/json"),
        ("Content-Type", "text/plain"),
        ("x-acs-action", "StartRtcCloudTranscode"),
        ("x-acs-version", "2016-11-01"),
        ("x-acs-date", "2026-01-27T08:00:00Z"),
        ("x-acs-signature-nonce", NONCE),
        ("x-acs-content-sha256", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        ("Authorization", str(authorization_of(signed))),
    )
    assert authorization_of(signed).signed_headers == (
        "content-type",
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-version",
    )
    assert set(authorization_of(signed).signed_headers) >= v3.MANDATORY_HEADERS


def test_temporary_credentials_add_the_token_and_the_key_id_to_what_is_signed():
    signed = sign(RawRequest("POST", "/"), TEMPORARY)
    assert header(signed.headers, "x-acs-security-token") == TEMPORARY.security_token
    assert header(signed.headers, "x-acs-accesskey-id") == TEMPORARY.access_key_id
    assert {"x-acs-security-token", "x-acs-accesskey-id"} <= set(authorization_of(signed).signed_headers)


def test_signing_again_with_other_credentials_leaves_nothing_of_the_first_signature():
    request = RawRequest("POST", "/?AppId=a", (("accept", "application/json"),))
    assert sign(sign(request, TEMPORARY, nonce="first")) == sign(request)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"target": "/?AppId=b"},
        {"target": "/v1?AppId=a"},
        {"body": b"y"},
        {"action": "StopRtcCloudTranscode"},
        {"version": "2016-11-02"},
        {"host": "127.0.0.1:1"},
        {"now": NOW + timedelta(seconds=1)},
        {"nonce": "other"},
        {"extra": (("x-acs-extra", "1"),)},
        {"extra": (("content-type", "text/plain"),)},
        {"secret": "other"},
    ],
    ids=lambda change: "-".join(map(str, change)),
)
def test_each_signed_part_changes_the_signature(change):
    change = dict(change)
    request = RawRequest(
        change.pop("method", "POST"),
        change.pop("target", "/?AppId=a"),
        change.pop("extra", ()),
        change.pop("body", b"x"),
    )
    secret = change.pop("secret", CREDENTIALS.access_key_secret)
    signed = sign(request, dataclasses.replace(CREDENTIALS, access_key_secret=secret), **change)
    original = sign(RawRequest("POST", "/?AppId=a", (), b"x"))
    assert authorization_of(signed).signature != authorization_of(original).signature


def test_headers_beyond_the_scheme_do_not_change_the_signature():
    plain, more = RawRequest("POST", "/"), RawRequest("POST", "/", (("user-agent", "x"), ("accept", "*/*")))
    assert authorization_of(sign(plain)) == authorization_of(sign(more))


def test_the_time_is_sent_in_utc_without_its_fraction():
    beijing = datetime(2026, 1, 27, 16, 0, 0, 999999, tzinfo=timezone(timedelta(hours=8)))
    assert header(sign(RawRequest("POST", "/"), now=beijing).headers, "x-acs-date") == "2026-01-27T08:00:00Z"


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        sign(RawRequest("POST", "/"), now=datetime(2026, 1, 27))


# --- deviating on purpose ------------------------------------------------------------------------------------------


def complete(request: RawRequest, date: str = "2026-01-27T08:00:00Z") -> RawRequest:
    arguments = {name: value for name, value in ARGUMENTS.items() if name != "now"}
    return v3.with_common_headers(request, TEMPORARY, date=date, **arguments)


def test_the_two_halves_make_sign():
    request = RawRequest("POST", "/?AppId=a", (("Authorization", "old"), ("content-type", "text/plain")), b"x")
    assert header(complete(request).headers, "authorization") is None
    assert v3.with_authorization(complete(request), TEMPORARY) == sign(request, TEMPORARY)


def test_a_date_is_sent_and_signed_as_it_is_given():
    signed = v3.with_authorization(complete(RawRequest("POST", "/"), date="27.1.2026 8:00"), TEMPORARY)
    assert header(signed.headers, "x-acs-date") == "27.1.2026 8:00"
    assert authorization_of(signed).signature == v3_signature(signed)


def test_the_headers_that_are_signed_can_be_chosen():
    signed = v3.with_authorization(
        complete(RawRequest("POST", "/")), TEMPORARY, signed_headers=["X-Acs-Version", "X-Acs-Date"]
    )
    assert authorization_of(signed).signed_headers == ("x-acs-date", "x-acs-version")
    assert authorization_of(signed).signature == v3_signature(signed)
    again = v3.with_authorization(signed, TEMPORARY)
    assert again == sign(RawRequest("POST", "/"), TEMPORARY)


# --- the Authorization header --------------------------------------------------------------------------------------


def test_an_authorization_header_is_taken_apart():
    assert v3.parse_authorization(
        "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-date,Signature=0af"
    ) == Authorization(access_key_id="id", signed_headers=("host", "x-acs-date"), signature="0af")


WELL_FORMED = "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host,Signature=0a"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer token",
        "ACS3-HMAC-SHA256",
        WELL_FORMED.replace("SHA256", "SM3"),
        WELL_FORMED.replace(" ", "  "),
        WELL_FORMED.replace(",", ", "),
        WELL_FORMED.replace("id", ""),
        WELL_FORMED.replace("host", ""),
        WELL_FORMED.removesuffix("0a"),
        WELL_FORMED.replace("0a", "0é"),
        WELL_FORMED.replace("Credential=id,", ""),
        WELL_FORMED + "\n",
        WELL_FORMED + ",Signature=0b",
        " " + WELL_FORMED,
        WELL_FORMED.lower(),
    ],
)
def test_a_malformed_or_foreign_authorization_header_is_none(value):
    assert v3.parse_authorization(WELL_FORMED) is not None
    assert v3.parse_authorization(value) is None


@sampled
@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ["ACS3-HMAC-SHA256", " ", ",", "=", ";", "Credential=", "SignedHeaders=", "Signature=", "a", "é"]
        )
    ).map("".join)
)
def test_any_text_is_an_authorization_header_or_none(value):
    authorization = v3.parse_authorization(value)
    assert authorization is None or str(authorization) == value
