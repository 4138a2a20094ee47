"""The course of a drill: when it is due, how far it has come by the facts, and when it has proven its point."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homeostat.detectors.drills.facts import DrillFacts, Stated
from homeostat.detectors.drills.plan import find_signal, make_bad, name_drill
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import AckOutcome
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.drill import Drill, DrillOutcome, DrillRun, DrillStage
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import RolloutPhase

STUCK: Mapping[DrillStage, str] = MappingProxyType(
    {
        DrillStage.DECLARED: "control could not state the rollout",
        DrillStage.STATED: "the guard did not begin: `homeostat rollout show` says what it waits for",
        DrillStage.BEGUN: "the gateway does not say that it serves the candidate: is it up, and does it follow leases?",
        DrillStage.EXPOSED: "the guard did not judge: are observe and release up, and is the probe's key active?",
        DrillStage.JUDGED: "the sequencer did not state the target without the bad release",
        DrillStage.COMMANDED: "the gateway did not acknowledge the restored state",
        DrillStage.ACKNOWLEDGED: "the gateway acknowledged, but does not say that it serves the restored release",
    }
)
"""What a drill that ran out of time lacked, by the stage that it had reached."""


def is_due(drill: Drill, facts: DrillFacts, now_ms: int) -> bool:
    """Whether a drill begins now: never while one runs, at once when called, the first one when there is a target."""
    run, called_ms = facts.runs.get(drill.gateway), facts.called_ms.get(drill.gateway, 0)
    if run is None:
        return called_ms > 0 or drill.target_key in facts.stated
    if run.outcome is DrillOutcome.RUNNING:
        return False
    return called_ms > run.started_at_ms or now_ms >= run.started_at_ms + round(drill.every_s * 1000)


def begin(drill: Drill, policy: Policy, facts: DrillFacts, now_ms: int, has_key: bool) -> DrillRun:
    """A drill that begins; or one that has failed already, because something that it needs is not there."""
    stated, before = facts.stated.get(drill.target_key), facts.runs.get(drill.gateway)
    rollout = name_drill(drill.gateway, now_ms)
    run = DrillRun(
        gateway=drill.gateway,
        tenant=drill.tenant,
        workflow=drill.workflow,
        rollout=rollout,
        outcome=DrillOutcome.RUNNING,
        stage=DrillStage.DECLARED,
        started_at_ms=now_ms,
        proven_at_ms=None if before is None else before.proven_at_ms,
        proven_rollout=None if before is None else before.proven_rollout,
    )
    if not has_key:
        return _fail(run, now_ms, f"control has no key of the probe tenant {drill.tenant}: drill.tenant_keys_folder")
    if find_signal(policy) is None:
        return _fail(run, now_ms, "the policy has no guardrail that work carries: nothing could be broken")
    if stated is None:
        return _fail(run, now_ms, f"{drill.target_key} serves nothing: state its baseline (kind: targets)")
    control, bad = digest_document(stated.state.manifest), make_bad(stated.state.manifest, rollout)
    return run.model_copy(update={"control": control, "candidate": digest_document(bad)})


def follow(run: DrillRun, drill: Drill, facts: DrillFacts, now_ms: int) -> DrillRun:
    """The run as the facts have it now: further on its way, proven, or failed."""
    found = _reach(run, drill, facts)
    reason = found.pop("failed", None)
    moved = run.model_copy(update=found)
    if reason is not None:
        return _fail(moved, now_ms, reason)
    if moved.stage is DrillStage.SERVED:
        took_s = (now_ms - run.started_at_ms) / 1000
        proof = {"proven_at_ms": now_ms, "proven_rollout": run.rollout}
        reason = f"taken back and restored, {took_s:.1f} s after the drill was declared"
        return moved.model_copy(update={**_end(run, now_ms), **proof, "outcome": DrillOutcome.PROVEN, "reason": reason})
    if now_ms - run.started_at_ms > drill.limit_s * 1000:
        return _fail(moved, now_ms, f"not done after {drill.limit_s:g} s: {STUCK[moved.stage]}")
    return moved


def _reach(run: DrillRun, drill: Drill, facts: DrillFacts) -> dict[str, Any]:
    """How far the facts take it: fields of the run, and `failed` where it can come no further."""
    stated, decision = facts.stated.get(drill.target_key), facts.decisions.get(run.rollout)
    if decision is None:
        if run.rollout in facts.rollouts:
            return {"stage": DrillStage.STATED}
        moved = stated is None or digest_document(stated.state.manifest) != run.control
        return {"failed": "the probe target's baseline was changed meanwhile"} if moved else {}
    if decision.phase is RolloutPhase.EXPOSING:
        served = facts.served.get(drill.target_key)
        exposed = served is not None and any(each.rollout == run.rollout for each in served.exposures)
        return {"stage": DrillStage.EXPOSED if exposed else DrillStage.BEGUN}
    if (decision.phase, decision.verdict) != (RolloutPhase.ROLLED_BACK, Verdict.HARMFUL):
        return {"failed": f"the guard decided {decision.verdict} ({decision.phase}): {decision.reason}"[:1900]}
    judged = {"stage": DrillStage.JUDGED, "decision": decision.decision}
    if stated is None or not _takes_back(run, decision, stated):
        return judged
    return {**judged, **_find_proof(run, drill, facts, stated)}


def _takes_back(run: DrillRun, decision: Decision, stated: Stated) -> bool:
    """Whether the state is the decision's, and has what was there before and nothing of the bad release."""
    state = stated.state
    offered = {state.baseline, *(each.candidate for each in state.exposures), *(v.release for v in state.variants)}
    restored = state.baseline == run.control and run.candidate not in offered
    return state.decision == decision.decision and restored and run.candidate in state.quarantine


def _find_proof(run: DrillRun, drill: Drill, facts: DrillFacts, stated: Stated) -> dict[str, Any]:
    generation = stated.state.generation
    found = {"stage": DrillStage.COMMANDED, "generation": generation, "state_digest": stated.digest}
    said, served = facts.acknowledged.get(drill.target_key), facts.served.get(drill.target_key)
    if said is None or (said.generation, said.state_digest) != (generation, stated.digest):
        return found
    if said.outcome is not AckOutcome.APPLIED:
        return {**found, "failed": f"the gateway refused the restored state: {said.reason}"}
    if served is None or served.generation < generation or served.baseline != run.control or served.exposures:
        return {**found, "stage": DrillStage.ACKNOWLEDGED}
    return {**found, "stage": DrillStage.SERVED}


def _fail(run: DrillRun, now_ms: int, reason: str) -> DrillRun:
    return run.model_copy(update={**_end(run, now_ms), "outcome": DrillOutcome.FAILED, "reason": reason})


def _end(run: DrillRun, now_ms: int) -> dict[str, int]:
    return {"ended_at_ms": max(now_ms, run.started_at_ms)}
