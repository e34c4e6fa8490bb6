"""What a run costs beyond sending its requests.

Measured, against one emulator in a process of its own, in turns:

  run    the default run of the command line for one operation, once its plan is made: rendering, signing, sending, the
         journal on disk, the verdicts, the report in all its formats; without the self-check. The gateway's own checks
         are left out: what is sent there depends on the answers
  loop   a bare loop over one httpx client that sends the very same requests, rendered beforehand and signed by the same
         httpx authentication

Each turn is a new process, so nothing is remembered from one to the next. The ratio is run to loop; 2 is the aim.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--repeats", type=measure.between(1, 50), default=5, help="turns of each")
    parser.add_argument("--depth", choices=("quick", "standard", "exhaustive"), default="standard", help="of the plan")
    parser.add_argument("--max-requests", type=measure.between(1, 20_000), default=20_000, help="of each turn")
    parser.add_argument("--child", choices=("run", "loop"), help="one turn, in this process; printed as JSON")
    parser.add_argument("--url", help="of the emulator, for --child")
    parser.add_argument("--run-id", default="overhead", help="for --child")
    options = parser.parse_args()
    if options.child is not None:
        turn = _run if options.child == "run" else _loop
        print(json.dumps(turn(options.url, options.depth, options.run_id, options.max_requests)))
        return
    with measure.emulator() as (url, _):
        number = 0

        def turn_of(kind: str) -> dict[str, float]:
            nonlocal number
            command = [sys.executable, __file__, "--child", kind, "--url", url, "--depth", options.depth]
            command += ["--run-id", f"bench{number // 2}", "--max-requests", str(options.max_requests)]
            number += 1
            done = subprocess.run(
                command, stdout=subprocess.PIPE, env=measure.environment(), text=True, check=True, timeout=600
            )
            found: dict[str, float] = json.loads(done.stdout)
            return found

        found = measure.alternate({"run": lambda: turn_of("run"), "loop": lambda: turn_of("loop")}, options.repeats)
    run, loop = found["run"], found["loop"]
    measure.say("ratio run / loop", measure.ratio([t["seconds"] for t in run], [t["seconds"] for t in loop]))
    measure.say(
        "the same in processor time of the client", measure.ratio([t["cpu"] for t in run], [t["cpu"] for t in loop])
    )
    measure.say("run, seconds", measure.spread([t["seconds"] for t in run]))
    measure.say("  of which sending, with journal and first judgement", measure.spread([t["sending"] for t in run]))
    measure.say("  of which verdicts", measure.spread([t["verdicts"] for t in run]))
    measure.say("  of which report", measure.spread([t["report"] for t in run]))
    measure.say("loop, seconds", measure.spread([t["seconds"] for t in loop]))
    measure.say("requests of a run, of a loop", f"{run[0]['requests']:.0f}, {loop[0]['requests']:.0f}")
    measure.say("making the plan, seconds (in neither)", measure.spread([t["planning"] for t in run]))


def _run(url: str, depth: str, run_id: str, most: int) -> dict[str, float]:
    from acs_conformance import report
    from acs_conformance.budget import Limits
    from acs_conformance.options import Options
    from acs_conformance.reach import recorder_for
    from acs_conformance.run import Run
    from acs_conformance.store import Store
    from acs_conformance.target import EMULATOR_CREDENTIALS, Target

    before = time.perf_counter()
    options = Options(
        operations=(measure.OPERATION,),
        depth=depth,  # type: ignore[arg-type]
        run_id=run_id,
        limits=Limits(max_requests=most),
    )
    prepared = Run(options)
    planning = time.perf_counter() - before
    chosen = Target(url=url, kind="given URL", credentials=EMULATOR_CREDENTIALS)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        store = Store(Path(folder))
        recorder, sender = recorder_for(chosen, guard=prepared.guard(chosen, Path(folder)))
        campaign = prepared.campaign(chosen, recorder, store)
        campaign.run()
        sender.close()
        sent = time.perf_counter()
        outcome = prepared.outcome(chosen, store, is_complete=not campaign.stopped)
        judged = time.perf_counter()
        report.write_all(outcome.report, Path(folder))
        store.close()
        end, cpu = time.perf_counter(), time.process_time() - cpu
    if outcome.exit_code and not campaign.stopped:
        print(f"the run ended with exit code {int(outcome.exit_code)}", file=sys.stderr)
    return {
        "seconds": end - start,
        "cpu": cpu,
        "sending": sent - start,
        "verdicts": judged - sent,
        "report": end - judged,
        "planning": planning,
        "requests": len(store.exchanges),
    }


def _loop(url: str, depth: str, run_id: str, most: int) -> dict[str, float]:
    import httpx

    from acs_conformance import __version__
    from acs_conformance.cases.render import render
    from acs_conformance.options import Options
    from acs_conformance.run import Run
    from acs_conformance.signing import Acs3HmacSha256
    from acs_conformance.target import EMULATOR_CREDENTIALS

    prepared = Run(Options(operations=(measure.OPERATION,), depth=depth, run_id=run_id))  # type: ignore[arg-type]
    requests = []
    for plan in prepared.plans:
        auth = Acs3HmacSha256(EMULATOR_CREDENTIALS, action=plan.description.operation, version=plan.description.version)
        requests += [
            (auth, render(plan.description, case, step, prepared.context))
            for case in plan.cases
            for step in range(len(case.steps))
        ]
    del requests[most:]
    start, cpu = time.perf_counter(), time.process_time()
    headers = {"accept": "application/json", "user-agent": f"acs-conformance/{__version__}"}
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as client:
        for auth, request in requests:
            outgoing = client.build_request(
                request.method,
                url,
                content=request.body or None,
                headers=dict(request.headers),
                extensions={"target": request.target.encode("ascii")},
            )
            client.send(outgoing, auth=auth)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "requests": len(requests),
    }


if __name__ == "__main__":
    main()
