"""Sessions: the unit of sampling is their mean; late records, yields and consent."""

import json

import pytest

from homeostat.detectors.leaf.arrays import CANDIDATE_MISSING, CANDIDATE_STARTS, CONTROL_STARTS, LATE_RECORDS
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.exposure import ExposureReport
from homeostat.schemas.headers import CONTENT_TYPE
from homeostat.schemas.policy import OnUnknown
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import EVIDENCE, SUMMARIES
from homeostat.schemas.trace import Arm, Consent
from tests.builders import traces
from tests.builders.documents import START_MS, document, policy, rollout
from tests.builders.keys import sign
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import arm_trace, messages, new_stage, run

SESSION = derive_id("one session")
ONE = 2**20


def moments(stage: LeafStage, signal: str, slot: int = 0) -> tuple[int, int]:
    """(sessions, sum at 2⁻²⁰) of a signal in a slot."""
    world = stage.world
    assert world is not None
    n, total, *_ = world.cohorts.arrays.moments[slot, world.plan.column[signal]].tolist()
    return n, total


def begun(**fields: object) -> Scenario:
    scenario = Scenario()
    scenario.begin(policy(**fields), [document(rollout())])
    return scenario


def test_a_session_is_one_value_the_mean_of_its_records() -> None:
    scenario = begun()
    for number, value in enumerate((0.25, 0.5, 0.75)):
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": value, "latency": 60 * value}, session=SESSION)))
        scenario.wait(0.1)
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert moments(stage, "edit_ratio") == (1, ONE // 2)
    assert moments(stage, "latency") == (1, ONE // 2)
    assert moments(stage, "structure_score") == (0, 0)


def test_a_session_closes_when_log_time_says_so_and_not_before() -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5})))
    scenario.tick(1.999)
    assert moments(run(scenario.log)[0], "edit_ratio")[0] == 0
    scenario.tick(0.001)
    assert moments(run(scenario.log)[0], "edit_ratio")[0] == 1


def test_clipped_values_count_as_the_nearer_end() -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"latency": 1000.0})))
    scenario.tick(2.0)
    assert moments(run(scenario.log)[0], "latency") == (1, ONE)


def test_late_records_count_late_and_a_forgotten_session_begins_anew() -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5}, session=SESSION)))
    scenario.wait(3.0)
    scenario.add(traces.trace(traces.work(2, {"edit_ratio": 0.9}, session=SESSION)))
    scenario.tick(3.1)
    scenario.add(traces.trace(traces.work(3, {"edit_ratio": 0.7}, session=SESSION)))
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert stage.counts["late"] == 1
    assert moments(stage, "edit_ratio") == (2, round(0.5 * ONE) + round(0.7 * ONE))


def test_feedback_has_a_session_of_its_own_from_its_first_record() -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5})))
    scenario.wait(30.0)
    scenario.add(traces.trace(traces.feedback(1, {"acceptance": 1.0})))
    scenario.wait(1.0)
    scenario.add(traces.trace(traces.feedback(1, {"acceptance": 0.0}, trace_id=derive_id("second opinion"))))
    scenario.tick(1.0)
    assert moments(run(scenario.log)[0], "acceptance") == (1, ONE // 2)


def test_old_feedback_is_counted_not_added() -> None:
    scenario = begun()
    old = START_MS - 3_600_001
    scenario.add(traces.trace(traces.feedback(1, {"acceptance": 1.0}, work_time_ms=old)))
    scenario.add(traces.trace(traces.feedback(2, {"acceptance": 1.0}, work_time_ms=old + 1)))
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert stage.counts["feedback_too_old"] == 1
    assert moments(stage, "acceptance")[0] == 1


def test_a_repeat_is_counted_not_added() -> None:
    scenario = begun()
    draft = traces.trace(traces.work(1, {"edit_ratio": 0.5}))
    scenario.add(draft)
    scenario.add(draft)
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert stage.counts["duplicate"] == 1
    assert moments(stage, "edit_ratio") == (1, ONE // 2)


def test_another_tenant_may_use_the_same_trace_id() -> None:
    scenario = begun()
    for tenant in ("tenant-1", "tenant-2"):
        scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5}, tenant=tenant)))
    assert run(scenario.log)[0].counts["duplicate"] == 0


def test_a_giants_shard_is_its_tenants() -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5}), key="tenant-1#07"))
    scenario.tick(2.0)
    assert moments(run(scenario.log)[0], "edit_ratio")[0] == 1


def test_structured_events_are_read_like_binary_ones() -> None:
    draft = traces.trace(traces.work(1, {"edit_ratio": 0.5}))
    headers = dict(draft.headers)
    event = {"specversion": "1.0", "id": headers["ce_id"].decode(), "type": "homeostat.trace.work", "source": "/x"}
    value = json.dumps({**event, "data": json.loads(draft.value or b"")}).encode()
    signed = traces.authenticated("", event["id"], "tenant-1", value)
    kept = [pair for pair in signed.headers if pair[0] == "hs-mac"]
    scenario = begun()
    scenario.add(signed._replace(headers=[*kept, (CONTENT_TYPE, b"application/cloudevents+json; charset=utf-8")]))
    scenario.tick(2.0)
    assert moments(run(scenario.log)[0], "edit_ratio") == (1, ONE // 2)


def test_unknown_signals_and_releases_may_be_counted_instead() -> None:
    scenario = begun(unknown_signal=OnUnknown.COUNT, unknown_release=OnUnknown.COUNT)
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5, "mood": 3.0}, release="sha256:" + "0" * 64)))
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert (stage.counts["signals_unknown"], stage.counts["unknown_release"]) == (1, 1)
    assert moments(stage, "edit_ratio")[0] == 1


def test_a_newer_minor_version_is_read_and_its_fields_counted() -> None:
    body = json.loads(traces.trace(traces.work(1, {"edit_ratio": 0.5})).value or b"")
    value = json.dumps({**body, "version": "1.3", "mood": "new"}).encode()
    scenario = begun()
    scenario.add(traces.authenticated("homeostat.trace.work", body["trace_id"], "tenant-1", value))
    scenario.tick(2.0)
    stage, _ = run(scenario.log)
    assert stage.counts["fields_ignored"] == 1
    assert moments(stage, "edit_ratio")[0] == 1


def test_yield_is_work_that_came_for_started_sessions() -> None:
    scenario = begun()
    starts = [traces.start(derive_id("session", n), Arm.CANDIDATE) for n in range(4)]
    scenario.add(traces.exposure_report(1, [*starts, traces.start(derive_id("other"), Arm.CONTROL)]))
    scenario.add(traces.exposure_report(1, starts))
    for number in range(3):
        scenario.add(arm_trace(number, Arm.CANDIDATE, {"edit_ratio": 0.5}))
    scenario.tick(2.0)
    stage, outputs = run(scenario.log)
    world = stage.world
    assert world is not None
    slots = {key.arm: slot for key, slot in world.cohorts.slots.items()}
    assert moments(stage, "yield", slots[Arm.CANDIDATE]) == (4, 3 * ONE)
    assert moments(stage, "yield", slots[Arm.CONTROL]) == (1, 0)
    tally = world.pairs.arrays.tally[0]
    assert (tally[CANDIDATE_STARTS], tally[CONTROL_STARTS], tally[CANDIDATE_MISSING]) == (4, 1, 1)
    assert stage.counts["report_repeat"] == 1
    last = Evidence.model_validate(messages(outputs, EVIDENCE, "guardrails")[-1])
    assert (last.candidate_starts, last.candidate_missing, last.control_missing) == (4, 1, 1)
    assert last.guardrails["yield"].pairs == 1


def test_a_hole_between_reports_is_visible() -> None:
    scenario = begun()
    for sequence in (1, 4):
        scenario.add(traces.exposure_report(sequence, []))
    assert run(scenario.log)[0].counts["report_hole"] == 2


def test_a_report_of_another_gateway_is_refused() -> None:
    scenario = begun()
    draft = traces.exposure_report(1, [])
    report = ExposureReport(
        gateway="gateway-2", tenant="tenant-1", workflow="scribe", sequence=1, total_starts=0, starts=()
    )
    value = sign(SignerRole.GATEWAY, to_json(report), report.ce_type)
    scenario.add(draft._replace(value=value))
    scenario.add(draft._replace(key=b"tenant-2"))
    counts = run(scenario.log)[0].counts
    assert (counts["refused_key_wrong_role"], counts["refused_wrong_tenant"]) == (1, 1)


def test_publishers_drops_are_counted_from_cumulative_reports() -> None:
    scenario = begun()
    scenario.add(traces.publisher_report(1, 10, buffer_full=2))
    scenario.add(traces.publisher_report(2, 20, buffer_full=5))
    assert run(scenario.log)[0].counts["publisher_dropped"] == 5


def test_late_records_of_a_rollout_are_in_its_evidence() -> None:
    scenario = begun()
    scenario.add(arm_trace(1, Arm.CANDIDATE, {"edit_ratio": 0.5}, session=SESSION))
    scenario.wait(2.0)
    scenario.add(arm_trace(2, Arm.CANDIDATE, {"edit_ratio": 0.5}, session=SESSION))
    stage, _ = run(scenario.log)
    assert stage.world is not None
    assert stage.world.pairs.arrays.tally[0, LATE_RECORDS] == 1


@pytest.mark.parametrize(("consent", "layers"), [(Consent.SHARED, 3), (Consent.TENANT, 1)])
def test_without_consent_a_trace_feeds_its_tenants_layer_only(consent: Consent, layers: int) -> None:
    scenario = begun()
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5}, session=SESSION, consent=Consent.SHARED)))
    scenario.add(traces.trace(traces.work(2, {"edit_ratio": 0.5}, session=SESSION, consent=consent)))
    scenario.tick(4.0)
    found = messages(run(scenario.log)[1], SUMMARIES, "records")
    assert len(found) == layers
    assert found[0]["cohort"]["layer"] == ("platform" if layers == 3 else "tenant")


def test_before_a_complete_snapshot_data_is_counted_only() -> None:
    scenario = Scenario()
    scenario.control(document(policy()))
    scenario.add(traces.trace(traces.work(1, {"edit_ratio": 0.5})))
    scenario.add(traces.Draft(None, b"junk", []))
    stage, outputs = run(scenario.log, new_stage())
    assert outputs == []
    assert {name: n for name, n in stage.counts.items() if n} == {"not_evaluated": 2}
