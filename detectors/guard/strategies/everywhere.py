"""Global: every cohort at once, by a share of their sessions; waves only raise the share.

Guarantee: α and β as declared, in every cohort (promise 3); exposure is the largest of all strategies.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, refuse_lists, widen
from homeostat.schemas.rollout import Rollout


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` for waves that list cohorts."""
    refuse_lists(rollout)
    return widen(rollout)
