"""The command line: arguments, printing, exit codes. It decides nothing.

Heavy imports come late, inside the commands, so that `--version` and `--help` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from acs_conformance import (
    cli_cleanup,
    cli_completion,
    cli_deviations,
    cli_evidence,
    cli_explore,
    cli_merge,
    cli_proof,
    cli_reports,
    cli_targets,
)
from acs_conformance.cli_execute import complain, execute
from acs_conformance.cli_run import Voice
from acs_conformance.errors import TargetUnreachable, UsageError
from acs_conformance.version import __version__

if TYPE_CHECKING:
    from acs_conformance.cases import Depth
    from acs_conformance.gateway_checks import Scheme

_USAGE, _INCONCLUSIVE = 2, 3


def main() -> None:
    """Run the command; every error that is ours to explain ends in one sentence and its exit code."""
    # Hypothesis would put a folder of its own where the command is run.
    os.environ.setdefault(
        "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "acs-conformance-hypothesis")
    )
    try:
        code = cli.main(prog_name="acs-conformance", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = _USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except UsageError as error:
        click.echo(f"error: {error}", err=True)
        code = _USAGE
    except TargetUnreachable as error:
        from acs_conformance.report.text import one_line

        click.echo(one_line(f"error: {error}"), err=True)
        code = _INCONCLUSIVE
    except SystemExit as leaving:  # click leaves like this when whoever reads our output has gone
        code = 0 if "Pacify" in type(sys.stdout).__name__ else leaving.code
    except BrokenPipeError:
        # Whoever reads our output has gone; leave without a complaint from the interpreter's own flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = complain(error)
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="acs-conformance")
def cli() -> None:
    """Hold a cloud API to its documented contract: a verdict for every sentence.

    Exit codes: 0 conforms; 1 a requirement failed that no deviation covers; 2 wrong usage or a broken description; 3
    something stayed undecided or the target is unreachable; 4 an error of this tool.

    \b
    Examples:
      acs-conformance run
      acs-conformance run --profile staging
      acs-conformance run --help
      eval "$(_ACS_CONFORMANCE_COMPLETE=bash_source acs-conformance)"   # completion by Tab; zsh and fish have it too
    """  # noqa: D301 - click reads the backspace as "keep these lines"


# --- requirements ---------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("operation", required=False, shell_complete=cli_completion.operations)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON for programs.",
)
@click.option(
    "--depth",
    type=click.Choice(cli_proof.DEPTHS),
    default="standard",
    show_default=True,
    help="How much the plan tries.",
)
@cli_proof.spec_option
def requirements(operation: str | None, style: str, depth: str, spec_root: Path | None) -> None:
    """List what is checked: each requirement with its statements, its source and what the plan holds for it.

    Example: acs-conformance requirements OPERATION --format json
    """
    from acs_conformance import listing

    rows = listing.rows(operation, depth, spec_root)
    if style == "json":
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for line in listing.table(rows):
        click.echo(line)


# --- run ------------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("operations", nargs=-1, metavar="[OPERATION]...", shell_complete=cli_completion.operations)
@click.option("--target", "target_url", metavar="URL", help="Address to test; without it the embedded emulator.")
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME_OR_FILE",
    shell_complete=cli_completion.profiles,
    help="Target as acs-conformance.toml or another file describes it; options given here come first.",
)
@click.option("--report-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the report goes.")
@click.option("--depth", type=click.Choice(cli_proof.DEPTHS), show_default="standard", help="How much is tried.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is drawn.")
@click.option("--wild", type=click.IntRange(min=0), help="Generated requests, besides the plan's own.")
@click.option("--signature", type=click.Choice(["v3", "v1"]), show_default="v3", help="How requests are signed.")
@click.option(
    "--burst",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Exceed the gateway's quota by up to N requests that the operation refuses.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Have no more than N requests accepted that create something; with 0 send only what has to be refused. "
    "Required for targets that are not on this machine.",
)
@click.option(
    "--max-surprises",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="When no job is left, go on with what has to be refused until N of it were accepted.",
)
@click.option("--max-requests", type=click.IntRange(min=1), help="Send no more than this.")
@click.option("--max-seconds", type=click.FloatRange(min=0, min_open=True), help="Stop sending after this.")
@click.option("--shard", metavar="I/N", help="Send part I of N; `merge` puts the parts together. Needs --run-id.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1, max=64),
    default=1,
    show_default=True,
    metavar="N",
    help="Have up to N requests under way at the same time.",
)
@click.option(
    "--only",
    metavar="ID-GLOB",
    shell_complete=cli_completion.requirements,
    help="Only these requirements; * stands for anything, an aspect follows #.",
)
@click.option(
    "--allow-inconclusive",
    "allowed",
    metavar="ID-GLOB",
    multiple=True,
    shell_complete=cli_completion.requirements,
    help="These requirements may stay undecided without exit code 3. May come several times.",
)
@click.option(
    "--deviations",
    "deviations_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Accepted failures, beside those of the profile; `accept` writes them.",
)
@click.option("--run-id", help="Reproduce the identifiers of an earlier run: 1 to 12 lower-case letters and digits.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier report.json: a changed reading fails.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or JSON for programs.",
)
@click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Only a line for each finding, and the verdict.")
@click.option(
    "-v", "--verbose", "is_verbose", is_flag=True, help="Each case as it is judged, and everything at the end."
)
@click.option(
    "--self-check/--no-self-check", default=True, help="Show that the plan could have failed.", show_default=True
)
@cli_proof.spec_option
def run(
    operations: tuple[str, ...],
    target_url: str | None,
    profile_name: str | None,
    report_dir: Path | None,
    depth: str | None,
    seed: int,
    wild: int | None,
    signature: str | None,
    burst: int,
    max_jobs: int | None,
    max_surprises: int,
    max_requests: int | None,
    max_seconds: float | None,
    shard: str | None,
    concurrency: int,
    only: str | None,
    allowed: tuple[str, ...],
    deviations_file: Path | None,
    run_id: str | None,
    dry_run: bool,
    baseline: Path | None,
    style: str,
    is_quiet: bool,
    is_verbose: bool,
    self_check: bool,
    spec_root: Path | None,
) -> int:
    """Test a target against the contract of operations and of the gateway before them, and write a report.

    Without a name all are tested. A target on this machine that lets everybody in is taken for a stand-in, and its
    gateway is left alone; `gateway` by name demands one.

    Credentials for --target come from ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, else from the
    profiles that the official SDKs read. A --profile says where its own are; `targets check` tells whether they work.

    \b
    Examples:
      acs-conformance run
      acs-conformance run OPERATION --target http://127.0.0.1:8080 --depth quick
      acs-conformance run gateway --target http://127.0.0.1:8080 --signature v1
      acs-conformance run --profile staging --allow-inconclusive '*.unique'
      acs-conformance run --profile production --max-jobs 40
      acs-conformance run --only '*.Name.*' --seed 7
      acs-conformance run --quiet --format json > result.json
      acs-conformance run --only 'OPERATION.Name.pattern#U+0020'
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance.budget import Limits
    from acs_conformance.options import Options
    from acs_conformance.profile import load, load_deviations
    from acs_conformance.run import Run
    from acs_conformance.shard import Shard

    if is_quiet and is_verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    profile = load(profile_name, Path()) if profile_name is not None else None
    options = Options(
        operations=operations or (profile.operations if profile else ()),
        target_url=target_url,
        profile=profile,
        depth=cast("Depth", depth or (profile and profile.depth) or "standard"),
        seed=seed,
        wild=wild,
        signature=cast("Scheme", signature or (profile and profile.signature) or "v3"),
        burst=burst,
        shard=Shard.parse(shard) if shard is not None else None,
        concurrency=concurrency,
        only=only,
        allowed=allowed,
        deviations=load_deviations(deviations_file) if deviations_file is not None else (),
        run_id=run_id,
        limits=Limits(
            max_jobs=max_jobs, max_surprises=max_surprises, max_requests=max_requests, max_seconds=max_seconds
        ),
        baseline=baseline,
        has_self_check=self_check,
        spec_root=spec_root,
    )
    prepared = Run(options)
    if dry_run:
        from acs_conformance.cli_dry_run import show

        return show(prepared)
    return execute(prepared, options, report_dir, Voice(is_quiet, is_verbose, style == "json"))


for _command in (
    cli_cleanup.cleanup,
    cli_deviations.accept,
    cli_evidence.export,
    cli_evidence.replay,
    cli_explore.explore,
    cli_merge.merge,
    cli_proof.emulator,
    cli_proof.faults,
    cli_proof.prove,
    cli_reports.diff,
    cli_reports.statement,
    cli_reports.trend,
    cli_targets.targets,
):
    cli.add_command(_command)
