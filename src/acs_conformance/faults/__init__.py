"""The fault catalogue: servers with one defect each, derived from a description by mutation operators.

In: a description. Out: faults that the emulator can play, with ids that stay. A suite that passes proves nothing until
it has been seen to fail; `prove` shows that it does, for every fault here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from acs_conformance.description import Description
from acs_conformance.errors import SelectionError
from acs_conformance.faults.accepting import accepting, overlooking_when
from acs_conformance.faults.answering import answering
from acs_conformance.faults.beside import overlooking_beside
from acs_conformance.faults.failing import failing
from acs_conformance.faults.finding import finding
from acs_conformance.faults.gatekeeping import gatekeeping
from acs_conformance.faults.kind import Seed
from acs_conformance.faults.living import living
from acs_conformance.faults.refusing import refusing
from acs_conformance.faults.repeating import repeating


@functools.lru_cache(maxsize=16)
def catalogue(description: Description) -> tuple[Seed, ...]:
    """Every fault of one operation, in a fixed order: in what is refused, accepted and answered, and now and then."""
    if description.checks is not None:
        return tuple(gatekeeping(description, description.checks))
    return (
        *refusing(description),
        *accepting(description),
        *overlooking_when(description),
        *overlooking_beside(description),
        *answering(description),
        *failing(description),
        *finding(description),
        *living(description),
        *repeating(description),
    )


def find(descriptions: Iterable[Description], identifier: str) -> Seed:
    """The fault with this id.

    Raises:
        SelectionError: there is none.
    """
    known = {fault.id: fault for description in descriptions for fault in catalogue(description)}
    if identifier not in known:
        raise SelectionError("fault", identifier, known)
    return known[identifier]


__all__ = ["Seed", "catalogue", "find"]
