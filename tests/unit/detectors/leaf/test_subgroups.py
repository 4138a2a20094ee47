"""Bands of patients: cohorts of their own, that only say who is affected."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from homeostat.detectors.leaf.place_groups import MAX_GROUPS_OF_TENANT
from homeostat.detectors.triage.lattice import cover, covers, join_tags, overlap, read_tags
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import SealBaseline, SealBaselineDocument
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import BandAxis, Budget, Calendar, PartOfWeek, Policy, Subgroups
from homeostat.schemas.signal import Kind, Role, SignalSpec
from homeostat.schemas.topics import ALARMS, SUMMARIES
from homeostat.schemas.trace import AgeBand, Arm, SexBand
from tests.builders import traces
from tests.builders.documents import START_MS, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import messages, new_stage, quick_policy, run, run_split

BUDGET = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.1)
WATCHED = Subgroups(enabled=True, false_alarms_per_week=100, expected_monitors=1)
BANDS = (
    {"age_band": AgeBand.FROM_80, "sex_band": SexBand.FEMALE},
    {"age_band": AgeBand.FROM_18, "sex_band": SexBand.FEMALE},
    {"age_band": AgeBand.FROM_18, "sex_band": SexBand.MALE},
    {"age_band": AgeBand.FROM_18},
)


def policy_of(*signals: SignalSpec, **fields: Any) -> Policy:
    given = signals or (signal("edit_ratio"),)
    return quick_policy(signals=given, **{"budget": BUDGET, "subgroups": WATCHED, **fields})


def log_of(policy: Policy, count: int, value: Callable[[int], float], **fields: Any) -> list[LogRecord]:
    """A session every half second; of four, one is of a patient over 80."""
    scenario = Scenario()
    scenario.begin(policy)
    for number in range(count):
        tags = {**BANDS[number % 4], "work_time_ms": scenario.now_ms, **fields}
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": value(number)}, **tags)))
        scenario.wait(0.5)
    scenario.tick(5.0)
    return scenario.log


def steady(number: int) -> float:
    return 0.1 + 0.02 * (number % 5)


def worse_for_the_old(number: int) -> float:
    """From session 240 on the work for patients over 80 is worse: a tenth of a point for all together."""
    return steady(number) + (0.5 if number % 4 == 0 and number >= 240 else 0.0)


def alarms_in(log: Sequence[LogRecord]) -> list[Alarm]:
    return [Alarm.model_validate(found) for found in messages(run(log)[1], ALARMS)]


def test_a_band_that_alone_gets_worse_alarms_as_information() -> None:
    alarms = alarms_in(log_of(policy_of(signal("edit_ratio", tolerance=0.2)), 480, worse_for_the_old))
    assert {alarm.cohort.key for alarm in alarms} == {"subgroup/tenant-1/-/scribe/-/age:80"}
    first = alarms[0]
    assert (first.signal, first.direction, first.role) == ("edit_ratio", "up", Role.DIAGNOSTIC)
    assert first.onset_from_ms <= START_MS + 120_000 <= first.onset_to_ms + 2_000
    assert first.observed == pytest.approx(0.63, abs=0.05)
    assert first.affected


def test_steady_work_does_not_alarm() -> None:
    assert alarms_in(log_of(policy_of(), 480, steady)) == []


@pytest.mark.parametrize(
    ("subgroups", "bands"),
    [
        (WATCHED, {"age:18-39", "age:80", "sex:female", "sex:male"}),
        (WATCHED.model_copy(update={"bands": (BandAxis.SEX,)}), {"sex:female", "sex:male"}),
        (Subgroups(), set()),
    ],
)
def test_declared_bands_are_watched_and_unknown_ones_are_none(subgroups: Subgroups, bands: set[str]) -> None:
    world = run(log_of(policy_of(subgroups=subgroups), 20, steady))[0].world
    assert world is not None
    found = {key.band: int(world.cohorts.arrays.moments[slot, 0, 0]) for slot, key in enumerate(world.cohorts.keys)}
    assert set(found) - {""} == bands
    assert found[""] == 20
    assert found.get("sex:female", 10) == 10


def test_subgroups_feed_nothing_else() -> None:
    plain, watched = (run(log_of(policy_of(subgroups=each), 200, steady))[1] for each in (Subgroups(), WATCHED))
    assert messages(watched, SUMMARIES) == messages(plain, SUMMARIES)


def test_other_arms_have_no_subgroups() -> None:
    world = run(log_of(policy_of(), 20, steady, arm=Arm.CANDIDATE))[0].world
    assert world is not None
    assert not any(key.band for key in world.cohorts.keys)


def test_specialties_share_the_subgroups_of_their_workflow() -> None:
    scenario = Scenario()
    scenario.begin(policy_of())
    for number in range(20):
        tags = {**BANDS[0], "specialty": ("cardiology", "oncology")[number % 2]}
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": 0.1}, **tags)))
    scenario.tick(5.0)
    world = run(scenario.log)[0].world
    assert world is not None
    slot = next(slot for slot, key in enumerate(world.cohorts.keys) if key.band == "age:80")
    assert world.cohorts.arrays.moments[slot, 0, 0] == 20


def test_a_tenant_has_so_many_subgroups_and_no_more() -> None:
    scenario = Scenario()
    scenario.begin(policy_of())
    for number in range(MAX_GROUPS_OF_TENANT):
        scenario.add(traces.trace(traces.work(number, {}, workflow=f"w-{number}", **BANDS[0])))
    world = run(scenario.log)[0].world
    assert world is not None
    assert sum(bool(key.band) for key in world.cohorts.keys) == MAX_GROUPS_OF_TENANT


NIGHTS = Calendar(parts=(PartOfWeek(name="night", from_hour=22, to_hour=6),))
KINDS = (
    signal("edit_ratio", spread=True, limit=0.5),
    signal("invented_allergy", kind=Kind.BINARY, role=Role.NEVER),
)


def test_the_state_is_the_same_however_it_was_batched_and_restored() -> None:
    log = log_of(policy_of(*KINDS, calendar=NIGHTS), 480, worse_for_the_old)
    whole, outputs = run(log)
    assert any("band" in alarm["cohort"] for alarm in messages(outputs, ALARMS))
    split, split_outputs, topic = run_split(log, (9, 77, 200, 333))
    assert split_outputs == outputs
    assert split.state_records() == whole.state_records() == topic
    first, before = run(log[:300])
    restored = new_stage()
    restored.restore(first.state_records())
    assert restored.state_records() == first.state_records()
    assert before + restored.apply(log[300:]) == outputs
    assert restored.state_records() == whole.state_records()


def test_a_subgroup_can_be_sealed_anew() -> None:
    scenario = Scenario()
    scenario.log = log_of(policy_of(), 200, steady)
    scenario.now_ms = scenario.log[-1].timestamp
    group = Cohort(layer=Layer.SUBGROUP, tenant="tenant-1", workflow="scribe", band="age:18-39")
    body = SealBaseline(cohort=group, sessions=40)
    scenario.control(SealBaselineDocument(subject=f"seal/{group.key}", subject_version=1, at_ms=START_MS, body=body))
    world = run(scenario.log)[0].world
    assert world is not None
    pending = {key.band for slot, key in enumerate(world.cohorts.keys) if world.cohorts.arrays.pending[slot].any()}
    assert pending == {"age:18-39"}


def test_a_subgroup_has_its_place_in_the_lattice() -> None:
    old = Cohort(layer=Layer.SUBGROUP, tenant="a", workflow="w", band="age:80")
    young = old.model_copy(update={"band": "age:18-39"})
    women = old.model_copy(update={"band": "sex:female"})
    leaf = Cohort(layer=Layer.LEAF, tenant="a", specialty="x", workflow="w", arm=Arm.BASELINE)
    assert overlap(old, women)
    assert overlap(old, leaf)
    assert not overlap(old, young)
    assert covers(Cohort(layer=Layer.TENANT, tenant="a"), old)
    assert not covers(old, leaf)
    assert cover(join_tags([read_tags(old)])).layer is Layer.TENANT_WORKFLOW
    assert Cohort.model_validate_json(old.model_dump_json()) == old
