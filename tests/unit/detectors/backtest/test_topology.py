"""The topology in one process: what goes in comes out classified, the same every time, and replays stage by stage."""

import pytest

from homeostat.detectors.backtest import LogStore, Topology, replay_stage
from homeostat.detectors.backtest.replay import split_batches
from homeostat.detectors.backtest.topology import StageFactory
from homeostat.detectors.guard.stage import GuardStage
from homeostat.detectors.parents import ParentsStage
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.detectors.triage import TriageStage
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.control import KeyActivationDocument, PolicyDocument, ReleaseDocument
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.headers import DSSE_CONTENT, event_headers, output_headers
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.schemas.summary import Marker, Summary
from homeostat.schemas.topics import (
    ALARMS,
    COMMANDS,
    CONTROLS,
    DRIFT_EVENTS,
    INTENTS,
    OVERRIDES,
    POLICIES,
    RELEASES,
    STAGE_INPUTS,
    SUMMARIES,
    TRACES,
)
from homeostat.streams.dead_letters.sealing import Sealer
from homeostat.streams.signing import Signers
from tests.builders.artifacts import override, override_document
from tests.builders.documents import CONTROL, START_MS, standard_documents
from tests.builders.keys import GATEWAY, sign, signer, trust
from tests.unit.detectors.parents.summaries import NAT, TENANT, marker, summary, sums

PARTITIONS = 2
_DOCUMENT_TOPICS = {
    PolicyDocument: POLICIES,
    ReleaseDocument: RELEASES,
    KeyActivationDocument: CONTROLS,
    OverrideDocument: OVERRIDES,
}
_SIGNERS = Signers([signer(role) for role in (SignerRole.CONTROL, SignerRole.GUARD, SignerRole.SEQUENCER)])
_SEALER = Sealer(bytes(32))
FACTORIES: dict[str, StageFactory] = {
    "parents": lambda part, count: ParentsStage(part, count, count, trust()),
    "guard": lambda part, count: GuardStage(part, count, count, trust()),
    "triage": lambda part, count: TriageStage(part, count, trust()),
    "sequencer": lambda part, count: SequencerStage(part, count, trust()),
}


def finish(output: Output) -> Output:
    return _SIGNERS.sign_output(_SEALER.seal_output(output))


def document(message: Message) -> Output:
    topic = _DOCUMENT_TOPICS[type(message)]
    value = sign(SignerRole.OPERATOR, to_json(message), message.ce_type)
    headers = event_headers(message.ce_type, "document", "/homeostat/operator", DSSE_CONTENT)
    return Output(topic, b"subject", value, START_MS, headers)


def from_leaf(message: Summary | Marker, now_ms: int, mark: int, partition: int | None = None) -> Output:
    headers = output_headers(message.ce_type, "leaf", message.source_partition, mark, 0)
    key = message.cohort.key.encode() if isinstance(message, Summary) else b"marker"
    return Output(SUMMARIES, key, to_json(message), now_ms, headers, partition)


def run_shift(retained: list[str] | None = None) -> Topology:
    """Ten calm buckets, then shifted ones, from two sources."""
    topology = Topology(PARTITIONS, FACTORIES, finish, retained)
    topology.now_ms = START_MS
    for message in standard_documents():
        topology.send(document(message))
    topology.snapshot()
    for bucket in range(14):
        log_e = (30 * NAT,) if bucket >= 10 else (-NAT,)
        for source in range(PARTITIONS):
            values = sums(mean=0.6 if bucket >= 10 else 0.25, log_e=log_e)
            topology.send(from_leaf(summary(source, bucket, bucket, edit_ratio=values), topology.now_ms, bucket))
            for part in range(PARTITIONS):
                done = marker(source, bucket, bucket, partition_count=PARTITIONS)
                topology.send(from_leaf(done, topology.now_ms, bucket, part))
        topology.tick(topology.now_ms + 1000)
    return topology


@pytest.fixture(scope="module")
def topology() -> Topology:
    return run_shift()


def test_a_shift_becomes_alarms_and_one_event(topology: Topology) -> None:
    events = [parse_message(DriftEvent, record.value)[0] for record in topology.logs.records(DRIFT_EVENTS)]
    assert len({event.event for event in events}) == 1
    assert events[0].scope == TENANT
    assert "edit ratio rose to 0.60 from 0.25" in events[0].sentence
    assert len(topology.logs.records(ALARMS)) > events[0].alarms


def test_the_same_input_gives_the_same_logs(topology: Topology) -> None:
    again = run_shift()
    assert again.logs.counts() == topology.logs.counts()
    for topic in topology.logs.counts():
        assert again.logs.records(topic) == topology.logs.records(topic)


def test_each_stage_over_the_dump_of_its_input_is_the_stage_that_ran(topology: Topology) -> None:
    for (name, partition), stage in topology.stages().items():
        log = topology.logs.log(STAGE_INPUTS[name], partition).read(0)
        replayed = replay_stage(FACTORIES[name](partition, PARTITIONS), log, batch_records=7)
        assert replayed.state == stage.state_records()
        assert replayed.next_offset == stage.next_offset
        for output in map(finish, replayed.outputs):
            written = topology.logs.records(output.topic)
            assert any((r.value, list(r.headers)) == (output.value, list(output.headers)) for r in written)


def test_logs_that_are_not_retained_are_forgotten_and_counted(topology: Topology) -> None:
    small = run_shift([DRIFT_EVENTS])
    small.logs.forget_read({})
    assert small.logs.counts() == topology.logs.counts()
    assert small.logs.records(SUMMARIES) == []
    assert small.logs.records(DRIFT_EVENTS) == topology.logs.records(DRIFT_EVENTS)


def test_control_leaves_alone_what_a_dump_brings() -> None:
    topology = Topology(PARTITIONS, FACTORIES, finish, controlled=[SUMMARIES])
    topology.send(document(standard_documents()[0]))
    topology.tick(START_MS)
    assert topology.logs.records(TRACES) == []
    assert len(topology.logs.records(SUMMARIES)) == 2 * PARTITIONS


def test_what_control_cannot_read_is_counted() -> None:
    topology = Topology(PARTITIONS, FACTORIES, finish)
    headers = event_headers("homeostat.document.policy", "1", "/x", DSSE_CONTENT)
    topology.send(Output(POLICIES, b"k", b"no envelope", START_MS, headers))
    topology.send(Output(POLICIES, b"k", None, START_MS, headers))
    topology.run()
    assert topology.relay_refused == {"signature_missing": 1}


def test_a_log_only_grows_and_keeps_gaps() -> None:
    logs = LogStore(2)
    log = logs.log(SUMMARIES, 1)
    log.append(LogRecord(4, 0, None, b"x"))
    assert log.end == 5
    with pytest.raises(ValueError, match="offset 4 < 5"):
        log.append(LogRecord(4, 0, None, b"x"))
    with pytest.raises(IndexError, match="has 2 partitions"):
        logs.log(SUMMARIES, 2)
    with pytest.raises(IndexError, match="has 1 partitions"):
        logs.log(POLICIES, 1)


def test_records_that_are_handed_over_are_counted_and_not_kept(topology: Topology) -> None:
    other = Topology(PARTITIONS, FACTORIES, finish, controlled=[])
    for part in range(PARTITIONS):
        log = topology.logs.log(SUMMARIES, part).read(0)
        other.hand_over(SUMMARIES, part, log[:10])
        other.hand_over(SUMMARIES, part, log[10:])
        assert other.run() >= len(log)
        stage = other.stage("parents", part)
        assert stage.next_offset == log[-1].offset + 1
        assert stage.state_records() == topology.stage("parents", part).state_records()
        with pytest.raises(ValueError, match="a log only grows"):
            other.hand_over(SUMMARIES, part, log[-1:])
    assert other.logs.counts()[SUMMARIES] == topology.logs.counts()[SUMMARIES]
    assert other.logs.records(SUMMARIES) == []


def test_batches_have_at_least_one_record() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(iter(split_batches([], 0)))


def baseline(tenant: str) -> Output:
    """An operator states a release as the baseline of a tenant's target."""
    target = Target(gateway=GATEWAY, tenant=tenant, workflow="scribe")
    intent = Intent(
        intent=derive_id("baseline", tenant),
        target=target,
        action=IntentAction.BASELINE,
        author="operator",
        reason="test",
        at_ms=START_MS,
        manifest=CONTROL,
    )
    headers = event_headers(intent.ce_type, intent.intent, "/homeostat/operator", DSSE_CONTENT)
    value = sign(SignerRole.OPERATOR, to_json(intent), intent.ce_type)
    return Output(INTENTS, target.key.encode(), value, START_MS, headers)


def test_an_override_goes_from_its_topic_to_the_sequencer_and_refuses_at_its_target_alone() -> None:
    topology = Topology(PARTITIONS, {"sequencer": FACTORIES["sequencer"]}, finish)
    topology.now_ms = START_MS
    refusing = override_document(override("tenant-1", required_tools=("write",)))
    for message in [*standard_documents(), refusing]:
        topology.send(document(message))
    topology.snapshot()
    for tenant in ("tenant-1", "tenant-2"):
        topology.send(baseline(tenant))
    topology.run()
    stated = {record.key for record in topology.logs.records(COMMANDS)}
    assert stated == {f"{GATEWAY}/tenant-2/scribe".encode()}
    assert topology.relay_refused == {}
