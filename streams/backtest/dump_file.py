"""Dumps of topics in files: exact records, as Parquet (by suffix `.parquet`) or JSON lines (any other suffix).

JSON lines: the first line is the head, then one record a line; bytes are text where they are UTF-8, and base64 in a
field ending in `_base64` where they are not. Parquet: one row a record, the head in the schema's metadata.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord

FORMAT = "homeostat-dump-1"
_HEAD_KEY = b"homeostat"
_HEADER = pa.struct([("name", pa.string()), ("value", pa.binary())])
_SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(_HEADER), nullable=False),
    ]
)
_BATCH_RECORDS = 5_000


class DumpHead(NamedTuple):
    """Whose records a dump holds, and how many partitions the topic has."""

    topic: str
    partitions: int

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({"dump": FORMAT, "topic": self.topic, "partitions": self.partitions})


class DumpRow(NamedTuple):
    """One record and its partition."""

    partition: int
    record: LogRecord


Advance = Callable[[int], None]
"""Told how far a reader has come, in the file's own unit (bytes, or rows of Parquet)."""


def is_parquet(path: Path) -> bool:
    """Whether the suffix says Parquet."""
    return path.suffix == ".parquet"


def count_units(path: Path) -> int:
    """How far a reader can come: rows of a Parquet file, bytes of any other."""
    return int(pq.read_metadata(path).num_rows) if is_parquet(path) else path.stat().st_size


def write_dump(path: Path, head: DumpHead, rows: Iterable[DumpRow]) -> int:
    """Write a dump and give its number of records; a file that is there is replaced."""
    return _write_parquet(path, head, rows) if is_parquet(path) else _write_lines(path, head, rows)


def read_head(path: Path) -> DumpHead | None:
    """The head of a dump; None for a file that is no dump."""
    if is_parquet(path):
        found = (pq.read_schema(path).metadata or {}).get(_HEAD_KEY)
    else:
        with path.open("rb") as lines:
            found = lines.readline(4096)
    try:
        body = json.loads(found or b"")
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("dump") != FORMAT:
        return None
    return DumpHead(str(body["topic"]), int(body["partitions"]))


def read_dump(path: Path, advance: Advance = lambda _: None) -> Iterator[DumpRow]:
    """The records of a dump in the file's order. Raises `DocumentInvalid` naming the first row that is none."""
    reader = _read_parquet if is_parquet(path) else _read_lines
    yield from reader(path, advance)


def _write_lines(path: Path, head: DumpHead, rows: Iterable[DumpRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as out:
        out.write(head.to_json() + "\n")
        for row in rows:
            out.write(json.dumps(_to_line(row), separators=(",", ":")) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, head: DumpHead, rows: Iterable[DumpRow]) -> int:
    count = 0
    schema = _SCHEMA.with_metadata({_HEAD_KEY: head.to_json().encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(_to_row(row))
            count += 1
            if len(batch) == _BATCH_RECORDS:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))
    return count


def _read_lines(path: Path, advance: Advance) -> Iterator[DumpRow]:
    done = 0
    with path.open("rb") as lines:
        done += len(lines.readline())
        for number, line in enumerate(lines, 2):
            done += len(line)
            try:
                row = _from_line(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise DocumentInvalid(f"{path}:{number} is not a record of a dump") from None
            yield row
            advance(done)


def _read_parquet(path: Path, advance: Advance) -> Iterator[DumpRow]:
    done = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_RECORDS):
            for row in batch.to_pylist():
                headers = [(h["name"], h["value"]) for h in row["headers"]]
                record = LogRecord(row["offset"], row["timestamp"], row["key"], row["value"], headers)
                yield DumpRow(row["partition"], record)
            done += batch.num_rows
            advance(done)


def _to_row(row: DumpRow) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in row.record.headers]
    return {"partition": row.partition, **row.record._asdict(), "headers": headers}


def _to_line(row: DumpRow) -> dict[str, Any]:
    record = row.record
    headers = [{"name": name, **_encode("value", value)} for name, value in record.headers]
    place = {"partition": row.partition, "offset": record.offset, "timestamp": record.timestamp}
    return {**place, **_encode("key", record.key), **_encode("value", record.value), "headers": headers}


def _from_line(body: dict[str, Any]) -> DumpRow:
    headers = [(str(h["name"]), _decode("value", h) or b"") for h in body["headers"]]
    record = LogRecord(
        int(body["offset"]), int(body["timestamp"]), _decode("key", body), _decode("value", body), headers
    )
    return DumpRow(int(body["partition"]), record)


def _encode(name: str, data: bytes | None) -> dict[str, str | None]:
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def _decode(name: str, body: dict[str, Any]) -> bytes | None:
    if f"{name}_base64" in body:
        return base64.b64decode(body[f"{name}_base64"], validate=True)
    text = body[name]
    return None if text is None else str(text).encode()
