"""Shards: a campaign in parts, each on a machine of its own, and the parts put together again.

In: "2/4" and the options of a run. Out: the note that a run leaves beside its journal, which says how its plan was made
and which part of it was sent; and from several such folders one journal, judged as if nobody had divided it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acs_conformance.cases import Plan
from acs_conformance.errors import ReportError, UsageError
from acs_conformance.intents import FILE as INTENTS
from acs_conformance.intents import is_torn
from acs_conformance.record import Exchange
from acs_conformance.report import files
from acs_conformance.store import FILE as JOURNAL
from acs_conformance.store import Store

FILE = "run.json"
_FORMAT = 1
_MOST = 999
#: What the parts of one campaign need not have in common.
_OWN = ("shard", "started_at")


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a campaign: number `number` of `count`, from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that "2/4" names.

        Raises:
            UsageError: it names none.
        """
        found = re.fullmatch(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})", text, re.ASCII)
        if found is None or int(found[1]) > int(found[2]):
            raise UsageError(f"--shard {text!r}: give part and number of parts, such as 2/4, up to {_MOST}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True, slots=True)
class Part:
    """The folder of a run, and the note in it."""

    folder: Path
    note: Mapping[str, Any]

    @property
    def shard(self) -> Shard | None:
        """Which part it is; None: the whole."""
        text = self.note["shard"]
        return Shard.parse(text) if text else None


def write_note(folder: Path, note: Mapping[str, Any]) -> None:
    """Say in `folder` how the plan of a run was made.

    Raises:
        ReportError: the file can't be written.
    """
    files.write_text(folder / FILE, json.dumps({"format": _FORMAT, **note}, indent=1) + "\n")


def read_part(folder: Path) -> Part:
    """The run in a folder.

    Raises:
        ReportError: it has no note, or one that is not of this format.
    """
    path = folder / FILE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: can't be read: {error.strerror or error}; it is written by `run`") from error
    except ValueError as error:
        raise ReportError(f"{path}: is not JSON: {error}") from error
    if not isinstance(note, dict) or note.get("format") != _FORMAT:
        raise ReportError(f"{path}: is not of a format that this version reads")
    if not (folder / JOURNAL).exists():
        raise ReportError(f"{folder}: has no {JOURNAL}")
    return Part(folder, note)


def check_parts(parts: Sequence[Part]) -> str:
    """Hold the parts of a campaign to each other; what is missing in words, or "".

    Raises:
        UsageError: they are not parts of one campaign, or one is there twice.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in first.note.keys() | part.note.keys():
            if name not in _OWN and first.note.get(name) != part.note.get(name):
                raise UsageError(
                    f"{part.folder} is no part of the campaign in {first.folder}: its {name} is "
                    f"{json.dumps(part.note.get(name))}, not {json.dumps(first.note.get(name))}"
                )
    shards = [part.shard or Shard(1, 1) for part in parts]
    numbers = [shard.number for shard in shards]
    if len({shard.count for shard in shards}) > 1:
        raise UsageError(f"the campaign was divided in more than one way: {', '.join(map(str, shards))}")
    for number in numbers:
        if numbers.count(number) > 1:
            twice = [str(part.folder) for part, n in zip(parts, numbers, strict=True) if n == number]
            raise UsageError(f"shard {number} is there more than once: {', '.join(twice)}")
    missing = [f"{n}/{shards[0].count}" for n in range(1, shards[0].count + 1) if n not in numbers]
    return f"shard {', '.join(missing)} is missing" if missing else ""


def merge(parts: Sequence[Part], into: Path, missing: str, plans: Iterable[Plan] = ()) -> Store:
    """One journal of all parts, in the order in which requests were sent.

    Args:
        parts: of one campaign.
        into: the folder of the new journal.
        missing: what is not among them, in words.
        plans: of the whole campaign, to see which part was not sent to its end.

    Raises:
        ReportError: a journal can't be read, or the new one not be written.
    """
    merged = Store(into)
    exchanges: list[Exchange] = []
    stopped = [missing] if missing else []
    for part in parts:
        store = Store(part.folder)
        store.close()
        exchanges += store.exchanges
        for case in store.added.values():
            merged.add_case(case)
        for operation, reason in store.skipped.items():
            merged.skip(operation, reason)
        for case_id, reason in store.unsent.items():
            merged.leave(case_id, reason)
        ended_early = f"{part.folder.name}: {store.stopped}" if store.stopped else _cut(part, store, plans)
        stopped += [ended_early] if ended_early else []
    # Each part counts from 1; what came before what is told by the clock.
    exchanges.sort(key=lambda exchange: (exchange.sent_at, exchange.number))
    for number, exchange in enumerate(exchanges, 1):
        merged.add_exchange(replace(exchange, number=number))
    if stopped:
        merged.stop("; ".join(stopped))
    _merge_intents(parts, into)
    return merged


def _cut(part: Part, store: Store, plans: Iterable[Plan]) -> str:
    """What a part has left out without saying why, in words; "" for nothing."""
    shard = part.shard or Shard(1, 1)
    told = {exchange.case for exchange in store.exchanges} | store.unsent.keys()
    cases = [
        case.id
        for plan in plans
        if plan.description.operation not in store.skipped
        for case in plan.part(shard.number, shard.count).cases
        if case.is_enumerated
    ]
    left = sum(case not in told for case in cases)
    return f"shard {shard} did not end (killed?): {left} of its {len(cases)} cases were not sent" if left else ""


def _merge_intents(parts: Sequence[Part], into: Path) -> None:
    """One journal of all that the parts may have created, so that what they left can be ended by the whole."""
    texts = []
    for part in parts:
        path = part.folder / INTENTS
        try:
            text = path.read_text("ascii", errors="backslashreplace")  # what is damaged stays so
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ReportError(f"{path}: can't be read: {error}") from error
        whole, _, last = text.rpartition("\n")
        if last and is_torn(last):  # by a kill; behind it the next part begins
            text = f"{whole}\n" if whole else ""
        texts.append(text if text.endswith("\n") or not text else f"{text}\n")
    if texts:
        files.write_text(into / INTENTS, "".join(texts))
