"""The plan of a run: what the documents say at the moment when exposure begins."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.guard.drill_gate import check_drill
from homeostat.detectors.guard.left_out import leave_out_refused
from homeostat.detectors.guard.planned_wave import PlannedWave
from homeostat.detectors.guard.rollout_state import ExposureBudget, Guardrail, Plan
from homeostat.detectors.guard.strategies import (
    cohort_canary,
    everywhere,
    feature_flag,
    manual_approval,
    shadow,
    tenant_by_tenant,
)
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy, Unproven
from homeostat.schemas.release import ReleaseManifest, RiskClass
from homeostat.schemas.rollout import Mode, Rollout, Strategy
from homeostat.schemas.signal import Carrier, Direction, Role, SignalSpec

PLANNERS: Mapping[Strategy, Callable[[Rollout], tuple[PlannedWave, ...]]] = MappingProxyType(
    {
        Strategy.GLOBAL: everywhere.plan_waves,
        Strategy.TENANT_BY_TENANT: tenant_by_tenant.plan_waves,
        Strategy.COHORT_CANARY: cohort_canary.plan_waves,
        Strategy.FEATURE_FLAG: feature_flag.plan_waves,
        Strategy.MANUAL_APPROVAL: manual_approval.plan_waves,
        Strategy.SHADOW: shadow.plan_waves,
    }
)


def build_plan(control: ControlLog, rollout_id: str) -> Plan | None:
    """The plan, or None while a document of it is missing. Raises `DocumentInvalid` for one that cannot be judged."""
    rollout, policy = control.rollouts.get(rollout_id), control.policy
    if rollout is None or policy is None:
        return None
    if not {rollout.candidate, rollout.control} <= control.releases.keys():
        return None
    digests = control.rollout_digests[rollout_id], control.policy_digest
    return make_plan(rollout, policy, control.releases[rollout.candidate], control.overrides, digests)


def make_plan(
    rollout: Rollout,
    policy: Policy,
    candidate: ReleaseManifest,
    overrides: OverrideBook | None = None,
    digests: tuple[str, str] | None = None,
) -> Plan:
    """The plan of these documents; `digests` of rollout and policy, if they are known: making them takes longest.

    Raises `DocumentInvalid` for one that cannot be judged.
    """
    check_drill(rollout, candidate, policy)
    of_rollout, of_policy = digests or (digest_document(rollout), digest_document(policy))
    planned = plan_rollout(rollout, policy, candidate)
    waves, left_out = leave_out_refused(planned, candidate, overrides or OverrideBook())
    return Plan(
        rollout=rollout,
        rollout_digest=of_rollout,
        policy_digest=of_policy,
        guardrails=_choose_guardrails(rollout, policy),
        waves=waves,
        left_out=left_out,
        exposure=_budget(rollout, policy),
    )


def plan_rollout(rollout: Rollout, policy: Policy, candidate: ReleaseManifest) -> tuple[PlannedWave, ...]:
    """The waves of a rollout's strategy; the first needs what the rollout or the policy asks for the release's risk.

    A drill needs no signatures: the policy, which people signed, says where it goes.
    """
    first, *later = PLANNERS[rollout.strategy](rollout)
    if rollout.drill:
        return (first, *later)
    needed = max(first.approvals, rollout.approvals, _approvals_of(policy, candidate.risk))
    return (first.model_copy(update={"approvals": needed}), *later)


def _budget(rollout: Rollout, policy: Policy) -> ExposureBudget:
    """The rollout's budget under the policy's caps; a drill's is its own."""
    caps = Unproven() if rollout.drill else policy.unproven
    return ExposureBudget(
        max_duration_s=min(rollout.max_duration_s, caps.max_duration_s or rollout.max_duration_s),
        max_sessions=min(rollout.max_sessions, caps.max_sessions or rollout.max_sessions),
        action=rollout.on_unproven or caps.action,
    )


def _approvals_of(policy: Policy, risk: RiskClass) -> int:
    needed = policy.approvals
    return {RiskClass.LOW: needed.low, RiskClass.MEDIUM: needed.medium, RiskClass.HIGH: needed.high}[risk]


def _choose_guardrails(rollout: Rollout, policy: Policy) -> tuple[Guardrail, ...]:
    """The rollout's guardrails, or every one of the policy that it can be judged by, in the policy's order."""
    declared = {spec.name: spec for spec in policy.signals if spec.role is Role.GUARDRAIL}
    unknown = sorted(set(rollout.guardrails) - declared.keys())
    if unknown:
        raise DocumentInvalid(f"{len(unknown)} guardrails > 0 are not declared in the policy: {', '.join(unknown)}")
    unseen = {name for name, spec in declared.items() if spec.carrier is Carrier.FEEDBACK}
    if rollout.mode is Mode.LIVE:
        unseen = set()
    unjudgeable = sorted(unseen & set(rollout.guardrails))
    if unjudgeable:
        raise DocumentInvalid(f"nobody sees a shadow's output: feedback cannot judge {', '.join(unjudgeable)}")
    chosen = set(rollout.guardrails or declared) - unseen
    if not chosen:
        raise DocumentInvalid("0 guardrails < 1 in the policy: nothing could be judged")
    return tuple(_declare(spec) for name, spec in declared.items() if name in chosen)


def _declare(spec: SignalSpec) -> Guardrail:
    low = spec.direction is Direction.DOWN
    return Guardrail(signal=spec.name, tolerance=spec.tolerance, budget=spec.budget, harm_is_low=low)
