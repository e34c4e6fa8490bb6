"""What calls leave behind, in memory: created things by id, and the names that they use.

In: the document of a successful call. Out: a record under a new id. It knows neither requests nor answers; what becomes
of a thing over time is not decided here.
"""

from __future__ import annotations

import itertools
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from acs_conformance.description import Json

#: A name that can be used once: the rule that says so, the scope in which it holds, the name.
Name = tuple[str, Json, Json]


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
    """One created thing."""

    id: str
    #: The operation that created it.
    operation: str
    document: Mapping[str, Json]
    #: Unix time in seconds.
    created_s: float
    names: tuple[Name, ...]


class Jobs:
    """The things that exist, oldest first.

    Args:
        new_id: returns another text at each call.
        capacity: how many are kept; beyond it the oldest is forgotten, which a client can't tell from one that ended.
    """

    def __init__(self, *, new_id: Callable[[], str], capacity: int) -> None:
        self._new_id = new_id
        self._capacity = capacity
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._uses: Counter[Name] = Counter()

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """The thing with this id, or None."""
        return self._jobs.get(job_id)

    def has_name(self, name: Name) -> bool:
        """Whether a thing uses a name."""
        return name in self._uses

    def create(self, operation: str, document: Mapping[str, Json], created_s: float, names: Iterable[Name] = ()) -> Job:
        """A new thing made of a call's document, which must not change afterwards."""
        job = Job(id=self._new_id(), operation=operation, document=document, created_s=created_s, names=tuple(names))
        self._jobs[job.id] = job
        self._uses.update(job.names)
        if len(self._jobs) > self._capacity:
            self.remove(next(iter(self._jobs)))
        return job

    def remove(self, job_id: str) -> None:
        """Forgets a thing, if there is one with this id, and frees the names that no other one uses."""
        job = self._jobs.pop(job_id, None)
        for name in job.names if job else ():
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._uses[name]
