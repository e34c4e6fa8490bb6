"""Operations that act on what another one created: which thing a call means, and what stands in its way.

In: the document of a call. Out: the thing, and a breach where there is none, where it is another's, or where it has
ended and this server refuses that. The error rows are those that speak of the world.
"""

from __future__ import annotations

from collections.abc import Mapping

from acs_conformance.description import ActsOn, Description, Json
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.life import Life
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.validation import Breach, is_vacant

#: Keywords of breaches that speak of the thing: there is none, it is another's, or it has ended.
OF_THING = frozenset({"known", "same", "ended"})


class Acting:
    """How one operation finds what it acts on.

    Args:
        description: the contract.
        acts_on: what it says of that.
        policy: the server's choices.
    """

    def __init__(self, description: Description, acts_on: ActsOn, policy: Policy) -> None:
        self._acts_on = acts_on
        self._creator = acts_on.creator.operation
        self._names = (acts_on.id, *acts_on.same)
        world = description.world
        rows = {"missing": world.missing, "forbidden": world.forbidden}
        usual = world.missing or world.forbidden or description.refusals.other
        self._unknown = rows.get(policy.choice(description, "answer.unknown-thing"), ()) or usual
        self._foreign = rows.get(policy.choice(description, "answer.foreign-thing"), ()) or usual
        self._looks_first = policy.choice(description, "answer.lookup-order") == "lookup-first"
        question = next((q for q in description.questions if q.trait == "ended"), None)
        reading = policy.reading(description, question) if question else None
        self._ended = reading.refusals if reading and reading.effect == "refuse" else ()
        self._question = question.key if question else None

    def find(self, life: Life, document: Mapping[str, Json]) -> Job | None:
        """The thing that a call names, be it another's; None where there is none."""
        named = document.get(self._acts_on.id)
        job = life.jobs.get(named) if isinstance(named, str) else None
        return job if job is not None and job.operation == self._creator else None

    def breaches(self, life: Life, job: Job | None, document: Mapping[str, Json]) -> list[Breach]:
        """What stands in the way of a call because of the thing that it names.

        Args:
            life: of all things.
            job: what `find` found.
            document: of the call.
        """
        if job is None:
            return [self._breach(self._acts_on.id, "known", self._unknown)]
        others = [name for name in self._acts_on.same if document.get(name) != job.document.get(name)]
        if others:
            return [self._breach(name, "same", self._foreign) for name in others]
        if self._ended and life.has_ended(job):
            return [self._breach(self._acts_on.id, "ended", self._ended, self._question)]
        return []

    def answered(self, found: list[Breach], document: Mapping[str, Json]) -> list[Breach]:
        """The breaches of which one is answered: those of the form, unless this server looks things up first."""
        of_thing = [breach for breach in found if breach.keyword in OF_THING]
        if len(of_thing) in (0, len(found)):
            return found
        if self._looks_first and self._can_look(document):
            return of_thing
        return [breach for breach in found if breach.keyword not in OF_THING]

    def _can_look(self, document: Mapping[str, Json]) -> bool:
        """Whether everything that names the thing is there, however malformed."""
        return not any(is_vacant(document.get(name)) for name in self._names)

    def _breach(self, name: str, keyword: str, rows: tuple[str, ...], question: str | None = None) -> Breach:
        return Breach(location=(name,), path=name, keyword=keyword, kind="other", rows=rows, question=question)
