"""Reports: read and write report.json, and make the other formats from it.

In: the plain data of a report, in the shape of `report.schema.json`. Out: report.json and what is made from it alone.
Files appear whole or not at all: a reader never meets half of one, and a crash leaves the file that was there before.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

from acs_conformance.errors import ReportError
from acs_conformance.report import badge, har, html, junit, markdown, sarif, scripts, since
from acs_conformance.report.files import replace, write_text
from acs_conformance.report.text import cut, pointer, visible

__all__ = ["FORMATS", "JSON_NAME", "Stored", "load", "read", "schema", "write_all", "write_json", "write_page"]

#: The file that a folder of reports stands for.
JSON_NAME = "report.json"
#: The page for people.
PAGE_NAME = "report.html"
#: What is made from report.json: file -> its writer.
FORMATS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "junit.xml": junit.render,
    PAGE_NAME: html.render,
    "report.sarif": sarif.render,
    "summary.md": markdown.render,
    "badge.svg": badge.render,
    "exchanges.har": har.render,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A report as it stands on disk.

    Attributes:
        file: the file that was read.
        sha256: of its bytes, in hex.
        report: what it holds.
    """

    file: Path
    sha256: str
    report: dict[str, Any]


@functools.cache
def schema() -> dict[str, Any]:
    """The published JSON Schema of report.json."""
    text = resources.files(__package__).joinpath("report.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def load(path: Path | str) -> dict[str, Any]:
    """The report in a file, or in the report.json of a folder.

    Raises:
        ReportError: the file is missing, unreadable, not JSON, torn, of another version or not of the published shape;
            its text names the file, the JSON pointer and the reason.
    """
    return read(path).report


def read(path: Path | str) -> Stored:
    """The same with the file's own hash.

    Raises:
        ReportError: as `load` does.
    """
    file = Path(path)
    file = file / JSON_NAME if file.is_dir() else file
    data = _bytes(file)
    report = _of_known_version(file, _parsed(file, data))
    error = next(_validator().iter_errors(report), None)
    if error is not None:
        raise _broken(file, pointer(error.instance_path), cut(visible(error.message), 300))
    return Stored(file, hashlib.sha256(data).hexdigest(), report)


def write_json(report: Mapping[str, Any], path: Path | str) -> None:
    """Write report.json in its canonical form: members in their order, indented by one, a line feed at the end.

    Raises:
        ReportError: the report is not JSON data, or the file can't be written.
    """
    try:
        text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise _broken(Path(path), "", f"not JSON data: {error}") from error
    # Half a surrogate pair has no UTF-8; written with a backslash it is the JSON escape that reads back as itself.
    replace(Path(path), text.encode("utf-8", "backslashreplace"))


def write_all(report: Mapping[str, Any], folder: Path | str, earlier: Path | None = None) -> dict[str, Path]:
    """Write every format into a folder, report.json first; the files by name. Scripts of findings come beside them.

    Args:
        report: to be written.
        folder: where it goes.
        earlier: a report.json, or its folder, that the page is to be compared with; without it that is the last report
            of the same target in a folder beside this one.

    Raises:
        ReportError: a file can't be written, or `earlier` can't be read.
    """
    files = {name: Path(folder) / name for name in (JSON_NAME, *FORMATS)}
    write_json(report, files[JSON_NAME])
    for name, render in FORMATS.items():
        if render is not html.render:
            write_text(files[name], render(report))
    _write_scripts(report, Path(folder) / scripts.FOLDER)
    write_page(report, folder, earlier)
    return files


def write_page(report: Mapping[str, Any], folder: Path | str, earlier: Path | None = None) -> list[Path]:
    """Write report.html and the pages beside it; their files, the page first. Otherwise as `write_all`."""
    folder = Path(folder)
    found = read(earlier) if earlier is not None else since.find(report, folder, read)
    changes = since.changes(report, found.report, found.file, folder) if found is not None else None
    written = [write_text(folder / name, text) for name, text in html.render_beside(report)]
    # Last: what a page links to is there before it.
    return [write_text(folder / PAGE_NAME, html.render(report, changes)), *written]


def _write_scripts(report: Mapping[str, Any], folder: Path) -> None:
    """Put the scripts of the findings into a folder of their own, in the place of those of an earlier report."""
    made = dict(scripts.files(report))
    earlier = (path for suffix in scripts.KINDS for path in folder.glob(f"*{suffix}"))
    for path in [path for path in earlier if path.name not in made]:
        path.unlink(missing_ok=True)
    for name, text in made.items():
        write_text(folder / name, text)


# --- reading --------------------------------------------------------------------------------------------------------


_TORN = "torn: it ends in the middle; it was not written or copied to its end"


def _broken(file: Path, at: str, reason: str) -> ReportError:
    return ReportError(f"{file}: {f'at {at}: ' if at else ''}{reason}")


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise _broken(file, "", "there is no such file; a run writes it into its folder of reports") from None
    except OSError as error:
        raise _broken(file, "", f"can't be read: {error.strerror}") from error


def _parsed(file: Path, data: bytes) -> object:
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise _broken(file, "", _TORN) from error
        raise _broken(file, "", f"not a report: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _broken(file, "", _why_not_json(error)) from error
    except RecursionError:
        raise _broken(file, "", "not a report: nested too deep") from None


def _why_not_json(error: json.JSONDecodeError) -> str:
    text = error.doc.rstrip()
    if not text:
        return "the file is empty; it was not written to its end"
    is_torn = error.pos >= len(text) or error.msg.startswith("Unterminated string") or not text.endswith("}")
    if text.startswith("{") and is_torn:
        return _TORN
    return f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}"


def _of_known_version(file: Path, report: object) -> dict[str, Any]:
    """The same; a report of another version is told apart from a broken one."""
    known = schema()["properties"]["schema_version"]["const"]
    if not isinstance(report, dict) or not isinstance(report.get("schema_version"), str):
        raise _broken(file, "/schema_version", "there is no text here, so this is not a report of a conformance run")
    if report["schema_version"] != known:
        found = cut(visible(report["schema_version"]), 20)
        raise _broken(
            file, "/schema_version", f"version {found!r} of the format; this version of the tool reads {known!r} only"
        )
    return report
