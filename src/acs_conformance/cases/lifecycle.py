"""Cases about created things: that only what exists is acted on, and what becomes of a thing over several operations.

In: the description of an operation that acts on things. Out: `Case`s. Those that create nothing themselves act on a
thing that the cases share. Each created thing may cost money, so one is created only where a shared one won't do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acs_conformance import lifecycle
from acs_conformance.cases.accept import accept_cases
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.texts import characters, is_free, is_open
from acs_conformance.description import ActsOn, Description, Json, Location, Shows, path_of, steps

Step = tuple[str, tuple[Edit, ...]]

#: Seconds after which a thing that was created has surely begun to do what it is for.
_START_S = 3.0
#: Seconds beyond the time in which an end takes effect, for which a thing that is to be ended lives by itself.
_MARGIN_S = 60


def stranger_case(description: Description) -> Case:
    """The opening request under the name of an operation that does not exist: what answers it knows no operations."""
    identifier = f"{description.id('availability')}#unknown-operation"
    return Case(
        id=identifier,
        operation=description.operation,
        kind="stranger",
        steps=((),),
        aspects=(),
        is_enumerated=False,
    )


def thing_cases(description: Description) -> Iterator[Case]:
    """Requests for a thing that does not exist, and for one under other values than it was created with."""
    acts_on = description.acts_on
    if acts_on is None:
        return
    for key, name in ((lifecycle.known_key(acts_on), acts_on.id), *((lifecycle.same_key(n), n) for n in acts_on.same)):
        for way in ("other", "shorter", "longer", *(["case"] if tells_case(description, key, name) else [])):
            edit = Edit("alter", (name,), None if way == "other" else way)
            yield single(f"{description.id(key)}#{way}", description.operation, "reject", (edit,))


def tells_case(description: Description, key: str, name: str) -> bool:
    """Whether values in other letter case are other values: only where the documented characters have both cases.

    Of ids that the server makes up nothing says whether they are read without regard to it.
    """
    schema = description.nodes[name].schema
    if key != lifecycle.same_key(name) or "pattern" not in schema or not is_free(description, name):
        return False
    letters = characters(description, name)
    return any(char.isupper() and char.lower() in letters for char in letters)


def again_cases(description: Description) -> Iterator[Case]:
    """A thing that has been ended is ended again, which may be taken or refused."""
    question = next((q for q in description.questions if q.trait == "ended"), None)
    acts_on = description.acts_on
    if question is not None and acts_on is not None and acts_on.ends_within_s is not None:
        identifier = f"{description.id(question.key)}#again"
        yield Case(
            id=identifier,
            operation=description.operation,
            kind="open",
            steps=((), (Edit("again"),)),
            aspects=(identifier,),
        )


def lifecycle_cases(description: Description, *, is_quick: bool) -> Iterator[Case]:
    """Things followed from their creation on, by an operation that shows them."""
    acts_on = description.acts_on
    if acts_on is None or acts_on.shows is None:
        return
    yield from _as_created(description, acts_on, acts_on.shows, is_quick=is_quick)
    if acts_on.ender is not None and not is_quick:
        yield _ended(description, acts_on, acts_on.ender)
    if acts_on.creator.creates is not None and acts_on.creator.creates.idle_limit is not None and not is_quick:
        yield _idle(description, acts_on, acts_on.creator.creates.idle_limit)
        yield _idle_by_default(description, acts_on, acts_on.creator.creates.idle_limit)


# --- as it was created ----------------------------------------------------------------------------------------------


def _as_created(description: Description, acts_on: ActsOn, shows: Shows, *, is_quick: bool) -> Iterator[Case]:
    """A thing with everything that can be given, one with nothing that need not be, and one with unusual texts."""
    keys = [lifecycle.as_created_key(member.shown) for member in lifecycle.repeated(description)]
    keys.append(lifecycle.as_created_key(f"{shows.at}.{shows.id}"))
    keys.append(lifecycle.state_key(acts_on, "alive"))
    valid = [case for case in accept_cases(acts_on.creator, 2) if case.kind == "accept"]
    fullest = max(valid, key=lambda case: (_items(case), _given(case)))
    barest = max(valid, key=lambda case: (sum(edit.op == "remove" for edit in case.edits), -_items(case)))
    limit = acts_on.creator.creates.idle_limit if acts_on.creator.creates else None
    least = tuple(edit for edit in barest.edits if edit.op == "remove")
    if limit is not None and not any(edit.location == (limit,) for edit in least):
        least = (*least, Edit("remove", (limit,)))
    given = (*_of_this_world(acts_on.creator, fullest.edits), *_present(acts_on.creator))
    rows: dict[str, tuple[Edit, ...]] = {"everything-given": given}
    if not is_quick:
        rows["defaults"] = _of_this_world(acts_on.creator, least)
    for name, edits in rows.items():
        yield _case(description, name, keys, [(acts_on.creator.operation, edits), (description.operation, ())])
    if not is_quick:
        # Whether such texts are taken is open, or up to the world; if they are, they come back as they are.
        for name, texts in (
            ("unusual-texts", _unusual(acts_on.creator)),
            ("long-texts", _longest(acts_on.creator, valid)),
        ):
            followed = [(acts_on.creator.operation, tuple(texts)), (description.operation, ())]
            yield _case(description, name, keys, followed, is_enumerated=False)


def _of_this_world(creator: Description, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The edits that leave alone what has to exist at the target, what has to equal that, and names that it takes.

    In a place that all runs share, a name of its own is left to each. Such names are numbered, so lists are turned:
    none comes in the order that sorting would give it.
    """
    related = {relation.of for relation in creator.relations if relation.word == "equal" or relation.within}
    bound = {path for path, node in creator.nodes.items() if node.identifier == "bound" or path in related}
    kept: list[Edit] = []
    for edit in edits:
        if edit.op == "resize":
            kept += [edit, Edit("turn", edit.location)] if edit.value > 1 else [edit]
        elif path_of(edit.location) not in bound:
            kept.append(edit)
    return tuple(kept)


def _longest(creator: Description, valid: list[Case]) -> Iterator[Edit]:
    """The longest valid text in each place that some request has one in."""
    differing = {path for r in creator.relations if r.word in ("unique", "distinct") for path in (r.of, r.other)}
    found: dict[Location, Edit] = {}
    for edit in (edit for case in valid for edit in case.edits):
        is_in_first = all(not isinstance(step, int) or step == 0 for step in edit.location)
        if edit.op == "set" and isinstance(edit.value, str) and is_in_first:
            known = found.get(edit.location)
            if known is None or len(edit.value) > len(known.value):
                found[edit.location] = edit
    taken: set[Json] = set()
    for edit in found.values():
        if path_of(edit.location) not in differing:
            yield edit
        elif edit.value not in taken:
            taken.add(edit.value)
            yield edit


def _present(creator: Description) -> Iterator[Edit]:
    """Everything optional is there, inside lists in the first item."""
    for path, node in creator.nodes.items():
        if not node.required and not path.endswith("[]"):
            yield Edit("put", tuple(0 if step == "[]" else step for step in steps(path)))


def _items(case: Case) -> int:
    return max((edit.value for edit in case.edits if edit.op == "resize"), default=0)


def _given(case: Case) -> int:
    return sum(edit.op == "set" for edit in case.edits) - 3 * sum(edit.op == "remove" for edit in case.edits)


def _unusual(creator: Description) -> Iterator[Edit]:
    for question in creator.questions:
        is_text = question.at is not None and creator.nodes[question.at].type == "string"
        texts = [probe for probe in question.probes if isinstance(probe, str) and not probe.isascii()]
        if is_text and question.at is not None and texts and not question.may_differ:
            place = tuple(0 if step == "[]" else step for step in steps(question.at))
            yield Edit("set", place, texts[0])


# --- ended ----------------------------------------------------------------------------------------------------------


def _ended(description: Description, acts_on: ActsOn, ender: Description) -> Case:
    """Three things; what is refused ends none, what ends the second leaves its neighbours alone, and it stays ended."""
    show, end = description.operation, ender.operation
    first, second, third = (Edit("of", (), number) for number in range(3))
    until = Edit("until", (), "ended")
    wrong = [*(Edit("alter", (name,)) for name in (acts_on.id, *acts_on.same)), Edit("remove", (acts_on.id,))]
    followed: list[Step] = [
        *_created(acts_on, ender),
        (show, (first,)),
        (show, (third,)),
        *((end, (second, edit)) for edit in wrong),
        (show, (second,)),
        (end, (second,)),
        (show, (second, until)),
        (show, (first,)),
        (show, (third,)),
        *((show, (second,)) for _ in range(2)),
        (end, (first, Edit("wait", (), _START_S))),
        (show, (first, until)),
        (show, (third,)),
        (end, (second,)),
        (show, (second,)),
    ]
    keys = [lifecycle.state_key(acts_on, word) for word in ("alive", "ended")]
    return _case(description, "ended", keys, followed)


def _created(acts_on: ActsOn, ender: Description) -> Iterator[Step]:
    """Three things that won't end by themselves before it is clear whether they were ended."""
    creator, ends = acts_on.creator, ender.acts_on
    limit = creator.creates.idle_limit if creator.creates is not None else None
    lasting: tuple[Edit, ...] = ()
    if limit is not None:
        schema = creator.nodes[limit].schema
        patience = int(2 * ((ends.ends_within_s if ends else None) or 0) + _MARGIN_S)
        lasting = (
            Edit("set", (limit,), min(max(patience, schema.get("minimum", 0)), schema.get("maximum", patience))),
        )
    for number in range(3):
        other = tuple(_other_values(creator)) if number else ()
        yield creator.operation, (Edit("names", (), number), *lasting, *other)


def _other_values(creator: Description) -> Iterator[Edit]:
    """Other documented values than those of the simplest request, so that things can be told from each other."""
    for path, node in creator.nodes.items():
        others = [v for v in node.schema.get("enum", ()) if v != node.examples[0] and not is_open(creator, path, v)]
        if others:
            yield Edit("set", tuple(0 if step == "[]" else step for step in steps(path)), others[-1])


# --- idle -----------------------------------------------------------------------------------------------------------


def _idle(description: Description, acts_on: ActsOn, limit: str) -> Case:
    """A thing that idles for its limit ends by itself and not before; another one with a longer limit lives on."""
    create, show = acts_on.creator.operation, description.operation
    schema = acts_on.creator.nodes[limit].schema
    creates = acts_on.creator.creates
    shortest = int(creates.short_lived.get(limit, schema.get("minimum", 1))) if creates else 1
    longer = int(schema.get("maximum", schema["default"]))
    short, long = Edit("of", (), 0), Edit("of", (), 1)
    followed: list[Step] = [
        (create, (Edit("set", (limit,), shortest),)),
        (create, (Edit("names", (), 1), Edit("set", (limit,), longer))),
        (show, (short,)),
        (show, (short, Edit("wait", (), max(0.0, shortest * 0.8 - 1.0)))),
        (show, (short, Edit("wait", (), shortest * 0.2 + 1.5), Edit("until", (), "idle"))),
        (show, (long,)),
        (show, (short,)),
    ]
    keys = [lifecycle.state_key(acts_on, word) for word in ("alive", "idle")]
    return _case(description, "idle", keys, followed)


def _idle_by_default(description: Description, acts_on: ActsOn, limit: str) -> Case:
    """The same of a thing that was given no limit: sent only where time can be moved, for the default may be long."""
    create, show = acts_on.creator.operation, description.operation
    usual = float(acts_on.creator.nodes[limit].schema["default"])
    until = Edit("until", (), "idle")
    followed: list[Step] = [
        (create, (Edit("remove", (limit,)),)),
        (show, ()),
        (show, (Edit("wait", (), usual * 0.9),)),
        (show, (Edit("wait", (), usual * 0.1 + 2.0), until)),
    ]
    keys = [lifecycle.state_key(acts_on, word) for word in ("alive", "idle")]
    return _case(description, "idle-by-default", keys, followed, is_enumerated=False)


def _case(
    description: Description, aspect: str, keys: Iterable[str], followed: list[Step], *, is_enumerated: bool = True
) -> Case:
    aspects = tuple(f"{description.id(key)}#{aspect}" for key in keys)
    return Case(
        id=aspects[-1],
        operation=description.operation,
        kind="lifecycle",
        steps=tuple(edits for _, edits in followed),
        operations=tuple(operation for operation, _ in followed),
        aspects=aspects,
        is_enumerated=is_enumerated,
    )
