"""Pools: what the sealed references of a workflow add up to across tenants, each tenant counted once."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from homeostat.schemas.base import EpochMs, Fixed, Message, Offset, OpaqueId, Part, Partition, Slug
from homeostat.schemas.cohort import Cohort

LEAST_TENANTS: Final = 3
"""A baseline across tenants is over at least as many, and so is what a leaf borrows, without its own tenant."""
PartNumber = Annotated[int, Field(ge=0, lt=8, strict=True)]
"""A part of the week, in the order of the policy's calendar; 0 is always there."""
Edition = Annotated[int, Field(ge=1, strict=True)]


class PooledSignal(Part):
    """The sealed references of one column over tenants, one mean a tenant: their sum at 2⁻²⁰, of squares at 2⁻⁴⁰.

    `meaning` names what the column's numbers mean (scale, source, hours): only sums of the same meaning are added.
    """

    tenants: Annotated[int, Field(ge=1, strict=True)]
    total: Fixed
    squares: Fixed
    meaning: OpaqueId


class ReferencePool(Message):
    """What one source partition's tenants that share add to a workflow's pool; cumulative, the highest edition wins."""

    ce_type: ClassVar[str] = "homeostat.reference_pool"
    cohort: Cohort
    part: PartNumber
    edition: Edition
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    signals: dict[Slug, PooledSignal]


class PoolEdition(Part):
    """Up to which edition of a source partition's pool a baseline across tenants reaches."""

    source_partition: Partition
    edition: Edition


class PooledBaseline(Message):
    """A workflow's pool over all sources, as the parents state it; control signs it as a `BaselineDocument`.

    `signals` are those over at least three tenants; a higher `pool_version` replaces a lower one.
    """

    ce_type: ClassVar[str] = "homeostat.pooled_baseline"
    cohort: Cohort
    part: PartNumber
    pool_version: Annotated[int, Field(ge=1, strict=True)]
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    signals: dict[Slug, PooledSignal]
    editions: Annotated[tuple[PoolEdition, ...], Field(max_length=4096)]


def name_pool(cohort: Cohort, part: int) -> str:
    """The subject of a cohort's pool in a part of the week.

    >>> name_pool(Cohort(layer="workflow", workflow="scribe"), 0)
    'pool/workflow/-/-/scribe/-/0'
    """
    return f"pool/{cohort.key}/{part}"
