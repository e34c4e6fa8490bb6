"""Who may call: access keys with their secrets and tokens, and the file that lists them.

In: a TOML file, or mappings. Out: `AccessKeys`. Secrets come from a file or from the environment, never from a command
line, where any process could read them; no error quotes one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acs_conformance.description import Json
from acs_conformance.errors import SelectionError, UsageError

_TABLE = "access-key"
_UNUSABLE = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeys:
    """Who may call.

    Attributes:
        secrets: AccessKey id -> its secret.
        tokens: AccessKey id -> the security token that must come with it, for temporary credentials.
        denied: AccessKey id -> operations that its owner has no permission for.
        inactive: ids of keys that are disabled.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    denied: Mapping[str, frozenset[str]] = field(default_factory=dict)
    inactive: frozenset[str] = frozenset()


def load(path: Path, operations: Collection[str]) -> AccessKeys:
    """The access keys in a TOML file: one table `[[access-key]]` for each.

        [[access-key]]
        id = "clientKey"               # visible ASCII, no comma
        secret = "clientSecret"
        token = "clientToken"          # for temporary credentials: must then come with each request
        deny = ["ListItems"]           # operations that are answered 403 Forbidden.RAM
        active = false                 # answered 400 InvalidAccessKeyId.Inactive

    `id` and `secret` are required.

    Args:
        path: the file.
        operations: names of the operations there are, for `deny`.

    Raises:
        UsageError: the file can't be read, or an entry is not of this form. The text names the place and quotes no
            secret.
        SelectionError: `deny` names an operation that is not served.
    """
    entries = _entries(path)
    secrets: dict[str, str] = {}
    tokens: dict[str, str] = {}
    denied: dict[str, frozenset[str]] = {}
    inactive = set()
    for number, members in enumerate(entries, 1):
        entry = _Entry(f"{path}: {_TABLE} {number}", members)
        key_id = entry.required("id")
        if "," in key_id:
            raise UsageError(f"{entry.place}: id contains a comma, which no id does. Remove it.")
        if key_id in secrets:
            raise UsageError(f"{entry.place}: the id {key_id!r} is used by an entry above. Give each key once.")
        secrets[key_id] = entry.required("secret")
        token = entry.text("token")
        if token is not None:
            tokens[key_id] = token
        denied[key_id] = entry.names("deny")
        for name in sorted(denied[key_id]):
            if name not in operations:
                raise SelectionError("operation", name, operations)
        if not entry.flag("active", default=True):
            inactive.add(key_id)
        entry.end()
    return AccessKeys(secrets=secrets, tokens=tokens, denied=denied, inactive=frozenset(inactive))


def _entries(path: Path) -> list[Mapping[str, Json]]:
    """The tables of the file."""
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"can't read the access keys in {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8, as TOML is.") from error
    except RecursionError as error:
        raise UsageError(f"{path} is no TOML that can be read: it nests too deeply.") from error
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at [^)]*\)$", str(error))  # the rest of the message may repeat what stands there
        raise UsageError(f"{path} is no TOML {at[0] if at else ''}. See docs/emulator.md for an example.") from None
    unknown = sorted(document.keys() - {_TABLE})
    if unknown:
        raise UsageError(f"{path}: unknown {', '.join(unknown)}. The file has tables [[{_TABLE}]] and nothing else.")
    entries = document.get(_TABLE, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{path}: {_TABLE} is no list of tables. Write each key as a table [[{_TABLE}]].")
    if not entries:
        raise UsageError(f"{path} has no access key. Write each one as a table [[{_TABLE}]] with id and secret.")
    return entries


class _Entry:
    """One table, its members taken out one by one.

    Args:
        place: file and number of the table, for messages.
        members: what it holds.
    """

    def __init__(self, place: str, members: Mapping[str, Json]) -> None:
        self.place = place
        self._rest = dict(members)

    def required(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise UsageError(f'{self.place}: {name} is missing. Write {name} = "...".')
        return value

    def text(self, name: str) -> str | None:
        """A text in visible ASCII, or None where there is none."""
        if name not in self._rest:
            return None
        value = self._take(name, lambda value: isinstance(value, str) and value, 'a text that is not empty, "..."')
        unusable = _UNUSABLE.search(value)
        if unusable:
            raise UsageError(
                f"{self.place}: {name} has a blank, a line break or a character beyond ASCII at position "
                f"{unusable.start() + 1} of {len(value)}. Remove it."
            )
        return str(value)

    def names(self, name: str) -> frozenset[str]:
        """A list of texts; empty where there is none."""
        if name not in self._rest:
            return frozenset()
        is_names = lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)  # noqa: E731
        return frozenset(self._take(name, is_names, 'a list of texts, ["..."]'))

    def flag(self, name: str, *, default: bool) -> bool:
        """A truth value."""
        if name not in self._rest:
            return default
        return bool(self._take(name, lambda value: isinstance(value, bool), "true or false"))

    def end(self) -> None:
        """Refuses whatever has not been taken out."""
        if self._rest:
            raise UsageError(
                f"{self.place}: unknown {', '.join(sorted(self._rest))}. Known: id, secret, token, deny, active."
            )

    def _take(self, name: str, is_right: Callable[[Json], object], wanted: str) -> Json:
        value = self._rest.pop(name)
        if not is_right(value):
            raise UsageError(f"{self.place}: {name} is not {wanted}.")
        return value
