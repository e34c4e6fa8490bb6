"""How a faultless server settles what the contract leaves open: one choice by name for each open point.

In: a description, whose open questions and error rows say what there is to choose. Out: `Policy` records, and for the
proof of the suite a covering set of them: whatever the suite says about one of these servers is a false alarm.

The points are the keys of the description's open questions, chosen by the name of a reading, and some of the emulator's
own, `answer.…`, for freedoms that every server has without a question being asked. The points `life.…` settle the lives
of created things, for all operations at once. What is open about the gateway, the points `gateway.…`, is settled once
for all operations too and has variants of its own: only who tests the gateway sees it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from acs_conformance.description import Description, Question, Reading
from acs_conformance.errors import SelectionError

# What a server can do where the contract says nothing at all, by the trait's word. The first is the default: the one
# that shows a client team that it relies on what is not documented.
_ANY = {
    "repeated-parameter": ("refused", "last", "first"),
    "duplicate-member": ("refused", "last", "first"),
    "lone-surrogate": ("replaced", "refused"),
    "invalid-utf-8": ("replaced", "refused"),
    "deep-nesting": ("read", "refused"),
    "big-number": ("read", "refused"),
    "letter-case": ("counts-not", "counts"),
    "form-body": ("counts-not", "counts"),
    "method": ("refused", "taken"),
}

#: The default error row is the first one that the description names for the case; "last" is the other end of the list.
_ANSWERS = {
    # Which of several breaches is answered.
    "answer.order": ("document", "missing-first", "reverse"),
    # What follows a Code that admits a suffix; `Name` is the last documented name of the place.
    "answer.suffix": ("none", "Name", ".Name", ".path"),
    # Which of the rows that may answer a vacant value does.
    "answer.vacant": ("first", "last"),
    # Which of the rows that may answer an open question's refusal does.
    "answer.refusal": ("first", "second", "last"),
    "answer.message": ("sentence", "terse", "long"),
    # Whether error bodies have the gateway's further members.
    "answer.members": ("gateway", "documented"),
}

#: For operations that act on what another one creates.
_ACTING = {
    # What answers an id that names nothing, and one of a thing that was created with other values.
    "answer.unknown-thing": ("missing", "forbidden"),
    "answer.foreign-thing": ("missing", "forbidden"),
    # Whether a thing is looked up before a malformed name of it is told from one that names nothing.
    "answer.lookup-order": ("form-first", "lookup-first"),
}
_SHOWING = {
    "answer.credentials": ("masked", "shown"),
    # Whether the default of what was not given is shown.
    "answer.defaults": ("shown", "left-out"),
    # How a value is shown that is taken without effect.
    "answer.without-effect": ("as-given", "default"),
}
#: The lives of all things, whichever operation is called.
_LIFE = {
    # Whether a thing starts for a while, or is in its second state at once.
    "life.start": ("takes-time", "at-once"),
    # The state of a thing that has started and that nobody has published anything for yet.
    "life.idle": ("second", "first", "last"),
    # Whether a thing ends at the moment when it is told to.
    "life.stop": ("at-once", "later"),
}

#: What sources tell differently about the gateway: statuses, codes, times, the order of checks. The default is what
#: most of them tell, or the latest.
GATEWAY_POINTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Status of InvalidAccessKeyId.NotFound.
        "gateway.accessKey.known": ("404", "400"),
        # Code where something of the gateway's own is missing: MissingTimestamp, or MissingParameter for all.
        "gateway.missing": ("MissingName", "MissingParameter"),
        # Whether requests signed by the older scheme are known at all.
        "gateway.v1": ("taken", "refused"),
        # Minutes by which the time of such a request may differ from the clock.
        "gateway.v1.window": ("31", "15"),
        # Whether a time too far ahead of the clock is refused like one too far behind.
        "gateway.date.future": ("refused", "taken"),
        # Whether a V3 request is refused that has a header of the scheme and doesn't sign it.
        "gateway.coverage": ("refused", "taken"),
        # Status of SignatureDoesNotMatch for requests signed by the older scheme.
        "gateway.signature.status": ("400", "403"),
        # Whether a nonce is looked for before or after the signature.
        "gateway.nonce.order": ("before-signature", "after-signature"),
        # Status of another HTTP method: UnsupportedHTTPMethod, or 404 InvalidAction.NotFound.
        "gateway.method": ("400", "403", "404"),
        # Whether the gateway's own errors have its further members, HostId and Recommend.
        "gateway.members": ("gateway", "documented"),
    }
)


def any_choices(question: Question) -> tuple[str, ...]:
    """What the emulator can do about a question whose only reading is that anything goes; default first."""
    return _ANY.get(question.trait, ())


@functools.lru_cache(maxsize=256)
def options(description: Description) -> Mapping[str, tuple[str, ...]]:
    """Point -> names of the choices there, the default first."""
    found: dict[str, tuple[str, ...]] = {}
    for question in description.questions:
        names = tuple(reading.name for reading in question.readings if reading.effect != "any") or any_choices(question)
        if names:
            found[question.key] = names
    return MappingProxyType(found | _ANSWERS | _of_things(description))


def _of_things(description: Description) -> dict[str, tuple[str, ...]]:
    """The points of an operation that acts on things."""
    acts_on, found = description.acts_on, {}
    if acts_on is None:
        return {}
    found["answer.lookup-order"] = _ACTING["answer.lookup-order"]
    if description.world.missing and description.world.forbidden:
        names = ["answer.unknown-thing", *(["answer.foreign-thing"] if acts_on.same else [])]
        found |= {name: _ACTING[name] for name in names}
    if acts_on.shows is not None:
        creator = acts_on.creator
        is_there = {
            "answer.credentials": bool(creator.secrets),
            "answer.defaults": any("default" in node.schema for node in creator.nodes.values()),
            "answer.without-effect": any(question.may_differ for question in creator.questions),
        }
        found |= {name: choices for name, choices in _SHOWING.items() if is_there[name]}
    is_ended = acts_on.ends_within_s is not None or acts_on.ender is not None
    return found | {name: choices for name, choices in _LIFE.items() if name != "life.stop" or is_ended}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One choice at each point; where none is made, the default holds.

    Attributes:
        choices: point -> name of the choice. The name of an operation may stand before the point, with a dot; then the
            choice holds for this operation, whatever is chosen at the point without it.
    """

    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def default(cls) -> Policy:
        """The first reading of each question, as the description orders them."""
        return cls()

    def choice(self, description: Description, point: str) -> str:
        """The name chosen at a point of `description`; "" where it has no such point."""
        names = options(description).get(point)
        if names is None:
            return ""
        name = self.choices.get(description.id(point)) or self.choices.get(point, names[0])
        return name if name in names else names[0]  # another operation may ask the same and have other readings

    def reading(self, description: Description, question: Question) -> Reading | None:
        """The reading chosen of a question; None where the contract says nothing at all."""
        name = self.choice(description, question.key)
        return next((reading for reading in question.readings if reading.name == name), None)

    def gateway(self, point: str) -> str:
        """The name chosen at one of `GATEWAY_POINTS`."""
        return self.choices.get(point, GATEWAY_POINTS[point][0])

    def life(self, point: str) -> str:
        """The name chosen at one of the points about the lives of things."""
        return self.choices.get(point, _LIFE[point][0])

    def check(self, descriptions: Iterable[Description]) -> None:
        """Whether every choice exists at one of `descriptions`, or about the gateway.

        Raises:
            SelectionError: one does not.
        """
        known = {point: set(names) for point, names in GATEWAY_POINTS.items()}
        for description in descriptions:
            for point, names in options(description).items():
                known.setdefault(point, set()).update(names)
                known[description.id(point)] = set(names)
        for point, name in self.choices.items():
            if point not in known:
                raise SelectionError("point of a policy", point, sorted(known))
            if name not in known[point]:
                raise SelectionError(f"choice at {point}", name, sorted(known[point]))


@functools.lru_cache(maxsize=16)
def variants(description: Description) -> tuple[tuple[str, Policy], ...]:
    """Named faultless servers: the default, each other choice alone, and all choices pairwise.

    The same description gives the same variants, in the same order and under the same names.
    """
    return _covering(options(description))


@functools.lru_cache(maxsize=1)
def gateway_variants() -> tuple[tuple[str, Policy], ...]:
    """Named faultless gateways: the default, each other choice alone, and all choices pairwise."""
    return _covering(GATEWAY_POINTS)


def _covering(points: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, Policy], ...]:
    import covertable  # wanted by the proof alone

    chosen: list[tuple[str, dict[str, str]]] = [("default", {})]
    chosen += [(f"{point}={name}", {point: name}) for point, names in points.items() for name in names[1:]]
    rows = covertable.make({point: list(names) for point, names in points.items()})
    chosen += [(f"pairwise-{number}", dict(sorted(row.items()))) for number, row in enumerate(rows, 1)]
    return tuple((name, Policy(choices=MappingProxyType(choices))) for name, choices in chosen)
