"""The engine: runs the kernel over a batch and answers each time it stops, so that outputs come in the log's order."""

from collections.abc import Mapping

from homeostat.detectors.leaf.alarms import Crossing, Place, state_alarm
from homeostat.detectors.leaf.arrays import (
    AT_ROW,
    BUCKET_END,
    BUCKET_ENDED,
    CLOSE,
    DONE,
    EVENTS,
    HAS_EVENTS,
    OFFSET,
    REFUSES_MOST,
    ROW_ENDED,
    SETTLE_AT,
    SETTLE_DUE,
    TAIL,
    TIME,
    URGENT,
)
from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.evidence import EvidenceTeller
from homeostat.detectors.leaf.intake import Refused
from homeostat.detectors.leaf.kernel import walk
from homeostat.detectors.leaf.outbox import Outbox
from homeostat.detectors.leaf.place_groups import place_groups
from homeostat.detectors.leaf.settling import settle_due
from homeostat.detectors.leaf.shape import describe_shape
from homeostat.detectors.leaf.world import World
from homeostat.schemas.errors import BuildRefusesMost
from homeostat.schemas.signal import Role
from homeostat.schemas.summary import Marker, Summary
from homeostat.schemas.topics import ALARMS, EVIDENCE, SUMMARIES
from homeostat.schemas.trace import Arm

CORRELATION_DOMAIN = "platform"


class Engine:
    """Runs batches for one partition; `partition_count` is that of every topic of the platform."""

    def __init__(self, partition: int, partition_count: int, outbox: Outbox) -> None:
        self._partition, self._count, self._outbox = partition, partition_count, outbox
        self.teller = EvidenceTeller(partition, partition_count, outbox)

    def run(self, world: World, batch: Batch, refused: Mapping[int, Refused], holds_evidence: bool = False) -> None:
        """Fold the batch into the world. Raises `BuildRefusesMost`.

        With `holds_evidence` urgent evidence is left for the caller to state, together with what a tick asks for.
        """
        world.make_room(batch.size)
        place_groups(batch.rows, world.plan, world.cohorts)
        world.place_layers()
        world.cursor[AT_ROW] = 0
        rows = batch.rows
        while (code := self._walk(world, batch)) != DONE:
            at = int(world.cursor[AT_ROW])
            row = at - 1 if code == ROW_ENDED else at
            self._outbox.begin(int(rows[row, OFFSET]), int(rows[row, TIME]))
            if code == HAS_EVENTS:
                closed = (int(world.cursor[CLOSE]) - 1) & (world.sessions.arrays.slot.shape[0] - 1)
                self._answer_events(world, int(world.sessions.arrays.pair[closed]))
            elif code == SETTLE_DUE:
                for _ in settle_due(world, int(rows[row, TIME])):
                    self._answer_events(world, -1)
            elif code == BUCKET_ENDED:
                self._end_bucket(world, int(rows[row, TIME]))
            else:
                self._answer_row(world, refused.get(row), holds_evidence)
        world.sessions.tail = int(world.cursor[TAIL])
        batch.clear()

    def close_bucket(self, world: World, next_bucket: int) -> None:
        """Tell what the open bucket and rollouts' signals hold, and mark all buckets before `next_bucket` as ended."""
        bucket_ms = world.plan.bucket_ms
        bucket = int(world.cursor[BUCKET_END]) // bucket_ms - 1
        mark, now_ms = self._outbox.mark, self._outbox.log_time_ms
        for key, body in world.layers.summaries(world.plan, world.cohorts, bucket, self._partition, mark, now_ms):
            self._outbox.send_json(SUMMARIES, key, Summary.ce_type, body)
        for pool in world.pools.tell(world.cohorts, mark, now_ms):
            self._outbox.send(SUMMARIES, pool.cohort.key, pool)
        world.layers.clear()
        self.teller.tell_signals(world.plan, world.pairs)
        marker = Marker(
            bucket=next_bucket - 1,
            source_partition=self._partition,
            partition_count=self._count,
            mark=mark,
            log_time_ms=now_ms,
        )
        for topic in (SUMMARIES, EVIDENCE):
            for partition in range(self._count):
                self._outbox.send(topic, f"marker/{self._partition}", marker, partition)
        world.cursor[BUCKET_END] = (next_bucket + 1) * bucket_ms

    def _walk(self, world: World, batch: Batch) -> int:
        return walk(
            batch.rows,
            batch.values,
            world.plan.bucket_ms,
            world.plan.arrays,
            world.sessions.arrays,
            world.cohorts.arrays,
            world.layers.arrays,
            world.pairs.arrays,
            world.window.arrays,
            world.dedupe.arrays,
            world.seeds,
            world.kernel_counts,
            world.scratch,
            world.cursor,
        )

    def _answer_events(self, world: World, pair: int) -> None:
        """Alarm: the crossings are of the session that the kernel has just closed, `pair` that session's.

        Of a probe tenant nobody is alarmed: its work is made to be bad.
        """
        for number in range(int(world.cursor[EVENTS])):
            slot, column, side, bet = world.scratch.events[number].tolist()
            crossing = Crossing(slot, column, side, bet, float(world.scratch.numbers[number]))
            self._alarm(world, crossing, pair)
        world.cursor[EVENTS] = 0

    def _alarm(self, world: World, crossing: Crossing, pair: int) -> None:
        rollout = world.pairs.attempts[pair].rollout if pair >= 0 else None
        at = Place(self._partition, self._outbox.mark, self._outbox.index, self._outbox.log_time_ms)
        alarm = state_alarm(crossing, world.cohorts, world.plan, rollout, at)
        if alarm.cohort.tenant not in world.plan.policy.probe_tenants:
            self._outbox.send(ALARMS, CORRELATION_DOMAIN, alarm)
        if pair >= 0 and alarm.role is Role.NEVER and alarm.cohort.arm is Arm.CANDIDATE:
            world.pairs.note_never(pair, crossing.column)
            world.cursor[URGENT] = 1

    def _end_bucket(self, world: World, now_ms: int) -> None:
        """The next bucket is the one in which something happens next: a session or works are due, or it is now."""
        due_ms = world.sessions.next_due_ms(int(world.cursor[CLOSE]), int(world.cursor[TAIL]), world.plan.session_ms)
        following_ms = min(now_ms, int(world.cursor[SETTLE_AT]), now_ms if due_ms is None else due_ms)
        self.close_bucket(world, following_ms // world.plan.bucket_ms)

    def _answer_row(self, world: World, refused: Refused | None, holds_evidence: bool) -> None:
        if refused is not None:
            record, reason, tenant = refused
            self._outbox.bury(record, reason, describe_shape(record.value), tenant, world.plan)
        if world.cursor[URGENT] and not holds_evidence:
            self.teller.tell_urgent(world.plan, world.pairs, world.window)
        world.cursor[URGENT] = 0
        if world.cursor[REFUSES_MOST]:
            raise BuildRefusesMost(
                "most tenants' records are refused for their shape: this build does not know the messages it is sent; "
                "run one that does"
            )
