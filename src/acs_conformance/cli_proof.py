"""The commands around the emulator: serve it, list its faults, prove that the suite finds them.

Arguments, printing, exit codes; heavy imports come late, inside the commands.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from acs_conformance.cli_progress import shown

if TYPE_CHECKING:
    from acs_conformance.cases import Depth

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
@click.option("--fault", "fault_id", metavar="ID", help="Play one fault of the catalogue; `faults` lists them.")
@spec_option
def emulator(port: int, host: str, fault_id: str | None, spec_root: Path | None) -> None:
    """Serve the described operations offline; any official SDK works with it unchanged but for the endpoint.

    Requests are signed with ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET if these are set, else with
    the keys that are printed at the start. Ends on SIGTERM or Ctrl-C.

    Example: acs-conformance emulator --port 8080
    """
    from acs_conformance import spec_folder
    from acs_conformance.emulator.core import Emulator, Settings
    from acs_conformance.emulator.gateway import AccessKeys
    from acs_conformance.emulator.policy import Policy
    from acs_conformance.emulator.server import serve
    from acs_conformance.errors import CredentialsError
    from acs_conformance.signing import Credentials
    from acs_conformance.target import EMULATOR_CREDENTIALS

    try:
        keys = Credentials.from_environment(os.environ)
        key_words = "those of the environment"
    except CredentialsError:
        if any(os.environ.get(f"ALIBABA_CLOUD_ACCESS_KEY_{part}") for part in ("ID", "SECRET")):
            raise
        keys = EMULATOR_CREDENTIALS
        key_words = f"{keys.access_key_id} / {keys.access_key_secret}"
    descriptions = spec_folder.load_all(spec_root)
    secrets = {keys.access_key_id: keys.access_key_secret}
    fault = None
    if fault_id is not None:
        from acs_conformance import faults as catalogues

        fault = catalogues.find(descriptions.values(), fault_id)
    policy = Policy(choices=fault.needs if fault is not None else {})
    settings = Settings(access_keys=AccessKeys(secrets=secrets))
    core = Emulator(descriptions, settings=settings, policy=policy, fault=fault)

    def on_ready(address: str) -> None:
        lines = [f"listening on {address}", f"operations: {', '.join(descriptions)}", f"access key: {key_words}"]
        lines += [f"fault: {fault.says}"] if fault is not None else []
        click.echo("\n".join(lines))  # at once: whoever waits for the first line may stop us right after it
        sys.stdout.flush()

    serve(core, host, port, on_ready)


# --- faults and the proof ---------------------------------------------------------------------------------------------


@click.command()
@click.argument("operation", required=False)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
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
@click.argument("operations", nargs=-1, metavar="[OPERATION]...")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; as many as there are cores.")
@click.option("--depth", type=click.Choice(DEPTHS), default="standard", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--matrix", type=click.Choice(["first", "full"]), default="first", show_default=True)
@click.option("--only", metavar="ID-GLOB", help="Only these faults; variants are left out then.")
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
