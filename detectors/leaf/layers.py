"""Parents' sums of the open bucket: what this partition adds to tenants, specialties and the platform."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import LayerArrays
from homeostat.detectors.leaf.close import take_logs
from homeostat.detectors.leaf.cohorts import BINS, MAX_RELEASES, CohortStore
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.rows import copy_rows, read_rows, take_columns
from homeostat.detectors.statistics.bets import MONITOR_BETS
from homeostat.schemas.base import VERSION
from homeostat.schemas.cohort import WATCHED_PARENTS, Cohort, Layer

_STATE_VERSION = 2
_PREFIX = b"layer/"
_ARRAYS = ("sums", "histogram", "log_e", "product", "tally")


def new_arrays(capacity: int, signals: int) -> LayerArrays:
    """Rows for `capacity` parent cohorts."""
    return LayerArrays(
        sums=np.zeros((capacity, signals, 6), np.int64),
        histogram=np.zeros((capacity, signals, BINS), np.int32),
        log_e=np.zeros((capacity, signals, 2, MONITOR_BETS), np.int64),
        product=np.ones((capacity, signals, 2, MONITOR_BETS)),
        tally=np.zeros((capacity, 4), np.int64),
        dirty=np.zeros(capacity, np.uint8),
    )


def parents_of(key: LeafKey) -> tuple[Cohort, ...]:
    """The watched parents of a leaf, its tenant first."""
    tags = {Layer.TENANT: {"tenant": key.tenant}, Layer.SPECIALTY: {"specialty": key.specialty}, Layer.PLATFORM: {}}
    return tuple(Cohort.model_validate({"layer": layer, **tags[layer]}) for layer in WATCHED_PARENTS)


class LayerStore:
    """Rows by parent cohort; a row with sessions has a state record until its bucket ends."""

    def __init__(self, signals: int) -> None:
        self.arrays = new_arrays(16, signals)
        self.cohorts: list[Cohort] = []
        self._keys: list[str] = []
        self._heads: list[bytes] = []
        self._rows: dict[str, int] = {}
        self._found: dict[tuple[str, str], int] = {}
        self._written: set[int] = set()

    def rows_of(self, key: LeafKey) -> list[int]:
        """The rows of a leaf's parents."""
        wanted = (key.tenant, ""), ("", key.specialty), ("", "")
        rows = [self._found.get(tags, -1) for tags in wanted]
        if min(rows) < 0:
            rows = [self._row_of(cohort) for cohort in parents_of(key)]
            self._found |= dict(zip(wanted, rows, strict=True))
        return rows

    def summaries(
        self, plan: Plan, cohorts: CohortStore, bucket: int, partition: int, mark: int, log_time_ms: int
    ) -> Iterator[tuple[str, bytes]]:
        """Key and JSON of the `Summary` that each parent with sessions in the bucket is told, in order of the keys.

        There are thousands of numbers a bucket and partition: they are written as the contract writes them, without
        a model for each signal.
        """
        self._take_logs()
        shared = _tenants_by_specialty(cohorts, bucket)
        served = self._served(cohorts, bucket)
        everyone = len(set().union(*shared.values()))
        for row in sorted(np.flatnonzero(self.arrays.tally[:, 0]).tolist(), key=lambda row: self._keys[row]):
            cohort = self.cohorts[row]
            named = {Layer.TENANT: 1, Layer.SPECIALTY: len(shared.get(cohort.specialty or "", ()))}
            fields = {
                "version": VERSION,
                "cohort": msgspec.Raw(self._heads[row]),
                "bucket": bucket,
                "source_partition": partition,
                "mark": mark,
                "log_time_ms": log_time_ms,
                "records": int(self.arrays.tally[row, 1]),
                "tenants": named.get(cohort.layer, everyone),
                "signals": dict(self._signals(plan, row)),
                "releases": _tell_releases(served.get(self._keys[row], {})),
            }
            yield self._keys[row], msgspec.json.encode(fields)

    def clear(self) -> None:
        """Begin a new bucket."""
        used = np.flatnonzero(self.arrays.tally[:, 0])
        for array in (self.arrays.sums, self.arrays.histogram, self.arrays.log_e, self.arrays.tally):
            array[used] = 0
        self.arrays.dirty[used] = 1

    def recolumn(self, columns: Sequence[int]) -> None:
        """Take over another registry: for each new column the old one, or −1."""
        self._take_logs()
        kept: dict[str, Any] = {name: take_columns(getattr(self.arrays, name), 1, columns) for name in _ARRAYS[:3]}
        self.arrays = self.arrays._replace(**kept, product=np.ones(kept["log_e"].shape))
        self.arrays.dirty[self.arrays.tally[:, 0] > 0] = 1

    def state_records(self) -> dict[bytes, bytes]:
        """One record a parent with sessions in the open bucket, keys beginning with `layer/`."""
        return {self._key(row): self._encode(row) for row in np.flatnonzero(self.arrays.tally[:, 0]).tolist()}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records of the parents changed since the last call; None for those whose bucket has ended."""
        for row in np.flatnonzero(self.arrays.dirty).tolist():
            if self.arrays.tally[row, 0]:
                self._written.add(row)
                yield self._key(row), self._encode(row)
            elif row in self._written:
                self._written.discard(row)
                yield self._key(row), None
        self.arrays.dirty[:] = 0

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `layer/`. Raises `StateCorrupt`."""
        for name in sorted(name for name in records if name.startswith(_PREFIX)):
            head, _, body = unframe(records[name], _STATE_VERSION).partition(b"\n")
            row = self._row_of(Cohort.model_validate_json(head))
            read_rows(body, [getattr(self.arrays, field)[row] for field in _ARRAYS])
            self._written.add(row)
        self.arrays.dirty[:] = 0

    def _take_logs(self) -> None:
        """Leave no e-value in the products."""
        for row in np.flatnonzero(self.arrays.tally[:, 3]).tolist():
            take_logs(row, self.arrays)

    def _row_of(self, cohort: Cohort) -> int:
        row = self._rows.setdefault(cohort.key, len(self.cohorts))
        if row == len(self.cohorts):
            self.cohorts.append(cohort)
            self._keys.append(cohort.key)
            self._heads.append(cohort.model_dump_json().encode())
            if row == self.arrays.tally.shape[0]:
                grown = new_arrays(2 * row, self.arrays.sums.shape[1])
                copy_rows(self.arrays, grown)
                self.arrays = grown
        return row

    def _served(self, cohorts: CohortStore, bucket: int) -> dict[str, dict[str, int]]:
        """By parent the newest release of each leaf that shared sessions in the bucket, and since when one had it.

        −1 for a release that one of them has had as long as it is known.
        """
        found: dict[str, dict[str, int]] = {}
        rows = cohorts.arrays
        for slot in np.flatnonzero(rows.shared_bucket == bucket).tolist():
            number, since_ms = int(rows.releases[slot, 0]), int(rows.release_ms[slot])
            if number >= 0:
                for row in rows.layers[slot].tolist():
                    held = found.setdefault(self._keys[row], {})
                    release = cohorts.releases[number]
                    held[release] = min(since_ms, held.get(release, since_ms))
        return found

    def _signals(self, plan: Plan, row: int) -> Iterator[tuple[str, dict[str, Any]]]:
        sums, histogram, log_e = (getattr(self.arrays, name)[row].tolist() for name in _ARRAYS[:3])
        for s, name in enumerate(plan.names):
            sessions, total, high, low, bet_sessions, expected = sums[s]
            if sessions:
                yield (
                    name,
                    {
                        "sessions": sessions,
                        "total": total,
                        "square_high": high,
                        "square_low": low,
                        "bet_sessions": bet_sessions,
                        "expected": expected,
                        "histogram": histogram[s],
                        "log_e_up": log_e[s][0] if bet_sessions else (),
                        "log_e_down": log_e[s][1] if bet_sessions else (),
                    },
                )

    def _key(self, row: int) -> bytes:
        return _PREFIX + self._keys[row].encode()

    def _encode(self, row: int) -> bytes:
        body = b"".join([getattr(self.arrays, name)[row].tobytes() for name in _ARRAYS])
        return frame(b"\n".join((self._heads[row], body)), _STATE_VERSION)


def _tell_releases(since: Mapping[str, int]) -> list[dict[str, Any]]:
    """The newest of a parent's releases first, at most eight."""
    newest = sorted(since, key=lambda release: (-since[release], release))[:MAX_RELEASES]
    return [{"release": name, "since_ms": None if since[name] < 0 else since[name]} for name in newest]


def _tenants_by_specialty(cohorts: CohortStore, bucket: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for slot in np.flatnonzero(cohorts.arrays.shared_bucket == bucket).tolist():
        key = cohorts.keys[slot]
        found.setdefault(key.specialty, set()).add(key.tenant)
    return found
