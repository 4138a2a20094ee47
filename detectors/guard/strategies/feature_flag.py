"""Feature flag: a cohort canary among the sessions that the flag may choose; the others stay as they are.

Guarantee: α and β as declared, for the sessions that the flag chooses: sessions left out are in neither arm, so what
is promoted to everybody was shown for the chosen ones only. `except_properties` holds in every wave.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, widen
from homeostat.schemas.rollout import Rollout


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` where a wave names nobody, or all of them leave somebody out."""
    return widen(rollout)
