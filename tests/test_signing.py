"""The signature scheme ACS3-HMAC-SHA256, held to published vectors and to the official Python signer."""

import asyncio
import contextlib
import dataclasses
import http.server
import json
import re
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, urlencode

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acs_conformance import encoding
from acs_conformance.errors import CredentialsError
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Acs3HmacSha256, Credentials
from acs_conformance.signing import v3 as signing
from acs_conformance.signing.v3 import Authorization

with warnings.catch_warnings():
    # The official SDK is generated code; on some versions of Python its import warns.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_live20161101 import models as live_models
    from alibabacloud_live20161101.client import Client as LiveClient
    from alibabacloud_tea_openapi.utils import Utils as OfficialSigner
    from alibabacloud_tea_openapi.utils_models import Config

VECTORS = json.loads((Path(__file__).parent / "data" / "v3-vectors.json").read_text(encoding="utf-8"))["vectors"]
BY_NAME = {vector["name"]: vector for vector in VECTORS}

CREDENTIALS = Credentials(access_key_id="testAccessKeyId", access_key_secret="testAccessKeySecret")
TEMPORARY = dataclasses.replace(CREDENTIALS, security_token="CAIS+token/with=chars")
NOW = datetime(2026, 1, 27, 8, 0, 0, tzinfo=UTC)
NONCE = "00112233445566778899aabbccddeeff"
HOST = "live.ap-southeast-1.aliyuncs.com"

sampled = settings(deadline=None, max_examples=200)


def received(vector: dict) -> RawRequest:
    """A vector's request as a server gets it: from its wire_query, never from its decoded parameters."""
    target = vector["canonical_uri"] + (f"?{vector['wire_query']}" if vector["wire_query"] else "")
    return RawRequest(vector["method"], target, tuple(vector["headers"].items()), vector["body"].encode())


def sign(request: RawRequest, credentials: Credentials = CREDENTIALS, **changes) -> RawRequest:
    arguments = {"action": "StartRtcCloudTranscode", "version": "2016-11-01", "host": HOST, "now": NOW, "nonce": NONCE}
    return signing.sign(request, credentials, **(arguments | changes))


def authorization_of(request: RawRequest) -> Authorization:
    authorization = signing.parse_authorization(header(request.headers, "authorization"))
    assert authorization is not None
    return authorization


def expected_signature(request: RawRequest, secret: str = CREDENTIALS.access_key_secret) -> str:
    """What a verifier computes from a request as received."""
    canonical = signing.canonical_request(
        request, authorization_of(request).signed_headers, signing.hashed_payload(request.body)
    )
    return signing.signature(secret, signing.string_to_sign(canonical))


def official_authorization(request: RawRequest, query: dict[str, str], credentials: Credentials = CREDENTIALS) -> str:
    """What the official signer makes of the headers that a request says are signed."""
    names = authorization_of(request).signed_headers
    return OfficialSigner.get_authorization(
        SimpleNamespace(
            method=request.method,
            pathname=request.path,
            query=query,
            headers={name: value for name, value in request.headers if name.lower() in names},
        ),
        "ACS3-HMAC-SHA256",
        OfficialSigner.hash(request.body, "ACS3-HMAC-SHA256").hex(),
        credentials.access_key_id,
        credentials.access_key_secret,
    )


# --- published vectors ---------------------------------------------------------------------------------------------


def test_all_eighteen_vectors_are_there_and_one_is_a_known_deviation():
    assert len(BY_NAME) == len(VECTORS) == 18
    assert [vector["name"] for vector in VECTORS if not vector["spec_reproduces"]] == ["odd_key"]


@pytest.mark.parametrize("name", [vector["name"] for vector in VECTORS if vector["spec_reproduces"]])
def test_a_vectors_texts_and_authorization_follow_from_its_request_as_received(name):
    vector = BY_NAME[name]
    request = received(vector)
    published = signing.parse_authorization(vector["authorization"])

    canonical = signing.canonical_request(request, published.signed_headers, signing.hashed_payload(request.body))
    to_sign = signing.string_to_sign(canonical)

    assert canonical == vector["canonical_request"]
    assert to_sign == vector["string_to_sign"]
    assert signing.signature(vector["access_key_secret"], to_sign) == published.signature
    assert str(published) == vector["authorization"]
    assert signing.hashed_payload(request.body) == vector["headers"]["x-acs-content-sha256"]


def test_parameter_names_are_encoded_as_documented_where_the_official_signer_leaves_them_raw():
    vector = BY_NAME["odd_key"]
    request = received(vector)
    published = signing.parse_authorization(vector["authorization"])

    canonical = signing.canonical_request(request, published.signed_headers, signing.hashed_payload(b""))

    assert canonical.split("\n")[2] == "Tag.1.Key%2A=v&a%20b=1"
    # The vector's canonical request was written down by the documented rule; its authorization is the signer's.
    assert canonical == vector["canonical_request"]
    ours = signing.signature(vector["access_key_secret"], signing.string_to_sign(canonical))
    assert ours != published.signature
    raw_names = canonical.replace("Tag.1.Key%2A=v&a%20b=1", "Tag.1.Key*=v&a b=1")
    assert signing.signature(vector["access_key_secret"], signing.string_to_sign(raw_names)) == published.signature


@pytest.mark.parametrize("name", ["doc_runinstances_current", "doc_runinstances_older"])
def test_signing_the_request_of_the_documentation_gives_the_header_it_prints(name):
    vector = BY_NAME[name]
    published = vector["headers"]
    signed = signing.sign(
        RawRequest("POST", f"/?{vector['wire_query']}"),
        Credentials(access_key_id=vector["access_key_id"], access_key_secret=vector["access_key_secret"]),
        action="RunInstances",
        version="2014-05-26",
        host=vector["host"],
        now=datetime.fromisoformat(published["x-acs-date"]),
        nonce=published["x-acs-signature-nonce"],
    )
    assert dict(signed.headers) == published | {"Authorization": vector["authorization"]}


# --- agreement with the official signer ----------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
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
    assert encoding.percent_encode(text) == OfficialSigner.get_encode_param(text)


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
    assert signing.canonical_query(raw_query) == "&".join(f"{name}={value}" for name, value in pairs)


def test_each_byte_has_one_canonical_form_whichever_way_it_is_written():
    for octet in range(256):
        canonical = f"p={quote(bytes([octet]), safe='~')}"
        assert signing.canonical_query(f"p=%{octet:02X}") == canonical
        assert signing.canonical_query(f"p=%{octet:02x}") == canonical
        if chr(octet) not in "&+%":
            assert signing.canonical_query(f"p={chr(octet)}") == canonical


@sampled
@given(st.text())
def test_any_text_has_a_canonical_query_of_ascii_that_is_its_own(raw_query):
    canonical = signing.canonical_query(raw_query)
    assert canonical.isascii()
    assert signing.canonical_query(canonical) == canonical


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
    assert signing.canonical_query(raw_query) == canonical


# --- the canonical request -----------------------------------------------------------------------------------------


def test_signed_headers_are_made_lower_case_unique_and_sorted_and_an_absent_one_is_empty():
    request = RawRequest("post", "?b=1", (("X-B", " 2 "), ("x-a", "3"), ("x-b", "1"), ("x-c", "unsigned")))
    assert signing.canonical_request(request, ["x-b", "X-A", "x-b", "x-gone"], "hash") == (
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
    assert set(authorization_of(signed).signed_headers) >= signing.MANDATORY_HEADERS


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


# --- the Authorization header --------------------------------------------------------------------------------------


def test_an_authorization_header_is_taken_apart():
    assert signing.parse_authorization(
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
    assert signing.parse_authorization(WELL_FORMED) is not None
    assert signing.parse_authorization(value) is None


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
    authorization = signing.parse_authorization(value)
    assert authorization is None or str(authorization) == value


# --- credentials ---------------------------------------------------------------------------------------------------


def test_no_repr_shows_a_secret_a_token_or_a_signature():
    auth = Acs3HmacSha256(TEMPORARY, action="a", version="v")
    authorization = authorization_of(sign(RawRequest("POST", "/"), TEMPORARY))
    shown = f"{TEMPORARY!r} {TEMPORARY} {auth!r} {auth} {authorization!r} {[TEMPORARY]}"
    assert TEMPORARY.access_key_id in shown
    assert TEMPORARY.access_key_secret not in shown
    assert TEMPORARY.security_token not in shown
    assert authorization.signature not in shown


ENVIRONMENT = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s3cret"}


@pytest.mark.parametrize(
    ("token", "expected"),
    [({}, None), ({"ALIBABA_CLOUD_SECURITY_TOKEN": ""}, None), ({"ALIBABA_CLOUD_SECURITY_TOKEN": "t"}, "t")],
)
def test_the_environment_gives_a_pair_and_perhaps_a_token(token, expected):
    assert Credentials.from_environment(ENVIRONMENT | token | {"HOME": "/"}) == Credentials(
        access_key_id="id", access_key_secret="s3cret", security_token=expected
    )


@pytest.mark.parametrize(
    "left_out", [{name} for name in ENVIRONMENT] + [set(ENVIRONMENT)], ids=lambda names: str(len(names))
)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "unset"])
def test_absent_variables_are_named(left_out, empty):
    environ = {name: value for name, value in ENVIRONMENT.items() if name not in left_out}
    environ |= dict.fromkeys(left_out, "") if empty else {}
    with pytest.raises(CredentialsError) as caught:
        Credentials.from_environment(environ)
    complaint = str(caught.value).partition("not set")[0]
    assert {name for name in ENVIRONMENT if name in complaint} == left_out
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "position"),
    [
        ("access_key_id", "id,x", "3 of 4"),
        ("access_key_id", "i d", "2 of 3"),
        ("access_key_secret", "s3cret\n", "7 of 7"),
        ("access_key_secret", "\ufeffs3cret", "1 of 7"),
        ("security_token", "tok\x00n", "4 of 5"),
        ("security_token", "", "empty"),
        ("access_key_secret", "", "empty"),
        ("access_key_id", "", "empty"),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_position_without_being_quoted(name, value, position):
    fields = {"access_key_id": "id", "access_key_secret": "s", "security_token": "t"} | {name: value}
    with pytest.raises(CredentialsError) as caught:
        Credentials(**fields)
    assert name in str(caught.value)
    assert position in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_secret_and_a_token_may_contain_commas():
    assert Credentials(access_key_id="id", access_key_secret="a,b", security_token="c,d").access_key_secret == "a,b"


# --- httpx ---------------------------------------------------------------------------------------------------------


def auth(credentials: Credentials = CREDENTIALS, **arguments) -> Acs3HmacSha256:
    return Acs3HmacSha256(credentials, action="StartRtcCloudTranscode", version="2016-11-01", **arguments)


def raw(request: httpx.Request) -> RawRequest:
    return RawRequest(
        request.method,
        request.url.raw_path.decode(),
        tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw),
        request.content,
    )


def test_a_flow_yields_its_request_once_signed_as_the_pure_function_does():
    request = httpx.Request("POST", f"https://{HOST}/", params={"AppId": "a b+c*"}, json={"é": 1})
    before = raw(request)
    flow = auth(clock=lambda: NOW, nonce=lambda: NONCE).sync_auth_flow(request)

    assert next(flow) is request
    assert raw(request) == sign(before)
    assert raw(request).query == "AppId=a+b%2Bc%2A"
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(401))


def test_every_flow_has_its_own_nonce_even_for_one_request_object():
    request, signer = httpx.Request("POST", f"https://{HOST}/"), auth(clock=lambda: NOW)
    nonces = set()
    for _ in range(50):
        next(signer.sync_auth_flow(request))
        assert len(request.headers.get_list("authorization")) == len(request.headers.get_list("host")) == 1
        nonces.add(request.headers["x-acs-signature-nonce"])
    assert len(nonces) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)


def test_the_default_clock_is_the_time_now():
    request = httpx.Request("POST", f"https://{HOST}/")
    before = datetime.now(UTC).replace(microsecond=0)
    next(auth().sync_auth_flow(request))
    assert before <= datetime.fromisoformat(request.headers["x-acs-date"]) <= datetime.now(UTC)


def test_a_host_header_set_by_the_caller_is_kept_and_signed():
    request = httpx.Request("POST", "http://127.0.0.1:8080/", headers={"Host": HOST})
    next(auth(clock=lambda: NOW, nonce=lambda: NONCE).sync_auth_flow(request))
    assert raw(request) == sign(RawRequest("POST", "/", tuple(raw(request).headers)))
    assert request.headers["host"] == HOST


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers anything with an empty JSON object and keeps what it got."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        method, target, _ = self.requestline.split(" ")
        self.server.requests.append(RawRequest(method, target, tuple(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def loopback() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.requests = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def one_request(server: http.server.ThreadingHTTPServer) -> Iterator[list[RawRequest]]:
    server.requests.clear()
    yield server.requests
    assert len(server.requests) == 1


PARAMETERS = {"AppId": "app 1~*+/&=%", "InputParam": '{"UserId":"用户 é😀"}', "Empty": ""}


@pytest.mark.parametrize("credentials", [CREDENTIALS, TEMPORARY], ids=["pair", "temporary"])
@pytest.mark.parametrize(
    ("method", "content"),
    [
        ("POST", {}),
        ("GET", {}),
        ("PUT", {"json": {"N": "é"}}),
        ("POST", {"data": {"AppId": "a b*"}}),
        ("POST", {"content": bytes(range(256))}),
        ("POST", {"files": {"f": b"x"}}),
        ("POST", {"content": "stream"}),
    ],
    ids=["empty", "get", "json", "form", "bytes", "multipart", "stream"],
)
def test_what_a_server_receives_from_httpx_verifies_with_the_official_signer(loopback, method, content, credentials):
    if content.get("content") == "stream":
        content = {"content": iter([b"in ", b"parts"])}
    with one_request(loopback) as requests, httpx.Client(auth=auth(credentials)) as client:
        assert client.request(method, loopback.url, params=PARAMETERS, **content).json() == {}

    (request,) = requests
    assert expected_signature(request) == authorization_of(request).signature
    assert header(request.headers, "authorization") == official_authorization(request, PARAMETERS, credentials)
    assert header(request.headers, "x-acs-content-sha256") == signing.hashed_payload(request.body)


def test_what_a_server_receives_from_an_async_client_verifies(loopback):
    async def send() -> None:
        async with httpx.AsyncClient(auth=auth()) as client:
            await client.post(loopback.url, params=PARAMETERS, content=b"x")

    with one_request(loopback) as requests:
        asyncio.run(send())
    (request,) = requests
    assert header(request.headers, "authorization") == official_authorization(request, PARAMETERS)


@pytest.mark.parametrize("query", ["a=%zz&b=%ff%C3&a=+&c&&=", "b=%41%2d&a=%e4%ba", "", "a='!()*\"<>"])
@pytest.mark.parametrize("through", ["url", "bytes", "str"])
def test_odd_bytes_of_the_target_are_signed_as_they_are_sent(loopback, query, through):
    """A URL is re-encoded by httpx; the request's "target" extension bypasses that."""
    target = f"/?{query}"
    extension = {"url": None, "bytes": target.encode(), "str": target}[through]
    with one_request(loopback) as requests, httpx.Client(auth=auth()) as client:
        client.post(
            loopback.url + (target if extension is None else "/?other=1"),
            extensions={} if extension is None else {"target": extension},
        )
    (request,) = requests
    assert expected_signature(request) == authorization_of(request).signature
    if extension is not None:
        assert request.target == target


def test_a_request_sent_twice_is_signed_twice(loopback):
    loopback.requests.clear()
    with httpx.Client(auth=auth()) as client:
        request = client.build_request("POST", loopback.url, content=b"x")
        client.send(request)
        client.send(request)
    first, second = loopback.requests
    assert header(first.headers, "x-acs-signature-nonce") != header(second.headers, "x-acs-signature-nonce")
    for request in (first, second):
        assert expected_signature(request) == authorization_of(request).signature


def test_a_changed_byte_no_longer_verifies(loopback):
    with one_request(loopback) as requests, httpx.Client(auth=auth()) as client:
        client.post(loopback.url, params={"AppId": "a"})
    (request,) = requests
    changed = dataclasses.replace(request, target=request.target.replace("AppId=a", "AppId=b"))
    assert expected_signature(changed) != authorization_of(request).signature
    assert expected_signature(request, "another secret") != authorization_of(request).signature


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
@pytest.mark.parametrize("credentials", [CREDENTIALS, TEMPORARY], ids=["pair", "temporary"])
def test_what_a_server_receives_from_the_official_sdk_verifies(loopback, credentials):
    client = LiveClient(
        Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=loopback.url.removeprefix("http://"),
            protocol="http",
        )
    )
    with one_request(loopback) as requests:
        client.start_rtc_cloud_transcode(
            live_models.StartRtcCloudTranscodeRequest(app_id="a b~*+é😀/", channel_id="", max_idle_time=600)
        )
    (request,) = requests
    assert "+" in request.query  # a blank, on the wire
    assert expected_signature(request) == authorization_of(request).signature
    assert set(authorization_of(request).signed_headers) >= signing.MANDATORY_HEADERS
