"""When a bucket is sealed, what is refused or counted, and what a silent source costs."""

import pytest
from river import stats

from homeostat.detectors.parents.buckets import MAX_OPEN_BUCKETS
from homeostat.detectors.parents.stage import ParentsStage
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.control import MissingSource
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.headers import output_headers
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.signal import Direction
from homeostat.schemas.topics import ALARMS, DEAD_LETTERS, SUMMARIES
from tests.builders.keys import trust
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft
from tests.unit.detectors.parents.summaries import (
    BUCKET,
    NAT,
    PLATFORM,
    SOURCES,
    TENANT,
    draft,
    marker,
    new_stage,
    run,
    summary,
    sums,
)


def declare_missing(scenario: Scenario, source: int) -> None:
    scenario.control(
        MissingSource(
            topic=SUMMARIES,
            partition=0,
            at_ms=scenario.now_ms,
            source_topic="traces.v1",
            source_partition=source,
            last_mark=0,
        )
    )


def test_a_bucket_waits_for_every_source() -> None:
    messages = [summary(edit_ratio=sums()), marker(0), marker(1)]
    stage, _ = run(messages)
    assert not stage.cohorts
    stage, _ = run([*messages, marker(2)])
    assert stage.cohorts[TENANT.key].buckets == 1
    assert stage.cohorts[TENANT.key].no_data == 0


def test_a_missing_source_is_not_waited_for_and_named() -> None:
    scenario = Scenario(SUMMARIES)
    scenario.begin()
    for message in (summary(edit_ratio=sums()), marker(0), marker(1)):
        scenario.add(draft(message))
    declare_missing(scenario, 2)
    stage = new_stage()
    stage.apply(scenario.log)
    assert stage.cohorts[TENANT.key].no_data == 1
    assert stage.no_data == {2: 1}
    scenario.add(draft(summary(2, edit_ratio=sums())))
    scenario.add(draft(marker(2, 0)))
    scenario.add(draft(summary(0, 1, edit_ratio=sums())))
    for source in (0, 1):
        scenario.add(draft(marker(source, 1)))
    stage.apply(scenario.log)
    assert stage.counts["summary_late"] == 1
    assert stage.cohorts[TENANT.key].buckets == 1, "the source has spoken again and is waited for"


def test_a_repeat_of_a_sealed_summary_is_no_late_one() -> None:
    stage, _ = run([summary(edit_ratio=sums()), *[marker(s) for s in range(SOURCES)], summary(edit_ratio=sums())])
    assert stage.counts["summary_repeat"] == 1
    assert "summary_late" not in stage.counts
    assert stage.cohorts[TENANT.key].signals["edit_ratio"].sessions == 10


def test_a_source_silent_for_ever_does_not_grow_memory() -> None:
    stage, _ = run(
        [
            message
            for bucket in range(3 * MAX_OPEN_BUCKETS)
            for message in (summary(0, bucket, bucket, edit_ratio=sums()), marker(0, bucket), marker(1, bucket))
        ]
    )
    open_records = [key for key in stage.state_records() if key.startswith(b"open/")]
    assert len(open_records) <= MAX_OPEN_BUCKETS + 1
    assert stage.cohorts[TENANT.key].no_data >= 2 * MAX_OPEN_BUCKETS - 1
    assert set(stage.no_data) == {2}


def test_until_a_snapshot_was_seen_data_is_only_counted() -> None:
    scenario = Scenario(SUMMARIES)
    scenario.add(draft(summary(edit_ratio=sums())))
    stage = new_stage()
    stage.apply(scenario.log)
    assert stage.counts == {"not_evaluated": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (draft(summary(source=SOURCES, edit_ratio=sums())), "out_of_range"),
        (draft(marker(partition_count=SOURCES + 1)), "out_of_range"),
        (Draft(b"k", b"{}", ()), "unknown_type"),
        (Draft(b"k", b"not json", output_headers("homeostat.summary", "leaf", 0, 0, 0)), "not_json"),
        (Draft(b"k", None, output_headers("homeostat.summary", "leaf", 0, 0, 0)), "not_json"),
        (Draft(b"k", b"x", [("hs-control", b"tick")]), "signature_missing"),
        (Draft(b"k", b"x", [("hs-control", b"no-such")]), "unknown_type"),
    ],
)
def test_what_cannot_be_read_is_counted_and_the_stream_goes_on(bad: Draft, reason: str) -> None:
    scenario = Scenario(SUMMARIES)
    scenario.begin()
    scenario.add(bad)
    scenario.add(draft(summary(edit_ratio=sums())))
    stage = new_stage()
    assert [output.topic for output in stage.apply(scenario.log)] == [DEAD_LETTERS]
    assert stage.counts == {f"refused_{reason}": 1, "summary_added": 1}
    assert stage.next_offset == len(scenario.log)


def test_a_crossing_becomes_an_alarm_with_its_numbers() -> None:
    calm, shifted = sums(log_e=(-NAT, -NAT // 2), down=(0, 0)), sums(mean=0.75, log_e=(30 * NAT, 6 * NAT), down=(0, 0))
    stage, outputs = run(
        [
            message
            for bucket, values in enumerate((calm, calm, shifted, calm))
            for message in (
                summary(0, bucket, bucket, edit_ratio=values),
                *[marker(source, bucket) for source in range(SOURCES)],
            )
        ]
    )
    assert [output.topic for output in outputs] == [ALARMS]
    assert outputs[0].key == b"platform"
    alarm, _ = parse_message(Alarm, outputs[0].value)
    assert (alarm.cohort, alarm.signal, alarm.direction) == (TENANT, "edit_ratio", Direction.UP)
    assert alarm.harmful
    assert alarm.evidence >= alarm.threshold
    assert (alarm.observed, alarm.observed_sessions) == (0.75, 10)
    assert alarm.baseline == 0.25
    assert (alarm.onset_from_ms, alarm.onset_to_ms) == ((BUCKET + 2) * 1000, (BUCKET + 3) * 1000)
    assert outputs[0].timestamp == alarm.log_time_ms
    assert stage.cohorts[TENANT.key].monitors.wealth_of("edit_ratio", Direction.UP).size


def test_the_weight_is_that_of_the_time_since_the_last_step() -> None:
    def wealth(second_bucket: int) -> float:
        stage, _ = run(
            [
                *[summary(0, bucket, edit_ratio=sums(log_e=(0,))) for bucket in (0, second_bucket)],
                *[marker(source, second_bucket) for source in range(SOURCES)],
            ]
        )
        return float(stage.cohorts[TENANT.key].monitors.wealth_of("edit_ratio", Direction.UP)[0])

    assert wealth(9) == pytest.approx(5 * wealth(1))


def test_a_summary_in_the_wrong_partition_is_refused() -> None:
    partition = 1 - partition_of(TENANT.key.encode(), 2)
    scenario = Scenario(SUMMARIES, partition)
    scenario.begin()
    scenario.add(draft(summary(edit_ratio=sums())))
    stage = ParentsStage(partition, 2, SOURCES, trust())
    stage.apply(scenario.log)
    assert stage.counts == {"refused_wrong_partition": 1}


def test_a_missing_source_that_has_spoken_since_is_not_missing() -> None:
    scenario = Scenario(SUMMARIES)
    scenario.begin()
    scenario.add(draft(marker(2, bucket=0, mark=7)))
    declare_missing(scenario, 2)
    for message in (summary(0, 1, edit_ratio=sums()), marker(0, 1), marker(1, 1)):
        scenario.add(draft(message))
    stage = new_stage()
    stage.apply(scenario.log)
    assert not stage.cohorts, "its marker is newer than the one that control saw"


def test_moments_are_rivers() -> None:
    values = [0.25, 0.25, 0.25, 0.75]
    stage, _ = run(
        [
            summary(0, edit_ratio=sums(3, 0.25)),
            summary(1, edit_ratio=sums(1, 0.75)),
            *[marker(source) for source in range(SOURCES)],
        ]
    )
    river = stats.Var()
    for value in values:
        river.update(value)
    moments = stage.cohorts[TENANT.key].signals["edit_ratio"].moments()
    assert (moments.n, moments.mean.get()) == (4, river.mean.get())
    assert moments.get() == pytest.approx(river.get())


def test_more_cohorts_than_can_be_watched_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeostat.detectors.parents.stage.MAX_COHORTS", 1)
    stage, _ = run(
        [
            summary(0, cohort=TENANT, edit_ratio=sums()),
            summary(0, cohort=PLATFORM, edit_ratio=sums()),
            *[marker(source) for source in range(SOURCES)],
        ]
    )
    assert len(stage.cohorts) == 1
    assert stage.counts["cohort_limit"] == 1


@pytest.mark.parametrize("wrong", [b"open/00000000000000000009/x/0", None])
def test_state_that_does_not_fit_its_key_is_corrupt(wrong: bytes | None) -> None:
    stage, _ = run([summary(edit_ratio=sums())])
    records = stage.state_records()
    key = next(key for key in records if key.startswith(b"open/"))
    if wrong is None:
        records[key] = records[key][:-1] + b"?"
    else:
        records[wrong] = records.pop(key)
    with pytest.raises(StateCorrupt):
        new_stage().restore(records)
