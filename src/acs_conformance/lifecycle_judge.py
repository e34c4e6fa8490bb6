"""Judge what an answer shows of a thing: that it is as it was created, and in a state that it can be in.

In: the success body of an operation that shows things, and how the thing stands. Out: claims, each with whether it is
kept. Where the campaign can't tell what is right, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acs_conformance import lifecycle
from acs_conformance.answer_body import Claim
from acs_conformance.description import ActsOn, Description, Json, Shows, get, locations
from acs_conformance.lifecycle import Repeated
from acs_conformance.standing import Standing, Thing


def shown_claims(description: Description, body: Json, standing: Standing) -> Iterator[Claim]:
    """What a success claims of the thing that was asked for.

    Args:
        description: of an operation that acts on things; one that does not show them claims nothing.
        body: of the answer.
        standing: of the thing that the request names.
    """
    acts_on, thing = description.acts_on, standing.thing
    if acts_on is None or acts_on.shows is None or thing is None or standing.word in ("unknown", "foreign"):
        return
    shown = body.get(acts_on.shows.at) if isinstance(body, dict) else None
    if not isinstance(shown, dict):
        return
    yield from _id(acts_on.shows, shown, thing)
    if thing.is_plain:
        for member in lifecycle.repeated(description):
            if not any(path == member.given.path for path in thing.may_differ):
                yield _as_created(member, body, thing)
    state = shown.get(acts_on.shows.state)
    if isinstance(state, str):
        yield from _state(acts_on, acts_on.shows, state, standing)


def forgotten_claims(description: Description, standing: Standing) -> Iterator[Claim]:
    """What it shows of an ended thing that nobody knows it any more: that it has ended."""
    acts_on = description.acts_on
    if acts_on is not None and acts_on.shows is not None and standing.cause:
        yield _kept(lifecycle.state_key(acts_on, standing.cause))


def _id(shows: Shows, shown: Json, thing: Thing) -> Iterator[Claim]:
    value = shown.get(shows.id)
    if value is not None:
        key = lifecycle.as_created_key(f"{shows.at}.{shows.id}")
        yield _claim(key, value == thing.id, f"{shows.id} {value!r}", f"{thing.id!r}, which was asked for")


def _as_created(member: Repeated, body: Json, thing: Thing) -> Claim:
    """One member, item by item: equal to what was given, and the default or not there where nothing was."""
    key = lifecycle.as_created_key(member.shown)
    given, came = _by_item(thing.document, member.given.path), _by_item(body, member.shown)
    default = member.default
    if member.given.type == "array":  # what is in it is looked at by itself
        given, came = _lengths(given), _lengths(came)
        default = len(default) if isinstance(default, list) else 0
    is_number = member.given.type == "number"
    right = all(
        at in came and _is_same(came[at], given[at], is_number=is_number)
        if at in given
        else came[at] is None or _is_same(came[at], default, is_number=is_number)
        for at in {*given, *came}
    )
    allowed = _shown(list(given.values())) if given else "nothing" if default is None else f"{default!r} or nothing"
    return _claim(key, right, _shown(list(came.values())), allowed)


def _by_item(document: Json, path: str) -> dict[tuple[int, ...], Json]:
    """Positions of the items that a value is in -> the value."""
    return {
        tuple(step for step in location if isinstance(step, int)): get(document, location)
        for location in locations(document, path)
    }


def _lengths(found: Mapping[tuple[int, ...], Json]) -> dict[tuple[int, ...], Json]:
    """The same with the lengths of lists: None where nothing is, -1 for what is no list."""
    return {at: len(value) if isinstance(value, list) else None if value is None else -1 for at, value in found.items()}


def _is_same(one: Json, other: Json, *, is_number: bool) -> bool:
    """Python takes True for 1 and 1.0 for 1; JSON tells them apart, but for a number that may have a fraction."""
    is_kind = type(one) is type(other) or (is_number and not isinstance(one, bool) and not isinstance(other, bool))
    return is_kind and bool(one == other)


def _state(acts_on: ActsOn, shows: Shows, state: str, standing: Standing) -> Iterator[Claim]:
    ended = state in shows.ended
    allowed = " or ".join(shows.ended)
    if standing.word == "alive":
        key = lifecycle.state_key(acts_on, "alive")
        yield _claim(key, not ended, f"{shows.state} {state}", f"{' or '.join(shows.alive)}: nothing has ended it")
    elif standing.word == "ended" and standing.cause:
        yield _claim(lifecycle.state_key(acts_on, standing.cause), ended, f"{shows.state} {state}", allowed)
    elif standing.word == "open" and standing.cause and ended:
        yield _kept(lifecycle.state_key(acts_on, standing.cause))


def _claim(key: str, is_kept: bool, received: str, allowed: str) -> Claim:
    return Claim(key=key, is_kept=is_kept, received=received, allowed=allowed, cause=key)


def _kept(key: str) -> Claim:
    return Claim(key=key, is_kept=True, received="", allowed="", cause="")


def _shown(found: list[Json]) -> str:
    text = ", ".join(repr(value) for value in found) or "nothing"
    return text if len(text) <= 120 else f"{text[:117]}..."
