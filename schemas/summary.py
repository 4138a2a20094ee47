"""Summaries: what one source partition adds to a parent cohort's bucket of log time."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Fixed, Message, Offset, Part, Partition, Slug
from homeostat.schemas.cohort import Cohort

HISTOGRAM_BINS = 32


class SignalSummary(Part):
    """Sums over the sessions of a bucket. Scales: `total` 2⁻²⁰, `square_*` two int64 of 2⁻⁴⁰, log-e 2⁻³² nats.

    `log_e_up` and `log_e_down` hold one sum a bet: each session against its own leaf's sealed baseline.
    `expected` is the sum of those baselines' means (2⁻²⁰) over the same sessions, `bet_sessions` their number
    (a session of a leaf without a baseline counts in `sessions` only).
    """

    sessions: Count
    total: Fixed
    square_high: Fixed
    square_low: Fixed
    bet_sessions: Count
    expected: Fixed
    histogram: Annotated[tuple[Count, ...], Field(min_length=HISTOGRAM_BINS, max_length=HISTOGRAM_BINS)]
    log_e_up: Annotated[tuple[Fixed, ...], Field(max_length=16)]
    log_e_down: Annotated[tuple[Fixed, ...], Field(max_length=16)]


class ServedRelease(Part):
    """The newest release of leaves that had sessions in the bucket; None: as old as one of those leaves."""

    release: Digest
    since_ms: EpochMs | None = None


class Summary(Message):
    """Cumulative within (source partition, cohort, bucket); the highest mark wins.

    `releases` are the newest ones of the leaves whose sessions are in it, by digest; empty where it is not said.
    """

    ce_type: ClassVar[str] = "homeostat.summary"
    cohort: Cohort
    bucket: Count
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    records: Count
    tenants: Count
    signals: dict[Slug, SignalSummary]
    releases: Annotated[tuple[ServedRelease, ...], Field(max_length=8)] = ()


class Marker(Message):
    """A source partition says that it will add nothing more to buckets up to and including `bucket`."""

    ce_type: ClassVar[str] = "homeostat.marker"
    bucket: Count
    source_partition: Partition
    partition_count: Annotated[int, Field(ge=1)]
    mark: Offset
    log_time_ms: EpochMs
