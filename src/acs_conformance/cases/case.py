"""Cases: requests as differences from the simplest valid one.

In and out: `Edit`s and `Case`s, plain data that can be compared, packed, split and printed. What they mean is told by
`render`; whether a case is valid is for the oracle to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from acs_conformance.description import Json, Location
from acs_conformance.gateway_checks import Signing

Op = Literal[
    "set",  # put `value` at `location`
    "put",  # have what is optional at `location`, at its simplest unless it is there
    "remove",  # take `location` away
    "resize",  # make the list at `location` have `value` items, each valid and different
    "grow",  # as "resize", but not fewer than there have to be
    "turn",  # begin the list at `location` with its second item, and let the first one be the last
    "copy",  # put what stands at the location `value` at `location`
    "swapcase",  # as "copy", with the letters in the other case
    "extend",  # as "copy", with one more character
    "wrap",  # put a list of what stands at `location` there
    "unwrap",  # put the first item of the list at `location` there instead of the list
    "stringify",  # put what stands at `location` there as a text of JSON
    "pad",  # make the name at `location` exactly `value` characters long, and keep it a name of its own
    "text",  # send `value` as the text of the parameter `location`
    "mangle",  # send the JSON text of the parameter `location` spoiled or written otherwise, by a word of `mangle`
    "extra",  # send one more parameter: `location` is its name, `value` its text
    "rename",  # send the parameter `location` under the name `value`
    "reorder",  # send the parameters in reverse order
    "body",  # send the query as a form body instead
    "method",  # use the HTTP method `value`
    "whole",  # send just the parameters `value`, pairs of name and text
    "names",  # use the fresh names of the step `value` of the same case
    "again",  # send the very parameters of the step before
    "alter",  # put another value of the same shape at `location`, or the same "shorter", "longer", in other "case"
    "of",  # name what the step `value` of the same case created, instead of a thing that the cases share
    "wait",  # before sending, let `value` seconds go by
    "until",  # send the same again until the answer shows the state `value`, "ended" or "idle", or has had its time
]

Kind = Literal[
    "opening",  # the simplest valid request
    "accept",  # has to be accepted
    "reject",  # has to be refused
    "open",  # raises an open question
    "robust",  # only a 5xx is wrong
    "sequence",  # several requests that have to be accepted
    "wild",  # generated
    "gateway",  # tests the gateway
    "lifecycle",  # follows a thing through several operations
    "setup",  # creates what other cases act on
    "cleanup",  # ends what cases have created
    "stranger",  # calls an operation that does not exist
]


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference from the simplest valid request."""

    op: Op
    location: Location = ()
    value: Json = None
    #: What is shown when a request with this edit is accepted: ids of requirements with their aspect.
    aspects: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = ".".join(str(step) for step in self.location)
        shown = "" if self.value is None else f" {str(self.value)[:60]!r}"
        return f"{self.op} {where}{shown}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request, or a sequence of them, made to decide some aspects of requirements."""

    #: A requirement's id with the aspect that names the case: `ListItems.Name.pattern#U+0020`.
    id: str
    operation: str
    kind: Kind
    #: The edits of each request in order.
    steps: tuple[tuple[Edit, ...], ...]
    #: Ids with aspect that this case decides.
    aspects: tuple[str, ...]
    #: Edits that make other valid surroundings than the simplest; applied first, and left out to make a finding small.
    context: tuple[Edit, ...] = ()
    #: The operation that each step calls; none: the case's own.
    operations: tuple[str, ...] = ()
    #: How each request is signed, where that is what is tested.
    signing: tuple[Signing, ...] = ()
    #: Whether it belongs to the enumerated part of the plan, all of which a pass needs.
    is_enumerated: bool = True

    @property
    def requirement(self) -> str:
        """Id of the requirement that names the case."""
        return self.id.partition("#")[0]

    def operation_of(self, step: int) -> str:
        """The operation that a step calls."""
        return self.operations[step] if self.operations else self.operation

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits of the last request, the one that decides."""
        return self.steps[-1]


def requirement_of(aspect: str) -> str:
    """The requirement's id in an id with an aspect."""
    return aspect.partition("#")[0]


def single(
    identifier: str, operation: str, kind: Kind, edits: Iterable[Edit], aspects: Iterable[str] | None = None
) -> Case:
    """A case of one request; without `aspects` it decides its own id."""
    return Case(
        id=identifier,
        operation=operation,
        kind=kind,
        steps=(tuple(edits),),
        aspects=(identifier,) if aspects is None else tuple(aspects),
    )


def without_duplicates(cases: Iterable[Case]) -> list[Case]:
    """Cases with ids made unique: a repeated id would hide one of two results.

    Of two cases with the same edits and kind the first stays and takes the other's aspects.
    """
    by_edits: dict[tuple[object, ...], Case] = {}
    for case in cases:
        key = (case.operation, case.kind, case.operations, repr(case.context), repr(case.steps))
        known = by_edits.get(key)
        if known is None:
            by_edits[key] = case
        elif known.is_enumerated and not case.is_enumerated:
            continue  # what is drawn is not to change what is enumerated
        else:
            by_edits[key] = replace(known, aspects=tuple(dict.fromkeys((*known.aspects, *case.aspects))))
    return list(by_edits.values())
