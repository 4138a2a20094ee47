"""The triage stage: alarms become drift events, classified, with the next step and its owner."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.detectors.control_log import Folded
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.record_stage import RecordStage
from homeostat.detectors.triage.closing import (
    accept_baseline,
    count_acknowledged,
    is_contradicted,
    is_missing,
    why_accepted,
    why_ended,
    why_over,
    why_quiet,
)
from homeostat.detectors.triage.event_book import EventBook
from homeostat.detectors.triage.grouping import find_event, has_room
from homeostat.detectors.triage.kinship import find_elsewhere
from homeostat.detectors.triage.nearness import Nearness, read_nearness
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.report import Circumstances, report_event
from homeostat.detectors.triage.strands import carry_as_declared
from homeostat.detectors.triage.timeline import RolloutTimeline, find_latest, name_leaf
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import ControlType, Review, ReviewDocument, SealBaselineDocument
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import Disposition
from homeostat.schemas.effect import Effect
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import CE_TYPE, INDEX, find_header
from homeostat.schemas.log import Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.policy import Policy
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DRIFT_EVENTS, REVIEW_REQUESTS
from homeostat.schemas.trace import Arm


class TriageStage(RecordStage):
    """Triage of one partition of `alarms.v1`.

    An event is stated at its first alarm (or the guard's verdict of harm), and again at ticks if it changed, so that a
    storm of alarms costs a bounded number of statements and of bytes. Repeated alarms are dropped by (stage, source
    partition, mark, index).
    """

    name = "triage"

    def __init__(self, partition: int, partition_count: int, trust: TrustStore) -> None:
        super().__init__(partition, trust)
        self._partition_count = partition_count
        self._book = EventBook()
        self._seen: dict[str, tuple[int, int]] = {}
        self._near, self._near_of = Nearness(0, 0, {}), ""
        self._swept_ms = 0

    @property
    def open_events(self) -> Mapping[str, OpenEvent]:
        """The events that are open, by id."""
        return self._book.events

    def _own_records(self) -> dict[bytes, bytes]:
        return self._book.records()

    def _drain_own(self) -> list[tuple[bytes, bytes | None]]:
        return self._book.drain()

    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        self._book.restore(state_records)

    def _take(self, record: Record, outbox: Outbox) -> None:
        policy = self._control.policy
        if not self._control.evaluated or policy is None:
            self._count("not_evaluated")
            return
        alarm = carry_as_declared(self._read(record), policy)
        if not self._is_new(alarm, record):
            self._count("repeat")
            return
        self._count("alarm")
        self._place(alarm, outbox, policy)

    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        policy = self._control.policy
        if folded.type is ControlType.TICK and policy is not None:
            self._revise(outbox, policy)
        if not folded.changed:
            return
        match folded.message:
            case Decision():
                self._take_step(folded.message, outbox, policy)
            case Acknowledgement() as answer:
                for rollout in self._control.rollouts_of(answer.target):
                    if self._has_ended(rollout):
                        self._touch_all(self._book.of_rollout(rollout))
            case Effect() as effect:
                self._touch_all(self._book.of_rollout(effect.rollout))
            case SealBaselineDocument():
                sealed = folded.message.body.cohort
                self._touch_all([event for event in self._book.events.values() if accept_baseline(event, sealed)])
            case ReviewDocument():
                self._take_review(folded.message.body)
            case _:
                pass

    def _touch_all(self, events: Sequence[OpenEvent]) -> None:
        for event in events:
            self._book.touch(event)

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
        placed = find_event(alarm, self._book.events, rollout, self._nearness(policy))
        if placed.event is not None:
            placed.event.add(alarm)
            if rollout is not None and not self._book.of_rollout(rollout):
                placed.event.rollout = placed.event.rollout or rollout
            if placed.part is not None:
                placed.event.absorb(placed.part)
            self._book.touch(placed.event)
            if placed.part is not None:
                self._end_part(placed.part, placed.event, outbox, policy)
            return
        timeline = self._book.rollouts.get(rollout or "")
        window_ms = round(policy.correlation_window_s * 1000)
        if timeline is not None and timeline.concluded and not timeline.outlived_by(alarm.log_time_ms, window_ms):
            self._book.follow(timeline.rollout).after_end += 1
            return
        event = OpenEvent(outbox.derive_id(), outbox.mark, rollout)
        event.spill = rollout is None and not has_room(self._book.events.values())
        event.add(alarm)
        self._book.open(event)
        self._state(event, outbox, policy)

    def _nearness(self, policy: Policy) -> Nearness:
        """How near onsets must be under the policy in force; read once."""
        if self._near_of != self._control.policy_digest:
            self._near, self._near_of = read_nearness(policy), self._control.policy_digest
        return self._near

    def _end_part(self, part: OpenEvent, event: OpenEvent, outbox: Outbox, policy: Policy) -> None:
        part.closed_because = f"it is part of event {event.event}"
        self._state(part, outbox, policy)
        self._book.close(part, outbox.mark)

    def _find_rollout(self, alarm: Alarm) -> str | None:
        if alarm.cohort.arm is not Arm.CANDIDATE:
            return None
        if alarm.rollout is not None:
            known = alarm.rollout in self._control.rollouts or alarm.rollout in self._book.rollouts
            return alarm.rollout if known else None
        return find_latest(self._control.rollouts_in(alarm.cohort), self._book.rollouts)

    def _take_step(self, decision: Decision, outbox: Outbox, policy: Policy | None) -> None:
        timeline = self._book.follow(decision.rollout)
        was_harmful = timeline.judged_harmful
        timeline.take(decision)
        known = self._book.of_rollout(decision.rollout)
        for event in known:
            if timeline.judged_harmful and event.is_of_candidate():
                event.add_cohorts(timeline.harmed)
            self._book.touch(event)
        newly = timeline.judged_harmful and not was_harmful
        if newly and not known and self._control.evaluated and policy is not None:
            self._open_judged(timeline, outbox, policy)

    def _open_judged(self, timeline: RolloutTimeline, outbox: Outbox, policy: Policy) -> None:
        """Begin an event at the guard's verdict: it notices a release on trial before any leaf alarms."""
        event = OpenEvent(outbox.derive_id(), outbox.mark, timeline.rollout)
        rollout = self._control.rollouts.get(timeline.rollout)
        places = [] if rollout is None else rollout.cohorts()
        event.add_cohorts(timeline.harmed or [name_leaf(*place) for place in places])
        now_ms = self._control.log_time_ms
        event.onset_from_ms = min(now_ms, timeline.began_ms if timeline.began_ms is not None else now_ms)
        event.onset_to_ms = event.last_alarm_ms = now_ms
        self._book.open(event)
        self._state(event, outbox, policy)

    def _take_review(self, review: Review) -> None:
        event = self._book.events.get(review.event) or self._book.closed.get(review.event)
        if event is None or not event.reviews.take(review):
            self._count("review_unasked")
            return
        self._count("review")
        self._book.touch(event)

    def _revise(self, outbox: Outbox, policy: Policy) -> None:
        """State what changed; once a bucket of log time see which events are over though nothing came."""
        sweeps = self._control.log_time_ms >= self._swept_ms + round(policy.times.bucket_s * 1000)
        if sweeps:
            self._swept_ms = self._control.log_time_ms
        for event in [each for each in self._book.events.values() if sweeps or each.dirty]:
            event.closed_because = self._why_close(event, policy) or ""
            if event.closed_because or event.dirty:
                self._state(event, outbox, policy)
            if event.closed_because:
                self._conclude(event, outbox.mark)
        for event in self._book.closed.values():
            if event.dirty:
                self._state(event, outbox, policy)

    def _why_close(self, event: OpenEvent, policy: Policy) -> str | None:
        now_ms, window_ms = self._control.log_time_ms, round(policy.correlation_window_s * 1000)
        timeline = self._book.rollouts.get(event.rollout or "")
        if timeline is not None and timeline.ended_ms is not None and event.is_of_candidate():
            effect = self._control.effects.get(timeline.rollout)
            if timeline.phase is RolloutPhase.PROMOTED and effect is None and not timeline.judged_harmful:
                return why_ended(event, timeline, self._count_acknowledged(timeline), now_ms, window_ms)
            if not (is_missing(effect) or is_contradicted(effect, event)):
                return why_over(effect, timeline, now_ms, round(policy.effects.watch_s * 1000))
        return why_accepted(event) or why_quiet(event, now_ms, window_ms)

    def _state(self, event: OpenEvent, outbox: Outbox, policy: Policy) -> None:
        if event.besides:
            event.leave_out(find_elsewhere(event, self._book.around(event.scope), self._nearness(policy)))
        timeline = self._book.rollouts.get(event.rollout or "")
        acknowledged, targets = (0, 0) if timeline is None else self._count_acknowledged(timeline)
        effect = self._control.effects.get(event.rollout or "")
        known = Circumstances(timeline, acknowledged, targets, self._control.releases, self._book.trials, effect)
        message = report_event(event, known, policy, outbox)
        event.revision = message.revision
        asks = message.disposition is Disposition.REVIEW_QUEUE and not event.closed_because
        outbox.put(DRIFT_EVENTS, event.event, message)
        if asks and message.sample.affected and event.reviews.ask(message.sample):
            outbox.put(REVIEW_REQUESTS, event.event, message)
        self._book.touch(event, dirty=False)

    def _conclude(self, event: OpenEvent, mark: int) -> None:
        self._book.close(event, mark)
        timeline = self._book.rollouts.get(event.rollout or "")
        if timeline is not None and timeline.ended_ms is not None:
            self._book.follow(timeline.rollout).concluded = True

    def _count_acknowledged(self, timeline: RolloutTimeline) -> tuple[int, int]:
        return count_acknowledged(timeline, self._control.rollouts, self._control.acknowledged)

    def _has_ended(self, rollout: str) -> bool:
        timeline = self._book.rollouts.get(rollout)
        return timeline is not None and timeline.ended_ms is not None

    def _meta_fields(self) -> dict[str, Any]:
        return {**super()._meta_fields(), "seen": self._seen, "swept_ms": self._swept_ms}

    def _restore_meta(self, fields: dict[str, Any]) -> None:
        super()._restore_meta(fields)
        self._seen = {source: (mark, index) for source, (mark, index) in fields["seen"].items()}
        self._swept_ms = fields.get("swept_ms", 0)
