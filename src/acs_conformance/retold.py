"""What an exploration found, as plain data: the broken requirement, and the calls that show it.

In: an `Exploration`. Out: JSON data for a report folder, and for the script that sends the calls again. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acs_conformance import requirement as requirements_of
from acs_conformance.answer import answer_of
from acs_conformance.description import Description
from acs_conformance.encoding import percent_encode
from acs_conformance.explore import Exploration
from acs_conformance.record import Exchange
from acs_conformance.reproduction import Names, Part, request_of
from acs_conformance.walk import Failing


def finding_of(found: Exploration, failing: Failing, target_url: str, again: str) -> dict[str, Any]:
    """The finding: requirement, what came and what was allowed, and each call with its request in parts.

    Args:
        found: the exploration.
        failing: its smallest failing sequence.
        target_url: where it was sent.
        again: the command that explores in the same way.
    """
    requirement = requirements_of.by_id(found.descriptions.values())[failing.observation.requirement]
    description = found.descriptions[requirement.operation]
    texts = {statement.id: statement.text for statement in description.statements}
    return {
        "requirement": requirement.id,
        "claim": requirement.claim,
        "statements": [texts[name] for name in requirement.statements],
        "source": f"{description.file}:{requirement.line}",
        "received": failing.observation.received,
        "allowed": failing.observation.allowed,
        "failed": found.failed,
        "tried": found.tried,
        "target": target_url,
        "again": again,
        "calls": list(_calls(found.descriptions, failing)),
    }


def _calls(descriptions: Mapping[str, Description], failing: Failing) -> Iterator[dict[str, Any]]:
    names = Names(failing.run_id)
    things: dict[str, str] = {}
    moved_s: float | None = None
    for exchange in failing.exchanges:
        description = descriptions[exchange.operation]
        request = request_of(description, exchange, names, {})
        request["target"] = [piece for part in request["target"] for piece in _captured(part, things)]
        answer = answer_of(description, exchange.response, exchange.failure)
        created = _created(description, answer.body) if answer.kind == "success" else None
        call = failing.calls[exchange.step] if exchange.step < len(failing.calls) else None
        known = [variable for name, variable in things.items() if name in exchange.request.target]
        if created is not None:
            things[created] = f"thing{len(things) + 1}"
        yield {
            "says": _says(exchange, call.edits if call else (), known, things.get(created or "", ""), str(answer)),
            "operation": exchange.operation,
            "after_s": 0.0 if moved_s is None else round(exchange.moved_s - moved_s, 3),
            "request": request,
            "answer": str(answer),
            "id": description.creates.id if description.creates is not None else "",
            "variable": things.get(created or "", ""),
        }
        moved_s = exchange.moved_s


def _created(description: Description, body: Any) -> str | None:  # noqa: ANN401 - any JSON
    name = body.get(description.creates.id) if description.creates is not None and isinstance(body, dict) else None
    return name if isinstance(name, str) and name else None


def _captured(part: Part, things: Mapping[str, str]) -> Iterator[Part]:
    """A text with the ids of things replaced by the variables that will hold them."""
    if isinstance(part, str):
        for name, variable in things.items():
            before, found, after = part.partition(percent_encode(name))
            if found:
                word: Part = {"variable": variable}
                yield from _captured(before, things)
                yield word if percent_encode(name) == name else {"percent": [word]}
                yield from _captured(after, things)
                return
    yield part


def _says(exchange: Exchange, edits: Any, known: list[str], created: str, answer: str) -> str:  # noqa: ANN401
    """One call in a line."""
    differences = ", ".join(str(edit) for edit in edits)
    parts = [
        exchange.operation,
        f"of {' and '.join(known)}" if known else "",
        f"({differences})" if differences else "",
        f"-> {answer}",
        f"creates {created}" if created else "",
    ]
    return " ".join(part for part in parts if part)
