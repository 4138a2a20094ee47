"""The control relay's core: which documents, times and silences go into which inputs. No clock, no Kafka."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from homeostat.detectors.control_log import digest_snapshot
from homeostat.detectors.control_types import CONTROL_KINDS, read_subject
from homeostat.detectors.safety_regressions import read_regression
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.cohort import Layer
from homeostat.schemas.control import (
    CONTROL_HEADER,
    Baseline,
    BaselineDocument,
    ControlType,
    Document,
    MissingSource,
    PolicyDocument,
    SnapshotBegin,
    SnapshotEnd,
    Tick,
)
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.policy import Policy
from homeostat.schemas.pool import PooledBaseline, name_pool
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.safety_regression import SafetyRegression, SafetyRegressionDocument
from homeostat.schemas.topics import ALARMS, EVIDENCE, INTENTS, STAGE_INPUTS, SUMMARIES, TRACES

_EVERYWHERE = tuple(STAGE_INPUTS.values())
ROUTES: Mapping[ControlType, tuple[str, ...]] = MappingProxyType(
    {
        ControlType.POLICY: _EVERYWHERE,
        ControlType.RELEASE: _EVERYWHERE,
        ControlType.ROLLOUT: _EVERYWHERE,
        ControlType.KEY_ACTIVATION: _EVERYWHERE,
        ControlType.KERNEL_VERSION: _EVERYWHERE,
        ControlType.ROLLOUT_STEP: (TRACES, ALARMS, EVIDENCE),
        ControlType.BASELINE: (TRACES, SUMMARIES),
        ControlType.SEAL_BASELINE: (TRACES, ALARMS),
        ControlType.ACKNOWLEDGEMENT: (INTENTS, ALARMS, TRACES),
        ControlType.EFFECT: (ALARMS,),
        ControlType.APPROVAL: (EVIDENCE,),
        ControlType.ORDER: (EVIDENCE,),
        ControlType.STOP: (EVIDENCE, INTENTS),
        ControlType.REVIEW: (ALARMS,),
        ControlType.OVERRIDE: (TRACES, EVIDENCE, INTENTS),
        ControlType.DRILL_RUN: (EVIDENCE,),
        ControlType.SAFETY_REGRESSION: (EVIDENCE,),
    }
)
"""Which inputs a document is copied into."""

_HOME_OF_TARGET: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {INTENTS: lambda target: target, TRACES: lambda target: target.split("/")[1]}
)
"""The key by which a topic's partition for a target is found."""
_BY_CE_TYPE = {kind.model.ce_type: name for name, kind in CONTROL_KINDS.items()}


class ControlRelay:
    """Copies documents in their author's envelope and makes ticks, snapshots and missing-source records.

    It keeps the newest envelope of each document; what it writes may be repeated at any time, because readers ignore
    a version that they have. `partitions` is the platform's partition count; `finish` signs what control itself says,
    so that a baseline across tenants, which the parents state unsigned, is copied in control's envelope, and what
    triage's events say of safety is told to the guards. Without it there is neither.
    """

    def __init__(self, partitions: int, finish: Callable[[Output], Output] | None = None) -> None:
        self._partitions, self._finish = partitions, finish
        self._documents: dict[tuple[ControlType, str], tuple[int, bytes]] = {}
        self._snapshot = 0
        self._heard_ms: dict[int, int] = {}
        self._mark: dict[int, int] = {}
        self._missing: set[int] = set()
        self._regressions: dict[str, SafetyRegression] = {}
        self.policy: Policy | None = None

    @property
    def complete(self) -> bool:
        """Whether there is enough for a snapshot to mean something: a policy, and which MAC masters are active."""
        return self.policy is not None and any(kind is ControlType.KEY_ACTIVATION for kind, _ in self._documents)

    def take(self, envelope: bytes, ce_type: str, now_ms: int) -> list[Output]:
        """Take over a document, decision, acknowledgement, pooled baseline or drift event; gives copies of what is new.

        The signature is the readers' to check. Raises `SignatureRefused` or `PoisonRecord` where it cannot be read.
        """
        if ce_type == PooledBaseline.ce_type:
            return self._endorse(envelope, now_ms)
        if ce_type == DriftEvent.ce_type:
            return self._tell_regression(envelope, now_ms)
        kind = _BY_CE_TYPE.get(ce_type)
        if kind is None or kind not in ROUTES:
            return []
        message, _ = parse_message(CONTROL_KINDS[kind].model, read_envelope(envelope)[1])
        subject, version = read_subject(message)
        if version <= self._documents.get((kind, subject), (0, b""))[0]:
            return []
        self._documents[kind, subject] = (version, envelope)
        if isinstance(message, PolicyDocument):
            self.policy = message.body
        return list(self._copy(kind, subject, envelope, now_ms))

    def _endorse(self, value: bytes, now_ms: int) -> list[Output]:
        """Sign a pooled baseline as the document that it is, and take that over.

        Only a workflow's: nothing that an observer's worker says can stand for a cohort of one tenant.
        """
        if self._finish is None:
            return []
        pooled, _ = parse_message(PooledBaseline, value)
        if pooled.cohort.layer is not Layer.WORKFLOW:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"a pooled baseline of the layer {pooled.cohort.layer}")
        return self._state(self._finish, ControlType.BASELINE, _state_document(pooled), now_ms)

    def _tell_regression(self, value: bytes, now_ms: int) -> list[Output]:
        """Tell the guards of a safety regression when it opens, closes, or is elsewhere than before."""
        event, _ = parse_message(DriftEvent, value)
        found, known = read_regression(event), self._regressions.get(event.event)
        if self._finish is None or (known is None and not found.open):
            return []
        if known is not None and known.model_copy(update={"sentence": found.sentence}) == found:
            return []
        self._regressions[event.event] = found
        document = SafetyRegressionDocument(
            subject=event.event, subject_version=event.revision, at_ms=event.log_time_ms, body=found
        )
        return self._state(self._finish, ControlType.SAFETY_REGRESSION, document, now_ms)

    def _state(
        self, finish: Callable[[Output], Output], kind: ControlType, document: Document[Any], now_ms: int
    ) -> list[Output]:
        """Sign a document of control's own and take it over."""
        headers = _headers(kind, f"{kind}-{document.subject}")
        unsigned = Output(EVIDENCE, b"", to_json(document), document.at_ms, headers, None, signer=SignerRole.CONTROL)
        envelope = finish(unsigned).value
        assert envelope is not None
        return self.take(envelope, document.ce_type, now_ms)

    def hear(self, source_partition: int, mark: int, now_ms: int) -> None:
        """Note a marker of a source partition."""
        if mark > self._mark.get(source_partition, -1):
            self._mark[source_partition] = mark
            self._heard_ms[source_partition] = now_ms
            self._missing.discard(source_partition)

    def tick(self, now_ms: int) -> list[Output]:
        """One tick for every partition of every input, and what has fallen silent."""
        outputs = [
            self._addressed(Tick, topic, part, now_ms) for topic in _EVERYWHERE for part in range(self._partitions)
        ]
        outputs += self._declare_missing(now_ms)
        return outputs

    def snapshot(self, now_ms: int) -> list[Output]:
        """A full set of documents for every partition, between a begin and an end that carries its digest."""
        self._snapshot += 1
        number = now_ms * 1000 + self._snapshot % 1000
        return [
            output
            for topic in _EVERYWHERE
            for part in range(self._partitions)
            for output in self._snapshot_of(topic, part, number, now_ms)
        ]

    def _snapshot_of(self, topic: str, partition: int, number: int, now_ms: int) -> Iterator[Output]:
        chosen = [
            (kind, subject, envelope)
            for (kind, subject), (_, envelope) in sorted(self._documents.items())
            if topic in ROUTES[kind] and partition in self._partitions_of(kind, subject, topic)
        ]
        digest = digest_snapshot(digest_bytes(envelope) for _, _, envelope in chosen)
        fields = {"snapshot": number, "documents": len(chosen)}
        yield self._addressed(SnapshotBegin, topic, partition, now_ms, **fields)
        for kind, subject, envelope in chosen:
            yield _copied(kind, subject, envelope, topic, partition, now_ms)
        yield self._addressed(SnapshotEnd, topic, partition, now_ms, digest=digest, **fields)

    def _copy(self, kind: ControlType, subject: str, envelope: bytes, now_ms: int) -> Iterator[Output]:
        for topic in ROUTES[kind]:
            for partition in self._partitions_of(kind, subject, topic):
                yield _copied(kind, subject, envelope, topic, partition, now_ms)

    def _partitions_of(self, kind: ControlType, subject: str, topic: str) -> range:
        """All, but of an acknowledgement only the target's in the intents, and its tenant's in the traces."""
        if kind is not ControlType.ACKNOWLEDGEMENT or topic not in _HOME_OF_TARGET:
            return range(self._partitions)
        home = partition_of(_HOME_OF_TARGET[topic](subject).encode(), self._partitions)
        return range(home, home + 1)

    def _declare_missing(self, now_ms: int) -> list[Output]:
        if self.policy is None:
            return []
        limit_ms = round(self.policy.times.source_timeout_s * 1000)
        silent = [part for part, heard_ms in self._heard_ms.items() if now_ms - heard_ms > limit_ms]
        newly = sorted(set(silent) - self._missing)
        self._missing.update(newly)
        return [
            self._addressed(
                MissingSource,
                topic,
                part,
                now_ms,
                source_topic=TRACES,
                source_partition=source,
                last_mark=self._mark[source],
            )
            for source in newly
            for topic in (SUMMARIES, EVIDENCE)
            for part in range(self._partitions)
        ]

    def _addressed(self, model: type[Message], topic: str, partition: int, now_ms: int, **fields: object) -> Output:
        message = model.model_validate({"topic": topic, "partition": partition, "at_ms": now_ms, **fields})
        kind = _BY_CE_TYPE[model.ce_type]
        headers = _headers(kind, f"{kind}-{topic}-{partition}-{now_ms}")
        return Output(topic, b"control", to_json(message), now_ms, headers, partition, SignerRole.CONTROL)


def _state_document(pooled: PooledBaseline) -> BaselineDocument:
    """Raises `PoisonRecord` for one that no document may say: of fewer tenants than three."""
    try:
        body = Baseline(
            cohort=pooled.cohort,
            sealed_at_ms=pooled.log_time_ms,
            tenants=max((signal.tenants for signal in pooled.signals.values()), default=0),
            signals={},
            part=pooled.part,
            pooled=pooled.signals,
            editions=pooled.editions,
        )
    except ValueError as error:
        raise PoisonRecord(Refusal.OUT_OF_RANGE, "a baseline across fewer tenants than three") from error
    return BaselineDocument(
        subject=name_pool(pooled.cohort, pooled.part),
        subject_version=pooled.pool_version,
        at_ms=pooled.log_time_ms,
        body=body,
    )


def _copied(kind: ControlType, subject: str, envelope: bytes, topic: str, partition: int, now_ms: int) -> Output:
    return Output(topic, subject.encode(), envelope, now_ms, _headers(kind, f"{kind}-{subject}"), partition)


def _headers(kind: ControlType, event_id: str) -> list[tuple[str, bytes]]:
    ce_type = CONTROL_KINDS[kind].model.ce_type
    return [
        *event_headers(ce_type, event_id, "/homeostat/control", DSSE_CONTENT),
        (CONTROL_HEADER, kind.value.encode()),
    ]
