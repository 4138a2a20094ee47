"""Manual approval: a cohort canary in which people sign for every wave before it begins.

Guarantee: α and β as declared; besides, nobody is exposed without a signature for that very wave.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, widen
from homeostat.schemas.rollout import Rollout


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` where a wave names nobody, or all of them leave somebody out."""
    planned = widen(rollout)
    return tuple(wave.model_copy(update={"approvals": max(1, wave.approvals)}) for wave in planned)
