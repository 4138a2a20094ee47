"""Pools of references: what a partition's tenants add, and what a cohort without a reference borrows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.pools import Home
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.statistics.between_tenants import predict_tenant
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.policy import Budget
from homeostat.schemas.pool import ReferencePool
from homeostat.schemas.topics import ALARMS, SUMMARIES
from tests.builders import traces
from tests.builders.documents import START_MS, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import (
    LEAST_SESSIONS,
    messages,
    new_stage,
    pooled_document,
    quick_policy,
    run,
    run_split,
)

ONE = 2**20
STRICT = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.02)
POLICY = quick_policy(signals=(signal("edit_ratio"),), budget=STRICT)
SCRIBE = Cohort(layer=Layer.WORKFLOW, workflow="scribe")


class Clinics:
    """A partition's log: sessions of tenants, one a tenth of a second."""

    def __init__(self, **fields: Any) -> None:
        self.scenario = Scenario()
        self.policy = POLICY.model_copy(update=fields)
        self.scenario.begin(self.policy)
        self._count = 0

    def work(self, tenant: str, values: Sequence[float], **tags: Any) -> None:
        for value in values:
            self._count += 1
            message = traces.work(self._count, {"edit_ratio": value}, tenant=tenant, **tags)
            self.scenario.add(traces.trace(message))
            self.scenario.wait(0.1)

    def settle(self) -> None:
        """Let all sessions close, and their buckets end."""
        self.scenario.tick(5.0)
        self.scenario.tick(2.0)

    def lend(self, means: Sequence[float], editions: dict[int, int] | None = None, version: int = 1) -> None:
        self.scenario.control(pooled_document(self.policy, means, editions, version))

    def stage(self) -> LeafStage:
        return run(self.scenario.log)[0]


def pools_of(stage_log: Sequence[Any]) -> list[ReferencePool]:
    return [ReferencePool.model_validate(found) for found in messages(run(stage_log)[1], SUMMARIES, "edition")]


def values_about(mean: float, count: int = LEAST_SESSIONS) -> list[float]:
    return [round(mean + 0.05 * (-1) ** number, 4) for number in range(count)]


def borrowed_of(stage: LeafStage, tenant: str) -> Floats:
    """(tenants, mean, lower, upper) that the tenant's only leaf borrows for edit_ratio."""
    world = stage.world
    assert world is not None
    (slot,) = [slot for key, slot in world.cohorts.slots.items() if key.tenant == tenant]
    found: Floats = world.cohorts.arrays.borrowed[slot, 0]
    return found


def test_a_tenant_adds_one_mean_however_many_leaves_it_has() -> None:
    clinics = Clinics()
    clinics.work("tenant-1", values_about(0.2), specialty="cardiology")
    clinics.work("tenant-1", values_about(0.4), specialty="oncology")
    clinics.work("tenant-2", values_about(0.5))
    clinics.settle()
    newest = pools_of(clinics.scenario.log)[-1]
    means = [round(mean * ONE) for mean in (0.3, 0.5)]
    found = newest.signals["edit_ratio"]
    assert (newest.cohort, found.tenants) == (SCRIBE, 2)
    assert found.total == pytest.approx(sum(means), abs=2)
    assert found.squares == pytest.approx(sum(m * m for m in means), rel=1e-5)


def test_a_pool_is_told_when_it_has_changed_only() -> None:
    clinics = Clinics()
    clinics.work("tenant-1", values_about(0.2, 90))
    clinics.settle()
    assert len(pools_of(clinics.scenario.log)) == 1


def test_what_is_not_shared_is_in_no_pool() -> None:
    clinics = Clinics()
    clinics.work("tenant-1", values_about(0.2), consent="tenant")
    clinics.settle()
    assert pools_of(clinics.scenario.log) == []


def test_of_a_tenant_that_shares_some_only_that_counts() -> None:
    clinics = Clinics(baseline=POLICY.baseline.model_copy(update={"first_sessions": 2 * LEAST_SESSIONS}))
    for value in values_about(0.2):
        clinics.work("tenant-1", [value])
        clinics.work("tenant-1", [0.9], consent="tenant")
    clinics.settle()
    (found,) = pools_of(clinics.scenario.log)
    assert found.signals["edit_ratio"].total == pytest.approx(0.2 * ONE, abs=2)


def test_shards_away_from_their_tenants_home_add_nothing() -> None:
    tenants = [f"tenant-{number}" for number in range(200)]
    homes = [[place for place in range(4) if Home(place, 4).holds(tenant)] for tenant in tenants]
    assert all(len(found) == 1 for found in homes)
    assert len({found[0] for found in homes}) == 4


def test_a_new_tenant_borrows_from_three_others_or_none() -> None:
    clinics = Clinics()
    clinics.work("tenant-5", [0.2])
    clinics.lend([0.1, 0.2, 0.3])
    expected = predict_tenant(
        np.array([3.0]), np.array([0.6]), np.array([0.14]), np.array([0.05]), STRICT.baseline_delta / 2
    )
    assert borrowed_of(clinics.stage(), "tenant-5").tolist() == pytest.approx([3.0, *expected[0]], abs=1e-5)
    clinics.work("tenant-6", [0.2])
    assert borrowed_of(clinics.stage(), "tenant-6").tolist() == borrowed_of(clinics.stage(), "tenant-5").tolist()


def test_a_tenants_own_part_is_taken_off() -> None:
    clinics = Clinics()
    clinics.work("tenant-1", values_about(0.25))
    clinics.settle()
    (pool,) = pools_of(clinics.scenario.log)
    others = [0.1, 0.2, 0.3]
    clinics.lend([*others, 0.25], {0: pool.edition})
    alone = Clinics()
    alone.work("tenant-5", [0.2])
    alone.lend(others)
    expected = borrowed_of(alone.stage(), "tenant-5")
    assert borrowed_of(clinics.stage(), "tenant-1").tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    clinics.lend([*others[:2], 0.25], {0: pool.edition}, version=2)
    assert borrowed_of(clinics.stage(), "tenant-1").tolist() == [0.0] * 4, "two others are too few"


def test_an_edition_from_before_a_tenants_part_does_not_hold_it() -> None:
    clinics = Clinics()
    clinics.work("tenant-1", values_about(0.25))
    clinics.settle()
    (pool,) = pools_of(clinics.scenario.log)
    clinics.lend([0.1, 0.2, 0.3], {0: pool.edition - 1})
    assert borrowed_of(clinics.stage(), "tenant-1")[0] == 3


def test_a_column_that_means_something_else_is_not_borrowed() -> None:
    clinics = Clinics()
    clinics.work("tenant-5", [0.2])
    other = quick_policy(signals=(signal("edit_ratio", high=10.0),))
    clinics.scenario.control(pooled_document(other, [0.1, 0.2, 0.3]))
    assert borrowed_of(clinics.stage(), "tenant-5").tolist() == [0.0] * 4


def alarms_of(clinics: Clinics) -> list[Alarm]:
    clinics.settle()
    return [Alarm.model_validate(found) for found in messages(run(clinics.scenario.log)[1], ALARMS)]


WEEK_S = 604_800
OTHERS = [0.18, 0.2, 0.21, 0.19, 0.22, 0.2]


def test_a_broken_beginning_alarms_before_there_is_a_baseline() -> None:
    clinics = Clinics()
    clinics.work("tenant-5", [0.2])
    clinics.lend(OTHERS)
    clinics.work("tenant-5", values_about(0.7, LEAST_SESSIONS - 4))
    found = alarms_of(clinics)
    assert found[0].plug_in
    assert (found[0].baseline_sessions, found[0].harmful) == (0, True)
    assert found[0].baseline == pytest.approx(0.2, abs=1e-3)
    assert found[0].baseline < found[0].bound < 0.5


def test_five_notes_a_week_are_watched_from_the_first_one() -> None:
    clinics = Clinics(budget=Budget())
    clinics.lend(OTHERS)
    for value in values_about(0.8):
        clinics.work("tenant-5", [value])
        clinics.scenario.tick(WEEK_S / 5)
    alarm = alarms_of(clinics)[0]
    assert alarm.plug_in
    assert alarm.log_time_ms < START_MS + 6 * WEEK_S * 1000


def test_an_ordinary_beginning_does_not_alarm() -> None:
    clinics = Clinics()
    clinics.lend(OTHERS)
    for tenant in range(6):
        clinics.work(f"tenant-{tenant}", values_about(0.17 + 0.01 * tenant, 60))
    assert alarms_of(clinics) == []


def test_an_own_baseline_takes_the_borrowed_ones_place_and_evidence_begins_anew() -> None:
    clinics = Clinics()
    clinics.lend(OTHERS)
    clinics.work("tenant-5", values_about(0.6, LEAST_SESSIONS - 2))
    clinics.settle()
    before = clinics.stage().world
    assert before is not None
    assert before.cohorts.arrays.evidence[0, 0, 0].max() > 20.0
    clinics.work("tenant-5", values_about(0.6, 8))
    clinics.settle()
    world = clinics.stage().world
    assert world is not None
    rows = world.cohorts.arrays
    assert rows.reference[0, 0, 0] == LEAST_SESSIONS
    assert rows.evidence[0, 0].max() < 1.0
    assert rows.null[0, 0, 0] == rows.reference[0, 0, 3] + 0.05


def test_monitors_that_begin_by_a_document_begin_then() -> None:
    clinics = Clinics()
    clinics.work("tenant-5", [0.2])
    clinics.scenario.tick(500.0)
    clinics.lend(OTHERS)
    world = clinics.stage().world
    assert world is not None
    assert world.cohorts.arrays.last_ms[0, 0] == clinics.scenario.now_ms


def test_the_state_is_the_same_however_it_was_batched_and_restored() -> None:
    clinics = Clinics()
    for version in range(1, 12):
        clinics.work(f"tenant-{version % 5}", values_about(0.02 * version, 20), specialty=f"s{version % 3}")
        clinics.scenario.tick(3.0)
        clinics.lend(OTHERS, {0: START_MS + 7000 * version}, version)
    clinics.settle()
    log = clinics.scenario.log
    whole, outputs = run(log)
    split, split_outputs, topic = run_split(log, range(3, len(log), 29))
    assert split_outputs == outputs
    assert split.state_records() == whole.state_records() == topic
    for cut in range(20, len(log), 40):
        restored, (first, before) = new_stage(), run(log[:cut])
        restored.restore(first.state_records())
        assert before + restored.apply(log[cut:]) == outputs
        assert restored.state_records() == whole.state_records()
        assert restored.world is not None
        assert whole.world is not None
        assert np.array_equal(restored.world.cohorts.arrays.borrowed, whole.world.cohorts.arrays.borrowed)
