"""Connections to a target: directly or through a proxy, with TLS where the address says so.

In: an address and a `Route`. Out: connections of httpcore, the transport below httpx. Certificates are always verified,
and no variable of the environment is looked at: the only proxy is one that was named.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from acs_conformance.errors import UsageError

#: A number that systems do not share, before their words.
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a target is reached."""

    #: Seconds to connect, and in all until an answer is read; a slow drip of bytes ends there too.
    connect_s: float = 5.0
    answer_s: float = 30.0
    #: Address of an HTTP proxy, perhaps with a user and password; None: no proxy.
    proxy: str | None = field(default=None, repr=False)
    #: File of the certificate authorities that are trusted; None: the public ones.
    ca_bundle: Path | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a proxy is told of the user, as it is and packed; nothing where it wants none."""
        parts = urlsplit(self.proxy or "")
        if parts.username is None:
            return ()
        password = unquote(parts.password or "")
        pair = f"{unquote(parts.username)}:{password}"
        return password, base64.b64encode(pair.encode()).decode()


class Connector:
    """Opens connections to one address.

    Args:
        url: scheme, host and port of the target.
        route: how it is reached.
    """

    def __init__(self, url: str, route: Route) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._route = route
        self._proxy = urlsplit(route.proxy) if route.proxy is not None else None
        self._address = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        #: Who is on the other end of a connection that is not a tunnel.
        self._peer = (self._host, self._port)
        if self._proxy is not None:
            self._peer = (self._proxy.hostname or "", self._proxy.port or _PORTS["http"])

    def connect(self, watched: Callable[[Any], None]) -> httpcore.HTTP11Connection:
        """A new connection.

        Args:
            watched: told of each socket before it is used, so that somebody can end what takes too long.

        Raises:
            Exception: one of httpcore, or ssl.SSLError: there is no connection.
        """
        try:
            stream = httpcore.SyncBackend().connect_tcp(*self._peer, timeout=self._route.connect_s)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if self._proxy is None:
                raise
            host, port = self._peer  # without the user and password that the address may have
            is_late = isinstance(error, httpcore.ConnectTimeout)
            why = f" within {self._route.connect_s:g} s" if is_late else f": {_ERRNO.sub('', str(error)) or 'refused'}"
            raise httpcore.ProxyError(f"no connection to the proxy {host}:{port}{why}") from error
        watched(stream.get_extra_info("socket"))
        if not self._is_tls:
            return self._over(stream, b"http", *self._peer)
        if self._proxy is not None:
            stream = self._tunnel(stream)
        stream = stream.start_tls(self._tls, self._host, timeout=self._route.connect_s)
        watched(stream.get_extra_info("socket"))
        return self._over(stream, b"https", self._host, self._port)

    def addressed(self, target: str) -> httpcore.URL:
        """The address of a request: `target` as it is, but with the host in it for a proxy that passes it on."""
        if self._is_tls:
            return httpcore.URL(scheme="https", host=self._host, port=self._port, target=target)
        host, port = self._peer
        whole = target if self._proxy is None else f"http://{self._address}{target}"
        return httpcore.URL(scheme="http", host=host, port=port, target=whole)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What each request has to say to a proxy that passes it on."""
        return [] if self._is_tls else self._for_proxy

    @property
    def _for_proxy(self) -> list[tuple[str, str]]:
        return [("proxy-authorization", f"Basic {packed}") for packed in self._route.secrets[1:]]

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        bundle = self._route.ca_bundle
        return httpcore.default_ssl_context() if bundle is None else trusting(bundle)

    def _tunnel(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """What a proxy makes of a connection that it is asked to pass on unread."""
        host, port = self._peer
        seconds = self._route.connect_s
        request = httpcore.Request(
            "CONNECT",
            httpcore.URL(scheme="http", host=host, port=port, target=self._address),
            headers=[("host", self._address), *self._for_proxy],
            extensions={"timeout": {"read": seconds, "write": seconds}},
        )
        response = self._over(stream, b"http", host, port).handle_request(request)
        if not 200 <= response.status < 300:
            stream.close()
            raise httpcore.ProxyError(f"the proxy lets nobody through to {self._address}: it answers {response.status}")
        tunnel: httpcore.NetworkStream = response.extensions["network_stream"]
        return tunnel

    @staticmethod
    def _over(stream: httpcore.NetworkStream, scheme: bytes, host: str, port: int) -> httpcore.HTTP11Connection:
        return httpcore.HTTP11Connection(httpcore.Origin(scheme, host.encode(), port), stream)


def trusting(bundle: Path) -> ssl.SSLContext:
    """TLS that trusts the certificate authorities in a file and no others.

    Raises:
        UsageError: the file can't be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=str(bundle))
    except ssl.SSLError as error:
        raise UsageError(f"{bundle} holds no certificate in PEM form") from error
    except OSError as error:
        raise UsageError(f"{bundle} can't be read: {error.strerror or error}") from error


def fault_of(url: str) -> str:
    """What is wrong with the address of a target, whatever is there; "" for nothing. It does not quote the address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f" is no address: {error}"
    if port == 0:
        return ": no server listens on port 0"
    if parts.scheme not in _PORTS or not parts.hostname:
        return " is no address; give scheme and host, as in http://127.0.0.1:8080"
    if parts.username or parts.password:
        return " holds a user or password; credentials come from the environment or a profile"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return " has a path or query; give scheme, host and port only"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_rest = re.fullmatch(r"(:[0-9]*)?", parts.netloc[len(host) :]) is not None
    if not parts.netloc.isascii() or not parts.netloc.lower().startswith(host) or not is_rest:
        return f" is no address: {parts.netloc!r} is neither a host nor a host and port"
    return ""


def checked_proxy(address: str) -> str:
    """The address of a proxy, if it is one. The complaint does not quote it, for it may have a password.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(address)
        is_one = parts.scheme == "http" and parts.hostname and parts.port != 0
        is_one = is_one and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        is_one = False
    if not is_one:
        raise UsageError("is no address of an HTTP proxy; write http://HOST:PORT")
    return address
