"""Records of several topics with their places, as one Parquet file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from homeostat.schemas.log import LogRecord
from homeostat.streams.audit.entries import Place

_HEADER = pa.struct([("name", pa.string()), ("value", pa.binary())])
_RECORDS = pa.schema(
    [
        pa.field("topic", pa.string(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(_HEADER), nullable=False),
    ]
)


def write_records(path: Path, records: Iterable[tuple[Place, LogRecord]]) -> None:
    """Write records of any topics as Parquet."""
    rows = [_record_row(place, record) for place, record in records]
    pq.write_table(pa.Table.from_pylist(rows, _RECORDS), path, compression="zstd")


def read_records_file(path: Path) -> Iterator[tuple[Place, LogRecord]]:
    """Read what `write_records` wrote."""
    for row in pq.read_table(path).to_pylist():
        headers = [(header["name"], header["value"]) for header in row["headers"]]
        place = Place(row["topic"], row["partition"], row["offset"])
        yield place, LogRecord(row["offset"], row["timestamp"], row["key"], row["value"], headers)


def _record_row(place: Place, record: LogRecord) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in record.headers]
    return {**place._asdict(), **record._asdict(), "headers": headers}
