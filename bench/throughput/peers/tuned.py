"""(c) Tuned by hand without mercy: msgspec, merged moments, River's ADWIN core fed columns per cohort."""

from itertools import chain, pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from river import stats
from river.drift.adwin import AdaptiveWindowing  # type: ignore[attr-defined]  # River's core has no public name

from bench.throughput.account import Meter
from bench.throughput.found import Book
from bench.throughput.job import Job, make_consumer
from bench.throughput.peers.decode import BatchDecoder, Trace
from bench.throughput.peers.river_observer import HIGHS, NAMES
from homeostat.schemas.topics import TRACES

_MESSAGES = 2_000
_SIGNALS = len(NAMES)
_UPDATE = AdaptiveWindowing.update
Floats = NDArray[np.float64]
Tag = str | None
Cut = tuple[int, int, int]
"""Where ADWIN cut: place in the batch, row, signal."""


def _make_adwin() -> Any:
    return AdaptiveWindowing(delta=0.002, clock=32, max_buckets=5, min_window_length=5, grace_period=10)


class TunedLayer:
    """One layer's cohorts by row: moments [row, signal, (sum, squares)] and counts, and ADWIN cores, 12 a row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[tuple[Tag, Tag], int] = {}
        self.tags: list[tuple[Tag, Tag]] = []
        self.counts = np.zeros(1024, np.int64)
        self.sums = np.zeros((1024, _SIGNALS))
        self.squares = np.zeros((1024, _SIGNALS))
        self.cores: list[list[Any]] = []

    def row_of(self, tags: tuple[Tag, Tag]) -> int:
        row = self.rows.get(tags)
        if row is None:
            row = self.rows[tags] = len(self.cores)
            self.tags.append(tags)
            self.cores.append([_make_adwin() for _ in range(_SIGNALS)])
            if row == len(self.counts):
                self.counts = np.concatenate([self.counts, np.zeros_like(self.counts)])
                self.sums = np.concatenate([self.sums, np.zeros_like(self.sums)])
                self.squares = np.concatenate([self.squares, np.zeros_like(self.squares)])
        return row

    def variance(self, row: int, signal: int) -> stats.Var:
        """The moments as River shows them."""
        n, total = int(self.counts[row]), float(self.sums[row, signal])
        mean = total / n
        return stats.Var._from_state(n, mean, (float(self.squares[row, signal]) - total * mean) / max(1, n - 1))

    def add_moments(self, rows: NDArray[np.int64], values: Floats, squares: Floats) -> None:
        """Merge a batch, sorted by row: `values` and their squares, float64 [n, signal]."""
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        groups = rows[starts]
        self.counts[groups] += np.diff(np.r_[starts, len(rows)])
        self.sums[groups] += np.add.reduceat(values, starts, axis=0)
        self.squares[groups] += np.add.reduceat(squares, starts, axis=0)

    def add_drift(self, rows: NDArray[np.int64], values: Floats) -> list[Cut]:
        """Feed a batch, sorted by row, to the cores: a column a signal where cohorts are large, else row by row."""
        cuts = self._feed_columns(rows, values) if len(self.cores) <= _COLUMN_COHORTS else self._feed_rows(rows, values)
        for _, row, signal in cuts:
            self.cores[row][signal] = _make_adwin()
        return cuts

    def _feed_columns(self, rows: NDArray[np.int64], values: Floats) -> list[Cut]:
        bounds = [0, *(np.flatnonzero(np.diff(rows)) + 1).tolist(), len(rows)]
        columns = values.T.tolist()
        cuts: list[Cut] = []
        for begin, end in pairwise(bounds):
            row = int(rows[begin])
            for signal, (core, column) in enumerate(zip(self.cores[row], columns, strict=True)):
                drifted = list(map(core.update, column[begin:end]))
                if True in drifted:
                    cuts.append((begin + drifted.index(True), row, signal))
        return cuts

    def _feed_rows(self, rows: NDArray[np.int64], values: Floats) -> list[Cut]:
        cores = chain.from_iterable(map(self.cores.__getitem__, rows.tolist()))
        drifted = list(map(_UPDATE, cores, values.ravel().tolist()))
        if True not in drifted:
            return []
        places = (divmod(place, _SIGNALS) for place in np.flatnonzero(drifted).tolist())
        return [(at, int(rows[at]), signal) for at, signal in places]


_COLUMN_COHORTS = 32


class TunedObserver:
    """Four layers, fed a batch at a time."""

    def __init__(self) -> None:
        self.book = Book()
        self._layers = [TunedLayer(name) for name in ("leaf", "tenant", "specialty", "platform")]
        self._leaves: dict[tuple[str, str], int] = {}
        self._rows = np.zeros((4096, len(self._layers)), np.int64)

    def observe(self, traces: list[Trace]) -> None:
        """Fold a batch in."""
        n = len(traces)
        flat = chain.from_iterable([msgspec.structs.astuple(trace.signals) for trace in traces])
        values = np.fromiter(flat, np.float64, n * _SIGNALS).reshape(n, _SIGNALS)
        values /= HIGHS
        squares = values * values
        leaves, place = self._leaves, self._place
        at = [leaves.get((trace.tenant, trace.specialty)) or place(trace.tenant, trace.specialty) for trace in traces]
        rows = self._rows[at]
        for index, layer in enumerate(self._layers):
            column = rows[:, index]
            order = np.argsort(column, kind="stable")
            ordered, sorted_values = column[order], values[order]
            layer.add_moments(ordered, sorted_values, squares[order])
            for first, row, signal in layer.add_drift(ordered, sorted_values):
                number = int(traces[int(order[first])].trace_id, 16)
                self.book.note(layer.name, *layer.tags[row], NAMES[signal], number)

    def _place(self, tenant: str, specialty: str) -> int:
        """The leaf's row, its parents' rows noted beside it."""
        leaf, own, every, platform = self._layers
        row = self._leaves[tenant, specialty] = leaf.row_of((tenant, specialty))
        if row == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[row] = (
            row,
            own.row_of((tenant, None)),
            every.row_of((None, specialty)),
            platform.row_of((None, None)),
        )
        return row


def run(job: Job) -> dict[str, Any]:
    decoder, observer = BatchDecoder(job.master_key), TunedObserver()
    meter = Meter()
    consumer = make_consumer(job)
    consumer.subscribe([TRACES])
    count = 0
    while count < job.traces:
        messages = consumer.consume(_MESSAGES, 0.1)
        if messages:
            meter.note_first()
            traces = decoder.decode(messages)
            if traces:
                observer.observe(traces)
                count += len(traces)
    meter.end()
    consumer.close()
    return job.conclude(count, meter, observer.book)
