"""The kinds of fault: what a seeded defect is made of.

A fault plays inside the emulator (`emulator.fault`): it drops a breach that it should have seen, sees one that is none,
or spoils an answer. All of them are plain functions of the call; what they remember is in the emulator's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl

from acs_conformance.description import Description, Json, get
from acs_conformance.emulator.acting import OF_THING
from acs_conformance.emulator.fault import Call, Fault, Memory
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.message import RawResponse

#: The depth at which the suite promises to find it.
FoundAt = Literal["standard", "exhaustive"]

When = Callable[[Call, list[Breach], Memory], bool]

#: Whether a breach is overlooked.
Overlooks = Callable[[Call, Breach], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed(Fault):
    """What every fault of the catalogue says of itself."""

    #: `<Operation>.<path>.<keyword>!<operator>`, with what it is about after "#".
    id: str
    #: Name of the mutation operator.
    operator: str
    #: What is wrong with such a server, as a sentence.
    says: str
    found_at: FoundAt = "standard"
    #: Choices of the emulator's policy without which the fault could not show.
    needs: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, operation: str) -> bool:
        """Whether calls of an operation are played with it: those of the one that it is named after."""
        return self.id.startswith(f"{operation}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind(Seed):
    """A server that does not see some breaches."""

    #: Whether it overlooks this breach.
    overlooks: Overlooks
    #: Only in these calls.
    when: When | None = None

    def breaches(self, call: Call, found: list[Breach], memory: Memory) -> list[Breach]:
        """What is left to be seen."""
        if self.when is not None and not self.when(call, found, memory):
            return found
        return [breach for breach in found if not self.overlooks(call, breach)]


def blind(
    d: Description,
    key: str,
    operator: str,
    says: str,
    overlooks: Overlooks,
    detail: str = "",
    *,
    exhaustive: bool = False,
) -> Blind:
    """A server that overlooks something in all calls; `key` names the requirement."""
    return Blind(
        id=f"{d.id(key)}!{operator}{f'#{detail}' if detail else ''}",
        operator=operator,
        says=says,
        overlooks=overlooks,
        found_at="exhaustive" if exhaustive else "standard",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strict(Seed):
    """A server that refuses what it has to accept."""

    #: Whether it refuses this call, in which there is no breach.
    refuses: Callable[[Call], bool]
    when: When | None = None

    def breaches(self, call: Call, found: list[Breach], memory: Memory) -> list[Breach]:
        """One breach more, where there was none in the form of the call."""
        is_time = self.when is None or self.when(call, found, memory)  # asked each time: it may count
        if any(breach.keyword not in OF_THING for breach in found) or not is_time or not self.refuses(call):
            return found
        rows = call.description.refusals.other
        return [*found, Breach(location=(), path="", keyword="unsupported", kind="other", rows=rows)]


#: Makes the wrong answer of the right one.
Spoil = Callable[[Call, list[Breach], RawResponse, Memory], RawResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled(Seed):
    """A server whose answers are not as documented."""

    spoil: Spoil
    when: When | None = None

    def answer(self, call: Call, found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
        """The spoiled answer."""
        if self.when is not None and not self.when(call, found, memory):
            return response
        return self.spoil(call, found, response, memory)


def spoiled(
    d: Description,
    key: str,
    operator: str,
    says: str,
    spoil: Spoil,
    when: When | None = None,
    detail: str = "",
    needs: Mapping[str, str] | None = None,
) -> Spoiled:
    """A server whose answers are spoiled in some calls; `key` names the requirement."""
    return Spoiled(
        id=f"{d.id(key)}!{operator}{f'#{detail}' if detail else ''}",
        operator=operator,
        says=says,
        spoil=spoil,
        when=when,
        needs=needs or {},
    )


# --- what faults ask of a call ----------------------------------------------------------------------------------------


def at(call: Call, path_steps: tuple[str, ...]) -> list[Json]:
    """The values that a path leads to."""
    return [value for _, value in find(call.document, path_steps)]


def value_of(call: Call, breach: Breach) -> Json:
    """The value at a breach's place; None where there is none."""
    try:
        return get(call.document, breach.location)
    except LookupError:
        return None


def by_value(path: str, keyword: str, lets_pass: Callable[[Json], bool]) -> Overlooks:
    """Overlooks a breach of this keyword at this path where the value is one that `lets_pass`."""
    return lambda call, breach: breach.path == path and breach.keyword == keyword and lets_pass(value_of(call, breach))


def of_text(lets_pass: Callable[[str], object]) -> Callable[[Json], bool]:
    """A test of texts as one of any values."""
    return lambda value: isinstance(value, str) and bool(lets_pass(value))


def texts_of(call: Call) -> dict[str, str]:
    """The parameters as texts, the first of each name."""
    found: dict[str, str] = {}
    for name, text in parse_qsl(call.request.query, keep_blank_values=True, errors="surrogateescape"):
        found.setdefault(name, text)
    return found


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


# --- answers ----------------------------------------------------------------------------------------------------------


def body_of(response: RawResponse) -> dict[str, Json]:
    """The JSON object in a response of the emulator."""
    body: dict[str, Json] = json.loads(response.body)
    return body


def with_body(response: RawResponse, body: Json, status: int | None = None) -> RawResponse:
    """The response with another JSON body, and perhaps another status."""
    return replace(response, status=status or response.status, body=json.dumps(body).encode())


def with_members(response: RawResponse, members: Mapping[str, Json], status: int | None = None) -> RawResponse:
    """The response with some members of its body replaced."""
    return with_body(response, {**body_of(response), **members}, status)


def every(number: int) -> When:
    """Every so many requests for the operation."""
    return lambda call, _found, _memory: call.operation_number % number == 0


def put(members: Mapping[str, Json]) -> Spoil:
    """Some members of the body are replaced."""
    return lambda _call, _found, response, _memory: with_members(response, members)


def with_status(status: int) -> Spoil:
    """The status is another one."""
    return lambda _call, _found, response, _memory: replace(response, status=status)
