"""The command that accepts a failure: a known difference, for a reason and until a day.

Arguments, printing, exit codes; what is written is decided by `acceptance`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acs_conformance import cli_completion
from acs_conformance.errors import UsageError

if TYPE_CHECKING:
    from acs_conformance.toml_source import Key, TomlSource


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.argument("finding", shell_complete=cli_completion.findings)
@click.option("--reason", metavar="TEXT", required=True, help="Why the difference is accepted; reports show it.")
@click.option("--until", metavar="YYYY-MM-DD", required=True, help="The last day on which it is accepted, in UTC.")
@click.option("--cause", metavar="TEXT", help="The cause that is accepted, where a requirement fails for several.")
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME_OR_FILE",
    shell_complete=cli_completion.profiles,
    help="Where it goes, instead of the run's profile.",
)
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Where it goes: a file for `run --deviations`."
)
def accept(
    report: Path,
    finding: str,
    reason: str,
    until: str,
    cause: str | None,
    profile_name: str | None,
    file: Path | None,
) -> None:
    """Accept a failure of a REPORT for a while: write a deviation into the profile of the target.

    FINDING is the id of a failing requirement or of a finding, or a beginning of it that no other has; the operation's
    name may be left out, as `run` does. The deviation covers these requirements as long as they fail for this cause;
    any other failure of theirs still fails a run. From 14 days before its last day it is announced, and after it the
    run fails again.

    Without a profile, as with `run --target`, it goes into a --file, which is made where there is none.

    \b
    Examples:
      acs-conformance accept reports/today OPERATION.Name.maxLength --reason 'ticket 123' --until 2027-01-31
      acs-conformance accept reports/today OPERATION.Name.maxLength --reason 'ticket 123' --until 2027-01-31 \\
        --file deviations.toml
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from acs_conformance import acceptance
    from acs_conformance import report as reports
    from acs_conformance.report.text import one_line

    if profile_name is not None and file is not None:
        raise UsageError("--profile and --file name two places; give one of them")
    found = reports.load(report)
    today = datetime.now(UTC).date()
    accepted = acceptance.differences(found, finding, cause)
    source, above, place = _place(found, profile_name, file)
    written = acceptance.accept(source, above, accepted, reason=reason, until=_day(until), today=today)
    for deviation in written:
        what = f"{deviation.cause}, {deviation.answer}" if deviation.answer else deviation.cause
        click.echo(one_line(f"{deviation.place}: accepted {place} until {deviation.until} where the cause is {what}:"))
        for name in deviation.requirements:
            click.echo(one_line(f"  {name}"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until {text!r} is no day; write year, month and day, as in 2027-01-31") from None


def _place(report: dict[str, Any], profile_name: str | None, file: Path | None) -> tuple[TomlSource, Key, str]:
    """The file, the table in it, and how to speak of the place."""
    from acs_conformance import profile, profile_file, toml_source

    if file is not None:
        source = profile_file.read_deviations(file) if file.exists() else toml_source.parsed(file, "")
        return source, (), f"for runs with --deviations {file}"
    name = profile_name or report["target"].get("profile", "")
    if not name:
        raise UsageError(
            f"the run against {report['target']['url']} used no profile; say where the deviation goes, "
            "with --profile NAME_OR_FILE, or with --file FILE for `run --deviations FILE`"
        )
    found = profile.load(name, Path())
    return found.source, ("targets", found.name), f"at target {found.name}"
