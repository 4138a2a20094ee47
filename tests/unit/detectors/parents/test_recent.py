"""What a parent remembers of its newest buckets: bounded, exact where it speaks, and beside its alarms."""

import numpy as np
import pytest

from homeostat.detectors.parents.recent import MAX_BLOCKS, Recent, restore_recent, stack_sums
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.summary import ServedRelease
from tests.unit.detectors.parents.summaries import BUCKET, NAT, SOURCES, marker, new_stage, run, summary, sums

BUCKETS = 3000


def remember(count: int) -> Recent:
    recent = Recent()
    for bucket in range(count):
        recent.add(bucket, np.array([[1.0, bucket, 0.0, 1.0, 0.5]]))
    return recent


@pytest.mark.parametrize("age", [1, 2, 3, 7, 50, 999, BUCKETS])
def test_what_is_given_lies_since_the_onset_and_is_at_least_half_of_it(age: int) -> None:
    count, total, *_ = remember(BUCKETS).since(BUCKETS - age).sum(axis=0).tolist()
    assert age / 2 <= count <= age
    assert total == sum(range(BUCKETS - int(count), BUCKETS)), "the newest buckets, without a hole"


def test_it_is_bounded_and_the_same_after_a_restart() -> None:
    recent, kept = Recent(), dict[bytes, bytes]()
    for bucket in range(BUCKETS):
        recent.add(bucket, np.full((1 + bucket // 1000, 5), 1.0))
        for key, value in recent.drain_changes(b"tenant/a/-/-/-"):
            kept.pop(key, None) if value is None else kept.__setitem__(key, value)
    assert len(kept) <= MAX_BLOCKS
    assert kept == recent.state_records(b"tenant/a/-/-/-")
    again = restore_recent(kept)["tenant/a/-/-/-"]
    assert again.state_records(b"tenant/a/-/-/-") == kept
    assert np.array_equal(again.since(0), recent.since(0))
    with pytest.raises(StateCorrupt):
        restore_recent({key: value[:-3] for key, value in kept.items()})


def test_sums_are_on_the_column_s_scale() -> None:
    rows = stack_sums(["a", "b"], {"b": sums(10, 0.5)})
    assert rows[0].tolist() == [0.0] * 5
    assert rows[1].tolist() == [10.0, 5.0, 2.5, 10.0, 2.5]


def test_an_alarm_brings_what_stood_beside_it_since_its_onset() -> None:
    calm, shifted = sums(log_e=(-NAT, -NAT), down=(0, 0)), sums(mean=0.75, log_e=(30 * NAT, 6 * NAT), down=(0, 0))
    messages = [
        message
        for bucket, (edits, latency) in enumerate([(calm, 0.25), (calm, 0.25), (shifted, 0.5)])
        for message in (
            summary(0, bucket, bucket, edit_ratio=edits, omission=sums(mean=latency), unknown_name=sums()),
            *[marker(source, bucket) for source in range(SOURCES)],
        )
    ]
    stage, outputs = run(messages)
    alarm, _ = parse_message(Alarm, outputs[0].value)
    (beside,) = alarm.companions
    assert (beside.signal, beside.observed, beside.baseline, beside.sessions) == ("omission", 0.5, 0.25, 10)
    assert beside.low <= 0.5 <= beside.high
    assert beside.bound_low <= 0.25 <= beside.bound_high
    restored = new_stage()
    restored.restore(stage.state_records())
    assert restored.state_records() == stage.state_records()
    assert stage.cohorts[alarm.cohort.key].last_bucket == BUCKET + 2


def test_a_column_of_which_many_sessions_have_no_baseline_is_not_compared() -> None:
    calm, shifted = sums(log_e=(-NAT, -NAT), down=(0, 0)), sums(mean=0.75, log_e=(30 * NAT, 6 * NAT), down=(0, 0))
    young = sums().model_copy(update={"bet_sessions": 8})
    messages = [
        message
        for bucket, edits in enumerate([calm, shifted])
        for message in (
            summary(0, bucket, bucket, edit_ratio=edits, omission=young),
            *[marker(source, bucket) for source in range(SOURCES)],
        )
    ]
    alarm, _ = parse_message(Alarm, run(messages)[1][0].value)
    assert alarm.companions == ()


OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SERVED_OLD = ServedRelease(release=OLD)
SERVED_NEW = ServedRelease(release=NEW, since_ms=5000)


def alarm_with(*served: tuple[ServedRelease, ...]) -> Alarm:
    """The alarm of the second bucket's shift, by what was served in each."""
    calm, shifted = sums(log_e=(-NAT, -NAT), down=(0, 0)), sums(mean=0.75, log_e=(30 * NAT, 6 * NAT), down=(0, 0))
    messages = [
        message
        for bucket, (edits, releases) in enumerate(zip([calm, shifted], served, strict=True))
        for message in (
            summary(0, bucket, bucket, edit_ratio=edits).model_copy(update={"releases": releases}),
            *[marker(source, bucket) for source in range(SOURCES)],
        )
    ]
    return parse_message(Alarm, run(messages)[1][0].value)[0]


def test_an_alarm_says_the_release_that_all_leaves_have() -> None:
    changed = alarm_with((SERVED_OLD,), (SERVED_NEW,))
    assert (changed.releases, changed.release_since_ms) == ((NEW, OLD), 5000)
    kept = alarm_with((SERVED_OLD,), (SERVED_OLD,))
    assert (kept.releases, kept.release_since_ms) == ((OLD,), None)
    mixed = alarm_with((SERVED_OLD,), (SERVED_NEW, SERVED_OLD))
    assert (mixed.releases, mixed.release_since_ms) == ((), None)
