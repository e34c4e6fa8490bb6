"""What no request has shown: values, counts, characters and notations for which there were too few rows or items.

In: a description, and the accept cases there are. Out: the edits of as few more valid requests as it takes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from acs_conformance.cases import aspects, levels, mangle, texts, values
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.context import touch
from acs_conformance.cases.places import place
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description, Json, path_of
from acs_conformance.wire import compact, decode


def characters(description: Description, made: Iterable[Case]) -> Iterator[tuple[Edit, ...]]:
    """Requests with the documented characters that no other has, where a text is too short for all."""
    seen: dict[str, set[str]] = {}
    for case in made:
        for edit in case.edits:
            if edit.op == "set" and isinstance(edit.value, str):
                seen.setdefault(path_of(edit.location), set()).update(edit.value)
    left = {
        node.path: "".join(c for c in texts.characters(description, node.path) if c not in seen.get(node.path, set()))
        for node in description.nodes.values()
        if levels.is_plain_text(node) and levels.varies(description, node) and texts.lengths(description, node.path)
    }
    while any(left.values()):
        edits = []
        for path, letters in left.items():
            if letters:
                text = texts.showing(description, path, letters)
                left[path] = "".join(c for c in letters if c not in text) if set(letters) & set(text) else ""
                edits.append(aspects.set_text(description, path, place(description, path, 1)[0], text))
        yield tuple(aspects.apart(description, tuple(edits)))


def rest(description: Description, made: Iterable[Case]) -> Iterator[tuple[Edit, ...]]:
    """What no request has shown, for there were too few items or rows for it: in as few more as it takes."""
    made = list(made)
    shown = {aspect for case in made for aspect in case.aspects}
    yield from _unseen_notations(description, made)
    packs: list[list[Edit]] = []
    for edit in (*_everything(description), *_odd_ends(description, shown)):
        if edit.aspects[0] in shown:
            continue
        fitting = next((pack for pack in packs if not any(touch(edit, other.location) for other in pack)), None)
        if fitting is None:
            packs.append(fitting := [])
        fitting.append(edit)
    yield from (tuple(aspects.apart(description, tuple(pack))) for pack in packs)


def _everything(description: Description) -> Iterator[Edit]:
    """Each value, length, count and absence alone."""
    # Where there always are several items that have to differ, a value alone may be that of another item.
    single = [relation.of for relation in description.relations if relation.word == "unique"]
    lists = {path: description.nodes[path.partition("[]")[0]] for path in single}
    beside_others = {path for path, holder in lists.items() if holder.schema.get("minItems", 0) > 1}
    for path, node in description.nodes.items():
        at, _ = place(description, path, 1)
        if not node.required and not path.endswith("[]"):
            yield aspects.remove(description, path, at)
        if node.type == "array":
            for count in (*levels.counts(description, node), *levels.inner_counts(description, node)):
                yield aspects.resize(description, path, at, count)
        if levels.varies(description, node) and path not in beside_others:
            for value in values.accepted(description, path):
                yield aspects.value(description, path, at, value)
            for turn, length in enumerate(texts.lengths(description, path) if levels.is_plain_text(node) else ()):
                yield aspects.text(description, path, at, length, turn)


def _unseen_notations(description: Description, made: Iterable[Case]) -> Iterator[tuple[Edit, ...]]:
    """JSON written otherwise, where no request has anything in it that would be."""
    context = Context(run_id="r", now=0)
    seen: set[tuple[str, str]] = set()
    for case in made:
        mangled = [edit for edit in case.edits if edit.op == "mangle"]
        plain = replace(case, steps=(tuple(edit for edit in case.edits if edit.op != "mangle"),))
        document = decode(description, render(description, plain, 0, context)).document if mangled else {}
        seen |= {(path_of(e.location), e.value) for e in mangled if _is_changed(e.value, document[path_of(e.location)])}
    for word in mangle.EQUIVALENT:
        edits: list[Edit] = []
        for name in sorted(description.json_parameters):
            full = [Edit("put", (name,)), *_all_members(description, name)]
            if (name, word) not in seen:
                plain = single("", description.operation, "accept", full)
                value = decode(description, render(description, plain, 0, context)).document[name]
                edits += [*full, aspects.mangle(description, name, word)] if _is_changed(word, value) else []
        if edits:
            yield tuple(edits)


def _is_changed(word: str, value: Json) -> bool:
    return mangle.mangled(word, value) != compact(value)


def _all_members(description: Description, name: str) -> Iterator[Edit]:
    """What puts everything optional into the JSON of a parameter."""
    for path, node in description.nodes.items():
        if path.startswith((f"{name}.", f"{name}[]")) and not node.required and not path.endswith("[]"):
            yield Edit("put", place(description, path, 1)[0])


def _odd_ends(description: Description, shown: Container[str]) -> Iterator[Edit]:
    """Texts that begin or end with what is neither letter nor digit, where none does that is shown."""
    for path, node in description.nodes.items():
        if not levels.is_plain_text(node) or not levels.varies(description, node):
            continue
        for word, known in (("first", texts.firsts), ("last", texts.lasts)):
            odd = [aspects.end_aspect(description, path, word, c) for c in known(description, path) if not c.isalnum()]
            if odd and not any(aspect in shown for aspect in odd):
                at, _ = place(description, path, 1)
                edit = aspects.text(description, path, at, texts.lengths(description, path)[-1], 0)
                first = [aspect for aspect in edit.aspects if aspect in odd]
                yield replace(edit, aspects=tuple(dict.fromkeys((*first, *edit.aspects))))


def ends(description: Description) -> Iterator[tuple[Edit, ...]]:
    """Requests that together show every character first and last in every text."""
    nodes = [
        node
        for node in description.nodes.values()
        if levels.is_plain_text(node) and levels.varies(description, node) and texts.lengths(description, node.path)
    ]
    for turn in range(max((texts.turns(description, node.path) for node in nodes), default=0)):
        edits = []
        for shift, node in enumerate(nodes):
            # Another length and another turn keep texts different that have to be.
            at, _ = place(description, node.path, 1)
            length = texts.near_length(description, node.path, 8 + shift)
            edits.append(aspects.text(description, node.path, at, length, turn + shift))
        yield tuple(aspects.apart(description, tuple(edits)))
