"""Persist: from a verdict to what leaves the guard. The decision first, then its intents, then the lease."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from homeostat.detectors.guard.assess import Cell
from homeostat.detectors.guard.judge import Finding, Judgement
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.detectors.outbox import Outbox
from homeostat.schemas.decision import Decision, GuardrailVerdict, SourceMark, Verdict
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.lease import Lease
from homeostat.schemas.policy import Times
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase, RolloutTarget
from homeostat.schemas.topics import DECISIONS, INTENTS, LEASES

PHASE_AFTER: Mapping[Verdict, RolloutPhase] = MappingProxyType(
    {
        Verdict.BEGIN: RolloutPhase.EXPOSING,
        Verdict.HEALTHY: RolloutPhase.PROMOTED,
        Verdict.HARMFUL: RolloutPhase.ROLLED_BACK,
        Verdict.SAMPLE_RATIO: RolloutPhase.HELD,
        Verdict.LOW_YIELD: RolloutPhase.HELD,
        Verdict.TIMEOUT: RolloutPhase.ROLLED_BACK,
        Verdict.LAPSE: RolloutPhase.LAPSED,
    }
)
"""The verdicts that the guard takes by itself, and where each leads."""
_ACTIONS = {
    Verdict.BEGIN: IntentAction.EXPOSE,
    Verdict.HEALTHY: IntentAction.PROMOTE,
    Verdict.HARMFUL: IntentAction.ROLL_BACK,
}
_ACTION_OTHERWISE = IntentAction.END_EXPOSURE
"""Ends that say nothing about quality take exposure away and quarantine nothing."""
_AUTHOR = "guard"


def write_decision(
    state: RolloutState, judgement: Judgement, finding: Finding, marks: Mapping[int, int], outbox: Outbox
) -> Decision:
    """Append the decision that takes a rollout to its next step; `marks` is the newest evidence used by source."""
    assert state.plan is not None
    rollout, phase = state.plan.rollout, PHASE_AFTER[finding.verdict]
    decision = Decision(
        decision=outbox.derive_id("decision", rollout.rollout),
        rollout=rollout.rollout,
        step=state.step + 1,
        verdict=finding.verdict,
        health=judgement.health,
        phase=phase,
        share=rollout.share if phase is RolloutPhase.EXPOSING else 0.0,
        candidate=rollout.candidate,
        control=rollout.control,
        deciding=tuple(sorted({cell.measure.signal for cell in finding.deciding})),
        guardrails=describe_cells(judgement.cells),
        sources=tuple(SourceMark(source_partition=source, mark=mark) for source, mark in sorted(marks.items())),
        policy_digest=state.plan.policy_digest,
        rollout_digest=state.plan.rollout_digest,
        sessions=sum(c.measure.candidate_starts + c.measure.control_starts for c in judgement.cohorts),
        pairs=sum(max(cell.measure.pairs for cell in c.cells) for c in judgement.cohorts),
        reason=finding.reason,
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )
    outbox.put(DECISIONS, rollout.rollout, decision, SignerRole.GUARD)
    return decision


def write_intents(state: RolloutState, decision: Decision, manifest: ReleaseManifest | None, outbox: Outbox) -> None:
    """Append what the decision wants of every target of the rollout."""
    assert state.plan is not None
    action = _ACTIONS.get(decision.verdict, _ACTION_OTHERWISE)
    for entry in state.plan.rollout.targets:
        intent = _intend(state, entry, action, decision, manifest, outbox)
        outbox.put(INTENTS, entry.target.key, intent, SignerRole.GUARD)


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
    state: RolloutState,
    entry: RolloutTarget,
    action: IntentAction,
    decision: Decision,
    manifest: ReleaseManifest | None,
    outbox: Outbox,
) -> Intent:
    return Intent(
        intent=outbox.derive_id("intent", entry.target.key),
        target=entry.target,
        action=action,
        author=_AUTHOR,
        reason=decision.reason,
        at_ms=outbox.log_time_ms,
        rollout=decision.rollout,
        step=decision.step,
        specialties=entry.specialties,
        candidate=decision.candidate,
        manifest=manifest if action is IntentAction.PROMOTE else None,
        share=decision.share,
        lease=state.lease if action is IntentAction.EXPOSE else None,
        decision=decision.decision,
    )
