"""Signatures as httpx authentication: what a server receives verifies, by the official signers too."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.server import running
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Acs3HmacSha256, AcsHmacSha1, Credentials, v1, v3
from acs_conformance.target import EMULATOR_CREDENTIALS
from signers import (
    CREDENTIALS,
    HOST,
    NONCE,
    NOW,
    TEMPORARY,
    Config,
    LiveClient,
    TeaSigner,
    authorization_of,
    live_models,
    official_authorization,
    v3_signature,
)

NAMED = {"action": "StartRtcCloudTranscode", "version": "2016-11-01"}


def auth(credentials: Credentials = CREDENTIALS, **arguments) -> Acs3HmacSha256:
    return Acs3HmacSha256(credentials, **NAMED, **arguments)


def old_auth(credentials: Credentials = CREDENTIALS, **arguments) -> AcsHmacSha1:
    return AcsHmacSha1(credentials, **NAMED, **arguments)


def sign(request: RawRequest) -> RawRequest:
    return v3.sign(request, CREDENTIALS, host=HOST, now=NOW, nonce=NONCE, **NAMED)


def verifies(request: RawRequest, secret: str = CREDENTIALS.access_key_secret) -> bool:
    """Whether the signature of a request as received is right, by either scheme."""
    sent = v1.sent_signature(request)
    if sent is None:
        return v3_signature(request, secret) == authorization_of(request).signature
    return v1.signature(secret, v1.string_to_sign(request.method, v1.parameters(request))) == sent


def raw(request: httpx.Request) -> RawRequest:
    return RawRequest(
        request.method,
        request.url.raw_path.decode(),
        tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw),
        request.content,
    )


# --- the flow of ACS3-HMAC-SHA256 ----------------------------------------------------------------------------------


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


# --- the flow of HMAC-SHA1 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["query", "body"])
def test_a_flow_yields_one_signed_copy_as_the_pure_function_makes_it(place):
    request = httpx.Request("POST", f"https://{HOST}/x", params={"AppId": "a b+c*"}, data={"é": "1"})
    before = raw(request)
    flow = old_auth(TEMPORARY, place=place, clock=lambda: NOW, nonce=lambda: NONCE).sync_auth_flow(request)

    sent = next(flow)
    assert raw(sent) == v1.sign(before, TEMPORARY, now=NOW, nonce=NONCE, place=place, **NAMED)
    assert sent.headers["content-length"] == str(len(sent.content))
    assert raw(request) == before
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(400))


def test_a_body_of_another_kind_cannot_take_parameters():
    request = httpx.Request("POST", f"https://{HOST}/", json={})
    with pytest.raises(ValueError, match="holds no form"):
        next(old_auth(place="body").sync_auth_flow(request))


@pytest.mark.parametrize("kind", [auth, old_auth])
def test_the_repr_names_whom_and_what_it_signs_for(kind):
    shown = repr(kind(TEMPORARY))
    assert "testAccessKeyId" in shown
    assert "StartRtcCloudTranscode" in shown
    assert TEMPORARY.access_key_secret not in shown
    assert TEMPORARY.security_token not in shown


# --- over a wire ---------------------------------------------------------------------------------------------------


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
    assert verifies(request)
    assert header(request.headers, "authorization") == official_authorization(request, PARAMETERS, credentials)
    assert header(request.headers, "x-acs-content-sha256") == v3.hashed_payload(request.body)


@pytest.mark.parametrize("credentials", [CREDENTIALS, TEMPORARY], ids=["pair", "temporary"])
@pytest.mark.parametrize(
    ("method", "content", "place"),
    [
        ("POST", {}, "query"),
        ("GET", {}, "query"),
        ("POST", {"data": {"InputParam": "a b*"}}, "query"),
        ("POST", {"json": {"N": "é"}}, "query"),
        ("POST", {"content": "stream"}, "query"),
        ("POST", {}, "body"),
        ("POST", {"data": {"InputParam": "a b*"}}, "body"),
    ],
    ids=["empty", "get", "form", "json", "stream", "empty-to-body", "form-to-body"],
)
def test_the_official_signer_of_the_older_scheme_agrees_with_what_a_server_receives(
    loopback, method, content, place, credentials
):
    query = {"AppId": "app 1~*+/&=%é😀", "Empty": ""}
    if content.get("content") == "stream":
        content = {"content": iter([b"in ", b"parts"])}
    with one_request(loopback) as requests, httpx.Client(auth=old_auth(credentials, place=place)) as client:
        assert client.request(method, loopback.url, params=query, **content).json() == {}

    (request,) = requests
    sent = dict(v1.parameters(request))
    assert v1.sent_signature(request) == TeaSigner.get_rpcsignature(sent, method, credentials.access_key_secret)
    assert sent.items() >= (query | content.get("data", {})).items()
    assert sent.get("SecurityToken") == credentials.security_token
    assert (request.query == "") == (place == "body")
    assert {name.lower() for name, _ in request.headers} & {"transfer-encoding", "content-length"} <= {"content-length"}


by_auth = pytest.mark.parametrize(
    "kind", [auth, old_auth, functools.partial(old_auth, place="body")], ids=["v3", "v1-query", "v1-body"]
)


@by_auth
def test_what_a_server_receives_from_an_async_client_verifies(loopback, kind):
    async def send() -> None:
        async with httpx.AsyncClient(auth=kind()) as client:
            await client.post(loopback.url, params=PARAMETERS, data={"b": "x"})

    with one_request(loopback) as requests:
        asyncio.run(send())
    assert verifies(requests[0])


@pytest.mark.parametrize("query", ["a=%zz&b=%ff%C3&a=+&c&&=", "b=%41%2d&a=%e4%ba", "", "a='!()*\"<>"])
@pytest.mark.parametrize("through", ["url", "bytes", "str"])
@by_auth
def test_odd_bytes_of_the_target_are_signed_as_they_are_sent(loopback, kind, query, through):
    """A URL is re-encoded by httpx; the request's "target" extension bypasses that."""
    target = f"/?{query}"
    extension = {"url": None, "bytes": target.encode(), "str": target}[through]
    with one_request(loopback) as requests, httpx.Client(auth=kind()) as client:
        client.post(
            loopback.url + (target if extension is None else "/?other=1"),
            extensions={} if extension is None else {"target": extension},
        )
    (request,) = requests
    assert verifies(request)
    if extension is not None:
        assert request.target.startswith(target) or request.body.decode().startswith(query)


@by_auth
def test_a_request_sent_again_has_a_nonce_and_a_time_of_its_own(loopback, kind):
    times = iter([NOW, NOW + timedelta(seconds=9)])
    loopback.requests.clear()
    with httpx.Client(auth=kind(clock=lambda: next(times))) as client:
        request = client.build_request("POST", loopback.url, data={"AppId": "x"})
        client.send(request)
        client.send(request)
    first, second = map(sent_by_the_scheme, loopback.requests)
    assert first["nonce"] != second["nonce"]
    assert (first["date"], second["date"]) == ("2026-01-27T08:00:00Z", "2026-01-27T08:00:09Z")
    assert all(map(verifies, loopback.requests))


def sent_by_the_scheme(request: RawRequest) -> dict[str, str | None]:
    parameters = dict(v1.parameters(request))
    return {
        "nonce": parameters.get("SignatureNonce") or header(request.headers, "x-acs-signature-nonce"),
        "date": parameters.get("Timestamp") or header(request.headers, "x-acs-date"),
    }


@by_auth
def test_a_changed_byte_no_longer_verifies(loopback, kind):
    with one_request(loopback) as requests, httpx.Client(auth=kind()) as client:
        client.post(loopback.url, params={"AppId": "a"})
    (request,) = requests
    changed = dataclasses.replace(
        request,
        target=request.target.replace("AppId=a", "AppId=b"),
        body=request.body.replace(b"AppId=a", b"AppId=b"),
    )
    assert changed != request
    assert not verifies(changed)
    assert not verifies(request, "another secret")


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
@pytest.mark.parametrize("credentials", [CREDENTIALS, TEMPORARY], ids=["pair", "temporary"])
@pytest.mark.parametrize("algorithm", [v3.ALGORITHM, "v2"])
def test_what_a_server_receives_from_the_official_sdk_verifies(loopback, algorithm, credentials):
    client = LiveClient(
        Config(
            signature_algorithm=algorithm,
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
    assert verifies(request)
    assert (v1.sent_signature(request) is None) == (algorithm == v3.ALGORITHM)


# --- the document --------------------------------------------------------------------------------------------------

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$",
    (Path(__file__).parent.parent / "docs/signing.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)


def test_the_examples_in_the_document_run():
    keys = {EMULATOR_CREDENTIALS.access_key_id: EMULATOR_CREDENTIALS.access_key_secret}
    emulator = Emulator(spec_folder.load_all(), settings=Settings(access_keys=AccessKeys(secrets=keys)))
    with_httpx, deviating = EXAMPLES
    with running(emulator) as url:
        assert "http://127.0.0.1:8080" in with_httpx
        assert output_of(with_httpx.replace("http://127.0.0.1:8080", url)).startswith("400 Missing")
    assert output_of(deviating + 'print(other_host.headers[0], "x-acs-date" in repr(unsigned_host))').split() == [
        "('host',",
        "'example.com')",
        "True",
    ]


def output_of(code: str) -> str:
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    return told.stdout
