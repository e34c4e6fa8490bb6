"""What a campaign knows of the things that its requests created, from exchanges alone.

In: exchanges with their judgements, in order. Out: for a request that names a thing, its `Standing` at the time of the
request: whether it is known, whose it is, and whether it can or must have ended. Pure but for what it has learned.

All times are those of the target's life of things: the sender's clock and by how much the target's was moved. Each
exchange is an interval, from sending to the whole answer; what may have happened anywhere in it is taken into account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from acs_conformance.description import Description, Json
from acs_conformance.observation import Judgement
from acs_conformance.record import Exchange
from acs_conformance.standing import Interval, Standing, Thing
from acs_conformance.wire import decode

#: Seconds after its limit in which an idle thing may still be on its way to its end; no page names any.
IDLE_GRACE_S = 60.0
#: What a recorded time may be off by rounding.
_ROUNDING_S = 0.01


@dataclass(slots=True)
class _Life:
    """What became of a thing."""

    thing: Thing
    #: Ends that were asked for: when, and whether the answer was a success.
    ends: list[tuple[Interval, bool]] = field(default_factory=list)
    #: When it was rightly seen ended, or None.
    seen_ended: float | None = None


class Things:
    """The things of a campaign."""

    def __init__(self) -> None:
        self._lives: dict[tuple[str, str], _Life] = {}
        self._ambiguous: set[tuple[str, str]] = set()

    def latest(self, kind: str) -> Thing | None:
        """The thing of a kind that was created last."""
        return next((life.thing for life in reversed(self._lives.values()) if life.thing.kind == kind), None)

    def created_by(self, exchange: Exchange, description: Description, body: Json) -> Thing | None:
        """The thing that an accepted exchange created."""
        creates = description.creates
        name = body.get(creates.id) if creates is not None and isinstance(body, dict) else None
        life = self._lives.get((creates.thing, name)) if creates is not None and isinstance(name, str) else None
        return life.thing if life is not None and life.thing.created[0] == times(exchange)[0] else None

    def learn(self, description: Description, exchange: Exchange, judgement: Judgement) -> None:
        """Take in one exchange."""
        if description.creates is not None and judgement.is_accepted:
            self._learn_creation(description, exchange, judgement)
        acts_on = description.acts_on
        if acts_on is None or exchange.action:
            return
        name = decode(description, exchange.request).document.get(acts_on.id)
        life = self._lives.get((acts_on.thing, name)) if isinstance(name, str) else None
        if life is None:
            self._learn_unnamed(description, exchange, judgement)
            return
        may_have = self._standing(life, times(exchange), acts_on.ends_within_s).word != "alive"
        if may_have and life.seen_ended is None and _is_forgotten(description, judgement):
            life.seen_ended = times(exchange)[1]
        if acts_on.ends_within_s is not None:
            is_unclear = exchange.response is None or exchange.response.status >= 500
            if judgement.is_accepted or is_unclear:
                life.ends.append((times(exchange), judgement.is_accepted))
        elif acts_on.shows is not None and judgement.is_accepted and isinstance(judgement.answer.body, dict):
            shown = judgement.answer.body.get(acts_on.shows.at)
            state = shown.get(acts_on.shows.state) if isinstance(shown, dict) else None
            if state in acts_on.shows.ended and may_have and life.seen_ended is None:
                life.seen_ended = times(exchange)[1]

    def _learn_unnamed(self, description: Description, exchange: Exchange, judgement: Judgement) -> None:
        """An end that was taken although nothing can be read as its name: what it mentions may have ended."""
        acts_on = description.acts_on
        is_unclear = exchange.response is None or exchange.response.status >= 500
        if acts_on is None or acts_on.ends_within_s is None or not (judgement.is_accepted or is_unclear):
            return
        sent = exchange.request.target.encode("utf-8", "surrogateescape") + exchange.request.body
        for (kind, name), life in self._lives.items():
            if kind == acts_on.thing and name.encode("utf-8", "surrogateescape") in sent:
                life.ends.append((times(exchange), False))

    def _learn_creation(self, description: Description, exchange: Exchange, judgement: Judgement) -> None:
        creates, body = description.creates, judgement.answer.body
        name = body.get(creates.id) if creates is not None and isinstance(body, dict) else None
        if creates is None or not isinstance(name, str):
            return
        key = (creates.thing, name)
        if key in self._lives:
            if self._lives[key].thing.created[0] != times(exchange)[0]:
                self._ambiguous.add(key)  # an id that two things have tells nothing of either
            return
        document = decode(description, exchange.request).document
        questions = [q for q in description.questions if q.key in judgement.expectation.questions]
        self._lives[key] = _Life(
            Thing(
                kind=creates.thing,
                id=name,
                document=document,
                created=times(exchange),
                idle_limit_s=_idle_limit_s(description, document),
                may_differ=frozenset(q.at or (q.breaks or "").rpartition(".")[0] for q in questions if q.may_differ),
                is_plain=all(q.trait in ("schema", "relation", "in-use") for q in questions)
                and not judgement.expectation.violations,
            )
        )

    def standing(self, description: Description, exchange: Exchange) -> Standing | None:
        """What is known of the thing that a request names; None where it names none by a text."""
        acts_on = description.acts_on
        if acts_on is None:
            return None
        document = decode(description, exchange.request).document
        name = document.get(acts_on.id)
        if not isinstance(name, str):
            return None
        key = (acts_on.thing, name)
        life = self._lives.get(key)
        if life is None:
            return Standing("unknown")
        if not life.thing.is_plain:
            return Standing("unsure", life.thing)
        for each in acts_on.same:
            if isinstance(document.get(each), str) and document[each] != life.thing.document.get(each):
                return Standing("foreign", life.thing, differs=each)
        if key in self._ambiguous:
            return Standing("open")
        return self._standing(life, times(exchange), _within_s(description))

    def stands(self, thing: Thing, at: float) -> Standing:
        """How a thing stands at a moment."""
        return self._standing(self._lives[thing.kind, thing.id], (at, at), None)

    def is_over(self, thing: Thing, at: float) -> bool:
        """Whether an end was asked for and answered with success, or its time is over."""
        standing = self.stands(thing, at)
        return standing.word == "ended" or (standing.word == "open" and standing.cause == "ended")

    def over(self, at: float) -> Counter[str]:
        """Kind -> how many things of it are over at a moment."""
        return Counter(life.thing.kind for life in self._lives.values() if self.is_over(life.thing, at))

    def _standing(self, life: _Life, when: Interval, within_s: float | None) -> Standing:
        sent, answered = when
        thing = life.thing
        ended = [end for end, is_certain in life.ends if is_certain]
        if life.seen_ended is not None and life.seen_ended <= sent:
            return Standing("ended", thing, "ended" if life.ends else "idle")
        if within_s is not None and any(end[1] + within_s <= sent for end in ended):
            return Standing("ended", thing, "ended")
        if any(end[0] <= answered for end, _ in life.ends):
            return Standing("open", thing, "ended" if any(end[1] <= sent for end in ended) else "")
        if thing.idle_limit_s is None:
            return Standing("open", thing)
        if sent > thing.created[1] + thing.idle_limit_s + IDLE_GRACE_S:
            return Standing("ended", thing, "idle")
        if answered >= thing.created[0] + thing.idle_limit_s - _ROUNDING_S:
            return Standing("open", thing, "idle" if sent > thing.created[1] + thing.idle_limit_s else "")
        return Standing("alive", thing)


def times(exchange: Exchange) -> Interval:
    """When a request was sent and when its answer was there, by the clock of the target's things."""
    sent = exchange.sent_at + exchange.moved_s
    return sent, sent + exchange.elapsed_s


def _is_forgotten(description: Description, judgement: Judgement) -> bool:
    """Whether the target rightly says that there is no such thing, and for no other reason than that it has ended."""
    row, expectation = judgement.answer.row, judgement.expectation
    asked = {question.key for question in description.questions if question.trait == "ended"}
    is_missing = row is not None and row.name in description.world.missing
    return (
        is_missing and judgement.is_right is True and not expectation.violations and {*expectation.questions} <= asked
    )


def _within_s(description: Description) -> float | None:
    """Within how many seconds an end takes effect, as far as the operation knows of one."""
    acts_on = description.acts_on
    if acts_on is None:
        return None
    ender = acts_on.ender.acts_on if acts_on.ender is not None else None
    return acts_on.ends_within_s if acts_on.ends_within_s is not None else ender.ends_within_s if ender else None


def _idle_limit_s(description: Description, document: Mapping[str, Json]) -> float | None:
    creates = description.creates
    if creates is None or creates.idle_limit is None:
        return None
    default = description.nodes[creates.idle_limit].schema.get("default")
    limit = document.get(creates.idle_limit, default)
    return float(limit) if isinstance(limit, int) and not isinstance(limit, bool) else None
