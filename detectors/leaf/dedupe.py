"""Duplicates: trace ids seen lately, in a window bounded in time and entries."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.errors import StateCorrupt

SEGMENT_ENTRIES = 512
_STATE_VERSION = 1
_PREFIX = b"dedupe/"


@dataclass
class _Entries:
    ids: list[str] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)


class DedupeWindow:
    """Ids in segments of 512, oldest first. An id counts as seen for `window_ms` of log time after it was added.

    Ids beyond `max_entries` are forgotten a segment at a time, oldest first.
    """

    def __init__(self, window_ms: int, max_entries: int) -> None:
        self.window_ms, self.max_entries = window_ms, max_entries
        self._segments: deque[_Entries] = deque([_Entries()])
        self._first = 0
        self._times: dict[str, int] = {}
        self._written_from = 0
        self._written_to = -1
        self._added = True

    def __len__(self) -> int:
        return len(self._times)

    def add(self, name: str, now_ms: int) -> bool:
        """Note an id at a time; False when it was seen within the window, and then nothing changes."""
        seen_ms = self._times.get(name)
        if seen_ms is not None and now_ms < seen_ms + self.window_ms:
            return False
        self._times[name] = now_ms
        self._added = True
        newest = self._segments[-1]
        newest.ids.append(name)
        newest.times_ms.append(now_ms)
        if len(newest.ids) == SEGMENT_ENTRIES:
            self._segments.append(_Entries())
            if (len(self._segments) - 1) * SEGMENT_ENTRIES > self.max_entries:
                self._drop_oldest()
        return True

    def forget(self, now_ms: int) -> None:
        """Drop the segments whose ids have all left the window."""
        while len(self._segments) > 1 and self._segments[0].times_ms[-1] + self.window_ms <= now_ms:
            self._drop_oldest()

    def state_records(self) -> dict[bytes, bytes]:
        """One record a segment, keys beginning with `dedupe/`."""
        numbers = range(self._first, self._first + len(self._segments))
        return {_key(number): self._encode(number) for number in numbers}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Segments added to or dropped since the last call, sorted by key."""
        last = self._first + len(self._segments) - 1
        gone = range(self._written_from, min(self._first, self._written_to + 1))
        kept = range(max(self._first, self._written_to), last + 1) if self._added else range(0)
        self._added = False
        self._written_from, self._written_to = self._first, last
        dropped: list[tuple[bytes, bytes | None]] = [(_key(number), None) for number in gone]
        return [*dropped, *((_key(number), self._encode(number)) for number in kept)]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `dedupe/`. Raises `StateCorrupt`."""
        keys = sorted(key for key in records if key.startswith(_PREFIX))
        if not keys:
            return
        self._first = int(keys[0].removeprefix(_PREFIX))
        if keys != [_key(self._first + i) for i in range(len(keys))]:
            raise StateCorrupt("segments of the dedupe window are missing")
        self._segments = deque(_decode(records[key]) for key in keys)
        for segment in self._segments:
            self._times.update(zip(segment.ids, segment.times_ms, strict=True))
        self._written_from, self._written_to = self._first, self._first + len(keys) - 1
        self._added = False

    def _drop_oldest(self) -> None:
        oldest = self._segments.popleft()
        self._first += 1
        for name, time_ms in zip(oldest.ids, oldest.times_ms, strict=True):
            if self._times.get(name) == time_ms:
                del self._times[name]

    def _encode(self, number: int) -> bytes:
        segment = self._segments[number - self._first]
        times = np.array(segment.times_ms, np.int64).tobytes()
        return frame(b"%d\n%b%b" % (len(segment.ids), times, "\n".join(segment.ids).encode()), _STATE_VERSION)


def _decode(data: bytes) -> _Entries:
    count, _, body = unframe(data, _STATE_VERSION).partition(b"\n")
    size = 8 * int(count)
    ids = body[size:].decode().split("\n") if size else []
    if len(ids) != int(count):
        raise StateCorrupt(f"a dedupe segment of {int(count)} entries holds {len(ids)} ids")
    return _Entries(ids, np.frombuffer(body[:size], np.int64).tolist())


def _key(number: int) -> bytes:
    return b"%b%016d" % (_PREFIX, number)
