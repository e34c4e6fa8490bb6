"""The commands around targets: which profiles there are, and whether one holds.

Arguments, printing, exit codes; heavy imports come late, inside the commands.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from acs_conformance import cli_completion
from acs_conformance.cli_proof import spec_option
from acs_conformance.errors import Complaints

if TYPE_CHECKING:
    from acs_conformance.preflight import Preflight
    from acs_conformance.profile import Profile

_READY, _IN_THE_WAY = 0, 3
#: Seconds by which clocks may differ without a word; signatures hold for some minutes.
_CLOSE_S = 60


@click.group()
def targets() -> None:
    """List the targets that profiles describe, and check one before it is tested.

    \b
    Examples:
      acs-conformance targets list
      acs-conformance targets check staging
    """  # noqa: D301 - click reads the backspace as "keep these lines"


@targets.command("list")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def list_(file: Path | None) -> None:
    """List the profiles in acs-conformance.toml, or in FILE: name, address, signature, and where credentials are.

    Example: acs-conformance targets list
    """
    from acs_conformance import profile

    rows = [
        (each.name, each.url, each.signature or "v3", " ".join(each.credentials_in).strip())
        for each in profile.load_all(file)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@targets.command()
@click.argument("name", metavar="NAME_OR_FILE", shell_complete=cli_completion.profiles)
@spec_option
def check(name: str, spec_root: Path | None) -> int:
    """Check a profile: its file, what it refers to, the way to the target, and one request that creates nothing.

    The request lacks a required parameter, so the operation refuses it. Exit code 2: the profile is wrong or refers to
    what is not there; 3: something is in the way, told in one line; 0: a run can begin.

    \b
    Examples:
      acs-conformance targets check staging
      acs-conformance targets check examples/profiles/staging.toml
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import profile, spec_folder, target
    from acs_conformance.cases.render import Context
    from acs_conformance.preflight import ask, harmless
    from acs_conformance.reach import recorder_for

    found = profile.load(name, Path())
    described = {each: spec_folder.load(each, spec_root) for each in spec_folder.names(spec_root)}
    wrong = Complaints()
    wrong.noted(lambda: found.check_against(described.values()))
    wrong.noted(lambda: target.check_references(found, os.environ))
    wrong.tell()
    click.echo(f"profile: {found.name} in {found.source.path}, valid")
    _show_deviations(found)
    _show_credentials(found)
    if not _resolves(found):
        return _IN_THE_WAY
    chosen = target.from_profile(found, os.environ)
    chosen_operations = [described[each] for each in found.operations if described[each].checks is None]
    request = harmless(chosen_operations or described.values())
    bindings = found.bindings_in([request.description])
    context = Context(run_id=secrets.token_hex(3), now=int(time.time()), bindings=bindings, secrets=chosen.secrets)
    recorder, sender = recorder_for(chosen, found.signature or "v3")
    try:
        flight = ask(recorder, request, context)
    finally:
        sender.close()
    return _show(found, flight)


def _show_deviations(found: Profile) -> None:
    if not found.deviations:
        return
    today = datetime.now(UTC).date()
    first = min(found.deviations, key=lambda each: each.until)
    words = "the first has expired" if first.until < today else "the first ends"
    click.echo(f"deviations: {len(found.deviations)}; {words} after {first.until}")


def _show_credentials(found: Profile) -> None:
    credentials = found.credentials(os.environ)
    kind = "temporary, with a security token" if credentials.security_token is not None else "long-term"
    click.echo(f"credentials: {credentials.source}; {kind}")
    for secret in found.secrets(os.environ):
        click.echo(f"secret {secret}: the environment: {found.secret_variables[secret]}")


def _resolves(found: Profile) -> bool:
    """Show the addresses of the host; a malformed address is for others to refuse."""
    try:
        host = urlsplit(found.url).hostname or ""
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError) as error:
        _complain(found, f"host: {host} does not resolve ({error}); check the spelling, and the name servers")
        return False
    except ValueError:
        return True
    click.echo(f"host: {host} is {', '.join(dict.fromkeys(str(address[4][0]) for address in addresses))}")
    return True


def _show(found: Profile, flight: Preflight) -> int:
    from acs_conformance.report.text import one_line

    click.echo(one_line(f"answer: {flight.answer} to {flight.asked}, after {flight.elapsed_s * 1000:.0f} ms"))
    offset_s = flight.clock_offset_s
    if offset_s is not None:
        words = f"{abs(offset_s):.0f} s {'behind' if offset_s > 0 else 'ahead of'} the target's"
        click.echo(f"clock: ours is {words}" if abs(offset_s) > _CLOSE_S else "clock: agrees with the target's")
    if flight.obstacle is not None:
        _complain(found, str(flight.obstacle))
        return _IN_THE_WAY
    click.echo(f"ready: acs-conformance run --profile {found.given_as}")
    return _READY


def _complain(found: Profile, words: str) -> None:
    from acs_conformance.report.text import one_line

    click.echo(one_line(f"error: target {found.name}: {words}"), err=True)
