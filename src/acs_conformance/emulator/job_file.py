"""Created things in a file, which outlive the process: SQLite with a write-ahead log.

In: things, as `jobs` has them. Out: the same ones, also after the process was killed: each change is handed to the
operating system before its answer goes out. A failure of the whole machine may cost the last moments.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from acs_conformance.description import Json
from acs_conformance.emulator.jobs import Job, Name
from acs_conformance.errors import UsageError

_APPLICATION = 0x61637365  # "acse", for whoever asks what kind of file this is
_VERSION = 1

_TABLES = """
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    operation TEXT NOT NULL,
    document TEXT NOT NULL,
    created_s REAL NOT NULL,
    names TEXT NOT NULL,
    idle_limit_s REAL,
    idle_since_s REAL,
    has_run INTEGER NOT NULL,
    ends_s REAL
);
CREATE TABLE used (name TEXT NOT NULL, number INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE);
CREATE INDEX used_by_name ON used (name);
CREATE INDEX used_by_number ON used (number);
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_COLUMNS = "id, operation, document, created_s, names, idle_limit_s, idle_since_s, has_run, ends_s"


class JobFile:
    """The things that exist, in a file; a `JobStore`. One process at a time has it.

    Args:
        path: the file, made if it is not there; only its owner can read it.
        capacity: how many things are kept.
        kept: what is written of the document of a thing, given the operation that created it.

    Raises:
        UsageError: the file can't be used.
    """

    def __init__(
        self, path: Path, *, capacity: int, kept: Callable[[str, Mapping[str, Json]], Mapping[str, Json]]
    ) -> None:
        self._capacity = capacity
        self._kept = kept
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise UsageError(f"can't write the state to {path}: {error.strerror}. Choose another file.") from error
        # Transactions are begun here, not by the module; the emulator lets one thread in at a time.
        self._file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._open(path)
            self._count = int(self._one("SELECT count(*) FROM job"))
        except sqlite3.Error as error:
            self._file.close()
            if "locked" in str(error):
                raise UsageError(
                    f"{path} is in use by another emulator. End that one, or choose another file."
                ) from None
            raise UsageError(f"{path} is no state of an emulator ({error}). Choose another file.") from error
        except UsageError:
            self._file.close()
            raise

    def _open(self, path: Path) -> None:
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Before anything is written: the file may be somebody else's.
        is_new = not self._one("SELECT count(*) FROM sqlite_master")
        if not is_new and self._one("PRAGMA application_id") != _APPLICATION:
            raise UsageError(f"{path} is the database of another program. Choose another file.")
        if not is_new and self._one("PRAGMA user_version") != _VERSION:
            raise UsageError(f"{path} was written by another version of the emulator. Choose another file.")
        for name, value in (("journal_mode", "WAL"), ("synchronous", "NORMAL"), ("foreign_keys", "ON")):
            self._file.execute(f"PRAGMA {name} = {value}")
        with _Transaction(self._file):
            for statement in _TABLES.split(";") if is_new else ():
                self._file.execute(statement)
            self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._file.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        for row in self._file.execute(f"SELECT {_COLUMNS} FROM job ORDER BY number"):  # noqa: S608 - our own names
            yield _job(row)

    def get(self, job_id: str) -> Job | None:
        """The thing with this id, or None."""
        row = self._file.execute(f"SELECT {_COLUMNS} FROM job WHERE id = ?", (_text(job_id),)).fetchone()  # noqa: S608
        return None if row is None else _job(row)

    def using(self, name: Name) -> list[Job]:
        """The things that use a name."""
        rows = self._file.execute(
            f"SELECT {_COLUMNS} FROM job WHERE number IN (SELECT number FROM used WHERE name = ?) ORDER BY number",  # noqa: S608
            (json.dumps(name),),
        )
        return [_job(row) for row in rows]

    def add(self, job: Job) -> None:
        """Keeps a new thing; beyond the capacity the oldest one is forgotten."""
        document = json.dumps(self._kept(job.operation, job.document), separators=(",", ":"))
        names = [json.dumps(name) for name in job.names]
        row = (job.id, job.operation, document, job.created_s, json.dumps(job.names), *_life(job))
        with _Transaction(self._file):
            number = self._file.execute(
                f"INSERT INTO job ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                row,
            ).lastrowid
            if names:
                self._file.executemany("INSERT INTO used VALUES (?, ?)", [(name, number) for name in names])
            if self._count >= self._capacity:
                self._file.execute("DELETE FROM job WHERE number = (SELECT min(number) FROM job)")
        self._count = min(self._count + 1, self._capacity)

    def put(self, *jobs: Job) -> None:
        """Keeps new states of things in the place of the old ones; nothing, where a thing is forgotten already."""
        with _Transaction(self._file):
            self._file.executemany(
                "UPDATE job SET idle_limit_s = ?, idle_since_s = ?, has_run = ?, ends_s = ? WHERE id = ?",
                ((*_life(job), job.id) for job in jobs),
            )

    def remove(self, job_id: str) -> None:
        """Forgets a thing, if there is one with this id."""
        self._count -= self._file.execute("DELETE FROM job WHERE id = ?", (_text(job_id),)).rowcount

    def release(self, job: Job) -> None:
        """Frees the names that a thing uses; it is kept."""
        self._file.execute("DELETE FROM used WHERE number = (SELECT number FROM job WHERE id = ?)", (job.id,))

    def note(self, name: str) -> Json:
        """What was noted under a name; None if nothing was."""
        row = self._file.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_note(self, name: str, value: Json) -> None:
        """Notes something under a name."""
        self._file.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(value)))

    def _one(self, query: str) -> Any:  # noqa: ANN401 - whatever the query is for
        return self._file.execute(query).fetchone()[0]


class _Transaction:
    """What is done inside is there as a whole or not at all."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.execute("COMMIT" if kind is None else "ROLLBACK")


def _life(job: Job) -> tuple[float | None, float | None, bool, float | None]:
    return job.idle_limit_s, job.idle_since_s, job.has_run, job.ends_s


def _job(row: tuple[Any, ...]) -> Job:
    job_id, operation, document, created_s, names, idle_limit_s, idle_since_s, has_run, ends_s = row
    return Job(
        id=job_id,
        operation=operation,
        document=json.loads(document),
        created_s=created_s,
        names=tuple((rule, scope, name) for rule, scope, name in json.loads(names)),
        idle_limit_s=idle_limit_s,
        idle_since_s=idle_since_s,
        has_run=bool(has_run),
        ends_s=ends_s,
    )


def _text(value: str) -> str:
    """A text that SQLite can take: half a character is in no id."""
    return value.encode("utf-8", "replace").decode("utf-8")
