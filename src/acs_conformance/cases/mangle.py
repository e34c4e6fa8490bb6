"""JSON texts written otherwise, and JSON texts that are none.

In: a JSON value. Out: a text. `EQUIVALENT` words leave the value as RFC 8259 reads it; `BROKEN` words make a text that
is not JSON; `UNUSUAL` ones raise an open question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from acs_conformance.description import Json
from acs_conformance.wire import compact


def _escaped(value: Json) -> str:
    r"""The first character of every string as \uXXXX; all of them would make a request too long to be judged."""
    if isinstance(value, str):
        units = value[:1].encode("utf-16-be", "surrogatepass")
        first = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        return f'"{first}{compact(value[1:])[1:]}'
    if isinstance(value, dict):
        return "{" + ",".join(f"{_escaped(name)}:{_escaped(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_escaped(inner) for inner in value) + "]"
    return compact(value)


def _reversed(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _reversed(inner) for name, inner in reversed(value.items())}
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _with_duplicate(value: Json) -> str:
    """The first member of the first object twice."""
    if isinstance(value, list) and value:
        return "[" + ",".join([_with_duplicate(value[0]), *(compact(inner) for inner in value[1:])]) + "]"
    if not isinstance(value, dict) or not value:
        return compact(value)
    name, inner = next(iter(value.items()))
    return f"{compact(value)[:-1]},{compact(name)}:{compact(inner)}}}"


def _with_prefix(text: str, prefix: str) -> str:
    """JSON text with something at the beginning of its first string that is no name."""
    before = '":"' if '":"' in text else '["'
    return text.replace(before, f"{before}{prefix}", 1)


def _unquoted(text: str) -> str:
    """Member names without quotes."""
    return text.replace('{"', "{", 1).replace('":', ":", 1)


EQUIVALENT: Mapping[str, Callable[[Any], str]] = {
    "blanks": lambda value: " " + json.dumps(value, ensure_ascii=False, indent=1).replace("\n", "\r\n\t") + "\n",
    "escapes": _escaped,
    "member-order": lambda value: compact(_reversed(value)),
}

BROKEN: Mapping[str, Callable[[Any], str]] = {
    "empty": lambda _: "",
    "blank": lambda _: " ",
    "word": lambda _: "x",
    "truncated": lambda value: compact(value)[:-1],
    "headless": lambda value: compact(value)[1:],
    "trailing-comma": lambda value: f"{compact(value)[:-1]},{compact(value)[-1]}",
    "trailing-text": lambda value: f"{compact(value)}x",
    "twice": lambda value: compact(value) * 2,
    "single-quotes": lambda value: compact(value).replace('"', "'"),
    "unquoted-name": lambda value: _unquoted(compact(value)),
    "comment": lambda value: f"/**/{compact(value)}",
    "nan": lambda value: compact(value).replace(":", ':NaN,"x":', 1),
    "raw-control": lambda value: compact(value).replace('"', '"\n', 1),
}

UNUSUAL: Mapping[str, Callable[[Any], str]] = {
    "duplicate-member": _with_duplicate,
    "deep": lambda _: "[" * 64 + "]" * 64,
    "very-deep": lambda _: "[" * 3000 + "]" * 3000,
    "surrogate": lambda value: _with_prefix(compact(value), "\\ud800"),
    "not-utf-8": lambda value: _with_prefix(compact(value), "\udcff"),
}


def spoils(word: str, value: Json) -> bool:
    """Whether what `word` makes of `value` is no JSON: some words have nothing to spoil in some values."""
    try:
        json.loads(BROKEN[word](value), parse_constant=_refuse)
    except ValueError:
        return True
    return False


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def mangled(word: str, value: Json) -> str:
    """The text that `word` makes of `value`."""
    for family in (EQUIVALENT, BROKEN, UNUSUAL):
        if word in family:
            return family[word](value)
    raise KeyError(word)
