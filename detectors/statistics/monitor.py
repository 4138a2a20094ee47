"""The one interface of sequential change monitors over all kinds: pure, compiled over many, and River's.

A monitor is a frozen declaration. `start()` gives a state, `update(state, x)` the next one and a result; `run` is the
same over many observations, compiled. All share the step of `monitor_kernel`, where the guarantee is stated: under the
monitor's null the mean number of observations until an alarm is at least `run_length`.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np

from homeostat.detectors.compiled import pure
from homeostat.detectors.fixed_point import Fixed, Floats
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.statistics.monitor_kernel import REFUSED, Live, Sealed, run_monitor, step_monitor
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.signal import Direction

HEAD_START_RATIO = 0.01
_STATE_VERSION = 1
_HEAD = struct.Struct("<QII")

Observation = float | Sequence[float] | Floats


class State(NamedTuple):
    """A monitor's state: how many observations it took, and what moves (arrays that are not written to)."""

    n: int
    live: Live


class Result(NamedTuple):
    """What an observation led to.

    `evidence`: Σ π_k M_k, at an alarm the value that crossed `threshold`; `onset`: at an alarm the index, counted over
    all observations, of the first one after the change; `bet`: the bet that carries most of the evidence then.
    """

    alarm: bool
    evidence: float
    threshold: float
    onset: int | None
    bet: int | None


class Run(NamedTuple):
    """What many observations led to: indices of alarms and their onsets (int64), evidence after each (float64 [n])."""

    alarms: Fixed
    onsets: Fixed
    evidence: Floats


class Monitor(ABC):
    """A sequential monitor of one signal in one cohort; subclasses are frozen dataclasses with `run_length`."""

    kind: ClassVar[str]

    @abstractmethod
    def _seal(self) -> Sealed:
        """Make all that is fixed before the first observation."""

    @abstractmethod
    def draw(self, u: float) -> Observation:
        """Turn a uniform number in [0, 1) into an observation at the edge of the null, rising with u."""

    def draw_moved(self, u: float) -> Observation:
        """Turn a uniform number in [0, 1) into an observation well beyond the null."""
        down = getattr(self, "direction", Direction.UP) is Direction.DOWN
        return self.draw(0.1 * u if down else 0.9 + 0.1 * u)

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence[Self]:
        """Give declarations to run conformance tests over, with a run length of 200."""

    @cached_property
    def sealed(self) -> Sealed:
        """All that is fixed before the first observation."""
        return self._seal()

    @property
    def width(self) -> int:
        """How many numbers an observation has."""
        return 1

    def _memory(self) -> Floats:
        """Give the memory of the e-value before the first observation."""
        return np.zeros(0)

    def start(self) -> State:
        """Give the state before the first observation."""
        bets = self.sealed.weights.shape[0]
        m = np.full(bets, self.sealed.head_start)
        return State(0, Live(self._memory().copy(), m, np.zeros(bets), np.zeros(bets, np.int64)))

    def update(self, state: State, x: Observation) -> tuple[State, Result]:
        """Take one observation. Raises `ValueError` for what is no value of this kind, nan and infinities included."""
        live, row = _copy(state.live), self._rows([x])[0]
        bets = live.m.shape[0]
        code, evidence = pure(step_monitor)(row, self.sealed, live, np.ones(bets), 1.0, state.n)
        if code == REFUSED:
            raise ValueError(f"observation {x!r} is no value of a {self.kind} monitor")
        alarm = code >= 0
        onset = int(live.start[code]) if alarm else None
        result = Result(alarm, evidence, self.sealed.threshold, onset, code if alarm else None)
        return State(state.n + 1, live), result

    def run(self, state: State, xs: Sequence[Observation] | Floats) -> tuple[State, Run]:
        """Take observations in order, compiled: equal to `update` one by one, to the bit.

        Raises `ValueError` for the first that is refused; none gives the same state and empty arrays.
        """
        live, rows = _copy(state.live), self._rows(xs)
        codes, trace = np.empty(rows.shape[0], np.int64), np.empty(rows.shape[0])
        taken = run_monitor(rows, self.sealed, live, 1.0, state.n, codes, trace)
        if taken < rows.shape[0]:
            raise ValueError(f"observation {taken} ({rows[taken][:4]}) is no value of a {self.kind} monitor")
        alarms = np.flatnonzero(codes >= 0)
        return State(state.n + taken, live), Run(alarms, codes[alarms], trace)

    def to_bytes(self, state: State) -> bytes:
        """Write a state as bytes: a frame with version and checksum around counts and little-endian arrays."""
        live = state.live
        head = _HEAD.pack(state.n, live.memory.size, live.m.size)
        floats = np.concatenate((live.memory, live.m, live.peak)).astype("<f8").tobytes()
        return frame(head + floats + live.start.astype("<i8").tobytes(), _STATE_VERSION)

    def from_bytes(self, data: bytes) -> State:
        """Read a state of this declaration. Raises `StateCorrupt` for anything else that differs in size or sum."""
        payload = unframe(data, _STATE_VERSION)
        memory, bets = self._memory().size, self.sealed.weights.size
        if len(payload) != _HEAD.size + 8 * (memory + 3 * bets):
            raise StateCorrupt(f"state of {len(payload)} bytes is none of a {self.kind} monitor with {bets} bets")
        n, found_memory, found_bets = _HEAD.unpack_from(payload)
        if (found_memory, found_bets) != (memory, bets):
            raise StateCorrupt(f"state has {found_memory} numbers and {found_bets} bets, not {memory} and {bets}")
        floats = np.frombuffer(payload, "<f8", memory + 2 * bets, _HEAD.size).astype(np.float64)
        start = np.frombuffer(payload, "<i8", bets, _HEAD.size + floats.nbytes).astype(np.int64)
        return State(
            n, Live(floats[:memory].copy(), floats[memory : memory + bets].copy(), floats[-bets:].copy(), start)
        )

    def _rows(self, xs: Sequence[Observation] | Floats) -> Floats:
        """Give observations as float64 [n, width]. Raises `ValueError` for another width."""
        rows = np.array(xs, np.float64)
        if rows.ndim == 1 and self.width == 1:
            rows = rows.reshape(-1, 1)
        if rows.size == 0:
            return np.empty((0, self.width))
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"a {self.kind} monitor takes observations of {self.width} numbers, got {rows.shape[1:]}")
        return np.ascontiguousarray(rows)


def _copy(live: Live) -> Live:
    return Live(live.memory.copy(), live.m.copy(), live.peak.copy(), live.start.copy())


def seal(
    code: int,
    table: Floats,
    run_length: float,
    *,
    limits: Sequence[float] = (-np.inf, np.inf, 0.0),
    edges: Floats | None = None,
    params: Floats | None = None,
    weights: Floats | None = None,
) -> Sealed:
    """Put a monitor's fixed parts together: equal weights unless given, threshold A + r with r = A/100.

    `limits` of one component, or of two. Raises `ValueError` unless 1 < run_length < 1e90 or weights sum to 1.
    """
    if not 1.0 < run_length < 1e90:
        raise ValueError(f"run_length {run_length} must lie in (1, 1e90) observations")
    bets = table.shape[1]
    pi = np.full(bets, 1.0 / bets) if weights is None else weights
    if pi.min() < 0.0 or abs(float(pi.sum()) - 1.0) > 1e-9:
        raise ValueError(f"weights sum to {pi.sum()}, not to 1")
    bounds = np.array([*limits, *limits][:6], np.float64)
    head_start = HEAD_START_RATIO * run_length
    nothing = np.zeros(0)
    return Sealed(
        code,
        bounds,
        nothing if edges is None else np.ascontiguousarray(edges, np.float64),
        np.ascontiguousarray(table, np.float64),
        nothing if params is None else np.ascontiguousarray(params, np.float64),
        np.ascontiguousarray(pi, np.float64),
        run_length + head_start,
        head_start,
    )
