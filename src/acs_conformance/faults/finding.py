"""Faults in which thing a call acts on: one that there is not, one of somebody else's, another than the one named.

In: the description of an operation that acts on what another one has created. Out: faults of looking things up, and of
the answers where there is nothing to act on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acs_conformance import lifecycle
from acs_conformance.cases.lifecycle import tells_case
from acs_conformance.description import ActsOn, Description
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import Overlooks, Seed, Spoiled, blind, with_body
from acs_conformance.faults.rows import answerable, internal, other_row, row_of
from acs_conformance.message import RawResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Seed):
    """A server on which a call acts on another thing than the one it names."""

    #: The id that a call names -> the thing; None: that which has the id, if there is one.
    finds: Callable[[Call, str, list[Job]], Job | None]

    def looked_up(self, call: Call, job: Job | None, memory: Memory) -> Job | None:  # noqa: ARG002
        """The other thing."""
        acts_on = call.description.acts_on
        named = call.document.get(acts_on.id) if acts_on is not None else None
        if acts_on is None or job is not None or not isinstance(named, str):
            return job
        return self.finds(call, named, [j for j in call.life.jobs if j.operation == acts_on.creator.operation])


def finding(description: Description) -> Iterator[Seed]:
    """All of them."""
    acts_on = description.acts_on
    if acts_on is None:
        return
    yield from _unknown(description, acts_on)
    yield from _foreign(description, acts_on)
    yield from _rows(description)
    yield from _after_end(description)


def _is(*keywords: str) -> Callable[[Call, list[Breach], Memory], bool]:
    return lambda _call, found, _memory: bool(found) and all(breach.keyword in keywords for breach in found)


def _unknown(d: Description, acts_on: ActsOn) -> Iterator[Seed]:
    key, name, thing = lifecycle.known_key(acts_on), acts_on.id, acts_on.thing
    yield blind(d, key, "ignore", f"{name} may name nothing", lambda _call, breach: breach.keyword == "known")

    def lookup(
        operator: str, says: str, finds: Callable[[Call, str, list[Job]], Job | None], detail: str = ""
    ) -> Lookup:
        suffix = f"#{detail}" if detail else ""
        return Lookup(id=f"{d.id(key)}!{operator}{suffix}", operator=operator, says=says, finds=finds)

    def first(fits: Callable[[str, str], object]) -> Callable[[Call, str, list[Job]], Job | None]:
        return lambda _call, named, jobs: next((job for job in jobs if fits(job.id, named)), None)

    says = f"where {name} names nothing, the %s {thing} is taken"
    yield lookup("some", says % "oldest", lambda _c, _n, jobs: jobs[0] if jobs else None, "oldest")
    yield lookup("some", says % "newest", lambda _c, _n, jobs: jobs[-1] if jobs else None, "newest")
    yield lookup("prefix", f"the beginning of {name} is enough", first(lambda known, named: known.startswith(named)))
    yield lookup("longer", f"{name} may go on", first(lambda known, named: named.startswith(known)))
    yield from _answers(d, key, "known", f"a {name} that names nothing")


def _foreign(d: Description, acts_on: ActsOn) -> Iterator[Seed]:
    for name in acts_on.same:
        key = lifecycle.same_key(name)

        def like(compares: Callable[[str, str], object], name: str = name) -> Overlooks:
            def overlooks(call: Call, breach: Breach) -> bool:
                if breach.keyword != "same" or breach.path != name or call.job is None:
                    return False
                return bool(compares(str(call.job.document.get(name)), str(call.document.get(name))))

            return overlooks

        yield blind(d, key, "ignore", f"{name} may be any", like(lambda _a, _b: True))
        if tells_case(d, key, name):
            says = f"{name} is compared without letter case"
            yield blind(d, key, "any-case", says, like(lambda a, b: a.lower() == b.lower()))
        yield blind(d, key, "prefix", f"the beginning of {name} is enough", like(lambda a, b: a.startswith(b)))
        yield blind(d, key, "longer", f"{name} may go on", like(lambda a, b: b.startswith(a)))
        yield from _answers(d, key, "same", f"a {name} that is another")


def _answers(d: Description, key: str, keyword: str, what: str) -> Iterator[Seed]:
    """Another answer than those about the world."""
    when = _is(keyword)
    world = (*d.world.missing, *d.world.forbidden)
    for row in (*(row for row in answerable(d) if row not in world), "BadRequest"):
        status = d.errors[row].status if row in d.errors else 400
        says = f"{what} is answered {status} {row}"
        yield Spoiled(
            id=f"{d.id(key)}!answer#{row}", operator="answer", says=says, spoil=other_row(row, status), when=when
        )
    yield Spoiled(id=f"{d.id(key)}!crash", operator="crash", says=f"500 on {what}", spoil=internal(d), when=when)
    empty = lambda _call, _found, response, _memory: _emptied(d, response)  # noqa: E731
    yield Spoiled(id=f"{d.id(key)}!empty", operator="empty", says=f"{what}: an empty success", spoil=empty, when=when)


def _emptied(d: Description, response: RawResponse) -> RawResponse:
    return with_body(response, {}, d.success_status)


def _rows(d: Description) -> Iterator[Seed]:
    """Each row about the world with another status, and with another spelling of its code."""
    for choice, rows in (("missing", d.world.missing), ("forbidden", d.world.forbidden)):
        needs = {"answer.unknown-thing": choice} if d.world.missing and d.world.forbidden else {}
        if rows:
            yield from row_of(d, rows[0], _is("known"), needs)


def _after_end(d: Description) -> Iterator[Seed]:
    """What has ended is refused in a way that no reading has."""
    if not any(question.trait == "ended" for question in d.questions):
        return

    def when(call: Call, found: list[Breach], _memory: Memory) -> bool:
        """Whether it had ended before this call, which may end it: the call has it as it was looked up."""
        return not found and call.job is not None and call.life.has_ended(call.job)

    says = "500 on what has ended"
    yield Spoiled(id=f"{d.id('availability')}!ended", operator="ended", says=says, spoil=internal(d), when=when)
    key, says = d.id("response.status"), "what has ended is answered 400 BadRequest"
    yield Spoiled(id=f"{key}!ended", operator="ended", says=says, spoil=other_row("BadRequest", 400), when=when)
