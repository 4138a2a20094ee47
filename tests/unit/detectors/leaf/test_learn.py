"""A sealed baseline goes on learning while nothing speaks against it, inwards only."""

from typing import Any

import pytest

from homeostat.detectors.leaf.learn import COUNT
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.schemas.topics import ALARMS
from tests.builders import traces
from tests.builders.documents import signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import LEAST_SESSIONS, messages, new_stage, quick_policy
from tests.unit.detectors.leaf.test_monitors import MODEST


class Cohort:
    """One cohort's sessions of `edit_ratio`, and what its stage knows of it."""

    def __init__(self) -> None:
        self.stage: LeafStage = new_stage()
        self.alarms: list[dict[str, Any]] = []
        self._scenario, self._number = Scenario(), 0
        self._scenario.begin(quick_policy(signals=(signal("edit_ratio"),), budget=MODEST))
        self._read = 0

    def run(self, level: float, sessions: int) -> None:
        """Sessions about a level, give or take .1."""
        for _ in range(sessions):
            value = round(level + 0.02 * (self._number * 7 % 11 - 5), 4)
            self._scenario.add(traces.trace(traces.work(self._number, {"edit_ratio": value})))
            self._scenario.wait(0.5)
            self._number += 1
        self._scenario.tick(2.5)
        self.alarms += messages(self.stage.apply(self._scenario.log[self._read :]), ALARMS)
        self._read = len(self._scenario.log)

    @property
    def reference(self) -> tuple[float, ...]:
        assert self.stage.world is not None
        return tuple(self.stage.world.cohorts.arrays.reference[0, 0].tolist())

    @property
    def learned(self) -> int:
        assert self.stage.world is not None
        return int(self.stage.world.cohorts.arrays.learned[0, 0, COUNT])


def test_quiet_sessions_tighten_both_bounds() -> None:
    cohort = Cohort()
    cohort.run(0.4, LEAST_SESSIONS)
    _, _, lower, upper = cohort.reference
    cohort.run(0.4, 400)
    n, mean, tighter_lower, tighter_upper = cohort.reference
    assert n >= LEAST_SESSIONS + 256
    assert mean == pytest.approx(0.4, abs=0.005)
    assert lower < tighter_lower < mean < tighter_upper < upper
    assert cohort.alarms == []
    restored = new_stage()
    restored.restore(cohort.stage.state_records())
    assert restored.state_records() == cohort.stage.state_records()


def test_a_slow_drift_does_not_take_the_bound_along() -> None:
    cohort = Cohort()
    cohort.run(0.4, LEAST_SESSIONS + 130)
    upper = cohort.reference[3]
    for step in range(1, 21):
        cohort.run(0.4 + 0.02 * step, 40)
        assert cohort.reference[3] <= upper
    assert {(alarm["signal"], alarm["direction"]) for alarm in cohort.alarms} == {("edit_ratio", "up")}


def test_a_drift_too_slow_for_an_alarm_moves_no_bound_outwards() -> None:
    cohort = Cohort()
    cohort.run(0.4, LEAST_SESSIONS + 130)
    _, _, lower, upper = cohort.reference
    for step in range(1, 9):
        cohort.run(0.4 + 0.0125 * step, 300)
        _, mean, next_lower, next_upper = cohort.reference
        assert lower <= next_lower <= mean <= next_upper <= upper
        lower, upper = next_lower, next_upper
    assert cohort.alarms


def test_after_an_alarm_nothing_is_learned() -> None:
    cohort = Cohort()
    cohort.run(0.4, LEAST_SESSIONS + 130)
    cohort.run(0.85, 40)
    assert cohort.alarms
    assert cohort.learned == -1
    reference = cohort.reference
    cohort.run(0.4, 200)
    assert cohort.reference == reference
