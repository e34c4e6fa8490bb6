"""The library's way in: a conformance run as a function, with a typed result.

In: what the options of `acs-conformance run` say, as arguments. Out: `ConformanceResult`. The same engine and the same
report as those of the command line; it prints nothing. `acs_conformance` itself has the public names.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from acs_conformance import report as reports
from acs_conformance import spec_folder
from acs_conformance import target as targets
from acs_conformance.budget import Limits
from acs_conformance.cases import Depth
from acs_conformance.description import Description
from acs_conformance.errors import TargetUnreachable, UsageError
from acs_conformance.gateway_checks import Scheme
from acs_conformance.guard import Guard
from acs_conformance.options import Options
from acs_conformance.profile import load as load_profile
from acs_conformance.profile import load_deviations
from acs_conformance.reach import reached, recorder_for, recorders_for
from acs_conformance.results import Outcome
from acs_conformance.run import Run
from acs_conformance.signing import Credentials
from acs_conformance.store import FILE as JOURNAL
from acs_conformance.store import Store
from acs_conformance.summary import Screen, summary
from acs_conformance.target import Target
from acs_conformance.verdict import ExitCode, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementResult:
    """The verdict on one requirement."""

    #: Stable id, made of documented names: "Operation.Parameter.keyword".
    id: str
    #: What is required, as a sentence.
    claim: str
    verdict: Verdict
    #: Why, where the verdict is not a pass.
    reason: str
    #: Ids of the page's statements that it checks.
    statements: tuple[str, ...]
    #: Answers that showed it kept, and broken.
    passed: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failure with its evidence: one cause, and the smallest request that shows it."""

    #: Id of the requirement that the request breaks, and of all that fail for the same cause.
    requirement: str
    requirements: tuple[str, ...]
    claim: str
    #: The page's statements in words.
    statements: tuple[str, ...]
    received: str
    allowed: str
    #: The request as a curl command, without its signature; and the command that sends its case again.
    curl: str
    replay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceResult:
    """What a run showed. `str()` of it is the summary that the command line prints."""

    #: As the exit code of the command: 0 conforms, 1 fails, 3 undecided, 4 an error of this tool.
    exit_code: ExitCode
    requirements: tuple[RequirementResult, ...]
    findings: tuple[Finding, ...]
    #: Id of an open question -> the reading that the target follows, "mixed" or "not observed".
    readings: Mapping[str, str]
    #: All of it, in the shape of report.json: docs/report.md.
    report: Mapping[str, Any] = field(repr=False)
    #: What the run has created and may still run, in words; empty where all was ended.
    may_live: tuple[str, ...]
    #: Where report.html and the other files are; None where they were not asked for.
    report_dir: Path | None

    @property
    def conforms(self) -> bool:
        """Whether every requirement that was selected passed, but for those that were allowed to stay undecided."""
        return self.exit_code is ExitCode.CONFORMS

    def having(self, verdict: Verdict) -> tuple[RequirementResult, ...]:
        """The requirements with this verdict."""
        return tuple(each for each in self.requirements if each.verdict is verdict)

    def __str__(self) -> str:
        return "\n".join(summary(self.report, Screen(height=None)))


def run_conformance(
    *operations: str,
    target: str | None = None,
    credentials: Credentials | None = None,
    profile: str | Path | None = None,
    depth: Depth | None = None,
    seed: int = 0,
    signature: Scheme | None = None,
    only: str | None = None,
    allow_inconclusive: Sequence[str] = (),
    deviations: Path | None = None,
    max_jobs: int | None = None,
    max_surprises: int = 1,
    max_requests: int | None = None,
    max_seconds: float | None = None,
    concurrency: int = 1,
    baseline: Path | None = None,
    self_check: bool = False,
    run_id: str | None = None,
    spec_root: Path | None = None,
    report_dir: Path | None = None,
) -> ConformanceResult:
    """Tests a target against the contract of operations, as `acs-conformance run` does.

    Args:
        operations: names of operations, or "gateway"; none: all that are described, and the gateway.
        target: base URL; without it and a profile the embedded emulator.
        credentials: what requests to `target` are signed with; None: the environment's, else those of the profiles that
            the official SDKs read.
        profile: name of a profile in acs-conformance.toml, or a file.
        depth: "quick", "standard" or "exhaustive"; None: the profile's, else "standard".
        seed: decides what is drawn.
        signature: "v3" or "v1"; None: the profile's, else "v3".
        only: pattern of requirement ids; an aspect follows "#".
        allow_inconclusive: patterns of requirement ids that may stay undecided.
        deviations: file of accepted failures, beside those of the profile.
        max_jobs: has no more requests than this accepted that create something; 0 sends only what has to be refused.
            Required, together with `report_dir`, for targets that are not on this machine.
        max_surprises: when no job is left, goes on with what has to be refused until so many were accepted.
        max_requests: sends no more than this.
        max_seconds: stops sending after this.
        concurrency: cases sent at the same time.
        baseline: an earlier report.json: a reading that has changed since is a finding.
        self_check: tries the same plan on some faulty servers, in process; the report has what it found.
        run_id: reproduces the identifiers of an earlier run.
        spec_root: folder of descriptions, instead of those that ship.
        report_dir: where report.html, report.json and the other files go; None: nowhere.

    Returns:
        The verdicts with their evidence. A target that breaks its contract is a result, not an exception.

    Raises:
        UsageError: an argument stands for nothing, a description or profile is broken, or `report_dir` holds a run.
        TargetUnreachable: nothing at the address ever gave an answer. The report is written all the same.

    Examples:
        >>> from acs_conformance import load_descriptions, run_conformance
        >>> operation = next(iter(load_descriptions()))
        >>> result = run_conformance(operation, depth="quick")
        >>> result.conforms, len(result.findings)
        (True, 0)
        >>> all(each.id.startswith(f"{operation}.") for each in result.requirements)
        True
    """
    known = load_profile(str(profile), Path()) if profile is not None else None
    options = Options(
        operations=operations or (known.operations if known else ()),
        target_url=target,
        profile=known,
        depth=depth or (known.depth if known else None) or "standard",
        seed=seed,
        signature=signature or (known.signature if known else None) or "v3",
        only=only,
        allowed=tuple(allow_inconclusive),
        deviations=load_deviations(deviations) if deviations is not None else (),
        run_id=run_id,
        limits=Limits(
            max_jobs=max_jobs, max_surprises=max_surprises, max_requests=max_requests, max_seconds=max_seconds
        ),
        concurrency=concurrency,
        baseline=baseline,
        has_self_check=self_check,
        spec_root=spec_root,
    )
    prepared = Run(options)
    with contextlib.ExitStack() as stack:
        folder = report_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acs-conformance-")))
        if (folder / JOURNAL).exists():
            raise UsageError(f"{folder} holds the journal of an earlier run; choose another report_dir")
        chosen = stack.enter_context(_target(options, prepared, credentials))
        if report_dir is None and not targets.is_loopback(urlsplit(chosen.url).hostname or ""):
            raise UsageError(f"{chosen.url} is not on this machine: give a report_dir, to keep what was created there")
        outcome, why_unreachable, may_live = _sent(prepared, chosen, folder)
        if report_dir is not None:
            reports.write_all(outcome.report, report_dir, options.baseline)
    if why_unreachable:
        raise TargetUnreachable(f"{chosen.url}: {why_unreachable}")
    return _result(outcome, may_live, report_dir)


def load_descriptions(root: Path | None = None) -> dict[str, Description]:
    """Operation -> its contract: nodes of the request with their schemas, relations, error rows, open questions.

    Args:
        root: folder of descriptions; None: those that ship.

    Raises:
        DescriptionError: a description is broken; the text names file, line and place.

    Examples:
        >>> from acs_conformance import load_descriptions
        >>> all(name == each.operation for name, each in load_descriptions().items())
        True
    """
    return spec_folder.load_all(root)


@contextlib.contextmanager
def _target(options: Options, prepared: Run, credentials: Credentials | None) -> Iterator[Target]:
    if credentials is None:
        with reached(options, prepared.served) as chosen:
            yield chosen
        return
    if options.target_url is None:
        raise UsageError("credentials are for a target; a profile names its own, and the embedded emulator has its own")
    url = targets.address(options.target_url, is_limited=options.limits.max_jobs is not None)
    yield Target(url=url, kind="given URL", credentials=credentials, option=f"--target {shlex.quote(url)}")


def _sent(prepared: Run, chosen: Target, folder: Path) -> tuple[Outcome, str, tuple[str, ...]]:
    """The judged run, why the target was unreachable, or "", and what the run has created that may still run."""
    store = Store(folder)
    guard = prepared.guard(chosen, folder)
    options = prepared.options
    recorders, senders = recorders_for(chosen, options.signature, guard, options.concurrency)
    campaign = prepared.campaign(chosen, recorders, store)
    try:
        try:
            campaign.run()
        except BaseException:
            for says in _ended(prepared, chosen, guard, store):
                warnings.warn(says, stacklevel=3)  # there is no result to say it in
            raise
        may_live = _ended(prepared, chosen, guard, store)
        if campaign.stopped:
            store.stop(campaign.stopped)
        outcome = prepared.outcome(chosen, store, is_complete=True)
    finally:
        for sender in senders:
            sender.close()
        store.close()
        guard.close()
    return outcome, campaign.stopped if campaign.is_unreachable else "", may_live


def _ended(prepared: Run, chosen: Target, guard: Guard, store: Store) -> tuple[str, ...]:
    """Ends what the run has created; of what may run on all the same, what is to be said."""
    recorder, sender = recorder_for(chosen, prepared.options.signature, guard)  # those of the run may be in use, or cut
    try:
        return tuple(ending.says for ending in prepared.stop_all(recorder, store) if ending.may_live)
    finally:
        sender.close()


def _result(outcome: Outcome, may_live: tuple[str, ...], report_dir: Path | None) -> ConformanceResult:
    report = outcome.report
    return ConformanceResult(
        exit_code=outcome.exit_code,
        requirements=tuple(
            RequirementResult(
                id=each.requirement.id,
                claim=each.requirement.claim,
                verdict=each.verdict,
                reason=each.reason,
                statements=each.requirement.statements,
                passed=each.passed,
                failed=each.failed,
            )
            for each in outcome.results
        ),
        findings=tuple(
            Finding(
                requirement=each["requirement"],
                requirements=tuple(each["requirements"]),
                claim=each["claim"],
                statements=tuple(statement["text"] for statement in each["statements"]),
                received=each["received"],
                allowed=each["allowed"],
                curl=each["curl"],
                replay=each["replay"],
            )
            for each in report["findings"]
        ),
        readings={each["id"]: each["observed"] for each in report["readings"]},
        report=report,
        may_live=may_live,
        report_dir=report_dir,
    )
