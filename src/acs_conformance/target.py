"""Targets: what is tested and how to reach it.

In: a URL, a profile or nothing, and the environment. Out: `Target`. Without either the embedded emulator is the target,
with keys of its own. An address elsewhere is let through only where it is limited how much a run may create there:
every accepted request on a real endpoint leaves something behind that costs money.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from acs_conformance.connection import Route, checked_proxy, fault_of, trusting
from acs_conformance.errors import Complaints, UsageError
from acs_conformance.profile import Profile
from acs_conformance.signing import Credentials

#: The emulator's keys when it is embedded or started without others; no secret, for it guards nothing.
EMULATOR_CREDENTIALS = Credentials(access_key_id="emulatorAccessKeyId", access_key_secret="emulatorAccessKeySecret")  # noqa: S106


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address, how it is reached, and the credentials to sign with."""

    url: str
    #: "embedded emulator", "given URL" or the name of a profile.
    kind: str
    credentials: Credentials
    #: How a command line names it, such as `--target http://127.0.0.1:8080`; "" for the embedded emulator.
    option: str = ""
    #: Name -> secret that derived values are made with.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    route: Route = field(default_factory=Route)
    #: Requests per second at most; None: no limit.
    pace: float | None = None
    #: Moves the clock of the target's things by so many seconds and says by how many; None: nobody can.
    advance: Callable[[float], float] | None = None

    @property
    def host(self) -> str:
        """The value of the Host header: a port is named where it is not the scheme's own."""
        parts = urlsplit(self.url)
        return parts.netloc.removesuffix({"http": ":80", "https": ":443"}[parts.scheme])

    @property
    def label(self) -> str:
        """A short name that is safe in a file name."""
        name = urlsplit(self.url).netloc if self.kind == "given URL" else self.kind
        return re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-") or "target"

    @property
    def hidden(self) -> tuple[str, ...]:
        """Texts that no record may contain."""
        keys = self.credentials
        return (keys.access_key_secret, keys.security_token or "", *self.secrets.values(), *self.route.secrets)


def from_url(url: str, environ: Mapping[str, str], *, is_limited: bool = False) -> Target:
    """The target at `url`, signed for with the environment's credentials or those of the official SDKs' chain.

    Args:
        url: as given.
        environ: variables of the environment.
        is_limited: whether it is limited what may be created there.

    Raises:
        UsageError: the URL is malformed, or not on loopback and nothing is limited.
        CredentialsError: no place has usable credentials, or the environment half of them.
    """
    try:
        clean = address(url, is_limited=is_limited)
    except UsageError as error:
        raise UsageError(f"--target {error}") from error
    credentials = Credentials.from_chain(environ)
    return Target(url=clean, kind="given URL", credentials=credentials, option=f"--target {shlex.quote(clean)}")


def from_profile(profile: Profile, environ: Mapping[str, str], *, is_limited: bool = False) -> Target:
    """The target that a profile describes, with the secrets that it refers to.

    Args:
        profile: as read.
        environ: variables of the environment.
        is_limited: whether it is limited what may be created there.

    Raises:
        ProfileError: the address is malformed, or not on loopback and nothing is limited; the proxy can't be used, or
            the bundle not be read.
        CredentialsError: there is nothing where the profile refers to.
        UsageError: several of that, all at once.
    """
    wrong = Complaints()
    clean = wrong.noted(lambda: _address_of(profile, is_limited=is_limited))
    proxy, credentials, secrets = _referred(profile, environ, wrong)
    wrong.tell()
    return Target(
        url=clean,
        kind=profile.name,
        credentials=credentials,
        option=f"--profile {shlex.quote(profile.given_as)}",
        secrets=secrets,
        route=replace(profile.route, proxy=proxy),
        pace=profile.pace,
    )


def check_references(profile: Profile, environ: Mapping[str, str]) -> None:
    """Look whether there is what a profile refers to.

    Raises:
        UsageError: all that is not there, or can't be used.
    """
    wrong = Complaints()
    _referred(profile, environ, wrong)
    wrong.tell()


def _referred(
    profile: Profile, environ: Mapping[str, str], wrong: Complaints
) -> tuple[str | None, Credentials, dict[str, str]]:
    """Proxy, credentials and secrets."""
    proxy = wrong.noted(lambda: _proxy_of(profile, environ))
    wrong.noted(lambda: _check_bundle(profile))
    credentials = wrong.noted(lambda: profile.credentials(environ))
    return proxy, credentials, wrong.noted(lambda: profile.secrets(environ))


def _address_of(profile: Profile, *, is_limited: bool) -> str:
    with _blaming(profile, "url"):
        return address(profile.url, is_limited=is_limited)


def _check_bundle(profile: Profile) -> None:
    with _blaming(profile, "ca_bundle"):
        if profile.route.ca_bundle is not None:
            trusting(profile.route.ca_bundle)


def _proxy_of(profile: Profile, environ: Mapping[str, str]) -> str | None:
    proxy = profile.proxy(environ)
    with _blaming(profile, "proxy"):
        _check_proxy(proxy, profile.url)
    return proxy


@contextmanager
def _blaming(profile: Profile, key: str) -> Iterator[None]:
    """What is wrong in here stands at `key` of the profile."""
    try:
        yield
    except UsageError as error:
        raise profile.error((key,), str(error)) from None


def _check_proxy(proxy: str | None, url: str) -> None:
    if proxy is None:
        return
    is_here = is_loopback(urlsplit(checked_proxy(proxy)).hostname or "")
    if not is_here and is_loopback(urlsplit(url).hostname or ""):
        raise UsageError("is not on this machine, and an address on loopback would be another machine to it")


def address(url: str, *, is_limited: bool = False) -> str:
    """`url` without what does not matter, if it is one that may be tested.

    Args:
        url: as given.
        is_limited: whether it is limited what may be created there.

    Raises:
        UsageError: the URL is malformed, or not on loopback and nothing is limited. The text begins with the URL.
    """
    shown = repr(re.sub(r"//[^/@]*@", "//***@", url))  # a password is not to be repeated
    fault = fault_of(url)
    if fault:
        raise UsageError(f"{shown}{fault}")
    parts = urlsplit(url)
    name = parts.hostname or ""
    if not is_loopback(name):
        if not is_limited:
            raise UsageError(
                f"{shown} is not on this machine. Accepted requests create things that cost money there, so only "
                "`run --max-jobs N` goes there, which limits how many; with 0 it sends only what has to be refused"
            )
        if parts.scheme != "https":
            raise UsageError(f"{shown} is not on this machine, and what goes there has to be encrypted; use https://")
    host = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port is not None else ''}"


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
