"""The plan of a run: what the documents say at the moment when exposure begins."""

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.guard.rollout_state import Guardrail, Plan
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.signal import Role


def build_plan(control: ControlLog, rollout_id: str) -> Plan | None:
    """The plan, or None while a document of it is missing. Raises `DocumentInvalid` for one that cannot be judged."""
    rollout, policy = control.rollouts.get(rollout_id), control.policy
    if rollout is None or policy is None:
        return None
    if not {rollout.candidate, rollout.control} <= control.releases.keys():
        return None
    return Plan(
        rollout=rollout,
        rollout_digest=control.rollout_digests[rollout_id],
        policy_digest=control.policy_digest,
        guardrails=_choose_guardrails(rollout, policy),
    )


def _choose_guardrails(rollout: Rollout, policy: Policy) -> tuple[Guardrail, ...]:
    """The rollout's guardrails, or every one of the policy, in the policy's order."""
    declared = {spec.name: spec for spec in policy.signals if spec.role is Role.GUARDRAIL}
    unknown = sorted(set(rollout.guardrails) - declared.keys())
    if unknown:
        raise DocumentInvalid(f"{len(unknown)} guardrails > 0 are not declared in the policy: {', '.join(unknown)}")
    if not declared:
        raise DocumentInvalid("0 guardrails < 1 in the policy: nothing could be judged")
    chosen = rollout.guardrails or tuple(declared)
    return tuple(Guardrail(signal=name, tolerance=declared[name].tolerance) for name in declared if name in chosen)
