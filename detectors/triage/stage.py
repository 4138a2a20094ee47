"""The triage stage: alarms become drift events, classified, with the next step and its owner."""

from collections.abc import Mapping
from typing import Any

from homeostat.detectors.control_log import Folded
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.record_stage import RecordStage
from homeostat.detectors.triage.grouping import find_event, has_room
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.report import Circumstances, report_event
from homeostat.detectors.triage.timeline import RolloutTimeline, find_latest
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.control import ControlType
from homeostat.schemas.decision import Decision
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import CE_TYPE, INDEX, find_header
from homeostat.schemas.log import Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.policy import Policy
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import DRIFT_EVENTS
from homeostat.schemas.trace import Arm

QUIET_WINDOWS = 2
"""An event closes after this many correlation windows without an alarm."""
_EVENT, _ROLLOUT = b"event/", b"rollout/"


class TriageStage(RecordStage):
    """Triage of one partition of `alarms.v1`.

    An event is stated at its first alarm, and again at ticks if it changed, so that a storm of alarms costs a bounded
    number of statements and of bytes. Repeated alarms are dropped by (stage, source partition, mark, index).
    """

    name = "triage"

    def __init__(self, partition: int, partition_count: int, trust: TrustStore) -> None:
        super().__init__(partition, trust)
        self._partition_count = partition_count
        self._events: dict[str, OpenEvent] = {}
        self._rollouts: dict[str, RolloutTimeline] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._changed: set[bytes] = set()

    @property
    def open_events(self) -> Mapping[str, OpenEvent]:
        """The events that are open, by id."""
        return self._events

    def _own_records(self) -> dict[bytes, bytes]:
        events = {_EVENT + key.encode(): event.to_bytes() for key, event in self._events.items()}
        rollouts = {_ROLLOUT + key.encode(): timeline.to_bytes() for key, timeline in self._rollouts.items()}
        return {**events, **rollouts}

    def _drain_own(self) -> list[tuple[bytes, bytes | None]]:
        changed, self._changed = self._changed, set()
        return [(key, self._encode(key)) for key in changed]

    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        events = [OpenEvent.from_bytes(data) for key, data in state_records.items() if key.startswith(_EVENT)]
        self._events = {event.event: event for event in sorted(events, key=lambda event: event.opened_at)}
        timelines = [RolloutTimeline.from_bytes(d) for key, d in state_records.items() if key.startswith(_ROLLOUT)]
        self._rollouts = {timeline.rollout: timeline for timeline in timelines}

    def _take(self, record: Record, outbox: Outbox) -> None:
        policy = self._control.policy
        if not self._control.evaluated or policy is None:
            self._count("not_evaluated")
            return
        alarm = self._read(record)
        if not self._is_new(alarm, record):
            self._count("repeat")
            return
        self._count("alarm")
        self._place(alarm, outbox, policy)

    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        policy = self._control.policy
        if folded.type is ControlType.TICK and policy is not None:
            self._revise(outbox, policy)
        elif folded.changed and isinstance(folded.message, Decision):
            self._take_step(folded.message)
        elif folded.changed and folded.type is ControlType.ACKNOWLEDGEMENT:
            for event in self._events.values():
                self._touch(event, dirty=event.dirty or self._has_ended(event))

    def _read(self, record: Record) -> Alarm:
        if find_header(record.headers, CE_TYPE) != Alarm.ce_type.encode():
            raise PoisonRecord(Refusal.UNKNOWN_TYPE, "not an alarm")
        if partition_of(record.key or b"", self._partition_count) != self._partition:
            raise PoisonRecord(Refusal.WRONG_PARTITION, f"key {record.key!r} is not of partition {self._partition}")
        return parse_message(Alarm, record.value)[0]

    def _is_new(self, alarm: Alarm, record: Record) -> bool:
        index = find_header(record.headers, INDEX) or b""
        if not index.isdigit():
            raise PoisonRecord(Refusal.SCHEMA, f"no {INDEX} header")
        source, place = f"{alarm.stage}/{alarm.source_partition}", (alarm.mark, int(index))
        if place <= self._seen.get(source, (-1, -1)):
            return False
        self._seen[source] = place
        return True

    def _place(self, alarm: Alarm, outbox: Outbox, policy: Policy) -> None:
        rollout = self._find_rollout(alarm)
        window_ms = round(policy.correlation_window_s * 1000)
        event = find_event(alarm, self._events, rollout, window_ms)
        if event is not None:
            event.add(alarm)
            self._touch(event)
            return
        timeline = self._rollouts.get(rollout or "")
        if timeline is not None and timeline.concluded and not timeline.outlived_by(alarm.log_time_ms, window_ms):
            timeline.after_end += 1
            self._changed.add(_ROLLOUT + timeline.rollout.encode())
            return
        event = OpenEvent(outbox.derive_id(), outbox.mark, rollout)
        event.spill = rollout is None and not has_room(self._events.values())
        event.add(alarm)
        self._events[event.event] = event
        self._state(event, None, outbox, policy)

    def _find_rollout(self, alarm: Alarm) -> str | None:
        if alarm.cohort.arm is not Arm.CANDIDATE:
            return None
        if alarm.rollout is not None:
            known = alarm.rollout in self._control.rollouts or alarm.rollout in self._rollouts
            return alarm.rollout if known else None
        return find_latest(alarm.cohort, self._control.rollouts, self._rollouts)

    def _take_step(self, decision: Decision) -> None:
        timeline = self._rollouts.setdefault(decision.rollout, RolloutTimeline(decision.rollout))
        timeline.take(decision)
        self._changed.add(_ROLLOUT + decision.rollout.encode())
        for event in self._events.values():
            if event.rollout == decision.rollout:
                self._touch(event)

    def _revise(self, outbox: Outbox, policy: Policy) -> None:
        for event in sorted(self._events.values(), key=lambda event: event.opened_at):
            closing = self._why_close(event, policy)
            if closing is not None or event.dirty:
                self._state(event, closing, outbox, policy)
            if closing is not None:
                self._conclude(event)

    def _why_close(self, event: OpenEvent, policy: Policy) -> str | None:
        now_ms, window_ms = self._control.log_time_ms, round(policy.correlation_window_s * 1000)
        timeline = self._rollouts.get(event.rollout or "")
        quiet_ms = now_ms - event.last_alarm_ms
        if timeline is not None and timeline.ended_ms is not None:
            acknowledged, targets = self._count_acknowledged(timeline)
            confirmed = acknowledged == targets and not timeline.outlived_by(event.last_alarm_ms, window_ms)
            if confirmed or (quiet_ms > window_ms and now_ms - timeline.ended_ms > window_ms):
                return f"its rollout ended ({timeline.phase.value}), {acknowledged} of {targets} targets confirmed"
            return None
        if quiet_ms > QUIET_WINDOWS * window_ms:
            limit_s = QUIET_WINDOWS * window_ms / 1000
            return f"no alarm for {quiet_ms / 1000:.0f} s > {limit_s:.0f} s ({event.alarms} alarms in all)"
        return None

    def _state(self, event: OpenEvent, closing: str | None, outbox: Outbox, policy: Policy) -> None:
        timeline = self._rollouts.get(event.rollout or "")
        acknowledged, targets = (0, 0) if timeline is None else self._count_acknowledged(timeline)
        message = report_event(event, Circumstances(timeline, acknowledged, targets, closing), policy, outbox)
        event.revision = message.revision
        self._touch(event, dirty=False)
        outbox.put(DRIFT_EVENTS, event.event, message)

    def _conclude(self, event: OpenEvent) -> None:
        del self._events[event.event]
        timeline = self._rollouts.get(event.rollout or "")
        if timeline is not None and timeline.ended_ms is not None:
            timeline.concluded = True
            self._changed.add(_ROLLOUT + timeline.rollout.encode())

    def _count_acknowledged(self, timeline: RolloutTimeline) -> tuple[int, int]:
        rollout = self._control.rollouts.get(timeline.rollout)
        if rollout is None or timeline.ended_ms is None:
            return 0, 0
        acks = [self._control.acknowledged.get(entry.target.key) for entry in rollout.targets]
        return sum(ack is not None and ack.at_ms >= timeline.ended_ms for ack in acks), len(acks)

    def _has_ended(self, event: OpenEvent) -> bool:
        timeline = self._rollouts.get(event.rollout or "")
        return timeline is not None and timeline.ended_ms is not None

    def _touch(self, event: OpenEvent, dirty: bool = True) -> None:
        event.dirty = dirty
        self._changed.add(_EVENT + event.event.encode())

    def _encode(self, key: bytes) -> bytes | None:
        if key.startswith(_ROLLOUT):
            return self._rollouts[key.removeprefix(_ROLLOUT).decode()].to_bytes()
        event = self._events.get(key.removeprefix(_EVENT).decode())
        return None if event is None else event.to_bytes()

    def _meta_fields(self) -> dict[str, Any]:
        return {**super()._meta_fields(), "seen": self._seen}

    def _restore_meta(self, fields: dict[str, Any]) -> None:
        super()._restore_meta(fields)
        self._seen = {source: (mark, index) for source, (mark, index) in fields["seen"].items()}
