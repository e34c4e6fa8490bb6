"""Targets that can't be, and targets that misbehave: a clear message or a recorded observation, never a traceback."""

from __future__ import annotations

import gc
import gzip
import socket
import sys
import time
import zlib

import pytest

import servers
from acs_conformance import cli, spec_folder
from acs_conformance.connection import Route
from acs_conformance.http_sender import HttpSender
from acs_conformance.message import RawRequest, header
from acs_conformance.record import BODY_LIMIT

START = spec_folder.load("StartRtcCloudTranscode")


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """What a refused `acs-conformance run --target URL` says, in this process; its network must not be touched."""

    def connect(_self, address):
        raise AssertionError(f"{address} was contacted")

    def run(url):
        monkeypatch.setattr(socket.socket, "connect", connect)
        monkeypatch.setattr(sys, "argv", ["acs-conformance", "run", "--target", url])
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", servers.KEYS.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", servers.KEYS.access_key_secret)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = "".join(capsys.readouterr())
        assert ended.value.code == 2, shown
        assert not (tmp_path / "reports").exists()  # nothing ran
        return shown

    yield run
    gc.collect()  # what a run left open is complained of here, and not in another test


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        "https://192.0.2.1:8443",
        "http://[2001:db8::1]:80",
        "http://[::ffff:192.0.2.1]:80",
        "http://0.0.0.0:8080",
        "http://128.0.0.1:8080",
    ],
)
def test_target_elsewhere_is_refused_and_not_contacted(command, url):
    shown = command(url)
    assert f"{url!r} is not on this machine" in shown
    assert "cost money" in shown


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..b", "1.2.3.4.5", "."])
def test_host_that_does_not_resolve_is_refused(command, host):
    shown = command(f"http://{host}:8080")
    assert host in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8080", "scheme"),
        ("localhost", "scheme"),
        ("", "scheme"),
        ("ftp://127.0.0.1", "scheme"),
        ("file:///etc/hostname", "scheme"),
        ("http://", "host"),
        ("http://:8080", "host"),
        ("http://127.0.0.1:99999", "Port"),
        ("http://127.0.0.1:-1", "Port"),
        ("http://127.0.0.1:http", "Port"),
        ("http://127.0.0.1:8080/v1", "path"),
        ("http://127.0.0.1:8080/?a=b", "query"),
        ("http://[::1", "http://[::1"),
        ("http://[::1]x:80", "http://[::1]x:80"),
        ("http://\N{CIRCLED DIGIT ONE}27.0.0.1:8080", "27.0.0.1"),
    ],
)
def test_malformed_address_is_refused_with_the_reason(command, url, words):
    shown = command(url)
    assert words in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("rest", ["127.0.0.1:8080", "192.0.2.1", "127.0.0.1:99999", "127.0.0.1:8080/path"])
@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_address_with_a_password_is_refused_and_not_repeated(command, scheme, rest):
    shown = command(f"{scheme}://user:p4ssw0rd@{rest}")
    assert "p4ssw0rd" not in shown


def test_port_zero_is_no_other_port(command):
    shown = command("http://127.0.0.1:0")
    assert "port" in shown.lower()


def test_nobody_listens(tmp_path):
    with servers.nobody() as url:
        ended = servers.run_against(url, tmp_path).without_traceback()
    assert ended.code == 3
    assert f"{url}: the target can't be reached: no connection" in ended.err
    assert "is the target running" in ended.err
    assert ended.report["run"]["exit_code"] == 3
    assert 1 <= len(ended.report["exchanges"]) <= 3
    assert all(exchange["response"] is None for exchange in ended.report["exchanges"])
    assert not ended.failed


def test_tls_to_a_plain_port(tmp_path):
    with servers.accepts_everything() as server:
        url = server.url.replace("http:", "https:")
        ended = servers.run_against(url, tmp_path).without_traceback()
    assert ended.code == 3
    assert "TLS" in ended.err
    assert not server.requests
    assert not ended.failed


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_names_of_this_machine_are_targets(tmp_path, name):
    with servers.emulates() as server:
        url = server.url.replace("127.0.0.1", name)
        ended = servers.run_against(url, tmp_path, "--only", "*.AppId.required").without_traceback()
    assert ended.code == 0, ended.err


# --- answers, one by one ----------------------------------------------------------------------------------------------


def send(url, answer_s=10.0):
    """What the sender makes of one answer."""
    sender = HttpSender(url, user_agent="test", route=Route(answer_s=answer_s))
    try:
        return sender.send(RawRequest("POST", "/?AppId=a", (("host", "localhost"),)))
    finally:
        sender.close()


def test_slow_answer_is_given_up():
    with servers.is_silent() as server:
        reply = send(server.url, answer_s=0.3)
    assert reply.response is None
    assert reply.failure == "no answer in time"
    assert not reply.is_unreachable
    assert len(server.requests) == 1


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_GZIP = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\xff\xff"


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (_HEAD + b"content-length: 100000\r\n\r\n", b" "),
        (_HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (_HEAD + b"content-length: 100000\r\ncontent-encoding: gzip\r\n\r\n" + _GZIP, b"x"),
        (_HEAD + b"x-long: ", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "chunks", "gzip head", "header", "continue"],
)
def test_drip_without_end_is_given_up(first, piece):
    """Each byte comes in time, the answer does not: the limit is for all of it."""
    with servers.drips(first, piece, every_s=0.05, count=120) as server:
        begin = time.monotonic()
        reply = send(server.url, answer_s=0.3)
        took_s = time.monotonic() - begin
    assert reply.response is None
    assert reply.failure
    assert took_s < 4  # the drip itself takes six seconds


def test_chunks_with_pauses_make_a_whole_answer():
    with servers.answers_in_chunks() as server:
        reply = send(server.url)
    assert reply.response.status == 200
    assert reply.response.body.startswith(b'{"RequestId"')
    assert reply.response.body.endswith(b'"}')


@pytest.mark.parametrize(
    "vice",
    [
        servers.breaks_off,
        servers.speaks_no_http,
        servers.hangs_up,
        lambda: servers.says(b"\x15\x03\x01\x00\x02\x02\x46"),
        lambda: servers.says(b"HTTP/1.1 2000 OK\r\n\r\n"),
        lambda: servers.says(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"),
        lambda: servers.says(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        lambda: servers.says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        lambda: servers.says(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n"),
    ],
    ids=["truncated", "smtp", "closed", "tls alert", "status", "length", "header", "chunk", "long header"],
)
def test_answer_that_is_no_http_is_no_answer(vice):
    with vice() as server:
        reply = send(server.url)
    assert reply.response is None
    assert reply.failure.startswith("the connection was closed")
    assert not reply.is_unreachable


@pytest.mark.parametrize("vice", [servers.rambles, servers.inflates])
def test_long_answer_is_cut(vice):
    with vice() as server:
        reply = send(server.url)
    assert reply.response.status == 200
    assert len(reply.response.body) == BODY_LIMIT


def test_compressed_answer_is_read():
    with servers.compresses() as server:
        reply = send(server.url)
    assert reply.response.body.startswith(b'{"RequestId"')


def _bare_deflate(data):
    return zlib.compress(data)[2:-4]  # without zlib's header and checksum, as some servers send it


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _bare_deflate),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("identity", lambda data: data),
        ("br", lambda data: data),
    ],
    ids=["gzip", "deflate", "bare deflate", "both", "identity", "not asked for"],
)
def test_content_encoding_is_undone(encoding, compress):
    with servers.always(200, compress(b'{"a":1}'), content_encoding=encoding) as server:
        assert send(server.url).response.body == b'{"a":1}'


def test_badly_compressed_answer_is_recorded():
    with servers.compresses_badly() as server:
        reply = send(server.url)
    assert reply.response.status == 200
    assert b"undecodable" in reply.response.body


def test_redirect_is_recorded_and_not_followed():
    with servers.accepts_everything() as elsewhere, servers.sends_elsewhere(elsewhere.url) as server:
        reply = send(server.url)
    assert reply.response.status == 302
    assert header(reply.response.headers, "location") == elsewhere.url
    assert not elsewhere.connections


@pytest.mark.parametrize("location", ["http://a:b/", "http://[::g]/", "//", "\xff\xfe", ""])
def test_redirect_to_nowhere_is_recorded(location):
    with servers.sends_elsewhere(location) as server:
        reply = send(server.url)
    assert reply.response is not None, reply.failure
    assert reply.response.status == 302


# --- answers in a run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vice", "code"),
    [
        (servers.breaks_off, 3),
        (servers.speaks_no_http, 3),
        (servers.rambles, 1),
        (servers.compresses, 1),
        (servers.compresses_badly, 1),
        (servers.answers_in_chunks, 1),
    ],
)
def test_run_against_it_ends_with_a_report(tmp_path, vice, code):
    with vice() as server:
        ended = servers.run_against(server.url, tmp_path).without_traceback()
    assert ended.code == code, ended.out + ended.err
    assert len(ended.report["exchanges"]) == len(server.requests)
    recorded = ended.report["exchanges"][0]
    assert (recorded["response"] is None) == (code == 3)
    assert bool(recorded["failure"]) == (code == 3)
    assert (tmp_path / "report.json").stat().st_size < 20 << 20


def test_now_and_then_5xx_fails_availability_with_a_rate(tmp_path):
    with servers.fails_every(50) as server:
        ended = servers.run_against(server.url, tmp_path, depth="standard").without_traceback()
    assert ended.code == 1, ended.out
    assert ended.failed == {"StartRtcCloudTranscode.availability"}
    assert len(server.requests) >= len(ended.report["exchanges"]) > 700
    mine = [e["answer"] for e in ended.report["exchanges"] if e["operation"] == "StartRtcCloudTranscode"]
    rate = f"{mine.count('500 InternalError')} of {len(mine)} requests"
    (finding,) = ended.report["findings"]
    assert finding["received"] == f"500 InternalError to {rate}, not again"
    assert rate in ended.out


def test_one_5xx_in_a_run_leaves_it_undecided(tmp_path):
    with servers.fails_once(60) as server:
        ended = servers.run_against(server.url, tmp_path).without_traceback()
    assert ended.code == 3, ended.out
    assert {name for name, verdict in ended.verdicts.items() if verdict == "inconclusive"} == {
        "StartRtcCloudTranscode.availability"
    }
    mine = [e for e in ended.report["exchanges"] if e["operation"] == "StartRtcCloudTranscode"]
    assert f"500 InternalError to 1 of {len(mine)} requests, not again" in ended.out
    assert not ended.failed


def test_throttled_twice_then_fine_conforms(tmp_path):
    with servers.throttles_twice(30) as server:
        ended = servers.run_against(server.url, tmp_path).without_traceback()
    assert ended.code == 0, ended.out
    throttled = [e for e in ended.report["exchanges"] if e["answer"] == "400 Throttling.User"]
    assert [exchange["number"] for exchange in throttled] == [30, 31]
    assert {exchange["case"] for exchange in throttled} == {ended.report["exchanges"][31]["case"]}


def test_connection_closed_after_each_answer_conforms(tmp_path):
    """A server may close an idle connection at any time, without a word."""
    with servers.hangs_up_after_each() as server:
        ended = servers.run_against(server.url, tmp_path).without_traceback()
    assert ended.code == 0, ended.out
    assert server.connections >= ended.report["budget"]["planned_cases"]
