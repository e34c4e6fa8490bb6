"""Whole runs without a network: a plan against an emulator in the same process."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from acs_conformance import lifecycle, requirement, spec_folder
from acs_conformance.bench import Anybody
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import CampaignJudgement, judge_campaign
from acs_conformance.cases import Depth, Plan, plan
from acs_conformance.cases.render import Context
from acs_conformance.description import Description
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.message import RawRequest
from acs_conformance.verdict import ExitCode, Result, exit_code, verdicts

NOW = 1_900_000_000
CONTEXT = Context(run_id="r1", now=NOW, secrets={"app-key": "not-a-secret"})

MADE_UP_ROOT = Path(__file__).parent / "data" / "spec"
#: An operation that creates nothing and names nothing in the world.
MADE_UP = spec_folder.load("BookParcel", MADE_UP_ROOT)
#: One that is called by GET, with texts of a fixed form, numbers with a fraction, and lists and objects inside items.
MADE_UP_TOO = spec_folder.load("QuoteParcels", MADE_UP_ROOT)

#: Three of one family, with lists and optional members inside items: what the first creates the others show and end.
OPENS, SHOWS, CLOSES = (spec_folder.load(name, MADE_UP_ROOT) for name in ("OpenParcel", "ShowParcel", "CloseParcel"))


@functools.cache
def planned(description: Description, depth: Depth = "standard", seed: int = 0) -> Plan:
    """The plan, made once: an exhaustive one takes seconds."""
    return plan(description, depth, seed)


class InProcess:
    """Takes requests to an emulator by a function call."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def send(self, request: RawRequest) -> Reply:
        return Reply(self.emulator.handle(request))


@dataclass(frozen=True)
class Run:
    """What a run comes to."""

    campaign: Campaign
    judged: CampaignJudgement
    results: dict[str, Result]
    code: ExitCode


def run(
    plan: Plan, *, fault: Fault | None = None, policy: Policy | None = None, beside: Iterable[Description] = ()
) -> Run:
    """The whole of a plan against an emulator of the same description, and of what it calls besides."""
    description = plan.description
    emulator = Emulator(
        lifecycle.called([*beside, description]),
        settings=Settings(authenticate=False, secrets=CONTEXT.secrets),
        policy=policy,
        fault=fault,
        clock=lambda: float(NOW),
    )

    def advance(seconds: float) -> float:
        emulator.advance(seconds)
        return seconds

    recorder = Recorder(InProcess(emulator), Anybody(), clock=lambda: float(NOW))
    campaign = Campaign([plan], recorder, CONTEXT, beside=beside, sleep=lambda _seconds: None, wait=advance)
    campaign.run()
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    results = verdicts(requirement.derive(description), plan.aspects, judged, stopped=campaign.stopped)
    return Run(campaign, judged, {result.requirement.key: result for result in results}, exit_code(results))
