"""Whether the emulator stays as it is under many requests: no wrong answer, and memory that doesn't grow.

Measured, against the emulator's command in a process of its own:

  answers    each request is signed when it is sent, with a nonce and a date of its own. Every other one is valid and
             has to be accepted, the rest break a requirement each, all there are, and have to be refused with a
             documented code
  memory     resident, at ten points. It grows until as many nonces and jobs are remembered as may be (100,000
             and 10,000); from there on it has to stay flat
  requests/s over the whole time, with what the client needs to sign and to look at the answers

A failure is an answer that is not documented, or memory that still grows by more than `--growth` bytes per request once
the stores are full; then the exit code is 1. Growth is the median of the stretches between the points: a leak shows in
each of them, and a hash table that is laid out anew, a step of some MiB once in a while, in one. `--capacity` makes the
stores smaller, so that fewer requests fill them.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import light_client
import measure

from acs_conformance import spec_folder
from acs_conformance.answer import Kind, answer_of
from acs_conformance.cases import plan
from acs_conformance.cases.render import Context, render
from acs_conformance.description import Description
from acs_conformance.message import RawRequest, RawResponse
from acs_conformance.signer import Signer
from acs_conformance.target import EMULATOR_CREDENTIALS

_POINTS = 10
_MIB = 1024 * 1024
#: Requests after which the stores of the emulator's command are full: it remembers so many nonces, and fewer jobs.
_FULL = 100_000
#: Documents of each kind that are rendered; they are sent again and again, each time signed anew.
_RENDERED = 500


@dataclass(frozen=True)
class Wanted:
    """An unsigned request, and what is documented of its answer."""

    request: RawRequest
    kind: Kind
    case: str


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--requests", type=measure.between(100, 10_000_000), default=200_000, help="in all")
    parser.add_argument("--connections", type=measure.between(1, 256), default=16, help="kept open by the client")
    parser.add_argument("--signature", choices=("v3", "v1"), default="v3", help="how requests are signed")
    parser.add_argument("--capacity", type=measure.between(1, 1_000_000), help="nonces and jobs that are remembered")
    parser.add_argument("--growth", type=float, default=64.0, help="bytes per request")
    options = parser.parse_args()
    settings = [] if options.capacity is None else ["--capacity", str(options.capacity)]
    description = spec_folder.load(measure.OPERATION)
    wrong: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with measure.emulator(*settings) as (url, pid):
        signer = Signer(EMULATOR_CREDENTIALS, urlsplit(url).netloc, scheme=options.signature)
        wanted = itertools.islice(_mix(description), options.requests)
        points = Points(pid, options.requests)

        def on_answer(asked: Wanted, raw: bytes) -> None:
            answer = answer_of(description, _parsed(raw))
            kinds[answer.kind] += 1
            if answer.kind != asked.kind or (answer.kind == "refusal" and answer.row is None):
                wrong[f"{asked.case}: {answer}"] += 1
            points.count()

        start, cpu, used = time.perf_counter(), time.process_time(), measure.cpu_seconds(pid)
        signed = ((_wire(signer.sign(description, each.request)), each) for each in wanted)
        light_client.drive(urlsplit(url).port or 0, signed, options.connections, on_answer)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        end = measure.cpu_seconds(pid)
    measure.say("requests/s", f"{options.requests / seconds:,.0f} ({seconds:.1f} s)")
    if used is not None and end is not None:
        measure.say("server's processor time per request", f"{(end - used) / options.requests * 1000:.3f} ms")
    measure.say("share of a core the client used", f"{cpu / seconds:.2f}")
    measure.say("answers", dict(kinds))
    measure.say("answers that are not documented", sum(wrong.values()))
    for text, count in wrong.most_common(20):
        print(f"  {count} times {text}")
    # Every other request makes a job.
    growth = points.growth(_FULL if options.capacity is None else 2 * options.capacity)
    shown = "not known: too few requests to fill them" if growth is None else f"{growth:+.1f} bytes per request"
    measure.say("memory's growth once the stores were full", shown)
    sys.exit(bool(wrong) or (growth is not None and growth > options.growth))


class Points:
    """Memory of a process after each tenth of the requests."""

    def __init__(self, pid: int, requests: int) -> None:
        self._pid = pid
        self._every = max(1, requests // _POINTS)
        self._counted = 0
        #: Requests answered, and bytes.
        self._seen: list[tuple[int, int]] = []
        self._note()

    def count(self) -> None:
        """One more request was answered."""
        self._counted += 1
        if self._counted % self._every == 0:
            self._note()

    def _note(self) -> None:
        memory = measure.resident_bytes(self._pid)
        if memory is not None:
            self._seen.append((self._counted, memory))
            measure.say(f"memory after {self._counted:,} requests", f"{memory / _MIB:.1f} MiB")

    def growth(self, since: int) -> float | None:
        """Bytes per request, median of the stretches after so many requests; None where there are no two of them."""
        full = [(counted, memory) for counted, memory in self._seen if counted >= since]
        stretches = [(after - before) / (to - at) for (at, before), (to, after) in itertools.pairwise(full)]
        return statistics.median(stretches) if len(stretches) > 1 else None


def _mix(description: Description) -> Iterator[Wanted]:
    """Without end: a valid request, one to be refused, and so on."""
    cases = plan(description, "standard").cases
    context = Context(run_id="soak", now=int(time.time()))

    def rendered(kinds: tuple[str, ...], kind: Kind) -> list[Wanted]:
        chosen = itertools.cycle([case for case in cases if case.kind in kinds and len(case.steps) == 1])
        return [
            Wanted(render(description, case, 0, context, number), kind, case.id)
            for number, case in zip(range(_RENDERED), chosen, strict=False)
        ]

    valid, broken = rendered(("opening", "accept"), "success"), rendered(("reject",), "refusal")
    return itertools.chain.from_iterable(zip(itertools.cycle(valid), itertools.cycle(broken), strict=False))


def _wire(request: RawRequest) -> bytes:
    head = "".join([f"{name}: {value}\r\n" for name, value in request.headers])
    length = f"accept: application/json\r\ncontent-length: {len(request.body)}\r\n"
    return f"{request.method} {request.target} HTTP/1.1\r\n{head}{length}\r\n".encode("latin-1") + request.body


def _parsed(raw: bytes) -> RawResponse:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return RawResponse(int(status.split()[1]), tuple((name.lower(), text.strip()) for name, _, text in pairs), body)


if __name__ == "__main__":
    main()
