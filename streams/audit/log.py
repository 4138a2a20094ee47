"""The audit log as it lies in `audit.v1`: entries by partition, and checkpoints in their order."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from homeostat.schemas.audit import AuditCheckpoint
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import AUDIT
from homeostat.streams.backtest.dump_file import DumpRow
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.settings import KafkaSettings

_READS = 20


class Stored(NamedTuple):
    """One record of the audit's topic: where it lies, and its value bytes."""

    partition: int
    offset: int
    value: bytes


@dataclass
class AuditLog:
    """Entries and checkpoints; what says that it is a checkpoint is one, everything else is a leaf of its tree."""

    partitions: int
    entries: dict[int, list[Stored]] = field(default_factory=dict)
    checkpoints: list[Stored] = field(default_factory=list)

    def of(self, partition: int) -> list[Stored]:
        """The entries of a partition, in order."""
        return self.entries.setdefault(partition, [])

    @property
    def size(self) -> int:
        """How many entries there are."""
        return sum(map(len, self.entries.values()))


def gather_log(partitions: int, rows: Iterable[DumpRow]) -> AuditLog:
    """Sort records of `audit.v1` into entries and checkpoints."""
    log = AuditLog(partitions)
    for partition, record in rows:
        stored = Stored(partition, record.offset, record.value or b"")
        is_checkpoint = find_header(record.headers, CE_TYPE) == AuditCheckpoint.ce_type.encode()
        (log.checkpoints if is_checkpoint else log.of(partition)).append(stored)
    log.checkpoints.sort(key=lambda stored: (stored.partition, stored.offset))
    return log


def read_log(kafka: KafkaSettings) -> AuditLog:
    """Read the audit from the broker, up to a moment at which its last checkpoint covers it.

    The ends of the partitions are not read at once, so a transaction may be seen in part: then it is read again.
    Raises `BrokerUnavailable` or `TopicsUnfit`.
    """
    log = _read_once(kafka)
    for _ in range(_READS):
        if _is_covered(log):
            break
        log = _read_once(kafka)
    return log


def peek_checkpoint(stored: Stored) -> AuditCheckpoint | None:
    """What a checkpoint says, unchecked; None for what is none."""
    try:
        checkpoint, _ = parse_message(AuditCheckpoint, read_envelope(stored.value)[1])
    except (SignatureRefused, PoisonRecord):
        return None
    return checkpoint


def _read_once(kafka: KafkaSettings) -> AuditLog:
    with TopicReader(kafka, AUDIT) as reader:
        return gather_log(reader.head.partitions, reader.read())


def _is_covered(log: AuditLog) -> bool:
    last = peek_checkpoint(log.checkpoints[-1]) if log.checkpoints else None
    if last is None:
        return log.size == 0
    return {head.partition: head.size for head in last.trees if head.size} == {
        partition: len(entries) for partition, entries in log.entries.items() if entries
    }
