"""Alarms: one monitor crossed its threshold."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, OpaqueId, Part, Partition, Slug, Unit
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Direction, Family, Role


class Corroboration(Part):
    """What River's ADWIN says of the same values: whether it cut, and since when."""

    detector: Slug
    agrees: bool
    onset_ms: EpochMs | None = None


class Alarm(Message):
    """A crossing, with its numbers on the signal's scaled range [0, 1].

    `evidence` is the monitor's mixture at the crossing and `threshold` the A it crossed; `bound` is the sealed
    baseline's confidence bound in the direction of the alarm, to which `tolerance` is added.
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
