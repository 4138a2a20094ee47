"""One leaf without its records' text: the real world, engine and kernel over rows; alarms are counted, not worded."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.leaf.arrays import (
    BUCKET_END,
    CODE,
    EVENTS,
    ID,
    KIND,
    NOT_COUNTED,
    OFFSET,
    PAIR,
    PART,
    RELEASE,
    ROW_FEEDBACK,
    ROW_NOTHING,
    ROW_WORK,
    SESSION,
    SLOT,
    TIME,
    WORK_MS,
)
from homeostat.detectors.leaf.batch import ROWS, Batch
from homeostat.detectors.leaf.engine import Engine
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.outbox import Outbox
from homeostat.detectors.leaf.parts import HOUR_MS, HOURS
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.tables import SEEDS
from homeostat.detectors.leaf.world import World
from homeostat.detectors.parents.cohort_state import CohortState
from homeostat.detectors.parents.judge import judge_bucket
from homeostat.detectors.parents.pools import Pools
from homeostat.detectors.parents.recent import Recent
from homeostat.schemas.control import Baseline, BaselineDocument
from homeostat.schemas.policy import Policy
from homeostat.schemas.pool import name_pool
from homeostat.schemas.signal import Direction
from homeostat.schemas.summary import Summary
from homeostat.schemas.trace import Arm

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Arrivals(NamedTuple):
    """Traces in order of time: int64 [n] each, values float64 [n, column] (nan for none), and the time of the work."""

    time_ms: Ints
    cohort: Ints
    session: Ints
    values: Floats
    work_ms: Ints
    feedback: bool = False


class Alarmed(NamedTuple):
    """A crossing: a leaf's by its number, or a parent's by its layer (cohort −1); `sessions` the cohort had by then."""

    layer: str
    cohort: int
    column: int
    side: int
    time_ms: int
    sessions: int


class Trial(Engine):
    """A leaf of one partition, and with `with_parents` the parents' step on its summaries.

    With `lends` cohorts without a reference borrow from other tenants', as parents and control would have it.
    """

    def __init__(self, policy: Policy, with_parents: bool = False, lends: bool = False) -> None:
        super().__init__(0, 1, Outbox(0))
        self._documents: dict[str, BaselineDocument] = {}
        self.policy, self.world = policy, World(Plan(policy), SEEDS, baselines=self._documents)
        self._pools = Pools() if lends else None
        self.alarms: list[Alarmed] = []
        self.parents: dict[str, CohortState] = {}
        self._recent: dict[str, Recent] = {}
        self.parent_since_ms: dict[str, int] = {}
        self.now_ms = self.offset = self._sessions = 0
        self._slots: list[int] = []
        self._number: dict[int, int] = {}
        self._part_of_hour = np.array(self.world.plan.part_of_hour)
        self._batch = Batch(len(self.world.plan.specs))
        self._with_parents = with_parents

    def add_cohort(self, tenant: str, specialty: str, now_ms: int) -> None:
        """Add a leaf cohort; they are numbered in this order."""
        slot = self.world.cohorts.slot_of(LeafKey(tenant, specialty, "scribe", Arm.BASELINE), now_ms)
        self._number[slot] = len(self._slots)
        self._slots.append(slot)

    @property
    def slots(self) -> Ints:
        """The slots of the cohorts' parts of the week: int64 [cohort, part]."""
        return self.world.cohorts.arrays.parts[self._slots].astype(np.int64)

    @property
    def sessions(self) -> Ints:
        """Sessions closed so far (int64 [cohort])."""
        return self.world.cohorts.arrays.tally[self._slots, 0]

    def begin(self, now_ms: int) -> None:
        """Let the log begin."""
        bucket_ms = self.world.plan.bucket_ms
        self.now_ms = now_ms
        self.world.cursor[BUCKET_END] = (now_ms // bucket_ms + 1) * bucket_ms

    def fresh_sessions(self, count: int) -> Ints:
        """Ids of new sessions."""
        self._sessions += count
        return np.arange(self._sessions - count, self._sessions, dtype=np.int64)

    def feed(self, arrivals: Arrivals) -> None:
        """Walk the kernel over the traces."""
        slots, parts = self.slots[:, 0], self._part_of_hour[arrivals.work_ms // HOUR_MS % HOURS]
        kind = ROW_FEEDBACK if arrivals.feedback else ROW_WORK
        for first in range(0, arrivals.time_ms.shape[0], ROWS):
            part = slice(first, first + ROWS)
            count = arrivals.time_ms[part].shape[0]
            self._batch.size = count
            rows = self._batch.rows
            rows[:] = 0
            rows[:, KIND], rows[:, CODE] = kind, NOT_COUNTED
            rows[:, PAIR] = rows[:, RELEASE] = -1
            rows[:, TIME], rows[:, SLOT] = arrivals.time_ms[part], slots[arrivals.cohort[part]]
            rows[:, PART], rows[:, WORK_MS] = parts[part], arrivals.work_ms[part]
            rows[:, OFFSET] = rows[:, ID] = np.arange(self.offset, self.offset + count)
            rows[:, SESSION] = arrivals.session[part]
            self._batch.values[:] = arrivals.values[part]
            self.offset += count
            self._run(int(rows[-1, TIME]))

    def pass_time(self, now_ms: int) -> None:
        """Tick: what is due by now is closed."""
        self._batch.add_time(ROW_NOTHING, now_ms, self.offset)
        self.offset += 1
        self._run(now_ms)

    def close_bucket(self, world: World, next_bucket: int) -> None:
        """Let the parents judge the bucket instead of sending its summaries."""
        bucket = int(world.cursor[BUCKET_END]) // world.plan.bucket_ms - 1
        if self._with_parents:
            told = world.layers.summaries(world.plan, world.cohorts, bucket, 0, self.offset, self._outbox.log_time_ms)
            for key, body in told:
                self._judge(key, Summary.model_validate_json(body), bucket)
        else:
            world.layers.arrays.product[:] = 1.0
        if self._pools is not None:
            self._lend(world, self._pools)
        world.layers.clear()
        world.cursor[BUCKET_END] = (next_bucket + 1) * world.plan.bucket_ms

    def _lend(self, world: World, pools: Pools) -> None:
        """Let what has been sealed since the last bucket be lent to others."""
        now_ms = self._outbox.log_time_ms
        tolerances = {spec.name: spec.tolerance for spec in world.plan.specs}
        for pool in world.pools.tell(world.cohorts, self.offset, now_ms):
            pools.add(pool)
            told = pools.tell(pool, tolerances, 0, self.offset, now_ms)
            if told is not None:
                body = Baseline(
                    cohort=told.cohort,
                    sealed_at_ms=now_ms,
                    signals={},
                    part=told.part,
                    pooled=told.signals,
                    editions=told.editions,
                )
                subject = name_pool(told.cohort, told.part)
                self._documents[subject] = BaselineDocument(
                    subject=subject, subject_version=told.pool_version, at_ms=now_ms, body=body
                )
                world.lend(body, now_ms)

    def _answer_events(self, world: World, pair: int) -> None:  # noqa: ARG002 the engine's signature
        count = int(world.cursor[EVENTS])
        for slot, column, side in world.scratch.events[:count, :3].tolist():
            owner = int(world.cohorts.arrays.owner[slot])
            sessions = int(world.cohorts.arrays.tally[owner, 0])
            self.alarms.append(Alarmed("leaf", self._number[owner], column, side, self._outbox.log_time_ms, sessions))
        world.cursor[EVENTS] = 0

    def _judge(self, key: str, summary: Summary, bucket: int) -> None:
        end_ms = (bucket + 1) * self.world.plan.bucket_ms
        state = self.parents.setdefault(key, CohortState(summary.cohort))
        if key not in self.parent_since_ms and any(found.bet_sessions for found in summary.signals.values()):
            self.parent_since_ms[key] = end_ms
        recent = self._recent.setdefault(key, Recent())
        for spec, crossing in judge_bucket(state, recent, bucket, [summary], self.policy, no_data=False):
            side = 0 if crossing.direction is Direction.UP else 1
            column = self.world.plan.column[spec.name]
            self.alarms.append(Alarmed(summary.cohort.layer.value, -1, column, side, end_ms, summary.records))

    def _run(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.run(self.world, self._batch, {})
        self.world.forget(now_ms)
