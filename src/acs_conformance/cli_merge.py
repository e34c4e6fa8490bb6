"""`merge`: put the parts of a campaign together, and judge them as one.

Arguments, printing, exit codes; heavy imports come late, inside the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acs_conformance.cli_proof import spec_option
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acs_conformance.options import Options
    from acs_conformance.target import Target


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="REPORT_DIR...", type=click.Path(path_type=Path))
@click.option("--report-dir", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where it goes.")
@click.option("--profile", "profile_name", metavar="NAME_OR_FILE", help="The profile, if it is called otherwise here.")
@click.option(
    "--deviations",
    "deviations_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Accepted failures, beside those of the profile.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier report.json: a changed reading fails.")
@click.option("-q", "--quiet", "is_quiet", is_flag=True, help="A line for each finding, and the verdict.")
@spec_option
def merge(
    folders: tuple[Path, ...],
    report_dir: Path,
    profile_name: str | None,
    deviations_file: Path | None,
    baseline: Path | None,
    is_quiet: bool,
    spec_root: Path | None,
) -> int:
    """Put the parts of a campaign together, which `run --shard` has sent, and write the report of the whole.

    Nothing is sent. A part is made by `run --shard 1/2 --run-id nightly1 --report-dir part-1`, and so on; all parts
    need the same options and the same --run-id. What only many answers show, such as an id that repeats, is judged over
    all parts, so the verdicts are those of a run that nobody divided. What the parts have left behind can be ended by
    `cleanup` with the new folder too.

    Exit codes are those of `run`; a part that is missing leaves what it would have decided undecided.

    \b
    Examples:
      acs-conformance merge part-1 part-2 --report-dir reports/nightly
      acs-conformance merge part-* --report-dir reports/nightly --baseline reports/yesterday/report.json
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import intents, shard
    from acs_conformance import report as reports
    from acs_conformance.cli_cleanup import command
    from acs_conformance.cli_run import Voice
    from acs_conformance.profile import load_deviations
    from acs_conformance.run import Run

    parts = [shard.read_part(folder) for folder in folders]
    missing = shard.check_parts(parts)
    if any((report_dir / name).exists() for name in ("journal.jsonl", intents.FILE)):
        raise UsageError(f"{report_dir} holds the journal of a run; choose another --report-dir")
    note = parts[0].note
    deviations = load_deviations(deviations_file) if deviations_file is not None else ()
    options = _options(note, profile_name, deviations, baseline, spec_root)
    prepared = Run(options, started_at=min(part.note["started_at"] for part in parts))
    for name, digest in note["descriptions"].items():
        if prepared.descriptions[name].sha256 != digest:
            raise UsageError(f"the description of {name} is another one than that of {parts[0].folder}")
    store = shard.merge(parts, report_dir, missing, prepared.plans)
    outcome = prepared.outcome(_target(note), store, is_complete=True)
    files = reports.write_all(outcome.report, report_dir, baseline)
    store.close()
    left = intents.read(report_dir / intents.FILE) if (report_dir / intents.FILE).exists() else []
    if any(not intent.is_settled and not intent.is_embedded for intent in left):
        click.echo(f"something may still run: {command(report_dir)}", err=True)
    Voice(is_quiet=is_quiet).tell(outcome.report, files)
    return int(outcome.exit_code)


def _options(
    note: Mapping[str, Any],
    profile_name: str | None,
    deviations: Any,  # noqa: ANN401 - a tuple of the engine's records
    baseline: Path | None,
    spec_root: Path | None,
) -> Options:
    from acs_conformance.options import Options
    from acs_conformance.profile import load

    name = profile_name or note["profile"]
    return Options(
        operations=tuple(note["operations"]),
        target_url=note["url"] if not name and not note["is_embedded"] else None,
        profile=load(name, Path()) if name else None,
        depth=note["depth"],
        seed=note["seed"],
        wild=note["wild"],
        signature=note["signature"],
        burst=note["burst"],
        only=note["only"],
        allowed=tuple(note["allowed"]),
        deviations=tuple(deviations),
        run_id=note["run_id"],
        baseline=baseline,
        spec_root=spec_root,
    )


def _target(note: Mapping[str, Any]) -> Target:
    from acs_conformance import target

    return target.Target(
        url=note["url"], kind=note["kind"], credentials=target.EMULATOR_CREDENTIALS, option=note["option"]
    )
