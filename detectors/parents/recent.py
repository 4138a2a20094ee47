"""What a parent's columns did lately: sums of its newest buckets, one by one, of older ones together."""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.summary import SignalSummary

MAX_BLOCKS: Final = 40
"""Two blocks of each number of buckets, 1 to 2¹⁹."""
SESSIONS, TOTAL, SQUARES, BET_SESSIONS, EXPECTED = range(5)
_SUMS: Final = 5
_PREFIX: Final = b"recent/"
_STATE_VERSION: Final = 1
_HEAD = struct.Struct("<qqq")
_LOW_BITS = 62


class Block(NamedTuple):
    """Buckets with sessions in them, from `first` to `last`, `buckets` of them.

    `sums` is float64 [column, (sessions, Σ x, Σ x², sessions bet on, Σ of their baselines' means)], x in [0, 1].
    """

    first: int
    last: int
    buckets: int
    sums: Floats


class Recent:
    """The blocks of one parent cohort, oldest first: at most `MAX_BLOCKS`, however long it lives.

    At most two blocks have the same number of buckets; a third one makes one of the two oldest of them. So what began
    d buckets ago is found to within half of d.
    Source: Datar, Gionis, Indyk, Motwani, 'Maintaining stream statistics over sliding windows' (2002).
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._changed: set[int] = set()

    @property
    def begins(self) -> int:
        """The first bucket that is remembered; 0 for none."""
        return self._blocks[0].first if self._blocks else 0

    def add(self, bucket: int, sums: Floats) -> None:
        """Take a sealed bucket's sums, later than all before."""
        self._blocks.append(Block(bucket, bucket, 1, sums))
        self._changed.add(bucket)
        at = len(self._blocks) - 1
        while at >= 2 and self._blocks[at].buckets == self._blocks[at - 2].buckets:
            self._merge(at - 2)
            at -= 2
        if len(self._blocks) > MAX_BLOCKS:
            self._changed.add(self._blocks.pop(0).first)

    def since(self, bucket: int) -> Floats:
        """Sums over the blocks that lie wholly at `bucket` or later; no rows for none."""
        total = np.zeros((0, _SUMS))
        for block in self._blocks:
            if block.first >= bucket:
                total = _add(total, block.sums)
        return total

    def state_records(self, cohort: bytes) -> dict[bytes, bytes]:
        """One record a block, keys beginning with `recent/`."""
        return {_key(cohort, block.first): _encode(block) for block in self._blocks}

    def drain_changes(self, cohort: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """Records of the blocks changed since the last call; None for those that are part of another now."""
        held = {block.first: block for block in self._blocks}
        for first in sorted(self._changed):
            yield _key(cohort, first), _encode(held[first]) if first in held else None
        self._changed = set()

    def restore(self, value: bytes) -> None:
        """Take over one block, later than those before. Raises `StateCorrupt`."""
        body = unframe(value, _STATE_VERSION)
        first, last, buckets = _HEAD.unpack_from(body)
        if (len(body) - _HEAD.size) % (8 * _SUMS):
            raise StateCorrupt(f"a block of {len(body)} bytes holds no whole rows")
        sums = np.frombuffer(body, np.float64, offset=_HEAD.size).reshape(-1, _SUMS)
        self._blocks.append(Block(first, last, buckets, sums))

    def _merge(self, at: int) -> None:
        older, newer = self._blocks[at : at + 2]
        merged = Block(older.first, newer.last, older.buckets + newer.buckets, _add(older.sums, newer.sums))
        self._blocks[at : at + 2] = [merged]
        self._changed |= {older.first, newer.first}


def restore_recent(records: Mapping[bytes, bytes]) -> dict[str, Recent]:
    """The blocks of every cohort by its key, from records whose keys begin with `recent/`. Raises `StateCorrupt`."""
    found: dict[str, Recent] = {}
    for key in sorted(key for key in records if key.startswith(_PREFIX)):
        cohort = key.removeprefix(_PREFIX).rpartition(b"/")[0].decode()
        found.setdefault(cohort, Recent()).restore(records[key])
    return found


def stack_sums(columns: list[str], found: Mapping[str, SignalSummary]) -> Floats:
    """A bucket's sums by column (float64 [column, sums]); zeros for a column that no session gave."""
    rows = np.zeros((len(columns), _SUMS))
    for row, name in enumerate(columns):
        if name in found:
            sums = found[name]
            squares = ((sums.square_high << _LOW_BITS) + sums.square_low) / VALUE_SCALE**2
            total, expected = sums.total / VALUE_SCALE, sums.expected / VALUE_SCALE
            rows[row] = sums.sessions, total, squares, sums.bet_sessions, expected
    return rows


def _add(left: Floats, right: Floats) -> Floats:
    """Sums of both; later blocks may know of more columns."""
    long, short = (left, right) if len(left) >= len(right) else (right, left)
    total = long.copy()
    total[: len(short)] += short
    return total


def _key(cohort: bytes, first: int) -> bytes:
    return b"%b%b/%020d" % (_PREFIX, cohort, first)


def _encode(block: Block) -> bytes:
    return frame(_HEAD.pack(block.first, block.last, block.buckets) + block.sums.tobytes(), _STATE_VERSION)
