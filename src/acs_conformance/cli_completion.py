"""What the shell proposes for names that only the descriptions and profiles know: click asks, on every Tab.

In: what has been typed. Out: names that go on from there. Whatever goes wrong proposes nothing: a shell has no place
for an error, and the command itself will tell it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
#: Given the folder of descriptions, or None for those that ship.
_Names = Callable[[Path | None], Iterable[str]]


def _completer(names: _Names) -> Completer:
    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            known = names(context.params.get("spec_root"))
            return [CompletionItem(name) for name in known if name.startswith(incomplete)]
        except Exception:  # see above
            return []

    return complete


def _operations(root: Path | None) -> Iterable[str]:
    from acs_conformance import spec_folder

    return spec_folder.names(root)


def _requirements(root: Path | None) -> Iterable[str]:
    from acs_conformance import requirement, spec_folder

    return requirement.by_id(spec_folder.load(name, root) for name in spec_folder.names(root))


def _faults(root: Path | None) -> Iterable[str]:
    from acs_conformance import spec_folder
    from acs_conformance.faults import catalogue

    return [fault.id for name in spec_folder.names(root) for fault in catalogue(spec_folder.load(name, root))]


def _profiles(_root: Path | None) -> Iterable[str]:
    from acs_conformance import profile

    return [each.name for each in profile.load_all(Path(profile.FILE))]


#: Operations and the gateway; ids of requirements; ids of faults.
operations = _completer(_operations)
requirements = _completer(_requirements)
faults = _completer(_faults)


def findings(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the findings in the report that is named before, as short as the command takes them."""
    try:
        from acs_conformance import report as reports
        from acs_conformance.report.failure import Failures

        report = reports.load(Path(context.params["report"]))
        known = [Failures(report).short(finding) for finding in report["findings"]]
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]
    except Exception:  # see above
        return []


def profiles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of profiles in acs-conformance.toml, and files, which may hold others."""
    return [*_completer(_profiles)(context, parameter, incomplete), CompletionItem(incomplete, type="file")]
