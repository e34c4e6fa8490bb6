"""Carry out a run: send, end what was created, write the report, print the result; whatever comes between.

In: a prepared run and its options. Out: files, and an exit code. Heavy imports come late.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acs_conformance import cli_cleanup, cli_reports
from acs_conformance.cli_run import Voice, Watch, default_folder, interruptible
from acs_conformance.errors import AcsConformanceError, ReportError, TargetUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from acs_conformance.campaign import Progress
    from acs_conformance.options import Options
    from acs_conformance.run import Run
    from acs_conformance.store import Store
    from acs_conformance.target import Target

_INCONCLUSIVE, _ERROR = 3, 4
#: Seconds between two partial reports; the journal itself is written with every exchange.
_REPORT_EVERY_S = 5.0


def complain(error: Exception) -> int:
    """Say in one sentence what went wrong on our side; the exit code.

    Raises:
        Exception: `error` itself, a defect, where tracebacks are asked for.
    """
    if isinstance(error, AcsConformanceError):
        click.echo(f"error: {error}", err=True)
        return _ERROR
    # A defect of ours: say so, and never show a traceback unless asked.
    if os.environ.get("ACS_CONFORMANCE_TRACEBACK"):
        raise error
    click.echo(
        f"error: {type(error).__name__}: {error}. This is a defect of acs-conformance; "
        "set ACS_CONFORMANCE_TRACEBACK=1 to see where.",
        err=True,
    )
    return _ERROR


def execute(prepared: Run, options: Options, report_dir: Path | None, voice: Voice) -> int:
    """Run, and report, however the run ends; the exit code.

    Raises:
        UsageError: it can't be run, or no report can be written.
        TargetUnreachable: nothing ever answered.
    """
    from acs_conformance import report as reports
    from acs_conformance.reach import reached, recorders_for
    from acs_conformance.shard import write_note
    from acs_conformance.store import Store

    with reached(options, prepared.served) as chosen:
        folder = report_dir or default_folder(chosen)
        if (folder / "journal.jsonl").exists():
            raise UsageError(f"{folder} holds the journal of an earlier run; choose another --report-dir")
        store = Store(folder)
        write_note(folder, prepared.note(chosen))
        guard = prepared.guard(chosen, folder)
        recorders, senders = recorders_for(chosen, options.signature, guard, options.concurrency)
        watch = voice.watch()
        campaign = prepared.campaign(chosen, recorders, store, _progress(prepared, chosen, store, folder, watch))
        errors: list[Exception] = []
        is_complete = False
        with interruptible():
            try:
                campaign.run()
                is_complete = True
            except KeyboardInterrupt:
                campaign.stopped = "interrupted"
            except Exception as error:  # what was created is ended and reported all the same
                errors.append(error)
                campaign.stopped = f"an error of acs-conformance: {_named(error)}"
            errors += _failure(lambda: watch(None, None, 0, 0))
            errors += _failure(lambda: cli_cleanup.stop_jobs(prepared, chosen, guard, store))
        for sender in senders:
            sender.close()
        guard.close()
        if campaign.stopped:
            errors += _failure(lambda: store.stop(campaign.stopped))
        outcome = prepared.outcome(chosen, store, is_complete=is_complete, has_error=bool(errors))
        files = reports.write_all(outcome.report, folder, options.baseline)
        store.close()
    if errors:
        _complain_or_raise(errors[0])
    voice.tell(outcome.report, files)
    cli_reports.append_job_summary(files["summary.md"])
    if campaign.is_unreachable and not errors:
        raise TargetUnreachable(f"{chosen.url}: {campaign.stopped}")
    return int(outcome.exit_code) if is_complete or int(outcome.exit_code) else _INCONCLUSIVE


def _failure(act: Callable[[], None]) -> list[Exception]:
    """What went wrong with something that must not keep the rest from being done; empty where nothing did."""
    try:
        act()
    except Exception as error:
        return [error]
    return []


def _complain_or_raise(error: Exception) -> None:
    """Say what went wrong, unless it means more than an error of ours."""
    is_usage = isinstance(error, UsageError) and not isinstance(error, ReportError)
    if is_usage or isinstance(error, BrokenPipeError):  # the target can't be asked like this, or nobody listens
        raise error
    complain(error)


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, AcsConformanceError) else type(error).__name__


def _progress(prepared: Run, chosen: Target, store: Store, folder: Path, watch: Watch) -> Progress:
    """Shows how far the run is, and keeps a partial report on disk."""
    from acs_conformance import report as reports

    last = time.monotonic()

    def progress(case: Any, judgement: Any, done: int, planned: int) -> None:  # noqa: ANN401 - the engine's records
        nonlocal last
        watch(case, judgement, done, planned)
        if judgement is not None and time.monotonic() - last > _REPORT_EVERY_S:
            reports.write_json(prepared.outcome(chosen, store, is_complete=False).report, folder / "report.json")
            last = time.monotonic()

    return progress
