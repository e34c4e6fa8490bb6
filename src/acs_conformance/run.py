"""A run from options to a report: what the command line and the pytest plugin share.

In: `Options`. Out: a `Run` that knows its plans, sends what is asked for through the one engine, and judges what is in
its store. It prints nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from acs_conformance import budget, intents, lifecycle, requirement, spec_folder
from acs_conformance.budget import Budget
from acs_conformance.campaign import Campaign, Progress
from acs_conformance.cases import Plan, plan
from acs_conformance.cases.case import Case, requirement_of
from acs_conformance.cases.render import Context
from acs_conformance.description import Description
from acs_conformance.deviation import Deviation
from acs_conformance.early_end import Stopped
from acs_conformance.emulator_clock import with_clock
from acs_conformance.errors import ReportError, SelectionError, UsageError
from acs_conformance.exchange import Recorder
from acs_conformance.guard import Guard, Place
from acs_conformance.intents import Intents
from acs_conformance.journal import Journal, Shared
from acs_conformance.options import Options
from acs_conformance.requirement import Requirement
from acs_conformance.results import Outcome, RunInfo, assemble
from acs_conformance.spec_folder import Shelf
from acs_conformance.stopping import Ending, stop_all
from acs_conformance.store import Store
from acs_conformance.target import Target
from acs_conformance.version import __version__

#: The latest answers, among which one that offers to move the emulator's clock would be.
_LOOKED_AT = 5
_RUN_ID = re.compile(r"[a-z0-9]{1,12}", re.ASCII)


class Run:
    """One campaign: plans, selection, context, and a store that may be shared."""

    def __init__(self, options: Options, *, started_at: float | None = None) -> None:
        """Read the descriptions and make the plans; nothing is sent.

        Raises:
            UsageError: an option or a key of the profile stands for nothing, or a description is broken.
        """
        if options.target_url is not None and options.profile is not None:
            raise UsageError("--target and --profile name two targets; give one of them")
        self.options = options
        self.started_at = time.time() if started_at is None else started_at
        self.run_id = options.run_id or secrets.token_hex(3)
        if not _RUN_ID.fullmatch(self.run_id):
            raise UsageError(f"--run-id {self.run_id!r}: use 1 to 12 lower-case letters and digits")
        self._baseline = readings_in(options.baseline) if options.baseline is not None else {}
        self._shelf = Shelf(options.spec_root)
        if not self._shelf.folders:
            raise UsageError(f"{options.spec_root}: no operation is described there")
        names = options.operations or spec_folder.names(options.spec_root)
        loaded = [self._load(name) for name in dict.fromkeys(names)]
        # What creates things is tested before what acts on them, and the gateway last.
        loaded.sort(key=lambda each: (each.checks is not None, each.acts_on is not None))
        self.descriptions: dict[str, Description] = {each.operation: each for each in loaded}
        enders = [self._shelf.ender(each.carrier or each) for each in loaded]
        #: Every operation that may be called.
        self.called = lifecycle.called([*(each for each in enders if each is not None), *loaded])
        for description in self.descriptions.values():
            requirement.check_statements(description)
        self.limits = options.limits.within(options.profile.budget) if options.profile is not None else options.limits
        self.allowed: frozenset[str] = self._allowed()
        everything = [r for description in self.descriptions.values() for r in requirement.derive(description)]
        chosen = requirement.select(everything, options.only)
        self.requirements: tuple[Requirement, ...] = chosen
        self.selected = {name: tuple(r for r in chosen if r.operation == name) for name in self.descriptions}
        plans = [self._plan(description) for name, description in self.descriptions.items() if self.selected[name]]
        if options.shard is not None:
            if options.run_id is None:
                raise UsageError(
                    "--shard needs --run-id, the same for all parts, so that they are those of one campaign"
                )
            plans = [each.part(options.shard.number, options.shard.count) for each in plans]
        self.plans: tuple[Plan, ...] = tuple(each for each in plans if each.cases)

    def _allowed(self) -> frozenset[str]:
        """Ids of the requirements that may stay undecided; the profile is held to the descriptions on the way."""
        profile = self.options.profile
        if profile is None and not self.options.allowed and not self.options.deviations:
            return frozenset()
        known = [
            self.descriptions.get(name) or self._shelf.load(name) for name in spec_folder.names(self.options.spec_root)
        ]
        if profile is not None:
            profile.check_against(known)
        patterns = (*self.options.allowed, *(profile.may_stay_inconclusive if profile is not None else ()))
        requirements = requirement.by_id(known)
        for deviation in self.options.deviations:
            deviation.check_against(requirements)
        return frozenset(each.id for pattern in patterns for each in requirement.select(requirements.values(), pattern))

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """The differences that are accepted at the target."""
        profile = self.options.profile
        return (*(profile.deviations if profile is not None else ()), *self.options.deviations)

    def _load(self, name: str) -> Description:
        description = self._shelf.load(name)
        # A target on this machine may be a stand-in for some operations, without a gateway; what is asked for by name
        # has to be there.
        is_demanded = name in self.options.operations or self.options.is_embedded
        if description.checks is not None:
            return replace(description, checks=replace(description.checks, are_demanded=is_demanded))
        if description.acts_on is not None and not is_demanded:
            return replace(description, acts_on=replace(description.acts_on, is_demanded=False))
        return description

    @cached_property
    def served(self) -> dict[str, Description]:
        """What the embedded emulator serves: every operation that is described."""
        return {name: self._shelf.load(name) for name in self._shelf.folders}

    @cached_property
    def enders(self) -> dict[str, Description]:
        """Name of each operation that creates something and can be undone -> the one that ends what it created."""
        return self._shelf.enders()

    def _plan(self, description: Description) -> Plan:
        whole = plan(description, self.options.depth, self.options.seed, self.options.wild, self.options.burst)
        if self.options.only is None:
            return whole
        aspect = self.options.only if "#" in self.options.only else None
        part = whole.restricted((r.id for r in self.selected[description.operation]), aspect)
        if aspect is not None and not any(requirement.matches(aspect, name) for c in part.cases for name in c.aspects):
            chosen = {r.id for r in self.selected[description.operation]}
            known = [name for case in whole.cases for name in case.aspects if requirement_of(name) in chosen]
            raise SelectionError("case", aspect, dict.fromkeys(known))
        return part

    @property
    def context(self) -> Context:
        """What requests are rendered with.

        Raises:
            CredentialsError: there is no secret where the profile refers to one.
        """
        profile = self.options.profile
        return replace(self.context_without_secrets, secrets=profile.secrets(os.environ) if profile else {})

    @property
    def context_without_secrets(self) -> Context:
        """The same, for requests that are shown and not sent."""
        profile = self.options.profile
        bindings = profile.bindings_in(self.descriptions.values()) if profile is not None else {}
        return Context(run_id=self.run_id, now=int(self.started_at), bindings=bindings)

    def info(self, chosen: Target) -> RunInfo:
        """What the report says of the run."""
        return RunInfo(
            run_id=self.run_id,
            seed=self.options.seed,
            depth=self.options.depth,
            tool_version=__version__,
            target_url=chosen.url,
            target_kind=chosen.kind,
            started_at=self.started_at,
            target_option=chosen.option,
            only=self.options.only or "",
            profile=self.options.profile.given_as if self.options.profile is not None else "",
            signature=self.options.signature,
            secret_variables=self.options.profile.secret_variables if self.options.profile is not None else {},
        )

    def campaign(
        self, chosen: Target, recorder: Recorder | Sequence[Recorder], store: Store, progress: Progress | None = None
    ) -> Campaign:
        """The engine, on top of what the store holds already."""
        return Campaign(
            self.plans,
            recorder,
            self.context,
            journal=store,
            beside=self.called.values(),
            progress=progress,
            wait=chosen.advance,
            offered=lambda exchanges: with_clock(chosen, exchanges[-_LOOKED_AT:]).advance,
            part=self.options.shard.number - 1 if self.options.shard is not None else 0,
        )

    def note(self, chosen: Target) -> dict[str, Any]:
        """How the plan was made and of what: what it takes to judge the journal without the run."""
        options = self.options
        return {
            "tool": __version__,
            "operations": list(options.operations),
            "descriptions": {name: each.sha256 for name, each in self.descriptions.items()},
            "depth": options.depth,
            "seed": options.seed,
            "wild": options.wild,
            "burst": options.burst,
            "signature": options.signature,
            "only": options.only,
            "allowed": list(options.allowed),
            "run_id": self.run_id,
            "started_at": self.started_at,
            "url": "" if options.is_embedded else chosen.url,
            "kind": chosen.kind,
            "option": chosen.option,
            "profile": options.profile.given_as if options.profile is not None else "",
            "is_embedded": options.is_embedded,
            "shard": str(options.shard) if options.shard is not None else None,
        }

    def guard(self, chosen: Target, folder: Path, intents_in: Path | None = None) -> Guard:
        """What counts and writes down what is sent, with all who name the same folder.

        Args:
            chosen: the target.
            folder: where is counted.
            intents_in: where intents are written down; None: there too.

        Raises:
            ReportError: a folder can't be written.
        """
        profile = self.options.profile
        return Guard(
            intents=Intents((intents_in or folder) / intents.FILE, is_durable=not self.options.is_embedded),
            place=Place(
                url=chosen.url,
                profile=profile.given_as if profile is not None else "",
                signature=self.options.signature,
                spec=str(self.options.spec_root.absolute()) if self.options.spec_root is not None else "",
                is_embedded=self.options.is_embedded,
            ),
            enders=self.enders,
            budget=Budget(self.limits, folder / budget.FILE),
        )

    def stop_all(self, recorder: Recorder, journal: Journal) -> Iterator[Ending]:
        """End what this campaign has created and not ended, and tell what became of each.

        Args:
            recorder: sends; its guard knows what there is to end.
            journal: what is sent is appended to it.

        Raises:
            ReportError: intents can't be read; or, once everything was tried, what was sent can't be written down.
        """
        guard = recorder.guard
        if guard is None or guard.intents is None or self.options.is_embedded:  # that emulator ends with the run
            return
        guard.is_closing = True  # nothing may be created now by threads that were left behind
        own = [intent for intent in guard.intents.unsettled() if intent.url == guard.place.url]
        recorder.follow(journal.exchanges)
        shared, failure = Shared(journal), None
        for ending in stop_all(own, self.enders, recorder, self.context):
            try:
                if ending.case is not None:
                    shared.add_case(ending.case)
                for exchange in ending.exchanges:
                    shared.add(replace(exchange, moved_s=shared.moved_s))
            except ReportError as error:
                failure = failure or error
            yield ending
        if failure is not None:
            raise failure

    def outcome(self, chosen: Target, store: Store, *, is_complete: bool, has_error: bool = False) -> Outcome:
        """Judge what the store holds; a complete run is also checked against seeded faults, where that was asked."""
        now = time.time()
        check = self._self_check() if is_complete and self.options.has_self_check else None
        planned = {case.id: case for each in self.plans for case in each.cases}
        return assemble(
            self.info(chosen),
            self.plans,
            self.selected,
            planned | store.added,
            store.exchanges,
            called=self.called,
            skipped=store.skipped,
            unsent=store.unsent,
            stopped=store.stopped,
            is_complete=is_complete,
            now=now,
            has_error=has_error,
            baseline=self._baseline,
            allowed=self.allowed,
            self_check=check,
            deviations=self.deviations,
            is_part=self.options.shard is not None,
        )

    def _self_check(self) -> dict[str, Any]:
        # Late: the emulator and the catalogue are needed for nothing else in a run against a real target.
        from acs_conformance.prove import self_check

        checks = [self_check(each, [r.id for r in self.selected[each.description.operation]]) for each in self.plans]
        return {
            "tried": sum(check["tried"] for check in checks),
            "caught": sum(check["caught"] for check in checks),
            "survivors": [name for check in checks for name in check["survivors"]],
            "seconds": round(sum(check["seconds"] for check in checks), 2),
        }

    # --- on first need ------------------------------------------------------------------------------------------------

    def ensure(self, campaign: Campaign, store: Store, wanted: Requirement) -> None:
        """Send what decides `wanted` and has not been sent yet, in turn with other processes on the same store."""
        with store.lock:
            store.refresh()
            campaign.resume()
            if store.stopped:
                return
            sent = {exchange.case for exchange in store.exchanges}
            try:
                for each in self.plans:
                    if each.description.operation == wanted.operation:
                        campaign.run_valid(each, sent)
                        campaign.run_cases(self._deciding(each, wanted, sent))
            except Stopped as stop:
                store.stop(str(stop))

    def _deciding(self, each: Plan, wanted: Requirement, sent: Iterable[str]) -> Sequence[Case]:
        """Cases that decide a requirement; what every answer bears on needs them all."""
        done = set(sent)
        return [
            case
            for case in each.cases
            if case.id not in done
            and case.kind not in ("opening", "accept", "sequence")
            and (
                wanted.kind not in ("request", "lifecycle")
                or any(requirement_of(aspect) == wanted.id for aspect in case.aspects)
            )
        ]


def readings_in(path: Path) -> dict[str, str]:
    """Question id -> observed reading, as an earlier report has them.

    Raises:
        ReportError: the file is no report.
    """
    from acs_conformance import report

    return {reading["id"]: reading["observed"] for reading in report.load(path)["readings"]}
