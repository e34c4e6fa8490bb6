"""Requirements as rows, with what the plan holds for each.

In: an operation, or none for all, and a depth. Out: plain data, or lines of text.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acs_conformance import requirement, spec_folder
from acs_conformance.cases import Depth, plan
from acs_conformance.cases.case import requirement_of
from acs_conformance.description import Description


def rows(operation: str | None, depth: str, spec_root: Path | None) -> list[dict[str, Any]]:
    """One row for each requirement.

    Raises:
        SelectionError: there is no such operation.
        DescriptionError: a description is broken.
    """
    if operation is not None:
        descriptions = [spec_folder.load(operation, spec_root)]
    else:
        descriptions = list(spec_folder.load_all(spec_root).values())
    return [row for description in descriptions for row in _rows(description, depth)]  # type: ignore[arg-type]


def _rows(description: Description, depth: Depth) -> Iterator[dict[str, Any]]:
    requirement.check_statements(description)
    planned = plan(description, depth)
    texts = {statement.id: statement.text for statement in description.statements}
    for each in requirement.derive(description):
        deciding = [c for c in planned.cases if any(requirement_of(aspect) == each.id for aspect in c.aspects)]
        yield {
            "id": each.id,
            "claim": each.claim,
            "statements": [{"id": name, "text": texts[name]} for name in each.statements],
            "source": f"{description.file}:{each.line}",
            "conditional": each.conditional,
            "plan": {
                "aspects": len(planned.aspects.get(each.id, ())),
                "accept": sum(case.kind in ("opening", "accept", "sequence") for case in deciding),
                "reject": sum(case.kind == "reject" for case in deciding),
                "robust": sum(case.kind in ("robust", "open") for case in deciding),
            },
        }


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as lines: id, cases to accept and to refuse, source; below it the statements."""
    width = max(60, shutil.get_terminal_size((100, 24)).columns)
    longest = max((len(row["id"]) for row in found), default=0)
    yield f"{'requirement':{longest}}  accept  refuse  other  source"
    for row in found:
        held = row["plan"]
        yield (f"{row['id']:{longest}}  {held['accept']:>6}  {held['reject']:>6}  {held['robust']:>5}  {row['source']}")
        for statement in row["statements"]:
            yield f"    {statement['text']}"[:width]
    conditional = sum(row["conditional"] for row in found)
    yield f"{len(found)} requirements, {conditional} of them judged only when the situation arises"
