"""The oracle: what the contract allows as an answer to a request.

In: a request as sent, and what the campaign has seen before. Out: an `Expectation`. Judged from the bytes, never from
what a generator intended. Pure.

A reading of an open question turns a request into violations; allowed is the union over all combinations of readings
of the questions that the request raises.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acs_conformance import lifecycle
from acs_conformance.description import Description
from acs_conformance.message import RawRequest
from acs_conformance.standing import Standing
from acs_conformance.trait import Effect, Memory, Trait, traits
from acs_conformance.violation import Violation, violations
from acs_conformance.wire import Decoded, decode, with_value, without

#: Combinations of readings that are worked through; a request with more is left wholly open, which can only miss.
_COMBINATIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The set of answers that the contract allows to one request."""

    #: Whether the documented success is allowed.
    success: bool
    #: Error rows that are allowed as a refusal; empty: the request has to be accepted.
    refusals: frozenset[str]
    #: The violations that the plain reading sees: for a request without open traits, all there is.
    violations: tuple[Violation, ...]
    #: Keys of the open questions that the request raises, in the description's order.
    questions: tuple[str, ...] = ()
    #: Whether the contract says nothing about such a request, so that only a 5xx is wrong, and the success if that is
    #: not allowed.
    anything: bool = False
    #: For a request with exactly one open trait: reading -> whether it can explain a success, and rows that refuse.
    readings: Mapping[str, tuple[bool, frozenset[str]]] | None = None

    @property
    def is_accept(self) -> bool:
        """Whether only the success is allowed."""
        return self.success and not self.refusals and not self.anything

    @property
    def is_reject(self) -> bool:
        """Whether only a refusal is allowed."""
        return not self.success and not self.anything


def expect(
    description: Description, request: RawRequest, memory: Memory, decoded: Decoded | None = None
) -> Expectation:
    """What the contract allows as an answer to `request`."""
    decoded = decoded or decode(description, request)
    standing = memory.standing
    plain = tuple(_found(description, decoded.document, standing))
    raised = traits(description, request, decoded, memory)
    if not raised:
        return Expectation(success=not plain, refusals=_refusals(description, plain, standing), violations=plain)
    questions = tuple(dict.fromkeys(trait.question for trait in raised))
    if any(effect.word == "any" for trait in raised for effects in trait.readings.values() for effect in effects):
        # However a number beyond 64 bits is read, it breaks its limits; whether it is a number depends on the reader.
        is_sure = any(not violation.key.endswith(".type") for violation in plain)
        is_broken = is_sure and all(trait.is_of_size for trait in raised)
        return Expectation(
            success=not is_broken, refusals=frozenset(), violations=plain, questions=questions, anything=True
        )
    if math.prod(_width(traits) for traits in _by_question(raised).values()) > _COMBINATIONS:
        return Expectation(success=True, refusals=frozenset(), violations=plain, questions=questions, anything=True)
    success = False
    refusals: set[str] = set()
    by_reading: dict[str, tuple[bool, frozenset[str]]] = {}
    for names, effects in _combinations(raised):
        found = _apply(description, decoded.document, standing, effects)
        success = success or not found
        refusals |= _refusals(description, found, standing)
        if len(questions) == 1:
            can_succeed, rows = by_reading.get(names[0], (False, frozenset()))
            by_reading[names[0]] = (can_succeed or not found, rows | _refusals(description, found, standing))
    return Expectation(
        success=success,
        refusals=frozenset(refusals),
        violations=plain,
        questions=questions,
        readings=by_reading if len(questions) == 1 else None,
    )


def _by_question(raised: list[Trait]) -> dict[str, list[Trait]]:
    grouped: dict[str, list[Trait]] = {}
    for trait in raised:
        grouped.setdefault(trait.question, []).append(trait)
    return grouped


def _width(traits: list[Trait]) -> int:
    """In how many ways the readings of one question can take all its traits in a request."""
    return sum(math.prod(len(trait.readings[name]) for trait in traits) for name in traits[0].readings)


def _combinations(raised: list[Trait]) -> Iterator[tuple[tuple[str, ...], tuple[Effect, ...]]]:
    """Every combination of readings: one reading of a question holds for all its traits in the request."""
    choices = [
        [
            (name, effects)
            for name in traits[0].readings
            for effects in itertools.product(*(trait.readings[name] for trait in traits))
        ]
        for traits in _by_question(raised).values()
    ]
    for combination in itertools.product(*choices):
        yield (
            tuple(name for name, _ in combination),
            tuple(effect for _, effects in combination for effect in effects),
        )


def _apply(
    description: Description, document: Mapping[str, Any], standing: Standing | None, effects: tuple[Effect, ...]
) -> list[Violation]:
    added = [effect.violation for effect in effects if effect.violation is not None]
    changed = document
    for effect in effects:
        if effect.word == "replace":
            changed = with_value(changed, effect.location, effect.value)
        elif effect.word == "remove":
            changed = without(changed, effect.location)
    return _found(description, changed, standing, added)


def _found(
    description: Description,
    document: Mapping[str, Any],
    standing: Standing | None,
    added: Iterable[Violation] = (),
) -> list[Violation]:
    """The violations of a request; only one that has no other can be refused for the thing it names."""
    found = [*violations(description, document), *added]
    acts_on = description.acts_on
    if found or acts_on is None or standing is None or standing.word not in ("unknown", "foreign"):
        return found
    world = (*description.world.missing, *description.world.forbidden)
    key = lifecycle.same_key(standing.differs) if standing.differs else lifecycle.known_key(acts_on)
    return [Violation(key=key, location=(acts_on.id,), refusals=world)]


def _refusals(description: Description, found: Iterable[Violation], standing: Standing | None) -> frozenset[str]:
    """The rows that may refuse a request with these violations.

    Which of several errors is answered is open: where the thing may not be there either, that may be said instead.
    """
    rows = frozenset(row for violation in found for row in violation.refusals)
    if rows and standing is not None and standing.word != "alive":
        rows |= {*description.world.missing, *description.world.forbidden}
    return rows
