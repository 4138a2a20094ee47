"""Open buckets of log time: who has contributed what, and which buckets are complete."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.summary import Marker, Summary

MAX_OPEN_BUCKETS = 64
"""More open buckets than this are not waited for: the oldest is sealed without its silent sources."""
MAX_OPEN_SUMMARIES = 200_000
_PREFIX = b"open/"
_STATE_VERSION = 1


class Taken(StrEnum):
    """What became of a summary or a marker."""

    ADDED = "added"
    REPEAT = "repeat"
    LATE = "late"


class SealedBucket(NamedTuple):
    """A bucket that takes no more: its summaries by cohort key and source, and the sources that owe theirs."""

    bucket: int
    summaries: dict[str, dict[int, Summary]]
    no_data: tuple[int, ...]


class OpenBuckets:
    """The newest summary of each (bucket, cohort, source), and how far each source has marked its buckets.

    Summaries are cumulative and the highest mark wins, so order and repeats do not show. Memory is bounded by
    `MAX_OPEN_BUCKETS` and `MAX_OPEN_SUMMARIES`, whether or not a silent source is ever declared missing.
    """

    def __init__(self, source_partition_count: int) -> None:
        self._sources = source_partition_count
        self._open: dict[int, dict[str, dict[int, Summary]]] = {}
        self._size = 0
        self._changed: set[bytes] = set()
        self.marked: dict[int, tuple[int, int]] = {}
        self.sealed_through = -1

    def add(self, summary: Summary) -> Taken:
        """Keep a summary if it says more than the one held; LATE for a sealed bucket, unless it was seen before."""
        source, key = summary.source_partition, summary.cohort.key
        if summary.bucket <= self.sealed_through:
            bucket, mark = self.marked.get(source, (-1, -1))
            seen = summary.bucket <= bucket and summary.mark <= mark
            return Taken.REPEAT if seen else Taken.LATE
        held = self._open.setdefault(summary.bucket, {}).setdefault(key, {})
        if source in held and held[source].mark >= summary.mark:
            return Taken.REPEAT
        self._size += source not in held
        held[source] = summary
        self._changed.add(_state_key(summary))
        return Taken.ADDED

    def mark(self, marker: Marker) -> Taken:
        """Note how far a source has come; it never goes back."""
        held = self.marked.get(marker.source_partition, (-1, -1))
        if marker.bucket <= held[0]:
            return Taken.REPEAT
        self.marked[marker.source_partition] = (marker.bucket, marker.mark)
        return Taken.ADDED

    def is_overfull(self) -> bool:
        """Whether more is open than may wait."""
        return len(self._open) > MAX_OPEN_BUCKETS or self._size > MAX_OPEN_SUMMARIES

    def seal(self, missing: set[int]) -> Iterator[SealedBucket]:
        """Give and forget, oldest first, every bucket that all sources but the missing ones have marked."""
        limit = self._limit(missing)
        for bucket in sorted(self._open):
            if bucket > limit and not self.is_overfull():
                break
            yield self._take_out(bucket)
        self.sealed_through = max(self.sealed_through, limit)

    def state_records(self) -> dict[bytes, bytes]:
        """One record for each open summary, keys beginning with `open/`."""
        return {
            _state_key(summary): _encode(summary)
            for cohorts in self._open.values()
            for sources in cohorts.values()
            for summary in sources.values()
        }

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call, sorted by key; None for a summary of a sealed bucket."""
        changed, self._changed = self._changed, set()
        held = dict.fromkeys(changed) | {
            key: _encode(summary)
            for bucket in {int(key.split(b"/")[1]) for key in changed}
            for sources in self._open.get(bucket, {}).values()
            for summary in sources.values()
            if (key := _state_key(summary)) in changed
        }
        return sorted(held.items())

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `open/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_PREFIX)):
            summary = Summary.model_validate_json(unframe(records[key], _STATE_VERSION))
            if self.add(summary) is not Taken.ADDED or _state_key(summary) != key:
                raise StateCorrupt(f"state record {key!r} does not hold what its key says")
        self._changed = set()

    def _limit(self, missing: set[int]) -> int:
        marks = [self.marked.get(source, (-1, -1))[0] for source in range(self._sources) if source not in missing]
        return min(marks) if marks else max((bucket for bucket, _ in self.marked.values()), default=-1)

    def _take_out(self, bucket: int) -> SealedBucket:
        cohorts = self._open.pop(bucket)
        for sources in cohorts.values():
            self._size -= len(sources)
            self._changed.update(_state_key(summary) for summary in sources.values())
        self.sealed_through = bucket
        owing = tuple(s for s in range(self._sources) if self.marked.get(s, (-1, -1))[0] < bucket)
        return SealedBucket(bucket, cohorts, owing)


def _state_key(summary: Summary) -> bytes:
    return b"%b%020d/%b/%d" % (_PREFIX, summary.bucket, summary.cohort.key.encode(), summary.source_partition)


def _encode(summary: Summary) -> bytes:
    return frame(to_json(summary), _STATE_VERSION)
