"""Probes: requests that raise exactly one open question, to see which reading a target follows.

In: a description. Out: `Case`s of kind "open", or "robust" where only a 5xx would be wrong. One generator for each word
of the vocabulary of traits; a question that no request of the operation can raise has none.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from acs_conformance.cases import values
from acs_conformance.cases.alphabet import shown
from acs_conformance.cases.case import Case, Edit, single
from acs_conformance.cases.places import filling
from acs_conformance.description import Description, Location, Node, Question, steps

Probes = Iterator[tuple[str, tuple[Edit, ...]]]


def probe_cases(description: Description) -> Iterator[Case]:
    """The probes of every open question, in the description's order."""
    for question in description.questions:
        word = _PROBES.get(question.trait)
        if word is None:
            continue
        kind = "robust" if any(reading.effect == "any" for reading in question.readings) else "open"
        for aspect, edits in word(description, question):
            identifier = f"{description.id(question.key)}#{aspect}"
            yield single(identifier, description.operation, "robust" if kind == "robust" else "open", edits)


def _at(path: str) -> Location:
    """The place of `path` in the first item."""
    return tuple(0 if step == "[]" else step for step in steps(path))


def _schema(d: Description, question: Question) -> Probes:
    path = question.at or ""
    for probe in question.probes:
        if d.nodes[path].type == "array":  # for a list, a probe is a number of valid items
            yield f"{probe}-items", (Edit("resize", _at(path), probe),)
            continue
        yield shown(str(probe)), (Edit("set", _at(path), probe),)


def _relation(d: Description, question: Question) -> Probes:
    relation = next(r for r in d.relations if r.key == question.breaks)
    if relation.word == "equal":
        yield "other", (Edit("extend", _at(relation.of), tuple((relation.other or "").split("."))),)


def _integers(d: Description) -> Iterator[tuple[Node, int]]:
    for node in d.parameters:
        if node.path in d.integer_parameters:
            low = int(node.schema.get("minimum", 1))
            # A value that is in range however it is read: two digits that are no octal number.
            yield node, max(low, 88) if int(node.schema.get("maximum", 88)) >= max(low, 88) else low


def _number_notation(d: Description, question: Question) -> Probes:
    wanted = question.key.rpartition(".")[2]
    for node, number in _integers(d):
        digits = "".join(chr(ord(digit) + 0xFEE0) for digit in str(number))
        texts = {
            "leading-zero": {"zero": f"0{number}"},
            "plus-sign": {"plus": f"+{number}"},
            "blanks": {"before": f" {number}", "after": f"{number} ", "newline": f"{number}\n"},
            "decimal": {"point": f"{number}.0"},
            "other": {"exponent": f"{number}e0", "hexadecimal": hex(number)},
            "digits": {"fullwidth": digits},
        }[wanted]
        for aspect, text in texts.items():
            yield f"{node.path}-{aspect}", (Edit("set", (node.path,), text),)


def _json_integers(d: Description) -> Iterator[tuple[Node, object]]:
    for path, node in d.nodes.items():
        if node.location == "json" and node.type == "integer":
            yield node, values.accepted(d, path)[0].value


def _everywhere(edits: Iterable[Edit]) -> Probes:
    """All places in one request: a reading is the target's, not the place's."""
    packed = tuple(edits)
    if packed:
        yield "all", packed


def _float_for_integer(d: Description, _question: Question) -> Probes:
    return _everywhere(Edit("set", _at(node.path), float(str(number))) for node, number in _json_integers(d))


def _empty_optional(d: Description, _question: Question) -> Probes:
    return _everywhere(
        Edit("text" if node.location == "json" else "set", (node.path,), "")
        for node in d.parameters
        if not node.required
    )


def _null_optional(d: Description, _question: Question) -> Probes:
    return _everywhere(
        Edit("set", _at(path), None)
        for path, node in d.nodes.items()
        if not node.required and node.location == "json" and not path.endswith("[]") and not _is_in_optional(d, node)
    )


def _is_in_optional(d: Description, node: Node) -> bool:
    """Whether it is inside something optional, which is null or absent itself."""
    above = d.nodes.get(node.parent)
    while above is not None:
        if not above.required and not above.path.endswith("[]"):
            return True
        above = d.nodes.get(above.parent) if above.parent else None
    return False


def _unknown_parameter(_d: Description, _question: Question) -> Probes:
    yield "one", (Edit("extra", ("Unknown",), "x"),)


def _objects(d: Description) -> Iterator[Node]:
    return (node for node in d.nodes.values() if node.location == "json" and node.type == "object")


def _unknown_member(d: Description, _question: Question) -> Probes:
    return _everywhere(Edit("set", (*_at(node.path), "Unknown"), "x") for node in _objects(d))


def _repeated_parameter(d: Description, _question: Question) -> Probes:
    for node in d.parameters[:1]:
        there = () if node.required else (Edit("put", (node.path,)),)
        yield node.path, (*there, Edit("extra", (node.path,), "x"))


def _mangles(*words: str) -> Callable[[Description, Question], Probes]:
    def word(d: Description, _question: Question) -> Probes:
        for mangling in words:
            spoiled = ((*filling(d, name), Edit("mangle", (name,), mangling)) for name in sorted(d.json_parameters))
            for _, edits in _everywhere(itertools.chain.from_iterable(spoiled)):
                yield mangling, edits

    return word


def _invalid_utf_8(d: Description, _question: Question) -> Probes:
    for node in d.parameters[:1]:
        yield node.path, (Edit("set", (node.path,), "a\udcff\udcfe"),)
    yield from _mangles("not-utf-8")(d, _question)


def _big_number(d: Description, _question: Question) -> Probes:
    # One that is a valid number where only the last 64 bits count.
    for node, number in _integers(d):
        yield f"{node.path}-64-bits", (Edit("set", (node.path,), str(2**64 + number)),)
        yield f"{node.path}-30-digits", (Edit("set", (node.path,), "9" * 30),)
        yield f"{node.path}-5000-digits", (Edit("set", (node.path,), "9" * 5000),)
    for node, value in _json_integers(d):
        yield f"{node.path}-64-bits", (Edit("set", _at(node.path), 2**64 + int(str(value))),)


def _letter_case(d: Description, _question: Question) -> Probes:
    for node in d.parameters:
        yield f"{node.path}-lower", (Edit("rename", (node.path,), node.path.lower()),)


def _form_body(d: Description, _question: Question) -> Probes:
    # A body needs something to hold.
    there = [] if any(node.required for node in d.parameters) else [Edit("put", (n.path,)) for n in d.parameters[:1]]
    yield "all", (*there, Edit("body"))


def _method(d: Description, _question: Question) -> Probes:
    other = "GET" if d.method != "GET" else "POST"
    yield other, (Edit("method", (), other),)


_PROBES: Mapping[str, Callable[[Description, Question], Probes]] = {
    "schema": _schema,
    "relation": _relation,
    "number-notation": _number_notation,
    "float-for-integer": _float_for_integer,
    "empty-optional": _empty_optional,
    "null-optional": _null_optional,
    "unknown-parameter": _unknown_parameter,
    "unknown-member": _unknown_member,
    "letter-case": _letter_case,
    "big-number": _big_number,
    "repeated-parameter": _repeated_parameter,
    "duplicate-member": _mangles("duplicate-member"),
    "lone-surrogate": _mangles("surrogate"),
    "invalid-utf-8": _invalid_utf_8,
    "deep-nesting": _mangles("deep", "very-deep"),
    "form-body": _form_body,
    "method": _method,
}


# --- texts that break careless servers ------------------------------------------------------------------------------

#: Texts that have been seen to bring down a parser, a query or a log line.
HOSTILE: Mapping[str, str] = {
    "nul": "a\x00b",
    "quotes": "a'\"`\\b' OR '1'='1' --",
    "percent": "%s%n%00%",
    "template": "{{7*7}}${7*7}<%=7*7%>",
    "markup": "<script>alert(1)</script>&amp;]]>",
    "newlines": "a\r\nX-Injected: 1\r\n\r\nb",
    "right-to-left": "a\u202eb\u2066",
    "beyond-plane": "\U0001f600\U0001f1e9\U0001f1ea",
    "combining": "a" + "\u0301" * 100,
    "long": "x" * 6000,
    "unassigned": "\U000e0fff\uffff",
}


#: Items beyond what anybody sends; so many may make a request that is refused for its length.
_DOZENS = 30


def hostile_cases(description: Description) -> Iterator[Case]:
    """Hostile texts in every place that takes a text; whatever the contract says of them, no 5xx.

    Where a text breaks a rule it goes alone, one place each in turn. Where it breaks none, and so may create something,
    one request carries as many different ones as there are such places.
    """
    key = description.id("availability")
    places = [node for node in description.nodes.values() if node.type == "string" and "enum" not in node.schema]
    strict = [node for node in places if "pattern" in node.schema]
    if all(node.location == "json" for node in places):
        # JSON escapes some of them; in plain text they go as they are, even where no text belongs.
        strict = [node for node in description.parameters if node.location == "query"][:1] or strict
    if not places and not strict:
        strict = [node for node in description.nodes.values() if node.type not in ("object", "array")][:1]
    free = [node for node in places if "pattern" not in node.schema]
    for turn, (word, text) in enumerate(HOSTILE.items()):
        if strict:
            node = strict[turn % len(strict)]
            edit = Edit("set", _at(node.path), text)
            yield single(f"{key}#{node.path}-{word}", description.operation, "robust", (edit,))
    words = list(HOSTILE)
    for start in range(0, len(words) if free else 0, max(1, len(free))):
        chosen = words[start : start + len(free)]
        edits = tuple(Edit("set", _at(node.path), HOSTILE[word]) for node, word in zip(free, chosen, strict=False))
        yield single(f"{key}#{'-'.join(chosen)}", description.operation, "robust", edits)
    for name in sorted(description.json_parameters):
        for word, value in (
            ("many-members", {f"m{i}": i for i in range(300)}),
            ("strange-name", {"": {"__proto__": 1}}),
        ):
            edit = Edit("text", (name,), json.dumps(value))
            yield single(f"{key}#{name}-{word}", description.operation, "robust", (edit,))
    for path, node in description.nodes.items():
        if node.type == "array":
            edit = Edit("resize", _at(path), _DOZENS)
            yield single(f"{key}#{path}-many-items", description.operation, "robust", (edit,))
