"""The proof that the suite detects anything: one plan against every fault of the catalogue and every faultless variant.

In: a description, a depth, a seed. Out: a `Matrix`: which requirement caught which fault after how many requests, what
survived, and alarms on servers without a fault. In process, without a socket; the engine, the plan and the judges are
those of a real run.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from acs_conformance import requirement, spec_folder
from acs_conformance.bench import Bench, Trial, servers
from acs_conformance.cases import Depth, Plan, plan
from acs_conformance.errors import SelectionError
from acs_conformance.faults import catalogue
from acs_conformance.verdict import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What was proven."""

    operation: str
    depth: str
    seed: int
    sha256: str
    faults: tuple[Trial, ...]
    variants: tuple[Trial, ...]
    #: Requirement ids in their order.
    requirements: tuple[str, ...]
    seconds: float

    @property
    def survivors(self) -> tuple[Trial, ...]:
        """Faults that the depth promises to find and did not."""
        return tuple(t for t in self.faults if not t.is_caught and _promises(self.depth, t.found_at))

    @property
    def beyond(self) -> tuple[Trial, ...]:
        """Faults that only a greater depth promises to find, and that were not found."""
        return tuple(t for t in self.faults if not t.is_caught and not _promises(self.depth, t.found_at))

    @property
    def alarms(self) -> tuple[Trial, ...]:
        """Variants without a fault that did not conform."""
        return tuple(t for t in self.variants if t.code != ExitCode.CONFORMS)

    @property
    def idle(self) -> tuple[str, ...]:
        """Requirements that never caught anything."""
        caught = {name for trial in self.faults for name in trial.caught_by}
        return tuple(name for name in self.requirements if name not in caught)


def _promises(depth: str, found_at: str) -> bool:
    order = ("quick", "standard", "exhaustive")
    return order.index(depth) >= order.index(found_at)


def prove(
    operation: str,
    depth: Depth = "standard",
    *,
    seed: int = 0,
    jobs: int | None = None,
    full: bool = False,
    only: str | None = None,
    sample: int | None = None,
    spec_root: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Matrix:
    """Run the plan of one operation against its catalogue.

    Args:
        operation: its name.
        depth: of the plan.
        seed: of the plan.
        jobs: processes; as many as there are cores if None.
        full: go on after the first failure, to see everything that catches a fault.
        only: a pattern of fault ids.
        sample: every so many faults only.
        spec_root: folder of descriptions.
        progress: told how many trials are done, of how many.

    Raises:
        UsageError: there is no such operation, or a description is broken.
    """
    start = time.monotonic()
    description = spec_folder.load(operation, spec_root)
    numbers = [
        n for n, fault in enumerate(catalogue(description)) if only is None or requirement.matches(only, fault.id)
    ]
    if not numbers:
        raise SelectionError("fault", only or "", [fault.id for fault in catalogue(description)])
    chosen = numbers[:: sample or 1]
    faultless = range(len(servers(description))) if only is None else range(0)
    work = [("fault", n) for n in chosen] + [("variant", n) for n in faultless]
    setup = (operation, depth, seed, full, str(spec_root) if spec_root else None)
    trials: dict[tuple[str, int], Trial] = {}
    for done, (key, trial) in enumerate(_tried(setup, work, jobs or os.cpu_count() or 1), 1):
        trials[key] = trial
        if progress is not None:
            progress(done, len(work))
    return Matrix(
        operation=operation,
        depth=depth,
        seed=seed,
        sha256=description.sha256,
        faults=tuple(trials["fault", n] for n in chosen),
        variants=tuple(trials["variant", n] for n in faultless),
        requirements=tuple(r.id for r in requirement.derive(description)),
        seconds=time.monotonic() - start,
    )


Setup = tuple[str, Depth, int, bool, str | None]
Key = tuple[str, int]


def _tried(setup: Setup, work: Sequence[Key], jobs: int) -> Iterator[tuple[Key, Trial]]:
    if jobs == 1 or len(work) < 8:
        _prepare(setup)
        for key in work:
            yield key, _try(key)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_prepare, initargs=(setup,)) as pool:
        yield from zip(work, pool.map(_try, work, chunksize=8), strict=True)


_bench: Bench


def _prepare(setup: Setup) -> None:
    global _bench
    operation, depth, seed, full, spec_root = setup
    description = spec_folder.load(operation, Path(spec_root) if spec_root else None)
    _bench = Bench(plan(description, depth, seed), is_full=full)


def _try(key: Key) -> Trial:
    kind, number = key
    return _bench.fault(catalogue(_bench.description)[number]) if kind == "fault" else _bench.variant(number)


def self_check(tested: Plan, wanted: Iterable[str], count: int = 30) -> dict[str, Any]:
    """Whether a plan could have failed: the plan against some faults of the requirements that it decides.

    Args:
        tested: the plan of a run.
        wanted: ids of the requirements that were selected.
        count: faults that are tried, spread over the catalogue.

    Returns:
        "tried", "caught", "survivors" (ids) and "seconds", as they stand in a report.
    """
    start = time.monotonic()
    # What follows a thing through its life is decided by the cases made for it, which a quick plan has not all.
    followed = {r.id for r in requirement.derive(tested.description) if r.kind == "lifecycle"}
    chosen = {name for name in wanted if name not in followed or name in tested.aspects}
    fitting = [
        fault
        for fault in catalogue(tested.description)
        if fault.id.partition("!")[0] in chosen
        and (fault.operator == "ignore" if tested.depth == "quick" else _promises(tested.depth, fault.found_at))
    ]
    bench = Bench(tested, is_full=False)
    trials = [bench.fault(fault) for fault in fitting[:: max(1, len(fitting) // count)][:count]]
    return {
        "tried": len(trials),
        "caught": sum(trial.is_caught for trial in trials),
        "survivors": [trial.name for trial in trials if not trial.is_caught],
        "seconds": round(time.monotonic() - start, 2),
    }


# --- as data ----------------------------------------------------------------------------------------------------------


def to_json(matrix: Matrix) -> dict[str, Any]:
    """The matrix as plain data, for the writers of `report.kill_matrix`."""
    return {
        "operation": matrix.operation,
        "depth": matrix.depth,
        "seed": matrix.seed,
        "sha256": matrix.sha256,
        "seconds": round(matrix.seconds, 1),
        "requests": sum(trial.requests for trial in (*matrix.faults, *matrix.variants)),
        "totals": {
            "faults": len(matrix.faults),
            "caught": sum(trial.is_caught for trial in matrix.faults),
            "survivors": len(matrix.survivors),
            "beyond": len(matrix.beyond),
            "variants": len(matrix.variants),
            "alarms": len(matrix.alarms),
        },
        "operators": _by_operator(matrix),
        "survivors": [trial.name for trial in matrix.survivors],
        "beyond": [trial.name for trial in matrix.beyond],
        "alarms": [{"variant": t.name, "exit_code": t.code, "failed": list(t.caught_by)} for t in matrix.alarms],
        "idle_requirements": list(matrix.idle),
        "faults": [
            {
                "id": trial.name,
                "operator": trial.operator,
                "says": trial.says,
                "found_at": trial.found_at,
                "caught_by": list(trial.caught_by),
                "requests": trial.requests,
            }
            for trial in matrix.faults
        ],
        "variants": [
            {"name": t.name, "requests": t.requests, "accepted": t.accepted, "exit_code": t.code}
            for t in matrix.variants
        ],
    }


def _by_operator(matrix: Matrix) -> list[dict[str, Any]]:
    """Totals of each mutation operator, in the catalogue's order."""
    grouped: dict[str, list[Trial]] = {}
    for trial in matrix.faults:
        grouped.setdefault(trial.operator, []).append(trial)
    return [
        {
            "operator": name,
            "faults": len(trials),
            "caught": sum(trial.is_caught for trial in trials),
            "median_requests": int(statistics.median([t.requests for t in trials if t.is_caught] or [0])),
        }
        for name, trials in grouped.items()
    ]
