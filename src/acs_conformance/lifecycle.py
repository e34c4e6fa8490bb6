"""What a description says of the life of the things that one operation creates and others show and end.

In: the description of an operation that acts on a thing. Out: which members of its answers repeat what the thing was
created with, and the keys of the requirements that follow. Nothing here knows a target.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from acs_conformance.description import ActsOn, Description, Json, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A member of an answer that repeats what a thing was created with."""

    #: Path in the success body, and of the parameter or member that was given.
    shown: str
    given: Node
    #: Whether a thing that was given none has this value.
    default: Json = None


def called(descriptions: Iterable[Description]) -> dict[str, Description]:
    """The operations that cases of some operations call: those themselves, and what creates or ends things."""
    found: dict[str, Description] = {}
    for description in descriptions:
        acts_on = description.acts_on
        if acts_on is not None:
            for other in (acts_on.creator, acts_on.ender):
                if other is not None:
                    found.setdefault(other.operation, other)
        found[description.operation] = description
    return found


def known_key(acts_on: ActsOn) -> str:
    """Key of the requirement that only a thing that exists is acted on."""
    return f"{acts_on.id}.known"


def same_key(name: str) -> str:
    """Key of the requirement that a parameter is that which the thing was created with."""
    return f"{name}.same"


def as_created_key(shown: str) -> str:
    """Key of the requirement that a member is shown as it was given."""
    return f"response.{shown}.as-created"


def state_key(acts_on: ActsOn, word: str) -> str:
    """Key of a requirement on the state that is shown.

    Args:
        acts_on: of an operation that shows.
        word: "alive": not ended before its time; "ended": ended by the operation that ends, and for good; "idle":
            ended by itself after its idle limit.
    """
    shows = acts_on.shows
    return f"response.{shows.at}.{shows.state}.{word}" if shows else ""


@functools.lru_cache(maxsize=64)
def repeated(description: Description) -> tuple[Repeated, ...]:
    """The members of an operation's answers that repeat what the thing was created with, lists for their length.

    Credentials are left out: whether they are shown or masked is open, and no record has them.
    """
    acts_on = description.acts_on
    if acts_on is None or acts_on.shows is None:
        return ()
    shown = description.success_schema["properties"][acts_on.shows.at]
    given = acts_on.creator.nodes
    return tuple(
        Repeated(shown=path, given=given[below], default=given[below].schema.get("default"))
        for below, path, schema in _members(shown, acts_on.shows.at, "")
        if below in given and schema["type"] != "object" and not given[below].is_secret
    )


def _members(schema: Mapping[str, Json], shown: str, below: str) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    """Path below the thing, path in the body and schema of everything in it."""
    for name, member in schema.get("properties", {}).items():
        inner = f"{below}.{name}" if below else name
        yield inner, f"{shown}.{name}", member
        yield from _members(member, f"{shown}.{name}", inner)
    if schema.get("type") == "array":
        yield f"{below}[]", f"{shown}[]", schema["items"]
        yield from _members(schema["items"], f"{shown}[]", f"{below}[]")
