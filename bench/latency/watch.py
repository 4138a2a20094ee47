"""When each step from evidence to acknowledgement could be read, by the clock that all processes share."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from confluent_kafka import TopicPartition

from bench.latency.clients import make_consumer
from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.headers import CE_TYPE, DSSE_CONTENT, find_header
from homeostat.schemas.intent import Intent
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.summary import Marker
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.kafka_message import read_headers

M = TypeVar("M", bound=Message)
_POLL_S = 0.1
_WATCHED = (EVIDENCE, DECISIONS, INTENTS, COMMANDS, ACKS)


class Mark(NamedTuple):
    """A record of `traces.v1`."""

    partition: int
    offset: int


class TakenBack(NamedTuple):
    """A rollout that was taken back on the record at `mark`; times in ns, None for what did not come."""

    rollout: str
    verdict: Verdict
    mark: Mark
    evidence_ns: int | None
    decision_ns: int
    intent_ns: int | None
    state_ns: int | None
    ack_ns: int | None


class Seen(NamedTuple):
    """A record as the watch saw it."""

    at_ns: int
    topic: str
    headers: list[tuple[str, bytes]]
    value: bytes


class Watch:
    """Reads the topics from their ends as they are now; what is read is looked into when the run is over."""

    def __init__(self, address: str, partitions: int) -> None:
        self._seen: list[Seen] = []
        self._acks, self._sources = 0, set(range(partitions))
        self._consumer = make_consumer(address, "bench-watch")
        places = [TopicPartition(topic, part) for topic in _WATCHED for part in range(partitions)]
        ends = [self._consumer.get_watermark_offsets(place, timeout=30)[1] for place in places]
        self._consumer.assign([TopicPartition(p.topic, p.partition, end) for p, end in zip(places, ends, strict=True)])

    def wait_for_sources(self, limit_s: float) -> None:
        """Until every partition of `traces.v1` has said that it is there. Raises TimeoutError."""
        deadline_ns = time.monotonic_ns() + round(limit_s * 1e9)
        while (heard := {marker.source_partition for marker, _ in self._of(EVIDENCE, Marker)}) != self._sources:
            if time.monotonic_ns() > deadline_ns:
                raise TimeoutError(f"waited {limit_s:.0f} s: leaves of partitions {self._sources - heard} say nothing")
            self._look()

    def read_until(self, end_ns: int, limit_s: float, acknowledgements: int) -> None:
        """Note what comes until a time on the monotonic clock, and then until so many are there, or the limit."""
        limit_ns = end_ns + round(limit_s * 1e9)
        while (now_ns := time.monotonic_ns()) < end_ns or (self._acks < acknowledgements and now_ns < limit_ns):
            self._look()

    def _look(self) -> None:
        message = self._consumer.poll(_POLL_S)
        if message is not None and message.error() is None:
            topic = str(message.topic())
            self._seen.append(Seen(time.monotonic_ns(), topic, read_headers(message), message.value() or b""))
            self._acks += topic == ACKS

    def close(self) -> None:
        self._consumer.close()

    def taken_back(self, homes: Mapping[str, int]) -> Iterator[TakenBack]:
        """Every rollout that was taken back, and when each step could be read; `homes`: its tenant's partition."""
        told = {(e.rollout, Mark(e.source_partition, e.mark)): at_ns for e, at_ns in self._of(EVIDENCE, Evidence)}
        wanted = {intent.decision: at_ns for intent, at_ns in self._of(INTENTS, Intent)}
        stated = {state.decision: (state, at_ns) for state, at_ns in self._of(COMMANDS, DesiredState)}
        acknowledged = {(ack.target.key, ack.generation): at_ns for ack, at_ns in self._of(ACKS, Acknowledgement)}
        for decision, decision_ns in self._of(DECISIONS, Decision):
            if decision.phase is not RolloutPhase.ROLLED_BACK:
                continue
            marks = {source.source_partition: source.mark for source in decision.sources}
            mark = Mark(homes[decision.rollout], marks[homes[decision.rollout]])
            state, state_ns = stated.get(decision.decision, (None, None))
            yield TakenBack(
                decision.rollout,
                decision.verdict,
                mark,
                told.get((decision.rollout, mark)),
                decision_ns,
                wanted.get(decision.decision),
                state_ns,
                None if state is None else acknowledged.get((state.target.key, state.generation)),
            )

    def _of(self, topic: str, model: type[M]) -> Iterator[tuple[M, int]]:
        wanted = model.ce_type.encode()
        for seen in self._seen:
            if seen.topic == topic and find_header(seen.headers, CE_TYPE) == wanted:
                signed = find_header(seen.headers, "content-type") == DSSE_CONTENT
                payload = read_envelope(seen.value)[1] if signed else seen.value
                yield parse_message(model, payload)[0], seen.at_ns
