"""Escalations: what the sequencer cannot bring about by itself at a target, for people to act on."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, OpaqueId, Part, Partition, Sentence
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.rollout import Target


class EscalationKind(StrEnum):
    """A gateway that has not applied what it was told; a release that a target cannot go back to."""

    NOT_APPLIED = "not_applied"
    NO_WAY_BACK = "no_way_back"


class Alternative(Part):
    """A release that the target served before, is not quarantined there, and fits its overrides."""

    release: Digest
    title: Annotated[str, Field(max_length=200)] = ""


class Escalation(Message):
    """One target's escalation, signed by the sequencer; of one kind a later record replaces an earlier one.

    NOT_APPLIED names the `generation` that the gateway has not applied since `since_ms`, and `refusal` where it said
    why; `resolved` once it has. NO_WAY_BACK names the `wanted` release (None: there is none), why it was refused, and
    `alternatives`, newest first. `intent` is what asked for it, `restated` how often it was said again.
    """

    ce_type: ClassVar[str] = "homeostat.escalation"
    target: Target
    kind: EscalationKind
    generation: Count
    resolved: bool = False
    refusal: Refusal | None = None
    wanted: Digest | None = None
    alternatives: Annotated[tuple[Alternative, ...], Field(max_length=16)] = ()
    restated: Count = 0
    intent: OpaqueId | None = None
    since_ms: EpochMs
    reason: Sentence
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
