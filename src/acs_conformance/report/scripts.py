"""The scripts that send findings again, as files beside a report.

In: a report. Out: names of files and their texts: for each finding one for the shell and one for the Python SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acs_conformance.report import curl_script, python_snippet

Data = Mapping[str, Any]

#: Folder within that of a report.
FOLDER = "findings"
#: Suffix -> what makes the text of a finding.
KINDS: Mapping[str, Callable[[Data, Data], str]] = {".sh": curl_script.render, ".py": python_snippet.render}
#: Findings that get files; of the others `export` makes them.
_MOST = 200


def files(report: Data) -> Iterator[tuple[str, str]]:
    """Name within the folder and text of each file."""
    for name, finding in names(report).items():
        for suffix, render in KINDS.items():
            yield f"{name}{suffix}", render(report, finding)


def names(report: Data) -> dict[str, Data]:
    """Name of the files, without the suffix, -> the finding; those that get files."""
    found: dict[str, Data] = {}
    for finding in report["findings"][:_MOST]:
        if "requests" not in finding:  # of an earlier version
            continue
        name = file_name(finding["id"])
        while name in found:
            name += "_"
        found[name] = finding
    return found


def file_name(identifier: str) -> str:
    """The id of a finding as a name that every file system and every upload of artifacts takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", identifier)[:200]
