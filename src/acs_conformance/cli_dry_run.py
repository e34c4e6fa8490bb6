"""`run --dry-run`: what would be sent, and what it may cost. No network, no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from acs_conformance.run import Run

#: Kinds of cases that a conforming target accepts.
_ACCEPTED = ("opening", "accept", "sequence")


def show(prepared: Run) -> int:
    """Print each request as a curl command, and the costs behind them; the exit code."""
    from acs_conformance.cases.render import render
    from acs_conformance.exchange import redacted
    from acs_conformance.findings import curl

    requests = valid = jobs_least = jobs_most = 0
    for plan in prepared.plans:
        creates = plan.description.creates is not None
        for case in plan.cases:
            click.echo(f"# {case.id}")
            for step in range(len(case.steps)):
                request = render(plan.description, case, step, prepared.context_without_secrets)
                click.echo(curl(redacted(plan.description, request)[0]))
            count = len(case.steps)
            is_accepted = case.kind in _ACCEPTED
            requests += count
            valid += count * is_accepted
            jobs_least += count * (creates and is_accepted)
            jobs_most += count * creates
    click.echo(
        f"{requests} requests, of which a conforming target accepts at least {valid}; nothing was sent", err=True
    )
    click.echo(_jobs(prepared, jobs_least, jobs_most), err=True)
    pace = prepared.options.profile.pace if prepared.options.profile is not None else None
    if pace is not None:
        click.echo(f"seconds: at least {requests / pace:.0f}, at {pace:g} requests per second", err=True)
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
