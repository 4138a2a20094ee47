"""Parents equal the sum of their leaves; order, repeats, batches and restarts do not show."""

import json
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.frames import unframe
from homeostat.schemas.log import Output
from homeostat.schemas.summary import Marker, Summary
from tests.unit.detectors.parents.summaries import (
    BUCKET,
    PLATFORM,
    SOURCES,
    TENANT,
    log_of,
    marker,
    new_stage,
    run,
    summary,
    sums,
)

BUCKETS = 3
_SIGNALS = st.builds(
    sums,
    sessions=st.integers(1, 50),
    mean=st.floats(0, 1),
    log_e=st.lists(st.integers(-(2**33), 2**34), min_size=2, max_size=2),
    down=st.lists(st.integers(-(2**33), 2**34), min_size=2, max_size=2),
)


@st.composite
def leaf_outputs(draw: st.DrawFn) -> list[Summary]:
    """Every (source, bucket) may send a summary of two cohorts, each in two cumulative forms."""
    return [
        summary(source, bucket, mark, cohort, edit_ratio=draw(_SIGNALS))
        for source in range(SOURCES)
        for bucket in range(BUCKETS)
        for cohort in (TENANT, PLATFORM)
        for mark in range(1 + draw(st.integers(0, 1)))
    ]


def final(summaries: list[Summary]) -> list[Summary]:
    newest = {(s.cohort.key, s.bucket, s.source_partition): s for s in sorted(summaries, key=lambda s: s.mark)}
    return list(newest.values())


def all_markers() -> list[Marker]:
    return [marker(source, BUCKETS) for source in range(SOURCES)]


def judged_state(records: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """What was sealed: the cohorts' records, without the counters of repeats."""
    return {key: value for key, value in records.items() if key.startswith(b"cohort/")}


@given(leaf_outputs(), st.randoms(use_true_random=False))
def test_parents_are_the_sum_of_leaves_in_any_order_and_with_repeats(summaries: list[Summary], random: Random) -> None:
    shuffled = summaries * 2
    random.shuffle(shuffled)
    stage, outputs = run([*shuffled, *all_markers()])
    in_order, outputs_in_order = run([*summaries, *all_markers()])
    for cohort in (TENANT, PLATFORM):
        state = stage.cohorts[cohort.key].signals["edit_ratio"]
        leaves = [s.signals["edit_ratio"] for s in final(summaries) if s.cohort == cohort]
        assert state.sessions == sum(leaf.sessions for leaf in leaves)
        assert state.total == sum(leaf.total for leaf in leaves)
        assert state.expected == sum(leaf.expected for leaf in leaves)
        assert state.square_high * 2**62 + state.square_low == sum(
            leaf.square_high * 2**62 + leaf.square_low for leaf in leaves
        )
    assert judged_state(stage.state_records()) == judged_state(in_order.state_records())
    assert len(outputs) == len(outputs_in_order)


@given(leaf_outputs(), st.data())
@settings(max_examples=30)
def test_any_split_into_batches_and_any_restart_gives_the_same_bytes(
    summaries: list[Summary], data: st.DataObject
) -> None:
    log = log_of([*summaries, *all_markers()])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(log)), max_size=5)) | {0, len(log)})
    whole = new_stage()
    expected = whole.apply(log)
    kept: dict[bytes, bytes] = {}
    outputs: list[Output] = []
    for begin, end in pairwise(cuts):
        stage = new_stage()
        stage.restore(kept)
        assert stage.state_records() == (kept or new_stage().state_records())
        outputs += stage.apply(log[begin:end])
        for key, value in stage.drain_changes():
            kept.pop(key, None) if value is None else kept.__setitem__(key, value)
        assert kept == stage.state_records()
    assert outputs == expected
    assert kept == whole.state_records()


@given(leaf_outputs(), st.randoms(use_true_random=False), st.integers(1, 3))
@settings(max_examples=30)
def test_alarms_do_not_depend_on_when_the_markers_come(summaries: list[Summary], random: Random, step: int) -> None:
    by_bucket: list[Summary | Marker] = []
    for bucket in range(BUCKETS):
        by_bucket += [s for s in summaries if s.bucket == BUCKET + bucket]
        if bucket % step == 0 or bucket == BUCKETS - 1:
            by_bucket += [marker(source, bucket) for source in range(SOURCES)]
    early, _ = run(by_bucket)
    late, _ = run([*summaries, *all_markers()])
    assert judged_state(early.state_records()) == judged_state(late.state_records())


def test_the_same_offset_again_changes_nothing() -> None:
    log = log_of([summary(edit_ratio=sums())])
    stage = new_stage()
    stage.apply(log)
    before = stage.state_records()
    assert stage.apply(log) == []
    assert stage.state_records() == before


def test_a_state_record_is_framed_json() -> None:
    stage, _ = run([summary(edit_ratio=sums()), *all_markers()])
    body = json.loads(unframe(stage.state_records()[b"cohort/" + TENANT.key.encode()], 2))
    assert body["signals"]["edit_ratio"]["sessions"] == 10
