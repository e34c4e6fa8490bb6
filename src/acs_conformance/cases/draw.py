"""Drawn values: what nobody thought of enumerating.

In: a requirement's node and keyword, a count, a seed. Out: values that break just that keyword. Hypothesis only
generates here, it never sends: the generate phase alone, no database, a seed derived from the run's seed and the
requirement's id, so that the same run gives the same values whatever the worker or order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from acs_conformance.cases import texts, values
from acs_conformance.cases.alphabet import charset
from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.places import place, places
from acs_conformance.description import Description, Node
from acs_conformance.requirement import Requirement
from acs_conformance.wire import BIG

BACKEND = "acs-conformance"


class _Undisturbed(HypothesisProvider):
    """Hypothesis' own generator without the constants that it collects from whatever modules are loaded.

    With them the same seed would draw other values in pytest than on the command line.
    """

    def _maybe_draw_constant(self, *_args: Any, **_kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        return None


AVAILABLE_PROVIDERS[BACKEND] = _Undisturbed

#: Draws from which on types are drawn too.
_MANY = 5


def drawn_cases(
    description: Description, requirements: tuple[Requirement, ...], count: int, run_seed: int
) -> Iterator[Case]:
    """`count` drawn violations of each requirement that has a strategy, in the requirements' order."""
    if count == 0:
        return
    for requirement in requirements:
        node = description.nodes.get(requirement.path)
        if node is None or requirement.kind != "request":
            continue
        if requirement.keyword == "type" and count < _MANY:
            continue  # the enumerated shapes show what a few drawn ones would
        strategy = _strategy(description, node, requirement.keyword)
        if strategy is None:
            continue
        for number, value in enumerate(draw(strategy, count, f"{run_seed} {requirement.id}"), 1):
            counts = places(description, node.path)
            location, resize = place(description, node.path, counts[number % len(counts)])
            edit = Edit("set", location, value)
            identifier = f"{requirement.id}#drawn-{number}"
            yield Case(
                id=identifier,
                operation=description.operation,
                kind="reject",
                steps=((*resize, edit),),
                aspects=(identifier,),
                is_enumerated=False,
            )


def draw(strategy: st.SearchStrategy[Any], count: int, seed_text: str) -> list[Any]:
    """Up to `count` different values of `strategy`, the same for the same seed text."""
    drawn: list[Any] = []

    @seed(int.from_bytes(hashlib.sha256(seed_text.encode()).digest()[:8], "big"))
    @settings(
        max_examples=count * 2,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        backend=BACKEND,
    )
    @given(strategy)
    def collect(value: Any) -> None:  # noqa: ANN401 - whatever the strategy makes
        if value not in drawn:
            drawn.append(value)

    collect()
    # Hypothesis begins with the simplest values, which the enumerated part has; the later ones are worth more.
    return drawn[-count:]


def _strategy(description: Description, node: Node, keyword: str) -> st.SearchStrategy[Any] | None:
    made = _raw_strategy(description, node, keyword)
    if made is None:
        return None
    return made.filter(lambda value: values.breaks_alone(description, node.path, keyword, value))


def _raw_strategy(description: Description, node: Node, keyword: str) -> st.SearchStrategy[Any] | None:
    schema = node.schema
    letters = st.sampled_from(texts.characters(description, node.path))
    inside = st.text(letters, max_size=20)
    anything = st.characters(exclude_categories=["Cs"])
    if keyword == "pattern" and charset(schema["pattern"]):
        return st.tuples(inside, st.text(anything, min_size=1, max_size=2), inside).map("".join)
    if keyword == "maxLength" and texts.is_free(description, node.path):
        high = schema["maxLength"]
        return st.text(letters, min_size=high + 1, max_size=high * 3)
    if keyword == "minimum":
        return st.integers(-BIG, math.ceil(schema["minimum"]) - 1)
    if keyword == "maximum":
        return st.integers(math.floor(schema["maximum"]) + 1, BIG - 1)
    if keyword == "enum" and node.type == "string":
        options = st.sampled_from(schema["enum"])
        piece = st.text(anything, min_size=1, max_size=2)
        return st.one_of(
            st.tuples(options, piece).map("".join), st.tuples(piece, options).map("".join), st.text(anything)
        )
    if keyword == "enum" and node.type in ("integer", "number"):
        return st.integers(-BIG, BIG - 1)
    if keyword == "type" and node.location == "json":
        return _json(node)
    return None


def _json(node: Node) -> st.SearchStrategy[Any]:
    """JSON of any other type than the documented one; no floats, whose integral values are an open question."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    leaves = st.one_of(st.booleans(), st.integers(-BIG, BIG - 1), text)
    tree = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
    )
    types = {"string": str, "integer": int, "number": int, "object": dict, "array": list, "boolean": bool}
    documented = types[node.type]
    return tree.filter(lambda value: type(value) is not documented)
