"""What changed since the last time, for the page of a report.

In: a report, and an earlier one or the folder where earlier ones stand. Out: the changes of `diff` in the words of the
page. The earlier report comes from outside: what can't be read is passed over.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from acs_conformance.errors import ReportError
from acs_conformance.report import diff, view
from acs_conformance.report.text import plural

Data = Mapping[str, Any]


class Stored(Protocol):
    """A report as it stands on disk."""

    @property
    def file(self) -> Path:
        """Where it stands."""

    @property
    def report(self) -> Data:
        """What it holds."""


S = TypeVar("S", bound=Stored)

#: Reports that are looked into at most, the youngest file first, and their bytes: a folder may hold years of nights and
#: other targets.
_LOOKED_INTO, _BYTES = 20, 200_000_000
#: List of the comparison -> what it says of one requirement, and of several; the bad ones first.
_WORDS = {
    "newly_failing": ("newly fails", "newly fail"),
    "failing_otherwise": ("fails for another cause", "fail for another cause"),
    "lost_coverage": ("is not decided any more", "are not decided any more"),
    "covered": ("fails as accepted now", "fail as accepted now"),
    "fixed": ("is fixed", "are fixed"),
    "gained_coverage": ("is decided now", "are decided now"),
    "added": ("is new", "are new"),
    "removed": ("is gone", "are gone"),
}
#: The lists whose findings are new.
_NEWS = ("newly_failing", "failing_otherwise")


def find(report: Data, folder: Path, read: Callable[[Path], S]) -> S | None:
    """The last report before this one, in a folder beside `folder`: of the same operations, selection and target.

    Partial reports are passed over: what they lack was not lost. `read` raises ReportError for what is no report.
    """
    files = [file for file in folder.absolute().parent.glob("*/report.json") if file.parent != folder.absolute()]
    youngest = sorted(((*_age_and_size(file), file) for file in files), reverse=True)[:_LOOKED_INTO]
    sizes = itertools.accumulate(size for _, size, _ in youngest)
    for file in (file for (_, _, file), sofar in zip(youngest, sizes, strict=True) if sofar <= _BYTES):
        try:
            earlier = read(file)
        except ReportError:
            continue
        if _is_comparable(earlier.report, report):
            return earlier
    return None


def _age_and_size(file: Path) -> tuple[float, int]:
    try:
        status = file.stat()
    except OSError:
        return 0.0, 0
    return status.st_mtime, status.st_size


def _is_comparable(earlier: Data, report: Data) -> bool:
    then, now = earlier["run"], report["run"]
    return (
        then["is_complete"]
        # Parts of a divided campaign have its id and stand beside what they are put together to.
        and (then["id"] != now["id"] or then["ended_at"] < now["started_at"])
        and then["started_at"] <= now["started_at"]
        and then["only"] == now["only"]
        and view.target_name(earlier) == view.target_name(report)
        and {d["operation"] for d in earlier["descriptions"]} == {d["operation"] for d in report["descriptions"]}
    )


def changes(report: Data, earlier: Data, file: Path, folder: Path) -> dict[str, Any]:
    """What the page says of the changes.

    Args:
        report: the newer one.
        earlier: the older one.
        file: where the older one stands.
        folder: where the page will stand; links start from there.
    """
    found = diff.compare(earlier, report)
    groups = [
        {"kind": kind, "title": _counted(found[kind], words), "changes": found[kind]}
        for kind, words in _WORDS.items()
        if found[kind]
    ]
    parts = [group["title"] for group in groups]
    if found["readings"]:
        one = len(found["readings"]) == 1
        parts.append(f"{plural(len(found['readings']), 'open question')} {'is' if one else 'are'} answered otherwise")
    if found["latency"]:
        parts.append("answer times have shifted")
    page = file.with_name("report.html")
    return {
        "run": earlier["run"],
        "link": quote(_relative(page, folder), errors="backslashreplace") if page.is_file() else "",
        "file": _relative(file, folder),
        "is_regression": found["is_regression"],
        "summary": f"{'; '.join(parts)}." if parts else "nothing changed.",
        "groups": groups,
        "findings": frozenset(finding["id"] for kind in _NEWS for each in found[kind] for finding in each["findings"]),
        **{member: found[member] for member in ("readings", "latency", "notes", "descriptions")},
    }


def _counted(changes: list[Data], words: tuple[str, str]) -> str:
    return f"{plural(len(changes), 'requirement')} {words[0] if len(changes) == 1 else words[1]}"


def _relative(path: Path, folder: Path) -> str:
    """The way from the folder to the path; the whole path between the drives of Windows."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return str(path)
