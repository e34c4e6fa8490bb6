"""The wild rest: whole requests that Schemathesis generates from the same description.

In: a description, a count, a seed. Out: `Case`s that send just what was generated, through our client. Schemathesis
only generates; its own checks don't judge, for they let a wrong answer pass where another parameter is valid. The only
door to schemathesis, and a heavy one: it is imported when it is needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from acs_conformance.cases.case import Case, Edit
from acs_conformance.cases.draw import draw
from acs_conformance.description import Description

#: Bytes of parameters beyond which a generated request is dropped: above, answers that are no verdict are allowed.
_LONGEST = 4000


def wild_cases(description: Description, count: int, run_seed: int) -> Iterator[Case]:
    """Up to `count` different generated requests, half of them meant to be valid, half of them not."""
    if count == 0:
        return
    key = description.id("availability")
    for mode in ("positive", "negative"):
        strategy = _strategy(description, mode).filter(lambda pairs: sum(len(text) for _, text in pairs) < _LONGEST)
        for number, pairs in enumerate(draw(strategy, count // 2, f"{run_seed} {description.operation} {mode}"), 1):
            identifier = f"{key}#wild-{mode}-{number}"
            yield Case(
                id=identifier,
                operation=description.operation,
                kind="wild",
                steps=((Edit("whole", (), pairs),),),
                aspects=(identifier,),
                is_enumerated=False,
            )


def _strategy(description: Description, mode: str) -> Any:  # noqa: ANN401 - a Hypothesis strategy of lists of pairs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis

    schema = schemathesis.openapi.from_dict(_openapi(description))
    operation = schema[description.path][description.method]
    made = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))
    return made.map(lambda case: [[str(name), str(text)] for name, text in (case.query or {}).items()])


def _openapi(description: Description) -> dict[str, Any]:
    """The request side of the description as an OpenAPI document."""
    parameters = []
    for node in description.parameters:
        schema = description.request_schema["properties"][node.path]
        parameter: dict[str, Any] = {"name": node.path, "in": "query", "required": node.required}
        if node.location == "json":
            parameter["content"] = {"application/json": {"schema": schema}}
        else:
            parameter["schema"] = schema
        parameters.append(parameter)
    operation = {
        "operationId": description.operation,
        "parameters": parameters,
        "responses": {str(description.success_status): {"description": "Success"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": description.title, "version": description.version},
        "paths": {description.path: {description.method.lower(): operation}},
    }
