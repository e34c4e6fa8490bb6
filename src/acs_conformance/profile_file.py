"""Hold a file of profiles, or of deviations, to its schema: complaints name the place, the reason and what to write.

In: a path. Out: the file as read, valid by `profile.schema.json` and without secrets. What a profile means is told by
`profile`. No complaint quotes a value.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from acs_conformance import toml_source
from acs_conformance.connection import checked_proxy, fault_of
from acs_conformance.description import Json
from acs_conformance.errors import ProfileError, UsageError
from acs_conformance.toml_source import Key, TomlSource

#: Ends of keys, without case and signs, whose values are secrets.
_SECRET_KEY = re.compile(r"(secret|password|passwd|token|accesskey|appkey|privatekey)$")
#: What an AccessKey secret looks like: 30 letters and digits, and both cases among them.
_ACCESS_KEY_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?=[a-z0-9]*[A-Z])(?=[A-Z0-9]*[a-z])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{30}(?![A-Za-z0-9])"
)
#: What a security token looks like: Base64 with a beginning that all have.
_SECURITY_TOKEN = re.compile(r"CA[EI]S[A-Za-z0-9+/]{60,}")
_USER_IN_ADDRESS = re.compile(r"//[^/@]*@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
#: The comment of a line, whose texts may have a # of their own.
_COMMENT = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#])*(?:#(.*))?$""")
#: In a comment, which is prose most of the time: `key = "text"`, or without quotes `key=word` or nothing but that.
_ASSIGNMENTS = (
    re.compile(r"""(?P<key>[\w.-]+)["']?\s*[=:]\s*(?P<quote>["'])(?P<value>.+?)(?P=quote)"""),
    re.compile(r"""(?P<key>[\w.-]+)["']?=(?P<value>[^\s"',;]+)"""),
    re.compile(r"""^\s*(?P<key>[\w.-]+)["']?\s*[=:]\s*(?P<value>[^\s"',;]+)\s*(#|$)"""),
)
#: What stands for a value in a comment: dots, a variable, a table of references.
_STANDS_FOR = re.compile(r"\.\.|…|[<$*{\[]|true$|false$|[A-Z0-9]*_[A-Z0-9_]*$")
_COMMENTED_USER = re.compile(r"://(?![A-Z_]+(:[A-Z_]+)?@)[^/@\s<$*]+@")
_HOW = "A profile is shared and kept, so it only refers to secrets. Remove it; "
_CREDENTIALS = 'write credentials = { environment = "PREFIX_" }, or the name of a `profile`'


class _Date(str):
    """A date or time as the schema sees it: JSON has none, so it speaks of the form of a text."""

    __slots__ = ()


_KINDS = (
    (_Date, "a date or time"),
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a table"),
)
_WANTED = {
    "date": "a date",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a table",
}


@functools.cache
def schema() -> dict[str, Any]:
    """The published JSON Schema of a file of profiles."""
    found: dict[str, Any] = json.loads(
        resources.files("acs_conformance").joinpath("profile.schema.json").read_text("utf-8")
    )
    return found


@functools.cache
def deviations_schema() -> dict[str, Any]:
    """That of a file with deviations alone, for targets without a profile."""
    return {"$defs": schema()["$defs"], **schema()["$defs"]["deviations_file"]}


def read(path: Path) -> TomlSource:
    """Read a file of profiles.

    Raises:
        ProfileError: the file can't be read, holds a secret, or is not of the form that the schema describes; all that
            is wrong, in the order of lines.
    """
    return checked(toml_source.read(path))


def read_deviations(path: Path) -> TomlSource:
    """Read a file of deviations.

    Raises:
        ProfileError: as `read` does.
    """
    return checked(toml_source.read(path), deviations_schema())


def checked(source: TomlSource, form: Mapping[str, Any] | None = None) -> TomlSource:
    """`source`, if it is as `form` describes, which is the schema of profiles where nothing else is said.

    Raises:
        ProfileError: it holds a secret or is of another form.
    """
    form = form if form is not None else schema()
    if form is schema() and not source.data:
        how = 'begin with a line [targets.NAME] and a line url = "http://HOST:PORT" below it'
        raise ProfileError(source.path, 0, "", f"has no target; {how}")
    problems = list(_secrets(source)) or [*_misfits(source, form), *_nan(source, form), *_addresses(source)]
    problems.sort(key=lambda problem: problem.line)
    if problems:
        first, *more = problems
        raise ProfileError(first.file, first.line, first.key, first.reason, more)
    return source


# --- secrets ----------------------------------------------------------------------------------------------------------


def _secrets(source: TomlSource) -> Iterator[ProfileError]:
    """Values that are secrets, or look like some, wherever they stand."""
    seen = set()
    for key, value in _values(source.data):
        name = str(next((s for s in reversed(key) if isinstance(s, str)), ""))
        how = 'write { environment = "VARIABLE" } for it' if "secrets" in key or "proxy" in key else _CREDENTIALS
        if isinstance(value, str) and _USER_IN_ADDRESS.search(value):
            yield source.error(key, f"is an address with a user or password. {_HOW}{how}")
        elif isinstance(value, str | int) and not isinstance(value, bool) and _is_secret_key(name):
            yield source.error(key, f"is a secret by its name. {_HOW}{how}")
        elif isinstance(value, str) and _looks_secret(value):
            yield source.error(key, f"looks like a secret. {_HOW}{how}")
        else:
            continue
        seen.add(source.line(key))
    for number, line in enumerate(source.text.split("\n"), 1):
        found = _COMMENT.match(line)
        comment = (found[1] or "") if found is not None else line.partition("#")[2]
        if number not in seen and (_looks_secret(comment) or _tells_secret(comment)):
            yield ProfileError(
                source.path, number, "", f"has what looks like a secret in a comment. {_HOW}{_CREDENTIALS}"
            )


def _is_secret_key(name: str) -> bool:
    return _SECRET_KEY.search(re.sub(r"[^a-z]", "", name.lower())) is not None


def _looks_secret(text: str) -> bool:
    return any(pattern.search(text) for pattern in (_ACCESS_KEY_SECRET, _SECURITY_TOKEN, _PRIVATE_KEY))


def _tells_secret(comment: str) -> bool:
    """Whether a comment has a user in an address, or gives a key that is one of secrets a value."""
    return _COMMENTED_USER.search(comment) is not None or any(
        _is_secret_key(found["key"]) and not _STANDS_FOR.match(found["value"])
        for pattern in _ASSIGNMENTS
        for found in pattern.finditer(comment)
    )


def _values(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:  # noqa: ANN401 - any TOML value
    """Every value that is no table or list, with its key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, (*key, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, (*key, index))
    else:
        yield key, value


# --- the schema -------------------------------------------------------------------------------------------------------


def _misfits(source: TomlSource, form: Mapping[str, Any]) -> Iterator[ProfileError]:
    """What the schema does not allow."""
    formats = Draft202012Validator.FORMAT_CHECKER
    lacking = set()
    for error in Draft202012Validator(form, format_checker=formats).iter_errors(_as_json(source.data)):
        key = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            yield from (source.error((*key, n), _unknown(n, known)) for n in error.instance if n not in known)
        elif error.validator == "required":
            if key in lacking:  # there is an error for each name, and each is of all
                continue
            lacking.add(key)
            absent = [name for name in error.validator_value if name not in error.instance]
            yield from (source.error(key, f"lacks {name}. {_meaning((*key, name), form)}") for name in absent)
        elif "propertyNames" in error.absolute_schema_path:
            name = str(error.instance)
            reason = "is no name of a target: write up to 40 letters, digits, hyphens and underscores"
            yield source.error((*key, name), reason)
        else:
            yield source.error(key, f"{_reason(error)}. {_meaning(key, form)}")


def _as_json(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """The same with dates and times as texts."""
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    return _Date(value.isoformat()) if isinstance(value, date | time) else value


def _unknown(name: str, known: Mapping[str, Json]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(known)}."
    return f"is no key of a profile. {hint}"


def _reason(error: ValidationError) -> str:
    value: Any = error.instance
    wanted: Any = error.validator_value
    part: Any = error.schema
    reasons: Mapping[str, Callable[[], str]] = {
        "type": lambda: f"is {_kind(value)}, and has to be {_wanted(part.get('format') or wanted)}",
        "enum": lambda: f"is none of {', '.join(map(str, wanted))}",
        "const": lambda: f"can only be {_toml(wanted)}",
        "pattern": lambda: "is not of its form",
        "format": lambda: f"is no {wanted}",
        "minLength": lambda: "is empty",
        "minItems": lambda: "is empty",
        "minProperties": lambda: "is empty",
        "maxProperties": lambda: f"has {len(value)} keys, of which one has to be chosen",
        "uniqueItems": lambda: "has an item twice",
        "minimum": lambda: f"is less than {wanted}",
        "maximum": lambda: f"is more than {wanted}",
        "exclusiveMinimum": lambda: f"is not more than {wanted}",
    }
    return reasons[str(error.validator)]()


def _kind(value: Json) -> str:
    return next(words for kind, words in _KINDS if isinstance(value, kind))


def _wanted(types: str | list[str]) -> str:
    return " or ".join(_WANTED[name] for name in ([types] if isinstance(types, str) else types))


def _meaning(key: Key, form: Mapping[str, Any]) -> str:
    """What belongs at `key`, by the schema's own words, and an example."""
    found = _at(key, form)
    example = found.get("examples", [None])[0]
    name = next((toml_source.dotted((step,)) for step in reversed(key) if isinstance(step, str)), "")
    written = example if found.get("format") == "date" else _toml(example)
    shown = "" if example is None else f", such as {name} = {written}"
    return f"It is {found['description']}{shown}"


def _at(key: Key, form: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the schema that speaks of `key`, with what it refers to."""
    found = _resolved(form)
    for step in key:
        below = found["items"] if isinstance(step, int) else found.get("properties", {}).get(step)
        found = _resolved(below if below is not None else found["additionalProperties"])
    return found


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    name = part.get("$ref", "").rpartition("/")[2]
    return {**schema()["$defs"][name], **part} if name else part


def _toml(value: Json) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


# --- what the schema can't say ----------------------------------------------------------------------------------------


def _nan(source: TomlSource, form: Mapping[str, Any]) -> Iterator[ProfileError]:
    """A number that is none is neither too small nor too large."""
    for key, value in _values(source.data):
        if isinstance(value, float) and math.isnan(value):
            yield source.error(key, f"is no number. {_meaning(key, form)}")


def _addresses(source: TomlSource) -> Iterator[ProfileError]:
    """Addresses that can't be one, wherever they lead."""
    tables = source.data.get("targets")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        url, proxy = (table.get(key) for key in ("url", "proxy")) if isinstance(table, dict) else (None, None)
        if isinstance(url, str) and url and fault_of(url):
            yield source.error(("targets", name, "url"), fault_of(url).removeprefix(":").strip())
        if isinstance(proxy, str) and proxy.startswith("http://"):
            try:
                checked_proxy(proxy)
            except UsageError as error:
                yield source.error(("targets", name, "proxy"), str(error))
