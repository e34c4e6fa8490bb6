"""The commands around the emulator: serve it, list its faults, prove that the suite finds them.

Arguments, printing, exit codes; heavy imports come late, inside the commands.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from acs_conformance import cli_completion
from acs_conformance.cli_progress import shown
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from acs_conformance.cases import Depth
    from acs_conformance.emulator.access_keys import AccessKeys

DEPTHS = ("quick", "standard", "exhaustive")

spec_option = click.option(
    "--spec",
    "spec_root",
    type=click.Path(path_type=Path),
    help="Folder with descriptions, instead of those that ship.",
)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--access-keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with who may call, their tokens and what they may not call; docs/emulator.md shows one.",
)
@click.option("--quota", metavar="RATE[:BURST]", help="Requests per second that each access key may send.")
@click.option(
    "--policy",
    "settled",
    metavar="POINT=CHOICE",
    multiple=True,
    help="Settle an open point of the contract otherwise; docs/emulator.md lists them. May come several times.",
)
@click.option(
    "--fault",
    "fault_id",
    metavar="ID",
    shell_complete=cli_completion.faults,
    help="Play one fault of the catalogue; `faults` lists them.",
)
@click.option(
    "--state",
    "state_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep what is created in this SQLite file, across restarts, instead of in memory.",
)
@click.option(
    "--admin",
    "has_admin",
    is_flag=True,
    help="Serve /_emulator/ too: move the clock of jobs, let users publish, list jobs. Asks for no access key.",
)
@spec_option
def emulator(
    port: int,
    host: str,
    keys_file: Path | None,
    quota: str | None,
    settled: tuple[str, ...],
    fault_id: str | None,
    state_file: Path | None,
    has_admin: bool,
    spec_root: Path | None,
) -> None:
    """Serve the described operations offline; the official SDKs work with it unchanged but for the endpoint.

    Who may call stands in the file of --access-keys. Without it the key is that of ALIBABA_CLOUD_ACCESS_KEY_ID,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_SECURITY_TOKEN if these are set, else the one that is printed at
    the start. Ends on SIGTERM or Ctrl-C.

    \b
    Examples:
      acs-conformance emulator --port 8080
      acs-conformance emulator --access-keys keys.toml --quota 50:100 --policy wire.method=taken
      acs-conformance emulator --state jobs.sqlite --admin
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import spec_folder
    from acs_conformance.emulator import admin
    from acs_conformance.emulator.core import Emulator, Settings
    from acs_conformance.emulator.limits import Quota
    from acs_conformance.emulator.policy import Policy
    from acs_conformance.emulator.server import serve

    descriptions = spec_folder.load_all(spec_root)
    keys, key_line = _access_keys(keys_file, descriptions)
    choices = _choices(settled)
    fault = None
    if fault_id is not None:
        from acs_conformance import faults as catalogues

        fault = catalogues.find(descriptions.values(), fault_id)
        for point, choice in fault.needs.items():
            if choices.setdefault(point, choice) != choice:
                raise UsageError(f"this fault shows only with {point}={choice}; leave out --policy {point}=...")
    settings = Settings(
        access_keys=keys, quota=Quota.parse(quota) if quota is not None else None, state_file=state_file
    )
    core = Emulator(descriptions, settings=settings, policy=Policy(choices=choices), fault=fault)

    def on_ready(address: str) -> None:
        lines = [f"listening on {address}", f"operations: {', '.join(descriptions)}", key_line]
        lines += [f"fault: {fault.says}"] if fault is not None else []
        lines += [f"state: {len(core.jobs)} jobs in {state_file}"] if state_file is not None else []
        lines += [f"admin: {address}{admin.PREFIX}"] if has_admin else []
        click.echo("\n".join(lines))  # at once: whoever waits for the first line may stop us right after it
        sys.stdout.flush()

    with contextlib.closing(core):
        serve(core, host, port, on_ready, admin=admin.Admin(core) if has_admin else None)


def _access_keys(file: Path | None, operations: Collection[str]) -> tuple[AccessKeys, str]:
    """Who may call the emulator, and the line that says so."""
    from acs_conformance.emulator import access_keys
    from acs_conformance.signing import Credentials
    from acs_conformance.target import EMULATOR_CREDENTIALS

    if file is not None:
        keys = access_keys.load(file, operations)
        return keys, f"access keys: {len(keys.secrets)} in {file}"
    if any(os.environ.get(f"ALIBABA_CLOUD_ACCESS_KEY_{part}") for part in ("ID", "SECRET")):
        own, line = Credentials.from_environment(os.environ), "access key: that of the environment"
    else:
        own = EMULATOR_CREDENTIALS
        line = f"access key: {own.access_key_id} / {own.access_key_secret}"
    tokens = {} if own.security_token is None else {own.access_key_id: own.security_token}
    return access_keys.AccessKeys(secrets={own.access_key_id: own.access_key_secret}, tokens=tokens), line


def _choices(settled: Iterable[str]) -> dict[str, str]:
    """Point -> choice, of arguments POINT=CHOICE."""
    choices: dict[str, str] = {}
    for text in settled:
        point, separator, choice = text.rpartition("=")
        if not separator:
            raise UsageError(f"--policy {text!r} is not of the form POINT=CHOICE, such as wire.method=taken.")
        if choices.setdefault(point, choice) != choice:
            raise UsageError(f"--policy settles {point} twice, as {choices[point]} and as {choice}. Leave one out.")
    return choices


# --- faults and the proof ---------------------------------------------------------------------------------------------


@click.command()
@click.argument("operation", required=False, shell_complete=cli_completion.operations)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON for programs.",
)
@spec_option
def faults(operation: str | None, style: str, spec_root: Path | None) -> None:
    """List the fault catalogue: servers with one defect each, derived from the descriptions.

    Example: acs-conformance faults OPERATION --format json
    """
    from acs_conformance import spec_folder
    from acs_conformance.faults import catalogue

    descriptions = spec_folder.load_all(spec_root)
    chosen = [spec_folder.load(operation, spec_root)] if operation else list(descriptions.values())
    rows = [
        {"id": fault.id, "operator": fault.operator, "says": fault.says, "found_at": fault.found_at}
        for description in chosen
        for fault in catalogue(description)
    ]
    if style == "json":
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['id']}\n    {row['says']}")
    click.echo(f"{len(rows)} faults")


@click.command()
@click.argument("operations", nargs=-1, metavar="[OPERATION]...", shell_complete=cli_completion.operations)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; as many as there are cores.")
@click.option(
    "--depth",
    type=click.Choice(DEPTHS),
    default="standard",
    show_default=True,
    help="How much the plan tries.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is drawn.")
@click.option(
    "--matrix",
    type=click.Choice(["first", "full"]),
    default="first",
    show_default=True,
    help="Stop at the first requirement that finds a fault, or tell all that do.",
)
@click.option(
    "--only",
    metavar="ID-GLOB",
    shell_complete=cli_completion.faults,
    help="Only these faults; variants are left out then.",
)
@click.option("--sample", type=click.IntRange(min=1), help="Every so many faults only.")
@click.option("--report-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the kill matrix goes.")
@spec_option
def prove(
    operations: tuple[str, ...],
    jobs: int | None,
    depth: str,
    seed: int,
    matrix: str,
    only: str | None,
    sample: int | None,
    report_dir: Path | None,
    spec_root: Path | None,
) -> int:
    """Prove that the suite detects: one plan against every fault and every faultless variant, in process.

    Exit code 1 if a fault survives that the depth promises to find, or a faultless server raises an alarm.

    \b
    Examples:
      acs-conformance prove
      acs-conformance prove OPERATION --jobs 2 --matrix full
      acs-conformance prove --only '*.enum!*'
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import prove as proof
    from acs_conformance import spec_folder
    from acs_conformance.report import kill_matrix

    names = operations or tuple(spec_folder.load_all(spec_root))
    code = 0
    for name in names:
        result = proof.prove(
            name,
            cast("Depth", depth),
            seed=seed,
            jobs=jobs,
            full=matrix == "full",
            only=only,
            sample=sample,
            spec_root=spec_root,
            progress=_trials(),
        )
        data = proof.to_json(result)
        for line in kill_matrix.lines(data):
            click.echo(line)
        if report_dir is not None:
            for path in kill_matrix.write(data, report_dir).values():
                click.echo(f"kill matrix: {path}")
        code = max(code, int(bool(result.survivors or result.alarms)))
    return code


def _trials() -> Callable[[int, int], None]:
    show = shown()
    return lambda done, planned: show("", done, planned)
