"""Files that appear whole or not at all.

In: a path and what is to stand there. Out: the file, so that a reader never meets half of one and a crash leaves what
was there before.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from acs_conformance.errors import ReportError


def write_text(path: Path, text: str) -> Path:
    """Put a text into a file, as UTF-8; the path.

    Raises:
        ReportError: the file can't be written.
    """
    replace(path, encoded(text))
    return path


def encoded(text: str) -> bytes:
    """The text as UTF-8; half a surrogate pair, which has none, as an escape."""
    return text.encode("utf-8", "backslashreplace")


def replace(path: Path, data: bytes) -> None:
    """Put the data in the place of the file at once; the new name is on the disk before this returns."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise ReportError(f"{path}: can't be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """A new name outlives a power cut once its folder has been synchronised; Windows can't open folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
