"""Merges the small files of an archive's days into larger ones. Readers see every offset once all along."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from homeostat.streams import failpoints
from homeostat.streams.archive.columns import SCHEMA, FileHead, read_file_head, to_parquet
from homeostat.streams.archive.layout import ArchiveFile, Span, cover
from homeostat.streams.archive.store import ArchiveStore

_OLD_S = 86_400.0


class Compacted(NamedTuple):
    """What a compaction did."""

    merged: int
    into: int
    deleted: int


def compact_day(store: ArchiveStore, topic: str, day: str, file_bytes: int, now_s: float) -> Compacted:
    """Merge a day's files, partition by partition, up to `file_bytes` of records each; delete what is not needed.

    The merged file is there before the first of its parts goes, and holds what they hold: killed at any point, run it
    again. Temporary files older than a day are deleted too. Raises `ArchiveUnavailable`.
    """
    merged = into = deleted = 0
    files = store.files(topic, day)
    for partition in sorted({file.partition for file in files}):
        covered = cover(file for file in files if file.partition == partition)
        for file in covered.spare:
            store.delete(file)
            deleted += 1
        for spans in _group(store, covered.spans, file_bytes):
            _merge(store, spans)
            merged, into = merged + len(spans), into + 1
    for path, written_s in list(store.temporaries(topic, day)):
        if now_s - written_s > _OLD_S:
            store.delete_temporary(path)
            deleted += 1
    return Compacted(merged, into, deleted)


def _group(store: ArchiveStore, spans: Sequence[Span], file_bytes: int) -> Iterator[list[Span]]:
    """Neighbours without a gap between them that fit into one file, where there are two or more of them."""
    group: list[Span] = []
    held = 0
    for span in spans:
        size = _read_size(store, span.file)
        if group and (held + size > file_bytes or group[-1].file.next != span.first):
            if len(group) > 1:
                yield group
            group, held = [], 0
        group.append(span)
        held += size
    if len(group) > 1:
        yield group


def _read_size(store: ArchiveStore, file: ArchiveFile) -> int:
    with store.open(file) as source, pq.ParquetFile(source) as parquet:
        groups = range(parquet.metadata.num_row_groups)
        return sum(int(parquet.metadata.row_group(number).total_byte_size) for number in groups)


def _merge(store: ArchiveStore, spans: Sequence[Span]) -> None:
    tables, head = [], None
    for span in spans:
        table, head = _read_table(store, span)
        tables.append(table)
    assert head is not None
    merged = spans[0].file._replace(first=spans[0].first, next=spans[-1].file.next)
    store.write(merged, to_parquet(head, tables))
    failpoints.hit("archive.merged_before_delete")
    for span in spans:
        if span.file != merged:
            # what it holds below its span is in the file before, that is why the span begins later
            store.delete(span.file)
            failpoints.hit("archive.deleted_some")


def _read_table(store: ArchiveStore, span: Span) -> tuple[pa.Table, FileHead]:
    with store.open(span.file) as source, pq.ParquetFile(source) as parquet:
        head = read_file_head(parquet, span.file.path)
        table = parquet.read(use_threads=False).cast(SCHEMA)
    return table.filter(pc.greater_equal(table["offset"], span.first)), head
