"""Many monitors of one number each, of any kinds, as arrays owned by one store: the compiled form over slots."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Fixed, Floats
from homeostat.detectors.statistics.monitor import Monitor, State
from homeostat.detectors.statistics.monitor_kernel import QUIET, Live, Sealed, step_monitor


class SlotArrays(NamedTuple):
    """Everything of all slots, row by slot, each row padded to the longest; `sizes` int64 [slot, 6] says how long.

    Sizes: edges, rows of the table, bets, parameters, memory, and the code of the e-value.
    """

    sizes: Fixed
    limits: Floats
    edges: Floats
    table: Floats
    params: Floats
    weights: Floats
    threshold: Floats
    head_start: Floats
    memory: Floats
    m: Floats
    peak: Floats
    start: Fixed
    n: Fixed


@compiled
def step_slots(xs: Floats, present: Fixed, w: Floats, arrays: SlotArrays, codes: Fixed, evidence: Floats) -> int:
    """Take one observation in each slot where `present` is not 0; gives the number of alarms.

    `xs` and `w` float64 [slot]; `codes` int64 [slot] gets −1, −2 for a value that was refused (nothing changed), or at
    an alarm the onset counted over the slot's observations; `evidence` float64 [slot] as `step_monitor` gives it.
    """
    alarms = 0
    for slot in range(xs.shape[0]):
        codes[slot] = QUIET
        if not present[slot]:
            continue
        edges, rows, bets, params, memory, code = arrays.sizes[slot]
        sealed = Sealed(
            code,
            arrays.limits[slot],
            arrays.edges[slot, :edges],
            arrays.table[slot, : rows * bets].reshape((rows, bets)),
            arrays.params[slot, :params],
            arrays.weights[slot, :bets],
            arrays.threshold[slot],
            arrays.head_start[slot],
        )
        live = Live(
            arrays.memory[slot, :memory], arrays.m[slot, :bets], arrays.peak[slot, :bets], arrays.start[slot, :bets]
        )
        e = np.ones(bets)
        found, evidence[slot] = step_monitor(xs[slot : slot + 1], sealed, live, e, w[slot], arrays.n[slot])
        codes[slot] = live.start[found] if found >= 0 else found
        alarms += found >= 0
        arrays.n[slot] += found >= QUIET
    return alarms


class MonitorSlots:
    """A store of monitors in slots, in the order in which they were given; empty for none."""

    def __init__(self, monitors: Sequence[Monitor]) -> None:
        wide = [monitor.kind for monitor in monitors if monitor.width != 1]
        if wide:
            raise ValueError(f"slots take monitors of one number, got {wide}")
        self.monitors = tuple(monitors)
        self.arrays = _lay_out(self.monitors)

    def step(self, xs: Floats, present: Fixed | None = None, w: Floats | None = None) -> tuple[Fixed, Floats]:
        """Take one observation a slot (float64 [slot]; `present` and `w` default to ones): codes and evidence.

        Evidence is nan where nothing was present. See `step_slots`; a value that is refused is no error here, it has
        the code −2, so that one slot's dirt does not stop the others.
        """
        slots = len(self.monitors)
        codes, evidence = np.empty(slots, np.int64), np.full(slots, np.nan)
        here = np.ones(slots, np.int64) if present is None else present
        step_slots(xs, here, np.ones(slots) if w is None else w, self.arrays, codes, evidence)
        return codes, evidence

    def state(self, slot: int) -> State:
        """Give a slot's state, a copy, as its monitor's own `update` has it."""
        rows, (memory, bets) = self.arrays, self._sizes(slot)
        live = Live(
            rows.memory[slot, :memory].copy(),
            rows.m[slot, :bets].copy(),
            rows.peak[slot, :bets].copy(),
            rows.start[slot, :bets].copy(),
        )
        return State(int(rows.n[slot]), live)

    def restore(self, slot: int, state: State) -> None:
        """Put a monitor's state into its slot."""
        memory, bets = self._sizes(slot)
        self.arrays.n[slot] = state.n
        self.arrays.memory[slot, :memory] = state.live.memory
        self.arrays.m[slot, :bets] = state.live.m
        self.arrays.peak[slot, :bets] = state.live.peak
        self.arrays.start[slot, :bets] = state.live.start

    def _sizes(self, slot: int) -> tuple[int, int]:
        return int(self.arrays.sizes[slot, 4]), int(self.arrays.sizes[slot, 2])


def _lay_out(monitors: Sequence[Monitor]) -> SlotArrays:
    sealed, states = [monitor.sealed for monitor in monitors], [monitor.start() for monitor in monitors]
    sizes = [
        (s.edges.size, *s.table.shape[:1], s.weights.size, s.params.size, state.live.memory.size, s.code)
        for s, state in zip(sealed, states, strict=True)
    ]
    return SlotArrays(
        np.array(sizes, np.int64).reshape(-1, 6),
        np.array([s.limits for s in sealed]).reshape(-1, 6),
        _pad([s.edges for s in sealed]),
        _pad([s.table.ravel() for s in sealed]),
        _pad([s.params for s in sealed]),
        _pad([s.weights for s in sealed]),
        np.array([s.threshold for s in sealed], np.float64),
        np.array([s.head_start for s in sealed], np.float64),
        _pad([state.live.memory for state in states]),
        _pad([state.live.m for state in states]),
        _pad([state.live.peak for state in states]),
        _pad([state.live.start for state in states]).astype(np.int64),
        np.zeros(len(monitors), np.int64),
    )


def _pad(rows: Sequence[Floats | Fixed]) -> Floats:
    out = np.zeros((len(rows), max((row.size for row in rows), default=0)))
    for slot, row in enumerate(rows):
        out[slot, : row.size] = row
    return out
