"""The command that explores what operations do together, on a target on this machine.

Arguments, printing, exit codes; heavy imports come late, inside the command.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acs_conformance.cli_progress import shown
from acs_conformance.cli_proof import spec_option
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from acs_conformance.explore import Effort, Exploration
    from acs_conformance.target import Target

_CONFORMS, _FAILS, _INCONCLUSIVE = 0, 1, 3


@click.command()
@click.option("--target", "target_url", metavar="URL", help="Address on this machine, or the embedded emulator.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is sent.")
@click.option(
    "--steps", type=click.IntRange(1, 200), default=30, show_default=True, help="Requests in a sequence, at the most."
)
@click.option(
    "--examples", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Sequences that are tried."
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the journal goes, and with a finding finding.json and finding.sh.",
)
@spec_option
def explore(
    target_url: str | None,
    seed: int,
    steps: int,
    examples: int,
    report_dir: Path | None,
    spec_root: Path | None,
) -> int:
    """Interleave several things, valid and invalid calls and time, and print the smallest sequence that goes wrong.

    For servers on this machine, where requests are free: a sequence that fails is sent again in ever smaller form.
    Standard output is then a script for bash that sends it by curl, and says in its comments which requirement it
    breaks. What was created is ended. `run` asks a fixed programme of the same questions.

    Exit codes: 0 nothing went wrong; 1 a requirement failed; 2 wrong usage, or no operation acts on what another one
    creates; 3 something stayed undecided, or nothing answers.

    \b
    Examples:
      acs-conformance explore
      acs-conformance explore --seed 7 --examples 1000
      acs-conformance explore --target http://127.0.0.1:8080 --report-dir found
      acs-conformance explore --target http://127.0.0.1:8080 > finding.sh
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import spec_folder
    from acs_conformance.cli_run import interruptible
    from acs_conformance.explore import Effort, undemanded
    from acs_conformance.explore import explore as explored
    from acs_conformance.journal import Journal
    from acs_conformance.options import Options
    from acs_conformance.reach import reached, recorder_for
    from acs_conformance.store import FILE, Store

    if report_dir is not None and (report_dir / FILE).exists():
        raise UsageError(f"{report_dir} holds the journal of an earlier run; choose another --report-dir")
    options = Options(target_url=target_url, spec_root=spec_root)
    served = spec_folder.load_all(spec_root)
    descriptions = served if options.is_embedded else undemanded(served)
    effort = Effort(seed=seed, steps=steps, examples=examples)
    show = shown()
    with reached(options, served) as chosen:
        journal = Store(report_dir) if report_dir is not None else Journal()
        recorder, sender = recorder_for(chosen)
        try:
            with interruptible():
                found = explored(
                    descriptions.values(),
                    recorder,
                    chosen,
                    effort=effort,
                    run_id=secrets.token_hex(3),
                    journal=journal,
                    progress=lambda done, planned: show("", done, planned),
                )
        finally:
            show("", examples, examples)
            sender.close()
            if isinstance(journal, Store):
                journal.close()
    return _tell(found, chosen, effort, report_dir)


def _tell(found: Exploration, chosen: Target, effort: Effort, report_dir: Path | None) -> int:
    """Print what came of it; the exit code."""
    from acs_conformance.report.files import write_text
    from acs_conformance.report.text import one_line, plural
    from acs_conformance.report.walk_script import render
    from acs_conformance.retold import finding_of

    is_found = found.failing is not None
    result = "a finding" if is_found else "undecided" if found.undecided else "nothing went wrong"
    click.echo(
        f"{plural(found.walks, 'sequence')} of up to {effort.steps}, {plural(found.requests, 'request')}: {result}",
        err=is_found,
    )
    for note in (*found.notes, *(f"undecided: {reason}" for reason in found.undecided)):
        click.echo(one_line(note), err=is_found)
    if found.failing is None:
        return _INCONCLUSIVE if found.undecided else _CONFORMS
    finding = finding_of(found, found.failing, chosen.url, _again(chosen, effort))
    script = render(finding)
    click.echo(script, nl=False)
    if report_dir is not None:
        write_text(report_dir / "finding.json", json.dumps(finding, indent=1) + "\n")
        write_text(report_dir / "finding.sh", script).chmod(0o755)
        click.echo(f"finding: {report_dir / 'finding.sh'}", err=True)
    return _FAILS


def _again(chosen: Target, effort: Effort) -> str:
    numbers = f"--seed {effort.seed} --steps {effort.steps} --examples {effort.examples}"
    return " ".join(part for part in ("acs-conformance explore", chosen.option, numbers) if part)
