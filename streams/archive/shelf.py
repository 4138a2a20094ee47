"""What of one partition no file has yet: records in order, as columns, until they are enough for a file."""

from collections.abc import Sequence

import pyarrow as pa

from homeostat.schemas.log import LogRecord
from homeostat.streams import failpoints, metrics
from homeostat.streams.archive.columns import FileHead, to_batch, to_parquet
from homeostat.streams.archive.layout import DAY_MS, ArchiveFile, day_of, start_of
from homeostat.streams.archive.store import ArchiveStore


class Shelf:
    """Files of one partition in the making. It begins after the archive's newest file, or at an offset of the log.

    The day of a record is that of log time, the running maximum of timestamps, but never beyond the present: one
    record from the future must not drag all that follow with it.
    """

    def __init__(self, store: ArchiveStore, head: FileHead, partition: int, position: int, day: str | None) -> None:
        self._store, self._head, self.partition = store, head, partition
        self._log_time_ms = 0 if day is None else start_of(day)
        self._day = day or ""
        self._moved_day = self._day
        self._batches: list[pa.RecordBatch] = []
        self._first = self.next = position
        self.bytes = 0
        self.oldest_ms = 0

    @property
    def written(self) -> int:
        """The offset up to which the archive has everything."""
        return self._first

    def add(self, records: Sequence[LogRecord], now_ms: int) -> None:
        """Take records that follow what was taken before; when a day ends, its file is written.

        Records below `next` are already here and are left out. Raises `ArchiveUnavailable`; then the records that were
        not taken are those from `next` on.
        """
        begin, days = 0, [self._move(record.timestamp, now_ms) for record in records]
        for at, day in enumerate(days):
            if day != self._day:
                self._take(records[begin:at], now_ms)
                begin = at
                self.flush()
                self._day = day
        self._take(records[begin:], now_ms)

    def flush(self) -> bool:
        """Write what is here as one file; whether there was anything."""
        if not self._batches:
            return False
        file = ArchiveFile(self._head.topic, self._day, self.partition, self._first, self.next)
        content = to_parquet(self._head, self._batches)
        self._store.write(file, content)
        failpoints.hit("archive.after_rename")
        topic = self._head.topic
        metrics.ARCHIVE_FILES.labels(topic=topic).inc()
        metrics.ARCHIVE_BYTES.labels(topic=topic).inc(content.size)
        metrics.ARCHIVE_RECORDS.labels(topic=topic).inc(sum(batch.num_rows for batch in self._batches))
        self._batches, self.bytes, self._first = [], 0, self.next
        return True

    def _move(self, timestamp_ms: int, now_ms: int) -> str:
        before_ms, self._log_time_ms = self._log_time_ms, max(self._log_time_ms, min(timestamp_ms, now_ms))
        if before_ms // DAY_MS != self._log_time_ms // DAY_MS or not self._moved_day:
            self._moved_day = day_of(self._log_time_ms)
        return self._moved_day

    def _take(self, records: Sequence[LogRecord], now_ms: int) -> None:
        new = [record for record in records if record.offset >= self.next]
        if not new:
            return
        batch = to_batch(self._head.topic, self.partition, new)
        if not self._batches:
            self.oldest_ms = now_ms
        self._batches.append(batch)
        self.bytes += batch.nbytes
        self.next = new[-1].offset + 1
