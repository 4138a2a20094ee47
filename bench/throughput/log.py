"""Writes the input once: a snapshot of control records, the traces with a tick a second, and ticks that end it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from confluent_kafka import Producer

from bench.throughput.policy import bench_policy
from bench.throughput.sizes import Size
from bench.throughput.traces import Publication, make_traces
from homeostat.detectors.control_relay import ControlRelay
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_document, to_json
from homeostat.schemas.control import KeyActivation, KeyActivationDocument, PolicyDocument, ReleaseDocument
from homeostat.schemas.log import Output
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import SUMMARIES, TRACES
from homeostat.streams.key_set import FIRST_MASTER, KeySet

_TICK_MS = 1_000
_ENDING_S = 45
"""Ticks after the last trace: every session closes and every bucket is sealed."""
_POLL_EVERY = 500


class Written(NamedTuple):
    """What lies in `traces.v1`."""

    traces: int
    start_ms: int
    value_bytes: float
    record_bytes: float


class LogWriter:
    """The producer of the input, and the relay whose control records it carries."""

    def __init__(self, address: str, size: Size, keys: KeySet, start_ms: int) -> None:
        self._size, self._start_ms = size, start_ms
        self._keys, self._signers = keys, keys.signers()
        self._relay = ControlRelay(size.partitions)
        self.release = _take_documents(self._relay, keys, size.partitions, start_ms)
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "enable.idempotence": True,
                "linger.ms": 20,
                "batch.size": 262_144,
                "queue.buffering.max.messages": 200_000,
                "log_level": 0,
            }
        )

    def write_traces(self, seed: int) -> Written:
        """Write the whole of `traces.v1`; done when the broker has it."""
        self._send_control(TRACES, self._relay.snapshot(self._start_ms))
        next_tick_ms = self._start_ms + _TICK_MS
        values = records = 0
        for trace in make_traces(self._size, self._keys, self.release, self._start_ms, seed):
            time_ms = self._start_ms + trace.number * 1000 // self._size.pace
            if time_ms >= next_tick_ms:
                self._send_control(TRACES, self._relay.tick(next_tick_ms))
                next_tick_ms += _TICK_MS
            self._send(trace, time_ms)
            values += len(trace.value)
            records += len(trace.value) + len(trace.key) + sum(len(name) + len(data) for name, data in trace.headers)
        for _ in range(_ENDING_S):
            self._send_control(TRACES, self._relay.tick(next_tick_ms))
            next_tick_ms += _TICK_MS
        self._finish()
        return Written(self._size.traces, self._start_ms, values / self._size.traces, records / self._size.traces)

    def write_summaries_snapshot(self) -> None:
        """Begin a new `summaries.v1` as control would."""
        self._send_control(SUMMARIES, self._relay.snapshot(self._start_ms))
        self._finish()

    def _send_control(self, topic: str, outputs: Iterable[Output]) -> None:
        for output in _only(topic, outputs):
            signed = self._signers.sign_output(output)
            self._producer.produce(
                topic,
                signed.value,
                signed.key,
                signed.partition or 0,
                timestamp=signed.timestamp,
                headers=list(signed.headers),
            )

    def _send(self, trace: Publication, time_ms: int) -> None:
        self._producer.produce(
            TRACES, trace.value, trace.key, trace.partition, timestamp=time_ms, headers=list(trace.headers)
        )
        if trace.number % _POLL_EVERY == 0:
            self._producer.poll(0)
            while len(self._producer) > 100_000:
                self._producer.poll(0.01)

    def _finish(self) -> None:
        left = self._producer.flush(60)
        if left:
            raise RuntimeError(f"{left} records of the input were not delivered: is the broker up?")


def _only(topic: str, outputs: Iterable[Output]) -> Iterator[Output]:
    return (output for output in outputs if output.topic == topic)


def _take_documents(relay: ControlRelay, keys: KeySet, partitions: int, at_ms: int) -> str:
    """Give the relay a policy, a release and an activated master; the release's digest."""
    model = Artifact(kind=ArtifactKind.MODEL, name="scribe-model", artifact_version="1", digest="sha256:" + "0" * 64)
    manifest = ReleaseManifest(title="serving", artifacts=(model,))
    release = digest_document(manifest)
    fields = {"subject_version": 1, "at_ms": at_ms}
    documents: list[Message] = [
        PolicyDocument.model_validate({"subject": "bench", "body": bench_policy(partitions), **fields}),
        ReleaseDocument.model_validate({"subject": release, "body": manifest, **fields}),
        KeyActivationDocument.model_validate(
            {"subject": "keys", "body": KeyActivation(mac_masters=(FIRST_MASTER,)), **fields}
        ),
    ]
    operator = keys.signers()[SignerRole.OPERATOR]
    for document in documents:
        relay.take(operator.sign(to_json(document), document.ce_type), document.ce_type, at_ms)
    return release
