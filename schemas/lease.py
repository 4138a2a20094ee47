"""Leases: the guard's renewed permission to expose a rollout's step."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, EpochMs, Message, OpaqueId
from homeostat.schemas.rollout import RolloutPhase


class Lease(Message):
    """One renewal; `expires_ms` = log time of the evaluation + ttl. A phase that has ended ends exposure at once.

    The gateway ends exposure at the earlier of wall clock ≥ expires − allowed skew, and ttl on its monotonic clock
    since it first saw this renewal.
    """

    ce_type: ClassVar[str] = "homeostat.lease"
    lease: OpaqueId
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    renewal: Count
    phase: RolloutPhase
    evaluated_at_ms: EpochMs
    expires_ms: EpochMs
    ttl_ms: Annotated[int, Field(ge=0)]
    skew_ms: Annotated[int, Field(ge=0)] = 2000
