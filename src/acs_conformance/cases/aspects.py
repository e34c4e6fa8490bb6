"""Edits of valid requests, each with the aspects that it shows.

In: a description, a path, a place and what is to be there. Out: an `Edit` that names the requirements which an accepted
request with it has shown, so that a refused pack of edits can be split.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from acs_conformance.cases import texts
from acs_conformance.cases.alphabet import shown
from acs_conformance.cases.case import Edit
from acs_conformance.cases.levels import followers, is_plain_text
from acs_conformance.cases.values import Value, different
from acs_conformance.description import Description, Location, path_of


def remove(description: Description, path: str, location: Location) -> Edit:
    """Take away what is optional."""
    keyword = "default" if "default" in description.nodes[path].schema else "type"
    return Edit("remove", location, None, (aspect(description, path, keyword, "absent"),))


def resize(description: Description, path: str, location: Location, count: int) -> Edit:
    """Make a list so long."""
    return Edit("resize", location, count, (aspect(description, path, "type", f"{count}-items"),))


def mangle(description: Description, name: str, word: str) -> Edit:
    """Write the JSON of a parameter otherwise."""
    return Edit("mangle", (name,), word, (aspect(description, name, "content", word),))


def value(description: Description, path: str, location: Location, known: Value) -> Edit:
    """Put one of the documented values."""
    return Edit("set", location, known.value, (aspect(description, path, known.keyword, known.aspect),))


def text(description: Description, path: str, location: Location, length: int, turn: int) -> Edit:
    """Put a text of this length; `turn` varies its characters."""
    return set_text(description, path, location, texts.text(description, path, length, turn))


def set_text(description: Description, path: str, location: Location, text: str) -> Edit:
    """Put this text."""
    return Edit("set", location, text, _of_text(description, path, text))


def _of_text(description: Description, path: str, text: str) -> tuple[str, ...]:
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
        found.append(aspect(description, each, keyword, str(length)))
        found.append(end_aspect(description, each, "first", text[0]))
        found.append(end_aspect(description, each, "last", text[-1]))
        if len(set(text)) == len(texts.characters(description, each)):
            found.append(aspect(description, each, "pattern" if "pattern" in schema else "type", "every-character"))
    return tuple(dict.fromkeys(found))


def end_aspect(description: Description, path: str, end: str, char: str) -> str:
    """That a text which begins or ends ("first", "last") with a character is taken."""
    keyword = "pattern" if "pattern" in description.nodes[path].schema else "type"
    return aspect(description, path, keyword, f"{end}-{shown(char)}")


def aspect(description: Description, path: str, keyword: str, name: str) -> str:
    """An aspect of a requirement."""
    return f"{description.id(f'{path}.{keyword}')}#{name}"


def apart(description: Description, edits: tuple[Edit, ...]) -> Iterator[Edit]:
    """The edits, those values made different that have to be: by relation, or because they are the same character."""
    others = {relation.other for relation in description.relations if relation.word == "distinct"}
    differing = {relation.of for relation in description.relations if relation.word in ("unique", "distinct")}
    taken = {edit.value for edit in edits if edit.op == "set" and path_of(edit.location) in others}
    for edit in edits:
        path = path_of(edit.location)
        if edit.op == "set" and path in differing:
            candidates = itertools.chain([edit], _instead(description, path, edit))
            chosen = next((other for other in candidates if other.value not in taken), edit)
            taken.add(chosen.value)
            yield chosen
        else:
            yield edit


def _instead(description: Description, path: str, edit: Edit) -> Iterator[Edit]:
    """Other values in the place of one: texts of the same length, or whatever else there is."""
    if is_plain_text(description.nodes[path]):
        yield from (text(description, path, edit.location, len(edit.value), turn) for turn in range(21, 60))
    for known in different(description, path):
        yield value(description, path, edit.location, Value("type", str(known), known))
