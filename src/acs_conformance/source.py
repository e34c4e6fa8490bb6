"""YAML 1.2 files with the line of every node.

In: a path. Out: plain Python data and a line for each JSON pointer. The one door to ruamel.yaml; it must not know what
the data means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from acs_conformance.errors import DescriptionError


@dataclass(frozen=True, slots=True)
class Source:
    """One file as read."""

    path: Path
    #: Plain dicts, lists and scalars.
    data: Any
    #: JSON pointer -> line from 1. A member's line is that of its key.
    lines: Mapping[str, int]

    def line(self, pointer: str) -> int:
        """The line of `pointer`, or of its nearest ancestor that has one."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)

    def error(self, pointer: str, reason: str) -> DescriptionError:
        """A DescriptionError at `pointer` of this file."""
        return DescriptionError(self.path, self.line(pointer), pointer, reason)


def escape(step: str | int) -> str:
    """`step` as one segment of a JSON pointer (RFC 6901)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def read(path: Path) -> Source:
    """Read one YAML file.

    Raises:
        DescriptionError: the file is missing, is not UTF-8 or not YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DescriptionError(path, 0, "", f"can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DescriptionError(path, 0, "", f"is not UTF-8 (byte {error.start})") from error
    try:
        loaded = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise DescriptionError(path, mark.line + 1 if mark else 0, "", f"is not valid YAML: {reason}") from error
    except YAMLError as error:
        raise DescriptionError(path, 0, "", f"is not valid YAML: {error}") from error
    lines: dict[str, int] = {"": 1}
    try:
        return Source(path, _plain(loaded, "", lines), lines)
    except _Unquoted as error:
        raise DescriptionError(path, lines[error.pointer], error.pointer, error.reason) from None


class _Unquoted(Exception):  # noqa: N818 - never leaves this module
    """YAML made something other than a plain value of a text, such as a date of 2016-11-01."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason


def _plain(node: Any, pointer: str, lines: dict[str, int]) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(node, CommentedMap):
        result = {}
        for key, value in node.items():
            below = f"{pointer}/{escape(key)}"
            lines[below] = node.lc.key(key)[0] + 1
            result[str(key)] = _plain(value, below, lines)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            below = f"{pointer}/{index}"
            lines[below] = node.lc.item(index)[0] + 1
            items.append(_plain(value, below, lines))
        return items
    if isinstance(node, bool) or node is None:
        return node
    for scalar in (int, float, str):  # ruamel's scalars are subclasses that remember their spelling
        if isinstance(node, scalar):
            return scalar(node)
    raise _Unquoted(pointer, f"is read as a {type(node).__name__}; quote it to make it a text")
