"""The guardrails of one cohort after a release was taken back: each session against the baseline as it was then."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.lending import expect
from homeostat.detectors.leaf.plan import WORK
from homeostat.detectors.leaf.world import World
from homeostat.detectors.statistics.bets import DOWN, MONITOR_BETS, UP
from homeostat.detectors.statistics.return_test import bet_on_return, log_e_of
from homeostat.schemas.effect import WatchedSignal
from homeostat.schemas.signal import Carrier, Direction
from homeostat.schemas.trace import Arm


def _zeros() -> list[int]:
    return [0] * MONITOR_BETS


@dataclass
class Guarded:
    """One guardrail: its baselines (mean, lower, upper) by part of the week, and what sessions have said since."""

    signal: str
    tolerance: float
    harm: int
    wait_ms: int
    baselines: dict[str, tuple[float, float, float]]
    sessions: int = 0
    total: float = 0.0
    expected: float = 0.0
    within: list[int] = field(default_factory=_zeros)
    beyond: list[int] = field(default_factory=_zeros)

    def add(self, part: str, values: Floats) -> None:
        """Fold in sessions of a part of the week; one without a baseline has nothing to say."""
        baseline = self.baselines.get(part)
        if baseline is None or not len(values):
            return
        mean, lower, upper = baseline
        within, beyond = bet_on_return(values, lower, upper, self.tolerance, self.harm)
        self.within = (np.array(self.within) + within).tolist()
        self.beyond = (np.array(self.beyond) + beyond).tolist()
        self.sessions += len(values)
        self.total += float(values.sum())
        self.expected += mean * len(values)

    def describe(self) -> WatchedSignal:
        """As it stands now."""
        n = self.sessions
        known = [mean for mean, _, _ in self.baselines.values()]
        expected = self.expected / n if n else (known[0] if known else None)
        return WatchedSignal(
            signal=self.signal,
            sessions=n,
            mean=min(1.0, self.total / n) if n else None,
            baseline=None if expected is None else min(1.0, expected),
            tolerance=self.tolerance,
            within=log_e_of(np.array(self.within)),
            beyond=log_e_of(np.array(self.beyond)),
        )


@dataclass
class Returning:
    """The guardrails of a cohort's baseline arm; `read` is how far each ring was read, `sessions` are those of work."""

    tenant: str
    specialty: str
    workflow: str
    signals: list[Guarded]
    read: dict[str, int] = field(default_factory=dict)
    sessions: int = 0

    def follow(self, world: World, since_ms: int) -> bool:
        """Fold in what has closed since the last time, of sessions that began after `since_ms`; whether rings moved on.

        What a ring has forgotten by then is left out: its sessions are no others than those that are still in it.
        """
        moved = False
        for slot, lane, places in self._list_new(world):
            moved, rows = True, world.cohorts.arrays
            began = rows.ring_ms[slot, lane, places] - world.plan.session_ms
            if lane == WORK:
                self.sessions += int((began >= since_ms).sum())
            for guarded in self.signals:
                column = world.plan.column.get(guarded.signal)
                if column is None or world.plan.lanes[column] != lane:
                    continue
                fixed = rows.ring[slot, places, column]
                chosen = (began >= since_ms + guarded.wait_ms) & (fixed >= 0)
                guarded.add(world.cohorts.keys[slot].part, fixed[chosen] / VALUE_SCALE)
        return moved

    def drop(self, names: Collection[str]) -> None:
        """Forget the baselines of some signals: nothing more is said of them."""
        for guarded in self.signals:
            if guarded.signal in names:
                guarded.baselines = {}

    def describe(self) -> tuple[WatchedSignal, ...]:
        """Every guardrail as it stands now."""
        return tuple(guarded.describe() for guarded in self.signals)

    def _list_new(self, world: World) -> Iterator[tuple[int, int, "np.ndarray[tuple[int], np.dtype[np.int64]]"]]:
        rows, size = world.cohorts.arrays, world.cohorts.arrays.ring.shape[1]
        for slot in world.cohorts.parts_of(LeafKey(self.tenant, self.specialty, self.workflow, Arm.BASELINE)):
            for lane in self._lanes(world):
                name = f"{world.cohorts.keys[slot].text}/{lane}"
                count = int(rows.ring_count[slot, lane])
                begin = max(self.read.get(name, 0), count - size)
                self.read[name] = count
                if begin < count:
                    yield slot, lane, np.arange(begin, count, dtype=np.int64) % size

    def _lanes(self, world: World) -> list[int]:
        columns = (world.plan.column.get(guarded.signal) for guarded in self.signals)
        return sorted({WORK, *(world.plan.lanes[column] for column in columns if column is not None)})


def begin_returning(cohort: tuple[str, str, str], chosen: Collection[str], world: World) -> Returning:
    """Take the baselines of a cohort's guardrails as they are sealed now; `chosen` are a rollout's, empty for all.

    What the gateway's reports carry is left out: starts are reported of rollouts only.
    """
    plan, slots = world.plan, world.cohorts.parts_of(LeafKey(*cohort, Arm.BASELINE))
    signals = []
    for name in plan.guardrails:
        column = plan.column[name]
        spec = plan.specs[column]
        if spec.carrier is Carrier.EXPOSURE or (chosen and name not in chosen):
            continue
        harm = UP if spec.direction is Direction.UP else DOWN
        signals.append(Guarded(name, spec.tolerance, harm, plan.wait_ms(column), _baselines(world, slots, column)))
    return Returning(*cohort, signals)


def _baselines(world: World, slots: list[int], column: int) -> dict[str, tuple[float, float, float]]:
    if not slots:
        return {}
    found, known = expect(world.cohorts.arrays, np.array(slots), column)
    named = zip(slots, found.tolist(), known.tolist(), strict=True)
    return {world.cohorts.keys[slot].part: (row[1], row[2], row[3]) for slot, row, is_known in named if is_known}
