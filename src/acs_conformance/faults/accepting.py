"""Faults in what is accepted: valid requests that are refused.

In: a description. Out: faults, for each operator and each node that it applies to, and for each two documented values
that meet.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from acs_conformance.cases import alphabet, texts, values
from acs_conformance.cases.levels import counts, followers, inner_counts, leader
from acs_conformance.description import Description, Json, Node, Relation, steps
from acs_conformance.emulator.fault import Call
from acs_conformance.emulator.validation import Breach, find
from acs_conformance.faults.kind import Blind, Strict, at, texts_of
from acs_conformance.faults.showing import can_be_alike, can_be_broken, has_strings, is_inside, is_looked_up, most

Refuses = Callable[[Call], bool]


def accepting(description: Description) -> Iterator[Strict]:  # noqa: C901 - a line for each family of operators
    """All of them, in document order, then pairs."""
    for node in description.nodes.values():
        if node.path in {relation.of for relation in description.relations if relation.word == "equal"}:
            continue  # its value is that of another node, which has the faults
        if node.identifier == "created":
            continue  # its value is what the server has said
        if not node.required and not node.path.endswith("[]"):
            yield from _optional(description, node)
        if node.type == "array":
            yield from _counts(description, node)
        if "enum" in node.schema:
            yield from _enumerations(description, node)
        elif node.type == "string" and not node.derived:
            yield from _texts(description, node)
        elif node.type in ("integer", "number"):
            yield from _numbers(description, node)
        if node.location == "json" and node.is_parameter:
            yield from _notations(description, node)
    for relation in description.relations:
        if not relation.open:
            yield from _relations(description, relation)
    yield from _pairs(description)


def conditions(description: Description) -> dict[str, Refuses]:
    """Documented values that a fault may depend on, by name: the levels that meet in the covering array."""
    found: dict[str, Refuses] = {}
    for node in description.nodes.values():
        path = steps(node.path)
        if "[]" in node.path or leader(description, node.path) != node.path or node.identifier == "created":
            continue
        if not node.required:
            found[f"{node.path}=absent"] = lambda call, path=path: not at(call, path)
        if node.type == "array":
            for count in counts(description, node):
                found[f"{node.path}={count}-items"] = lambda call, path=path, n=count: any(
                    isinstance(value, list) and len(value) == n for value in at(call, path)
                )
        elif node.type == "string" and "enum" not in node.schema:
            lengths = texts.lengths(description, node.path)
            for length in dict.fromkeys((lengths[0], lengths[-1])) if lengths else ():
                found[f"{node.path}={length}-characters"] = lambda call, path=path, n=length: any(
                    isinstance(value, str) and len(value) == n for value in at(call, path)
                )
        elif node.type != "object":
            options = values.accepted(description, node.path)
            edges = options if len(options) <= 3 or "enum" in node.schema else [options[0], options[-1]]
            for option in edges:
                found[f"{node.path}={option.aspect}"] = lambda call, path=path, v=option.value: any(
                    type(value) is type(v) and value == v for value in at(call, path)
                )
    return found


def _fault(
    d: Description, key: str, operator: str, says: str, refuses: Refuses, detail: str = "", *, exhaustive: bool = False
) -> Strict:
    return Strict(
        id=f"{d.id(key)}!{operator}{f'#{detail}' if detail else ''}",
        operator=operator,
        says=says,
        refuses=refuses,
        found_at="exhaustive" if exhaustive else "standard",
    )


def _some(node: Node, is_refused: Callable[[Json], object]) -> Refuses:
    path = steps(node.path)
    return lambda call: any(is_refused(value) for value in at(call, path))


def _optional(d: Description, node: Node) -> Iterator[Strict]:
    path, parent = steps(node.path), steps(node.parent) if node.parent else ()

    def is_absent(call: Call) -> bool:
        holders = find(call.document, parent)
        return any(isinstance(holder, dict) and path[-1] not in holder for _, holder in holders)

    keyword = "default" if "default" in node.schema else "type"
    yield _fault(d, f"{node.path}.{keyword}", "require", f"{node.path} is required", is_absent)
    yield _fault(d, f"{node.path}.type", "refuse-present", f"{node.path} is refused", _some(node, lambda _: True))
    if "default" in node.schema and texts.is_acceptable(d, node.path, node.schema["default"]):
        default = node.schema["default"]
        says = f"{node.path}: the default is refused when it is said"
        yield _fault(d, f"{node.path}.default", "refuse-explicit", says, _some(node, lambda v: v == default))


def _counts(d: Description, node: Node) -> Iterator[Strict]:
    tried = counts(d, node)
    for count in sorted((*tried, *inner_counts(d, node))):
        exactly = _some(node, lambda v, n=count: isinstance(v, list) and len(v) == n)
        yield _fault(d, f"{node.path}.type", "refuse-count", f"{count} items are refused", exactly, str(count))
    for low, high in itertools.pairwise(tried):
        above = _some(node, lambda v, n=low: isinstance(v, list) and len(v) > n)
        yield _fault(
            d, f"{node.path}.type", "refuse-above", f"more than {low} items are refused", above, f"{low}-{high}"
        )


def _enumerations(d: Description, node: Node) -> Iterator[Strict]:
    path = steps(node.path)
    for option in values.accepted(d, node.path):
        forgotten = _some(node, lambda v, o=option.value: v == o)
        says = f"{node.path}: {option.aspect} is refused"
        yield _fault(d, f"{node.path}.enum", "forget", says, forgotten, option.aspect)
    if most(d, node.path) < 2:
        return
    if not any(relation.word == "unique" and relation.of == node.path for relation in d.relations):
        different = lambda call: len({repr(v) for v in at(call, path)}) < len(at(call, path))  # noqa: E731
        yield _fault(d, f"{node.path}.enum", "demand-different", f"{node.path} may not repeat", different)
    if len(values.accepted(d, node.path)) > 1:
        same = lambda call: len({repr(v) for v in at(call, path)}) > 1  # noqa: E731
        yield _fault(d, f"{node.path}.enum", "demand-same", f"{node.path} has to be the same in all items", same)


def _texts(d: Description, node: Node) -> Iterator[Strict]:  # noqa: C901 - a line for each operator
    """Every documented character, at every place, and every documented length, for itself and what has to equal it."""
    letters, firsts, lasts = (known(d, node.path) for known in (texts.characters, texts.firsts, texts.lasts))
    keyword = "pattern" if "pattern" in node.schema else "type"
    key = f"{node.path}.{keyword}"

    def fault(operator: str, says: str, is_refused: Callable[[str], object], detail: str = "", **kind: bool) -> Strict:
        refuses = _some(node, lambda v: isinstance(v, str) and is_refused(v))
        return _fault(d, key, operator, f"{node.path}: {says}", refuses, detail, **kind)

    # Names that are the same in each request of a run can't show a character of their own.
    plain = {char for char in letters if char in "acdeilnmofrtuphs-0123456789"} if node.identifier else set()
    for char in letters:
        name = alphabet.name_of(char)
        if char not in plain:
            yield fault("refuse-character", f"{char} is refused", lambda t, c=char: c in t, name)
        if char in firsts:
            says = f"{char} is refused as the first"
            yield fault("refuse-first", says, lambda t, c=char: t[:1] == c, name, exhaustive=True)
        if char in lasts:
            says = f"{char} is refused as the last"
            yield fault("refuse-last", says, lambda t, c=char: t[-1:] == c, name, exhaustive=True)
    if node.identifier == "bound" and texts.is_free(d, node.path) and any(map(str.isdigit, letters)):
        yield fault("digits-only", "a text of digits only is refused", str.isdigit)
    for operator, says, is_refused, shown_by in (
        ("no-upper-case", "upper case is refused", lambda t: any(c.isupper() for c in t), letters),
        ("letter-first", "a letter has to be first", lambda t: not t[:1].isalpha(), firsts),
        ("alphanumeric-last", "a letter or digit has to be last", lambda t: not t[-1:].isalnum(), lasts),
        ("letter-or-digit-first", "a letter or digit has to be first", lambda t: not t[:1].isalnum(), firsts),
    ):
        if any(map(is_refused, shown_by)):
            yield fault(operator, says, is_refused)
    lengths = texts.lengths(d, node.path)
    for length in lengths:
        says = f"a text of {length} characters is refused"
        yield fault("refuse-length", says, lambda t, n=length: len(t) == n, str(length))
    low, high = lengths[0], lengths[-1]
    for limit in dict.fromkeys((32, 36, 50, 60, high - 1)):
        if low < limit < high:
            yield fault("shorter-limit", f"more than {limit} are refused", lambda t, n=limit: len(t) > n, str(limit))
    for limit in (2, 3, 4, 6):
        if low < limit:
            yield fault("longer-minimum", f"fewer than {limit} are refused", lambda t, n=limit: len(t) < n, str(limit))
    for other in followers(d, node.path):
        full = _some(d.nodes[other], lambda v, n=high: isinstance(v, str) and len(v) == n)
        yield _fault(d, f"{other}.type", "refuse-follower", f"{other} of full length is refused", full)


def _numbers(d: Description, node: Node) -> Iterator[Strict]:
    for option in values.accepted(d, node.path):
        exactly = _some(node, lambda v, o=option.value: v == o)
        says = f"{node.path}: {option.aspect} is refused"
        yield _fault(d, f"{node.path}.{option.keyword}", "refuse-limit", says, exactly, option.aspect)
    low, high = node.schema.get("minimum"), node.schema.get("maximum")
    if low is not None and high is not None and high - low > 10:
        for operator, is_refused in (
            ("higher-minimum", lambda v: v < (low + high) // 2),
            ("lower-maximum", lambda v: v > (low + high) // 2),
            ("tens-only", lambda v: v % 10),
        ):
            refuses = _some(node, lambda v, r=is_refused: isinstance(v, int) and not isinstance(v, bool) and r(v))
            yield _fault(d, f"{node.path}.minimum", operator, f"{node.path}: {operator}", refuses)


def _notations(d: Description, node: Node) -> Iterator[Strict]:
    """JSON that says the same in another way."""
    name = node.path
    words: dict[str, Callable[[str], object]] = {"blanks": lambda t: t != t.strip() or ": " in t}
    if has_strings(d, name):
        words["escapes"] = lambda t: "\\u" in t
    for operator, is_refused in words.items():
        yield _fault(
            d,
            f"{name}.content",
            "refuse-notation",
            f"{name}: JSON with {operator} is refused",
            lambda call, r=is_refused: bool(r(texts_of(call).get(name, ""))),
            operator,
        )

    several = [
        (steps(path), [child.name for child in d.children(path)])
        for path, other in d.nodes.items()
        if other.type == "object" and (path == name or is_inside(path, name)) and len(d.children(path)) > 1
    ]

    def is_reordered(call: Call) -> bool:
        return any(
            isinstance(value, dict) and [m for m in documented if m in value] != [m for m in value if m in documented]
            for path, documented in several
            for _, value in find(call.document, path)
        )

    if several:
        says = f"{name}: members have to be in order"
        yield _fault(d, f"{name}.content", "refuse-notation", says, is_reordered, "order")


def _relations(d: Description, relation: Relation) -> Iterator[Strict]:
    """Equality that sees too much."""
    path = steps(relation.of)
    alike: dict[str, Callable[[str, str], bool]] = {
        "any-case": lambda a, b: a.lower() == b.lower(),
        "beginning": lambda a, b: a[:8] == b[:8] and abs(len(a) - len(b)) == 1,
        "prefix": lambda a, b: a.startswith(b) or b.startswith(a),
    }
    for operator, are_alike in alike.items():

        def refuses(call: Call, are_alike: Callable[[str, str], bool] = are_alike) -> bool:
            mine = [value for value in at(call, path) if isinstance(value, str)]
            others = [v for v in at(call, steps(relation.other)) if isinstance(v, str)] if relation.other else []
            pairs = itertools.product(mine, others) if relation.other else itertools.combinations(mine, 2)
            return any(are_alike(a, b) for a, b in pairs)

        if relation.word in ("unique", "distinct") and can_be_alike(d, relation, operator):
            says = f"{relation.key}: values that are alike ({operator}) count as equal"
            yield _fault(d, relation.key, "alike", says, refuses, operator)


def _pairs(d: Description) -> Iterator[Strict]:
    """Only when two documented values meet."""
    for (left, is_left), (right, is_right) in itertools.combinations(conditions(d).items(), 2):
        if not _can_meet(left, right):
            continue
        both: Refuses = lambda call, a=is_left, b=is_right: a(call) and b(call)  # noqa: E731
        says = f"{left} together with {right} is refused"
        yield _fault(d, "response.status", "refuse-pair", says, both, f"{left}+{right}")


def _can_meet(one: str, other: str) -> bool:
    """Whether two conditions can hold at once: nothing has two values, and what is inside of something absent none."""
    (path, _, value), (path_2, _, value_2) = one.partition("="), other.partition("=")
    if path == path_2:
        return False
    gone = [p for p, v in ((path, value), (path_2, value_2)) if v == "absent"]
    there = [p for p, v in ((path, value), (path_2, value_2)) if v != "absent"]
    return not any(is_inside(p, q) for p in there for q in gone)


def overlooking_when(description: Description) -> Iterator[Blind]:
    """Rules that are not checked when another documented value is there: each rule once for each such value."""
    required = [node for node in description.nodes.values() if node.required]
    short_lived = description.creates.short_lived if description.creates else {}
    for name, is_there in conditions(description).items():
        about, _, value = name.partition("=")
        # What is invalid might be created all the same, so what it is tried beside doesn't let it last for long.
        is_costly = about in short_lived and value not in ("absent", str(short_lived[about]))
        for node in (*required, *(n for n in description.nodes.values() if not n.required)):
            for keyword in ("required", "pattern", "enum", "maxLength", "minLength", "minimum", "maximum", "type"):
                has = node.required if keyword == "required" else keyword in node.schema
                plain_text = keyword == "type" and node.location == "query" and node.type == "string"
                if not has or plain_text or not can_be_broken(description, node, keyword):
                    continue
                if is_looked_up(description, node.path) and (keyword != "required" or is_looked_up(description, about)):
                    continue
                if _overlap(about, node.path, keyword) or not _can_meet(name, f"{node.path}=broken"):
                    continue

                def overlooks(_call: Call, breach: Breach, path: str = node.path, word: str = keyword) -> bool:
                    return breach.path == path and breach.keyword == word

                yield Blind(
                    id=f"{description.id(f'{node.path}.{keyword}')}!ignore-when#{name}",
                    operator="ignore-when",
                    says=f"{node.path}.{keyword} is not checked when {name}",
                    found_at="exhaustive" if is_costly else "standard",
                    overlooks=overlooks,
                    when=lambda call, _found, _memory, is_there=is_there: is_there(call),
                )


def _overlap(about: str, path: str, keyword: str) -> bool:
    """Whether breaking a rule of `path` decides by itself whether the condition on `about` holds."""
    if path == about or is_inside(about, path):
        return True
    return path.startswith(f"{about}[]") and keyword == "type"
