"""What control copies where; and that stages take what it writes."""

from collections.abc import Iterable

import pytest

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.control_relay import ROUTES, ControlRelay
from homeostat.detectors.control_types import CONTROL_KINDS, read_subject
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import ControlType
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.pool import PooledBaseline, PooledSignal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import ALARMS, EVIDENCE, STAGE_INPUTS, SUMMARIES, TRACES
from homeostat.streams.signing import Signers
from tests.builders.documents import DOCUMENT_KINDS, START_MS, decision, document, rollout, standard_documents
from tests.builders.keys import sign, signer, trust

PARTITIONS = 3
SIGNERS = Signers([signer(role) for role in CONTROL_KINDS[ControlType.TICK].roles])


def envelope(message: Message) -> bytes:
    roles = CONTROL_KINDS[DOCUMENT_KINDS[type(message)]].roles - {SignerRole.CONTROL}
    return sign(min(roles), to_json(message), message.ce_type)


def take(relay: ControlRelay, message: Message) -> list[Output]:
    return relay.take(envelope(message), message.ce_type, START_MS)


def filled() -> ControlRelay:
    relay = ControlRelay(PARTITIONS)
    for message in standard_documents():
        take(relay, message)
    return relay


def fold(outputs: Iterable[Output], topic: str, partition: int) -> ControlLog:
    log = ControlLog(topic, partition, trust())
    mine = [output for output in outputs if (output.topic, output.partition) == (topic, partition)]
    for offset, output in enumerate(map(SIGNERS.sign_output, mine)):
        log.fold(LogRecord(offset, output.timestamp, output.key, output.value, output.headers))
    return log


@pytest.mark.parametrize("topic", STAGE_INPUTS.values())
def test_a_snapshot_makes_every_partition_evaluated(topic: str) -> None:
    outputs = filled().snapshot(START_MS)
    for partition in range(PARTITIONS):
        log = fold(outputs, topic, partition)
        assert log.evaluated
        assert log.policy is not None
        assert len(log.releases) == 3


def test_a_document_goes_to_its_inputs_once() -> None:
    relay = filled()
    outputs = take(relay, document(rollout()))
    expected = {(topic, part) for topic in ROUTES[ControlType.ROLLOUT] for part in range(PARTITIONS)}
    assert {(output.topic, output.partition) for output in outputs} == expected
    assert len(outputs) == len(expected)
    assert take(relay, document(rollout())) == []


def test_a_guards_decision_reaches_leaves_triage_and_the_other_guards() -> None:
    outputs = take(filled(), decision(rollout(), 1, RolloutPhase.EXPOSING))
    assert {output.topic for output in outputs} == {TRACES, ALARMS, EVIDENCE}
    assert all(output.signer is None for output in outputs)


def test_a_tick_reaches_every_partition_of_every_input() -> None:
    outputs = filled().tick(START_MS + 500)
    assert len(outputs) == len(STAGE_INPUTS) * PARTITIONS
    assert fold(outputs, TRACES, 2).log_time_ms == START_MS + 500


def test_a_source_that_falls_silent_is_declared_missing_once_until_it_speaks() -> None:
    relay = filled()
    relay.hear(1, 10, START_MS)
    late = START_MS + 31_000
    first = [output for output in relay.tick(late) if output.topic in (SUMMARIES, EVIDENCE)]
    assert fold(first, SUMMARIES, 0).missing == {1}
    assert len(relay.tick(late + 500)) == len(STAGE_INPUTS) * PARTITIONS
    relay.hear(1, 11, late + 600)
    again = relay.tick(late + 40_000)
    assert fold(again, EVIDENCE, 0).missing == {1}


def test_what_is_no_document_is_left_alone() -> None:
    relay = filled()
    assert relay.take(b"{}", "homeostat.lease", START_MS) == []
    with pytest.raises(SignatureRefused):
        relay.take(b"{}", "homeostat.document.policy", START_MS)


def test_complete_means_policy_and_masters() -> None:
    assert not ControlRelay(1).complete
    assert filled().complete


def test_every_document_type_has_a_subject() -> None:
    for message in [*standard_documents(), document(rollout())]:
        assert read_subject(message)[1] == 1


def pooled(tenants: int = 3, layer: Layer = Layer.WORKFLOW) -> PooledBaseline:
    workflow = None if layer is Layer.PLATFORM else "scribe"
    total = tenants * 2**18
    signal = PooledSignal(tenants=tenants, total=total, squares=tenants * 2**36, meaning=derive_id("meaning"))
    return PooledBaseline(
        cohort=Cohort(layer=layer, workflow=workflow),
        part=0,
        pool_version=START_MS,
        source_partition=1,
        mark=7,
        log_time_ms=START_MS,
        signals={"edit_ratio": signal},
        editions=(),
    )


def endorsing() -> ControlRelay:
    return ControlRelay(PARTITIONS, SIGNERS.sign_output)


def test_a_pooled_baseline_is_copied_in_controls_envelope() -> None:
    relay, said = endorsing(), pooled()
    outputs = relay.take(to_json(said), said.ce_type, START_MS)
    assert {output.topic for output in outputs} == set(ROUTES[ControlType.BASELINE])
    (document,) = fold(outputs, TRACES, 1).baselines.values()
    assert document.body.pooled == said.signals
    assert (document.subject, document.subject_version) == ("pool/workflow/-/-/scribe/-/0", START_MS)
    assert relay.take(to_json(said), said.ce_type, START_MS) == []
    assert fold(relay.snapshot(START_MS), TRACES, 0).baselines.keys() == {document.subject}


@pytest.mark.parametrize("said", [pooled(tenants=2), pooled(layer=Layer.PLATFORM)])
def test_control_signs_no_baseline_of_few_tenants_or_of_another_layer(said: PooledBaseline) -> None:
    with pytest.raises(PoisonRecord):
        endorsing().take(to_json(said), said.ce_type, START_MS)


def test_a_relay_that_cannot_sign_endorses_nothing() -> None:
    assert ControlRelay(PARTITIONS).take(to_json(pooled()), PooledBaseline.ce_type, START_MS) == []
