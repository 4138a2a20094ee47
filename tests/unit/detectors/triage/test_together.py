"""A guardrail over several cohorts is shown within tolerance by all their sessions, each against its own baseline."""

import pytest

from homeostat.detectors.triage.together import weigh_together
from homeostat.schemas.alarm import Companion
from homeostat.schemas.signal import Carrier, Direction, Family, Role


def cohort(observed: float, half: float, sessions: int = 50, baseline: float = 0.2) -> Companion:
    return Companion(
        signal="omission",
        family=Family.OUTPUT,
        role=Role.GUARDRAIL,
        carrier=Carrier.WORK,
        direction=Direction.UP,
        tolerance=0.05,
        observed=observed,
        low=max(0.0, observed - half),
        high=min(1.0, observed + half),
        sessions=sessions,
        baseline=baseline,
        bound_low=baseline - 0.02,
        bound_high=baseline + 0.02,
    )


def test_four_cohorts_halve_the_error_of_one() -> None:
    one, four = weigh_together([cohort(0.2, 0.1)]), weigh_together([cohort(0.2, 0.1)] * 4)
    assert one.at_most == pytest.approx(2 * four.at_most)
    assert (one.is_held, four.is_held) == (False, True)
    assert four.sessions == 200
    assert "omission worse by +0.000, at most 0.032 <= 0.050 (n=200)" in four.say()


def test_each_is_compared_with_its_own_baseline_by_its_sessions() -> None:
    mixed = weigh_together([cohort(0.3, 0.01, 300, 0.3), cohort(0.16, 0.01, 100, 0.2)])
    assert mixed.worse == pytest.approx(-0.01)


def test_no_sessions_show_nothing() -> None:
    assert not weigh_together([cohort(0.2, 0.0, 0)]).is_held
