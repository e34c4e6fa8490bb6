"""`cleanup`: end what a run has created and left behind; and the same at the end of every run.

Arguments, printing, exit codes; heavy imports come late, inside the commands.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from acs_conformance import cli_completion
from acs_conformance.cli_proof import spec_option
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from acs_conformance.cases.render import Context
    from acs_conformance.description import Description
    from acs_conformance.gateway_checks import Scheme
    from acs_conformance.guard import Guard
    from acs_conformance.intents import Intent
    from acs_conformance.profile import Profile
    from acs_conformance.run import Run
    from acs_conformance.stopping import Ending
    from acs_conformance.store import Store
    from acs_conformance.target import Target

_NOTHING_LIVES, _MAY_LIVE = 0, 3


@click.command()
@click.argument("where", metavar="REPORT_DIR_OR_INTENTS", type=click.Path(path_type=Path, exists=True))
@click.option("--target", "target_url", metavar="URL", help="The address that the run tested, if no profile has it.")
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME_OR_FILE",
    shell_complete=cli_completion.profiles,
    help="The profile, if it is called otherwise now.",
)
@click.option("--signature", type=click.Choice(["v3", "v1"]), show_default="as in the run", help="How to sign.")
@spec_option
def cleanup(
    where: Path, target_url: str | None, profile_name: str | None, signature: str | None, spec_root: Path | None
) -> int:
    """End what a run has created and left behind, by the journal of intents in its report folder.

    Needed after a run that was killed; every other one ends its jobs itself. What is known by an id is stopped; of what
    may have been created without an answer it is told when it must have ended by itself, unused. The address, the
    profile, the signatures and the descriptions are those of the run, the credentials are looked for where a run looks
    for them, a profile in the current folder. It may be repeated.

    Exit code 0: nothing runs any more; 2: wrong usage; 3: something may still run, told with its reason and time.

    \b
    Examples:
      acs-conformance cleanup reports/20260101T000000Z-staging
      acs-conformance cleanup reports/20260101T000000Z-staging/intents.jsonl --profile staging
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import intents

    if target_url is not None and profile_name is not None:
        raise UsageError("--target and --profile name two targets; give one of them")
    path = where / intents.FILE if where.is_dir() else where
    if not path.exists():
        raise UsageError(f"{where} holds no {intents.FILE}: it is no report folder of a run that sent anything")
    contents = intents.examine(path)
    found = contents.intents
    if not found and not contents.damage:
        _check_is_empty_rightly(path, spec_root)
    for words in contents.damage:
        click.echo(f"damaged: {words}", err=True)
    unsettled = [intent for intent in found if not intent.is_settled]
    _say(f"{len(found)} requests may have created something; {len(unsettled)} of that may still run")
    endings: list[Ending] = []
    how = cast("Scheme | None", signature)
    known = [intent for intent in unsettled if intent.is_announced]
    for way in dict.fromkeys(map(_way, known)):
        group = [intent for intent in known if _way(intent) == way]
        endings += _ended(group, path, target_url, profile_name, how, spec_root)
    lost = [intent for intent in unsettled if not intent.is_announced]
    if lost:
        announced = [intent for intent in found if intent.is_announced]
        endings += _ended_lost(lost, announced, path, target_url, profile_name, how, spec_root)
    if contents.damage:
        click.echo(f"may still run: what the damaged part of {path} spoke of; look for it at the target", err=True)
    sys.stdout.flush()  # that nobody reads on is told now
    return _MAY_LIVE if contents.damage or any(ending.may_live for ending in endings) else _NOTHING_LIVES


def _check_is_empty_rightly(path: Path, spec_root: Path | None) -> None:
    """A journal without intents is right where nothing was sent that may create something.

    Raises:
        UsageError: the journal of the run beside it tells of such requests.
    """
    from acs_conformance import spec_folder, store

    beside = path.parent / store.FILE
    if not beside.exists():
        return
    creating = {name for name, each in spec_folder.load_all(spec_root).items() if each.creates is not None}
    count = sum(each.operation in creating for each in store.exchanges_in(beside))
    if count:
        raise UsageError(
            f"{path} is empty, yet {beside} has {count} requests that may have created something: what was "
            "announced is lost. Look at the target for what runs there"
        )


def _way(intent: Intent) -> tuple[str, ...]:
    """What it takes to reach what an intent has created."""
    return intent.url, intent.profile, intent.signature, intent.spec


def _ended(
    group: Sequence[Intent],
    path: Path,
    target_url: str | None,
    profile_name: str | None,
    signature: Scheme | None,
    spec_root: Path | None,
) -> list[Ending]:
    """End what was created at one address in one way."""
    from acs_conformance import spec_folder
    from acs_conformance.guard import Guard
    from acs_conformance.intents import Intents
    from acs_conformance.profile import load
    from acs_conformance.reach import recorder_for
    from acs_conformance.stopping import left_alone, stop_all

    first = group[0]
    spec_root = spec_root or (Path(first.spec) if first.spec else None)
    enders = spec_folder.enders(spec_root)
    if target_url is not None or profile_name is not None:
        given = load(profile_name, Path()).url if profile_name is not None else target_url or ""
        _check_address(given, group[0].url)
    if not any(intent.id is not None and intent.operation in enders and not intent.is_embedded for intent in group):
        # Nothing to send: neither a target nor credentials are needed to tell the time.
        return _shown(left_alone(intent, time.time(), enders.get(intent.operation)) for intent in group)
    name = profile_name or (first.profile if target_url is None else "")
    profile = load(name, Path()) if name else None
    chosen = _target(first.url, target_url, profile)
    journal = Intents(path)
    # A profile that is named now may have been written for another way than that of the run.
    noted = cast("Scheme | None", first.signature if profile_name is None else "")
    scheme = signature or noted or (profile.signature if profile else None) or "v3"
    recorder, sender = recorder_for(chosen, scheme, Guard(intents=journal, enders=enders))
    try:
        return _shown(stop_all(group, enders, recorder, _context(profile, spec_root)))
    finally:
        sender.close()
        journal.close()


def _ended_lost(
    lost: Sequence[Intent],
    announced: Sequence[Intent],
    path: Path,
    target_url: str | None,
    profile_name: str | None,
    signature: Scheme | None,
    spec_root: Path | None,
) -> list[Ending]:
    """End what is known by its id alone: where, and as what, the others of the run were created.

    That a target does not know it says nothing here, for what has to be repeated to end it is a guess.
    """
    from acs_conformance import spec_folder, target
    from acs_conformance.answer import answer_of
    from acs_conformance.guard import Guard
    from acs_conformance.intents import Intents
    from acs_conformance.profile import load
    from acs_conformance.reach import recorder_for
    from acs_conformance.stopping import Ending, left_alone, stop_all

    spec_root = spec_root or next((Path(intent.spec) for intent in announced if intent.spec), None)
    described = spec_folder.load_all(spec_root)
    name = profile_name or (announced[0].profile if announced and target_url is None else "")
    profile = load(name, Path()) if name else None
    given = profile.url if profile is not None else target_url
    urls = {intent.url for intent in announced} or ({target.address(given, is_limited=True)} if given else set())
    operations = {intent.operation for intent in announced} or {n for n, each in described.items() if each.creates}
    if len(urls) != 1 or len(operations) != 1 or not operations <= set(described):
        words = "was not stopped, for the line that announced it is lost; give --target URL or --profile NAME"
        return _shown(Ending(intent, True, f"{intent.thing} {intent.id or ''} {words}") for intent in lost)
    url, operation, enders = urls.pop(), operations.pop(), spec_folder.enders(spec_root)
    whole = [_completed(intent, announced, url, described[operation]) for intent in lost]
    if operation not in enders or all(intent.id is None or intent.is_embedded for intent in whole):
        return _shown(left_alone(intent, time.time(), enders.get(operation)) for intent in whole)
    chosen = _target(url, target_url, profile)
    noted = announced[0].signature if announced and profile_name is None else ""
    scheme = signature or cast("Scheme | None", noted) or (profile.signature if profile else None) or "v3"
    # No journal: it would take "not there" for the end.
    recorder, sender = recorder_for(chosen, scheme, Guard(enders=enders))
    context = _context(profile, spec_root)
    journal = Intents(path)
    sames = list({tuple(sorted(intent.same.items())): intent.same for intent in announced}.values()) or [{}]

    def end(intent: Intent) -> Ending:
        for same in sames if intent.id is not None else ():
            (ending,) = stop_all([replace(intent, same=same)], enders, recorder, context)
            if ending.exchanges and answer_of(enders[operation], ending.exchanges[-1].response).kind == "success":
                journal.tell(intent.key, "ended", time.time())
                return ending
        alone = left_alone(intent, time.time(), enders[operation])
        if intent.id is None:
            return alone
        words = f"{intent.thing} {intent.id} could not be stopped, for the line that announced it is lost"
        return replace(alone, says=f"{words}; {alone.says.partition('; ')[2]}")

    try:
        return _shown(map(end, whole))
    finally:
        sender.close()
        journal.close()


def _completed(intent: Intent, announced: Sequence[Intent], url: str, description: Description) -> Intent:
    """What is known by its id alone, as it may have been at the most."""
    creates = description.creates
    limit = None
    if creates is not None and creates.idle_limit is not None:
        limit = description.nodes[creates.idle_limit].schema.get("maximum")
    return replace(
        intent,
        operation=description.operation,
        thing=creates.thing if creates is not None else intent.thing,
        url=url,
        is_embedded=bool(announced) and all(each.is_embedded for each in announced),
        idle_limit_s=None if limit is None else float(limit),
    )


def _target(url: str, target_url: str | None, profile: Profile | None) -> Target:
    """The target at which things were created; an id means nothing elsewhere."""
    from acs_conformance import target

    given = profile.url if profile is not None else target_url or url
    _check_address(given, url)
    if profile is not None:
        return target.from_profile(profile, os.environ, is_limited=True)
    return target.from_url(given, os.environ, is_limited=True)


def _check_address(given: str, url: str) -> None:
    from acs_conformance import target

    if target.address(given, is_limited=True) != url:
        raise UsageError(f"{given} is not where the run created something: that was {url}")


def _context(profile: Profile | None, spec_root: Path | None) -> Context:
    from acs_conformance import spec_folder
    from acs_conformance.cases.render import Context

    bindings = profile.bindings_in(spec_folder.load_all(spec_root).values()) if profile is not None else {}
    return Context(run_id="cleanup", now=int(time.time()), bindings=bindings)


def _shown(endings: Iterable[Ending]) -> list[Ending]:
    found = []
    for ending in endings:
        _say(f"{'may still run' if ending.may_live else 'over'}: {ending.says}")
        found.append(ending)
    return found


def _say(text: str, *, is_bad: bool = False) -> None:
    """Print a line. That nobody reads on, or no terminal takes it, is no reason to let things run."""
    with contextlib.suppress(OSError):
        click.echo(text.encode("utf-8", "backslashreplace").decode(), err=is_bad)


# --- at the end of a run ----------------------------------------------------------------------------------------------


def stop_jobs(prepared: Run, chosen: Target, guard: Guard, store: Store) -> None:
    """End what a run has created, and tell on standard error what may run on.

    Raises:
        ReportError: something can't be read or written; all was tried, and what may run on was told.
    """
    from acs_conformance.reach import recorder_for

    # With a connection of its own: those of the run may be in use, or cut.
    recorder, sender = recorder_for(chosen, prepared.options.signature, guard)
    is_sure = False
    try:
        living = [ending for ending in prepared.stop_all(recorder, store) if _tells(ending)]
        is_sure = not living
    except KeyboardInterrupt:
        click.echo("interrupted while jobs were being stopped", err=True)
    finally:
        sender.close()
        if not is_sure:
            click.echo(f"something may still run: {command(store.folder)}", err=True)


def _tells(ending: Ending) -> bool:
    """Whether something may run on; it is told then, if anybody reads that."""
    if ending.may_live:
        _say(ending.says, is_bad=True)
    return ending.may_live


def command(where: Path) -> str:
    """The command that ends what a run has left behind; all that it needs beside credentials is in the journal."""
    return f"acs-conformance cleanup {shlex.quote(str(where))}"
