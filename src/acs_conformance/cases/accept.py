"""Accept cases: valid requests that pack as many boundary values as they can.

In: a description, the strength of the covering array. Out: `Case`s whose edits each carry the aspects they show, so
that a refused one can be split. Optional parts, counts, limits and notations meet in a covering array; what varies
inside the items of a list takes turns over items and rows, so the row with most items shows them all beside each level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acs_conformance.cases import aspects, levels, mangle, texts, unseen, values
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.levels import ABSENT, Level, leader
from acs_conformance.cases.near_miss import near_misses
from acs_conformance.description import Description, Location, Node, path_of


def opening_case(description: Description) -> Case:
    """The plain valid request that shows whether anything works at all."""
    identifier = f"{description.id('response.status')}#plain"
    examples = [
        aspects.aspect(description, node.path, "pattern", "example")
        for node in description.nodes.values()
        if "pattern" in node.schema and not texts.is_free(description, node.path)
    ]
    examples += [
        aspects.aspect(description, node.path, "type", "text")
        for node in description.parameters
        if node.required and node.location == "query" and node.type == "string"
    ]
    return single(identifier, description.operation, "opening", (), (identifier, *examples))


def accept_cases(description: Description, strength: int, *, thorough: bool = False) -> Iterator[Case]:
    """The covering array's rows, the near misses of what has to be refused, then whatever these have not shown.

    At strength 1 the latter is left out, but for characters. With `thorough`, also every character at both ends.
    """
    made: list[Case] = []
    for number, row in enumerate(levels.rows(description, strength), 1):
        made.append(_pack(description, f"valid-{number:02}", _row_edits(description, row, number)))
    for number in (0, 1):
        limits = tuple(_beside_limits(description, number))
        beside = (*_inner_counts(description, number), *aspects.apart(description, limits))
        if beside:
            order = Edit("reorder", (), None, (aspects.aspect(description, "response", "status", "reverse-order"),))
            edits = (*beside, order) if number else beside
            made.append(_pack(description, ("above-lower-limits", "below-upper-limits")[number], edits))
    for number, edits in enumerate(near_misses(description), 1):
        made.append(_pack(description, "near-miss" if number == 1 else f"near-miss-{number}", edits))
    for number, edits in enumerate(unseen.characters(description, made), 1):
        made.append(_pack(description, f"characters-{number:02}", edits))
    for number, edits in enumerate(unseen.ends(description) if thorough else (), 1):
        made.append(_pack(description, f"ends-{number:02}", edits))
    for number, edits in enumerate(unseen.rest(description, made) if strength > 1 else (), 1):
        made.append(_pack(description, f"left-{number:02}", edits))
    yield from made


def surroundings(description: Description, strength: int, *, thorough: bool = False) -> list[tuple[Edit, ...]]:
    """Valid requests in which violations are tried besides the simplest one, as edits.

    As few of the covering array's rows as show every level: what is refused has to be refused whatever stands beside
    it. They are accept cases themselves, so that the things they name are known to work. Names that each request makes
    for itself are left alone, and so is the notation of JSON. What is created all the same lives no longer than by
    default: the time that makes it short-lived may be left out, and only a `thorough` plan makes it longer.
    """
    lasting = description.creates.short_lived if description.creates and not thorough else {}
    rows = levels.rows(description, strength)
    missing = {(name, level) for row in rows for name, level in row.items()}
    chosen = []
    while missing:
        number = max(range(len(rows)), key=lambda n: (len(missing & set(rows[n].items())), -n))
        missing -= set(rows[number].items())
        chosen.append(
            tuple(
                edit
                for edit in _row_edits(description, rows[number], number + 1)
                if edit.op != "mangle"
                and description.nodes[path_of(edit.location)].identifier != "fresh"
                and not (edit.op == "set" and path_of(edit.location) in lasting)
            )
        )
    return chosen


def _pack(description: Description, aspect: str, edits: tuple[Edit, ...]) -> Case:
    identifier = f"{description.id('response.status')}#{aspect}"
    shown = [name for edit in edits for name in edit.aspects]
    # The text of a plain parameter is always a text: that it is taken is all there is to show of its type.
    plain = {node.path for node in description.parameters if node.location == "query" and node.type == "string"}
    shown += [
        aspects.aspect(description, path_of(edit.location), "type", "text")
        for edit in edits
        if edit.op == "set" and path_of(edit.location) in plain
    ]
    return single(identifier, description.operation, "accept", edits, (identifier, *dict.fromkeys(shown)))


# --- rows -----------------------------------------------------------------------------------------------------------


def _row_edits(description: Description, row: Mapping[str, Level], number: int) -> tuple[Edit, ...]:
    first: list[Edit] = []
    later: list[Edit] = []
    for path, (kind, value) in row.items():
        location = tuple(path.split("."))
        if kind == "absent":
            first.append(aspects.remove(description, path, location))
        elif kind == "present":
            first.append(Edit("put", location, None, (aspects.aspect(description, path, "type", "present"),)))
        elif kind == "count":
            first.append(aspects.resize(description, path, location, value))
            later += _item_edits(description, path, location, value, number)
        elif kind == "length":
            first.append(aspects.text(description, path, location, value, number - 1))
        elif kind == "value":
            first.append(aspects.value(description, path, location, value))
    return (*aspects.apart(description, (*first, *later)), *_notations(description, row, number))


def _item_edits(description: Description, path: str, list_at: Location, count: int, number: int) -> Iterator[Edit]:
    """What varies inside the items takes turns, another turn in each row; lists inside them vary in the same way."""
    item = description.nodes[f"{path}[]"]
    for node in description.nodes.values():
        below = node.path.removeprefix(item.path)
        if not node.path.startswith(item.path) or "[]" in below or below[:1] not in ("", "."):
            continue
        for index in range(count):
            location = (*list_at, index, *below.split(".")[1:])
            turn = number - 1 + index
            if not node.required and node is not item and node.type != "object":
                if turn % 3 == 0:
                    yield aspects.remove(description, node.path, location)
                    continue
                turn -= turn // 3 + 1  # a turn of its own, or every third value would never have one
            yield from _in_turn(description, node, location, turn)


def _in_turn(description: Description, node: Node, location: Location, turn: int) -> Iterator[Edit]:
    """One of the node's values."""
    if node.type == "array":
        counts = levels.counts(description, node)
        size = counts[turn % len(counts)]
        yield aspects.resize(description, node.path, location, size)
        yield from _item_edits(description, node.path, location, size, turn + 1)
    elif levels.varies(description, node):
        options = values.accepted(description, node.path)
        lengths = texts.lengths(description, node.path) if levels.is_plain_text(node) else ()
        if options:
            yield aspects.value(description, node.path, location, options[turn % len(options)])
        elif lengths:
            yield aspects.text(description, node.path, location, lengths[turn % len(lengths)], turn)


def _beside_limits(description: Description, number: int) -> Iterator[Edit]:
    """The value one above the lower limit (0) or one below the upper limit (1), for every node that has one."""
    for path, node in description.nodes.items():
        if "[]" in path or leader(description, path) != path or node.type in ("object", "array"):
            continue
        if node.type == "string" and "enum" not in node.schema:
            inner = texts.lengths(description, path)[1:-1]
            if inner:
                yield aspects.text(description, path, tuple(path.split(".")), inner[-number], -1 - number)
        elif "enum" not in node.schema:
            between = values.accepted(description, path)[1:-1]
            if between:
                yield aspects.value(description, path, tuple(path.split(".")), between[-number])


def _notations(description: Description, row: Mapping[str, Level], number: int) -> Iterator[Edit]:
    """JSON written otherwise takes turns over the rows: how a text is parsed has nothing to do with what it says."""
    words = ("", *mangle.EQUIVALENT)
    for turn, name in enumerate(sorted(description.json_parameters)):
        word = words[(number + turn) % len(words)]
        if word and row.get(name) != ABSENT:
            yield aspects.mangle(description, name, word)


def _inner_counts(description: Description, number: int) -> Iterator[Edit]:
    """Item counts between the limits that the rows have, one for each request that has other edges to show."""
    for path, node in description.nodes.items():
        inner = levels.inner_counts(description, node) if node.type == "array" and "[]" not in path else []
        if len(inner) > number:
            yield aspects.resize(description, path, tuple(path.split(".")), inner[number])
