"""Intents: what a principal wants a target to serve; the sequencer turns them into desired states."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, OpaqueId, Sentence, Slug
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Target


class IntentAction(StrEnum):
    """What an intent asks for; `Intent` says what each does."""

    BASELINE = "baseline"
    EXPOSE = "expose"
    END_EXPOSURE = "end_exposure"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


class Intent(Message):
    """One wish for one target, signed by the guard, triage or an operator; the same `intent` again changes nothing.

    BASELINE states `manifest` as the baseline (operator only). EXPOSE adds `candidate` at `share` for `specialties`
    under `lease`. END_EXPOSURE takes it off. PROMOTE makes it the baseline. ROLL_BACK takes it off, or puts
    `manifest`'s release back where it already is the baseline, and adds its digest to the target's quarantine.
    `lifts_quarantine` is the target's quarantine version that a retry was approved for.
    """

    ce_type: ClassVar[str] = "homeostat.intent"
    intent: OpaqueId
    target: Target
    action: IntentAction
    author: Slug
    reason: Sentence
    at_ms: EpochMs
    rollout: OpaqueId | None = None
    step: Count = 0
    specialties: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    candidate: Digest | None = None
    manifest: ReleaseManifest | None = None
    share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lease: OpaqueId | None = None
    decision: OpaqueId | None = None
    lifts_quarantine: Count | None = None
