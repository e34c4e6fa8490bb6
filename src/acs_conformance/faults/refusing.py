"""Faults in what is refused: a rule that is not checked, not everywhere, or not exactly.

In: a description. Out: faults, for each operator and each node that it applies to. An operator makes no fault that no
request could show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from acs_conformance.description import Description, Json, Node
from acs_conformance.emulator.fault import Call
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.faults.kind import Blind, Overlooks, blind, by_value, is_json, of_text, texts_of
from acs_conformance.faults.relating import relating
from acs_conformance.faults.scalars import scalars
from acs_conformance.faults.showing import can_be_broken, has_names, has_strings, is_looked_up, most_tried


def refusing(description: Description) -> Iterator[Blind]:
    """All of them, in document order; relations last."""
    for node in description.nodes.values():
        is_named = is_looked_up(description, node.path)
        for keyword in _keywords(description, node):
            if keyword == "required" or not is_named:
                yield from _ignoring(description, node, keyword)
        if is_named:
            continue
        if node.location == "json" and node.is_parameter:
            yield from _lenient_json(description, node)
        yield from _types(description, node)
        yield from scalars(description, node)
    for relation in description.relations:
        if not relation.open:
            yield from relating(description, relation)


def _keywords(d: Description, node: Node) -> Iterator[str]:
    if node.required:
        yield "required"
    for keyword in ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"):
        # The text of a plain parameter is always a text.
        is_always = keyword == "type" and node.location == "query" and node.type == "string"
        if keyword in node.schema and not is_always and can_be_broken(d, node, keyword):
            yield keyword


# --- a rule that is not checked, or not everywhere ------------------------------------------------------------------


def _ignoring(d: Description, node: Node, keyword: str) -> Iterator[Blind]:
    key = f"{node.path}.{keyword}"
    yield blind(d, key, "ignore", f"{key} is not checked", _is(node.path, keyword))
    if "[]" not in node.path:
        return
    for operator, says, is_spared, items in (
        ("first-item-only", "looks at the first item only", lambda index, _count: index > 0, 2),
        ("last-item-only", "looks at the last item only", lambda index, count: index < count - 1, 2),
        ("two-items-only", "looks at the first two items only", lambda index, _count: index > 1, 3),
        ("three-items-only", "looks at the first three items only", lambda index, _count: index > 2, 4),
        ("not-the-first", "does not look at the first item", lambda index, _count: index == 0, 1),
        ("not-the-second", "does not look at the second item", lambda index, _count: index == 1, 2),
    ):
        if items <= most_tried(d, node.path):
            yield blind(d, key, operator, f"{key} {says}", _and(_is(node.path, keyword), _in_items(is_spared)))


def _is(path: str, keyword: str) -> Overlooks:
    return lambda _call, breach: breach.path == path and breach.keyword == keyword


def _and(first: Overlooks, second: Overlooks) -> Overlooks:
    return lambda call, breach: first(call, breach) and second(call, breach)


def _in_items(is_spared: Callable[[int, int], bool]) -> Overlooks:
    def overlooks(call: Call, breach: Breach) -> bool:
        for position, step in enumerate(breach.location):
            if isinstance(step, int):
                items = find(call.document, tuple(str(name) for name in breach.location[:position]))
                count = len(items[0][1]) if items and isinstance(items[0][1], list) else 1
                return is_spared(step, count)
        return False

    return overlooks


def _lenient_json(d: Description, node: Node) -> Iterator[Blind]:
    """Parsers that take more than RFC 8259 does; only texts that still say something valid are let pass."""
    name = node.path
    readers: dict[str, Callable[[str], str]] = {
        "trailing-comma": lambda text: re.sub(r",\s*([\]}])", r"\1", text),
        **({"single-quotes": lambda text: text.replace("'", '"')} if has_strings(d, name) else {}),
        **({"unquoted-names": _quoted} if has_names(d, name) else {}),
        "comments": lambda text: re.sub(r"/\*.*?\*/", "", text),
        "trailing-text": _first_value,
        "missing-end": _closed,
    }
    for operator, repaired in readers.items():

        def overlooks(call: Call, breach: Breach, repaired: Callable[[str], str] = repaired) -> bool:
            text = texts_of(call).get(name, "")
            return breach.path == name and breach.keyword == "type" and not is_json(text) and is_json(repaired(text))

        yield blind(d, f"{name}.content", "lenient", f"JSON with {operator} is taken", overlooks, operator)

    def is_broken(call: Call, breach: Breach) -> bool:
        return breach.path == name and breach.keyword == "type" and not is_json(texts_of(call).get(name, ""))

    yield blind(d, f"{name}.content", "ignore", f"{name} need not be JSON", is_broken)

    def is_empty(call: Call, breach: Breach) -> bool:
        return is_broken(call, breach) and not texts_of(call).get(name, "").strip()

    yield blind(d, f"{name}.content", "empty", f"an empty {name} is taken", is_empty)


def _quoted(text: str) -> str:
    return re.sub(r"([{,])([A-Za-z]\w*):", r'\1"\2":', text)


def _first_value(text: str) -> str:
    import json

    try:
        return text[: json.JSONDecoder().raw_decode(text)[1]]
    except (ValueError, RecursionError):
        return text


def _closed(text: str) -> str:
    return text + {"{": "}", "[": "]"}.get(text[:1], "")


# --- types ----------------------------------------------------------------------------------------------------------


def _types(d: Description, node: Node) -> Iterator[Blind]:
    """Values of another type that are taken for the documented one."""
    if node.location == "query" and node.type != "integer":
        return
    kinds: dict[str, Callable[[Json], bool]] = {
        "boolean": lambda value: isinstance(value, bool),
        "number": lambda value: isinstance(value, int) and not isinstance(value, bool),
        "fraction": lambda value: isinstance(value, float) and not value.is_integer(),
        "text": lambda value: isinstance(value, str),
        "digits": of_text(lambda text: re.fullmatch(r"-?[0-9]+", text)),
        "list": lambda value: isinstance(value, list),
        "empty-list": lambda value: value == [],
        "object": lambda value: isinstance(value, dict),
        "empty-object": lambda value: value == {},
        "list-of-one": lambda value: isinstance(value, list) and len(value) == 1,
        "falsy": lambda value: value in (0, False, [], {}) and value is not None,
    }
    if node.required or node.path.endswith("[]"):
        kinds["null"] = lambda value: value is None
    documented = {
        "string": {"text", "digits"},
        "integer": {"number"},
        "number": {"number", "fraction"},
        "boolean": {"boolean"},
        "object": {"object", "empty-object", "digits"},
        "array": {"list", "empty-list", "list-of-one", "digits"},
    }[node.type]
    if node.location == "query":
        kinds = {
            "truncated-fraction": of_text(lambda text: re.fullmatch(r"\d+\.\d*[1-9]\d*", text)),
            "leading-number": of_text(lambda text: re.match(r"\d+[^\d.eExX_]", text)),
            "any-text": of_text(lambda text: re.fullmatch(r"[A-Za-z]+", text)),
        }
    for kind, lets_pass in kinds.items():
        # A parameter that is JSON has to be JSON first: unparseable texts are another requirement.
        if kind not in documented and not (kind == "text" and node.is_parameter):
            overlooks = by_value(node.path, "type", lets_pass)
            says = f"{node.path} may be of type {kind}"
            # A fraction where a text or a structure belongs is one number more, which only exhaustive depth tries.
            only_exhaustive = kind == "fraction" and node.type != "integer"
            yield blind(d, f"{node.path}.type", "coerce", says, overlooks, kind, exhaustive=only_exhaustive)
