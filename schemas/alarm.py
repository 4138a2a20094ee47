"""Alarms: one monitor crossed its threshold."""

from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, OpaqueId, Part, Partition, Slug, Unit
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Carrier, Direction, Family, Role, SignalSpec


class Corroboration(Part):
    """What River's ADWIN says of the same values: whether it cut, and since when."""

    detector: Slug
    agrees: bool
    onset_ms: EpochMs | None = None


class Bounded(NamedTuple):
    """A mean with its bounds, on the column's scaled range [0, 1]."""

    mean: float
    low: float
    high: float


class Companion(Part):
    """What another column of the same cohort did since the alarm's onset: its mean with an interval of that time.

    `low` and `high` bound the mean at about 99 % (Wilson's interval where the column is binary, Student's t elsewhere),
    not corrected for the choice of time.
    """

    signal: Slug
    family: Family
    role: Role
    carrier: Carrier
    direction: Direction
    tolerance: Unit
    observed: Unit
    low: Unit
    high: Unit
    sessions: Count
    baseline: Unit
    bound_low: Unit
    bound_high: Unit

    @classmethod
    def of(cls, spec: SignalSpec, sessions: int, observed: Bounded, baseline: Bounded) -> Self:
        """A column's companion from its mean and its baseline, each with its bounds."""
        return cls(
            signal=spec.name,
            family=spec.family,
            role=spec.role,
            carrier=spec.carrier,
            direction=spec.direction,
            tolerance=spec.tolerance,
            observed=observed.mean,
            low=observed.low,
            high=observed.high,
            sessions=sessions,
            baseline=baseline.mean,
            bound_low=baseline.low,
            bound_high=baseline.high,
        )


class Alarm(Message):
    """A crossing, with its numbers on the column's scaled range [0, 1]; `signal` is the column (`signal_columns`).

    `evidence` is the monitor's mixture at the crossing and `threshold` the A it crossed; `bound` is the sealed
    baseline's confidence bound in the direction of the alarm, to which `tolerance` is added; for a declared `limit`
    the limit itself, without tolerance. With `plug_in` the baseline is borrowed from other tenants of the workflow,
    not the cohort's own, and its bounds hold if tenants' means are normal. `explained` is what the inputs' own
    change explains of observed − baseline, by the regression sealed with the baseline; None where it cannot be
    said. `release_since_ms` is when the newest of `releases` was first seen in the cohort, None where it is as old
    as the cohort. `sessions_per_day` is how many sessions the cohort has with this column, on average over all the time
    that is remembered; 0 where it is not said.
    """

    ce_type: ClassVar[str] = "homeostat.alarm"
    alarm: OpaqueId
    cohort: Cohort
    signal: Slug
    family: Family
    role: Role
    direction: Direction
    harmful: bool
    evidence: Annotated[float, Field(ge=0)]
    threshold: Annotated[float, Field(gt=0)]
    observed: Unit
    observed_sessions: Count
    baseline: Unit
    bound: Unit
    baseline_sessions: Count
    tolerance: Unit
    onset_from_ms: EpochMs
    onset_to_ms: EpochMs
    releases: Annotated[tuple[Digest, ...], Field(max_length=8)] = ()
    rollout: OpaqueId | None = None
    corroboration: Corroboration | None = None
    stage: Slug
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    plug_in: bool = False
    carrier: Carrier = Carrier.WORK
    limit: Unit | None = None
    explained: Annotated[float, Field(ge=-1, le=1)] | None = None
    release_since_ms: EpochMs | None = None
    sessions_per_day: Annotated[float, Field(ge=0)] = 0.0
    companions: Annotated[tuple[Companion, ...], Field(max_length=128)] = ()
    affected: Annotated[tuple[OpaqueId, ...], Field(max_length=16)] = ()
    unaffected: Annotated[tuple[OpaqueId, ...], Field(max_length=16)] = ()
