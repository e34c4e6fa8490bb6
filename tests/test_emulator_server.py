"""The server hands requests to the core as they stand on the wire, and outlives everything that is no HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from acs_conformance.emulator.core import Emulator
from acs_conformance.emulator.server import running, serve
from acs_conformance.errors import UsageError
from acs_conformance.message import RawResponse
from emulator_calls import NAMES, as_bytes, body, emulator, exchange, outcome, request, start, target


class Echo(Emulator):
    """Remembers requests and answers each the same way."""

    def __init__(self):
        self.requests = []

    def handle(self, request):
        self.requests.append(request)
        return RawResponse(status=200, headers=(("x-echo", "1"),), body=b"ok")


@pytest.fixture(scope="module")
def echo():
    """An echo and its URL."""
    server = Echo()
    with running(server) as url:
        yield server, url


@pytest.fixture(scope="module")
def address():
    """The URL of an emulator."""
    with running(emulator()) as url:
        yield url


def still_answers(url):
    return b"TaskId" in exchange(url, as_bytes(start()))


def test_emulator_answers_over_http(address):
    answer = httpx.post(address + target(), headers=dict(NAMES))
    assert answer.status_code == 200
    assert answer.json().keys() == {"RequestId", "TaskId"}
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.headers["x-acs-request-id"] == answer.json()["RequestId"]
    assert "server" not in answer.headers
    assert "date" in answer.headers


@pytest.mark.parametrize(
    "text",
    [
        "/?A=%41+%2B%zz%&&=#x?y",
        "/",
        "/?",
        "//a/../b%2f?c",
        '/?A={"a":[1]}|\\^`<>"',
        "/?A=" + "%E7" * 21000,
        "/?" + "x" * (64 * 1024 - 2),
        "*",
    ],
    ids=["odd", "path", "question mark", "slashes", "raw", "63 KB", "64 KiB", "star"],
)
def test_target_reaches_the_core_byte_for_byte(echo, text):
    server, url = echo
    assert exchange(url, as_bytes(request(text))).startswith(b"HTTP/1.1 200 ")
    assert server.requests[-1].target == (text if text != "*" else "*")


def test_header_values_beyond_ascii_reach_the_core(echo):
    server, url = echo
    exchange(url, b"POST / HTTP/1.1\r\nhost: \xe9\xff\r\n\r\n")
    assert dict(server.requests[-1].headers) == {"host": "\xe9\xff"}


def test_absolute_form_is_the_same_target(echo):
    server, url = echo
    exchange(url, b"POST http://h/a?b=1 HTTP/1.1\r\nhost: h\r\n\r\n")
    assert server.requests[-1].target == "/a?b=1"


def test_repeated_headers_and_body_reach_the_core(echo):
    server, url = echo
    exchange(
        url,
        b"PUT / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a:  2 \r\ntransfer-encoding: chunked\r\n\r\n3\r\na\0b\r\n0\r\n\r\n",
    )
    raw = server.requests[-1]
    assert (raw.method, raw.body) == ("PUT", b"a\0b")
    assert raw.headers[:3] == (("host", "h"), ("x-a", "1"), ("x-a", "2"))


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1, 8 * 1024 * 1024])
def test_body_up_to_a_mebibyte_reaches_the_core(echo, size):
    server, url = echo
    before = len(server.requests)
    answer = exchange(url, as_bytes(request(body=b"x" * size)))
    fits = size <= 1024 * 1024
    assert answer.startswith(b"HTTP/1.1 200 " if fits else b"HTTP/1.1 413 ")
    assert len(server.requests) - before == fits


@pytest.mark.parametrize("size", [64 * 1024 + 1, 100 * 1024, 200 * 1024])
def test_longer_target_is_answered_414(address, size):
    answer = exchange(address, as_bytes(request("/?A=" + "x" * (size - 4))))
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert still_answers(address)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x00\xff\x16\x03\x01 garbage\r\n\r\n",
        b"garbage\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST / HTTP/1.1\r\na\x00b: c\r\n\r\n",
        b"POST /a b HTTP/1.1\r\n\r\n",
        b"POST /?A=\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 300_000,
        b"GET /" + b"y" * 300_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(15),
)
def test_malformed_http_gets_4xx_or_is_closed(address, payload):
    answer = exchange(address, payload)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert still_answers(address)


@pytest.mark.parametrize(
    "payload",
    [
        b"POST ",
        b"POST / HTTP/1.1\r\nhost: h\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nhost: h\r\n\r\n",
        b"CONNECT host:80 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"",
    ],
    ids=range(7),
)
def test_client_may_leave_at_any_time(address, payload):
    host, _, port = address.removeprefix("http://").rpartition(":")
    for _ in range(3):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(payload)
    assert still_answers(address)


def test_upgrades_are_not_taken(address):
    headers = (*NAMES, ("connection", "Upgrade"), ("upgrade", "h2c"))
    answer = exchange(address, as_bytes(request(target(), headers=headers)))
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(echo):
    _, url = echo
    assert exchange(url, as_bytes(request()) * 20, answers=20).count(b"HTTP/1.1 200 OK\r\n") == 20


def test_answers_come_without_delay(address):
    """A connection that is kept costs no 40 ms for each answer, which two small packets without TCP_NODELAY do."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    payload = as_bytes(start())
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        begin = time.monotonic()
        for _ in range(50):
            connection.sendall(payload)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(65536)
        assert time.monotonic() - begin < 1


def test_many_connections_at_once(address):
    answers = []

    def ask():
        answers.append(httpx.post(address + target(), headers=dict(NAMES)).status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20


def test_running_frees_its_port():
    with running(emulator()) as url:
        pass
    with pytest.raises(ConnectionRefusedError):
        exchange(url, b"")


def test_two_emulators_run_side_by_side():
    with running(emulator(id_seed="0" * 18)) as one, running(emulator(id_seed="1" * 18)) as other:
        assert b'"RequestId":"00000000-' in exchange(one, as_bytes(start()))
        assert b'"RequestId":"11111111-' in exchange(other, as_bytes(start()))


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        ("127.0.0.1", None, "is taken"),
        ("127.0.0.1", 99999, "no port"),
        ("127.0.0.1", -1, "no port"),
        ("no.such.host.invalid", 0, "can't listen"),
        ("192.0.2.1", 0, "can't listen"),
        ("a" * 300, 0, "can't listen"),
    ],
)
def test_address_that_is_not_free_is_a_usage_error(address, host, port, text):
    taken = int(address.rpartition(":")[2]) if port is None else port
    with pytest.raises(UsageError, match=text) as caught:
        serve(emulator(), host, taken, lambda _: pytest.fail("it started"))
    assert str(taken) in str(caught.value)


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from acs_conformance.emulator.server import serve
from emulator_calls import emulator
serve(emulator(), sys.argv[2], 0, lambda url: print(url, flush=True))
print("end")
"""


@pytest.mark.parametrize(
    ("number", "host"), [(signal.SIGTERM, "127.0.0.1"), (signal.SIGINT, "localhost"), (signal.SIGTERM, "::1")]
)
def test_signal_ends_the_server_cleanly(number, host):
    """Exit code 0, and nothing printed, with idle and half-written connections open."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(Path(__file__).parent), host],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        if not url and host == "::1":
            pytest.skip("this machine has no IPv6")
        address = (url.removeprefix("http://").rpartition(":")[0].strip("[]"), int(url.rpartition(":")[2]))
        with socket.create_connection(address) as idle, socket.create_connection(address) as half:
            idle.sendall(as_bytes(start()))
            assert b"200 OK" in idle.recv(65536)
            assert exchange(url, b"garbage\r\n\r\n").startswith(b"HTTP/1.1 400 ")
            half.sendall(b"POST / HT")
            begin = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
        assert time.monotonic() - begin < 5
        assert (process.returncode, out, err) == (0, "end\n", "")


def test_answer_over_http_is_the_cores_own(address):
    plain = emulator(id_seed="0" * 18)
    with running(emulator(id_seed="0" * 18)) as url:
        for raw in (start(), start(AppId=""), request("/x"), request(headers=())):
            expected = plain.handle(raw)
            received = exchange(url, as_bytes(raw))
            if raw.headers:
                assert received.endswith(b"\r\n\r\n" + expected.body)
            assert received.startswith(f"HTTP/1.1 {expected.status} ".encode())
    assert outcome(plain.handle(start())) == 200
    assert body(plain.handle(start()))["RequestId"].startswith("00000000-")
