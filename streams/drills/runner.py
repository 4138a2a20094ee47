"""The drill runner of the active control process: reads the facts, states what is due, does the probe's work."""

import math
from collections.abc import Callable, Iterator

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.detectors.drills.course import begin, follow, is_due
from homeostat.detectors.drills.facts import DrillFacts
from homeostat.detectors.drills.plan import find_signal, state_documents
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import to_json
from homeostat.schemas.control import Document
from homeostat.schemas.drill import Drill, DrillOutcome, DrillRun, DrillStage
from homeostat.schemas.drill_documents import DrillRunDocument
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import CE_TYPE, DSSE_CONTENT, event_headers, find_header
from homeostat.schemas.log import Output
from homeostat.schemas.policy import Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, CONTROLS, DECISIONS, RELEASES, ROLLOUTS, SERVED, TRACES
from homeostat.streams import metrics
from homeostat.streams.drills.work import ProbeWork
from homeostat.streams.kafka_message import read_headers

log = structlog.get_logger(__name__)

_COMPACTED = (CONTROLS, ROLLOUTS, COMMANDS, SERVED)
_APPENDED = (DECISIONS, ACKS)
_STEP_MS = 250
_SESSIONS_A_STEP = 2
_RESTATE_MS = 5_000
_MARGIN_S = 60.0


class DrillRunner:
    """Drills of one policy. It keeps nothing: a process that takes over finds the drill that runs on the topics.

    `reader` makes a consumer; `step` is called again and again by the relay's loop and never waits.
    """

    def __init__(self, reader: Callable[[], Consumer], trust: TrustStore, work: ProbeWork) -> None:
        self._make_reader, self._trust, self._work = reader, trust, work
        self._drills: tuple[Drill, ...] = ()
        self._reader: Consumer | None = None
        self._facts = DrillFacts((), trust)
        self._behind: set[tuple[str, int]] = set()
        self._next_ms = 0
        self._stated_ms: dict[str, int] = {}

    def step(self, policy: Policy | None, now_ms: int) -> list[Output]:
        """What is to be written now: documents that control signs, and the probe tenants' traces."""
        if policy is None:
            return []
        if policy.drills != self._drills:
            self._begin_anew(policy.drills, now_ms)
        self._read()
        if self._behind or now_ms < self._next_ms:
            return []
        self._next_ms = now_ms + _STEP_MS
        return [output for drill in self._drills for output in self._follow(drill, policy, now_ms)]

    def close(self) -> None:
        """Stop reading; the metrics are the next runner's."""
        metrics.DRILL_AGE.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _begin_anew(self, drills: tuple[Drill, ...], now_ms: int) -> None:
        self.close()
        self._drills, self._facts, self._behind = drills, DrillFacts(drills, self._trust), set()
        if not drills:
            return
        self._reader = reader = self._make_reader()
        since_ms = now_ms - round((max(drill.limit_s for drill in drills) + _MARGIN_S) * 1000)
        parts = [TopicPartition(topic, part, 0) for topic in _COMPACTED for part in _partitions_of(reader, topic)]
        recent = [
            TopicPartition(topic, part, max(0, since_ms))
            for topic in _APPENDED
            for part in _partitions_of(reader, topic)
        ]
        parts += reader.offsets_for_times(recent, timeout=10)
        self._behind = {(str(part.topic), int(part.partition)) for part in parts}
        reader.assign(parts)

    def _read(self) -> None:
        if self._reader is None:
            return
        for message in self._reader.consume(500, timeout=0.0):
            error = message.error()
            if error is None:
                self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard((str(message.topic()), int(message.partition() or 0)))
            else:
                log.warning("reading failed, trying on", error=error.str())

    def _take(self, message: KafkaMessage) -> None:
        try:
            ce_type = (find_header(read_headers(message), CE_TYPE) or b"").decode("ascii", "replace")
            self._facts.take(ce_type, message.value())
        except (SignatureRefused, PoisonRecord) as error:
            log.warning("not believed", topic=message.topic(), offset=message.offset(), reason=error.reason.value)

    def _follow(self, drill: Drill, policy: Policy, now_ms: int) -> Iterator[Output]:
        run = self._facts.runs.get(drill.gateway)
        if is_due(drill, self._facts, now_ms):
            run = begin(drill, policy, self._facts, now_ms, self._work.knows(drill.tenant))
            log.info("drill begins", gateway=drill.gateway, rollout=run.rollout)
            yield self._state_run(run, now_ms)
        if run is not None and run.outcome is DrillOutcome.RUNNING:
            moved = follow(run, drill, self._facts, now_ms)
            if moved.outcome is DrillOutcome.RUNNING:
                yield from self._advance(moved, drill, policy, now_ms)
            else:
                run = moved
                yield self._state_run(moved, now_ms)
        _show_age(drill, run, now_ms)

    def _advance(self, run: DrillRun, drill: Drill, policy: Policy, now_ms: int) -> Iterator[Output]:
        if run.stage is DrillStage.DECLARED and now_ms - self._stated_ms.get(run.rollout, 0) >= _RESTATE_MS:
            self._stated_ms = {run.rollout: now_ms}
            spec, stated = find_signal(policy), self._facts.stated[drill.target_key]
            if spec is not None:
                release, rollout = state_documents(run, drill, stated.state.manifest, spec)
                yield _document(RELEASES, release)
                yield _document(ROLLOUTS, rollout)
        if run.stage is DrillStage.EXPOSED:
            shares = [each.share for each in self._facts.served[drill.target_key].exposures]
            for record in self._work.write(run, drill, shares[0], policy, _SESSIONS_A_STEP, now_ms):
                yield Output(TRACES, record.key, record.value, now_ms, record.headers)

    def _state_run(self, run: DrillRun, now_ms: int) -> Output:
        """One word of this gateway's drill: known at once, written for everybody."""
        if run.outcome is not DrillOutcome.RUNNING:
            metrics.DRILL_RUNS.labels(gateway=run.gateway, outcome=run.outcome.value).inc()
            log.info("drill ended", gateway=run.gateway, outcome=run.outcome.value, reason=run.reason)
        version = now_ms if run.ended_at_ms is None else max(run.ended_at_ms, run.started_at_ms + 1)
        document = DrillRunDocument(subject=f"drill/{run.gateway}", subject_version=version, at_ms=now_ms, body=run)
        self._facts.note(document)
        return _document(CONTROLS, document)


def _show_age(drill: Drill, run: DrillRun | None, now_ms: int) -> None:
    proven_ms = None if run is None else run.proven_at_ms
    age_s = math.inf if proven_ms is None else (now_ms - proven_ms) / 1000
    metrics.DRILL_AGE.labels(gateway=drill.gateway).set(age_s)


def _document(topic: str, document: Document) -> Output:  # type: ignore[type-arg]  # of any body
    event_id = f"{document.subject}-{document.subject_version}"
    headers = event_headers(document.ce_type, event_id, "/homeostat/control", DSSE_CONTENT)
    key = document.subject.encode()
    return Output(topic, key, to_json(document), document.at_ms, headers, None, SignerRole.CONTROL)


def _partitions_of(reader: Consumer, topic: str) -> list[int]:
    found = reader.list_topics(topic, timeout=10).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return sorted(found.partitions)
