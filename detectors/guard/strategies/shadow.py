"""Shadow: the candidate runs beside what people get, on the same sessions; its output reaches no one.

Guarantee: α and β as declared, for signals that the work itself carries: nobody edits, accepts or complains about what
nobody saw, so guardrails that feedback carries cannot be judged and the plan must not name them.
"""

from homeostat.detectors.guard.planned_wave import PlannedWave, refuse_lists, widen
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.rollout import SHADOW_SHARE, Rollout


def plan_waves(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """Raises `DocumentInvalid` for waves that list cohorts or set a share."""
    refuse_lists(rollout)
    if any(wave.share is not None for wave in rollout.waves):
        raise DocumentInvalid("a shadow runs beside every session: its waves have no share")
    planned = widen(rollout)
    return tuple(wave.model_copy(update={"share": SHADOW_SHARE}) for wave in planned)
