"""Buckets, summaries and markers: parents' sums are the sums of their leaves."""

import json
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.schemas.canonical import to_json
from homeostat.schemas.cohort import Layer
from homeostat.schemas.headers import INDEX, MARK, find_header
from homeostat.schemas.summary import Marker, SignalSummary, Summary
from homeostat.schemas.topics import EVIDENCE, SUMMARIES
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import document, rollout
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import messages, new_stage, quick_policy, run

SESSIONS = st.lists(
    st.tuples(
        st.sampled_from(("tenant-1", "tenant-2", "tenant-3")),
        st.sampled_from(("cardiology", "oncology")),
        st.sampled_from(Arm),
        st.integers(0, 1000),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def log_of(sessions: list[tuple[str, str, Arm, int, bool]], quota: int) -> Scenario:
    scenario = Scenario()
    scenario.begin(quick_policy(tenant_records_per_bucket=quota))
    for number, (tenant, specialty, arm, value, shared) in enumerate(sessions):
        message = traces.work(
            number,
            {"edit_ratio": value / 1000, "latency": value / 20},
            tenant=tenant,
            specialty=specialty,
            arm=arm,
            consent="shared" if shared else "tenant",
        )
        scenario.add(traces.trace(message))
        scenario.wait(0.05)
    scenario.tick(10.0)
    return scenario


@given(SESSIONS, st.sampled_from((1000, 3)))
@settings(max_examples=30)
def test_parents_sums_equal_the_sum_of_their_leaves(
    sessions: list[tuple[str, str, Arm, int, bool]], quota: int
) -> None:
    _, outputs = run(log_of(sessions, quota).log)
    told = [Summary.model_validate(message) for message in messages(outputs, SUMMARIES, "records")]
    assert {to_json(summary) for summary in told} <= {output.value for output in outputs}, "not as the contract writes"
    expected: dict[tuple[str, int], list[int]] = defaultdict(list)
    shared_so_far: dict[tuple[str, int], int] = defaultdict(int)
    first_ms = log_of([], quota).log[-1].timestamp - 10_000
    for number, (tenant, specialty, arm, value, shared) in enumerate(sessions):
        if arm is Arm.CANDIDATE:
            continue
        bucket = (first_ms + 50 * number + 2000) // 1000
        expected[f"tenant/{tenant}/-/-/-", bucket].append(value)
        if shared and shared_so_far[tenant, bucket] < quota:
            shared_so_far[tenant, bucket] += 1
            expected[f"specialty/-/{specialty}/-/-", bucket].append(value)
            expected["platform/-/-/-/-", bucket].append(value)
    assert {(s.cohort.key, s.bucket): s.signals["edit_ratio"].sessions for s in told} == {
        key: len(values) for key, values in expected.items()
    }
    for summary in told:
        assert summary.releases or summary.cohort.layer is Layer.TENANT, "only what is shared says its release"
        check_sums(summary.signals["edit_ratio"], expected[summary.cohort.key, summary.bucket])


def check_sums(told: SignalSummary, values: list[int]) -> None:
    fixed = [int(value / 1000 * 2**20 + 0.5) for value in values]
    assert told.total == sum(fixed)
    assert (told.square_high << 62) + told.square_low == sum(x * x for x in fixed)
    assert sum(told.histogram) == told.sessions
    assert told.histogram[31] == sum(x >> 15 >= 31 for x in fixed)


def test_tenants_are_counted_in_shared_layers() -> None:
    sessions = [("tenant-1", "cardiology", Arm.BASELINE, 1, True), ("tenant-2", "oncology", Arm.BASELINE, 1, True),
                ("tenant-3", "oncology", Arm.BASELINE, 1, False)]  # fmt: skip
    _, outputs = run(log_of(sessions, 10).log)
    tenants = {m["cohort"]["layer"]: m["tenants"] for m in messages(outputs, SUMMARIES, "records")}
    assert tenants == {Layer.PLATFORM: 2, Layer.SPECIALTY: 1, Layer.TENANT: 1}


def test_one_marker_to_every_partition_of_both_topics_at_each_buckets_end() -> None:
    scenario = Scenario(partition=2)
    scenario.begin(quick_policy(partitions=3))
    for _ in range(4):
        scenario.tick(0.5)
    scenario.tick(60.0)
    _, outputs = run(scenario.log, new_stage(2, 3))
    markers = [(o.topic, o.partition, Marker.model_validate_json(o.value or b"")) for o in outputs]
    buckets = [marker.bucket for topic, part, marker in markers if (topic, part) == (SUMMARIES, 0)]
    assert buckets == sorted(set(buckets))
    assert buckets[-1] == scenario.now_ms // 1000 - 1
    assert len(markers) == len(buckets) * 2 * 3
    assert {(topic, part) for topic, part, _ in markers} == {(t, p) for t in (SUMMARIES, EVIDENCE) for p in range(3)}
    assert {marker.source_partition for _, _, marker in markers} == {2}


def test_outputs_of_a_record_are_numbered_from_0() -> None:
    scenario = log_of([("tenant-1", "cardiology", Arm.BASELINE, 1, True)] * 1, 10)
    scenario.control(document(rollout()))
    _, outputs = run(scenario.log)
    seen: dict[bytes, list[int]] = defaultdict(list)
    for output in outputs:
        seen[find_header(output.headers, MARK) or b""].append(int(find_header(output.headers, INDEX) or b""))
    assert all(numbers == list(range(len(numbers))) for numbers in seen.values())
    assert all(json.loads(output.value or b"") for output in outputs)
