"""From a request's bytes to the document that a server with a given policy sees, and what it finds wrong with it.

In: a raw request. Out: the document, the open traits it has, and the breaches in document order. All that the contract
leaves open about a request is settled here, by the policy; it knows nothing of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import jsonschema_rs

from acs_conformance.description import Description, Json, Location, Node, Question, path_of, steps
from acs_conformance.emulator import decoding, validation
from acs_conformance.emulator.decoding import Parameter
from acs_conformance.emulator.derivation import is_derived
from acs_conformance.emulator.envelope import COMMON_PARAMETERS, form_of
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.validation import Breach
from acs_conformance.message import RawRequest, header


@dataclass(slots=True)
class Reading:
    """What one server makes of one request; grows while it is read."""

    #: Parameter -> value; a text where a value can't be read. Unknown parameters are left out.
    document: dict[str, Json]
    traits: set[str]
    #: In document order once the request is read.
    breaches: list[Breach]
    #: JSON parameters that contain a number with a fraction or exponent.
    fractions: bool = False


class Reader:
    """Reads requests for one operation as one server does.

    Args:
        description: the contract.
        policy: what the server makes of all that is open.
        now_s: returns Unix time in seconds, for expiries.
        secrets: name -> value of the secrets in derived values, as far as the emulator knows them.
    """

    def __init__(
        self,
        description: Description,
        policy: Policy,
        *,
        now_s: Callable[[], float],
        secrets: Mapping[str, str],
    ) -> None:
        self._description = description
        self._checks = validation.compiled(description)
        self._now_s = now_s
        self._secrets = secrets
        self._nodes = {node.path: node for node in description.parameters}
        self._folded = {name.lower(): name for name in self._nodes}
        self._json_integers = [steps(node.path) for node in description.nodes.values() if _is_json_integer(node)]
        self._any = {q.trait: policy.choice(description, q.key) for q in description.questions}
        effects = {}
        self._refused: list[_Refused] = []
        self._open_relations: dict[str, tuple[str, ...] | None] = {}
        for question in description.questions:
            reading = policy.reading(description, question)
            effects[question.key] = reading.effect if reading else "any"
            refusals = reading.refusals if reading and reading.effect == "refuse" else None
            if question.trait == "schema" and refusals:
                self._refused.append(_Refused(description, question, refusals))
            elif question.trait == "relation":
                self._open_relations[question.key] = refusals
        #: What the shared questions' readings make of a request, by their ids.
        self._effects = {key[5:]: effect for key, effect in effects.items() if key.startswith("wire.")}

    def read(self, request: RawRequest, parameters: Sequence[Parameter] | None = None) -> Reading:
        """The document of `request` and what is wrong with it.

        Args:
            request: as it came.
            parameters: its parameters, where the gateway sends its own among them; None: those of the query, and by
                policy those of a form body.
        """
        reading = Reading({}, set(), [])
        sent = self._sent(request, reading) if parameters is None else self._own(parameters)
        for name, text in self._texts(sent, reading).items():
            node = self._nodes[name]
            if not text and not node.required and self._empty_optional(name, reading):
                continue
            if node.location == "json":
                reading.document[name] = self._json(name, text, reading)
            else:
                reading.document[name] = text if node.type == "string" else self._scalar(node, text, reading)
        self._judge(reading)
        return reading

    # --- parameters -------------------------------------------------------------------------------------------------

    def _texts(self, sent: Sequence[Parameter], reading: Reading) -> dict[str, str]:
        """Documented parameter -> its text."""
        texts: dict[str, str] = {}
        for parameter in sent:
            name = parameter.name
            if name not in self._nodes:
                known = self._folded.get(name.lower())
                if known is not None:
                    reading.traits.add("letter-case")
                if known is None or self._any.get("letter-case") != "counts":
                    self._unknown((name,), "unknown-parameter", reading)
                    continue
                name = known
            if not parameter.is_utf8:
                self._trait("invalid-utf-8", name, reading)
            if name in texts:
                self._trait("repeated-parameter", name, reading)
                if self._any.get("repeated-parameter") == "first":
                    continue
            texts[name] = parameter.text
        return texts

    def _sent(self, request: RawRequest, reading: Reading) -> list[Parameter]:
        sent = decoding.parameters(request.query)
        form = form_of(request, header(request.headers, "content-type")) if request.body else ""
        if form:
            reading.traits.add("form-body")
            if self._any.get("form-body") == "counts":
                sent += decoding.parameters(form)
        return sent

    def _own(self, parameters: Sequence[Parameter]) -> list[Parameter]:
        """The operation's parameters: all but the gateway's, of which it may document one too."""
        return [p for p in parameters if p.name not in COMMON_PARAMETERS or p.name in self._nodes]

    def _empty_optional(self, name: str, reading: Reading) -> bool:
        """Whether the empty text of an optional parameter is passed over."""
        reading.traits.add("empty-optional")
        if self._effects.get("empty-optional") != "refuse":
            return True
        reading.breaches.append(self._checks.breach((name,), "empty-optional", "other"))
        return True

    def _scalar(self, node: Node, text: str, reading: Reading) -> Json:
        """The value of a parameter in plain text that isn't a string; the text itself where it spells none."""
        if node.type == "integer":
            number = decoding.integer(text)
            if number is None:
                number = self._odd_integer(text, reading)
            if number is not None and decoding.is_big(number):
                self._trait("big-number", node.path, reading)
            return text if number is None else number
        if node.type == "boolean":
            return {"true": True, "false": False}.get(text, text)
        return decoding.json_value(text).value  # a number with a fraction is written as in JSON

    def _odd_integer(self, text: str, reading: Reading) -> int | None:
        odd = decoding.odd_integer(text)
        if odd is None:
            return None
        number, ways = odd
        reading.traits.add("number-notation")
        taken = all(self._effects.get(f"number-notation.{way}") == "number" for way in ways)
        return number if taken else None

    def _json(self, name: str, text: str, reading: Reading) -> Json:
        value = decoding.json_value(text)
        for trait in value.traits:
            self._trait(trait, name, reading)
        reading.fractions |= value.has_fraction
        if "duplicate-member" in value.traits and self._any.get("duplicate-member") == "first":
            value = decoding.json_value(text, first_member_wins=True)
        return value.value

    def _trait(self, trait: str, name: str, reading: Reading) -> None:
        """Notes a trait about which the contract says nothing at all, and a breach where this server refuses it."""
        reading.traits.add(trait)
        if self._any.get(trait) == "refused":
            reading.breaches.append(self._checks.breach((name,), trait, "other"))

    def _unknown(self, location: Location, trait: str, reading: Reading) -> None:
        reading.traits.add(trait)
        if self._effects.get(trait) == "refuse":
            reading.breaches.append(self._checks.breach(location, trait, "other"))

    # --- what is wrong ----------------------------------------------------------------------------------------------

    def _judge(self, reading: Reading) -> None:
        refused_fractions = self._whole_fractions(reading) if reading.fractions else []
        found, unknown = self._checks.schema(reading.document)
        while unknown and self._any.get("letter-case") == "counts" and self._fold(reading.document, unknown):
            reading.traits.add("letter-case")  # what was renamed may contain more of the kind
            found, unknown = self._checks.schema(reading.document)
        for location in unknown:
            self._unknown(location, "unknown-member", reading)
        if found:
            found = list(self._without_nulls(found, reading))
        if refused_fractions:
            found = [breach for breach in found if breach.location not in refused_fractions]
            found += [self._checks.breach(location, "type", "other") for location in refused_fractions]
        broken = {breach.location for breach in found}
        for refused in self._refused:
            if refused.rule is None or not (broken or reading.breaches):
                found += refused.breaches(reading.document, broken, self._now_s, self._secrets)
        if not broken:
            found += self._relations(reading.document)
        if found or len(reading.breaches) > 1:
            reading.breaches = sorted([*reading.breaches, *found], key=self._checks.order)

    def _whole_fractions(self, reading: Reading) -> list[Location]:
        """Makes integers of numbers such as 0.0 where an integer belongs; the places where this server refuses them."""
        refused = []
        for path_steps in self._json_integers:
            for location, value in validation.find(reading.document, path_steps):
                if isinstance(value, float) and value.is_integer():
                    reading.traits.add("float-for-integer")
                    _put(reading.document, location, int(value))
                    if self._effects.get("float-for-integer") != "number":
                        refused.append(location)
        return refused

    def _without_nulls(self, found: list[Breach], reading: Reading) -> Iterator[Breach]:
        """The breaches but for those of null where nothing is required, if this server takes it for nothing."""
        for breach in found:
            node = self._description.nodes.get(breach.path)
            if breach.keyword == "type" and node and not node.required and not breach.path.endswith("[]"):
                parent = _get(reading.document, breach.location[:-1])
                if parent[breach.location[-1]] is None:
                    reading.traits.add("null-optional")
                    if self._effects.get("null-optional") != "refuse":
                        del parent[breach.location[-1]]
                        continue
            yield breach

    def _fold(self, document: dict[str, Json], unknown: list[Location]) -> bool:
        """Renames members that are documented but for letter case; whether there was one."""
        any_renamed = False
        for location in unknown:
            parent_path = path_of(location[:-1])
            name = str(location[-1])
            for node in self._description.children(parent_path):
                if node.name.lower() == name.lower():
                    parent = _get(document, location[:-1])
                    parent.setdefault(node.name, parent[name])
                    del parent[name]
                    any_renamed = True
        return any_renamed

    def _relations(self, document: dict[str, Json]) -> Iterator[Breach]:
        for breach, relation in self._checks.relations(document):
            if relation.open is None:
                yield breach
                continue
            rows = self._open_relations.get(relation.open)
            if rows:
                yield Breach(
                    location=breach.location,
                    path=breach.path,
                    keyword=breach.keyword,
                    kind="other",
                    rows=rows,
                    question=relation.open,
                )


class _Refused:
    """Values in question that a server refuses."""

    def __init__(self, description: Description, question: Question, rows: tuple[str, ...]) -> None:
        assert question.at is not None  # noqa: S101 - what trait "schema" means
        self._question = question
        self._steps = steps(question.at)
        self._rows = rows
        self._validator = jsonschema_rs.Draft202012Validator(dict(question.matches or {}))
        #: How the values not in question follow from others; it is tried only where those others are in order.
        self.rule = description.nodes[question.at].derived if question.unless_derived else None

    def breaches(
        self,
        document: Mapping[str, Json],
        broken: set[Location],
        now_s: Callable[[], float],
        secrets: Mapping[str, str],
    ) -> Iterator[Breach]:
        """One for each value in question; a value that is broken anyway isn't."""
        for location, value in validation.find(document, self._steps):
            if location in broken or not self._validator.is_valid(value):
                continue
            if self.rule and is_derived(self.rule, document, location, now_s=now_s(), secrets=secrets):
                continue
            yield Breach(
                location=location,
                path=path_of(location),
                keyword=self._question.key.rpartition(".")[2],
                kind="other",
                rows=self._rows,
                question=self._question.key,
            )


def _is_json_integer(node: Node) -> bool:
    return node.location == "json" and node.type == "integer"


def _get(document: Json, location: Location) -> Json:
    for step in location:
        document = document[step]
    return document


def _put(document: Json, location: Location, value: Json) -> None:
    _get(document, location[:-1])[location[-1]] = value
