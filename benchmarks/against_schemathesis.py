"""What the standard plan finds among servers with one defect each, and how fast, next to `st run` on the same servers.

Measured, on servers of a fixed sample of the fault catalogue, over HTTP, all requests signed:

  found         servers of which each says something that it doesn't say of the faultless one
  requests      sent until then; for those not found, all. Counted at the server
  false alarms  what each says of the faultless server, and of faultless ones that settle an open point otherwise
  cases/s       requests of a whole run on the faultless server, by the whole time of the command, in turns; and from
                the first request to the last, without the start of the process

`st run` reads the same openapi.yaml. It is run in two ways: as it comes (default checks, a hook that signs), where
only a failure with a code that the faultless server doesn't get counts as found, for otherwise every server would
be; and with help (see schemathesis_hooks.py), where it raises no alarm without a fault. So that a request which is
valid by the schema alone is accepted, all servers take what the documentation leaves open.

The catalogue is this project's own; read the figures by operator too. `--operator ignore` takes the servers that drop
one documented check each.
"""

from __future__ import annotations

import argparse
import collections
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import measure

from acs_conformance import requirement, spec_folder
from acs_conformance.budget import Budget, Limits
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.cases import Plan, plan
from acs_conformance.cases.render import Context
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.policy import Policy, variants
from acs_conformance.emulator.server import running
from acs_conformance.exchange import Recorder
from acs_conformance.faults import Seed, catalogue
from acs_conformance.guard import Guard
from acs_conformance.http_sender import HttpSender
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.observation import Judgement
from acs_conformance.signer import Signer
from acs_conformance.target import EMULATOR_CREDENTIALS
from acs_conformance.verdict import Verdict, verdicts

_HOOKS = Path(__file__).resolve().parent / "schemathesis_hooks.py"
#: Refused as documented on a server without a fault, but not with the status that the check wants.
_NOT_FOR_HERE = "unsupported_method"


class Counting(Emulator):
    """Counts requests, and when the first and the last one came."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the emulator's own
        super().__init__(*args, **kwargs)
        self.times: list[float] = []

    def handle(self, request: RawRequest) -> RawResponse:
        self.times.append(time.perf_counter())
        return super().handle(request)


@dataclass
class Found:
    """What one way of testing says of one server."""

    requests: int
    alarms: frozenset[str] = field(default_factory=frozenset)
    seconds: float = 0.0
    #: Seconds from the first request to the last.
    sending_s: float = 0.0


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--every", type=measure.between(1, 3000), default=60, help="take each so manyth fault; 1: all")
    parser.add_argument("--operator", help="only faults of this mutation operator")
    parser.add_argument("--sample", type=measure.between(0, 3000), default=3000, help="take no more faults than this")
    parser.add_argument(
        "--every-variant", type=measure.between(1, 1000), default=10, help="take each so manyth faultless server"
    )
    parser.add_argument(
        "--ways", default="plan,help,plain", help="of plan, help (st with help), plain (st as it comes); or none"
    )
    parser.add_argument(
        "--max-examples", type=measure.between(1, 5000), default=100, help="of st run; 100 is its own default"
    )
    parser.add_argument("--max-seconds", type=measure.between(5, 300), default=120, help="of each run on a server")
    parser.add_argument("--seed", type=int, default=1, help="of both")
    parser.add_argument("--jobs", type=measure.between(1, 8), default=1, help="st processes at a time, not when timed")
    parser.add_argument("--repeats", type=measure.between(0, 20), default=3, help="timed turns on the faultless server")
    options = parser.parse_args()
    ways = [way for way in ("plan", "help", "plain") if way in options.ways.split(",")]
    description = spec_folder.load(measure.OPERATION)
    sample = [f for f in catalogue(description) if options.operator in (None, f.operator)][:: options.every]
    sample = sample[: options.sample]
    faultless = [policy for _, policy in variants(description)[:: options.every_variant]]
    servers = [(None, None), *[(policy, None) for policy in faultless], *[(None, fault) for fault in sample]]
    tested = plan(description, "standard", options.seed)
    measure.say("servers with a fault", len(sample))
    measure.say("faultless servers, besides the one that takes all it may", len(faultless))
    caught = {way: _print_way(way, _all(way, servers, tested, options), sample) for way in ways}
    if caught:
        _print_comparison(caught, sample)
    if options.repeats:
        _timed(options)


# --- servers ----------------------------------------------------------------------------------------------------------


#: How a server settles open points, where not by taking all it may; and its fault.
Server = tuple[Policy | None, Seed | None]


@contextmanager
def _server(policy: Policy | None = None, fault: Seed | None = None) -> Iterator[tuple[Counting, str]]:
    descriptions = {measure.OPERATION: spec_folder.load(measure.OPERATION)}
    choices = {
        question.key: reading.name
        for description in descriptions.values()
        for question in description.questions
        for reading in reversed(question.readings)
        if reading.effect == "accept"
    }
    keys = AccessKeys(secrets={EMULATOR_CREDENTIALS.access_key_id: EMULATOR_CREDENTIALS.access_key_secret})
    emulator = Counting(
        descriptions,
        settings=Settings(access_keys=keys),
        policy=policy or Policy(choices=choices | dict(fault.needs if fault else {})),
        fault=fault,
    )
    with running(emulator) as url:
        yield emulator, url


def _all(way: str, servers: list[Server], tested: Plan, options: argparse.Namespace) -> list[Found]:
    """What one way says of each server."""
    lock, done = threading.Lock(), 0

    def one(server: Server) -> Found:
        nonlocal done
        with _server(*server) as (emulator, url):
            alarms = _plan(url, tested, server[1] is not None, options) if way == "plan" else _st(url, way, options)
            result = Found(requests=len(emulator.times), alarms=alarms)
        with lock:
            done += 1
            print(f"  {way}: {done} of {len(servers)}", file=sys.stderr)
        return result

    # The plan runs in this process, where two at a time would only share the interpreter.
    with ThreadPoolExecutor(1 if way == "plan" else options.jobs) as pool:
        return list(pool.map(one, servers))


def _plan(url: str, tested: Plan, has_fault: bool, options: argparse.Namespace) -> frozenset[str]:
    """Ids of requirements that our plan finds broken; with a fault, it ends at the first failure."""

    def shows_failure(judgement: Judgement) -> bool:
        return any(observation.outcome == "fail" for observation in judgement.observations)

    sender = HttpSender(url, user_agent="benchmark")
    guard = Guard(budget=Budget(Limits(max_seconds=options.max_seconds)))
    campaign = Campaign(
        [tested],
        Recorder(sender, Signer(EMULATOR_CREDENTIALS, urlsplit(url).netloc), guard=guard),
        Context(run_id="bench", now=int(time.time())),
        until=shows_failure if has_fault else None,
    )
    campaign.run()
    sender.close()
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    results = verdicts(requirement.derive(tested.description), tested.aspects, judged, stopped=campaign.stopped)
    return frozenset(r.requirement.id for r in results if r.verdict is Verdict.FAIL)


def _st(url: str, way: str, options: argparse.Namespace) -> frozenset[str]:
    """`st run`: codes and titles of what it reports. With help the first failure ends it, as it ends the plan."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        more = ["--max-failures", "1"] if way == "help" else ["--continue-on-failure"]
        done = subprocess.run(
            [*_st_command(url, way, options), "--report-json-path", str(report), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=_st_environment(way),
            timeout=options.max_seconds,
        )
        if not report.exists():
            raise SystemExit(f"st run made no report:\n{done.stdout[-3000:]}")
        data = json.loads(report.read_text(encoding="utf-8"))
    if data["errors"]:
        raise SystemExit(f"st run failed itself: {data['errors']}")
    return frozenset(f"{failure['code']} {failure['title']}" for failure in data["failures"])


def _st_command(url: str, way: str, options: argparse.Namespace) -> list[str]:
    command = [str(Path(sys.executable).parent / "st"), "run", str(measure.OPENAPI), "--url", url, "--no-color"]
    command += ["--max-examples", str(options.max_examples)]
    # No --max-time: it makes st go on until the time is over. The number of examples bounds it.
    command += ["--seed", str(options.seed), "--generation-database", "none", "--no-shrink"]
    return [*command, "--exclude-checks", _NOT_FOR_HERE] if way == "help" else command


def _st_environment(way: str) -> dict[str, str]:
    return measure.environment(SCHEMATHESIS_HOOKS=str(_HOOKS), BENCHMARK_HELP="1" if way == "help" else "0")


# --- figures ----------------------------------------------------------------------------------------------------------

_NAMES = {"plan": "standard plan", "help": "st run with help", "plain": "st run as it comes"}


def _print_way(way: str, results: list[Found], sample: list[Seed]) -> list[bool]:
    """The figures of one way, as soon as they are there; whether each server was found."""
    faultless, *settled_otherwise = results[: len(results) - len(sample)]
    others = results[len(results) - len(sample) :]
    caught = [bool(other.alarms - faultless.alarms) for other in others]
    measure.say(f"{_NAMES[way]}: found", f"{sum(caught)} of {len(sample)}")
    standard = [c for c, fault in zip(caught, sample, strict=True) if fault.found_at == "standard"]
    measure.say("  of those that the standard depth promises to find", f"{sum(standard)} of {len(standard)}")
    until = [o.requests for o, c in zip(others, caught, strict=True) if c]
    measure.say("  requests, median, where found", f"{statistics.median(until):.0f}" if until else "-")
    measure.say("  requests in all", f"{sum(o.requests for o in others):,}")
    measure.say("  false alarms on the faultless server", ", ".join(sorted(faultless.alarms)) or "none")
    raised = [each.alarms for each in settled_otherwise if each.alarms]
    kinds = ", ".join(sorted(frozenset().union(*raised)))
    measure.say("  further faultless servers with a false alarm", f"{len(raised)} of {len(settled_otherwise)} {kinds}")
    return caught


def _print_comparison(caught: dict[str, list[bool]], sample: list[Seed]) -> None:
    grouped: dict[str, list[int]] = collections.defaultdict(list)
    for number, fault in enumerate(sample):
        grouped[fault.operator].append(number)
    print(f"\n{'by operator':<24}{'servers':>8}" + "".join(f"{_NAMES[way]:>20}" for way in caught))
    for operator, numbers in grouped.items():
        counts = "".join(f"{sum(caught[way][n] for n in numbers):>20}" for way in caught)
        print(f"{operator:<24}{len(numbers):>8}{counts}")
    if "plan" in caught:
        missed = [fault for fault, is_caught in zip(sample, caught["plan"], strict=True) if not is_caught]
        print("\nnot found by the standard plan:" if missed else "")
        for fault in missed:
            print(f"  {fault.id} (promised at depth {fault.found_at})")
        for way in [way for way in caught if way != "plan"]:
            only = [f.id for f, a, b in zip(sample, caught[way], caught["plan"], strict=True) if a and not b]
            print(f"found by {_NAMES[way]} alone: {', '.join(only) or 'none'}")
    print(flush=True)


def _timed(options: argparse.Namespace) -> None:
    """Whole runs on the faultless server, as commands."""
    from acs_conformance.target import EMULATOR_CREDENTIALS as KEYS

    def turn(way: str) -> Found:
        with _server() as (emulator, url), tempfile.TemporaryDirectory() as folder:
            if way == "plan":
                command = [sys.executable, "-m", "acs_conformance", "run", measure.OPERATION, "--target", url]
                command += ["--no-self-check", "--report-dir", str(Path(folder) / "report")]
                environment = measure.environment(
                    ALIBABA_CLOUD_ACCESS_KEY_ID=KEYS.access_key_id,
                    ALIBABA_CLOUD_ACCESS_KEY_SECRET=KEYS.access_key_secret,
                )
            else:
                command, environment = _st_command(url, "help", options), _st_environment("help")
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=600)
            seconds = time.perf_counter() - start
            if done.returncode:
                print(
                    f"  {way} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}", file=sys.stderr
                )
            times = emulator.times
            return Found(requests=len(times), seconds=seconds, sending_s=times[-1] - times[0])

    found = measure.alternate({"plan": lambda: turn("plan"), "st": lambda: turn("st")}, options.repeats)
    rates = {way: [t.requests / t.seconds for t in turns] for way, turns in found.items()}
    between = {way: [t.requests / t.sending_s for t in turns] for way, turns in found.items()}
    measure.say("ratio of cases/s, ours / st run, whole command", measure.ratio(rates["plan"], rates["st"]))
    measure.say("ratio of cases/s, from the first request to the last", measure.ratio(between["plan"], between["st"]))
    for way, turns in found.items():
        name = _NAMES["plan" if way == "plan" else "help"]
        measure.say(f"{name}: cases/s, whole command", measure.spread(rates[way], digits=0))
        measure.say(f"{name}: cases/s, from the first request to the last", measure.spread(between[way], digits=0))
        measure.say(f"{name}: seconds", measure.spread([t.seconds for t in turns]))
        measure.say(f"{name}: requests", turns[0].requests)


if __name__ == "__main__":
    main()
