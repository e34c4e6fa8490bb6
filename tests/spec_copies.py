"""Copies of the shipped descriptions, for tests that break them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from acs_conformance import requirement, spec_folder
from acs_conformance.description import Description

OPERATION = "StartRtcCloudTranscode"
FOLDER = Path("live") / "2016-11-01" / OPERATION


@dataclass(frozen=True)
class Copy:
    """A folder like spec/ of one's own, with one operation in it."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def file(self, name: str) -> Path:
        """openapi.yaml, statements.yaml or rpc.yaml."""
        return self.root / "_common" / name if name == "rpc.yaml" else self.folder / name

    def replace(self, name: str, old: str, new: str) -> None:
        """Put `new` for the first `old`; surrogate escapes in it become bytes that are not UTF-8."""
        text = self.file(name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}: the test has to be rewritten"
        self.file(name).write_bytes(text.replace(old, new, 1).encode("utf-8", "surrogateescape"))

    def line_of(self, name: str, marker: str, *, after: str = "") -> int:
        """The number of the first line that contains `marker`, below the first one that contains `after`."""
        lines = self.file(name).read_bytes().decode("utf-8", "replace").split("\n")
        start = next(number for number, line in enumerate(lines) if after in line)
        return next(number for number, line in enumerate(lines[start:], start + 1) if marker in line)

    def load(self) -> Description:
        """The description with its statements held to it, as every command opens it."""
        description = spec_folder.load(OPERATION, self.root)
        requirement.check_statements(description)
        return description


def copy_to(root: Path) -> Copy:
    """A copy of the shipped descriptions."""
    ignored = shutil.ignore_patterns("__pycache__", "*.py")
    shutil.copytree(spec_folder.shipped_root(), root / "spec", ignore=ignored)
    return Copy(root / "spec")
