"""Accept cases: valid requests that pack as many boundary values as they can.

In: a description, the strength of the covering array. Out: `Case`s whose edits each carry the aspects they show, so
that a refused one can be split. Optional parts, counts, limits and notations meet in a covering array; what varies
inside the items of a list takes turns over items and rows, so the row with most items shows them all beside each level.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from acs_conformance.cases import covering, mangle, values
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.reject import place
from acs_conformance.description import Description, Node, Relation, path_of

#: Items in a list that has no documented maximum, unless one of its enumerations is wider.
_MANY = 5
#: Items up to which JSON is written in escapes.
_FEW = 1


def opening_case(description: Description) -> Case:
    """The plain valid request that shows whether anything works at all."""
    identifier = f"{description.id('response.status')}#plain"
    examples = [
        _aspect(description, node.path, "pattern", "example")
        for node in description.nodes.values()
        if "pattern" in node.schema and values.charset(node.schema["pattern"]) is None
    ]
    examples += [
        _aspect(description, node.path, "type", "text")
        for node in description.parameters
        if node.required and node.location == "query" and node.type == "string"
    ]
    return single(identifier, description.operation, "opening", (), (identifier, *examples))


def accept_cases(description: Description, strength: int, *, thorough: bool = False) -> Iterator[Case]:
    """The covering array's rows, then the near misses of what has to be refused.

    With `thorough`, also every character in its places.
    """
    for number, row in enumerate(_rows(description, strength), 1):
        edits = _row_edits(description, row, number)
        yield _pack(description, f"valid-{number:02}", edits)
    for number in (0, 1):
        beside = (*_inner_counts(description, number), *_beside_limits(description, number))
        if beside:
            order = Edit("reorder", (), None, (_aspect(description, "response", "status", "reverse-order"),))
            edits = (*beside, order) if number else beside
            yield _pack(description, ("above-lower-limits", "below-upper-limits")[number], edits)
    near = _near_misses(description)
    if near:
        yield _pack(description, "near-miss", near)
    for number, edits in enumerate(_unseen(description, strength), 1):
        yield _pack(description, f"characters-{number:02}", edits)
    if thorough:
        for number, edits in enumerate(_ends(description), 1):
            yield _pack(description, f"ends-{number:02}", edits)


def surroundings(description: Description, strength: int) -> list[tuple[Edit, ...]]:
    """Valid requests in which violations are tried besides the simplest one, as edits.

    As few of the covering array's rows as show every level: what is refused has to be refused whatever stands beside
    it. They are accept cases themselves, so that the things they name are known to work. Names that each request makes
    for itself are left alone, and so is the notation of JSON.
    """
    rows = _rows(description, strength)
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
    shown = [name for edit in edits for name in edit.aspects]
    # The text of a plain parameter is always a text: that it is taken is all there is to show of its type.
    texts = {node.path for node in description.parameters if node.location == "query" and node.type == "string"}
    shown += [
        _aspect(description, path_of(edit.location), "type", "text")
        for edit in edits
        if edit.op == "set" and path_of(edit.location) in texts
    ]
    return single(identifier, description.operation, "accept", edits, (identifier, *dict.fromkeys(shown)))


# --- levels ---------------------------------------------------------------------------------------------------------

#: A level of a factor: the kind of thing that varies, and its value.
Level = tuple[str, Any]


def leader(description: Description, path: str) -> str:
    """The path whose value `path` has to equal, or `path` itself."""
    return next((r.other for r in description.relations if r.word == "equal" and r.of == path and r.other), path)


def followers(description: Description, path: str) -> list[str]:
    """Paths whose values have to equal the one at `path`."""
    return [r.of for r in description.relations if r.word == "equal" and r.other == path]


@functools.lru_cache(maxsize=64)
def _rows(description: Description, strength: int) -> tuple[dict[str, Level], ...]:
    return tuple(covering.rows(_factors(description), strength))


def _factors(description: Description) -> dict[str, list[Level]]:
    """What has levels: both limits of each value meet everything else, the values beside them come once, packed."""
    factors: dict[str, list[Level]] = {}
    for path, node in description.nodes.items():
        if "[]" in path or leader(description, path) != path:
            continue
        levels: list[Level] = []
        if not node.required:
            levels.append(("absent", None))
        if node.type == "array":
            levels += [("count", count) for count in counts(description, node)]
        elif node.type == "string" and "enum" not in node.schema:
            found = values.lengths(description, path)
            levels += [("length", length) for length in dict.fromkeys((found[0], found[-1]))] if found else []
        elif node.type != "object":
            options = values.accepted(description, path)
            edges = options if len(options) <= 3 or "enum" in node.schema else [options[0], options[-1]]
            levels += [("value", value) for value in edges]
        if len(levels) > 1:
            factors[path] = levels
    return factors


def counts(description: Description, node: Node) -> list[int]:
    """Item counts that have to be accepted: the limits, and as many items as their widest enumeration has values."""
    widest = max((len(child.schema.get("enum", ())) for child in description.children(f"{node.path}[]")), default=0)
    low = max(1, int(node.schema.get("minItems", 1)))
    high = int(node.schema.get("maxItems", max(_MANY, widest)))
    beside = high - 1 if "maxItems" in node.schema else low
    return [count for count in dict.fromkeys((low, low + 1, beside, high)) if low <= count <= high]


def _inner_counts(description: Description, number: int) -> Iterator[Edit]:
    """Item counts between the limits that the rows have, one for each request that has other edges to show."""
    for path, node in description.nodes.items():
        if node.type == "array" and "[]" not in path:
            edges = counts(description, node)
            inner = [count for count in range(edges[0], edges[-1]) if count not in edges]
            if len(inner) > number:
                count = inner[number]
                aspect = _aspect(description, path, "type", f"{count}-items")
                yield Edit("resize", tuple(path.split(".")), count, (aspect,))


# --- rows -----------------------------------------------------------------------------------------------------------


def _row_edits(description: Description, row: Mapping[str, Level], number: int) -> tuple[Edit, ...]:
    first: list[Edit] = []
    later: list[Edit] = []
    for name, (kind, value) in row.items():
        path = name.partition(" ")[0]
        location = tuple(path.split("."))
        if kind == "absent":
            first.append(Edit("remove", location, None, _absent(description, path)))
        elif kind == "count":
            first.append(Edit("resize", location, value, (_aspect(description, path, "type", f"{value}-items"),)))
            later += _item_edits(description, path, value, number)
        elif kind == "length":
            text = values.text(description, path, value, number - 1)
            first.append(Edit("set", location, text, _text_aspects(description, path, text)))
        elif kind == "value":
            first.append(Edit("set", location, value.value, (_aspect(description, path, value.keyword, value.aspect),)))
    return (*_apart(description, (*first, *later)), *_notations(description, row, number))


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
            text = values.text(description, path, len(edit.value), 20 + turn)
            changed = Edit("set", edit.location, text, _text_aspects(description, path, text))
        if path in differing:
            taken.add(changed.value)
        yield changed


def _unseen(description: Description, strength: int) -> Iterator[tuple[Edit, ...]]:
    """Requests with the documented characters that the rows have not shown, where a text is too short for all."""
    seen: dict[str, set[str]] = {}
    for number, row in enumerate(_rows(description, strength), 1):
        for edit in _row_edits(description, row, number):
            if edit.op == "set" and isinstance(edit.value, str):
                seen.setdefault(path_of(edit.location), set()).update(edit.value)
    left = {
        node.path: "".join(c for c in values.characters(description, node.path) if c not in seen.get(node.path, set()))
        for node in description.nodes.values()
        if "pattern" in node.schema and leader(description, node.path) == node.path
    }
    while any(left.values()):
        edits = []
        for path, letters in left.items():
            lengths = values.lengths(description, path)
            if not letters or not lengths:
                left[path] = ""
                continue
            text, left[path] = letters[: lengths[-1]], letters[lengths[-1] :]
            text += values.characters(description, path)[0] * (lengths[0] - len(text))
            edits.append(Edit("set", place(description, path, 1)[0], text, _text_aspects(description, path, text)))
        if edits:
            yield tuple(edits)


def _ends(description: Description) -> Iterator[tuple[Edit, ...]]:
    """Requests that together show every character first and last in every text."""
    nodes = [
        node
        for node in description.nodes.values()
        if node.type == "string"
        and "enum" not in node.schema
        and not node.derived
        and leader(description, node.path) == node.path
        and values.lengths(description, node.path)
    ]
    for turn in range(max((len(values.characters(description, node.path)) for node in nodes), default=0)):
        edits = []
        for shift, node in enumerate(nodes):
            lengths = values.lengths(description, node.path)
            length = min(8 + shift, lengths[-1])  # different lengths keep texts different that have to be
            text = values.text(description, node.path, length, turn)
            aspects = _text_aspects(description, node.path, text)
            edits.append(Edit("set", place(description, node.path, 1)[0], text, aspects))
        yield tuple(edits)


def _beside_limits(description: Description, number: int) -> Iterator[Edit]:
    """The value one above the lower limit (0) or one below the upper limit (1), for every node that has one."""
    for path, node in description.nodes.items():
        if "[]" in path or leader(description, path) != path or node.type in ("object", "array"):
            continue
        if node.type == "string" and "enum" not in node.schema:
            inner = values.lengths(description, path)[1:-1]
            if inner:
                text = values.text(description, path, inner[-number], -1 - number)
                yield Edit("set", tuple(path.split(".")), text, _text_aspects(description, path, text))
        elif "enum" not in node.schema:
            between = values.accepted(description, path)[1:-1]
            if between:
                value = between[-number]
                aspect = _aspect(description, path, value.keyword, value.aspect)
                yield Edit("set", tuple(path.split(".")), value.value, (aspect,))


def _notations(description: Description, row: Mapping[str, Level], number: int) -> Iterator[Edit]:
    """JSON written otherwise takes turns over the rows: how a text is parsed has nothing to do with what it says."""
    words = ("", *mangle.EQUIVALENT)
    many = max((value for kind, value in row.values() if kind == "count"), default=1)
    for turn, name in enumerate(sorted(description.json_parameters)):
        if row.get(name, ("", None))[0] == "absent":
            continue
        word = words[(number + turn) % len(words)]
        if word == "escapes" and many > _FEW:
            word = "member-order"  # escapes make a text six times as long, and a request has to stay below 8 KiB
        if word:
            yield Edit("mangle", (name,), word, (_aspect(description, name, "content", word),))


def _item_edits(description: Description, path: str, count: int, number: int) -> Iterator[Edit]:
    """What varies inside the items takes turns, another turn in each row."""
    item = description.nodes[f"{path}[]"]
    for child in description.children(item.path) if item.type == "object" else (item,):
        if child.type in ("object", "array") or child.derived or leader(description, child.path) != child.path:
            continue
        for index in range(count):
            location, _ = place(description, child.path, index + 1)
            turn = number - 1 + index
            if not child.required and child is not item and turn % 3 == 0:
                yield Edit("remove", location, None, _absent(description, child.path))
            elif child.type != "string" or "enum" in child.schema:
                options = values.accepted(description, child.path)
                if options:
                    value = options[turn % len(options)]
                    yield Edit(
                        "set", location, value.value, (_aspect(description, child.path, value.keyword, value.aspect),)
                    )
            else:
                lengths = values.lengths(description, child.path)
                text = values.text(description, child.path, lengths[turn % len(lengths)], turn)
                yield Edit("set", location, text, _text_aspects(description, child.path, text))


def _text_aspects(description: Description, path: str, text: str) -> tuple[str, ...]:
    """What a text shows of its own path, and of those that have to equal it."""
    shown = []
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
        shown.append(_aspect(description, each, keyword, str(length)))
        characters = "pattern" if "pattern" in schema else "type"
        shown.append(_aspect(description, each, characters, f"first-{values.shown(text[0])}"))
        shown.append(_aspect(description, each, characters, f"last-{values.shown(text[-1])}"))
        if len(set(text)) == len(values.characters(description, each)):
            shown.append(_aspect(description, each, characters, "every-character"))
    return tuple(dict.fromkeys(shown))


def _absent(description: Description, path: str) -> tuple[str, ...]:
    keyword = "default" if "default" in description.nodes[path].schema else "type"
    return (_aspect(description, path, keyword, "absent"),)


def _aspect(description: Description, path: str, keyword: str, aspect: str) -> str:
    return f"{description.id(f'{path}.{keyword}')}#{aspect}"


# --- near misses ----------------------------------------------------------------------------------------------------


def _near_misses(description: Description) -> tuple[Edit, ...]:
    """What looks like a violation and is none.

    Names that differ in letter case or by one character, equal values where nothing has to be unique, ids of digits
    only, a default said aloud.
    """
    edits: list[Edit] = []
    sizes: dict[str, int] = {}
    for relation in description.relations:
        if relation.word in ("unique", "distinct") and not relation.open:
            edits += _near_relation(description, relation, sizes)
    resizes = [
        Edit("resize", tuple(path.split(".")), max(count, int(description.nodes[path].schema.get("minItems", 1))))
        for path, count in sizes.items()
        if count > 1
    ]
    same: list[Edit] = []
    for path, node in description.nodes.items():
        if "enum" in node.schema and "[]" in path:
            options = values.accepted(description, path)
            for index in range(sizes.get(path.partition("[]")[0], 1)):
                location, _ = place(description, path, index + 1)
                aspect = _aspect(description, path, "enum", "same-in-all")
                same.append(Edit("set", location, options[-1].value, (aspect,)))
        elif "[]" not in path and node.identifier == "bound" and leader(description, path) == path:
            digits = "".join(char for char in "0123456789" if char in values.characters(description, path))
            if digits and values.is_acceptable(description, path, digits):
                shown = [
                    _aspect(description, each, "type", "digits-only") for each in (path, *followers(description, path))
                ]
                same.append(Edit("set", (path,), digits, tuple(shown)))
        elif "[]" not in path and "default" in node.schema:
            value = node.schema["default"]
            location = tuple(path.split("."))
            same.append(Edit("set", location, value, (_aspect(description, path, "default", "explicit"),)))
    return (*resizes, *edits, *same)


def _near_relation(description: Description, relation: Relation, sizes: dict[str, int]) -> Iterator[Edit]:
    items = relation.of.partition("[]")[0]
    start = sizes.get(items, 1 if relation.word == "unique" else 0)
    source = (
        place(description, relation.of, 1)[0] if relation.word == "unique" else tuple((relation.other or "").split("."))
    )
    most = description.nodes[items].schema.get("maxItems", start + 2)
    sample = str(description.nodes[path_of(source)].examples[0]) + "-a1"
    ways: tuple[tuple[Literal["swapcase", "extend"], str, str], ...] = (
        ("swapcase", "letter-case", sample.swapcase()),
        ("extend", "longer", f"{sample}1"),
    )
    for op, aspect, result in ways:
        if start < most and values.is_acceptable(description, relation.of, result):
            start += 1
            location, _ = place(description, relation.of, start)
            yield Edit(op, location, source, (f"{description.id(relation.key)}#{aspect}",))
    sizes[items] = start
