"""Persist: from a verdict to what leaves the guard. The decision first, then its intents, then the lease."""

from collections.abc import Sequence

from homeostat.detectors.guard.assess import Cell
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.intents import Wanted, find_wanted
from homeostat.detectors.guard.judge import Finding, Judgement
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.detectors.outbox import Outbox
from homeostat.schemas.decision import Decision, GuardrailVerdict, LeafTags, SourceMark
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.lease import Lease
from homeostat.schemas.policy import Times
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DECISIONS, INTENTS, LEASES

_AUTHOR = "guard"
RENEWALS = 8
"""How often a lease is renewed within its time: a guard that is gone for less than 7/8 of it ends no exposure."""


def write_decision(
    moved: RolloutState,
    judgement: Judgement,
    finding: Finding,
    approved_by: Sequence[str],
    configuration: str,
    outbox: Outbox,
) -> Decision:
    """Append the decision that took a rollout to this state, under the effective configuration of its targets."""
    assert moved.plan is not None
    rollout, exposing = moved.plan.rollout, moved.phase is RolloutPhase.EXPOSING
    decision = Decision(
        decision=outbox.derive_id("decision", rollout.rollout),
        rollout=rollout.rollout,
        step=moved.step,
        verdict=finding.verdict,
        health=judgement.health,
        phase=moved.phase,
        share=moved.current.share if exposing else 0.0,
        wave=moved.wave,
        waves=len(moved.plan.waves),
        exposed=_tags(moved.exposed if exposing else ()),
        taken_back=_tags(moved.taken_back),
        promoted=_tags(moved.settled),
        drill=rollout.drill,
        approved_by=tuple(approved_by),
        candidate=rollout.candidate,
        control=rollout.control,
        deciding=tuple(sorted({cell.measure.signal for cell in finding.deciding})),
        guardrails=describe_cells(judgement.cells),
        budgets=judgement.budgets,
        sources=tuple(SourceMark(source_partition=source, mark=mark) for source, mark in sorted(judgement.marks)),
        policy_digest=moved.plan.policy_digest,
        rollout_digest=moved.plan.rollout_digest,
        configuration=configuration,
        sessions=sum(c.measure.candidate_starts + c.measure.control_starts for c in judgement.cohorts),
        pairs=sum(max(cell.measure.pairs for cell in c.cells) for c in judgement.cohorts),
        reason=finding.reason,
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )
    outbox.put(DECISIONS, rollout.rollout, decision, SignerRole.GUARD)
    return decision


def write_intents(
    before: RolloutState, moved: RolloutState, decision: Decision, manifest: ReleaseManifest | None, outbox: Outbox
) -> None:
    """Append what the decision wants of each target."""
    for wanted in find_wanted(before, moved):
        intent = _intend(wanted, moved, decision, manifest, outbox)
        outbox.put(INTENTS, wanted.target.key, intent, SignerRole.GUARD)


def is_due(state: RolloutState, times: Times, now_ms: int) -> bool:
    """Whether a lease is to be renewed: an eighth of its time has passed, or it was made by another policy."""
    ttl_ms = round(times.lease_ttl_s * 1000)
    age_ms = now_ms - (state.expires_ms - ttl_ms)
    return not 0 <= age_ms < ttl_ms // RENEWALS


def write_lease(state: RolloutState, times: Times, outbox: Outbox) -> RolloutState:
    """Append one renewal, or the last lease of a phase that exposes no longer; gives the state that remembers it."""
    exposing = state.phase is RolloutPhase.EXPOSING
    ttl_ms = round(times.lease_ttl_s * 1000) if exposing else 0
    renewed = state.model_copy(update={"renewal": state.renewal + 1, "expires_ms": outbox.log_time_ms + ttl_ms})
    lease = Lease(
        lease=state.lease,
        rollout=state.rollout,
        step=max(state.step, 1),
        renewal=renewed.renewal,
        phase=state.phase,
        evaluated_at_ms=outbox.log_time_ms,
        expires_ms=renewed.expires_ms,
        ttl_ms=ttl_ms,
        skew_ms=round(times.clock_skew_s * 1000),
    )
    outbox.put(LEASES, state.rollout, lease, SignerRole.GUARD)
    return renewed


def describe_cells(cells: Sequence[Cell]) -> tuple[GuardrailVerdict, ...]:
    """Every guardrail in every cohort as the decision record shows it."""
    return tuple(
        GuardrailVerdict(
            tenant=cell.cohort.cohort[0],
            specialty=cell.cohort.cohort[1],
            workflow=cell.cohort.cohort[2],
            signal=cell.measure.signal,
            health=cell.health,
            pairs=cell.measure.pairs,
            mean_difference=cell.measure.mean_difference,
            tolerance=cell.measure.tolerance,
            log_e_harmful=cell.log_e_harmful,
            limit_harmful=cell.limit_harmful,
            log_e_non_inferior=cell.log_e_non_inferior,
            limit_non_inferior=cell.limit_non_inferior,
        )
        for cell in cells
    )


def _intend(
    wanted: Wanted, state: RolloutState, decision: Decision, manifest: ReleaseManifest | None, outbox: Outbox
) -> Intent:
    return Intent(
        intent=outbox.derive_id("intent", wanted.target.key),
        target=wanted.target,
        action=wanted.action,
        author=_AUTHOR,
        reason=decision.reason,
        at_ms=outbox.log_time_ms,
        rollout=decision.rollout,
        step=decision.step,
        specialties=wanted.specialties,
        candidate=decision.candidate,
        manifest=manifest if wanted.action is IntentAction.PROMOTE else None,
        share=decision.share if wanted.goes_on else 0.0,
        lease=state.lease if wanted.goes_on else None,
        decision=decision.decision,
    )


def _tags(cohorts: Sequence[CohortKey]) -> tuple[LeafTags, ...]:
    return tuple(LeafTags(tenant=each[0], specialty=each[1], workflow=each[2]) for each in cohorts)
