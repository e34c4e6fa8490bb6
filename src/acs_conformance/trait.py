"""Traits: what in a request the page leaves open.

In: a decoded request, and what the campaign has seen so far. Out: `Trait`s, each an open question with what its
readings make of this very request. One function for each word of the vocabulary that descriptions use. Pure.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jsonschema.protocols import Validator

from acs_conformance import notation
from acs_conformance.derived import is_well_made
from acs_conformance.description import Description, Json, Location, Question, Reading, get, locations
from acs_conformance.message import RawRequest, header
from acs_conformance.standing import Standing
from acs_conformance.violation import Violation, breaches, validator
from acs_conformance.wire import BIG, Decoded, Unparseable


@dataclass(frozen=True, slots=True)
class Effect:
    """What one reading makes of a request."""

    word: Literal["accept", "refuse", "remove", "replace", "any"]
    location: Location = ()
    #: For "replace".
    value: Json = None
    #: For "refuse": the violation that this reading sees.
    violation: Violation | None = None


@dataclass(frozen=True, slots=True)
class Trait:
    """One open question that a request raises."""

    #: Key of the question.
    question: str
    #: Reading's name -> effects, one for each way in which the reading may take the value.
    readings: Mapping[str, tuple[Effect, ...]]
    #: Whether only the size of a value is in question: no reading takes away what it breaks.
    is_of_size: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What a campaign has seen before a request was sent; empty at its start."""

    #: (path, value) of identifiers that were in an accepted request.
    works: frozenset[tuple[str, Json]] = frozenset()
    #: (path, scope, value) of names that an earlier request may have taken.
    taken: frozenset[tuple[str, Json, Json]] = field(default=frozenset())
    #: What is known of the created thing that the request names; None where it names none.
    standing: Standing | None = None


Word = Callable[[Description, RawRequest, Decoded, Memory, Question], Iterator[Trait]]


def traits(description: Description, request: RawRequest, decoded: Decoded, memory: Memory) -> list[Trait]:
    """Everything in a request that the page leaves open."""
    found: list[Trait] = []
    for word, questions in _by_word(description):
        for question in questions:
            found.extend(word(description, request, decoded, memory, question))
    return found


@functools.lru_cache(maxsize=64)
def _by_word(description: Description) -> tuple[tuple[Word, tuple[Question, ...]], ...]:
    grouped: dict[str, list[Question]] = {}
    for question in description.questions:
        grouped.setdefault(question.trait, []).append(question)
    return tuple((WORDS[word], tuple(questions)) for word, questions in grouped.items() if word in WORDS)


# --- questions of the operation's own -------------------------------------------------------------------------------


def _schema(d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question) -> Iterator[Trait]:
    """A value that is in question, told by a JSON Schema; a value of another type than documented is not."""
    assert q.at is not None  # noqa: S101 - the loader saw to it
    node = d.nodes[q.at]
    for location in locations(decoded.document, q.at):
        value = get(decoded.document, location)
        if isinstance(value, Unparseable):
            continue
        is_questionable = _is_questionable if isinstance(value, list | dict) else _is_questionable_scalar
        if not is_questionable(d, q.key, value):
            continue
        if q.unless_derived and is_well_made(node, decoded.document, location, value):
            continue
        yield _trait(d, q, location)


def _is_questionable(description: Description, key: str, value: Json) -> bool:
    """Whether a value is as documented, and one of those that the question is about."""
    own, wanted = _validators(description, key)
    return wanted.is_valid(value) and own.is_valid(value)  # few values pass the first


#: Remembered by type too: 1, 1.0 and True are equal.
_is_questionable_scalar = functools.lru_cache(maxsize=1024, typed=True)(_is_questionable)


@functools.lru_cache(maxsize=256)
def _validators(description: Description, key: str) -> tuple[Validator, Validator]:
    question = next(q for q in description.questions if q.key == key)
    return validator(description.nodes[question.at or ""].schema), validator(question.matches or {})


def _relation(d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question) -> Iterator[Trait]:
    """A relation whose breach is in question; like every relation it says nothing about values the schema refuses."""
    relation = next(r for r in d.relations if r.key == q.breaks)
    if relation.other is not None:
        for location in locations(decoded.document, relation.other):
            if not validator_of(d, relation.other).is_valid(get(decoded.document, location)):
                return
    for violation in breaches(d, relation, decoded.document):
        if validator_of(d, relation.of).is_valid(get(decoded.document, violation.location)):
            yield _trait(d, q, violation.location)


@functools.lru_cache(maxsize=256)
def validator_of(description: Description, path: str) -> Validator:
    """The validator of one node."""
    return validator(description.nodes[path].schema)


# --- questions that all operations share ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _JsonPaths:
    """Paths of nodes that travel as JSON, by what is asked of them."""

    integers: tuple[str, ...]
    #: Those that may be absent.
    optional: tuple[str, ...]
    #: Each with the names of its documented members.
    objects: tuple[tuple[str, frozenset[str]], ...]


@functools.lru_cache(maxsize=64)
def _json_paths(d: Description) -> _JsonPaths:
    nodes = [node for node in d.nodes.values() if node.location == "json"]
    return _JsonPaths(
        integers=tuple(node.path for node in nodes if node.type == "integer"),
        optional=tuple(node.path for node in nodes if not node.required and not node.path.endswith("[]")),
        objects=tuple(
            (node.path, frozenset(child.name for child in d.children(node.path)))
            for node in nodes
            if node.type == "object"
        ),
    )


def _number_notation(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for name in d.integer_parameters:
        text = decoded.document.get(name)
        if isinstance(text, str):
            kind, found = notation.candidates(text)
            if found and q.key.endswith(f".{kind}"):
                yield _trait(d, q, (name,), numbers=found)


def _float_for_integer(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for path in _json_paths(d).integers:
        for location in locations(decoded.document, path):
            number = notation.whole(get(decoded.document, location))
            if number is not None:
                yield _trait(d, q, location, numbers=(number,))


def _empty_optional(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for node in d.parameters:
        if not node.required and _text(decoded, node.path) == "":
            yield _trait(d, q, (node.path,))


def _text(decoded: Decoded, name: str) -> str | None:
    return next((text for key, text in decoded.parameters if key == name), None)


def _null_optional(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for path in _json_paths(d).optional:
        for location in locations(decoded.document, path):
            if get(decoded.document, location) is None:
                yield _trait(d, q, location)


def _unknown_parameter(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for name in decoded.document:
        if name not in d.nodes or not d.nodes[name].is_parameter:
            yield _trait(d, q, (name,))


def _unknown_members(d: Description, decoded: Decoded) -> Iterator[tuple[Location, str, frozenset[str]]]:
    """Location of each object, each undocumented name in it, and the names that are documented there."""
    for path, known in _json_paths(d).objects:
        for location in locations(decoded.document, path):
            value = get(decoded.document, location)
            if isinstance(value, dict) and not value.keys() <= known:
                for name in value:
                    if name not in known:
                        yield location, name, known


def _unknown_member(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    for location, name, _ in _unknown_members(d, decoded):
        yield _trait(d, q, (*location, name))


def _letter_case(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    """A name that differs from a documented one in letter case or in blanks around it."""
    known = frozenset(node.path for node in d.parameters)
    if any(_resembles(name, known) for name in decoded.document if name not in known) or any(
        _resembles(name, names) for _, name, names in _unknown_members(d, decoded)
    ):
        yield _trait(d, q, ())


def _resembles(name: str, known: frozenset[str]) -> bool:
    return name.strip().casefold() in {other.casefold() for other in known}


def _big_number(
    d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question
) -> Iterator[Trait]:
    if any(_is_big(value) for value in decoded.document.values()):
        yield replace(_trait(d, q, ()), is_of_size=True)


def _is_big(value: Json) -> bool:
    if isinstance(value, int | float):
        return not -BIG <= value < BIG
    if isinstance(value, dict):
        return any(_is_big(inner) for inner in value.values())
    return isinstance(value, list) and any(_is_big(inner) for inner in value)


def _in_use(d: Description, _request: RawRequest, decoded: Decoded, memory: Memory, q: Question) -> Iterator[Trait]:
    for claim, location in claims(d, decoded.document):
        if claim in memory.taken:
            yield _trait(d, q, location)


def _ended(d: Description, _request: RawRequest, _decoded: Decoded, memory: Memory, q: Question) -> Iterator[Trait]:
    if memory.standing is not None and memory.standing.word in ("open", "ended"):
        yield _trait(d, q, ())


def claims(description: Description, document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, Json, Json], Location]]:
    """What a request takes for itself if it is accepted: (path, scope, value), and where."""
    for relation in description.relations:
        if relation.within is None:
            continue
        scope = document.get(relation.within)
        if isinstance(scope, str):
            for location in locations(document, relation.of):
                value = get(document, location)
                if isinstance(value, str):
                    yield (relation.of, scope, value), location


def _form(is_so: Callable[[Decoded], object]) -> Word:
    def word(d: Description, _request: RawRequest, decoded: Decoded, _memory: Memory, q: Question) -> Iterator[Trait]:
        if is_so(decoded):
            yield _trait(d, q, ())

    return word


def _form_body(d: Description, request: RawRequest, _decoded: Decoded, _memory: Memory, q: Question) -> Iterator[Trait]:
    if request.body or (header(request.headers, "content-type") or "").startswith("application/x-www-form-urlencoded"):
        yield _trait(d, q, ())


def _method(d: Description, request: RawRequest, _decoded: Decoded, _memory: Memory, q: Question) -> Iterator[Trait]:
    if request.method != d.method:
        yield _trait(d, q, ())


#: The vocabulary: `trait:` in a description -> how a request is seen to have it.
WORDS: Mapping[str, Word] = {
    "schema": _schema,
    "relation": _relation,
    "number-notation": _number_notation,
    "float-for-integer": _float_for_integer,
    "empty-optional": _empty_optional,
    "null-optional": _null_optional,
    "unknown-parameter": _unknown_parameter,
    "unknown-member": _unknown_member,
    "letter-case": _letter_case,
    "big-number": _big_number,
    "in-use": _in_use,
    "ended": _ended,
    "repeated-parameter": _form(lambda decoded: decoded.form.repeated),
    "duplicate-member": _form(lambda decoded: decoded.form.duplicate_members),
    "lone-surrogate": _form(lambda decoded: decoded.form.lone_surrogates),
    "invalid-utf-8": _form(lambda decoded: decoded.form.is_not_utf8),
    "deep-nesting": _form(lambda decoded: decoded.form.deep),
    "form-body": _form_body,
    "method": _method,
}


def _trait(d: Description, question: Question, location: Location, numbers: tuple[int, ...] = ()) -> Trait:
    return Trait(
        question=question.key,
        readings={
            reading.name: tuple(_effects(d, question, reading, location, numbers)) for reading in question.readings
        },
    )


def _effects(
    d: Description, question: Question, reading: Reading, location: Location, numbers: tuple[int, ...]
) -> Iterator[Effect]:
    if reading.effect == "refuse":
        is_vacant = question.trait in ("empty-optional", "null-optional")
        usual = d.refusals.vacant if is_vacant else d.refusals.other
        if question.trait == "in-use":  # said of the world as well as of the request
            usual = (*usual, *d.world.forbidden)
        refusals = reading.refusals or usual
        yield Effect("refuse", location, violation=Violation(key=question.key, location=location, refusals=refusals))
    elif reading.effect == "absent":
        yield Effect("remove", location)
    elif reading.effect == "number":
        yield from (Effect("replace", location, number) for number in numbers)
    else:
        yield Effect(reading.effect)
