"""How fast the emulator answers and starts, next to Prism's mock of the same OpenAPI document.

Measured, in turns, each server in one process of its own and started anew for each turn:

  requests/s   a client of raw sockets with a few kept connections, one request in flight on each, sends the same valid
               requests to both. They are signed beforehand, each with a nonce of its own; the emulator checks the
               signature, Prism only sees that there is one
  starts       seconds from the start of the process to its first answer

The ratio is emulator to Prism; 3 is the aim for requests/s. Processor time per request of each server is printed too:
it doesn't depend on what else the machine does. A third server, `unchecked`, is the emulator without a look at
signatures, nonces and dates: what it is faster by is what these cost. `--install` fetches Prism through npm into
.cache/prism, which is ignored by git. `--only emulator unchecked` needs no Prism.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import light_client
import measure

NAMES = ("emulator", "unchecked", "prism")
PRISM_VERSION = "5.14.2"
PRISM = measure.CACHE / "prism" / "node_modules" / ".bin" / "prism"


@dataclass(frozen=True)
class Turn:
    """What one turn of one server came to."""

    rate: float
    start_s: float
    server_cpu_ms: float | None
    client_share: float
    statuses: Counter[str]


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--repeats", type=measure.between(1, 50), default=5, help="turns of each")
    parser.add_argument("--requests", type=measure.between(1, 50_000), default=6_000, help="of each turn")
    parser.add_argument("--connections", type=measure.between(1, 64), default=8, help="kept open by the client")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="servers to measure")
    parser.add_argument("--prism", type=Path, default=PRISM, help="Prism's command")
    parser.add_argument("--install", action="store_true", help="fetch Prism first, if it is not there")
    parser.add_argument("--profile", action="store_true", help="show where the emulator's time goes, and nothing else")
    options = parser.parse_args()
    if options.profile:
        _profile(min(options.requests, 6_000))
        return
    names = [name for name in NAMES if name in options.only]
    if "prism" in names and not options.prism.exists():
        if not options.install:
            raise SystemExit(
                f"{options.prism} is not there; --install fetches it, --only emulator unchecked does without"
            )
        _install()
    found = measure.alternate({name: lambda name=name: _turn(name, options) for name in names}, options.repeats)
    if {"emulator", "unchecked"} <= found.keys():
        unchecked, emulator = found["unchecked"], found["emulator"]
        rates = measure.ratio(*([t.rate for t in x] for x in (unchecked, emulator)))
        measure.say("ratio without / with signature checks, requests/s", rates)
    if {"emulator", "prism"} <= found.keys():
        emulator, prism = found["emulator"], found["prism"]
        measure.say(
            "ratio emulator / Prism, requests/s", measure.ratio(*([t.rate for t in x] for x in (emulator, prism)))
        )
        costs = [[t.server_cpu_ms for t in x if t.server_cpu_ms] for x in (prism, emulator)]
        if len(costs[0]) == len(costs[1]) == len(emulator):
            measure.say("ratio Prism / emulator, server's processor time per request", measure.ratio(*costs))
        starts = [[t.start_s for t in x] for x in (prism, emulator)]
        measure.say("ratio Prism / emulator, seconds to the first answer", measure.ratio(*starts))
    for name, turns in found.items():
        measure.say(f"{name}: requests/s", measure.spread([t.rate for t in turns], digits=0))
        if all(t.server_cpu_ms for t in turns):
            cpu = measure.spread([t.server_cpu_ms or 0 for t in turns], " ms", 3)
            measure.say(f"{name}: server's processor time per request", cpu)
        measure.say(f"{name}: share of a core the client used", measure.spread([t.client_share for t in turns]))
        measure.say(f"{name}: seconds to the first answer", measure.spread([t.start_s for t in turns]))
        measure.say(f"{name}: statuses", dict(sum((t.statuses for t in turns), Counter())))


def _install() -> None:
    folder = measure.CACHE / "prism"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"@stoplight/prism-cli@{PRISM_VERSION}"],
        check=True,
        timeout=600,
        env=measure.environment(npm_config_cache=str(measure.CACHE / "npm")),
    )


# --- turns ------------------------------------------------------------------------------------------------------------


def _turn(name: str, options: argparse.Namespace) -> Turn:
    port = measure.free_port()
    command = measure.emulator_command(port, *(["--unchecked"] if name == "unchecked" else []))
    if name == "prism":
        # Silent: it is 1.7 times as fast as when it logs each request.
        command = [str(options.prism), "mock", "--port", str(port), "--verboseLevel", "silent", str(measure.OPENAPI)]
    warm, timed = signed_requests(port, 500, "warm"), signed_requests(port, options.requests, "timed")
    before = time.perf_counter()
    with measure.process(command) as child:
        measure.wait_for(f"http://127.0.0.1:{port}")
        drive(port, warm[:1], 1)
        start_s = time.perf_counter() - before
        drive(port, warm[1:], options.connections)
        used = measure.cpu_seconds(child.pid)
        start, cpu = time.perf_counter(), time.process_time()
        statuses = drive(port, timed, options.connections)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        end = measure.cpu_seconds(child.pid)
    return Turn(
        rate=len(timed) / seconds,
        start_s=start_s,
        server_cpu_ms=None if used is None or end is None else (end - used) / len(timed) * 1000,
        client_share=cpu / seconds,
        statuses=statuses,
    )


def signed_requests(port: int, count: int, salt: str) -> list[bytes]:
    """Valid requests as they stand on the wire, all different."""
    from acs_conformance import spec_folder
    from acs_conformance.message import RawRequest
    from acs_conformance.signing.v3 import sign
    from acs_conformance.target import EMULATOR_CREDENTIALS

    description = spec_folder.load(measure.OPERATION)
    now, host = datetime.now(UTC), f"127.0.0.1:{port}"
    made = []
    for number in range(count):
        output = {
            "ChannelId": "benchmark-channel",
            "UserId": f"out-{salt}-{number}",
            "UserToken": "token",
            "TranscodeTemplate": "lld",
        }
        parameters = {
            "AppId": "benchmark-app",
            "ChannelId": "benchmark-channel",
            "InputParam": json.dumps({"SingleSubUserParam": {"UserId": "in"}}),
            "OutputParams": json.dumps([output]),
            "MaxIdleTime": "10",
        }
        request = sign(
            RawRequest("POST", f"/?{urlencode(parameters)}", (("accept", "application/json"), ("content-length", "0"))),
            EMULATOR_CREDENTIALS,
            action=description.operation,
            version=description.version,
            host=host,
            now=now,
            nonce=f"{salt}-{number}",
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
        made.append(f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
    return made


def drive(port: int, requests: Iterable[bytes], connections: int) -> Counter[str]:
    """Send all requests; the statuses that came."""
    statuses: Counter[str] = Counter()

    def count(_: None, answer: bytes) -> None:
        statuses[answer[9:12].decode("ascii")] += 1

    light_client.drive(port, ((request, None) for request in requests), connections, count)
    return statuses


# --- where the time goes ----------------------------------------------------------------------------------------------


def _profile(count: int) -> None:
    """The core alone, in process, by function; and what the core and the signature check cost without a profiler."""
    import cProfile
    import pstats

    from acs_conformance import spec_folder
    from acs_conformance.emulator.core import Emulator, Settings
    from acs_conformance.emulator.gateway import AccessKeys
    from acs_conformance.message import RawRequest
    from acs_conformance.target import EMULATOR_CREDENTIALS

    keys = AccessKeys(secrets={EMULATOR_CREDENTIALS.access_key_id: EMULATOR_CREDENTIALS.access_key_secret})
    descriptions = {measure.OPERATION: spec_folder.load(measure.OPERATION)}

    def raw(salt: str) -> list[RawRequest]:
        found = []
        for wire in signed_requests(80, count, salt):
            lines = wire.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines[1:] if line))
            found.append(RawRequest(method, target, headers))
        return found

    for is_checked in (True, False):
        emulator = Emulator(descriptions, settings=Settings(access_keys=keys, authenticate=is_checked))
        requests = raw(f"timed-{is_checked}")
        start = time.process_time()
        for request in requests:
            emulator.handle(request)
        seconds = time.process_time() - start
        label = "with" if is_checked else "without"
        measure.say(f"core {label} signature check, ms per request", f"{seconds / count * 1000:.3f}")
    emulator = Emulator(descriptions, settings=Settings(access_keys=keys))
    requests = raw("profiled")
    profile = cProfile.Profile()
    profile.enable()
    for request in requests:
        emulator.handle(request)
    profile.disable()
    pstats.Stats(profile, stream=sys.stdout).sort_stats("cumulative").print_stats(35)


if __name__ == "__main__":
    main()
