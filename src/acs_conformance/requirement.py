"""Requirements: the atomic, checkable claims of a description, with ids that stay.

In: a `Description`. Out: `Requirement`s in document order. An id is made of documented names only, operation, path and
keyword; what a case varies is an aspect after `#` and names the case. Nothing here knows how a claim is tested.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from acs_conformance import lifecycle
from acs_conformance.description import Description, Json, Node, Question, Statement
from acs_conformance.errors import DescriptionError, SelectionError
from acs_conformance.gateway_checks import Checks

#: Keywords of a request's schema that are claims by themselves, in the order in which a validator looks at them.
REQUEST_KEYWORDS = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")
_RESPONSE_KEYWORDS = ("type", "enum", "pattern", "minLength", "minimum", "maximum", "minItems", "maxItems")

Kind = Literal["request", "response", "error", "availability", "gateway", "lifecycle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One claim."""

    #: `<Operation>.<path>.<keyword>`; also the pytest id, the JUnit name and the SARIF ruleId.
    id: str
    operation: str
    #: The id without the operation.
    key: str
    kind: Kind
    #: Path of the node it speaks of; "" for the request or answer as a whole.
    path: str
    keyword: str
    #: The claim as a sentence.
    claim: str
    #: Line in the operation's openapi.yaml.
    line: int
    #: Ids of the statements that it checks.
    statements: tuple[str, ...] = ()
    #: Whether it is judged only when the situation arises, which no request can bring about.
    conditional: bool = False


@functools.lru_cache(maxsize=64)
def derive(description: Description) -> tuple[Requirement, ...]:
    """All requirements of `description`, in document order: request, relations, answers."""
    if description.checks is not None:
        plain = list(_of_gateway(description, description.checks))
    else:
        plain = [
            *_of_request(description),
            *_of_relations(description),
            *_of_things(description),
            *_of_answers(description),
        ]
    by_statement = {statement.id: set(expand(statement.requirements, plain)) for statement in description.statements}
    result = []
    for requirement in plain:
        statements = tuple(name for name, keys in by_statement.items() if requirement.key in keys)
        result.append(dataclasses.replace(requirement, statements=statements))
    return tuple(result)


def by_id(descriptions: Iterable[Description]) -> dict[str, Requirement]:
    """All requirements of several descriptions, by id."""
    return {requirement.id: requirement for description in descriptions for requirement in derive(description)}


def matches(pattern: str, name: str) -> bool:
    """Whether `name` fits `pattern`, in which `*` stands for any text and everything else, brackets too, for itself."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name, re.DOTALL) is not None


def select(requirements: Iterable[Requirement], pattern: str | None) -> tuple[Requirement, ...]:
    """The requirements whose id fits `pattern`; a name without a star also selects everything below it.

    Raises:
        SelectionError: none does.
    """
    requirements = tuple(requirements)
    if pattern is None:
        return requirements
    wanted = pattern.partition("#")[0]
    chosen = tuple(r for r in requirements if matches(wanted, r.id) or r.id.startswith(f"{wanted}."))
    if not chosen:
        raise SelectionError("requirement", pattern, [r.id for r in requirements])
    return chosen


def expand(patterns: Iterable[str], requirements: Iterable[Requirement]) -> Iterator[str]:
    """The keys of `requirements` that fit any of `patterns`, in their order."""
    patterns = tuple(patterns)
    return (r.key for r in requirements if any(matches(pattern, r.key) for pattern in patterns))


def statement_questions(description: Description, statement: Statement) -> tuple[Question, ...]:
    """The open questions that a statement leaves."""
    return tuple(q for q in description.questions if any(matches(p, q.key) for p in statement.questions))


def check_statements(description: Description) -> None:
    """Hold the statements file to the requirements.

    Raises:
        DescriptionError: a statement names a requirement or question that does not exist, or a requirement or a
            question of the operation's own belongs to no statement.
    """
    from acs_conformance import spec_folder  # late: only for the names of files, and this module is for all stages

    requirements = derive(description)
    api, file = (spec_folder.opened(description, name) for name in ("openapi.yaml", "statements.yaml"))
    claimed = set()
    for statement in description.statements:
        for pattern in statement.requirements:
            if not any(matches(pattern, r.key) for r in requirements):
                reason = str(SelectionError("requirement", pattern, [r.key for r in requirements]))
                raise DescriptionError(file, statement.line, "", f"statement {statement.id}: {reason}")
        for pattern in statement.questions:
            fitting = [q.key for q in description.questions if matches(pattern, q.key)]
            if not fitting:
                reason = str(SelectionError("open question", pattern, [q.key for q in description.questions]))
                raise DescriptionError(file, statement.line, "", f"statement {statement.id}: {reason}")
            claimed.update(fitting)
    for requirement in requirements:
        if not requirement.statements:
            raise DescriptionError(api, requirement.line, "", f"no statement claims {requirement.key}")
    for question in description.questions:
        if question.line and question.key not in claimed:
            raise DescriptionError(api, question.line, "", f"no statement leaves {question.key} open")


# --- derivation ---------------------------------------------------------------------------------------------------


def _of_request(description: Description) -> Iterator[Requirement]:
    for node in description.nodes.values():
        for keyword in _keywords(node):
            line = node.keyword_lines.get(keyword, node.line)
            yield _new(description, f"{node.path}.{keyword}", "request", node.path, _claim(node, keyword), line)


def _keywords(node: Node) -> Iterator[str]:
    if node.required:
        yield "required"
    if node.location == "json" and node.is_parameter:
        yield "content"
    yield from (keyword for keyword in REQUEST_KEYWORDS if keyword in node.schema)
    if "default" in node.schema:
        yield "default"


def _claim(node: Node, keyword: str) -> str:
    value = node.schema.get(keyword)
    path = node.path
    claims: Mapping[str, str] = {
        "required": f"{path} is required",
        "content": f"{path} is JSON text",
        "type": f"{path} is of type {value}",
        "enum": f"{path} is one of {', '.join(str(v) for v in value) if isinstance(value, list) else value}",
        "pattern": f"{path} has only characters that fit {value}",
        "minLength": f"{path} has at least {value} character{'s' if value != 1 else ''}",
        "maxLength": f"{path} has at most {value} characters",
        "minimum": f"{path} is at least {value}",
        "maximum": f"{path} is at most {value}",
        "minItems": f"{path} has at least {value} item{'s' if value != 1 else ''}",
        "maxItems": f"{path} has at most {value} items",
        "default": f"{path} may be left out and is {value} then",
    }
    return claims[keyword]


def _of_relations(description: Description) -> Iterator[Requirement]:
    for relation in description.relations:
        if relation.open:
            continue
        claim = {
            "unique": f"no two values of {relation.of} are equal",
            "distinct": f"{relation.of} differs from {relation.other}",
            "equal": f"{relation.of} equals {relation.other}",
        }[relation.word]
        yield _new(description, relation.key, "request", relation.of, claim, relation.line)


def _of_things(description: Description) -> Iterator[Requirement]:
    d, acts_on = description, description.acts_on
    if acts_on is None:
        return
    thing, id_, line = acts_on.thing, acts_on.id, description.nodes[acts_on.id].line
    yield _new(d, lifecycle.known_key(acts_on), "request", id_, f"{id_} names a {thing} that exists", line)
    for name in acts_on.same:
        claim = f"{name} is that which the {thing} was created with"
        yield _new(d, lifecycle.same_key(name), "request", name, claim, d.nodes[name].line)
    if acts_on.shows is None:
        return
    shows, line = acts_on.shows, d.success_line
    path = f"response.{shows.at}"
    key, claim = lifecycle.as_created_key(f"{shows.at}.{shows.id}"), f"{shows.id} is that of the {thing} asked for"
    yield _new(d, key, "lifecycle", f"{path}.{shows.id}", claim, line)
    for member in lifecycle.repeated(d):
        number = "the number of items in " if member.given.type == "array" else ""
        claim = f"{number}{member.shown} is as it was given to {acts_on.creator.operation}"
        yield _new(d, lifecycle.as_created_key(member.shown), "lifecycle", f"response.{member.shown}", claim, line)
    state, ended = f"{path}.{shows.state}", " or ".join(shows.ended)
    claims = {"alive": f"a {thing} is not {ended} before it is ended or idle for its time"}
    if acts_on.ender is not None:
        claims["ended"] = f"a {thing} is {ended} after {acts_on.ender.operation}, and stays so"
    if acts_on.creator.creates is not None and acts_on.creator.creates.idle_limit is not None:
        claims["idle"] = f"a {thing} is {ended} after it has been idle longer than {acts_on.creator.creates.idle_limit}"
    for word, claim in claims.items():
        yield _new(d, lifecycle.state_key(acts_on, word), "lifecycle", state, claim, line)


def _of_answers(description: Description) -> Iterator[Requirement]:
    d = description
    yield _new(d, "response.status", "response", "", f"a valid request answers {d.success_status}", d.success_line)
    yield _new(d, "response.contentType", "response", "", "a success is application/json", d.success_line)
    yield _new(d, "response.type", "response", "", "a success is a JSON object", d.success_line)
    yield from _of_members(d, "response", d.success_schema, d.success_line)
    if d.errors:
        line = min(row.line for row in d.errors.values())
        yield _new(d, "error.contentType", "error", "", "an error is application/json", line)
        yield _new(d, "error.type", "error", "", "an error is a JSON object", line)
        first = next(iter(d.errors.values()))
        yield from _of_members(d, "error", first.schema, line, skip=("Code.pattern", "Code.enum"))
    answering = {*d.refusals.absent, *d.refusals.vacant, *d.refusals.other}
    if d.acts_on is not None and {node.path for node in d.parameters} <= {d.acts_on.id, *d.acts_on.same}:
        # What is malformed names nothing that exists, and a target may always say that instead.
        answering = {*d.refusals.absent}
    for row in d.errors.values():
        claim = f"{row.name} comes with status {row.status} and a code of its form"
        yield _new(d, f"error.{row.name}", "error", "", claim, row.line, conditional=row.name not in answering)
    yield _new(d, "availability", "availability", "", "no request is answered 5xx or not at all", d.success_line)


def _of_members(
    description: Description,
    prefix: str,
    schema: Mapping[str, Json],
    line: int,
    *,
    skip: tuple[str, ...] = (),
) -> Iterator[Requirement]:
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        is_required = name in schema.get("required", [])
        if is_required:
            yield _new(description, f"{path}.required", _kind(path), path, f"{path} is present", line)
        skipped = tuple(entry.partition(".")[2] for entry in skip if entry.startswith(f"{name}."))
        for each in _of_value(description, path, member, line, skipped):
            # What need not be there may never be, and then shows nothing.
            yield each if is_required else dataclasses.replace(each, conditional=True)


def _of_value(
    description: Description, path: str, schema: Mapping[str, Json], line: int, skip: tuple[str, ...] = ()
) -> Iterator[Requirement]:
    for keyword in _RESPONSE_KEYWORDS:
        if keyword in schema and keyword not in skip:
            claim = f"{path} keeps {keyword} {schema[keyword]}"
            yield _new(description, f"{path}.{keyword}", _kind(path), path, claim, line)
    if schema.get("x-never-repeats") and _kind(path) == "response":
        yield _new(description, f"{path}.unique", "response", path, f"{path} never repeats", line)
    if schema.get("type") == "object":
        yield from _of_members(description, path, schema, line)
    elif schema.get("type") == "array":
        yield from _of_value(description, f"{path}[]", schema["items"], line)


def _kind(path: str) -> Literal["response", "error"]:
    return "response" if path.startswith("response") else "error"


def _of_gateway(description: Description, checks: Checks) -> Iterator[Requirement]:
    for check in checks.by_key.values():
        if check.expects != "open":
            # What a target can do without: another scheme than the one in use, temporary credentials, a gateway.
            yield _new(description, check.key, "gateway", "", check.claim, check.line, conditional=True)
    line = checks.error_line
    yield _new(description, "error.contentType", "gateway", "", "a refusal is application/json", line, conditional=True)
    yield _new(description, "error.type", "gateway", "", "a refusal is a JSON object", line, conditional=True)
    for member in _of_members(description, "error", checks.error, line):
        yield dataclasses.replace(member, kind="gateway", conditional=True)
    yield _new(description, "availability", "availability", "", "no request is answered 5xx or not at all", line)


def _new(
    description: Description, key: str, kind: Kind, path: str, claim: str, line: int, *, conditional: bool = False
) -> Requirement:
    return Requirement(
        id=description.id(key),
        operation=description.operation,
        key=key,
        kind=kind,
        path=path,
        keyword=key.rpartition(".")[2],
        claim=claim,
        line=line,
        conditional=conditional,
    )
