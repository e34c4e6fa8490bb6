"""Accept cases: valid requests that pack as many boundary values as they can.

In: a description, the strength of the covering array. Out: `Case`s whose edits each carry the aspects they show, so
that a refused one can be split. Optional parts, counts, limits and notations meet in a covering array; what varies
inside the items of a list takes turns over items and rows, so the row with most items shows them all beside each level.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from acs_conformance.cases import levels, mangle, texts, values
from acs_conformance.cases.alphabet import shown as named
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.context import touch
from acs_conformance.cases.levels import ABSENT, Level, followers, leader
from acs_conformance.cases.near_miss import near_misses
from acs_conformance.cases.reject import place
from acs_conformance.description import Description, Location, Node, path_of


def opening_case(description: Description) -> Case:
    """The plain valid request that shows whether anything works at all."""
    identifier = f"{description.id('response.status')}#plain"
    examples = [
        _aspect(description, node.path, "pattern", "example")
        for node in description.nodes.values()
        if "pattern" in node.schema and not texts.is_free(description, node.path)
    ]
    examples += [
        _aspect(description, node.path, "type", "text")
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
        beside = (*_inner_counts(description, number), *_apart(description, tuple(_beside_limits(description, number))))
        if beside:
            order = Edit("reorder", (), None, (_aspect(description, "response", "status", "reverse-order"),))
            edits = (*beside, order) if number else beside
            made.append(_pack(description, ("above-lower-limits", "below-upper-limits")[number], edits))
    for number, edits in enumerate(near_misses(description), 1):
        made.append(_pack(description, "near-miss" if number == 1 else f"near-miss-{number}", edits))
    for number, edits in enumerate(_unseen(description, made), 1):
        made.append(_pack(description, f"characters-{number:02}", edits))
    for number, edits in enumerate(_ends(description) if thorough else (), 1):
        made.append(_pack(description, f"ends-{number:02}", edits))
    for number, edits in enumerate(_left(description, made) if strength > 1 else (), 1):
        made.append(_pack(description, f"left-{number:02}", edits))
    yield from made


def surroundings(description: Description, strength: int) -> list[tuple[Edit, ...]]:
    """Valid requests in which violations are tried besides the simplest one, as edits.

    As few of the covering array's rows as show every level: what is refused has to be refused whatever stands beside
    it. They are accept cases themselves, so that the things they name are known to work. Names that each request makes
    for itself are left alone, and so is the notation of JSON.
    """
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
                if edit.op != "mangle" and description.nodes[path_of(edit.location)].identifier != "fresh"
            )
        )
    return chosen


def _pack(description: Description, aspect: str, edits: tuple[Edit, ...]) -> Case:
    identifier = f"{description.id('response.status')}#{aspect}"
    aspects = [name for edit in edits for name in edit.aspects]
    # The text of a plain parameter is always a text: that it is taken is all there is to show of its type.
    plain = {node.path for node in description.parameters if node.location == "query" and node.type == "string"}
    aspects += [
        _aspect(description, path_of(edit.location), "type", "text")
        for edit in edits
        if edit.op == "set" and path_of(edit.location) in plain
    ]
    return single(identifier, description.operation, "accept", edits, (identifier, *dict.fromkeys(aspects)))


# --- rows -----------------------------------------------------------------------------------------------------------


def _row_edits(description: Description, row: Mapping[str, Level], number: int) -> tuple[Edit, ...]:
    first: list[Edit] = []
    later: list[Edit] = []
    for path, (kind, value) in row.items():
        location = tuple(path.split("."))
        if kind == "absent":
            first.append(_remove(description, path, location))
        elif kind == "present":
            first.append(Edit("put", location, None, (_aspect(description, path, "type", "present"),)))
        elif kind == "count":
            first.append(_resize(description, path, location, value))
            later += _item_edits(description, path, location, value, number)
        elif kind == "length":
            first.append(_text(description, path, location, value, number - 1))
        elif kind == "value":
            first.append(_value(description, path, location, value))
    return (*_apart(description, (*first, *later)), *_notations(description, row, number))


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
                    yield _remove(description, node.path, location)
                    continue
                turn -= turn // 3 + 1  # a turn of its own, or every third value would never have one
            yield from _in_turn(description, node, location, turn)


def _in_turn(description: Description, node: Node, location: Location, turn: int) -> Iterator[Edit]:
    """One of the node's values."""
    if node.type == "array":
        counts = levels.counts(description, node)
        size = counts[turn % len(counts)]
        yield _resize(description, node.path, location, size)
        yield from _item_edits(description, node.path, location, size, turn + 1)
    elif _varies(description, node):
        options = values.accepted(description, node.path)
        lengths = texts.lengths(description, node.path) if _is_plain_text(node) else ()
        if options:
            yield _value(description, node.path, location, options[turn % len(options)])
        elif lengths:
            yield _text(description, node.path, location, lengths[turn % len(lengths)], turn)


def _varies(description: Description, node: Node) -> bool:
    """Whether a node has values of its own to vary."""
    return node.type not in ("object", "array") and not node.derived and leader(description, node.path) == node.path


def _is_plain_text(node: Node) -> bool:
    return node.type == "string" and "enum" not in node.schema


def _apart(description: Description, edits: tuple[Edit, ...]) -> Iterator[Edit]:
    """The edits, those texts made different that have to be: by relation, or because they are the same character."""
    others = {relation.other for relation in description.relations if relation.word == "distinct"}
    differing = {relation.of for relation in description.relations if relation.word in ("unique", "distinct")}
    taken = {edit.value for edit in edits if edit.op == "set" and path_of(edit.location) in others}
    for edit in edits:
        path = path_of(edit.location)
        turn = 0
        changed = edit
        while edit.op == "set" and path in differing and changed.value in taken:
            turn += 1
            changed = _text(description, path, edit.location, len(edit.value), 20 + turn)
        if path in differing:
            taken.add(changed.value)
        yield changed


def _notations(description: Description, row: Mapping[str, Level], number: int) -> Iterator[Edit]:
    """JSON written otherwise takes turns over the rows: how a text is parsed has nothing to do with what it says."""
    words = ("", *mangle.EQUIVALENT)
    for turn, name in enumerate(sorted(description.json_parameters)):
        word = words[(number + turn) % len(words)]
        if word and row.get(name) != ABSENT:
            yield _mangle(description, name, word)


def _inner_counts(description: Description, number: int) -> Iterator[Edit]:
    """Item counts between the limits that the rows have, one for each request that has other edges to show."""
    for path, node in description.nodes.items():
        inner = levels.inner_counts(description, node) if node.type == "array" and "[]" not in path else []
        if len(inner) > number:
            yield _resize(description, path, tuple(path.split(".")), inner[number])


def _beside_limits(description: Description, number: int) -> Iterator[Edit]:
    """The value one above the lower limit (0) or one below the upper limit (1), for every node that has one."""
    for path, node in description.nodes.items():
        if "[]" in path or leader(description, path) != path or node.type in ("object", "array"):
            continue
        if node.type == "string" and "enum" not in node.schema:
            inner = texts.lengths(description, path)[1:-1]
            if inner:
                yield _text(description, path, tuple(path.split(".")), inner[-number], -1 - number)
        elif "enum" not in node.schema:
            between = values.accepted(description, path)[1:-1]
            if between:
                yield _value(description, path, tuple(path.split(".")), between[-number])


# --- what the rows have not shown -----------------------------------------------------------------------------------


def _unseen(description: Description, made: Iterable[Case]) -> Iterator[tuple[Edit, ...]]:
    """Requests with the documented characters that no other has, where a text is too short for all."""
    seen: dict[str, set[str]] = {}
    for case in made:
        for edit in case.edits:
            if edit.op == "set" and isinstance(edit.value, str):
                seen.setdefault(path_of(edit.location), set()).update(edit.value)
    left = {
        node.path: "".join(c for c in texts.characters(description, node.path) if c not in seen.get(node.path, set()))
        for node in description.nodes.values()
        if _is_plain_text(node) and _varies(description, node) and texts.lengths(description, node.path)
    }
    while any(left.values()):
        edits = []
        for path, letters in left.items():
            if letters:
                text = texts.showing(description, path, letters)
                left[path] = "".join(c for c in letters if c not in text) if set(letters) & set(text) else ""
                edits.append(_set(description, path, place(description, path, 1)[0], text))
        yield tuple(_apart(description, tuple(edits)))


def _left(description: Description, made: Iterable[Case]) -> Iterator[tuple[Edit, ...]]:
    """What no request has shown, for there were too few items or rows for it: in as few more as it takes."""
    shown = {aspect for case in made for aspect in case.aspects}
    packs: list[list[Edit]] = []
    for edit in (*_everything(description), *_odd_ends(description, shown)):
        if edit.aspects[0] in shown:
            continue
        fitting = next((pack for pack in packs if not any(touch(edit, other.location) for other in pack)), None)
        if fitting is None:
            packs.append(fitting := [])
        fitting.append(edit)
    yield from (tuple(_apart(description, tuple(pack))) for pack in packs)


def _everything(description: Description) -> Iterator[Edit]:
    """Each value, length, count, absence and notation alone."""
    for path, node in description.nodes.items():
        location, _ = place(description, path, 1)
        if not node.required and not path.endswith("[]"):
            yield _remove(description, path, location)
        if node.type == "array":
            tried = (*levels.counts(description, node), *levels.inner_counts(description, node))
            yield from (_resize(description, path, location, count) for count in tried)
        if _varies(description, node):
            yield from (_value(description, path, location, value) for value in values.accepted(description, path))
            if _is_plain_text(node):
                lengths = texts.lengths(description, path)
                yield from (_text(description, path, location, length, turn) for turn, length in enumerate(lengths))
        if node.is_parameter and node.location == "json":
            yield from (_mangle(description, path, word) for word in mangle.EQUIVALENT)


def _odd_ends(description: Description, shown: Container[str]) -> Iterator[Edit]:
    """Texts that begin or end with what is neither letter nor digit, where none does that is shown."""
    for path, node in description.nodes.items():
        if not _is_plain_text(node) or not _varies(description, node):
            continue
        for word, known in (("first", texts.firsts), ("last", texts.lasts)):
            odd = [_end_aspect(description, path, word, c) for c in known(description, path) if not c.isalnum()]
            if odd and not any(aspect in shown for aspect in odd):
                location, _ = place(description, path, 1)
                edit = _text(description, path, location, texts.lengths(description, path)[-1], 0)
                first = [aspect for aspect in edit.aspects if aspect in odd]
                yield replace(edit, aspects=tuple(dict.fromkeys((*first, *edit.aspects))))


def _ends(description: Description) -> Iterator[tuple[Edit, ...]]:
    """Requests that together show every character first and last in every text."""
    nodes = [
        node
        for node in description.nodes.values()
        if _is_plain_text(node) and _varies(description, node) and texts.lengths(description, node.path)
    ]
    for turn in range(max((texts.turns(description, node.path) for node in nodes), default=0)):
        edits = []
        for shift, node in enumerate(nodes):
            # Different lengths keep texts different that have to be.
            length = texts.near_length(description, node.path, 8 + shift)
            edits.append(_text(description, node.path, place(description, node.path, 1)[0], length, turn))
        yield tuple(_apart(description, tuple(edits)))


# --- edits, each with what it shows ---------------------------------------------------------------------------------


def _remove(description: Description, path: str, location: Location) -> Edit:
    keyword = "default" if "default" in description.nodes[path].schema else "type"
    return Edit("remove", location, None, (_aspect(description, path, keyword, "absent"),))


def _resize(description: Description, path: str, location: Location, count: int) -> Edit:
    return Edit("resize", location, count, (_aspect(description, path, "type", f"{count}-items"),))


def _mangle(description: Description, name: str, word: str) -> Edit:
    return Edit("mangle", (name,), word, (_aspect(description, name, "content", word),))


def _value(description: Description, path: str, location: Location, value: values.Value) -> Edit:
    return Edit("set", location, value.value, (_aspect(description, path, value.keyword, value.aspect),))


def _text(description: Description, path: str, location: Location, length: int, turn: int) -> Edit:
    return _set(description, path, location, texts.text(description, path, length, turn))


def _set(description: Description, path: str, location: Location, text: str) -> Edit:
    return Edit("set", location, text, _text_aspects(description, path, text))


def _text_aspects(description: Description, path: str, text: str) -> tuple[str, ...]:
    """What a text shows of its own path, and of those that have to equal it."""
    found = []
    for each in (path, *followers(description, path)):
        schema = description.nodes[each].schema
        length = len(text)
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        keyword = (
            "maxLength"
            if high is not None and length >= high - 1
            else "minLength"
            if low and length <= low + 1
            else "type"
        )
        found.append(_aspect(description, each, keyword, str(length)))
        found.append(_end_aspect(description, each, "first", text[0]))
        found.append(_end_aspect(description, each, "last", text[-1]))
        if len(set(text)) == len(texts.characters(description, each)):
            found.append(_aspect(description, each, "pattern" if "pattern" in schema else "type", "every-character"))
    return tuple(dict.fromkeys(found))


def _end_aspect(description: Description, path: str, end: str, char: str) -> str:
    keyword = "pattern" if "pattern" in description.nodes[path].schema else "type"
    return _aspect(description, path, keyword, f"{end}-{named(char)}")


def _aspect(description: Description, path: str, keyword: str, aspect: str) -> str:
    return f"{description.id(f'{path}.{keyword}')}#{aspect}"
