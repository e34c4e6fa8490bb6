"""The journal of intents: every request that may create something, on disk before it is sent.

In: what is about to be sent, and what became of it; a JSON line each, appended. Out: `Intent`s: what may still run, how
it is ended, and when it must have ended by itself. Several processes append to one file; a line torn by a kill costs
no other line. It knows no target.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from acs_conformance.errors import ReportError

#: The file in a report folder.
FILE = "intents.jsonl"
#: Seconds after which an idle thing has certainly ended, beside its own limit: the request may have been under way for
#: its whole time-out, the target looks for idle things at intervals, and clocks differ.
MARGIN_S = 90.0

#: "reserved": about to be sent, or sent by a process that was killed; "created": answered with an id; "refused":
#: nothing was created; "unknown": sent, and no answer tells; "ended": created, and ended since.
State = Literal["reserved", "created", "refused", "unknown", "ended"]

_STATES: frozenset[str] = frozenset(get_args(State))
_SETTLED = ("refused", "ended")
_BEGIN = b'{"intent":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One request that may create something, and what is known of it."""

    #: Another one for each request.
    key: str
    #: The operation called, and what it creates, such as "job".
    operation: str
    thing: str
    #: Id of the case, for people.
    case: str
    #: SHA-256 of the request's target and body as the journal of the run has them.
    hash: str
    #: Address of the target, and the profile that describes it as a command line names it, or "".
    url: str
    profile: str = ""
    #: How requests are signed there, and the folder of descriptions where it is not the one that ships; or "".
    signature: str = ""
    spec: str = ""
    #: Whether it is an emulator that ends with the run.
    is_embedded: bool = False
    #: Unix seconds, before it was sent.
    at: float
    #: Seconds without use after which the thing ends by itself, as far as the request tells; None: it does not.
    idle_limit_s: float | None
    #: Parameters that have to be repeated to end it, as they were sent.
    same: Mapping[str, str] = field(default_factory=dict)
    state: State = "reserved"
    #: Of what was created.
    id: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing that it created lives."""
        return self.state in _SETTLED

    @property
    def ends_by(self) -> float | None:
        """Unix seconds from which on it has ended by itself, if nobody used it; None: it does not end by itself."""
        return None if self.idle_limit_s is None else self.at + self.idle_limit_s + MARGIN_S

    def to_json(self) -> dict[str, Any]:
        """The line that announces it."""
        names = ("operation", "thing", "case", "hash", "url", "profile", "is_embedded", "at", "idle_limit_s")
        line = {"intent": self.key, "state": "reserved", **{name: getattr(self, name) for name in names}}
        how = {name: getattr(self, name) for name in ("signature", "spec") if getattr(self, name)}
        return {**line, **how, "same": dict(self.same)}


class Intents:
    """The journal, open for appending.

    One object serves all threads of a process.

    Args:
        path: the file, made if it is not there.
        is_durable: whether what is announced survives the machine, not only the process.

    Raises:
        ReportError: the file can't be made or written.
    """

    def __init__(self, path: Path, *, is_durable: bool = True) -> None:
        self.path = path
        self._is_durable = is_durable
        self._lock = threading.Lock()
        #: Key -> intent of this process, as long as it is not settled.
        self._own: dict[str, Intent] = {}
        try:
            made = _made_for(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            #: None once it is closed: the number may be another file's then.
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            if is_durable:
                for folder in made:
                    _sync_folder(folder)
        except OSError as error:
            raise ReportError(f"{path}: can't be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file; what is in it stays. Nothing can be written down from now on."""
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def announce(self, intent: Intent) -> None:
        """Write down what is about to be sent; on return it is on disk.

        Raises:
            ReportError: it can't be written, so it must not be sent.
        """
        with self._lock:
            self._append(intent.to_json(), is_durable=self._is_durable)
            self._own[intent.key] = intent

    def tell(self, key: str, state: State, at: float, identifier: str | None = None) -> None:
        """Write down what became of an intent.

        Args:
            key: of the intent.
            state: what is known now.
            at: Unix seconds.
            identifier: of what was created.

        Raises:
            ReportError: it can't be written.
        """
        line: dict[str, Any] = {"intent": key, "state": state, "at": at}
        if identifier is not None:
            line["id"] = identifier
        with self._lock:
            if state in _SETTLED:
                self._own.pop(key, None)
            elif key in self._own:
                self._own[key] = _after(self._own[key], line)
            self._append(line)

    def created(self, identifier: str) -> Intent | None:
        """The intent that created what has this id, by this process or another, and is not known to have ended."""
        with self._lock:
            own = _named(self._own.values(), identifier)
        # Most requests name nothing of ours: a look at the bytes is enough to tell.
        if own is not None or json.dumps(identifier).encode("ascii") not in self.path.read_bytes():
            return own
        return _named(read(self.path), identifier)

    def unsettled(self) -> list[Intent]:
        """What may still run, by this process or another, in the order in which it was announced."""
        found = [intent for intent in read(self.path) if not intent.is_settled]
        with self._lock:  # an id that could not be written down is known all the same
            return [self._own.get(intent.key, intent) if intent.id is None else intent for intent in found]

    def _append(self, line: Mapping[str, Any], *, is_durable: bool = False) -> None:
        data = json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        if self._file is None:
            raise ReportError(f"{self.path}: can't be written: it is closed")
        try:
            written = os.write(self._file, data)  # in one piece: other processes append to the same file
            if is_durable:
                os.fsync(self._file)
        except OSError as error:
            raise ReportError(f"{self.path}: can't be written: {error.strerror or error}") from error
        if written != len(data):
            raise ReportError(f"{self.path}: can't be written: no space is left")


def _made_for(path: Path) -> list[Path]:
    """The folders that get a new entry when the file is made."""
    if path.exists():
        return []
    made = [path.parent]
    while not made[-1].exists():
        made.append(made[-1].parent)
    return made


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder survive the machine; where folders can't be opened, the system does so by itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def read(path: Path) -> list[Intent]:
    """The intents of a journal, in the order in which they were announced.

    Raises:
        ReportError: the file can't be read, or a line is not of this format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: can't be read: {error.strerror or error}") from error
    found: dict[str, Intent] = {}
    # Not by lines: what a kill has torn may stand on one with what another process went on to write.
    for piece in data.split(_BEGIN)[1:]:
        try:
            entry = json.loads(_BEGIN + piece)
        except ValueError:
            continue  # torn; what it announced was not sent, or what it told is not known
        try:
            _take(found, entry)
        except (ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{path}: a line is not of this format: {error!r}") from error
    return list(found.values())


def _take(found: dict[str, Intent], entry: Mapping[str, Any]) -> None:
    key = str(entry["intent"])
    if entry["state"] not in _STATES:
        raise ValueError(entry["state"])
    if entry["state"] != "reserved":
        if key in found:
            found[key] = _after(found[key], entry)
        return
    limit = entry["idle_limit_s"]
    found[key] = Intent(
        key=key,
        operation=str(entry["operation"]),
        thing=str(entry["thing"]),
        case=str(entry["case"]),
        hash=str(entry["hash"]),
        url=str(entry["url"]),
        profile=str(entry["profile"]),
        signature=str(entry.get("signature", "")),  # earlier journals have neither
        spec=str(entry.get("spec", "")),
        is_embedded=bool(entry["is_embedded"]),
        at=float(entry["at"]),
        idle_limit_s=None if limit is None else float(limit),
        same={str(name): str(text) for name, text in entry["same"].items()},
    )


def _after(intent: Intent, entry: Mapping[str, Any]) -> Intent:
    """The intent after what a line tells; what has ended does not come back."""
    if intent.state == "ended":
        return intent
    return replace(intent, state=entry["state"], id=entry.get("id", intent.id))


def _named(intents: Iterable[Intent], identifier: str) -> Intent | None:
    return next((each for each in intents if each.id == identifier and each.state == "created"), None)
