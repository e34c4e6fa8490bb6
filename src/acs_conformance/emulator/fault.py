"""Seeded defects: where a fault of the catalogue can reach into the emulator.

A fault sees one decoded call and may change what the emulator found or answers; the base class changes nothing. It must
know nothing of the suite: it plays a server, not a test.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from acs_conformance.description import Description, Json
from acs_conformance.emulator.envelope import Envelope
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.life import Life
from acs_conformance.emulator.validation import Breach
from acs_conformance.message import Headers, RawRequest, RawResponse

#: What a fault remembers between calls; one per emulator, empty at first.
Memory = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of the gateway: the request never reaches the operation."""

    status: int
    code: str
    #: Repeats what was signed, where that is the matter, and with it a security token.
    message: str = field(repr=False)
    #: Id of the check that refuses, such as "v3.nonce.unique"; "" where none of the gateway's does.
    check: str = ""
    #: Headers that the answer has besides the usual ones.
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a known operation, decoded and read as the policy says."""

    description: Description
    #: Parameter -> value. A text where a value could not be read; unknown parameters are not in it.
    document: dict[str, Json]
    request: RawRequest
    #: Trait words of the open questions that the request raises, such as "repeated-parameter".
    traits: frozenset[str]
    #: How many requests the emulator has been asked, and how many for this operation, this one included.
    number: int
    operation_number: int
    #: All created things, and the one that the call acts on, if it acts on one and there is one.
    life: Life
    job: Job | None = None


class Fault:
    """A server without a defect; a defect overrides one hook or several.

    Attributes:
        id: name in the catalogue.
    """

    id: str = "none"

    def concerns(self, operation: str) -> bool:  # noqa: ARG002
        """Whether calls of this operation are played with the defect; what the gateway does always is."""
        return True

    def refusal(self, envelope: Envelope, refused: Refusal | None, memory: Memory) -> Refusal | None:  # noqa: ARG002
        """What the gateway makes of a request, given what a faultless one does; None lets it pass."""
        return refused

    def turned_away(self, envelope: Envelope, refused: Refusal, response: RawResponse, memory: Memory) -> RawResponse:  # noqa: ARG002
        """The response that goes out where the gateway refuses, given the one made for `refused`."""
        return response

    def looked_up(self, call: Call, job: Job | None, memory: Memory) -> Job | None:  # noqa: ARG002
        """The thing that a call acts on, given the one whose id it names; asked where an operation acts on things."""
        return job

    def breaches(self, call: Call, found: list[Breach], memory: Memory) -> list[Breach]:  # noqa: ARG002
        """The breaches that the operation sees, given those there are, in document order; none: it succeeds.

        Where an operation acts on a thing, what stands in the way because of the thing comes last.
        """
        return found

    def ends(self, call: Call, found: list[Breach], jobs: list[Job], memory: Memory) -> list[Job]:  # noqa: ARG002
        """The things that any call ends, given those that it has to end; asked before it creates one."""
        return jobs

    def idle_limit_s(self, call: Call, limit_s: float | None, memory: Memory) -> float | None:  # noqa: ARG002
        """After how many seconds without use a created thing ends, given the right answer; None: never."""
        return limit_s

    def answer(
        self,
        call: Call,  # noqa: ARG002
        found: list[Breach],  # noqa: ARG002
        response: RawResponse,
        memory: Memory,  # noqa: ARG002
    ) -> RawResponse:
        """The response that goes out, given the one made for `found`."""
        return response
