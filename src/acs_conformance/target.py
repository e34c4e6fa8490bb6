"""Targets: what is tested and how to reach it.

In: a URL or nothing, and the environment. Out: `Target`. Without a URL the embedded emulator is the target, with keys
of its own. Until budgets, a journal of intents and clean-up exist, only loopback addresses are let through: every
accepted request on a real endpoint leaves something behind that costs money.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from acs_conformance.errors import UsageError
from acs_conformance.signing import Credentials

#: The emulator's keys when it is embedded or started without others; no secret, for it guards nothing.
EMULATOR_CREDENTIALS = Credentials(access_key_id="emulatorAccessKeyId", access_key_secret="emulatorAccessKeySecret")  # noqa: S106


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address and the credentials to sign with."""

    url: str
    kind: str
    credentials: Credentials

    @property
    def host(self) -> str:
        """The value of the Host header: a port is named where it is not the scheme's own."""
        parts = urlsplit(self.url)
        return parts.netloc.removesuffix({"http": ":80", "https": ":443"}[parts.scheme])

    @property
    def label(self) -> str:
        """A short name that is safe in a file name."""
        return re.sub(r"[^a-z0-9.-]+", "-", (urlsplit(self.url).netloc or self.kind).lower()).strip("-") or "target"


def from_url(url: str, environ: Mapping[str, str]) -> Target:
    """The target at `url`, signed for with the environment's credentials or those of the official SDKs' chain.

    Raises:
        UsageError: the URL is malformed or not on loopback.
        CredentialsError: no place has usable credentials, or the environment half of them.
    """
    shown = re.sub(r"//[^/@]*@", "//***@", url)  # a password is not to be repeated
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--target {shown!r} is no address: {error}") from error
    if port == 0:
        raise UsageError(f"--target {shown!r}: no server listens on port 0")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--target {shown!r} is no address; give scheme and host, as in http://127.0.0.1:8080")
    if parts.username or parts.password:
        raise UsageError("--target holds a user or password; credentials come from the environment or a profile")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError(f"--target {shown!r} has a path or query; give scheme, host and port only")
    if not is_loopback(parts.hostname):
        raise UsageError(
            f"--target {shown!r} is not on this machine. Accepted requests create things that cost money, and this "
            "version can't yet limit or clean them up; use an address on loopback, such as http://127.0.0.1:8080"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not parts.netloc.isascii() or not parts.netloc.lower().startswith(host) or not _is_rest(parts.netloc, host):
        raise UsageError(f"--target {shown!r} is no address: {parts.netloc!r} is neither a host nor a host and port")
    clean = f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"
    return Target(url=clean, kind="given URL", credentials=Credentials.from_chain(environ))


def _is_rest(netloc: str, host: str) -> bool:
    """Whether nothing but a port stands behind the host."""
    return re.fullmatch(r"(:[0-9]*)?", netloc[len(host) :]) is not None


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine, by every address that it resolves to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a name that can't be one fails before any look-up
        return host == "localhost"
    return bool(found) and all(ipaddress.ip_address(str(address[4][0])).is_loopback for address in found)
