"""Credentials to sign with, and the places they come from.

In: an environment. Out: `Credentials`, checked. No error and no repr quotes a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from acs_conformance.errors import CredentialsError

_VARIABLES = {
    "access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "security_token": "ALIBABA_CLOUD_SECURITY_TOKEN",
}
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

    def __post_init__(self) -> None:
        for name, variable in _VARIABLES.items():
            value: str | None = getattr(self, name)
            if value is None and name == "security_token":
                continue
            if not value:
                raise CredentialsError(f"{name} ({variable} in the environment) is empty. Give a value.")
            unusable = _UNUSABLE.search(value)
            position = unusable.start() if unusable else value.find(",") if name == "access_key_id" else -1
            if position >= 0:
                raise CredentialsError(
                    f"{name} ({variable} in the environment) has a character that no such value contains, at position "
                    f"{position + 1} of {len(value)}: a blank, a newline, a comma or one beyond ASCII. Remove it."
                )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Credentials:
        """The credentials in the variables that the official SDKs read; an empty variable counts as absent.

        Args:
            environ: mapping of variable to value, such as os.environ. Read are ALIBABA_CLOUD_ACCESS_KEY_ID,
                ALIBABA_CLOUD_ACCESS_KEY_SECRET and, if there, ALIBABA_CLOUD_SECURITY_TOKEN.

        Raises:
            CredentialsError: id or secret is absent, or a value is unusable.
        """
        values = {name: environ.get(variable) or None for name, variable in _VARIABLES.items()}
        key_id, secret = values["access_key_id"], values["access_key_secret"]
        if key_id is None or secret is None:
            absent = [_VARIABLES[name] for name in ("access_key_id", "access_key_secret") if values[name] is None]
            raise CredentialsError(
                f"The environment holds no credentials: {' and '.join(absent)} not set or empty. Set "
                f"{_VARIABLES['access_key_id']} and {_VARIABLES['access_key_secret']}, and for temporary credentials "
                f"{_VARIABLES['security_token']} too."
            )
        return cls(access_key_id=key_id, access_key_secret=secret, security_token=values["security_token"])
