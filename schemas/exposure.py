"""Who was exposed to what: reports of gateways (signed) and of publishers (authenticated like traces)."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, EpochMs, Message, OpaqueId, Part, Slug
from homeostat.schemas.trace import Arm

MAX_STARTS = 500


class SessionStart(Part):
    """One session that a gateway sent to an arm of a rollout, under the share of the exposure's `step` (0: unsaid)."""

    specialty: Slug
    rollout: OpaqueId
    arm: Arm
    session: OpaqueId
    started_at_ms: EpochMs
    step: Count = 0


class ExposureReport(Message):
    """The session starts of one tenant × workflow at one gateway since its last report, in order.

    `sequence` counts the gateway's reports for this target from 1; a hole is visible. `total_starts` is the
    cumulative count including this report.
    """

    ce_type: ClassVar[str] = "homeostat.exposure.report"
    gateway: Slug
    tenant: Slug
    workflow: Slug
    sequence: Count
    total_starts: Count
    starts: Annotated[tuple[SessionStart, ...], Field(max_length=MAX_STARTS)]


class PublisherReport(Message):
    """What a publisher sent and what it had to drop, cumulative since it started."""

    ce_type: ClassVar[str] = "homeostat.publisher.report"
    tenant: Slug
    publisher: OpaqueId
    sequence: Count
    sent: Count
    dropped: Annotated[dict[Slug, Count], Field(max_length=32)] = {}
