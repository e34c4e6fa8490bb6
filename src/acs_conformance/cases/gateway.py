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


def gateway_cases(description: Description, checks: Checks, most: int | None = None, burst: int = 0) -> Iterator[Case]:
    """One case for each variation of each check.

    Args:
        description: of the gateway.
        checks: its checks.
        most: cases of one check; None: all.
        burst: requests in a row by which a quota is to be exceeded, last of all; 0: none.
    """
    parameter = _text_parameter(description)

    def case(name: str, how: tuple[Signing, ...]) -> Case:
        identifier = description.id(name)
        steps = tuple(_edits(parameter, each) for each in how)
        return Case(
            id=identifier,
            operation=description.operation,
            kind="gateway",
            steps=steps,
            aspects=(identifier,),
            signing=how,
        )

    for check in checks.by_key.values():
        for variation in check.variations[:most]:
            yield case(f"{check.key}#{variation.name}", variation.steps)
    for check in checks.by_key.values():
        if check.expects == "throttled" and burst:
            yield case(f"{check.key}#burst", (Signing(scheme=check.scheme, expects="throttled", text="!"),) * burst)


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
