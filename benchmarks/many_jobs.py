"""How long the emulator takes to describe a job when there are many, in memory and in a file.

Measured, in process and in processor time, which doesn't depend on what else the machine does:

  create      one call that starts a job, until there are so many
  describe    one call for any of them, in random order
  stop        one call for any of them; each is stopped once
  join        a publisher that all jobs subscribe to joins, in seconds: the one thing that looks at each of them

The ratio is many jobs to few. `--few` and `--many` say how many those are.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import measure

if TYPE_CHECKING:
    from acs_conformance.message import RawRequest

SHOW, END = "DescribeRtcCloudTranscode", "StopRtcCloudTranscode"


@dataclass(frozen=True)
class Turn:
    """What one turn came to: milliseconds for each call, seconds for a publisher who joins."""

    create_ms: float
    describe_ms: float
    stop_ms: float
    join_s: float


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--repeats", type=measure.between(1, 20), default=3, help="turns of each")
    parser.add_argument("--few", type=measure.between(1, 100_000), default=100, help="jobs")
    parser.add_argument("--many", type=measure.between(1, 1_000_000), default=10_000, help="jobs")
    parser.add_argument("--calls", type=measure.between(1, 100_000), default=2_000, help="that are timed")
    options = parser.parse_args()
    for where in ("memory", "file"):
        found = measure.alternate(
            {
                name: lambda count=count, where=where: _turn(count, options, is_file=where == "file")
                for name, count in (("few", options.few), ("many", options.many))
            },
            options.repeats,
        )
        for what in ("create_ms", "describe_ms", "stop_ms"):
            few, many = ([getattr(turn, what) for turn in found[name]] for name in ("few", "many"))
            name = what.removesuffix("_ms")
            measure.say(f"{where}: ratio many / few, {name}", measure.ratio(many, few))
            measure.say(f"{where}: {name}, {options.many} jobs", measure.spread(many, " ms", 3))
        joins = [turn.join_s for turn in found["many"]]
        measure.say(f"{where}: a publisher joins, {options.many} jobs", measure.spread(joins, " s"))


def _turn(count: int, options: argparse.Namespace, *, is_file: bool) -> Turn:
    from acs_conformance import spec_folder
    from acs_conformance.emulator.core import Emulator, Settings

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "jobs.sqlite" if is_file else None
        settings = Settings(authenticate=False, job_capacity=count, state_file=state)
        emulator = Emulator(spec_folder.load_all(), settings=settings)
        ids: list[str] = []
        created = _timed(count, lambda: ids.append(json.loads(emulator.handle(_start()).body)["TaskId"]))
        chosen = [random.choice(ids) for _ in range(options.calls)]  # noqa: S311 - any will do
        shown = [_call(SHOW, AppId="a", TaskId=each) for each in chosen]
        described = _timed(len(shown), lambda: emulator.handle(shown.pop()))
        ended = [_call(END, AppId="a", TaskId=each) for each in ids[: options.calls]]
        stopped = _timed(len(ended), lambda: emulator.handle(ended.pop()))
        joined = _timed(1, emulator.join)
        emulator.close()
    return Turn(created, described, stopped, joined / 1000)


def _timed(count: int, do: Callable[[], object]) -> float:
    """Milliseconds of processor time that one takes."""
    start = time.process_time()
    for _ in range(count):
        do()
    return (time.process_time() - start) / count * 1000


def _start() -> RawRequest:
    output = {"ChannelId": "c", "UserId": "out", "UserToken": "token", "TranscodeTemplate": "lld"}
    return _call(
        measure.OPERATION,
        AppId="a",
        ChannelId="c",
        InputParam=json.dumps({"SingleSubUserParam": {"UserId": "in"}}),
        OutputParams=json.dumps([output]),
    )


def _call(action: str, **parameters: str) -> RawRequest:
    from acs_conformance.message import RawRequest

    headers = (("host", "localhost"), ("x-acs-action", action), ("x-acs-version", "2016-11-01"))
    return RawRequest("POST", f"/?{urlencode(parameters)}", headers)


if __name__ == "__main__":
    main()
