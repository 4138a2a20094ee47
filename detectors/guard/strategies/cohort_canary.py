"""Cohort canary: chosen tenants, specialties and workflows first, by a share of their sessions, then more.

Guarantee: α and β as declared, in every cohort; a cohort is promoted on its own evidence. Without waves all at once.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, widen
from homeostat.schemas.rollout import Rollout


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` where a wave names nobody, or all of them leave somebody out."""
    return widen(rollout)
