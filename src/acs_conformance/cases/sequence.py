"""Sequences: what only several requests in a row can show, without any other operation.

In: a description. Out: `Case`s of several steps. Names are fresh in each step unless an edit says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.reject import reject_cases
from acs_conformance.description import Description


def sequence_cases(description: Description, jobs: int) -> Iterator[Case]:
    """Several things created on the same identifiers; one after a refused request, whose names stay free; one twice.

    Args:
        description: of an operation; one that creates nothing has no sequences.
        jobs: how many in a row.
    """
    if description.creates is None:
        return
    status = description.id("response.status")
    if jobs:
        examples = _examples(description)
        yield _case(f"{status}#several", description, (examples, *((),) * (jobs - 1)))
    refused = next(_late_refusals(description), None)
    if refused is None:
        return
    same_names = Edit("names", (), 0)
    yield _case(f"{status}#after-refused", description, (refused.edits, (same_names,)))
    question = next((q for q in description.questions if q.trait == "in-use"), None)
    if question is not None and any(relation.within for relation in description.relations):
        # The one step that is open comes last, after one that is accepted anyhow.
        identifier = f"{description.id(question.key)}#equal-request"
        yield Case(
            id=identifier,
            operation=description.operation,
            kind="open",
            steps=((), (Edit("again"),)),
            aspects=(identifier,),
        )


#: So many valid requests in a row, so many refused ones, and so many in all show what goes wrong on every n-th request.
_VALID, _REFUSED, _ALL = 13, 20, 64


def steady_cases(
    description: Description, valid: Sequence[Case], refused: Sequence[Case], others: int
) -> Iterator[Case]:
    """The simplest requests again, as often as the plan of a small operation has too few.

    Args:
        description: of the operation.
        valid: the cases that have to be accepted.
        refused: those that have to be refused.
        others: how many requests there are besides these.
    """
    counts = [sum(len(case.steps) for case in cases) for cases in (valid, refused)]
    more_refused = max(0, _REFUSED - counts[1]) if refused else 0
    is_ending = description.acts_on is not None and description.acts_on.ends_within_s is not None
    # What ends things would need one for each; enough are ended on the way.
    more_valid = 0 if is_ending else max(0, _VALID - counts[0], _ALL - sum(counts) - others - more_refused)
    status = description.id("response.status")
    for number in range(1, more_valid + 1):
        yield single(f"{status}#again-{number:02}", description.operation, "accept", (_named(number),))
    for number in range(1, more_refused + 1):
        case = refused[number % len(refused)]
        identifier = f"{case.id}-again-{number:02}"
        edits = (*case.edits, _named(number))
        yield replace(case, id=identifier, aspects=(identifier,), steps=(edits,), is_enumerated=False)


def _named(number: int) -> Edit:
    """Fresh names, which make a request of its own of the same one."""
    return Edit("names", (), number)


def _examples(description: Description) -> tuple[Edit, ...]:
    """The page's own example values, where they are others than the simplest ones."""
    return tuple(
        Edit("set", (node.path,), node.examples[1])
        for node in description.parameters
        if len(node.examples) > 1 and node.identifier is None
    )


def _late_refusals(description: Description) -> Iterator[Case]:
    """Reject cases of the last nodes first: a server that acts before it has checked everything is caught by these.

    What makes an orphan short-lived stays as it is: a server that creates something all the same would keep it.
    """
    lasting = description.creates.short_lived if description.creates else {}
    creating = [
        case
        for case in reject_cases(description)
        if len(case.edits) == 1 and case.edits[0].op == "set" and case.edits[0].location[0] not in lasting
    ]
    return iter(reversed(creating))


def _case(identifier: str, d: Description, steps: tuple[tuple[Edit, ...], ...]) -> Case:
    return Case(id=identifier, operation=d.operation, kind="sequence", steps=steps, aspects=(identifier,))
