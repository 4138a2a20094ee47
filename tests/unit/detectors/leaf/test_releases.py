"""Which release an alarm calls the newest of its cohort, and since when."""

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.policy import Budget
from homeostat.schemas.topics import ALARMS
from tests.builders import traces
from tests.builders.documents import BASELINE_DIGEST, CONTROL_DIGEST, START_MS, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import messages, quick_policy, run

USUAL, WORSE = 0.1, 0.9
_GAP_MS = 500
_BUDGET = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.1)


def first_alarm(*works: tuple[float, str]) -> Alarm:
    """The first alarm over sessions with an edit ratio and a release each, half a second apart."""
    scenario = Scenario()
    scenario.begin(quick_policy(signals=(signal("edit_ratio"),), budget=_BUDGET))
    for number, (value, release) in enumerate(works):
        spread = 0.02 * (number % 5)
        scenario.add(traces.trace(traces.work(number, signals={"edit_ratio": value + spread}, release=release)))
        scenario.wait(_GAP_MS / 1000)
    scenario.tick(5.0)
    return Alarm.model_validate(messages(run(scenario.log)[1], ALARMS)[0])


def test_a_new_release_is_there_since_its_first_record() -> None:
    alarm = first_alarm(*[(USUAL, BASELINE_DIGEST)] * 60, *[(WORSE, CONTROL_DIGEST)] * 40)
    assert alarm.releases == (CONTROL_DIGEST, BASELINE_DIGEST)
    assert alarm.release_since_ms == START_MS + 60 * _GAP_MS


def test_so_is_one_that_only_half_of_the_sessions_have() -> None:
    mixed = [(WORSE, CONTROL_DIGEST), (USUAL, BASELINE_DIGEST)] * 60
    alarm = first_alarm(*[(USUAL, BASELINE_DIGEST)] * 60, *mixed)
    assert alarm.releases == (CONTROL_DIGEST, BASELINE_DIGEST)
    assert alarm.release_since_ms == START_MS + 60 * _GAP_MS


def test_one_that_comes_back_for_good_is_the_newest_again() -> None:
    back = [(USUAL, BASELINE_DIGEST)] * 60
    alarm = first_alarm(*back, *[(USUAL, CONTROL_DIGEST)] * 20, *back, *[(WORSE, BASELINE_DIGEST)] * 40)
    assert alarm.releases == (BASELINE_DIGEST, CONTROL_DIGEST)
    assert alarm.release_since_ms == START_MS + 80 * _GAP_MS
