"""What a user can choose of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from acs_conformance.budget import Limits
from acs_conformance.cases import Depth
from acs_conformance.deviation import Deviation
from acs_conformance.gateway_checks import Scheme
from acs_conformance.profile import Profile
from acs_conformance.shard import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user can choose of a run."""

    #: Names of operations, or `gateway`; none: all that are described, and the gateway.
    operations: tuple[str, ...] = ()
    #: Address of the target, or its profile; neither: the embedded emulator.
    target_url: str | None = None
    profile: Profile | None = None
    depth: Depth = "standard"
    seed: int = 0
    #: Requests that Schemathesis generates; None: as many as the depth takes.
    wild: int | None = None
    #: How requests are signed, where that is not what is tested.
    signature: Scheme = "v3"
    #: Requests by which the quota of a gateway is to be exceeded; 0: that is not asked.
    burst: int = 0
    #: Pattern of requirement ids, perhaps with an aspect after "#"; None: all.
    only: str | None = None
    #: Patterns of requirement ids, beside those of the profile, that may stay undecided.
    allowed: tuple[str, ...] = ()
    #: Differences that are accepted, beside those of the profile.
    deviations: tuple[Deviation, ...] = ()
    run_id: str | None = None
    #: What may be spent; where a profile says less, that holds.
    limits: Limits = field(default_factory=Limits)
    #: An earlier report.json whose readings of open questions are expected.
    baseline: Path | None = None
    #: Whether the report says what the same plans find among seeded faults.
    has_self_check: bool = False
    #: The part of the campaign that is sent; None: the whole.
    shard: Shard | None = None
    #: Requests that are under way at the same time.
    concurrency: int = 1
    #: Folder of further descriptions, or None for those that ship.
    spec_root: Path | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded emulator is the target."""
        return self.target_url is None and self.profile is None
