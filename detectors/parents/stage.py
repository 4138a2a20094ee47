"""The parents stage: adds up what the leaves bet for their parents, and judges the layers across partitions."""

from collections.abc import Mapping
from typing import Any

from homeostat.detectors.control_log import Folded
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.parents.alarm_of import state_alarm
from homeostat.detectors.parents.buckets import OpenBuckets, SealedBucket, Taken
from homeostat.detectors.parents.cohort_state import CohortState
from homeostat.detectors.parents.judge import judge_bucket
from homeostat.detectors.parents.pools import Pools
from homeostat.detectors.parents.recent import Recent, restore_recent
from homeostat.detectors.record_stage import RecordStage
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.control import MissingSource
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.policy import Policy
from homeostat.schemas.pool import ReferencePool, name_pool
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.summary import Marker, Summary
from homeostat.schemas.topics import ALARMS, BASELINES

CORRELATION_DOMAIN = "platform"
MAX_COHORTS = 50_000
"""Parent cohorts a partition watches; a further one is counted and not judged."""
_COHORT = b"cohort/"


class ParentsStage(RecordStage):
    """The parents of one partition of `summaries.v1`.

    `source_partition_count` is the number of partitions of `traces.v1`: a bucket is sealed when each has sent its
    marker or is declared missing. The state is one record a parent cohort, up to 40 of its recent buckets, one an open
    summary, one a source's pool of references, one a baseline across tenants, and one of counters.
    """

    name = "parents"

    def __init__(self, partition: int, partition_count: int, source_partition_count: int, trust: TrustStore) -> None:
        super().__init__(partition, trust)
        self._partition_count, self._sources = partition_count, source_partition_count
        self._buckets = OpenBuckets(source_partition_count)
        self._pools = Pools()
        self._cohorts: dict[str, CohortState] = {}
        self._recent: dict[str, Recent] = {}
        self._changed: set[str] = set()
        self.no_data: dict[int, int] = {}

    @property
    def cohorts(self) -> Mapping[str, CohortState]:
        """The parent cohorts by key, for those who show or test them; `no_data` counts buckets a source owed."""
        return self._cohorts

    def _own_records(self) -> dict[bytes, bytes]:
        cohorts = {_COHORT + key.encode(): state.to_bytes() for key, state in self._cohorts.items()}
        recent = [self._recent[key].state_records(key.encode()) for key in self._recent]
        blocks = {key: value for records in recent for key, value in records.items()}
        return {**self._buckets.state_records(), **self._pools.state_records(), **cohorts, **blocks}

    def _drain_own(self) -> list[tuple[bytes, bytes | None]]:
        changed, self._changed = self._changed, set()
        cohorts = [(_COHORT + key.encode(), self._cohorts[key].to_bytes()) for key in changed]
        blocks = [record for key in sorted(changed) for record in self._recent[key].drain_changes(key.encode())]
        return [*self._buckets.drain_changes(), *self._pools.drain_changes(), *cohorts, *blocks]

    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        self._buckets.restore(state_records)
        self._pools.restore(state_records)
        for key in sorted(key for key in state_records if key.startswith(_COHORT)):
            self._cohorts[key.removeprefix(_COHORT).decode()] = CohortState.from_bytes(state_records[key])
        self._recent = restore_recent(state_records)

    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        message = folded.message
        if isinstance(message, MissingSource):
            source = message.source_partition
            if self._buckets.marked.get(source, (-1, -1))[1] > message.last_mark:
                self._control.declare_present(source)
        self._seal(outbox)

    def _take(self, record: Record, outbox: Outbox) -> None:
        if self._admit(record, outbox):
            self._seal(outbox)

    def _admit(self, record: Record, outbox: Outbox) -> bool:
        """Take a summary, a pool or a marker; tells whether a bucket may be complete now, or must be let go."""
        if not self._control.evaluated:
            self._count("not_evaluated")
            return False
        message = _read(record)
        self._check_source(message.source_partition)
        if isinstance(message, Summary):
            self._check_key(message)
            self._count(f"summary_{self._buckets.add(message)}")
            return self._buckets.is_overfull()
        if isinstance(message, ReferencePool):
            self._check_key(message)
            self._pool(message, outbox)
            return False
        self._check_marker(message)
        if self._buckets.mark(message) is Taken.REPEAT:
            return False
        self._control.declare_present(message.source_partition)
        return True

    def _check_source(self, source: int) -> None:
        if source >= self._sources:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"source partition {source} >= {self._sources}")

    def _check_key(self, message: Summary | ReferencePool) -> None:
        if partition_of(message.cohort.key.encode(), self._partition_count) != self._partition:
            raise PoisonRecord(Refusal.WRONG_PARTITION, f"{message.cohort.key} is not of partition {self._partition}")

    def _check_marker(self, marker: Marker) -> None:
        if marker.partition_count != self._sources:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"{marker.partition_count} source partitions, not {self._sources}")

    def _seal(self, outbox: Outbox) -> None:
        policy = self._control.policy
        if policy is not None and self._control.evaluated:
            for sealed in self._buckets.seal(self._control.missing):
                self._note_no_data(sealed)
                for key in sorted(sealed.summaries):
                    self._judge(key, sealed, policy, outbox)

    def _note_no_data(self, sealed: SealedBucket) -> None:
        self._count("sealed")
        for source in sealed.no_data:
            self.no_data[source] = self.no_data.get(source, 0) + 1

    def _judge(self, key: str, sealed: SealedBucket, policy: Policy, outbox: Outbox) -> None:
        summaries = [summary for _, summary in sorted(sealed.summaries[key].items())]
        if key not in self._cohorts and len(self._cohorts) >= MAX_COHORTS:
            self._count("cohort_limit")
            return
        state = self._cohorts.setdefault(key, CohortState(summaries[0].cohort))
        recent = self._recent.setdefault(key, Recent())
        self._changed.add(key)
        for judged in judge_bucket(state, recent, sealed.bucket, summaries, policy, bool(sealed.no_data)):
            outbox.put(ALARMS, CORRELATION_DOMAIN, state_alarm(judged, state, recent, policy, outbox))

    def _pool(self, pool: ReferencePool, outbox: Outbox) -> None:
        """Add a source's pool, and say the workflow's baseline across tenants where that changes it enough."""
        found, policy = self._pools.add(pool), self._control.policy
        self._count(f"pool_{found}")
        if policy is None or found != "added":
            return
        tolerances = {spec.name: spec.tolerance for spec in policy.columns}
        told = self._pools.tell(pool, tolerances, self._partition, outbox.mark, outbox.log_time_ms)
        if told is not None:
            outbox.put(BASELINES, name_pool(told.cohort, told.part), told)

    def _meta_fields(self) -> dict[str, Any]:
        return {
            **super()._meta_fields(),
            "sealed_through": self._buckets.sealed_through,
            "marked": {str(source): mark for source, mark in self._buckets.marked.items()},
            "no_data": {str(source): count for source, count in self.no_data.items()},
        }

    def _restore_meta(self, fields: dict[str, Any]) -> None:
        super()._restore_meta(fields)
        self._buckets.sealed_through = fields["sealed_through"]
        self._buckets.marked = {int(source): (bucket, mark) for source, (bucket, mark) in fields["marked"].items()}
        self.no_data = {int(source): count for source, count in fields["no_data"].items()}


def _read(record: Record) -> Summary | ReferencePool | Marker:
    ce_type = find_header(record.headers, CE_TYPE)
    models: dict[bytes, type[Message]] = {model.ce_type.encode(): model for model in (Summary, ReferencePool, Marker)}
    if ce_type not in models:
        raise PoisonRecord(Refusal.UNKNOWN_TYPE, "neither a summary, a pool nor a marker")
    message, _ = parse_message(models[ce_type], record.value)
    assert isinstance(message, (Summary, ReferencePool, Marker))
    return message
