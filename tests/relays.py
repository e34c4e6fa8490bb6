"""What stands between a client and a server on loopback: TLS in front of a plain server, proxies of both kinds.

Each is a context manager that yields an address. Certificates are made for the test and trusted by nobody else.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 or other addresses, signed by itself, and its key."""

    #: What has to be trusted; the certificate alone.
    authority: Path
    #: Certificate and key, for the server.
    chain: Path


def certificate(folder: Path, *addresses: str, days: int = 30) -> Certificate:
    """A new one, valid since yesterday for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1 if days > 0 else 3)
    alternatives = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses or ("127.0.0.1",)]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days if days > 0 else 2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    found = Certificate(folder / "authority.pem", folder / "chain.pem")
    found.authority.write_bytes(pem)
    found.chain.write_bytes(pem + secret)
    return found


@dataclass
class Relay:
    """Something in between."""

    address: str
    #: The first line of what each client of a proxy said.
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def tls(url: str, by: Certificate) -> Iterator[str]:
    """The server at `url` behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(by.chain)

    def serve(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as inside:
            _join(inside, _connected(url))

    with _listening(serve) as address:
        yield f"https://{address}"


@contextlib.contextmanager
def tunnels(user: str = "", password: str = "") -> Iterator[Relay]:
    """A proxy that passes on whole connections (CONNECT), to those who know the password if there is one."""
    expected = f"proxy-authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    def serve(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        lines = head.decode("latin-1").split("\r\n")
        relay.asked.append(lines[0])
        if user and expected not in lines:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        there = _connected(f"http://{lines[0].split()[1]}")
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _join(client, there)

    with _listening(serve) as address:
        relay = Relay(f"http://{address}")
        yield relay


# --- sockets ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A port on which each client is served by a thread of its own."""
    clients: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def one(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # what a client makes of it is the test's business
            serve(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = port.accept()
                clients.append(client)
                threads.append(threading.Thread(target=one, args=(client,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as port:
        main = threading.Thread(target=accept)
        main.start()
        try:
            yield f"127.0.0.1:{port.getsockname()[1]}"
        finally:
            port.shutdown(socket.SHUT_RDWR)
            main.join()
            for client in clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port))


def _join(near: socket.socket, far: socket.socket) -> None:
    """Pass on what comes, both ways, until one side ends."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    with far:
        back = threading.Thread(target=pump, args=(far, near))
        back.start()
        pump(near, far)
        back.join()
