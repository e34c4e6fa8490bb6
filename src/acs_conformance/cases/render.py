"""Render a case: from edits to the bytes that are sent, unsigned.

In: description, case, step and a `Context` (run, bindings, time). Out: a `RawRequest`. The same context gives the same
bytes; nothing is read from a clock or a random source.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from acs_conformance.cases import mangle, values
from acs_conformance.cases.case import Case, Edit
from acs_conformance.derived import make
from acs_conformance.description import Description, Json, Location, Node, get, locations, path_of
from acs_conformance.message import RawRequest
from acs_conformance.standing import Thing
from acs_conformance.trait import validator_of
from acs_conformance.wire import Parameters, compact, encode_query, to_parameters, with_value, without

_VALUES = ("alter", "set", "turn", "copy", "swapcase", "extend", "pad", "wrap", "unwrap", "stringify")
#: Letters and digits of a name that are replaced where another one is needed.
_ALTERED = 4
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rendering depends on besides the case."""

    #: Marks the identifiers of one run, so that two runs on one channel don't collide; lower-case letters and digits.
    run_id: str
    #: Unix seconds, from which tokens count their expiry.
    now: int
    #: Kind of thing -> the one that requests name, where a campaign has created one.
    things: Mapping[str, Thing] = field(default_factory=dict)
    #: Path -> value of identifiers that exist at the target.
    bindings: Mapping[str, str] = field(default_factory=dict)
    #: Secrets that derived values are made with.
    secrets: Mapping[str, str] = field(default_factory=dict)


def render(description: Description, case: Case, step: int, context: Context, attempt: int = 0) -> RawRequest:
    """The request of one step of a case.

    Args:
        description: of the case's operation.
        case: what to render.
        step: position in its sequence, from 0.
        context: run, bindings and time.
        attempt: 0, or the number of a repetition, which gets fresh names.
    """
    edits = (*case.context, *case.steps[step])
    if any(edit.op == "again" for edit in edits):
        return render(description, case, step - 1, context, attempt)
    named = next((edit.value for edit in edits if edit.op == "names"), step)
    salt = _salt(context.run_id, case.id, named, attempt)
    document, edited = _document(description, edits, context, salt)
    document = _follow(description, document, edited)
    document = _derive(description, document, edited, context)
    parameters = _parameters(description, document, edits)
    return _request(description, parameters, edits)


def _salt(run_id: str, case: str, step: int, attempt: int) -> str:
    digest = hashlib.sha256(f"{run_id}\0{case}\0{step}\0{attempt}".encode()).hexdigest()
    return f"{run_id}-{digest[:10]}"


# --- the simplest valid request -----------------------------------------------------------------------------------


def base_document(description: Description, context: Context, salt: str) -> dict[str, Any]:
    """What is required, at its simplest, and what makes an orphan short-lived."""
    short_lived = description.creates.short_lived if description.creates else {}
    acts_on = description.acts_on
    thing = context.things.get(acts_on.thing) if acts_on is not None else None
    same = {name: thing.document[name] for name in acts_on.same if name in thing.document} if acts_on and thing else {}
    document = {
        node.path: base_value(description, node, context, salt, 0)
        for node in description.parameters
        if node.required and node.path not in short_lived
    }
    return {**document, **short_lived, **same, **({acts_on.id: thing.id} if acts_on and thing else {})}


def base_value(description: Description, node: Node, context: Context, salt: str, index: int) -> Json:
    """The simplest value of `node`; `index` is the position of the item it is in, from 0."""
    if node.type == "object":
        return {
            child.name: base_value(description, child, context, salt, index)
            for child in description.children(node.path)
            if child.required
        }
    if node.type == "array":
        item = description.nodes[f"{node.path}[]"]
        count = max(1, int(node.schema.get("minItems", 1)))
        return [base_value(description, item, context, salt, position) for position in range(count)]
    example = node.examples[0]
    if node.identifier is None:
        if index and _is_single(description, node):
            known = values.different(description, node.path)
            return known[index % len(known)]
        return example
    if node.identifier == "bound":
        return context.bindings.get(node.path, example)
    name = f"{example}-{context.run_id}" if node.identifier == "run" else f"{example}-{salt}-{index + 1}"
    return name[: node.schema.get("maxLength", len(name))]


def _is_single(description: Description, node: Node) -> bool:
    """Whether no two values of the node are to be equal."""
    return any(relation.word == "unique" and relation.of == node.path for relation in description.relations)


# --- edits --------------------------------------------------------------------------------------------------------


def _document(
    description: Description, edits: tuple[Edit, ...], context: Context, salt: str
) -> tuple[dict[str, Any], set[Location]]:
    document = base_document(description, context, salt)
    edited: set[Location] = set()
    for edit in edits:
        if edit.op in ("put", "resize", "grow", "remove", "mangle", *_VALUES):
            # These need the value itself.
            below = ("",) if edit.op in ("put", "mangle", "wrap", "unwrap", "stringify") else ()
            document = _with_ancestors(description, document, (*edit.location, *below), context, salt)
        if edit.op in ("resize", "grow"):
            path = path_of(edit.location)
            low = int(description.nodes[path].schema.get("minItems", 0)) if edit.op == "grow" else 0
            item = description.nodes[f"{path}[]"]
            items = [base_value(description, item, context, salt, index) for index in range(max(low, edit.value))]
            document = with_value(document, edit.location, items)
        elif edit.op == "remove":
            document = _removed(document, edit.location)
            edited.add(edit.location)
        elif edit.op in _VALUES:
            document = with_value(document, edit.location, _new_value(document, edit))
            edited.add(edit.location)
    return document, edited


def _with_ancestors(
    description: Description, document: dict[str, Any], location: Location, context: Context, salt: str
) -> dict[str, Any]:
    """The document with everything optional that `location` is inside of, at its simplest."""
    for end in range(1, len(location)):
        above = location[:end]
        try:
            get(document, above)
        except LookupError:
            node = description.nodes.get(path_of(above))
            if node is not None and not isinstance(above[-1], int):
                document = with_value(document, above, base_value(description, node, context, salt, 0))
    return document


def _removed(document: Mapping[str, Any], location: Location) -> dict[str, Any]:
    """Like `without`, and content with what is not there."""
    try:
        get(document, location)
    except LookupError:
        return dict(document)
    return without(document, location)


def _new_value(document: Mapping[str, Any], edit: Edit) -> Json:
    if edit.op == "set":
        return edit.value
    if edit.op == "turn":
        first, *others = get(document, edit.location)
        return [*others, first]
    if edit.op == "pad":
        name = str(get(document, edit.location))
        return name[-edit.value :] if len(name) >= edit.value else name + "x" * (edit.value - len(name))
    if edit.op == "alter":
        return altered(str(get(document, edit.location)), edit.value)
    if edit.op in ("wrap", "unwrap", "stringify"):
        here = get(document, edit.location)
        if edit.op == "unwrap":
            return here[0]
        return [here] if edit.op == "wrap" else compact(here)
    source = get(document, tuple(edit.value))
    if edit.op == "swapcase":
        return str(source).swapcase()
    if edit.op == "extend":
        return f"{source}1"
    return source


def altered(name: str, way: str | None) -> str:
    """Another name of the same shape, with other letters and digits at its end; or a part of it, or more than it.

    In other letter case it is another one only if it has letters: one without is altered at its end instead.
    """
    if way == "case" and name.swapcase() != name:
        return name.swapcase()
    if way in ("shorter", "longer"):
        return name[:-1] if way == "shorter" else f"{name}0"
    kinds = (string.digits, "abcdef", "ABCDEF", string.ascii_lowercase, string.ascii_uppercase)
    letters = list(name)
    changed = 0
    for index in range(len(letters) - 1, -1, -1):
        kind = next((kind for kind in kinds if letters[index] in kind), None)
        if kind is not None and changed < _ALTERED:
            letters[index] = kind[(kind.index(letters[index]) + 1 + changed) % len(kind)]
            changed += 1
    return "".join(letters)


def _follow(description: Description, document: dict[str, Any], edited: set[Location]) -> dict[str, Any]:
    """What has to equal another value follows it, unless it is under test itself or can't hold that value."""
    for relation in description.relations:
        if relation.word != "equal" or relation.other is None:
            continue
        try:
            leader = get(document, tuple(relation.other.split(".")))
        except LookupError:
            continue
        if validator_of(description, relation.of).is_valid(leader):
            for location in list(locations(document, relation.of)):
                if location not in edited:
                    document = with_value(document, location, leader)
    return document


def _derive(
    description: Description, document: dict[str, Any], edited: set[Location], context: Context
) -> dict[str, Any]:
    for path, node in description.nodes.items():
        if node.derived is not None:
            for location in list(locations(document, path)):
                if location not in edited:
                    value = make(node, document, location, now=context.now, secrets=context.secrets)
                    document = with_value(document, location, value)
    return document


# --- the wire -----------------------------------------------------------------------------------------------------


def _parameters(description: Description, document: Mapping[str, Any], edits: tuple[Edit, ...]) -> Parameters:
    # The description's order, whatever the edits did to the dict.
    ordered = {node.path: document[node.path] for node in description.parameters if node.path in document}
    parameters = list(to_parameters(description, {**ordered, **document}))
    for edit in edits:
        if edit.op == "whole":
            return tuple((name, text) for name, text in edit.value)
        name = str(edit.location[0]) if edit.location else ""
        if edit.op == "text":
            parameters = [pair for pair in parameters if pair[0] != name] + [(name, edit.value)]
        elif edit.op == "mangle":
            parameters = [
                (key, mangle.mangled(edit.value, document[name])) if key == name else (key, text)
                for key, text in parameters
            ]
        elif edit.op == "rename":
            parameters = [(edit.value, text) if key == name else (key, text) for key, text in parameters]
        elif edit.op == "extra":
            parameters.append((name, edit.value))
        elif edit.op == "reorder":
            parameters.reverse()
    return tuple(parameters)


def _request(description: Description, parameters: Parameters, edits: tuple[Edit, ...]) -> RawRequest:
    query = encode_query(parameters)
    method = next((edit.value for edit in edits if edit.op == "method"), description.method)
    if any(edit.op == "body" for edit in edits):
        return RawRequest(method, description.path, (("content-type", FORM),), query.encode("ascii"))
    return RawRequest(method, f"{description.path}?{query}" if query else description.path)
