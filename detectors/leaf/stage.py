"""The leaf stage: traces in, and out of them summaries, evidence, alarms and dead letters."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from homeostat.detectors.control_log import ControlLog, Folded
from homeostat.detectors.leaf.aftermath import AftermathBook
from homeostat.detectors.leaf.arrays import BUCKET_END, ROW_NOTHING
from homeostat.detectors.leaf.batch import ROWS
from homeostat.detectors.leaf.documents import DocumentReader
from homeostat.detectors.leaf.engine import Engine
from homeostat.detectors.leaf.intake import Intake
from homeostat.detectors.leaf.outbox import STAGE, Outbox
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.pools import Home
from homeostat.detectors.leaf.reports import ReportReader
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.settling import begin_waiting, set_clock
from homeostat.detectors.leaf.shape import describe_shape
from homeostat.detectors.leaf.tables import make_seeds
from homeostat.detectors.leaf.tenants import Gates
from homeostat.detectors.leaf.world import PARTITION_KEY, World, encode_partition_record, read_partition_record
from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import CONTROL_HEADER, ControlType, Tick
from homeostat.schemas.decision import Decision
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.exposure import MAX_STARTS, ExposureReport
from homeostat.schemas.headers import CE_TYPE
from homeostat.schemas.log import Output, Record
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import EVIDENCE, TRACES

_EXPOSURE: Final = ExposureReport.ce_type.encode()
_MOST_ROWS = ROWS - MAX_STARTS - 1
"""A batch with more rows than this has no room for a full exposure report."""


_OF_ROLLOUTS: Final = frozenset({ControlType.ROLLOUT, ControlType.ROLLOUT_STEP})
"""Documents that only change where sessions on trial lead; any other may change every route."""


class LeafStage:
    """The leaves of one partition of `traces.v1`.

    `partition_count` is that of every topic of the platform; `masters` are the secrets of MACs by id, of which control
    activates some. State records: the control log's, one a cohort, one a segment of its ring, one a chunk of sessions,
    a segment of the dedupe window, a parent in the open bucket, a tenant's part of a pool, a pairing, a reporter, a
    release that was taken back from a cohort, and the partition's own.
    """

    name = STAGE

    def __init__(self, partition: int, partition_count: int, trust: TrustStore, masters: Mapping[str, bytes]) -> None:
        self._log = ControlLog(TRACES, partition, trust)
        self._home = Home(partition, partition_count)
        self._gates = Gates(partition, partition_count, masters)
        self._outbox = Outbox(partition)
        self._engine = Engine(partition, partition_count, self._outbox)
        self._counts: Counter[str] = Counter()
        secret = b"".join(masters[master] for master in sorted(masters))
        self._seeds = make_seeds(blake2b(secret, digest_size=24, person=b"hs-leaf-tables").digest())
        self._next_offset = 0
        self._world: World | None = None
        self._intake: Intake | None = None
        self._documents = DocumentReader(self._log, self._engine, self._outbox, self._counts)
        self._reports = ReportReader(trust, self._counts)
        self._aftermaths = AftermathBook(self._home)

    @property
    def next_offset(self) -> int:
        return self._next_offset

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted since the beginning, by name: refusals by reason (`refused_…`), duplicates, late records."""
        world, intake = self._world, self._intake
        counted = self._counts + (Counter() if world is None else world.counts())
        if intake is not None:
            counted += intake.ignored
        return counted

    @property
    def world(self) -> World | None:
        """The stores, for those who show or test them; None before a policy."""
        return self._world

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Fold records in. Raises `BuildRefusesMost`, and nothing else for bad input."""
        log, block = self._log, RecordBlock.of(records)
        at = block.first_from(self._next_offset)
        while at < len(block):
            if self._intake is not None and log.evaluated:
                at = self._intake.take_plain(block, at, log)
            if at < len(block):
                self._apply_one(block[at])
                at += 1
        if block:
            self._next_offset = max(self._next_offset, block.last_offset + 1)
        self._flush()
        if self._world is not None:
            self._world.forget(log.log_time_ms)
        return self._outbox.take()

    def _apply_one(self, record: Record) -> None:
        """Fold any record in."""
        headers = dict(record.headers)
        if CONTROL_HEADER in headers:
            self._apply_control(record)
            return
        now_ms = self._log.advance(record.timestamp, True)
        intake = self._intake
        if intake is None or not self._log.evaluated:
            self._counts["not_evaluated"] += 1
            return
        if intake.batch.size > _MOST_ROWS or headers.get(CE_TYPE) == _EXPOSURE:
            self._flush()
        intake.take(record, headers, now_ms)

    def state_records(self) -> dict[bytes, bytes]:
        """Every state record; what `restore` takes."""
        found = {**self._log.state_records(), **self._reports.state_records(), **self._aftermaths.state_records()}
        if self._world is None:
            return {**found, PARTITION_KEY: encode_partition_record(self._fields())}
        return {**found, **self._world.state_records(self._fields())}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call, sorted by key; None for one that no longer exists."""
        return sorted(self._changes(), key=lambda change: change[0])

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        """Load a complete set of state records into a new stage. Raises `StateCorrupt`."""
        self._log.restore(state_records)
        fields = read_partition_record(state_records)
        self._next_offset = fields.get("next_offset", 0)
        self._counts.update(fields.get("counts", {}))
        self._documents.echoed.update(fields.get("echoed", {}))
        self._reports.restore(state_records)
        self._aftermaths.restore(state_records)
        self._gates.activate(self._log.masters)
        if self._log.policy is None:
            return
        self._build(Plan(self._log.policy), fields.get("ring_rows", 0))
        assert self._world is not None
        assert self._intake is not None
        self._world.restore(state_records)
        if self._world.cursor[BUCKET_END]:
            set_clock(self._world)
        self._intake.ignored.update(fields["ignored"])

    def _changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        yield from self._log.drain_changes()
        yield from self._reports.drain_changes()
        yield from self._aftermaths.drain_changes()
        if self._world is None:
            yield PARTITION_KEY, encode_partition_record(self._fields())
        else:
            yield from self._world.drain_changes(self._fields())

    def _fields(self) -> dict[str, Any]:
        return {
            "next_offset": self._next_offset,
            "counts": self._counts,
            "echoed": self._documents.echoed,
            "ignored": {} if self._intake is None else self._intake.ignored,
        }

    def _build(self, plan: Plan, ring_rows: int = 0) -> None:
        self._world = world = World(plan, self._seeds, ring_rows, self._home, self._log.baselines)
        router = Router(plan, world.cohorts, world.pairs, self._log.releases)
        self._reports.use(router, world.pairs)
        router.leave_untaught(self._aftermaths.places)
        self._intake = Intake(plan, self._gates, router, world.window, self._reports, self._counts, self._aftermaths)

    def _flush(self) -> None:
        if self._intake is not None and self._intake.batch.size:
            assert self._world is not None
            self._intake.finish()
            self._engine.run(self._world, self._intake.batch, self._intake.refused)
            self._intake.clear()

    def _apply_control(self, record: Record) -> None:
        self._flush()
        before_ms = self._log.log_time_ms
        try:
            folded = self._log.fold(record)
        except (PoisonRecord, SignatureRefused) as error:
            self._counts[f"refused_{error.reason.value}"] += 1
            self._outbox.begin(record.offset, before_ms)
            plan = None if self._world is None else self._world.plan
            self._outbox.bury(record, error.reason, describe_shape(record.value), None, plan)
            return
        world, intake = self._world, self._intake
        if world is not None and intake is not None and world.cursor[BUCKET_END]:
            intake.batch.add_time(ROW_NOTHING, self._log.log_time_ms, record.offset)
            self._engine.run(world, intake.batch, {}, holds_evidence=True)
        self._outbox.begin(record.offset, self._log.log_time_ms)
        if folded.changed and folded.type not in {ControlType.TICK, ControlType.ACKNOWLEDGEMENT}:
            self._take_over(folded.type, record.offset)
            self._documents.take_over(folded, self._world, record.offset)
        if self._world is not None and self._intake is not None and self._log.evaluated:
            self._documents.follow(self._world, folded.type is ControlType.TICK)
            self._intake.router.forget(self._world.pairs.take_moved())
        self._follow_aftermath(folded, record.offset)

    def _follow_aftermath(self, folded: Folded, offset: int) -> None:
        """Watch what a decision takes back, and say at ticks what was seen of it."""
        log, world, policy, intake = self._log, self._world, self._log.policy, self._intake
        if world is None or policy is None or intake is None:
            return
        now_ms = log.log_time_ms
        match folded.message:
            case Decision() as decision if folded.changed and decision.rollout in log.rollouts:
                rollout = log.rollouts[decision.rollout]
                if decision.phase is RolloutPhase.EXPOSING:
                    self._aftermaths.forget(rollout)
                self._aftermaths.begin(decision, rollout, policy, world, log.acknowledged.values(), now_ms)
            case Acknowledgement() as ack if folded.changed:
                self._aftermaths.acknowledge(ack, policy, now_ms)
            case Tick():
                for said in self._aftermaths.tell(world, offset, now_ms):
                    self._outbox.send(EVIDENCE, said.rollout, said)
            case _:
                return
        intake.router.leave_untaught(self._aftermaths.places)

    def _take_over(self, kind: ControlType, offset: int) -> None:
        """Take over what the stage itself reads of a document: the plan, keys, and what routes depend on."""
        policy, world, intake = self._log.policy, self._world, self._intake
        if kind is ControlType.KEY_ACTIVATION:
            self._gates.activate(self._log.masters)
        if policy is None:
            return
        if world is None or intake is None:
            self._build(Plan(policy))
            return
        plan = world.plan
        if policy is not plan.policy:
            plan = Plan(policy)
            self._documents.change_buckets(world, plan)
            self._aftermaths.use(world.plan, plan)
            world.replan(plan, offset, self._log.log_time_ms)
            if world.cursor[BUCKET_END]:
                begin_waiting(world, self._log.log_time_ms)
            intake.use(plan)
        if kind not in _OF_ROLLOUTS:
            intake.router.reset(plan, self._log.releases)
