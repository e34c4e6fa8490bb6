"""TOML files with the line of every key.

In: a path. Out: plain Python data, and where each key stands. It must not know what the data means. No error quotes
what stands in a file: a secret may have been put there by mistake.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acs_conformance.errors import ProfileError

#: The way to a value: keys of tables, and positions in lists from 0.
Key = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """One file as read."""

    path: Path
    text: str
    data: Mapping[str, Any]
    #: Key -> the line from 1 on which it is first seen. One inside an inline table has that of the whole value.
    lines: Mapping[Key, int]
    #: Key -> the last line of all that stands below it.
    ends: Mapping[Key, int]

    def line(self, key: Key) -> int:
        """The line of `key`, or of what it stands in; 0 where that is the file as a whole."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 0)

    def error(self, key: Key, reason: str) -> ProfileError:
        """A ProfileError at `key` of this file."""
        return ProfileError(self.path, self.line(key), dotted(key), reason)


def dotted(key: Key) -> str:
    """`key` as TOML writes it, such as `targets.staging."a.b"`; the second item of a list as `list[1]`."""
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = step if _BARE.fullmatch(step) else '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
            text += f".{shown}" if text else shown
    return text


def read(path: Path) -> TomlSource:
    """Read one TOML file.

    Raises:
        ProfileError: the file is missing, is not UTF-8 or not TOML.
    """
    try:
        data = path.read_bytes()
        if data.startswith(codecs.BOM_UTF8):
            raise ProfileError(path, 1, "", "begins with a byte order mark; save it as UTF-8 without one")
        text = data.decode("utf-8")
    except OSError as error:
        raise ProfileError(path, 0, "", f"can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ProfileError(path, 0, "", f"is not UTF-8, as TOML is (byte {error.start})") from error
    return parsed(path, text)


def parsed(path: Path, text: str) -> TomlSource:
    """The same of a text that stands, or will stand, in the file at `path`.

    Raises:
        ProfileError: the text is not TOML.
    """
    try:
        return TomlSource(path, text, tomllib.loads(text), *_lines(text))
    except RecursionError as error:
        raise ProfileError(path, 0, "", "nests too deeply") from error
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
        place = f"in column {at[2]}" if at else "at its end"
        reason = f"is no TOML {place}. Look for a text without quotes, a missing bracket or a key given twice"
        raise ProfileError(path, int(at[1]) if at else 0, "", reason) from None


def _lines(text: str) -> tuple[dict[Key, int], dict[Key, int]]:
    """Every key of a valid document with its first and last line: the document is read statement by statement."""
    starts: dict[Key, int] = {}
    ends: dict[Key, int] = {}
    #: Tables of each array so far; a header means the last one.
    sizes: dict[Key, int] = {}
    table: Key = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if statement else number
        statement += f"{line}\n"
        try:
            keys = list(_keys(tomllib.loads(statement)))
        except tomllib.TOMLDecodeError:
            continue  # a text or a list goes on in the next line
        head, statement = statement.lstrip()[:2], ""
        if head.startswith("["):
            table = _table(max(keys, key=len), sizes, is_item=head == "[[")
            keys = [()]
        for key in keys:
            whole = (*table, *key)
            for length in range(1, len(whole) + 1):
                starts.setdefault(whole[:length], start)
                ends[whole[:length]] = number
    return starts, ends


def _table(header: Key, sizes: dict[Key, int], *, is_item: bool) -> Key:
    """The table that a header opens, with the positions of the items that it stands in."""
    table: Key = ()
    for depth, step in enumerate(header, 1):
        table = (*table, step)
        if is_item and depth == len(header):
            sizes[table] = sizes.get(table, 0) + 1
        if table in sizes:
            table = (*table, sizes[table] - 1)
    return table


def _keys(value: Any, above: Key = ()) -> Iterator[Key]:  # noqa: ANN401 - any TOML value
    """The keys of a value and of everything in it."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield (*above, name)
        yield from _keys(inner, (*above, name))
