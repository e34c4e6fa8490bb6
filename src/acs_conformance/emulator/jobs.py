"""What calls leave behind, in memory: created things by id, and the names that they use.

In: the document of a successful call. Out: a record under a new id. It knows neither requests nor answers, and no
clock: when a thing ends is said by `life`.
"""

from __future__ import annotations

import itertools
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from acs_conformance.description import Json

#: A name that can be used once: the rule that says so, the scope in which it holds, the name.
Name = tuple[str, str, str]


def identifiers(seed: str | None = None) -> Iterator[str]:
    """UUID-like texts in lower case, all different: a random prefix and a counter.

    They cost a tenth of real UUIDs, and a server makes two for each request.

    Args:
        seed: 18 hexadecimal digits; the same ones give the same texts. None: random ones.
    """
    digits = seed or secrets.token_hex(9)
    prefix = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-"
    return (f"{prefix}{number:012x}" for number in itertools.count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One created thing. Times are seconds of the lifecycle's clock."""

    id: str
    #: The operation that created it.
    operation: str
    document: Mapping[str, Json]
    created_s: float
    names: tuple[Name, ...] = ()
    #: How long it lives without use; None: for ever.
    idle_limit_s: float | None = None
    #: Since when nobody publishes what it uses; None while somebody does.
    idle_since_s: float | None = None
    #: Whether it has ever been used.
    has_run: bool = False
    #: When it ends because it was told to; None: it was not.
    ends_s: float | None = None


class JobStore(Protocol):
    """The things that there are, oldest first; those that have ended are among them."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __iter__(self) -> Iterator[Job]:
        """All of them, the oldest first."""
        ...

    def get(self, job_id: str) -> Job | None:
        """The thing with this id, or None."""
        ...

    def using(self, name: Name) -> list[Job]:
        """The things that use a name."""
        ...

    def add(self, job: Job) -> None:
        """Keeps a new thing; beyond the capacity the oldest one is forgotten."""
        ...

    def put(self, *jobs: Job) -> None:
        """Keeps new states of things in the place of the old ones; nothing, where a thing is forgotten already."""
        ...

    def remove(self, job_id: str) -> None:
        """Forgets a thing, if there is one with this id."""
        ...

    def release(self, job: Job) -> None:
        """Frees the names that a thing uses; it is kept."""
        ...

    def note(self, name: str) -> Json:
        """What was noted under a name; None if nothing was."""
        ...

    def keep_note(self, name: str, value: Json) -> None:
        """Notes something under a name, for whoever opens the store again."""
        ...

    def close(self) -> None:
        """Lets go of what it is kept in."""
        ...


class Jobs:
    """The things that exist, in memory; a `JobStore`.

    Args:
        capacity: how many are kept.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._users: dict[Name, list[str]] = {}
        self._notes: dict[str, Json] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """The thing with this id, or None."""
        return self._jobs.get(job_id)

    def using(self, name: Name) -> list[Job]:
        """The things that use a name."""
        return [self._jobs[job_id] for job_id in self._users.get(name, ())]

    def add(self, job: Job) -> None:
        """Keeps a new thing, whose document must not change afterwards; beyond the capacity the oldest is forgotten."""
        self._jobs[job.id] = job
        for name in job.names:
            self._users.setdefault(name, []).append(job.id)
        if len(self._jobs) > self._capacity:
            self.remove(next(iter(self._jobs)))

    def put(self, *jobs: Job) -> None:
        """Keeps new states of things in the place of the old ones."""
        for job in jobs:
            if job.id in self._jobs:
                self._jobs[job.id] = job

    def remove(self, job_id: str) -> None:
        """Forgets a thing, if there is one with this id, and frees the names that no other one uses."""
        job = self._jobs.pop(job_id, None)
        if job is not None:
            self._free(job)

    def release(self, job: Job) -> None:
        """Frees the names that a thing uses; it is kept."""
        self._free(job)
        self.put(replace(job, names=()))

    def _free(self, job: Job) -> None:
        for name in job.names:
            users = self._users[name]
            users.remove(job.id)
            if not users:
                del self._users[name]

    def note(self, name: str) -> Json:
        """What was noted under a name; None if nothing was."""
        return self._notes.get(name)

    def keep_note(self, name: str, value: Json) -> None:
        """Notes something under a name."""
        self._notes[name] = value

    def close(self) -> None:
        """Nothing is to be let go of."""


def new_id(ids: Callable[[], str], store: JobStore) -> str:
    """An id that no thing has. A store that outlives its server may hold ids of the same seed."""
    while True:
        found = ids()
        if store.get(found) is None:
            return found
