"""Records as Arrow columns, and a file's bytes: rows sorted by tenant, then offset, in row groups with statistics."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.streams.archive.tags import Tags, read_tags

FORMAT: Final = "homeostat-archive-1"
HEAD_KEY: Final = b"homeostat"
_HEADER = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.binary())])
_TAGS = ("tenant", "type", "specialty", "workflow", "release", "arm")
SCHEMA: Final = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.timestamp("ms", "UTC"), nullable=False),
        pa.field("tenant", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in _TAGS[1:]),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(_HEADER), nullable=False),
    ]
)
RECORD_COLUMNS: Final = ["offset", "timestamp", "key", "value", "headers"]
"""What a record is made of again; the other columns are for people."""
GROUP_RECORDS: Final = 8_192
_WITH_DICTIONARY: Final = ["partition", *_TAGS, "key", "headers.list.element.name"]


class FileHead(NamedTuple):
    """What a file says of the log that it was read from; `log` is the topic's id, empty where the broker gives none."""

    topic: str
    partitions: int
    log: str

    def to_json(self) -> bytes:
        """The value under `homeostat` in the schema's metadata."""
        return json.dumps({"archive": FORMAT, **self._asdict()}).encode()


def to_batch(topic: str, partition: int, records: Sequence[LogRecord]) -> pa.RecordBatch:
    """Turn records of one partition into columns; a header's value may be None where Kafka has none."""
    tags = [read_tags(topic, record) for record in records]
    texts = [pa.array(list(column), pa.string()) for column in (zip(*tags, strict=True) if tags else _no_tags())]
    headers = [record.headers for record in records]
    flat = list(chain.from_iterable(headers))
    ends = pa.array([0, *map(len, headers)], pa.int32())
    pairs = pa.StructArray.from_arrays(
        [pa.array([name for name, _ in flat], pa.string()), pa.array([value for _, value in flat], pa.binary())],
        fields=list(_HEADER),
    )
    columns = [
        pa.array([partition] * len(records), pa.int32()),
        pa.array([record.offset for record in records], pa.int64()),
        pa.array([record.timestamp for record in records], pa.int64()).cast(pa.timestamp("ms", "UTC")),
        *texts,
        pa.array([record.key for record in records], pa.binary()),
        pa.array([record.value for record in records], pa.binary()),
        pa.ListArray.from_arrays(pc.cumulative_sum(ends), pairs),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def to_parquet(head: FileHead, batches: Sequence[pa.RecordBatch | pa.Table]) -> pa.Buffer:
    """Give the bytes of a file with these rows."""
    tables = [pa.Table.from_batches([each], SCHEMA) if isinstance(each, pa.RecordBatch) else each for each in batches]
    table = pa.concat_tables([SCHEMA.empty_table(), *tables]).combine_chunks()
    order = pc.sort_indices(table.select(["tenant", "offset"]), [("tenant", "ascending"), ("offset", "ascending")])
    out = pa.BufferOutputStream()
    schema = SCHEMA.with_metadata({HEAD_KEY: head.to_json()})
    options = {"compression": "zstd", "use_dictionary": _WITH_DICTIONARY, "write_page_index": True}
    with pq.ParquetWriter(out, schema, **options) as writer:
        writer.write_table(table.take(order).cast(schema), row_group_size=GROUP_RECORDS)
    return out.getvalue()


def read_file_head(file: Any, name: str) -> FileHead:
    """What an open Parquet file says of its log. Raises `DocumentInvalid` for a file that is none of an archive."""
    try:
        body = json.loads((file.schema_arrow.metadata or {}).get(HEAD_KEY, b""))
        if body.pop("archive") == FORMAT:
            return FileHead(**body)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DocumentInvalid(f"{name} is no file of a {FORMAT}: move it out of the archive")


def _no_tags() -> list[list[str]]:
    return [[] for _ in Tags._fields]
