"""Connections: time-outs, TLS and its certificates, proxies; all over real sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest

import relays
import servers
from acs_conformance.connection import Route, checked_proxy, trusting
from acs_conformance.errors import UsageError
from acs_conformance.http_sender import HttpSender
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.obstacle import with_remedy

HOSTILE = "/?a=%2F%20%7E~*'();:@$,&b=%E2%82%AC&c=a+b&d"


def send(url, *, times=1, **route):
    """The replies to so many requests over one sender."""
    sender = HttpSender(url, user_agent="test", route=Route(**route))
    try:
        replies = [sender.send(RawRequest("POST", HOSTILE, (("host", "somewhere"),), b"body")) for _ in range(times)]
    finally:
        sender.close()
    return replies if times > 1 else replies[0]


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_an_authority_of_our_own_is_trusted_where_it_is_named(tmp_path):
    made = relays.certificate(tmp_path)
    with servers.accepts_everything() as server, relays.tls(server.url, made) as url:
        replies = send(url, times=3, ca_bundle=made.authority)
        assert [reply.response.status for reply in replies] == [200, 200, 200], replies
        assert server.connections == 1
        assert server.requests[0].target == HOSTILE


@pytest.mark.parametrize(
    ("addresses", "days", "trusted", "words"),
    [
        (["127.0.0.1"], 30, False, "self-signed certificate"),
        (["127.0.0.2"], 30, True, "IP address mismatch"),
        (["127.0.0.1"], -1, True, "certificate has expired"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_before_anything_is_sent(tmp_path, addresses, days, trusted, words):
    made = relays.certificate(tmp_path, *addresses, days=days)
    with servers.accepts_everything() as server, relays.tls(server.url, made) as url:
        reply = send(url, ca_bundle=made.authority if trusted else None)
    assert reply.response is None
    assert reply.failure.startswith("TLS failed: certificate verify failed: ")
    assert words in reply.failure
    assert "_ssl.c" not in reply.failure
    assert reply.is_unreachable
    assert server.requests == []


def test_a_bundle_replaces_the_public_authorities(tmp_path):
    context = trusting(relays.certificate(tmp_path).authority)
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_bundle_that_is_none_is_refused(tmp_path):
    (tmp_path / "empty.pem").touch()
    with pytest.raises(UsageError, match=r"empty\.pem holds no certificate"):
        trusting(tmp_path / "empty.pem")
    with pytest.raises(UsageError, match=r"no\.pem can't be read: No such file"):
        trusting(tmp_path / "no.pem")


# --- proxies ----------------------------------------------------------------------------------------------------------


def forwards(core):
    """A proxy that passes on requests, and the server behind it in one; absolute targets are what a proxy gets."""

    def answer(request, _number):
        if not request.target.startswith("http://"):
            return RawResponse(400, (), b"this is a proxy")
        return core(request)

    return servers.serving(answer)


def test_a_proxy_gets_the_whole_address_and_the_very_query():
    with servers.nobody() as nowhere, forwards(lambda _: RawResponse(200, (), b"{}")) as proxy:
        replies = send(nowhere, times=2, proxy=proxy.url)
    assert [reply.response.status for reply in replies] == [200, 200]
    assert {request.target for request in proxy.requests} == {nowhere + HOSTILE}
    assert proxy.requests[0].body == b"body"
    assert proxy.connections == 1
    assert "proxy-authorization" not in dict(proxy.requests[0].headers)


def test_a_proxy_is_told_who_asks_and_only_the_proxy():
    with servers.nobody() as nowhere, forwards(lambda _: RawResponse(200, (), b"{}")) as proxy:
        send(nowhere, proxy=proxy.url.replace("//", "//user:p%40ss@"))
    headers = dict(proxy.requests[0].headers)
    assert headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
    with servers.accepts_everything() as server:
        send(server.url)
    assert "proxy-authorization" not in dict(server.requests[0].headers)


def test_no_variable_of_the_environment_brings_a_proxy(monkeypatch):
    with servers.nobody() as nowhere, servers.accepts_everything() as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, nowhere)
        assert send(server.url).response.status == 200


def test_a_proxy_lets_tls_through_unread(tmp_path):
    made = relays.certificate(tmp_path)
    with (
        servers.accepts_everything() as server,
        relays.tls(server.url, made) as url,
        relays.tunnels("user", "p@ss") as proxy,
    ):
        through = proxy.address.replace("//", "//user:p%40ss@")
        replies = send(url, times=2, proxy=through, ca_bundle=made.authority)
        assert [reply.response.status for reply in replies] == [200, 200], replies
        refused = send(url, proxy=proxy.address, ca_bundle=made.authority)
        untrusted = send(url, proxy=through)
    assert proxy.asked[0] == f"CONNECT {url.removeprefix('https://')} HTTP/1.1"
    assert len(proxy.asked) == 3
    assert refused.is_unreachable
    assert refused.failure.endswith("it answers 407")
    assert "self-signed" in untrusted.failure
    assert [request.target for request in server.requests] == [HOSTILE, HOSTILE]
    assert "proxy-authorization" not in dict(server.requests[0].headers)


def test_a_proxy_that_is_not_there_or_is_none_is_told(tmp_path):
    with servers.nobody() as nowhere:
        reply = send("http://127.0.0.1:1", proxy=nowhere.replace("//", "//user:p%40ss@"))
    assert reply.failure == f"no connection to the proxy {nowhere.removeprefix('http://')}: Connection refused"
    assert with_remedy(reply.failure).endswith("; check the proxy's address")
    assert reply.is_unreachable
    with servers.speaks_no_http() as server:
        reply = send("https://127.0.0.1:1", proxy=server.url)
    assert reply.failure == "the connection was closed, or the answer is not HTTP"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:3128", "socks5://127.0.0.1:1", "http://", "http://a:0", "http://a:x", "http://a/b", "http://[a"],
)
def test_what_is_no_address_of_a_proxy_is_refused_and_not_quoted(address):
    with pytest.raises(UsageError) as caught:
        checked_proxy(address)
    assert "http://HOST:PORT" in str(caught.value)
    assert address not in str(caught.value).replace("http://HOST:PORT", "")


def test_no_repr_of_a_route_shows_the_password_of_its_proxy():
    route = Route(proxy="http://user:p%40ss@127.0.0.1:3128")
    assert "p%40ss" not in repr(route)
    assert route.secrets == ("p@ss", "dXNlcjpwQHNz")
    assert Route().secrets == ()


# --- time-outs --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def takes_nobody():
    """The address of a port whose queue is full: a connection to it neither succeeds nor fails."""
    with socket.socket() as port, contextlib.ExitStack() as waiting:
        port.bind(("127.0.0.1", 0))
        port.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(port.getsockname())
        yield f"http://127.0.0.1:{port.getsockname()[1]}"


def test_a_connection_that_takes_too_long_is_given_up():
    with takes_nobody() as url:
        begin = time.monotonic()
        reply = send(url, connect_s=0.3)
        took_s = time.monotonic() - begin
    assert reply.failure == "no connection within 0.3 s"
    assert reply.is_unreachable
    assert 0.25 < took_s < 5


def test_a_proxy_that_says_nothing_is_given_up():
    with servers.is_silent() as server:
        reply = send("https://127.0.0.1:1", proxy=server.url, connect_s=0.3)
    assert reply.response is None
    assert reply.failure in ("no answer in time", "no connection within 0.3 s")


def test_a_proxy_that_drips_is_given_up():
    """Each byte comes in time, the connection does not."""
    with servers.drips(b"HTTP/1.1 200 OK\r\nx: ", b"x", every_s=0.05, count=120) as server:
        begin = time.monotonic()
        reply = send("https://127.0.0.1:1", proxy=server.url, connect_s=0.3)
        took_s = time.monotonic() - begin
    assert reply.failure == "no connection within 0.3 s"
    assert reply.is_unreachable
    assert took_s < 4  # the drip itself takes six seconds


# --- several threads --------------------------------------------------------------------------------------------------


PLAIN = RawRequest("POST", "/?a=b", (("host", "here"),))


@contextlib.contextmanager
def under_way(seconds):
    """A sender with a request that a thread has under way, and the list that gets its reply."""
    begun, may_end = threading.Event(), threading.Event()

    def answer(_request, _number):
        begun.set()
        may_end.wait(seconds)
        return RawResponse(200, (), b"late")

    with servers.serving(answer) as server:
        sender = HttpSender(server.url, user_agent="test")
        replies = []
        thread = threading.Thread(target=lambda: replies.append(sender.send(PLAIN)))
        thread.start()
        try:
            assert begun.wait(30)
            yield sender, replies, thread, may_end
        finally:
            may_end.set()
            thread.join(30)
            sender.close()


def test_a_sender_that_is_busy_sends_nothing_else_and_loses_nothing():
    with under_way(20) as (sender, replies, thread, may_end):
        second = sender.send(PLAIN)
        assert second.is_unreachable
        assert second.failure == "another request is under way on this connection"
        may_end.set()
        thread.join(30)
        assert [reply.response.body for reply in replies] == [b"late"]
        assert sender.send(PLAIN).response.body == b"late", "its turn has come"


@pytest.mark.parametrize("how", ["abandon", "close"])
def test_a_request_that_is_given_up_ends_at_once(how):
    with under_way(20) as (sender, replies, thread, _):
        given_up_at = time.monotonic()
        getattr(sender, how)()
        thread.join(10)
        assert time.monotonic() - given_up_at < 5
        assert [(reply.response, reply.is_unreachable) for reply in replies] == [(None, False)], "it may have arrived"
        late = sender.send(PLAIN)
        assert (late.failure, late.is_unreachable) == ("the connection was given up", True)
