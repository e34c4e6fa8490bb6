"""`run --dry-run`: what would be sent, and what it may cost. No network, no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from acs_conformance.cases.case import Case
    from acs_conformance.description import Description
    from acs_conformance.run import Run

#: Kinds of cases that a conforming target accepts; only in parts, where several operations follow a thing.
_ACCEPTED = ("opening", "accept", "sequence")
_FOLLOWING = "lifecycle"


@dataclass
class _Costs:
    """What the requests so far cost."""

    requests: int = 0
    #: Requests that a conforming target accepts.
    valid: int = 0
    #: Requests that create something: that a conforming target accepts, and all.
    created: int = 0
    creating: int = 0
    #: Requests that act on something that was created for them, all, and accepted ones that end it.
    acting: int = 0
    ended: int = 0
    #: Seconds for which cases wait.
    waits_s: float = 0.0

    def add(self, case: Case, step: int, called: Description) -> None:
        """Count one request."""
        is_accepted = case.kind in _ACCEPTED
        self.requests += 1
        self.valid += is_accepted
        self.creating += called.creates is not None
        self.created += called.creates is not None and (is_accepted or case.kind == _FOLLOWING)
        if called.acts_on is not None and not case.operations:  # else it names what the case itself has created
            self.acting += 1
            self.ended += is_accepted and called.acts_on.ends_within_s is not None
        self.waits_s += sum(float(edit.value) for edit in case.steps[step] if edit.op == "wait")

    @property
    def jobs(self) -> tuple[int, int]:
        """Things that are created at least, by a conforming target, and at most, by one that accepts everything.

        What is acted on is shared, until it has been ended or is about to end by itself.
        """
        shared = max(self.ended, 1 if self.acting else 0)
        return self.created + shared, self.creating + self.acting


def show(prepared: Run) -> int:
    """Print each request as a curl command, and the costs behind them; the exit code."""
    from acs_conformance.cases.render import render
    from acs_conformance.exchange import redacted
    from acs_conformance.findings import curl

    costs = _Costs()
    for plan in prepared.plans:
        for case in plan.cases:
            click.echo(f"# {case.id}")
            for step in range(len(case.steps)):
                called = prepared.called[case.operation_of(step)] if case.operations else plan.description
                request = render(called, case, step, prepared.context_without_secrets)
                click.echo(curl(redacted(called, request)[0]))
                costs.add(case, step, called)
    click.echo(
        f"{costs.requests} requests, of which a conforming target accepts at least {costs.valid}; nothing was sent",
        err=True,
    )
    click.echo(_jobs(prepared, *costs.jobs), err=True)
    pace = prepared.options.profile.pace if prepared.options.profile is not None else None
    if pace is not None or costs.waits_s:
        seconds = costs.waits_s + (costs.requests / pace if pace is not None else 0.0)
        paced = f" at {pace:g} requests per second" if pace is not None else ""
        waits = f", {costs.waits_s:.0f} of them waiting" if costs.waits_s else ""
        click.echo(f"seconds: at least {seconds:.0f}{paced}{waits}", err=True)
    return 0


def _jobs(prepared: Run, least: int, most: int) -> str:
    """What the requests may create: by a conforming target, and by one that accepts everything."""
    limits = prepared.limits
    if limits.max_jobs is None or not most:
        return f"jobs: at least {least}, at most {most} where everything is accepted; --max-jobs limits them"
    surprises = min(limits.max_surprises, max(0, most - limits.max_jobs))
    return (
        f"jobs: {min(least, limits.max_jobs)} of the {least} that a conforming target creates, for --max-jobs is "
        f"{limits.max_jobs}; at most {min(most, limits.max_jobs) + surprises} where everything is accepted"
    )
