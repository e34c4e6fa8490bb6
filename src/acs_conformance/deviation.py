"""Deviations: known differences between a target and its contract, accepted for a reason and until a day.

In: deviations as files have them, the results of a run and its day. Out: a `Review`: which failures they cover, which
deviations have expired, soon will, or no longer occur. Pure. A failure stays a failure; what a deviation changes is
that it is expected.

A deviation is narrow: it names requirements, and what was received by the cause of the failure. The same requirement
failing for another cause is another failure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from acs_conformance.errors import ProfileError, SelectionError
from acs_conformance.toml_source import Key, TomlSource
from acs_conformance.verdict import Result, Verdict

#: Days before its last one from which on the end of a deviation is announced.
NOTICE_DAYS = 14
#: The cause that leaves open which answer came; the answer is named beside it.
_OPEN_CAUSE = "refused"

State = Literal["covers", "expired", "gone", "not tested"]


class Failure(NamedTuple):
    """A way in which a requirement fails, equal for failures that look alike, whatever the request."""

    cause: str
    #: Status and code without its suffix, where the cause leaves open which answer came; else "".
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One accepted difference, as a file has it."""

    requirements: tuple[str, ...]
    cause: str
    #: Status and code of the answer; "" for any answer of that cause.
    answer: str = ""
    reason: str
    #: The last day on which it covers, in UTC.
    until: date
    source: TomlSource = field(repr=False, compare=False)
    key: Key = field(repr=False)

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.source.path}:{self.source.line(self.key)}"

    def error(self, key: Key, reason: str) -> ProfileError:
        """A ProfileError at `key` of this deviation."""
        return self.source.error((*self.key, *key), reason)

    def matches(self, requirement: str, failure: Failure) -> bool:
        """Whether this is the failure that it speaks of."""
        is_answer = self.answer in ("", failure.answer)
        return requirement in self.requirements and self.cause == failure.cause and is_answer

    def days_left(self, today: date) -> int:
        """Days that it covers after today; negative once it has expired."""
        return (self.until - today).days

    def check_against(self, known: Collection[str]) -> None:
        """Hold its requirements to the ids there are.

        Raises:
            ProfileError: there is no such requirement.
        """
        for index, name in enumerate(self.requirements):
            if name not in known:
                raise self.error(("requirements", index), str(SelectionError("requirement", name, known)))


def read(source: TomlSource, above: Key) -> tuple[Deviation, ...]:
    """The deviations in the table at `above` of a file that its schema allows."""
    table: Mapping[str, Any] = source.data
    for step in above:
        table = table[str(step)]
    return tuple(
        Deviation(
            requirements=tuple(entry["requirements"]),
            cause=entry["cause"],
            answer=entry.get("answer", ""),
            reason=entry["reason"],
            until=date.fromisoformat(str(entry["until"])),
            source=source,
            key=(*above, "deviations", index),
        )
        for index, entry in enumerate(table.get("deviations", ()))
    )


# --- what a run shows of them -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What a run shows of one deviation."""

    deviation: Deviation
    state: State
    days_left: int
    #: Requirements that failed as it says, and those that were decided and did not.
    occurred: tuple[str, ...]
    gone: tuple[str, ...]
    #: Those of the latter that fail for something that no deviation speaks of -> for what.
    instead: Mapping[str, tuple[Failure, ...]] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        """What its owner has to do something about, in words; "" for nothing."""
        parts = []
        if self.days_left < 0 and self.state != "gone":
            parts.append(f"expired after {self.deviation.until}, so it covers nothing")
        elif self.days_left <= NOTICE_DAYS and self.state != "gone":
            parts.append(f"expires {_in_days(self.days_left)}, after {self.deviation.until}")
        for name, failures in self.instead.items():
            who = "the requirement fails" if len(self.deviation.requirements) == 1 else f"{name} fails"
            parts.append(f"{who} for another cause: {' and '.join(map(_shown, failures))}; did you mean it?")
        gone = [name for name in self.gone if name not in self.instead]
        if gone:
            which = "" if len(gone) == len(self.deviation.requirements) else f" for {', '.join(gone)}"
            parts.append(f"no longer occurs{which}: remove it")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """All deviations after a run."""

    deviations: tuple[Reviewed, ...] = ()
    #: Requirement -> its failures, each with how often it was seen.
    failures: Mapping[str, Mapping[Failure, int]] = field(default_factory=dict)
    #: (requirement, failure) -> position of the deviation that speaks of it, one in force before one that has expired.
    spoken_of: Mapping[tuple[str, Failure], int] = field(default_factory=dict)

    def covers(self, requirement: str, failure: Failure) -> bool:
        """Whether a deviation in force speaks of the failure."""
        position = self.spoken_of.get((requirement, failure))
        return position is not None and self.deviations[position].days_left >= 0

    def covers_cause(self, requirement: str, cause: str) -> bool:
        """Whether all failures that the requirement has for a cause are covered."""
        mine = [failure for failure in self.failures.get(requirement, ()) if failure.cause == cause]
        return bool(mine) and all(self.covers(requirement, failure) for failure in mine)

    @property
    def covered(self) -> frozenset[str]:
        """Requirements that fail, with every failure covered."""
        return frozenset(
            name for name, mine in self.failures.items() if mine and all(self.covers(name, each) for each in mine)
        )


def failure_of(cause: str, received: str) -> Failure:
    """The failure that an observation with this cause and received text shows."""
    return Failure(cause, received.partition(".")[0] if cause == _OPEN_CAUSE else "")


def review(deviations: Sequence[Deviation], results: Iterable[Result], today: date, *, is_whole: bool = True) -> Review:
    """Hold deviations to what a run has found.

    Args:
        deviations: all that apply to the target.
        results: of the selected requirements.
        today: the day of the run, in UTC.
        is_whole: whether requirements were tested by all of their cases, so that what was not seen is gone.
    """
    by_id = {result.requirement.id: result for result in results}
    failures: dict[str, dict[Failure, int]] = {}
    for name, result in by_id.items():
        counts = failures.setdefault(name, {})
        for observation in result.failures:
            seen = failure_of(observation.cause, observation.received)
            counts[seen] = counts.get(seen, 0) + 1
    decided = {name for name, result in by_id.items() if is_whole and _is_decided(result)}
    strange = {
        name: tuple(each for each in counts if not any(deviation.matches(name, each) for deviation in deviations))
        for name, counts in failures.items()
    }
    reviewed = tuple(_reviewed(deviation, failures, strange, decided, today) for deviation in deviations)
    spoken_of = {}
    for name, counts in failures.items():
        for failure in counts:
            fitting = [n for n, each in enumerate(deviations) if each.matches(name, failure)]
            in_force = [n for n in fitting if reviewed[n].days_left >= 0]
            if fitting:
                spoken_of[name, failure] = (in_force or fitting)[0]
    return Review(deviations=reviewed, failures=failures, spoken_of=spoken_of)


def _is_decided(result: Result) -> bool:
    return result.verdict in (Verdict.PASS, Verdict.FAIL) and result.decided == result.planned


def _reviewed(
    deviation: Deviation,
    failures: Mapping[str, Mapping[Failure, int]],
    strange: Mapping[str, tuple[Failure, ...]],
    decided: Collection[str],
    today: date,
) -> Reviewed:
    occurred = tuple(
        name
        for name in deviation.requirements
        if any(deviation.matches(name, failure) for failure in failures.get(name, ()))
    )
    gone = tuple(name for name in deviation.requirements if name in decided and name not in occurred)
    days_left = deviation.days_left(today)
    state: State = "gone" if len(gone) == len(deviation.requirements) else "not tested"
    if occurred:
        state = "covers" if days_left >= 0 else "expired"
    instead = {name: strange[name] for name in gone if strange.get(name)}
    return Reviewed(
        deviation=deviation, state=state, days_left=days_left, occurred=occurred, gone=gone, instead=instead
    )


def _shown(failure: Failure) -> str:
    return f"{failure.cause!r}, {failure.answer}" if failure.answer else repr(failure.cause)


def _in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
