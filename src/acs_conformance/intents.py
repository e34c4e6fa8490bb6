"""The journal of intents: every request that may create something, on disk before it is sent.

In: what is about to be sent, and what became of it; a JSON line each, appended. Out: `Intent`s: what may still run, how
it is ended, and when it must have ended by itself. Several processes append to one file; a damaged line costs no other
line. It knows no target.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
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
_DECODER = json.JSONDecoder()
#: No time that is written down is later, in Unix seconds; some add up to one that can be shown.
_LATEST_S = 1e11


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
    def is_announced(self) -> bool:
        """Whether the line that announced it is there; without it nothing but its state and id is known."""
        return self.hash != ""

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


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal holds."""

    #: In the order in which they were announced.
    intents: list[Intent]
    #: What can't be read, each as file:line and what is wrong there.
    damage: list[str]


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
    """The intents of a journal that can be read, in the order in which they were announced.

    Raises:
        ReportError: the file can't be read.
    """
    return examine(path).intents


def examine(path: Path) -> Contents:
    """The intents of a journal, and what is damaged in it.

    A last line that a kill has torn is no damage: what it announced was not sent, or what it told is not known.

    Raises:
        ReportError: the file can't be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: can't be read: {error.strerror or error}") from error
    found: dict[str, Intent] = {}
    damage: list[str] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        wrong = _take_line(found, line, is_last=number == len(lines))
        damage += [f"{path}:{number}, {reason}" for reason in wrong]
    return Contents(list(found.values()), damage)


def is_torn(line: str) -> bool:
    """Whether a last line without an end is what a kill has left of one, and tells nothing."""
    try:
        json.loads(line)
    except ValueError:
        return line.startswith(_BEGIN.decode()) or _BEGIN.decode().startswith(line)
    return False


def _take_line(found: dict[str, Intent], line: bytes, *, is_last: bool) -> Iterator[str]:
    """Take in what a line tells; what is wrong with it. Several intents on one line come of one that lost its end."""
    head, *pieces = line.split(_BEGIN)
    if head.strip() and not (is_last and _BEGIN.startswith(head)):
        yield "is no intent"
    for index, piece in enumerate(pieces, 1):
        text = (_BEGIN + piece).decode("utf-8", "surrogateescape")
        try:
            entry, end = _DECODER.raw_decode(text)
            text[:end].encode("utf-8")
        except (ValueError, RecursionError):
            if not (is_last and index == len(pieces)):
                yield "is not readable: something may have been created of which nothing else is known"
            continue
        yield from _take(found, entry)
        if text[end:].strip():
            yield "has something behind an intent"


def _take(found: dict[str, Intent], entry: Mapping[str, Any]) -> Iterator[str]:
    """Take in what an entry tells; what is wrong with it. What can be understood of it counts."""
    key, state, identifier = str(entry["intent"]), entry.get("state"), entry.get("id")
    known = found.get(key)
    if state == "reserved":
        try:
            intent = _announced(key, entry)
        except ValueError as error:
            yield str(error)
            return
        found[key] = intent if known is None else replace(intent, state=known.state, id=known.id)
        return
    if not isinstance(state, str) or state not in _STATES:
        yield "lacks 'state'" if state is None else f"unknown state {state!r}"
        if identifier is None:
            return
        entry = {**entry, "state": "created"}
    if "id" in entry and not (isinstance(identifier, str) and identifier):
        yield "'id' is no text"
        entry = {name: value for name, value in entry.items() if name != "id"}
    if known is None:
        known = _unannounced(key, entry)
    found[key] = _after(known, entry)


def _announced(key: str, entry: Mapping[str, Any]) -> Intent:
    """The intent that a line announces."""

    def get(name: str, kinds: type | tuple[type, ...], words: str) -> Any:  # noqa: ANN401 - any JSON value
        if name not in entry:
            raise ValueError(f"lacks {name!r}")
        value = entry[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise ValueError(f"{name!r} is no {words}")
        return value

    limit = None if entry.get("idle_limit_s", ...) is None else get("idle_limit_s", (int, float), "number")
    at = get("at", (int, float), "number")
    for name, value in (("at", at), ("idle_limit_s", limit or 0)):
        if not 0 <= value <= _LATEST_S:
            raise ValueError(f"{name!r} is no time")
    return Intent(
        key=key,
        operation=get("operation", str, "text"),
        thing=get("thing", str, "text"),
        case=get("case", str, "text"),
        hash=get("hash", str, "text"),
        url=get("url", str, "text"),
        profile="" if entry.get("profile", ...) is None else get("profile", str, "text"),
        signature=str(entry.get("signature", "")),  # earlier journals have neither
        spec=str(entry.get("spec", "")),
        is_embedded=get("is_embedded", bool, "truth value"),
        at=float(at),
        idle_limit_s=None if limit is None else float(limit),
        same={str(name): str(text) for name, text in get("same", dict, "object").items()},
    )


def _unannounced(key: str, entry: Mapping[str, Any]) -> Intent:
    """An intent of which only what became of it is known."""
    at = entry.get("at")
    is_time = isinstance(at, int | float) and 0 <= at <= _LATEST_S
    return Intent(
        key=key,
        operation="",
        thing="thing",
        case="a case that is not known",
        hash="",
        url="",
        at=float(at) if is_time and at is not None else 0.0,
        idle_limit_s=None,
    )


def _after(intent: Intent, entry: Mapping[str, Any]) -> Intent:
    """The intent after what a line tells; what has ended does not come back."""
    if intent.state == "ended":
        return intent
    return replace(intent, state=entry["state"], id=entry.get("id", intent.id))


def _named(intents: Iterable[Intent], identifier: str) -> Intent | None:
    return next((each for each in intents if each.id == identifier and each.state == "created"), None)
