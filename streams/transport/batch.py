"""Filling Kafka record batches, and the batch of input records that one Faust event carries."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from faust.types import TP

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.log import Headers


class Batch(NamedTuple):
    """Consecutive records of one partition.

    `start` and `end` are fetch positions: offsets from `start` up to `end` without a record here hold none that may
    be seen (control records, aborted or compacted ones). A batch whose `start` is not where its reader stands means
    that one before it was lost. `epoch` counts the seeks; `stable_end` is where the log ended when it was fetched.
    """

    tp: TP
    epoch: int
    start: int
    end: int
    stable_end: int
    records: RecordBlock


class Row(NamedTuple):
    """One record on its way to a known partition; `timestamp` None means now."""

    key: bytes
    value: bytes | None
    timestamp: int | None = None
    headers: Headers = ()


def fill_batches(producer: AIOKafkaProducer, rows: Iterable[Row]) -> list[Any]:
    """Pack rows of one partition, in order, into as few of the producer's batch builders as they need."""
    builders: list[Any] = []
    for row in rows:
        if not builders or builders[-1].append(**_fields(row)) is None:
            builders.append(producer.create_batch())
            builders[-1].append(**_fields(row))
    for builder in builders:
        builder.close()
    return builders


def _fields(row: Row) -> dict[str, Any]:
    return {"timestamp": row.timestamp, "key": row.key, "value": row.value, "headers": list(row.headers)}
