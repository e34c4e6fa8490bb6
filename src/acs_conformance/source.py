"""YAML 1.2 files with the line of every node.

In: a path. Out: plain Python data and a line for each JSON pointer. The one door to ruamel.yaml; it must not know what
the data means. What JSON has no notation for is refused: dates, tags, merge keys, aliases, keys that are no text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from acs_conformance.errors import DescriptionError

#: Levels of lists and mappings in a file; far more than a description has, far fewer than Python's stack.
DEEPEST = 48
_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"

_TAGS = "tag:yaml.org,2002:"
#: What YAML makes of a plain text that is none to it.
_KINDS = {"timestamp": "date", "binary": "text of bytes", "set": "set", "omap": "ordered map", "pairs": "list of pairs"}


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
        return DescriptionError(self.path, self.line(pointer), pointer, _one_line(reason))


def escape(step: str | int) -> str:
    """`step` as one segment of a JSON pointer (RFC 6901)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def read(path: Path) -> Source:
    """Read one YAML file.

    Raises:
        DescriptionError: the file is missing, is not UTF-8 or not YAML, repeats a key, is nested too deeply, or has
            something that is no JSON value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DescriptionError(path, 0, "", f"can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DescriptionError(path, 0, "", f"is not UTF-8 (byte {error.start})") from error
    reader = _Reader()
    try:
        return Source(path, reader.plain(_composed(path, text), ""), reader.lines)
    except _Refused as error:
        raise DescriptionError(path, error.line, error.pointer, error.reason) from None


def _composed(path: Path, text: str) -> Any:  # noqa: ANN401 - a node, or None for an empty file
    """The nodes of the one document in `text`; values are not made yet, so each node still has its place."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEEPEST
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(str(part) for part in (error.context, error.problem) if part)
        is_deep = type(error).__name__ == "MaxDepthExceededError"  # older versions have no such class
        reason = _TOO_DEEP if is_deep else f"is not valid YAML: {reason}"
        raise DescriptionError(path, mark.line + 1 if mark else 0, "", _one_line(reason)) from error
    except RecursionError as error:
        raise DescriptionError(path, 0, "", _TOO_DEEP) from error
    except YAMLError as error:
        position = getattr(error, "position", None)  # of a character that no YAML may have
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 0
        reason = str(error).partition("\n")[0]
        raise DescriptionError(path, line, "", f"is not valid YAML: {reason}") from error
    except (ValueError, OverflowError, AssertionError) as error:  # such as an escape beyond Unicode
        raise DescriptionError(path, 0, "", f"is not valid YAML: {_one_line(str(error))}") from error


def _one_line(reason: str) -> str:
    return " ".join(reason.split())


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """Something that is valid YAML, and no JSON value."""

    def __init__(self, line: int, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.pointer = pointer
        self.reason = reason


class _Reader:
    """Makes plain values of nodes, and remembers their lines."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {"": 1}
        self._seen: set[int] = set()

    def plain(self, node: Any, pointer: str) -> Any:  # noqa: ANN401 - any YAML value
        """The value of `node`, which stands at `pointer`."""
        if node is None:
            return None
        if id(node) in self._seen:
            raise self._refused(pointer, "is an alias; write it out, or refer to a schema by $ref")
        self._seen.add(id(node))
        if pointer.count("/") > DEEPEST:
            raise self._refused(pointer, _TOO_DEEP)
        tag = str(node.tag)
        kind = tag.removeprefix(_TAGS)
        if isinstance(node, MappingNode) and kind == "map":
            return self._mapping(node, pointer)
        if isinstance(node, SequenceNode) and kind == "seq":
            items = []
            for index, value in enumerate(node.value):
                below = f"{pointer}/{index}"
                self.lines[below] = value.start_mark.line + 1
                items.append(self.plain(value, below))
            return items
        if isinstance(node, ScalarNode) and kind in ("str", "value", "null", "bool", "int", "float"):
            return self._scalar(kind, node.value, pointer)
        if kind in _KINDS:
            raise self._refused(pointer, f"is read as a {_KINDS[kind]}; quote it to make it a text")
        raise self._refused(pointer, f"has the tag {tag}; a description has plain values only")

    def _mapping(self, node: MappingNode, pointer: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            kind = str(key.tag).removeprefix(_TAGS)
            if kind == "merge":
                raise _Refused(line, pointer, "has the merge key <<, which is not YAML 1.2; write the members out")
            if not isinstance(key, ScalarNode) or kind not in ("str", "value"):
                raise _Refused(line, pointer, f"has a key that is no text but of type {kind}; quote it")
            name = str(key.value)
            if not name.isprintable():
                raise _Refused(line, pointer, f"has the key {name!r}, which can't be printed")
            if name in result:
                raise _Refused(line, pointer, f'found duplicate key "{name}"')
            below = f"{pointer}/{escape(name)}"
            self.lines[below] = line
            result[name] = self.plain(value, below)
        return result

    def _scalar(self, kind: str, text: str, pointer: str) -> Any:  # noqa: ANN401 - any scalar
        try:
            if kind in ("str", "value"):
                text.encode("utf-8")  # raises for half of a surrogate pair
                return str(text)
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            number = _integer(text) if kind == "int" else float(text.replace("_", ""))
        except (ValueError, KeyError) as error:
            raise self._refused(pointer, f"is no {kind} of JSON: {text[:40]!r}") from error
        if not math.isfinite(number):
            raise self._refused(pointer, f"is {text[:40]}, for which JSON has no notation")
        return number

    def _refused(self, pointer: str, reason: str) -> _Refused:
        return _Refused(self.lines[pointer], pointer, reason)


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    is_other_radix = digits.lstrip("+-")[:2].lower() in ("0b", "0o", "0x")
    return int(digits, 0 if is_other_radix else 10)
