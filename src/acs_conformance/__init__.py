"""Contract tests for cloud APIs: a verdict for every documented sentence, from a machine-readable description.

The names in `__all__` are the public API; docs/library.md shows them at work. Each is imported when it is first asked
for, since pytest imports this package in every session of whoever has it installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acs_conformance.version import __version__

if TYPE_CHECKING:
    from acs_conformance.api import (
        ConformanceResult,
        Finding,
        RequirementResult,
        load_descriptions,
        run_conformance,
    )
    from acs_conformance.description import Description
    from acs_conformance.emulator.access_keys import AccessKeys
    from acs_conformance.emulator.jobs import Job
    from acs_conformance.errors import (
        AcsConformanceError,
        CredentialsError,
        DescriptionError,
        ProfileError,
        ReportError,
        SelectionError,
        TargetUnreachable,
        UsageError,
    )
    from acs_conformance.message import RawRequest, RawResponse
    from acs_conformance.running_emulator import EmulatorOptions, ReceivedRequest, RunningEmulator, start_emulator
    from acs_conformance.signing import Credentials
    from acs_conformance.verdict import ExitCode, Verdict

__all__ = [
    "AccessKeys",
    "AcsConformanceError",
    "ConformanceResult",
    "Credentials",
    "CredentialsError",
    "Description",
    "DescriptionError",
    "EmulatorOptions",
    "ExitCode",
    "Finding",
    "Job",
    "ProfileError",
    "RawRequest",
    "RawResponse",
    "ReceivedRequest",
    "ReportError",
    "RequirementResult",
    "RunningEmulator",
    "SelectionError",
    "TargetUnreachable",
    "UsageError",
    "Verdict",
    "__version__",
    "load_descriptions",
    "run_conformance",
    "start_emulator",
]

#: Module -> the public names that it has.
_HOMES = {
    "api": ("ConformanceResult", "Finding", "RequirementResult", "load_descriptions", "run_conformance"),
    "description": ("Description",),
    "emulator.access_keys": ("AccessKeys",),
    "emulator.jobs": ("Job",),
    "errors": (
        "AcsConformanceError",
        "CredentialsError",
        "DescriptionError",
        "ProfileError",
        "ReportError",
        "SelectionError",
        "TargetUnreachable",
        "UsageError",
    ),
    "message": ("RawRequest", "RawResponse"),
    "running_emulator": ("EmulatorOptions", "ReceivedRequest", "RunningEmulator", "start_emulator"),
    "signing": ("Credentials",),
    "verdict": ("ExitCode", "Verdict"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            found = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
