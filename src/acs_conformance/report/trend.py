"""Many runs as one page: verdicts, readings and times over the runs of each operation and target.

In: a history. Out: the text of a page that loads and runs nothing. Pictures are SVG, a unit wide for each run, so that
hundreds of runs are a few paths; every one stands beside its words or above a table of the same.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Template

from acs_conformance.report import latency, pages, view
from acs_conformance.report.history import History, Part, Run, series

Course = Sequence[tuple[Run, Part]]

#: Runs that a picture has room for at least, so that the bars of a few don't get as wide as the page.
_LEAST_COLUMNS = 40
#: More runs than this, and bars stand without a gap.
_GAPS_UP_TO = 150
#: Changes told in words; the strip shows all.
_CHANGES = 4
#: Labels under a picture.
_TICKS = 5
#: Top and height of a verdict in a strip of height 1: what is worse stands taller, for those who see no colour.
_HEIGHTS = {
    "fail": (0.0, 1.0),
    "error": (0.0, 1.0),
    "inconclusive": (0.3, 0.7),
    "none": (0.85, 0.15),
    "pass": (0.55, 0.45),
}


def render(history: History, folder: Path) -> str:
    """The page.

    Args:
        history: at least one run.
        folder: where the page will stand: links to the reports start from there.
    """
    courses = [_series(history, key, course, folder) for key, course in series(history).items()]
    runs = history.runs
    return _template().render(
        series=courses,
        runs=len(runs),
        first=runs[0].started_at,
        last=runs[-1].started_at,
        skipped=[{"file": _relative(each.file, folder), "reason": each.reason} for each in history.skipped],
    )


@functools.cache
def _template() -> Template:
    return pages.template(
        "trend.html.j2",
        styles=("page.css", "trend.css"),
        anchor=view.anchor,
        ms=lambda value: f"{value:,.1f}",
        verdicts=view.VERDICTS,
    )


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


# --- a series -------------------------------------------------------------------------------------------------------


def _series(history: History, key: tuple[str, str], course: Course, folder: Path) -> dict[str, Any]:
    operation, target = key
    columns = max(_LEAST_COLUMNS, len(course))
    rows = [_row(run, part, folder) for run, part in course]
    verdicts = _timelines(part.verdicts for _, part in course)
    readings = _timelines(part.readings for _, part in course)
    changed = {name: line for name, line in verdicts.items() if len(_distinct(line)) > 1}
    return {
        "operation": operation,
        "target": target,
        "runs": rows,
        "columns": columns,
        "state": rows[-1]["state"],
        "since": _since([row["state"] for row in rows], rows),
        "states": _strip([row["state"] for row in rows]),
        "counts": [_bars(verdict, [row["counts"][verdict] for row in rows]) for verdict in view.VERDICTS],
        "marks": _marks(course),
        "ticks": _ticks(rows, columns),
        "latency": _latency(course),
        "strips": sorted(
            (_requirement(name, line, course, history) for name, line in changed.items()), key=lambda row: row["rank"]
        ),
        "steady": _steady(verdicts, changed),
        "readings": [
            _reading(name, line, course, history) for name, line in readings.items() if len(_distinct(line)) > 1
        ],
        "questions": len(readings),
    }


def _row(run: Run, part: Part, folder: Path) -> dict[str, Any]:
    """A run as the table has it."""
    counts = Counter(part.verdicts.values())
    page = run.file.with_name("report.html")
    state = next((verdict for verdict in ("fail", "error", "inconclusive") if counts[verdict]), "pass")
    return {
        "run": run,
        "part": part,
        "counts": {verdict: counts[verdict] for verdict in view.VERDICTS},
        "state": "inconclusive" if state == "pass" and (part.unasked or not counts["pass"]) else state,
        "link": quote(_relative(page, folder), errors="backslashreplace") if page.is_file() else "",
    }


def _since(states: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How long the last state has lasted."""
    count = len(list(itertools.takewhile(lambda state: state == states[-1], reversed(states))))
    return {"runs": count, "time": rows[-count]["run"].started_at}


def _timelines(courses: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Id -> its value in each run, "" where the run does not have it; the ids in the order of the last run first."""
    found = list(courses)
    names = dict.fromkeys(itertools.chain.from_iterable(reversed(found)))
    return {name: [values.get(name, "") for values in found] for name in names}


def _distinct(line: Iterable[str]) -> set[str]:
    return set(line) - {""}


def _requirement(name: str, line: Sequence[str], course: Course, history: History) -> dict[str, Any]:
    now = next(filter(None, reversed(line)))
    changes = list(_changes(line, course))
    return {
        "id": name,
        "claim": history.words[name],
        "now": now,
        "is_gone": not line[-1],
        "strip": _strip(line),
        "changes": changes[-_CHANGES:],
        "earlier": max(0, len(changes) - _CHANGES),
        # What is bad now comes first, and of that what went bad last.
        "rank": (view.VERDICTS.index(now), -changes[-1]["column"]),
    }


def _reading(name: str, line: Sequence[str], course: Course, history: History) -> dict[str, Any]:
    changes = list(_changes(line, course))
    return {
        "id": name,
        "question": history.words[name],
        "now": next(filter(None, reversed(line))),
        "changes": changes[-_CHANGES:],
        "earlier": max(0, len(changes) - _CHANGES),
    }


def _changes(line: Sequence[str], course: Course) -> Iterator[dict[str, Any]]:
    """Each change of a value; a run that does not have it is passed over."""
    known = [(column, value) for column, value in enumerate(line) if value]
    for (_, before), (column, after) in itertools.pairwise(known):
        if before != after:
            yield {"column": column, "time": course[column][0].started_at, "old": before, "new": after}


def _steady(verdicts: Mapping[str, Sequence[str]], changed: Mapping[str, object]) -> list[dict[str, Any]]:
    """Requirements whose verdict never changed, by verdict."""
    found: dict[str, list[str]] = {verdict: [] for verdict in view.VERDICTS}
    for name, line in verdicts.items():
        if name not in changed:
            found[_distinct(line).pop()].append(name)
    return [{"verdict": verdict, "names": names} for verdict, names in found.items() if names]


# --- pictures: paths in units of a run ------------------------------------------------------------------------------


def _strip(line: Sequence[str]) -> list[dict[str, str]]:
    """A path for each verdict: a rectangle for each run of equal ones."""
    paths: dict[str, list[str]] = {}
    column = 0
    for value, equal in itertools.groupby(line):
        width = len(list(equal))
        if value:
            top, height = _HEIGHTS[value]
            paths.setdefault(value, []).append(f"M{column} {top}h{width}v{height}h-{width}z")
        column += width
    return [{"verdict": verdict, "d": "".join(parts)} for verdict, parts in paths.items()]


def _bars(verdict: str, counts: Sequence[int]) -> dict[str, Any]:
    """A bar for each run, on a scale of their own: one failure of hundreds of requirements has to be seen."""
    most = max(counts)
    width = 0.8 if len(counts) <= _GAPS_UP_TO else 1
    path = "".join(f"M{column} 1v-{count / most:.4g}h{width}V1z" for column, count in enumerate(counts) if count)
    return {"verdict": verdict, "d": path, "most": most, "last": counts[-1]}


def _marks(course: Course) -> list[dict[str, Any]]:
    """Where the description changed."""
    return [
        {"column": column, "time": run.started_at, "old": before.sha256, "new": after.sha256}
        for column, ((_, before), (run, after)) in enumerate(itertools.pairwise(course), 1)
        if before.sha256 != after.sha256
    ]


def _ticks(rows: Sequence[Mapping[str, Any]], columns: int) -> list[dict[str, str]]:
    """Dates under some of the runs, each at its place in percent; none where it would run out of the picture."""
    step = max(1, columns // _TICKS)
    chosen = [column for column in range(0, len(rows), step) if column <= 0.9 * columns]
    return [{"x": f"{100 * c / columns:.3f}%", "text": rows[c]["run"].started_at[:10]} for c in chosen]


def _latency(course: Course) -> dict[str, Any] | None:
    """A stepped line for each quantile; a run without answers is a gap."""
    times = [part.times for _, part in course]
    if not any(times):
        return None
    most = max(value for found in times for value in found.values())
    lines = []
    for name in latency.QUANTILES:
        path, was_drawn = [], False
        for column, found in enumerate(times):
            if found:
                height = f"{1 - found[name] / most:.4g}" if most else "1"
                path.append(f"V{height}h1" if was_drawn else f"M{column} {height}h1")
            was_drawn = bool(found)
        last = next((found[name] for found in reversed(times) if found), 0.0)
        lines.append({"name": name, "d": "".join(path), "last": last})
    return {"most": most, "lines": lines}
