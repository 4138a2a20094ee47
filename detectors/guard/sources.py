"""How fresh each source partition is: the newest mark and log time that it has shown."""

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from homeostat.detectors.frames import frame, unframe

_STATE_VERSION = 1
_PREFIX = b"source/"


class SourceShown(NamedTuple):
    """The newest that a source partition has shown of itself; log time in ms since the epoch."""

    mark: int
    log_time_ms: int


class SourceTable:
    """The source partitions of one stage: `count` of them, each seen through its markers, echoes and evidence."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._shown: dict[int, SourceShown] = {}
        self._changed: set[int] = set()

    @property
    def shown(self) -> Mapping[int, SourceShown]:
        """By source partition, for those who show it."""
        return self._shown

    def show(self, source_partition: int, mark: int, log_time_ms: int) -> bool:
        """Note what a source says of itself; True when it has moved on."""
        held = self._shown.get(source_partition, SourceShown(-1, 0))
        newest = SourceShown(max(mark, held.mark), max(log_time_ms, held.log_time_ms))
        if newest == held:
            return False
        self._shown[source_partition] = newest
        self._changed.add(source_partition)
        return True

    def find_stale(self, log_time_ms: int, timeout_ms: int, missing: Collection[int]) -> list[int]:
        """Source partitions that were never heard, are declared missing, or whose log time lags by more than that."""
        return [
            source
            for source in range(self._count)
            if source in missing
            or source not in self._shown
            or log_time_ms - self._shown[source].log_time_ms > timeout_ms
        ]

    def state_records(self) -> dict[bytes, bytes]:
        """One record a source partition."""
        return {_key(source): self._encode(source) for source in self._shown}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call."""
        changed, self._changed = self._changed, set()
        return [(_key(source), self._encode(source)) for source in changed]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `source/`. Raises `StateCorrupt`."""
        for name in records:
            if name.startswith(_PREFIX):
                mark, log_time_ms = json.loads(unframe(records[name], _STATE_VERSION))
                self._shown[int(name.removeprefix(_PREFIX))] = SourceShown(mark, log_time_ms)

    def _encode(self, source: int) -> bytes:
        return frame(json.dumps(self._shown[source]).encode(), _STATE_VERSION)


def _key(source: int) -> bytes:
    return _PREFIX + str(source).encode()
