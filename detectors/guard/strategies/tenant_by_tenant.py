"""Tenant by tenant: one tenant after another, the lowest risk first; alike, in the order of the rollout's targets.

Guarantee: α over the whole rollout, β for each tenant, which is promoted on its own evidence before the next begins.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, plan_wave, refuse_lists
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.rollout import Rollout, Wave


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` for more than one declared wave: it is the pattern of every tenant's."""
    refuse_lists(rollout)
    if len(rollout.waves) > 1:
        raise DocumentInvalid(f"{len(rollout.waves)} waves > 1: one is the pattern that every tenant's follows")
    pattern = rollout.waves[0] if rollout.waves else Wave()
    risks: dict[str, int] = {}
    for entry in rollout.targets:
        risks[entry.target.tenant] = max(entry.risk.rank, risks.get(entry.target.tenant, 0))
    tenants = sorted(risks, key=lambda tenant: risks[tenant])
    cohorts = set(rollout.cohorts())
    return tuple(
        plan_wave(rollout, pattern, {cohort for cohort in cohorts if cohort[0] == tenant}, settles=True)
        for tenant in tenants
    )
