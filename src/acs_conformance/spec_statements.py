"""Read the sentences of a documentation page, in our words: statements.yaml of an operation, or that of a gateway.

In: the file, valid by its schema. Out: `Statement`s.
"""

from __future__ import annotations

from acs_conformance.description import Statement
from acs_conformance.source import Source


def statements_of(document: Source) -> tuple[Statement, ...]:
    """The statements of a file, in its order.

    Raises:
        DescriptionError: one of them is there twice.
    """
    seen: set[str] = set()
    result = []
    for index, entry in enumerate(document.data["statements"]):
        pointer = f"/statements/{index}"
        if entry["id"] in seen:
            raise document.error(f"{pointer}/id", f"repeats the statement {entry['id']}")
        seen.add(entry["id"])
        result.append(
            Statement(
                id=entry["id"],
                row=entry["row"],
                text=entry["text"],
                requirements=tuple(entry.get("requirements", ())),
                elsewhere=tuple(entry.get("elsewhere", ())),
                questions=tuple(entry.get("questions", ())),
                untestable=entry.get("untestable"),
                line=document.line(f"{pointer}/id"),
            )
        )
    return tuple(result)
