"""The commands on what a report holds of its findings: send one again, export the evidence.

Arguments, printing, exit codes; heavy imports come late, inside the commands.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acs_conformance import cli_completion
from acs_conformance.cli_proof import spec_option
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from acs_conformance.options import Options
    from acs_conformance.replay import Replay

_REPORT = click.Path(path_type=Path)
_FAILS, _PASSES, _INCONCLUSIVE = 1, 0, 3
_HEADLINES = {"fails": "STILL FAILS", "passes": "NO LONGER FAILS", "inconclusive": "INCONCLUSIVE"}


@click.command()
@click.argument("report", type=_REPORT)
@click.argument("failures", nargs=-1, metavar="[FAILURE-ID]...", shell_complete=cli_completion.findings)
@click.option("--all", "all_", is_flag=True, help="Every finding of the report.")
@click.option("--target", "target_url", metavar="URL", help="Send to this address, not to the target of the report.")
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME_OR_FILE",
    shell_complete=cli_completion.profiles,
    help="Send to this target.",
)
@click.option(
    "--times", type=click.IntRange(1, 1000), help="How often; without it as often as the recorded rate takes, up to 20."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or JSON for programs.",
)
@spec_option
def replay(
    report: Path,
    failures: tuple[str, ...],
    all_: bool,
    target_url: str | None,
    profile_name: str | None,
    times: int | None,
    style: str,
    spec_root: Path | None,
) -> int:
    """Send findings of REPORT again, from their recorded bytes, and say whether they still fail.

    A FAILURE-ID is that of a finding, its beginning, or the id of a requirement; the operation's name may be left
    out. A report with one finding needs none. Everything is sent as it was recorded, a sequence as a whole, but for the
    signature, the random part of names, and credentials, which are made anew.

    Exit codes: 0 none fails any more; 1 one still fails; 2 wrong usage; 3 it can't be told, or nothing answers.

    \b
    Examples:
      acs-conformance replay reports/today
      acs-conformance replay reports/today Name.maxLength
      acs-conformance replay report.json OPERATION.Name.pattern~3f2a1c --target http://127.0.0.1:8080
      acs-conformance replay reports/today --all --format json
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import report as reports
    from acs_conformance.report.failure import Failures

    loaded = reports.load(report)
    names = _chosen(report, loaded, failures, all_=all_, remedy="Name some, or all by --all")
    known = Failures(loaded)
    chosen = [known.find(name) for name in names]
    if not chosen:
        click.echo("[]" if style == "json" else "the report has no findings")
        return _PASSES
    options = _options(loaded, target_url, profile_name, spec_root)
    replays = _replayed(loaded, chosen, options, times, is_elsewhere=bool(target_url or profile_name))
    if style == "json":
        click.echo(json.dumps([each.to_json() for each in replays], indent=1))
    else:
        for each in replays:
            _show(each)
    codes = {int(each.exit_code) for each in replays}
    return next((code for code in (_FAILS, _INCONCLUSIVE) if code in codes), _PASSES)


def _chosen(path: Path, report: Mapping[str, Any], given: Sequence[str], *, all_: bool, remedy: str) -> list[str]:
    """The names of the findings that are meant."""
    known = [finding["id"] for finding in report["findings"]]
    if given and all_:
        raise UsageError("--all is every finding; leave out the FAILURE-IDs or --all.")
    if not known and not all_:
        raise UsageError(f"{path}: the report has no findings; nothing failed in that run.")
    if given:
        return list(given)
    if all_ or len(known) == 1:
        return known
    lines = "".join(f"\n  {name}" for name in known[:40])
    more = f"\n  and {len(known) - 40} more" if len(known) > 40 else ""
    raise UsageError(f"{path} has {len(known)} findings. {remedy}:{lines}{more}")


def _options(report: Mapping[str, Any], url: str | None, profile_name: str | None, root: Path | None) -> Options:
    """The target that was given, else that of the report."""
    from acs_conformance.options import Options
    from acs_conformance.profile import load

    if url is not None and profile_name is not None:
        raise UsageError("--target and --profile name two targets; give one of them")
    target = report["target"]
    if url is None and profile_name is None and target["kind"] != "embedded emulator":
        words = shlex.split(target.get("option", "")) or ["--target", target["url"]]
        url, profile_name = (words[1], None) if words[0] == "--target" else (None, words[1])
    return Options(
        target_url=url,
        profile=load(profile_name, Path()) if profile_name is not None else None,
        signature=report["run"].get("signature", "v3"),
        spec_root=root,
    )


def _replayed(
    report: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    options: Options,
    times: int | None,
    *,
    is_elsewhere: bool,
) -> list[Replay]:
    from acs_conformance import spec_folder
    from acs_conformance.reach import reached, recorder_for
    from acs_conformance.replay import descriptions_of
    from acs_conformance.replay import replay as send
    from acs_conformance.resend import Settings

    described = [descriptions_of(report, finding, options.spec_root) for finding in findings]
    for name in dict.fromkeys(name for _, changed in described for name in changed):
        click.echo(f"warning: {name} is described otherwise than in that run; judged as it is described now", err=True)
    every = {name: each for known, _ in described for name, each in known.items()}
    served = spec_folder.load_all(options.spec_root) if options.is_embedded else {}
    with reached(options, served) as target:
        recorder, sender = recorder_for(target, options.signature)
        settings = Settings(
            times=times,
            secrets=target.secrets,
            environ=os.environ,
            bindings=_bindings(options, every) if is_elsewhere else {},
            bound=options.profile.bindings_in(every.values()) if options.profile is not None else {},
            wait=target.advance,
        )
        try:
            return [
                send(report, finding, known, recorder, settings)
                for finding, (known, _) in zip(findings, described, strict=True)
            ]
        finally:
            sender.close()


def _bindings(options: Options, descriptions: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Operation -> path -> identifier at a target that is not the report's own."""
    if options.profile is None:
        return {}
    return {name: options.profile.bindings_in([each]) for name, each in descriptions.items()}


def _show(each: Replay) -> None:
    from acs_conformance.report.text import one_line

    finding = each.finding
    rate = finding["rate"]
    sent = f"{each.tried} {'try' if each.tried == 1 else 'tries'}"
    failed = f"{each.failed} of {sent} failed" if each.failed or each.tried > 1 else sent
    for line in (
        finding["id"],
        f"  claim    {finding['claim']}",
        f"  then     {finding['received']} ({rate['failed']} of {rate['tried']} tries)",
        f"  allowed  {finding['allowed']}",
        f"  now      {each.received or 'no answer'} ({failed})",
        f"{_HEADLINES[each.outcome]}: {each.reason} (exit code {int(each.exit_code)})",
    ):
        click.echo(one_line(line))


@click.command()
@click.argument("report", type=_REPORT)
@click.argument("failure", required=False, metavar="[FAILURE-ID]", shell_complete=cli_completion.findings)
@click.option(
    "--format",
    "style",
    type=click.Choice(["har", "allure", "curl", "python"]),
    required=True,
    help="What is made, as told above.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where it goes, not the terminal; for allure a folder."
)
def export(report: Path, failure: str | None, style: str, output: Path | None) -> None:
    """Export the evidence of REPORT in a format of other tools; with a FAILURE-ID, that of one finding.

    har: requests and answers as an HTTP archive, for browsers' developer tools. allure: a folder of results for Allure.
    curl and python: the requests of a finding as a script that signs by itself, or calls the official SDK.

    \b
    Examples:
      acs-conformance export reports/today --format allure -o allure-results
      acs-conformance export reports/today Name.maxLength --format curl | bash
      acs-conformance export reports/today Name.maxLength --format har -o finding.har
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import report as reports
    from acs_conformance.report import allure, har, scripts
    from acs_conformance.report.failure import Failures
    from acs_conformance.report.files import encoded, replace

    loaded = reports.load(report)
    if style == "allure":
        if output is None or failure is not None:
            raise UsageError("Allure's results are a folder with every requirement; give -o FOLDER and no FAILURE-ID.")
        click.echo(f"allure: {len(allure.write(loaded, output))} files in {output}")
        return
    finding = None
    if style != "har" or failure is not None:
        given = [failure] if failure is not None else []
        (name,) = _chosen(report, loaded, given, all_=False, remedy="Name one")
        finding = Failures(loaded).find(name)
    if finding is None:
        text = har.render(loaded)
    elif style == "har":
        shown = (request["exchange"] for request in finding["requests"])
        text = har.render(loaded, frozenset((*shown, *finding["exchanges"])))
    else:
        text = scripts.KINDS[{"curl": ".sh", "python": ".py"}[style]](loaded, finding)
    if output is None:
        click.echo(encoded(text), nl=False)
    else:
        replace(output, encoded(text))
