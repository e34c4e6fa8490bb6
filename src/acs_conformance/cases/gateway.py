"""Cases of the gateway: requests of one operation, each signed in the way that decides a check.

In: the description of a gateway. Out: cases in the order of its checks, for the first ones tell whether the rest is
worth asking. What has to be refused is a valid request; what only has to reach the operation is one that it refuses, so
that nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from acs_conformance.cases.case import Case, Edit
from acs_conformance.description import Description
from acs_conformance.gateway_checks import Checks, Signing
from acs_conformance.violation import validator


def gateway_cases(description: Description, checks: Checks, most: int | None = None) -> Iterator[Case]:
    """One case for each variation of each check.

    Args:
        description: of the gateway.
        checks: its checks.
        most: cases of one check; None: all.
    """
    parameter = _text_parameter(description)
    for check in checks.by_key.values():
        for variation in check.variations[:most]:
            identifier = description.id(f"{check.key}#{variation.name}")
            yield Case(
                id=identifier,
                operation=description.operation,
                kind="gateway",
                steps=tuple(_edits(parameter, how) for how in variation.steps),
                aspects=(identifier,),
                signing=variation.steps,
            )


def _text_parameter(description: Description) -> tuple[str, str | None]:
    """A plain parameter that takes any text, and what to leave out so that the operation refuses the request.

    None where the texts of the checks are refused for their characters already.
    """
    texts = [node for node in description.parameters if node.location == "query" and node.type == "string"]
    strict = [node for node in texts if "pattern" in node.schema and not validator(node.schema).is_valid("a~b")]
    chosen = next(iter((*strict, *texts, *description.parameters)))
    required = next((node.path for node in description.parameters if node.required and node is not chosen), None)
    return chosen.path, None if strict else required


def _edits(parameter: tuple[str, str | None], how: Signing) -> tuple[Edit, ...]:
    if how.text is None:
        return ()
    name, left_out = parameter
    edit = Edit("set", (name,), how.text)
    return (edit,) if left_out is None else (edit, Edit("remove", (left_out,)))
