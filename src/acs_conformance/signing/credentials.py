"""Credentials to sign with, and the places they come from.

In: an environment, and the files and services that it points to. Out: `Credentials`, checked. No error and no repr
quotes a secret.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acs_conformance.errors import CredentialsError

#: How the variables that the official SDKs read begin.
PREFIX = "ALIBABA_CLOUD_"
_NAMES = ("access_key_id", "access_key_secret", "security_token")
_PAIR = (f"{PREFIX}ACCESS_KEY_ID", f"{PREFIX}ACCESS_KEY_SECRET")
_OIDC = ("ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE")
_ECS = "ALIBABA_CLOUD_ECS_METADATA"
_URI = "ALIBABA_CLOUD_CREDENTIALS_URI"
_UNUSABLE = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An AccessKey pair, with the security token that temporary (STS) credentials add.

    Each value is visible ASCII without blanks; an access_key_id has no comma either. The repr shows the id alone.

    Raises:
        CredentialsError: a value is empty or contains any other character, such as a newline at its end. The text names
            the value and the position, and quotes nothing.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    #: None for long-term credentials.
    security_token: str | None = field(default=None, repr=False)
    #: Where they were found, for people; "" if they were given directly.
    source: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in _NAMES:
            value: str | None = getattr(self, name)
            if value is None and name == "security_token":
                continue
            if not value:
                raise CredentialsError(f"{name} is empty. Give a value.")
            unusable = _UNUSABLE.search(value)
            position = unusable.start() if unusable else value.find(",") if name == "access_key_id" else -1
            if position >= 0:
                raise CredentialsError(
                    f"{name} has a character that no such value contains, at position {position + 1} of {len(value)}: "
                    "a blank, a newline, a comma or one beyond ASCII. Remove it."
                )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], prefix: str = PREFIX) -> Credentials:
        """The credentials in variables of the environment; an empty variable counts as absent.

        Args:
            environ: mapping of variable to value, such as os.environ. Read are ALIBABA_CLOUD_ACCESS_KEY_ID,
                ALIBABA_CLOUD_ACCESS_KEY_SECRET and, if there, ALIBABA_CLOUD_SECURITY_TOKEN, as by the official SDKs.
            prefix: how the variables begin instead.

        Raises:
            CredentialsError: id or secret is absent, or a value is unusable.
        """
        variables = {name: prefix + name.upper() for name in _NAMES}
        values = {name: environ.get(variable) or None for name, variable in variables.items()}
        key_id, secret = values["access_key_id"], values["access_key_secret"]
        pair = [variables["access_key_id"], variables["access_key_secret"]]
        if key_id is None or secret is None:
            absent = [variable for variable in pair if not environ.get(variable)]
            raise CredentialsError(
                f"The environment holds no credentials: {' and '.join(absent)} not set or empty. Set "
                f"{' and '.join(pair)}, and for temporary credentials {variables['security_token']} too."
            )
        try:
            return cls(
                access_key_id=key_id,
                access_key_secret=secret,
                security_token=values["security_token"],
                source=f"the environment: {' and '.join(pair)}",
            )
        except CredentialsError as error:
            raise CredentialsError(f"In the environment ({', '.join(variables.values())}): {error}") from None

    @classmethod
    def from_profile(cls, name: str, environ: Mapping[str, str]) -> Credentials:
        """The credentials in the profile `name` of the files that the official tools write and read.

        These are ~/.aliyun/config.json and ~/.alibabacloud/credentials.ini, in this order, or the file that
        ALIBABA_CLOUD_CREDENTIALS_FILE names instead of the second. What the environment holds is not looked at.

        Raises:
            CredentialsError: neither file has usable credentials under this name. The text quotes no value.
        """
        places = [place for place in _places(environ, name) if place.is_file]
        return _first(places, [], f"No credentials were found in a profile called {name!r}. Looked at:")

    @classmethod
    def from_chain(cls, environ: Mapping[str, str]) -> Credentials:
        """The first credentials in the places where the official SDKs look, in their order.

        The places: the environment; an OIDC role, if its variables are set; the official command line's profile in
        ~/.aliyun/config.json; the profile in ~/.alibabacloud/credentials.ini; the RAM role of an ECS instance, if
        ALIBABA_CLOUD_ECS_METADATA names it; the address in ALIBABA_CLOUD_CREDENTIALS_URI. Files and services are read
        by the official library. Nothing is asked over a network unless a variable or a profile says so; the official
        chain would look for an ECS instance without being told.

        Half a pair in the environment is an error, not a reason to sign with other credentials.

        Args:
            environ: mapping of variable to value, such as os.environ. HOME is where the files are.

        Raises:
            CredentialsError: half a pair is set, or no place has usable credentials. The text lists the places and what
                was found there, and quotes no value.

        Source: alibabacloud-credentials 1.0.12, DefaultCredentialsProvider.
        """
        if any(environ.get(variable) for variable in _PAIR):
            return cls.from_environment(environ)
        looked = [f"the environment: {' and '.join(_PAIR)} not set"]
        complaint = "No credentials were found. Set the variables of the environment or write a profile. Looked at:"
        return _first(_places(environ), looked, complaint)


def _first(places: Iterable[_Place], looked: list[str], complaint: str) -> Credentials:
    """The credentials in the first place that has some; else the complaint, with what came of each place."""
    for place in places:
        if place.why_not_asked:
            looked.append(f"{place.name}: {place.why_not_asked}")
            continue
        try:
            with _silent_library():
                found = place.provider().get_credentials()
            return Credentials(
                access_key_id=found.get_access_key_id() or "",
                access_key_secret=found.get_access_key_secret() or "",
                security_token=found.get_security_token() or None,
                source=place.name,
            )
        except CredentialsError as error:
            looked.append(f"{place.name}: {error}")
        except Exception as error:
            # The library raises anything, and its texts may quote a line of a file or the answer of a service.
            looked.append(f"{place.name}: no usable credentials ({type(error).__name__})")
    raise CredentialsError("\n- ".join([complaint, *looked]))


@dataclass(frozen=True, slots=True)
class _Place:
    """A place where the official SDKs look for credentials."""

    name: str
    #: Why there is nothing to ask, or "".
    why_not_asked: str
    #: Makes the official library's reader of that place.
    provider: Callable[[], Any]
    is_file: bool = False


def _places(environ: Mapping[str, str], profile: str | None = None) -> list[_Place]:
    """The places beyond the environment's pair, in the order of the official chain; `profile`: of that name."""
    from alibabacloud_credentials import provider  # takes a quarter of a second: not before it is needed

    def is_true(variable: str) -> bool:
        return environ.get(variable, "").lower() == "true"

    home = Path(environ.get("HOME") or environ.get("HOMEPATH") or Path.home())
    profile = profile or environ.get("ALIBABA_CLOUD_PROFILE") or None
    config = home / ".aliyun" / "config.json"
    ini = Path(environ.get("ALIBABA_CLOUD_CREDENTIALS_FILE") or home / ".alibabacloud" / "credentials.ini")
    no_config, no_ecs = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "ALIBABA_CLOUD_ECS_METADATA_DISABLED"
    return [
        _Place(
            "an OIDC role",
            _unset(environ, *_OIDC),
            lambda: provider.OIDCRoleArnCredentialsProvider(
                role_arn=environ[_OIDC[0]],
                oidc_provider_arn=environ[_OIDC[1]],
                oidc_token_file_path=environ[_OIDC[2]],
                role_session_name=environ.get("ALIBABA_CLOUD_ROLE_SESSION_NAME"),
            ),
        ),
        _Place(
            f"profile {profile!r} in {config}" if profile else f"the current profile in {config}",
            f"{no_config} is true" if is_true(no_config) else _absent(config),
            lambda: provider.CLIProfileCredentialsProvider(profile_name=profile, profile_file=str(config)),
            is_file=True,
        ),
        _Place(
            f"profile {profile or 'default'!r} in {ini}",
            _absent(ini),
            lambda: provider.ProfileCredentialsProvider(profile_name=profile or "default", profile_file=str(ini)),
            is_file=True,
        ),
        _Place(
            "the RAM role of an ECS instance",
            f"{no_ecs} is true" if is_true(no_ecs) else _unset(environ, _ECS),
            lambda: provider.EcsRamRoleCredentialsProvider(
                role_name=environ[_ECS],
                disable_imds_v1=is_true("ALIBABA_CLOUD_IMDSV1_DISABLED"),
                async_update_enabled=False,
            ),
        ),
        _Place(
            "an address that hands out credentials",
            _unset(environ, _URI),
            lambda: provider.URLCredentialsProvider(uri=environ[_URI]),
        ),
    ]


def _unset(environ: Mapping[str, str], *variables: str) -> str:
    absent = [variable for variable in variables if not environ.get(variable)]
    return f"{' and '.join(absent)} not set" if absent else ""


def _absent(file: Path) -> str:
    try:
        return "" if file.is_file() else "no such file"
    except OSError:
        return "not to be reached"


@contextmanager
def _silent_library() -> Iterator[None]:
    """Keeps the official library from logging: it writes what services answer to stderr."""
    log = logging.getLogger("credentials")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled
