"""Faults in what is shown of a thing: members that are not as the thing was created.

In: the description of an operation that shows what another one has created. Out: faults of each member that repeats
what was given, of lists as a whole, and of whose members they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acs_conformance import lifecycle
from acs_conformance.cases import texts
from acs_conformance.cases.alphabet import name_of
from acs_conformance.description import Description, Json, Shows, get, locations, values
from acs_conformance.emulator.fault import Call, Memory
from acs_conformance.emulator.jobs import Job
from acs_conformance.emulator.validation import Breach
from acs_conformance.faults.kind import Seed, Spoil, Spoiled, body_of, spoiled, with_body
from acs_conformance.faults.showing import most
from acs_conformance.lifecycle import Repeated
from acs_conformance.message import RawResponse

#: What is shown at all places of a member -> what is shown instead, as many or none of them.
Change = Callable[[Call, list[Json]], list[Json]]


def repeating(description: Description) -> Iterator[Seed]:
    """All of them, in the order of the answer."""
    acts_on = description.acts_on
    if acts_on is None or acts_on.shows is None:
        return
    yield from _whose(description, acts_on.shows)
    members = [member for member in lifecycle.repeated(description) if member.given.type != "array"]
    for member in lifecycle.repeated(description):
        if member.given.type == "array":
            yield from _lists(description, member)
        else:
            yield from _scalars(description, acts_on.creator, member)
            yield from _swapped(description, acts_on.creator, member, members)


def _fault(
    d: Description,
    member: Repeated,
    operator: str,
    says: str,
    change: Change,
    detail: str = "",
    needs: Mapping[str, str] | None = None,
    *,
    exhaustive: bool = False,
) -> Spoiled:
    key = d.id(lifecycle.as_created_key(member.shown))
    return Spoiled(
        id=f"{key}!{operator}{f'#{detail}' if detail else ''}",
        operator=operator,
        says=f"{member.shown} {says}",
        spoil=_shown_otherwise(member.shown, change),
        needs=needs or {},
        found_at="exhaustive" if exhaustive else "standard",
    )


def _shown_otherwise(path: str, change: Change) -> Spoil:
    def spoil(call: Call, found: list[Breach], response: RawResponse, _memory: Memory) -> RawResponse:
        if found or call.job is None:
            return response
        body = body_of(response)
        places = list(locations(body, path))
        shown = [get(body, place) for place in places]
        for place, value in zip(places, change(call, shown), strict=False):
            get(body, place[:-1])[place[-1]] = value
        return with_body(response, body)

    return spoil


def _others(call: Call) -> list[Job]:
    """Other things of the kind."""
    mine = call.job
    return [j for j in call.life.jobs if mine is not None and j.id != mine.id and j.operation == mine.operation]


def _each(change: Callable[[Json], Json]) -> Change:
    return lambda _call, shown: [change(value) for value in shown]


# --- one member -----------------------------------------------------------------------------------------------------


def _scalars(d: Description, creator: Description, member: Repeated) -> Iterator[Spoiled]:
    schema, path = member.given.schema, member.given.path

    def fault(operator: str, says: str, change: Change, detail: str = "") -> Spoiled:
        return _fault(d, member, operator, says, change, detail)

    yield fault("other", "is another value", _each(lambda value: _other(schema, value)))
    certain = [option for option in schema.get("enum", ()) if not texts.is_open(creator, path, option)]
    for option in certain if len(certain) > 1 else ():
        constant = _each(lambda _value, option=option: option)
        yield fault("constant", f"is {option} whatever was given", constant, str(option))
    if "enum" not in schema and member.given.examples:
        example = member.given.examples[0]
        yield fault("constant", "is that of the example", _each(lambda _value: example))
    if member.default is not None:
        yield from _defaults(d, creator, member)
    if len(certain) != 1:
        yield fault("of-another", "is that of the oldest other one", _of_another(path, 0), "oldest")
        yield fault("of-another", "is that of the newest other one", _of_another(path, -1), "newest")
    is_one_for_all = any(relation.word == "equal" and relation.of == path for relation in creator.relations)
    if "[]" in path and most(creator, path) > 1 and not is_one_for_all:
        yield from _items(d, member)
    if member.given.type == "string" and "enum" not in schema:
        yield from _texts(d, creator, member)


def _defaults(d: Description, creator: Description, member: Repeated) -> Iterator[Spoiled]:
    """Where a default takes the place of a value, or another value that of the default."""
    default, schema, path = member.default, member.given.schema, member.given.path
    options = schema.get("enum", ())
    if not options or any(option != default and not texts.is_open(creator, path, option) for option in options):
        yield _fault(d, member, "default", "is the default whatever was given", _each(lambda _value: default))

    def by_absence(call: Call, shown: list[Json]) -> list[Json]:
        is_given = call.job is not None and values(call.job.document, path)
        return shown if is_given else [_other(schema, value) for value in shown]

    yield _fault(d, member, "wrong-default", "is not the default where none was given", by_absence)


def _other(schema: Mapping[str, Json], value: Json) -> Json:
    """Another value that the schema of what was given allows."""
    if "enum" in schema:
        options = schema["enum"]
        return options[(options.index(value) + 1) % len(options)] if value in options else options[0]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value - 1 if value - 1 >= schema.get("minimum", value - 1) else value + 1
    return f"{value}x"


def _of_another(path: str, index: int) -> Change:
    def change(call: Call, shown: list[Json]) -> list[Json]:
        others = _others(call)
        return values(others[index].document, path) if others else shown

    return change


def _items(d: Description, member: Repeated) -> Iterator[Spoiled]:
    changes: dict[str, tuple[str, Callable[[list[Json]], list[Json]]]] = {
        "first-for-all": ("is that of the first item everywhere", lambda shown: shown[:1] * len(shown)),
        "last-for-all": ("is that of the last item everywhere", lambda shown: shown[-1:] * len(shown)),
        "reversed": ("is in reverse order", lambda shown: shown[::-1]),
        "shifted": ("is that of the item before", lambda shown: shown[-1:] + shown[:-1]),
        "sorted": ("is sorted", lambda shown: sorted(shown, key=repr)),
    }
    for operator, (says, change) in changes.items():
        yield _fault(d, member, operator, says, lambda _call, shown, change=change: change(shown))


def _texts(d: Description, creator: Description, member: Repeated) -> Iterator[Spoiled]:
    path = member.given.path
    known, lengths = texts.characters(creator, path), texts.lengths(creator, path)
    if any(char != char.lower() for char in known):
        yield _fault(d, member, "lower-case", "is in lower case", _each(lambda value: str(value).lower()))
    if any(char != char.upper() for char in known):
        yield _fault(d, member, "upper-case", "is in capitals", _each(lambda value: str(value).upper()))
    for char in (char for char in known if not char.isalnum()):
        says = f"is without {name_of(char)}"
        yield _fault(d, member, "lost", says, _each(lambda v, c=char: str(v).replace(c, "")), name_of(char))
    longest = lengths[-1] if lengths else 0
    for count in dict.fromkeys((32, longest - 1)):
        if 0 < count < longest:
            says = f"is cut off after {count} characters"
            yield _fault(d, member, "cut", says, _each(lambda v, n=count: str(v)[:n]), str(count))
    for operator, says, text, change in (
        ("trimmed", "is without blanks around it", " a", str.strip),
        ("blanks-lost", "is without blanks", "a b", lambda t: t.replace(" ", "")),
        ("ascii", "is without what is beyond ASCII", "\u7528", lambda t: t.encode("ascii", "ignore").decode()),
        (
            "question-marks",
            "has question marks beyond ASCII",
            "\u7528",
            lambda t: t.encode("ascii", "replace").decode(),
        ),
        ("latin-1", "is read by another encoding", "\u7528", lambda t: t.encode("utf-8").decode("latin-1")),
    ):
        if texts.is_acceptable(creator, path, text):
            yield _fault(d, member, operator, says, _each(lambda v, c=change: c(str(v))))
        elif texts.is_open(creator, path, text):
            needs = _taken(creator, path)
            yield _fault(d, member, operator, says, _each(lambda v, c=change: c(str(v))), "", needs, exhaustive=True)


def _taken(creator: Description, path: str) -> dict[str, str]:
    """Choices by which values in question are taken at a path."""
    return {
        question.key: next(reading.name for reading in question.readings if reading.effect == "accept")
        for question in creator.questions
        if question.at == path and any(reading.effect == "accept" for reading in question.readings)
    }


def _swapped(d: Description, creator: Description, member: Repeated, members: list[Repeated]) -> Iterator[Spoiled]:
    """The value of another member that could stand there."""
    equal = [{relation.of, relation.other} for relation in creator.relations if relation.word == "equal"]
    kind = (member.given.type, member.given.schema.get("enum"))
    for other in members:
        is_same = other is member or {member.given.path, other.given.path} in equal
        if is_same or (other.given.type, other.given.schema.get("enum")) != kind:
            continue

        def change(call: Call, shown: list[Json], other: Repeated = other) -> list[Json]:
            theirs = values(call.job.document, other.given.path) if call.job is not None else []
            return [theirs[i % len(theirs)] for i in range(len(shown))] if theirs else shown

        yield _fault(d, member, "swapped", f"is {other.shown}", change, other.shown)


# --- lists ----------------------------------------------------------------------------------------------------------


def _lists(d: Description, member: Repeated) -> Iterator[Spoiled]:
    changes: dict[str, tuple[str, Callable[[list[Json]], list[Json]]]] = {
        "drop-last": ("lacks its last item, if there are two", lambda items: items[:-1] or items),
        "drop-first": ("lacks its first item, if there are two", lambda items: items[1:] or items),
        "first-only": ("has one item at the most", lambda items: items[:1]),
        "two-only": ("has two items at the most", lambda items: items[:2]),
        "last-twice": ("has its last item twice", lambda items: items + items[-1:]),
        "first-twice": ("has its first item twice", lambda items: items[:1] + items),
        "reversed": ("is in reverse order", lambda items: items[::-1]),
    }
    for operator, (says, change) in changes.items():
        yield _fault(d, member, operator, says, _each(lambda items, change=change: change(items)))
    path = member.given.path
    yield _fault(d, member, "appended", "goes on with the items of the newest other one", _appended(path))


def _appended(path: str) -> Change:
    def change(call: Call, shown: list[Json]) -> list[Json]:
        others = _others(call)
        more = values(others[-1].document, path) if others else []
        return [[*items, *more[0]] if more else items for items in shown]

    return change


# --- whose it is ----------------------------------------------------------------------------------------------------


def _whose(d: Description, shows: Shows) -> Iterator[Spoiled]:
    """Another thing's members, or another thing's id."""
    place = f"{shows.at}.{shows.id}"
    key = lifecycle.as_created_key(place)

    def of_id(operator: str, says: str, change: Change, detail: str = "") -> Spoiled:
        return spoiled(d, key, operator, says, _shown_otherwise(place, change), None, detail)

    yield of_id("constant", f"{place} is always the same", _each(lambda _id: "constant"))
    yield of_id("upper-case", f"{place} is in capitals", _each(lambda value: str(value).upper()))
    yield of_id("cut", f"{place} is cut off", _each(lambda value: str(value)[:-1]))
    for index, detail in ((0, "oldest"), (-1, "newest")):

        def other_id(call: Call, shown: list[Json], index: int = index) -> list[Json]:
            others = _others(call)
            return [others[index].id] if others else shown

        yield of_id("of-another", f"{place} is that of the {detail} other one", other_id, detail)

    def remembered(keys: Callable[[Call], str], *, keeps_id: bool) -> Spoil:
        def spoil(call: Call, found: list[Breach], response: RawResponse, memory: Memory) -> RawResponse:
            if found or call.job is None:
                return response
            body = body_of(response)
            first: Any = memory.setdefault(keys(call), body[shows.at])
            body[shows.at] = {**first, shows.id: body[shows.at][shows.id]} if keeps_id else first
            return with_body(response, body)

        return spoil

    def same(call: Call) -> str:
        acts_on = call.description.acts_on
        return repr([call.document.get(name) for name in acts_on.same] if acts_on is not None else [])

    says = f"{shows.at} is what was shown first"
    yield spoiled(d, key, "remembered", says, remembered(same, keeps_id=False))
    repeated = lifecycle.repeated(d)
    if repeated:
        says = f"{shows.at} is what was shown first, under the right {shows.id}"
        member = next((each for each in repeated if each.given.identifier == "fresh"), repeated[-1])
        fresh = lifecycle.as_created_key(member.shown)
        yield spoiled(d, fresh, "remembered", says, remembered(same, keeps_id=True))
