"""The life of created things: a clock of their own, who publishes what they use, and when each of them ends.

    first alive state -> second alive state <-> last alive state -> ended

A thing starts for a moment, is used while somebody publishes, recovers when nobody does any more, and ends by itself
after its idle limit without use, or when it is told to. Nothing happens in the background: what a thing does at a
moment follows from what is recorded of it, so that a clock can be moved and ten thousand things cost nothing.

Its clock is real time and what has been added to it. Only lives are moved by it: dates of requests, nonces and tokens
are compared with clocks of others, which nobody moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from acs_conformance.description import Json, Shows, steps
from acs_conformance.emulator.jobs import Job, JobStore, Name, new_id
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.validation import find

#: Path of a parameter or member that things were created with -> its value. An empty one fits all.
Where = Mapping[str, Json]


class Life:
    """All things of an emulator, and their time.

    Args:
        jobs: where they are kept.
        clock: returns Unix time in seconds.
        ids: returns another text at each call.
        policy: what is left open about lives.
        starts_after_s: how long a thing starts, in seconds.
    """

    def __init__(
        self,
        jobs: JobStore,
        *,
        clock: Callable[[], float],
        ids: Callable[[], str],
        policy: Policy,
        starts_after_s: float,
    ) -> None:
        self.jobs = jobs
        self._clock = clock
        self._ids = ids
        self._starts_after_s = 0.0 if policy.life("life.start") == "at-once" else starts_after_s
        self._idle = policy.life("life.idle")
        self._stops_later = policy.life("life.stop") == "later"
        #: Seconds that the clock has been moved by.
        self.advanced_s: float = jobs.note("advanced_s") or 0.0
        self._latest_s = float("-inf")
        self._publishers: list[tuple[str | None, dict[str, Json]]] = [
            (job_id, where) for job_id, where in jobs.note("publishers") or ()
        ]

    # --- time -------------------------------------------------------------------------------------------------------

    def now_s(self) -> float:
        """The time that lives go by; it never goes back, so that what has ended stays so."""
        now_s = self._clock() + self.advanced_s
        self._latest_s = max(now_s, self._latest_s)
        return self._latest_s

    def advance(self, seconds: float) -> float:
        """Lets seconds go by; the time then."""
        self.advanced_s += seconds
        self.jobs.keep_note("advanced_s", self.advanced_s)
        return self.now_s()

    # --- things -----------------------------------------------------------------------------------------------------

    def create(
        self,
        operation: str,
        document: Mapping[str, Json],
        names: Iterable[Name] = (),
        idle_limit_s: float | None = None,
    ) -> Job:
        """A new thing made of a call's document, which must not change afterwards."""
        now_s = self.now_s()
        job = Job(
            id=new_id(self._ids, self.jobs),
            operation=operation,
            document=document,
            created_s=now_s,
            names=tuple(names),
            idle_limit_s=idle_limit_s,
            idle_since_s=now_s,
        )
        if self._publishers and self._is_published(job):
            job = replace(job, idle_since_s=None, has_run=True)
        self.jobs.add(job)
        return job

    def is_used(self, name: Name) -> bool:
        """Whether a thing that has not ended uses a name."""
        for job in self.jobs.using(name):
            if not self.has_ended(job):
                return True
            self.jobs.release(job)  # for good: the names of thousands that have ended are not looked through again
        return False

    def has_ended(self, job: Job) -> bool:
        """Whether a thing has ended by now."""
        now_s = self.now_s()
        if job.ends_s is not None and now_s >= job.ends_s:
            return True
        if job.idle_since_s is None or job.idle_limit_s is None:
            return False
        return now_s >= job.idle_since_s + job.idle_limit_s

    def state(self, job: Job, shows: Shows) -> str:
        """The state of a thing by now, in the words of an operation that shows it."""
        if self.has_ended(job):
            return shows.ended[0]
        first, second, last = shows.alive[0], shows.alive[:2][-1], shows.alive[-1]
        if self.now_s() < job.created_s + self._starts_after_s:
            return first
        if job.idle_since_s is None:
            return second
        return last if job.has_run else {"second": second, "first": first, "last": last}[self._idle]

    def end(self, job: Job, within_s: float) -> None:
        """Ends a thing now, or by policy a tenth of `within_s` later; one that has ended stays as it is."""
        if not self.has_ended(job):
            ends_s = self.now_s() + (within_s / 10 if self._stops_later else 0)
            if job.ends_s is None or ends_s < job.ends_s:
                self.jobs.put(replace(job, ends_s=ends_s))

    def restart_idle(self, job: Job) -> None:
        """Lets the time without use begin anew."""
        if not self.has_ended(job) and job.idle_since_s is not None:
            self.jobs.put(replace(job, idle_since_s=self.now_s()))

    # --- publishers -------------------------------------------------------------------------------------------------

    def join(self, where: Where | None = None, *, job_id: str | None = None) -> int:
        """Lets somebody publish what some things use, also those that are created later.

        Args:
            where: what the things were created with: path of a parameter or member -> value. Empty: all things.
            job_id: one thing only.

        Returns:
            How many things are used by that now.
        """
        self._publishers.append((job_id, dict(where or {})))
        return self._settle()

    def leave(self, where: Where | None = None, *, job_id: str | None = None) -> bool:
        """Lets those leave that have joined with the same arguments; whether there were any."""
        left = [each for each in self._publishers if each != (job_id, dict(where or {}))]
        if len(left) == len(self._publishers):
            return False
        self._publishers = left
        self._settle()
        return True

    def publishers(self) -> Iterator[tuple[str | None, Where]]:
        """Who publishes: the thing that it is for, or None, and what things were created with that use it."""
        return iter(self._publishers)

    def _is_published(self, job: Job) -> bool:
        return any(
            (job_id is None or job_id == job.id)
            and all(value in [found for _, found in find(job.document, steps(path))] for path, value in where.items())
            for job_id, where in self._publishers
        )

    def _settle(self) -> int:
        """Tells all things that have not ended who publishes now; how many of them are used."""
        self.jobs.keep_note("publishers", self._publishers)
        used, changed = 0, []
        for job in [job for job in self.jobs if not self.has_ended(job)]:
            is_published = self._is_published(job)
            used += is_published
            if is_published and job.idle_since_s is not None:
                changed.append(replace(job, idle_since_s=None, has_run=True))
            elif not is_published and job.idle_since_s is None:
                changed.append(replace(job, idle_since_s=self.now_s()))
        self.jobs.put(*changed)
        return used
