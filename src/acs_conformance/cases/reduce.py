"""Make a request small without sending it: the smallest one that breaks the same rules by our own judge.

In: a description, the parameters of a request. Out: parameters of a smaller request with the same expectation: the same
violations, the same open questions, the same allowed answers. Pure and deterministic. It works on the request's own
structure rather than on the choices of the strategy that made it, which a shrinker would need and a foreign generator
does not give away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acs_conformance.description import Description, Json
from acs_conformance.message import RawRequest
from acs_conformance.oracle import expect
from acs_conformance.trait import Memory
from acs_conformance.wire import Parameters, Unparseable, compact, decode_parameters, encode_query

#: Candidates that are looked at; each costs a tenth of a millisecond and no request.
_PATIENCE = 3000


def reduced(description: Description, parameters: Parameters, simplest: Mapping[str, str]) -> Parameters:
    """The smallest parameters found that are judged like `parameters`.

    Args:
        description: the contract.
        parameters: names and texts.
        simplest: parameter -> its text in the simplest valid request.
    """
    wanted = _expectation(description, parameters)
    tried = 0

    def fits(candidate: Parameters) -> bool:
        nonlocal tried
        tried += 1
        return tried <= _PATIENCE and _expectation(description, candidate) == wanted

    current = parameters
    changed = True
    while changed and tried < _PATIENCE:
        changed = False
        for candidate in _smaller(description, current, simplest):
            if _size(candidate) < _size(current) and fits(candidate):
                current = candidate
                changed = True
                break
    return current


def _size(parameters: Parameters) -> tuple[int, int]:
    """Length first; then how far from plain ASCII letters it is."""
    text = "".join(name + text for name, text in parameters)
    return len(text), sum(not char.isalnum() for char in text)


def _expectation(description: Description, parameters: Parameters) -> object:
    request = RawRequest(description.method, f"{description.path}?{encode_query(parameters)}")
    found = expect(description, request, Memory())
    return (frozenset(v.key for v in found.violations), found.questions, found.success, found.refusals, found.anything)


def _smaller(description: Description, parameters: Parameters, simplest: Mapping[str, str]) -> Iterator[Parameters]:
    """Candidates, the boldest first: parameters left out, made simple, then what is inside them."""
    for index, (name, text) in enumerate(parameters):
        before, after = parameters[:index], parameters[index + 1 :]
        yield (*before, *after)
        if name in simplest:
            yield (*before, (name, simplest[name]), *after)
        for smaller in _smaller_texts(description, name, text):
            yield (*before, (name, smaller), *after)


def _smaller_texts(description: Description, name: str, text: str) -> Iterator[str]:
    if name in description.json_parameters:
        value = decode_parameters(description, ((name, text),)).document[name]
        if not isinstance(value, Unparseable):
            yield from (compact(smaller) for smaller in _smaller_values(value) if _is_plain(smaller))
            return
    yield from _shorter(text)


def _is_plain(value: Json) -> bool:
    """Whether `compact` can write it."""
    try:
        compact(value)
    except ValueError:
        return False
    return True


def _smaller_values(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from _smaller_dict(value)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield [*value[:index], *value[index + 1 :]]
            yield from ([*value[:index], smaller, *value[index + 1 :]] for smaller in _smaller_values(inner))
    elif isinstance(value, str):
        yield from _shorter(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1):
        yield from (0, 1)


def _smaller_dict(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, inner in value.items():
        rest = {key: other for key, other in value.items() if key != name}
        yield rest
        yield from ({**value, name: smaller} for smaller in _smaller_values(inner))


def _shorter(text: str) -> Iterator[str]:
    half = len(text) // 2
    cuts: tuple[Callable[[], str], ...] = (
        lambda: "",
        lambda: text[:half],
        lambda: text[half:],
        lambda: text[:-1],
        lambda: text[1:],
    )
    for cut in cuts:
        if text:
            yield cut()
    if text and text != "x" * len(text):
        yield "x" * len(text)
