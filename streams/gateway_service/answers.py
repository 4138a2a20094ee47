"""The bodies of the reference gateway's HTTP API."""

from typing import Annotated

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, OpaqueId, Part, Slug
from homeostat.schemas.command import Barred
from homeostat.schemas.rollout import Flag, Mode, RolloutPhase
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams.client.gateway.core import ExposureView, Serving, TargetView
from homeostat.streams.client.gateway.lease_clock import HeldLease, LeaseState, Moment


class ServeRequest(Part):
    """One session that begins; `properties` are what the work is about, as far as it is known."""

    tenant: Slug
    workflow: Slug
    specialty: Slug
    session: OpaqueId
    properties: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()


class ShadowAnswer(Part):
    """What to run beside the session, under a session id of its own, without giving anybody its output."""

    release: Digest
    session: OpaqueId


class ServeAnswer(Part):
    """The release that this session gets, as which arm, and of which generation of the desired state.

    `rollout` and `step` are those of the exposure that chose the arm; without one they are null and 0.
    """

    release: Digest
    arm: Arm
    rollout: OpaqueId | None
    step: Count
    generation: Count
    shadow: ShadowAnswer | None = None


class ExposureAnswer(Part):
    """A candidate of a target. `alive` says whether sessions may get it now; `left_ms` until when, unrenewed."""

    specialties: tuple[Slug, ...]
    rollout: OpaqueId
    step: Count
    candidate: Digest
    share: float
    mode: Mode
    flag: Flag | None
    lease: OpaqueId
    lease_state: LeaseState
    alive: bool
    left_ms: Count


class VariantAnswer(Part):
    """Specialties that are served another release than the baseline."""

    specialties: tuple[Slug, ...]
    release: Digest


class TargetAnswer(Part):
    """One target's whole desired state, since when it holds here, and what its leases permit now."""

    target: str
    tenant: Slug
    workflow: Slug
    generation: Count
    since_ms: EpochMs | None
    stated_at_ms: EpochMs
    reason: str
    intent: OpaqueId
    decision: OpaqueId | None
    configuration: Digest | None
    baseline: Digest
    exposures: tuple[ExposureAnswer, ...]
    variants: tuple[VariantAnswer, ...]
    barred: tuple[Barred, ...]
    disabled_tools: tuple[Slug, ...]
    quarantine: tuple[Digest, ...]
    quarantine_version: Count


class ExposedCount(Part):
    """Target × specialty pairs that may get a candidate now."""

    exposed: Count


class LeaseAnswer(Part):
    """The newest renewal of a lease that this process has seen, and what it permits now."""

    lease: OpaqueId
    rollout: OpaqueId
    step: Count
    renewal: Count
    phase: RolloutPhase
    expires_ms: EpochMs
    state: LeaseState
    left_ms: Count


class ErrorAnswer(Part):
    """What is wrong, and what to do about it."""

    detail: str


def answer_serving(found: Serving) -> ServeAnswer:
    """A serving as the API says it."""
    beside = found.shadow and ShadowAnswer(release=found.shadow.release, session=found.shadow.session)
    return ServeAnswer(
        release=found.release,
        arm=found.arm,
        rollout=found.rollout,
        step=found.step,
        generation=found.generation,
        shadow=beside,
    )


def answer_target(view: TargetView, since_ms: int | None) -> TargetAnswer:
    """A target as the API says it."""
    state = view.state
    return TargetAnswer(
        target=state.target.key,
        tenant=state.target.tenant,
        workflow=state.target.workflow,
        generation=state.generation,
        since_ms=since_ms,
        stated_at_ms=state.at_ms,
        reason=state.reason,
        intent=state.intent,
        decision=state.decision,
        configuration=state.configuration,
        baseline=state.baseline,
        exposures=tuple(_answer_exposure(each) for each in view.exposures),
        variants=tuple(VariantAnswer(specialties=each.specialties, release=each.release) for each in state.variants),
        barred=state.barred,
        disabled_tools=state.disabled_tools,
        quarantine=state.quarantine,
        quarantine_version=state.quarantine_version,
    )


def answer_lease(held: HeldLease, now: Moment) -> LeaseAnswer:
    """A lease as the API says it."""
    lease = held.lease
    return LeaseAnswer(
        lease=lease.lease,
        rollout=lease.rollout,
        step=lease.step,
        renewal=lease.renewal,
        phase=lease.phase,
        expires_ms=lease.expires_ms,
        state=held.judge(now),
        left_ms=held.left_ms(now),
    )


def _answer_exposure(view: ExposureView) -> ExposureAnswer:
    exposure = view.exposure
    return ExposureAnswer(
        specialties=exposure.specialties,
        rollout=exposure.rollout,
        step=exposure.step,
        candidate=exposure.candidate,
        share=exposure.share,
        mode=exposure.mode,
        flag=exposure.flag,
        lease=exposure.lease,
        lease_state=view.lease_state,
        alive=view.alive,
        left_ms=view.left_ms,
    )
