"""A feedback column's reference begins its age after the cohort's first session: quick and slow readers are in it."""

from functools import lru_cache
from typing import Any

import pytest

from homeostat.detectors.leaf.stage import LeafStage
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier
from tests.builders import traces
from tests.builders.documents import START_MS, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import LEAST_SESSIONS, new_stage, quick_policy, run, run_split
from tests.unit.detectors.leaf.test_monitors import MODEST

AGE_S, QUICK_S, SLOW_S = 40.0, 1.0, 38.0
QUICK, SLOW = 0.1, 0.5


def feedback_policy(**ages: float | None) -> Policy:
    signals = [signal(name, carrier=Carrier.FEEDBACK, max_age_s=age_s) for name, age_s in ages.items()]
    return quick_policy(signals=tuple(signals), budget=MODEST)


@lru_cache
def feedback_log(policy: Policy, works: int) -> tuple[LogRecord, ...]:
    """Feedback on a work each half second: every other one quick with small values, the others slow with large ones."""
    late_s = [(SLOW_S, SLOW) if number % 2 else (QUICK_S, QUICK) for number in range(works)]
    sent = sorted((0.5 * number + late, number, value) for number, (late, value) in enumerate(late_s))
    scenario = Scenario()
    scenario.begin(policy)
    for at_s, number, value in sent:
        scenario.now_ms = START_MS + round(1000 * at_s)
        values = {spec.name: value for spec in policy.signals}
        tags: dict[str, Any] = {"work_time_ms": START_MS + 500 * number, "session": derive_id("read", number)}
        scenario.add(traces.trace(traces.feedback(number, values, **tags)))
    scenario.tick(3.0)
    return tuple(scenario.log)


def references(stage: LeafStage) -> dict[str, Any]:
    """Sessions and mean of each column's reference."""
    assert stage.world is not None
    found = stage.world.cohorts.arrays.reference[0]
    return {name: (int(found[s, 0]), float(found[s, 1])) for s, name in enumerate(stage.world.plan.names)}


def test_quick_and_slow_readers_are_in_a_reference_alike() -> None:
    policy = feedback_policy(edit_ratio=AGE_S)
    count, mean = references(run(feedback_log(policy, 160))[0])["edit_ratio"]
    assert count == LEAST_SESSIONS
    assert mean == pytest.approx((QUICK + SLOW) / 2, abs=0.01)


def test_without_an_age_a_reference_begins_at_once_and_is_of_quick_readers() -> None:
    policy = feedback_policy(edit_ratio=None)
    assert references(run(feedback_log(policy, 160))[0])["edit_ratio"] == (
        LEAST_SESSIONS,
        pytest.approx(QUICK, abs=1e-6),
    )


def test_a_column_waits_for_its_own_age_only() -> None:
    """The first column's feedback counts up to 5 s of age: from then on only quick readers' ever do."""
    policy = feedback_policy(accepted=5.0, edit_ratio=AGE_S)
    found = references(run(feedback_log(policy, 160))[0])
    assert found["accepted"] == (LEAST_SESSIONS, pytest.approx(QUICK, abs=1e-6))
    assert found["edit_ratio"] == (LEAST_SESSIONS, pytest.approx((QUICK + SLOW) / 2, abs=0.01))


def test_waiting_is_the_same_in_batches_and_from_the_state() -> None:
    policy = feedback_policy(accepted=5.0, edit_ratio=AGE_S)
    log = feedback_log(policy, 160)
    whole, _ = run(log)
    split, _, topic = run_split(log, range(10, len(log), 40))
    assert split.state_records() == whole.state_records() == topic
    stage = new_stage()
    stage.apply(log[:70])
    resumed = new_stage()
    resumed.restore(stage.state_records())
    resumed.apply(log[70:])
    assert resumed.state_records() == whole.state_records()
