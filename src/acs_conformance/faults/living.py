"""Faults in the lives of things: which one a call acts on, whether it ends and when, and what state is shown.

In: the description of an operation that acts on what another one has created. Out: faults of looking it up, and for an
operation that shows things those of their states, be they caused by the operation that creates them, shows them or ends
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from acs_conformance import lifecycle
from acs_conformance.description import ActsOn, Creates, Description, Shows
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import Seed, Spoiled, body_of, with_body
from acs_conformance.message import RawResponse

#: The things that a call ends instead of those that it has to end.
Ends = Callable[[Call, list[Breach], list[Job], Memory], list[Job]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Seed):
    """A server on which calls end other things than they have to."""

    ending: Ends

    def concerns(self, operation: str) -> bool:  # noqa: ARG002
        """Calls of all operations can end a thing, or not."""
        return True

    def ends(self, call: Call, found: list[Breach], jobs: list[Job], memory: Memory) -> list[Job]:
        """What is ended instead."""
        return self.ending(call, found, jobs, memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idling(Seed):
    """A server that takes another idle limit than it has to, in seconds; None is none at all."""

    limit: Callable[[Call, float], float | None]

    def concerns(self, operation: str) -> bool:  # noqa: ARG002
        """What matters is said to the operation that creates."""
        return True

    def idle_limit_s(self, call: Call, limit_s: float | None, memory: Memory) -> float | None:  # noqa: ARG002
        """The other limit."""
        return None if limit_s is None else self.limit(call, limit_s)


def living(description: Description) -> Iterator[Seed]:
    """All of them."""
    acts_on = description.acts_on
    if acts_on is None or acts_on.shows is None:
        return
    yield from _Lives(description, acts_on, acts_on.shows).faults()


class _Lives:
    """One operation that shows, and its faults."""

    def __init__(self, description: Description, acts_on: ActsOn, shows: Shows) -> None:
        self._d = description
        self._acts_on = acts_on
        self._shows = shows
        self._creator = acts_on.creator.operation
        self._ender = acts_on.ender.operation if acts_on.ender is not None else None

    def faults(self) -> Iterator[Seed]:
        if self._ender is not None:
            yield from self._not_ended()
            yield from self._shown_alive()
        yield from self._ended_by_others()
        yield from self._shown_ended()
        creates = self._acts_on.creator.creates
        if creates is not None and creates.idle_limit is not None:
            yield from self._idle(creates, creates.idle_limit)

    def _id(self, word: str, operator: str, detail: str = "") -> str:
        suffix = f"#{detail}" if detail else ""
        return f"{self._d.id(lifecycle.state_key(self._acts_on, word))}!{operator}{suffix}"

    def _ending(self, word: str, operator: str, says: str, ends: Ends, detail: str = "") -> Ending:
        return Ending(id=self._id(word, operator, detail), operator=operator, says=says, ending=ends)

    # --- what the operation that ends does not end --------------------------------------------------------------------

    def _not_ended(self) -> Iterator[Seed]:  # noqa: C901 - each server beside its fault
        def when(is_ended: Callable[[Call, list[Job], Memory], list[Job]]) -> Ends:
            return lambda call, _found, jobs, memory: is_ended(call, jobs, memory) if jobs else jobs

        def counted(lets_pass: Callable[[int], bool]) -> Ends:
            def ends(_call: Call, jobs: list[Job], memory: Memory) -> list[Job]:
                memory["ends"] = memory.get("ends", 0) + 1
                return jobs if lets_pass(memory["ends"]) else []

            return when(ends)

        end, thing = self._ender, self._acts_on.thing
        yield self._ending("ended", "ignore", f"{end} ends nothing", when(lambda _c, _j, _m: []))
        yield self._ending(
            "ended", "every-n-ignored", f"every second {end} ends nothing", counted(lambda n: n % 2 == 1), "2"
        )
        yield self._ending("ended", "once", f"only the first {end} ends anything", counted(lambda n: n == 1))

        def while_starting(call: Call, jobs: list[Job], _memory: Memory) -> list[Job]:
            return [job for job in jobs if call.life.state(job, self._shows) != self._shows.alive[0]]

        yield self._ending("ended", "not-while-starting", f"{end} ends no {thing} that starts", when(while_starting))

        def started(call: Call, jobs: list[Job], _memory: Memory) -> list[Job]:
            return [job for job in jobs if call.life.state(job, self._shows) == self._shows.alive[0]]

        yield self._ending("ended", "only-while-starting", f"{end} ends only a {thing} that starts", when(started))

        def another(last: bool) -> Ends:
            def ends(call: Call, jobs: list[Job], _memory: Memory) -> list[Job]:
                others = [job for job in self._alive(call) if job.id != jobs[0].id]
                return others[-1:] if last else others[:1]

            return when(ends)

        yield self._ending("ended", "another", f"{end} ends the oldest other {thing}", another(last=False), "oldest")
        yield self._ending("ended", "another", f"{end} ends the newest other {thing}", another(last=True), "newest")

        def late(call: Call, jobs: list[Job], _memory: Memory) -> list[Job]:
            within_s = self._acts_on.ender.acts_on.ends_within_s if self._acts_on.ender.acts_on else 0  # type: ignore[union-attr]
            for job in jobs:
                if job.ends_s is None:
                    call.life.jobs.put(replace(job, ends_s=call.life.now_s() + 4 * (within_s or 0)))
            return []

        yield self._ending("ended", "late", f"{end} takes four times as long as it may", when(late))

    # --- an ended thing that looks alive ------------------------------------------------------------------------------

    def _shown_alive(self) -> Iterator[Seed]:
        for state in self._shows.alive:
            says = f"a {self._acts_on.thing} that has ended is shown as {state}"
            yield self._shown(
                "ended", "shown-as", says, lambda _c, is_ended, _n, state=state: state if is_ended else None, state
            )
        alive = self._shows.alive[:2][-1]
        for number in (1, 2):
            says = f"after {number} answers that it has ended, a {self._acts_on.thing} is shown as {alive}"
            yield self._shown(
                "ended",
                "comes-back",
                says,
                lambda _c, is_ended, count, most=number: alive if is_ended and count > most else None,
                str(number),
            )

        def toggle(call: Call, found: list[Breach], jobs: list[Job], _memory: Memory) -> list[Job]:
            """The second end revives it."""
            if not found and call.job is not None and jobs and call.life.has_ended(call.job):
                call.life.jobs.put(replace(call.job, ends_s=None, idle_since_s=call.life.now_s()))
                return []
            return jobs

        says = f"{self._ender} of what has ended revives it"
        yield self._ending("ended", "toggle", says, toggle)

    # --- a thing that ends, or looks ended, too early -----------------------------------------------------------------

    def _shown_ended(self) -> Iterator[Seed]:
        thing = self._acts_on.thing
        for state in self._shows.ended:
            says = f"every {thing} is shown as {state}"
            yield self._shown("alive", "shown-as", says, lambda _c, _e, _n, state=state: state, state)
            says = f"a {thing} is shown as {state} at first"
            yield self._shown(
                "alive", "at-first", says, lambda _c, _e, n, state=state: state if n == 1 else None, state
            )
            says = f"a {thing} that starts is shown as {state}"
            starting = lambda c, _e, _n, state=state: state if self._is_starting(c) else None  # noqa: E731
            yield self._shown("alive", "while-starting", says, starting, state)
            says = f"a {thing} is shown as {state} from the third time on"
            yield self._shown(
                "alive", "from-third", says, lambda _c, _e, n, state=state: state if n > 2 else None, state
            )

    def _is_starting(self, call: Call) -> bool:
        return call.job is not None and call.life.state(call.job, self._shows) == self._shows.alive[0]

    def _ended_by_others(self) -> Iterator[Seed]:  # noqa: C901 - each server beside its fault
        show, create, end, thing = self._d.operation, self._creator, self._ender, self._acts_on.thing

        def of(operation: str | None, ends: Callable[[Call, list[Breach]], list[Job]]) -> Ends:
            return lambda call, found, jobs, _memory: (
                [*jobs, *ends(call, found)] if call.description.operation == operation else jobs
            )

        def it(call: Call, found: list[Breach]) -> list[Job]:
            return [call.job] if call.job is not None and not found else []

        def it_though_refused(call: Call, found: list[Breach]) -> list[Job]:
            return [call.job] if call.job is not None and found else []

        def all_after(is_refused: bool) -> Callable[[Call, list[Breach]], list[Job]]:
            return lambda call, found: self._alive(call) if bool(found) == is_refused else []

        def all_if_absent(call: Call, found: list[Breach]) -> list[Job]:
            name = call.description.acts_on.id if call.description.acts_on else ""
            return self._alive(call) if found and name not in call.document else []

        def beside(call: Call, found: list[Breach]) -> list[Job]:
            """Those made for the same."""
            made_for = call.job.document if call.job is not None else call.document
            if found:
                return []
            return [job for job in self._alive(call) if self._bound(job.document) == self._bound(made_for)]

        def next_one(call: Call, found: list[Breach]) -> list[Job]:
            jobs = list(call.life.jobs)
            at = next((i for i, job in enumerate(jobs) if call.job is not None and job.id == call.job.id), len(jobs))
            return jobs[at + 1 : at + 2] if not found else []

        def one_before(call: Call, found: list[Breach]) -> list[Job]:
            jobs = list(call.life.jobs)
            at = next((i for i, job in enumerate(jobs) if call.job is not None and job.id == call.job.id), 0)
            return jobs[max(0, at - 1) : at] if not found else []

        yield self._ending("alive", "show-ends", f"{show} ends the {thing} that it shows", of(show, it))
        says = f"{show} ends a {thing} that it refuses to show"
        yield self._ending("alive", "refused-show-ends", says, of(show, it_though_refused))
        says = f"{create} ends all earlier ones"
        yield self._ending("alive", "create-ends", says, of(create, all_after(is_refused=False)), "all")
        says = f"{create} ends those made for the same"
        yield self._ending("alive", "create-ends", says, of(create, beside), "same")
        says = f"a refused {create} ends all that there are"
        yield self._ending("alive", "refused-create-ends", says, of(create, all_after(is_refused=True)))
        if end is not None:
            says = f"{end} ends all that there are"
            yield self._ending("alive", "ends-more", says, of(end, all_after(is_refused=False)), "all")
            says = f"{end} ends all that were made for the same"
            yield self._ending("alive", "ends-more", says, of(end, beside), "same")
            yield self._ending("alive", "ends-more", f"{end} ends the next one too", of(end, next_one), "next")
            yield self._ending("alive", "ends-more", f"{end} ends the one before too", of(end, one_before), "before")
            says = f"{end} ends a {thing} though it is refused"
            yield self._ending("alive", "refused-ends", says, of(end, it_though_refused), "one")
            says = f"a refused {end} ends all that there are"
            yield self._ending("alive", "refused-ends", says, of(end, all_after(is_refused=True)), "all")
            says = f"{end} that names no {thing} ends all that there are"
            yield self._ending("alive", "refused-ends", says, of(end, all_if_absent), "absent")

    # --- idle limits --------------------------------------------------------------------------------------------------

    def _idle(self, creates: Creates, name: str) -> Iterator[Seed]:
        usual = self._acts_on.creator.nodes[name].schema["default"]
        thing = self._acts_on.thing
        for word, operator, detail, says, limit in (
            ("idle", "ignore", "", f"{name} is ignored", lambda _c, _s: None),
            ("idle", "default", "", f"{name} is {usual} whatever is given", lambda _c, _s: usual),
            ("idle", "scaled", "10", "an idle limit is ten times as long", lambda _c, s: s * 10),
            ("idle", "scaled", "60", "an idle limit is taken for minutes", lambda _c, s: s * 60),
            ("alive", "scaled", "0.1", "an idle limit is a tenth as long", lambda _c, s: s / 10),
            ("alive", "scaled", "0.5", "an idle limit is half as long", lambda _c, s: s / 2),
            ("alive", "scaled", "0.001", "an idle limit is taken for milliseconds", lambda _c, s: s / 1000),
            (
                "alive",
                "shortest",
                "",
                f"{name} is the smallest one whatever is given",
                lambda _c, _s: min(creates.short_lived.get(name, usual), usual),
            ),
            ("idle", "twice", "", "an idle limit is twice as long", lambda _c, s: s * 2),
        ):
            yield Idling(id=self._id(word, operator, detail), operator=operator, says=says, limit=limit)

        def never_by_default(call: Call, limit_s: float) -> float | None:
            return limit_s if name in call.document else None

        yield Idling(
            id=self._id("idle", "not-by-default"),
            operator="not-by-default",
            says=f"a {thing} that was given no {name} never ends by itself",
            limit=never_by_default,
            found_at="exhaustive",  # it takes the whole default
        )

        def restarted(call: Call, found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
            if call.job is not None and not found:
                call.life.restart_idle(call.job)
            return response

        says = f"{self._d.operation} lets the time without use begin anew"
        yield Spoiled(id=self._id("idle", "restart"), operator="restart", says=says, spoil=restarted)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _alive(self, call: Call) -> list[Job]:
        return [job for job in call.life.jobs if job.operation == self._creator and not call.life.has_ended(job)]

    def _bound(self, document: object) -> str:
        """The values of the parameters that name what things are made for."""
        bound = [n.path for n in self._acts_on.creator.parameters if n.identifier == "bound"]
        return repr([document.get(path) for path in bound] if isinstance(document, dict) else [])

    def _shown(
        self,
        word: str,
        operator: str,
        says: str,
        state: Callable[[Call, bool, int], str | None],
        detail: str,
    ) -> Spoiled:
        """A server that shows another state; `state` gets the call, whether it has ended, how often that was shown."""
        shows = self._shows

        def spoil(call: Call, found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
            if found or call.job is None:
                return response
            body = body_of(response)
            is_ended = body[shows.at][shows.state] in shows.ended
            counts = memory.setdefault("shown", {})
            key = (call.job.id, is_ended)
            counts[key] = counts.get(key, 0) + 1
            other = state(call, is_ended, counts[key])
            if other is None:
                return response
            body[shows.at][shows.state] = other
            return with_body(response, body)

        return Spoiled(id=self._id(word, operator, detail), operator=operator, says=says, spoil=spoil)
