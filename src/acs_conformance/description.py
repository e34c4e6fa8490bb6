"""The frozen model of one operation's contract, as its folder under spec/ states it.

In: what `spec_folder` read and checked. Out: `Description`, the only thing later stages see; none of them reads YAML.

A *path* names a node by documented names: `Name`, `Filter.Range.Min`, `Items[].Name`, where `[]` stands for every
item. A *location* is a path with the items counted: `("Items", 1, "Name")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, cast

from acs_conformance.gateway_checks import Checks, Diagnosis

#: Names and list positions from the root of a request document.
Location = tuple[str | int, ...]

#: Any JSON value. Query parameters that are not JSON are texts, or integers where the text spells one.
Json = Any


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str, ...]:
    """`A[].B` as ("A", "[]", "B")."""
    return tuple(step for part in path.split(".") for step in part.replace("[]", ".[]").split("."))


def path_of(location: Location) -> str:
    """The path of a location: ("A", 1, "B") becomes `A[].B`."""
    result = ""
    for step in location:
        if isinstance(step, int):
            result += "[]"
        else:
            result += f".{step}" if result else step
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One parameter or member of the request."""

    path: str
    #: JSON Schema of the value, without references.
    schema: Mapping[str, Json]
    #: Whether its parent requires it. Items of a list are never required by themselves.
    required: bool
    #: "query": the text of a parameter; "json": a parameter that is JSON text, or something inside one.
    location: Literal["query", "json"]
    #: Line of the node in openapi.yaml, and of each of its keywords.
    line: int
    keyword_lines: Mapping[str, int]
    #: Values to start from; the first one is its value in the simplest request. Objects and lists have none.
    examples: tuple[Json, ...] = ()
    #: "bound": names a thing that exists at the target; "run": made for a run; "fresh": made for a case;
    #: "created": names what another operation has created.
    identifier: Literal["bound", "run", "fresh", "created"] | None = None
    #: How the value follows from others, or None.
    derived: Mapping[str, Json] | None = None

    @property
    def parent(self) -> str:
        """Path of the object or list it is in; "" for a parameter."""
        if self.path.endswith("[]"):
            return self.path[:-2]
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its last documented name."""
        return self.path.rpartition(".")[2]

    @property
    def is_parameter(self) -> bool:
        """Whether it is a query parameter itself, not something inside one."""
        return "." not in self.path and "[]" not in self.path

    @property
    def type(self) -> str:
        """Its documented JSON type."""
        return str(self.schema["type"])

    @property
    def is_secret(self) -> bool:
        """Whether its value is a credential that no output may show."""
        return self.schema.get("format") == "password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A documented rule between fields.

    `unique`: no two values at `of` are equal; `distinct`: none of them equals the value at `other`; `equal`: each of
    them equals it. Evaluated only where the schema holds.
    """

    word: Literal["unique", "distinct", "equal"]
    of: str
    #: The path that `of` is compared with; None for `unique`.
    other: str | None
    #: Path of the scope in which a `unique` value is taken, beyond the request itself; None: the request only.
    within: str | None
    #: Id of the open question whether a breach is refused; None where the page decides.
    open: str | None
    line: int

    @property
    def key(self) -> str:
        """The end of the requirement's id: path and word."""
        return f"{self.of}.{self.word}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One understanding of an open sentence: what it makes of a request that has the trait."""

    name: str
    effect: Literal["accept", "refuse", "absent", "number", "any"]
    #: Error rows that answer such a request, where the effect is "refuse".
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An open question: the page admits several readings."""

    #: Below the operation's id: `Items[].Name.unsupported`, or `wire.unknown-parameter`.
    key: str
    question: str
    readings: tuple[Reading, ...]
    #: The word of the trait, for questions that all operations share; "schema", "relation" or "ended" for the
    #: operation's own.
    trait: str
    #: For trait "schema": the path, the JSON Schema of the values in question, values to probe with.
    at: str | None = None
    matches: Mapping[str, Json] | None = None
    probes: tuple[Json, ...] = ()
    #: For trait "schema": a value derived as described is not in question.
    unless_derived: bool = False
    #: For trait "relation": the key of the relation.
    breaks: str | None = None
    #: Whether a value in question may be shown otherwise than it was given.
    may_differ: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One row of the page's table of error codes."""

    #: The documented code without its suffix: the row's name.
    name: str
    status: int
    #: JSON Schema of the body.
    schema: Mapping[str, Json]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Which error rows answer which kind of violation."""

    #: A required parameter that is not there.
    absent: tuple[str, ...]
    #: "", null, [], {} where something is required, or a required member that is not there.
    vacant: tuple[str, ...]
    #: Everything else.
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Error rows that speak of the world rather than of the request's form."""

    missing: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Creates:
    """What a successful call leaves behind."""

    #: What the page calls it, such as "job".
    thing: str
    #: Member of the success body that identifies it.
    id: str
    #: Parameter values that make an orphan end soon.
    short_lived: Mapping[str, Json]
    #: The parameter that says after how many seconds without use it ends by itself, or None.
    idle_limit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """How an operation shows a thing."""

    #: Member of the success body in which the thing is shown; its members are named like the parameters it was
    #: created with.
    at: str
    #: Members in there: its id, and its state.
    id: str
    state: str
    #: The states of a thing that has not ended, and of one that has.
    alive: tuple[str, ...]
    ended: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsOn:
    """That an operation acts on what another one has created."""

    thing: str
    #: The parameter that names it.
    id: str
    #: Parameters whose values have to be those that it was created with.
    same: tuple[str, ...]
    creator: Description
    #: One of the two: how it shows the thing, or within how many seconds it ends it.
    shows: Shows | None = None
    ends_within_s: float | None = None
    #: For an operation that shows: the one that ends the same thing, if there is one.
    ender: Description | None = None
    #: Whether a target has to offer the operation, or may do without.
    is_demanded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What all operations behind one gateway share."""

    name: str
    #: Family ("throttled", "authentication", ...) -> patterns of Code; a trailing * stands for any ending.
    answers: Mapping[str, tuple[str, ...]]
    #: Family -> what such an answer means, for people.
    meanings: Mapping[str, str]
    #: Bytes of request target that every target must cope with.
    judged_up_to: int
    #: Statuses that answer a longer one.
    too_large: frozenset[int]
    questions: tuple[Question, ...]
    diagnoses: tuple[Diagnosis, ...] = ()

    def family(self, code: str) -> str | None:
        """The family that an answer with this Code belongs to, or None."""
        return next((family for family, patterns in self.answers.items() if _fits(code, patterns)), None)

    def diagnosis(self, code: str) -> Diagnosis | None:
        """What an answer with this Code says about the set-up, or None."""
        return next((diagnosis for diagnosis in self.diagnoses if _fits(code, diagnosis.codes)), None)


def _fits(code: str, patterns: Iterable[str]) -> bool:
    return any(code == each or (each.endswith("*") and code.startswith(each[:-1])) for each in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of the documentation page, in our own words."""

    id: str
    #: Where it stands: section and row of the page.
    row: str
    text: str
    #: Keys of requirements that check it; `fnmatch` patterns are expanded by `spec_folder`.
    requirements: tuple[str, ...]
    #: Keys of open questions that it leaves.
    questions: tuple[str, ...]
    #: Why no test can check it; None where one does.
    untestable: str | None
    line: int
    #: Ids of requirements of other operations that check it too.
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)  # compared and hashed by identity: it is read once, and a cache key
class Description:
    """The contract of one operation."""

    operation: str
    product: str
    version: str
    #: Documented HTTP method, upper case, and path.
    method: str
    path: str
    title: str
    #: The documentation page, or "".
    url: str
    endpoints: tuple[str, ...]
    #: In document order: each parameter, then what is inside it.
    nodes: Mapping[str, Node]
    #: JSON Schema of the whole request, each parameter a member.
    request_schema: Mapping[str, Json]
    success_status: int
    success_schema: Mapping[str, Json]
    success_line: int
    errors: Mapping[str, ErrorRow]
    relations: tuple[Relation, ...]
    questions: tuple[Question, ...]
    refusals: Refusals
    world: World
    creates: Creates | None
    acts_on: ActsOn | None
    gateway: Gateway
    statements: tuple[Statement, ...]
    #: Name of the description's file relative to spec/, for messages, and the SHA-256 of all its files.
    file: str
    sha256: str
    #: Where this is the description of a gateway: what it checks, and the operation that carries the checks.
    checks: Checks | None = None
    carrier: Description | None = None

    @property
    def action(self) -> str:
        """The name by which requests call the operation."""
        return self.carrier.operation if self.carrier is not None else self.operation

    @cached_property
    def parameters(self) -> tuple[Node, ...]:
        """The query parameters, in document order."""
        return tuple(node for node in self.nodes.values() if node.is_parameter)

    @cached_property
    def json_parameters(self) -> frozenset[str]:
        """Names of the parameters that travel as JSON text."""
        return frozenset(node.path for node in self.parameters if node.location == "json")

    @cached_property
    def integer_parameters(self) -> frozenset[str]:
        """Names of the parameters that are a number in plain text."""
        return frozenset(node.path for node in self.parameters if node.location == "query" and node.type == "integer")

    @cached_property
    def scalar_types(self) -> Mapping[str, str]:
        """Name -> type of the parameters in plain text that are no text."""
        return {n.path: n.type for n in self.parameters if n.location == "query" and n.type != "string"}

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Paths of credentials."""
        return tuple(node.path for node in self.nodes.values() if node.is_secret)

    def children(self, path: str) -> tuple[Node, ...]:
        """The nodes directly below `path`."""
        return self._children.get(path, ())

    @cached_property
    def _children(self) -> Mapping[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            found.setdefault(node.parent, []).append(node)
        return {path: tuple(nodes) for path, nodes in found.items()}

    def id(self, key: str) -> str:
        """The full id of something of this operation."""
        return f"{self.operation}.{key}"


def get(document: Json, location: Location) -> Json:
    """The value at `location`.

    Raises:
        LookupError: there is none.
    """
    inner: Any = document
    for step in location:
        # An index of a dict and a name of a list are both a place that is not there.
        if isinstance(inner, list) is not isinstance(step, int) or not isinstance(inner, list | dict):
            raise LookupError(location)
        inner = cast("Any", inner)[step]
    return inner


def locations(document: Json, path: str) -> Iterator[Location]:
    """Every location in `document` that `path` leads to, in order."""

    def walk(value: Json, rest: tuple[str, ...], here: Location) -> Iterator[Location]:
        if not rest:
            yield here
        elif rest[0] == "[]":
            if isinstance(value, list):
                for index, item in enumerate(value):
                    yield from walk(item, rest[1:], (*here, index))
        elif isinstance(value, dict) and rest[0] in value:
            yield from walk(value[rest[0]], rest[1:], (*here, rest[0]))

    return walk(document, steps(path), ())


def values(document: Json, path: str) -> list[Json]:
    """The values at every location that `path` leads to, in order."""
    return [get(document, location) for location in locations(document, path)]
