"""How big a run is, and when what happens in it."""

from typing import NamedTuple

from homeostat.schemas.defaults import demo_times
from homeostat.schemas.policy import Times


class Size(NamedTuple):
    """One run; times in seconds. Rollout k is applied `warm_up_s` + k ÷ `decisions_per_s` after the first trace.

    Its sessions begin `lead_s` later, `sessions_per_s` of them until there are `sessions`. `probes_per_s` records go
    through the probe's topic beside.
    """

    traces_per_s: int
    decisions: int
    decisions_per_s: float
    tenants: int
    partitions: int
    times: Times
    warm_up_s: float = 25.0
    lead_s: float = 3.0
    sessions: int = 80
    sessions_per_s: float = 4.0
    probes_per_s: int = 100

    @property
    def duration_s(self) -> float:
        """From the first trace to the last: until every session of the last rollout is over, and two ticks more."""
        last_s = self.warm_up_s + (self.decisions - 1) / self.decisions_per_s + self.lead_s
        return last_s + self.sessions / self.sessions_per_s + self.times.session_s + 2 * self.times.tick_s

    @property
    def traces(self) -> int:
        return round(self.duration_s * self.traces_per_s)


SIZES = {
    "smoke": Size(
        traces_per_s=150,
        decisions=6,
        decisions_per_s=2.0,
        tenants=6,
        partitions=2,
        times=demo_times().model_copy(update={"session_s": 2.0, "lease_ttl_s": 300.0, "source_timeout_s": 300.0}),
        warm_up_s=4.0,
        lead_s=2.0,
        sessions=60,
        sessions_per_s=15.0,
        probes_per_s=20,
    ),
    "ci": Size(traces_per_s=1_000, decisions=100, decisions_per_s=2.0, tenants=100, partitions=4, times=Times()),
    "full": Size(traces_per_s=5_000, decisions=1_000, decisions_per_s=3.0, tenants=250, partitions=4, times=Times()),
}
