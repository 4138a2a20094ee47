"""Doubts: why what is non-inferior everywhere is not promoted all the same. It waits, and says what for."""

from collections.abc import Iterable, Sequence

from homeostat.detectors.guard.assess import Assessed
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.detectors.guard.stability import find_instability
from homeostat.detectors.safety_regressions import find_open_regression
from homeostat.schemas.safety_regression import SafetyRegression


def find_doubt(state: RolloutState, cohorts: Sequence[Assessed], regressions: Iterable[SafetyRegression]) -> str | None:
    """A change of two signs across tenants, or an open safety regression in what is exposed; None for neither."""
    unstable = find_instability([cohort.measure for cohort in cohorts], state.taken_back)
    return unstable or find_open_regression(state.exposed, regressions)
