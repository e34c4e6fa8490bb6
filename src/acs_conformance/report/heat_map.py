"""Parameters by kinds of check, as a table to be looked at: what was checked where, how often, and how it came out.

In: a report. Out: for each operation its tables, with a row for each path and a column for each keyword. A cell is a
requirement: its verdict is the colour and a sign, the number of cases behind it is the number and the strength.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]

#: Name of a table and the kinds of requirements in it.
_TABLES = {
    "Requests": ("request",),
    "Answers": ("response", "error", "availability"),
    "Gateway": ("gateway",),
}
#: Columns of a table that still fits a page; of more, keywords of a single row share the last column.
_COLUMNS = 16
#: Cases from which on a cell is one step stronger.
_STEPS = (2, 8, 32)
#: The row of what is said of every request.
_ANY = "any request"


def tables(report: Data) -> dict[str, list[dict[str, Any]]]:
    """Operation -> its tables."""
    by_operation: dict[str, list[Data]] = defaultdict(list)
    for requirement in report["requirements"]:
        by_operation[requirement["operation"]].append(requirement)
    return {operation: list(_tables(mine)) for operation, mine in by_operation.items()}


def _tables(requirements: Sequence[Data]) -> list[dict[str, Any]]:
    known = {kind for kinds in _TABLES.values() for kind in kinds}
    rest = tuple({r["kind"] for r in requirements} - known)
    found = []
    for name, kinds in {**_TABLES, "Others": rest}.items():
        mine = [requirement for requirement in requirements if requirement["kind"] in kinds]
        if mine:
            found.append(_table(name, mine))
    return found


def _table(name: str, requirements: Sequence[Data]) -> dict[str, Any]:
    rows: dict[str, dict[str, list[Data]]] = {}
    for requirement in requirements:
        rows.setdefault(_row(requirement), defaultdict(list))[requirement["keyword"]].append(requirement)
    uses = Counter(keyword for row in rows.values() for keyword in row)
    columns = list(dict.fromkeys(requirement["keyword"] for requirement in requirements))
    if len(columns) > _COLUMNS:
        columns = [keyword for keyword in columns if uses[keyword] > 1]
    return {
        "name": name,
        "columns": columns,
        "has_others": len(columns) < len(uses),
        "rows": [
            {
                "name": path,
                "runs": list(_runs(row, columns)),
                "others": [_cell(r) for keyword, mine in row.items() if keyword not in columns for r in mine],
            }
            for path, row in rows.items()
        ],
    }


def _runs(row: Mapping[str, Sequence[Data]], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The cells of a row from left to right; empty ones in a row are one wide cell, for they are most of the table."""
    for is_empty, keywords in itertools.groupby(columns, lambda keyword: keyword not in row):
        if is_empty:
            yield {"cells": [], "width": len(list(keywords))}
        else:
            yield from ({"cells": [_cell(r) for r in row[keyword]], "width": 1} for keyword in keywords)


def _row(requirement: Data) -> str:
    """The id between operation and keyword."""
    name: str = requirement["id"].removeprefix(f"{requirement['operation']}.")
    return name.removesuffix(requirement["keyword"]).removesuffix(".") or _ANY


def _cell(requirement: Data) -> dict[str, Any]:
    count = requirement["failed"] if requirement["verdict"] == "fail" else requirement["decided"]
    count = count or requirement["passed"]
    return {
        "id": requirement["id"],
        "keyword": requirement["keyword"],
        "verdict": requirement["verdict"],
        "is_covered": requirement["is_covered"],
        "count": count,
        "heat": sum(count >= step for step in _STEPS),
    }
