"""Complaints that do not come: works are the denominator, and all are judged at the same age."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import BaselineRule, Budget, Calendar, PartOfWeek, Policy, Times
from homeostat.schemas.signal import Carrier, Family, Kind, Role, SignalSpec
from homeostat.schemas.topics import ALARMS, SUMMARIES
from homeostat.schemas.trace import Arm, Consent
from tests.builders import traces
from tests.builders.documents import START_MS, document, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import messages, new_stage, quick_policy, run, run_split

AGE_S, GAP_S = 16.0, 0.2
TIMES = Times(tick_s=0.5, bucket_s=1.0, session_s=2.0, lease_ttl_s=15.0, clock_skew_s=1.0, max_ahead_s=4.0)
BUDGET = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.1)


def complaint(**fields: Any) -> SignalSpec:
    declared = {"kind": Kind.BINARY, "family": Family.OUTCOME, "tolerance": 0.02, "carrier": Carrier.FEEDBACK}
    return signal("complaint", **{**declared, "max_age_s": AGE_S, "absence": True, **fields})


def policy_of(*signals: SignalSpec, **fields: Any) -> Policy:
    given = {"budget": BUDGET, "times": TIMES, "baseline": BaselineRule(first_sessions=200), **fields}
    return quick_policy(signals=(signal("edit_ratio"), *signals), **given)


def log_of(policy: Policy, told: Sequence[float | None], **fields: Any) -> list[LogRecord]:
    """A work every 0.2 s, of whose session somebody complains after so many seconds; None for never."""
    scenario = Scenario()
    scenario.begin(policy)
    begun_ms = scenario.now_ms
    works = [(GAP_S * number, number, 0) for number in range(len(told))]
    late = [(GAP_S * n + after_s, n, 1) for n, after_s in enumerate(told) if after_s is not None]
    for at_s, number, is_feedback in sorted([*works, *late]):
        scenario.now_ms = begun_ms + round(1000 * at_s)
        tags = {"work_time_ms": begun_ms + round(1000 * GAP_S * number), **fields}
        if is_feedback:
            scenario.add(traces.trace(traces.feedback(number, {"complaint": 1.0}, **tags)))
        else:
            scenario.add(traces.trace(traces.work(number, {"edit_ratio": 0.2}, **tags)))
    scenario.tick(AGE_S + 3.0)
    return scenario.log


def draw(shares: Sequence[tuple[int, float]], seed: int = 7) -> list[float | None]:
    """For each of so many works a complaint with this probability, within the age."""
    random = Random(seed)
    return [random.uniform(0.5, AGE_S - 1.0) if random.random() < p else None for n, p in shares for _ in range(n)]


def alarms_in(log: Sequence[LogRecord]) -> list[Alarm]:
    return [Alarm.model_validate(found) for found in messages(run(log)[1], ALARMS)]


def test_works_nobody_complains_of_are_the_denominator() -> None:
    told = draw([(600, 0.2)])
    stage, outputs = run(log_of(policy_of(complaint()), told))
    world = stage.world
    assert world is not None
    column = world.plan.column["complaint"]
    counted, total = world.cohorts.arrays.moments[0, column, :2].tolist()
    first = next(n for n in range(600) if (START_MS + 200 * n) // 1000 > START_MS // 1000)
    assert counted == 600 - first
    assert total == sum(after_s is not None for after_s in told[first:]) << 20
    sealed = -(-(200 + first) // 5) * 5
    ones = sum(after_s is not None for after_s in told[first:sealed])
    _, mean, lower, upper = world.cohorts.arrays.reference[0, column].tolist()
    assert rate_lower_bound(sealed - first, ones, 0.05) <= lower < mean < upper
    assert world.cohorts.arrays.learned[0, column, [0, 4]].tolist() == [600 - sealed, sealed - first]
    summed = [
        m["signals"]["complaint"]
        for m in messages(outputs, SUMMARIES, "records")
        if "complaint" in m.get("signals", {})
    ]
    assert sum(part["sessions"] for part in summed) == 3 * counted
    assert sum(part["total"] for part in summed) == 3 * total


def test_a_stable_share_does_not_alarm() -> None:
    assert alarms_in(log_of(policy_of(complaint()), draw([(2500, 0.2)]))) == []


def test_a_share_that_doubles_alarms_at_equal_age_and_is_dated_by_the_work() -> None:
    alarms = alarms_in(log_of(policy_of(complaint()), draw([(1000, 0.2), (1000, 0.45)])))
    assert {(alarm.signal, alarm.direction) for alarm in alarms} == {("complaint", "up")}
    changed_ms = START_MS + 200_000
    first = alarms[0]
    assert first.onset_from_ms <= changed_ms <= first.onset_to_ms
    assert first.log_time_ms > changed_ms + 1000 * AGE_S
    assert first.log_time_ms < changed_ms + 1000 * AGE_S + 60_000
    assert first.observed > first.bound + first.tolerance
    assert first.observed_sessions >= 5
    assert set(first.affected) <= {derive_id("session", number) for number in range(900, 2000)}
    assert first.affected


def test_complaints_beyond_the_age_are_counted_apart() -> None:
    stage, _ = run(log_of(policy_of(complaint()), [AGE_S + 5.0] * 100))
    world = stage.world
    assert world is not None
    assert world.cohorts.arrays.moments[0, world.plan.column["complaint"], 1] == 0
    assert stage.counts["feedback_too_old"] == 100


def test_a_session_counts_once_however_often_it_is_complained_of() -> None:
    policy = policy_of(complaint(), signal("edits", carrier=Carrier.FEEDBACK))
    log = log_of(policy, [None] * 20)
    scenario = Scenario()
    scenario.log, scenario.now_ms = log[:-1], log[-2].timestamp
    tags = {"session": derive_id("session", 12), "work_time_ms": START_MS + 2400}
    for number in range(4):
        signals = {"complaint": 1.0, "edits": 0.5}
        scenario.add(traces.trace(traces.feedback(("again", number), signals, **tags)))
        scenario.wait(2.1)
    scenario.tick(AGE_S + 3.0)
    world = run(scenario.log)[0].world
    assert world is not None
    assert world.cohorts.arrays.moments[0, world.plan.column["complaint"], 1] == 1 << 20
    assert world.cohorts.arrays.moments[0, world.plan.column["edits"], 0] == 2


def test_feedback_on_works_that_were_not_seen_says_nothing() -> None:
    scenario = Scenario()
    scenario.begin(policy_of(complaint()))
    scenario.wait(3.0)
    tags = {"work_time_ms": scenario.now_ms}
    scenario.add(traces.trace(traces.feedback(1, {"complaint": 1.0}, **tags)))
    scenario.tick(AGE_S + 3.0)
    stage, _ = run(scenario.log)
    assert stage.counts["feedback_without_work"] == 1
    world = stage.world
    assert world is not None
    assert world.cohorts.arrays.moments[0, world.plan.column["complaint"], 0] == 0


def test_what_is_not_shared_feeds_its_own_tenant_only() -> None:
    _, outputs = run(log_of(policy_of(complaint()), draw([(100, 0.2)]), consent=Consent.TENANT))
    summed = [m for m in messages(outputs, SUMMARIES, "records") if "complaint" in m.get("signals", {})]
    assert {m["cohort"]["layer"] for m in summed} == {"tenant"}


def test_arms_are_waited_for_apart() -> None:
    log = log_of(policy_of(complaint()), draw([(100, 0.2)]), arm=Arm.CANDIDATE)
    stage, outputs = run(log)
    world = stage.world
    assert world is not None
    column = world.plan.column["complaint"]
    counts = {key.arm: world.cohorts.arrays.moments[slot, column, 0] for slot, key in enumerate(world.cohorts.keys)}
    assert counts[Arm.BASELINE] == 0 < counts[Arm.CANDIDATE]
    assert not [m for m in messages(outputs, SUMMARIES, "records") if "complaint" in m.get("signals", {})]


NIGHTS = Calendar(parts=(PartOfWeek(name="night", from_hour=22, to_hour=6),))


@pytest.mark.parametrize("cuts", [(9, 300, 301, 777), range(0, 1400, 7)])
def test_the_state_is_the_same_however_it_was_batched_and_restored(cuts: Sequence[int]) -> None:
    soon = complaint(max_age_s=5.0).model_copy(update={"name": "call_repeated"})
    policy = policy_of(complaint(), soon, signal("edits", carrier=Carrier.FEEDBACK), calendar=NIGHTS)
    log = log_of(policy, draw([(700, 0.2), (400, 0.6)]))
    whole, outputs = run(log)
    assert messages(outputs, ALARMS)
    split, split_outputs, topic = run_split(log, [cut for cut in cuts if cut < len(log)])
    assert split_outputs == outputs
    assert split.state_records() == whole.state_records() == topic
    half = len(log) * 2 // 3
    first, before = run(log[:half])
    restored = new_stage()
    restored.restore(first.state_records())
    assert restored.state_records() == first.state_records()
    assert before + restored.apply(log[half:]) == outputs
    assert restored.state_records() == whole.state_records()


def test_another_policy_keeps_what_is_waited_for_and_another_age_begins_anew() -> None:
    policy = policy_of(complaint())
    log = log_of(policy, draw([(600, 0.2)]))
    stage, _ = run(log[:-1])
    world = stage.world
    assert world is not None
    held = world.cohorts.arrays.works[0].copy()
    scenario = Scenario()
    scenario.log, scenario.now_ms = log[:-1], log[-2].timestamp
    widened = policy_of(signal("more"), signal("edits", carrier=Carrier.FEEDBACK), complaint(tolerance=0.1))
    scenario.control(document(widened, version=2))
    stage.apply(scenario.log[len(log) - 1 :])
    assert world.cohorts.arrays.works[0].tolist() == held.tolist()
    assert world.cohorts.arrays.reference[0, world.plan.column["complaint"], 0] > 0
    scenario.control(document(policy_of(complaint(max_age_s=2 * AGE_S)), version=3))
    scenario.tick(1.0)
    stage.apply(scenario.log[len(log) :])
    assert not world.cohorts.arrays.works[0].any()
    assert world.cohorts.arrays.reference[0, world.plan.column["complaint"], 0] == 0
    whole, _ = run(scenario.log)
    assert stage.state_records() == whole.state_records()


def test_a_long_silence_is_passed_over() -> None:
    scenario = Scenario()
    scenario.begin(policy_of(complaint()))
    for number in range(3):
        scenario.wait(2.0)
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": 0.2}, work_time_ms=scenario.now_ms)))
        scenario.tick(1_000_000.0)
    world = run(scenario.log)[0].world
    assert world is not None
    assert world.cohorts.arrays.moments[0, world.plan.column["complaint"], 0] == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": Kind.BOUNDED},
        {"max_age_s": None},
        {"carrier": Carrier.WORK, "max_age_s": None},
        {"role": Role.GUARDRAIL},
        {"role": Role.NEVER},
        {"spread": True},
    ],
)
def test_only_a_watched_binary_signal_of_feedback_can_be_absent(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="absence means 0 only"):
        complaint(**fields)


def test_buckets_of_works_fit_their_ring() -> None:
    plan = Plan(policy_of(complaint(max_age_s=1.0), times=TIMES.model_copy(update={"max_ahead_s": 300.0})))
    length_ms, age_ms = plan.absent_times(plan.column["complaint"])
    assert (length_ms, age_ms) == (37_500, 1000)
