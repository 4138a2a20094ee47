"""What a report remembers while the core runs over a log: it looks at the stages after every tick."""

from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.backtest import Topology
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import LAYER_TAGS, Cohort, Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Direction
from homeostat.schemas.trace import Arm
from homeostat.streams.backtest.alarm_book import AlarmBook
from homeostat.streams.report.leaf_watch import LeafWatch, direction_field
from homeostat.streams.report.leaves import Ints, LeafReader, leaf_readers
from homeostat.streams.report.parent_watch import ParentWatch
from homeostat.streams.report.parents import read_parents
from homeostat.streams.report.series import MOST_CELLS

MOST_SHAPES: Final = 256
BINS: Final = 32


class Shape(NamedTuple):
    """Sessions by bin of [0, 1] at an alarm: all so far, and of them those since the onset that are remembered."""

    until_alarm: Ints
    since_onset: Ints


class Observer:
    """Give `look` to a topology. Bounded: samples (see `Series`), and the shapes of the first `MOST_SHAPES` alarms."""

    def __init__(self, most_cells: int = MOST_CELLS) -> None:
        self._most_cells = most_cells
        self.leaves = LeafWatch(())
        self.parents = ParentWatch()
        self.shapes: dict[tuple[str, str], Shape] = {}
        self._alarmed: dict[tuple[str, str], Alarm] = {}
        self._book = AlarmBook(self._note)
        self._now_ms = 0
        self._looked = False

    @property
    def alarms(self) -> int:
        """How many alarms came."""
        return self._book.count

    @property
    def policy(self) -> Policy | None:
        """The policy that the leaves run by."""
        return next((reader.policy for reader in self.leaves.readers if reader.policy is not None), None)

    def look(self, topology: Topology) -> None:
        """Take what is new."""
        if not self._looked:
            self._looked, self.leaves = True, LeafWatch(leaf_readers(topology.stages()), self._most_cells)
        policy = self.policy
        if policy is None:
            return
        self.leaves.sample(topology.now_ms)
        self.parents.sample(topology.now_ms, list(read_parents(topology.stages())), policy.budget.alarm_threshold)
        self._now_ms = topology.now_ms
        self._book.look(topology)

    def first_alarm(self, cohort: Cohort, signal: str) -> Alarm | None:
        """The first alarm of a signal in a cohort; None for none, or where it was one too many to keep."""
        return self._alarmed.get((cohort.key, signal))

    def since_ms(self, cohort: Cohort) -> int | None:
        """Since when a cohort's row was its own; None for a parent, or a leaf without a row."""
        return self.leaves.since_ms.get(leaf_of(cohort)) if cohort.layer is Layer.LEAF else None

    def histogram(self, cohort: Cohort, signal: str) -> Ints:
        """Sessions by bin of [0, 1] so far, of a leaf or of all leaves in a parent."""
        found = np.zeros(BINS, np.int64)
        for reader, slots, column in self._members(cohort, signal):
            found += reader.histograms(slots, column)
        return found

    def _note(self, alarm: Alarm) -> None:
        evidence = alarm.evidence / alarm.threshold
        field = direction_field(alarm.direction is Direction.UP)
        if alarm.cohort.layer is Layer.LEAF:
            row = self.leaves.keep(leaf_of(alarm.cohort), self._now_ms)
            if row is not None and self.leaves.series is not None and alarm.signal in self.leaves.columns:
                self.leaves.series.peak(row, self.leaves.columns[alarm.signal], field, evidence)
        elif alarm.cohort.key in self.parents.rows and self.parents.series is not None:
            row = self.parents.rows[alarm.cohort.key]
            if alarm.signal in self.parents.columns:
                self.parents.series.peak(row, self.parents.columns[alarm.signal], field, evidence)
        key = (alarm.cohort.key, alarm.signal)
        if key not in self.shapes and len(self.shapes) < MOST_SHAPES:
            self.shapes[key] = self._shape(alarm)
            self._alarmed[key] = alarm

    def _shape(self, alarm: Alarm) -> Shape:
        since = np.zeros(BINS, np.int64)
        for reader, slots, column in self._members(alarm.cohort, alarm.signal):
            values = reader.recent(slots, column, alarm.onset_from_ms)
            since += np.bincount(np.minimum((values * BINS).astype(np.int64), BINS - 1), minlength=BINS)
        return Shape(self.histogram(alarm.cohort, alarm.signal), since)

    def _members(self, cohort: Cohort, signal: str) -> list[tuple[LeafReader, list[int], int]]:
        found = []
        for reader in self.leaves.readers:
            column = next((place for place, spec in enumerate(reader.specs) if spec.name == signal), None)
            slots = [slot for slot, leaf in enumerate(reader.leaves()) if is_within(leaf, cohort)]
            if column is not None and slots:
                found.append((reader, slots, column))
        return found


def leaf_of(cohort: Cohort) -> LeafKey:
    """A leaf cohort's tags. Raises AssertionError for a parent."""
    assert cohort.tenant
    assert cohort.specialty
    assert cohort.workflow
    assert cohort.arm
    return LeafKey(cohort.tenant, cohort.specialty, cohort.workflow, cohort.arm)


def is_within(leaf: LeafKey, cohort: Cohort) -> bool:
    """Whether a leaf belongs to a cohort; parents leave candidates out."""
    if cohort.layer is not Layer.LEAF and leaf.arm is Arm.CANDIDATE:
        return False
    tags = LAYER_TAGS[cohort.layer]
    return (leaf.band or None) == cohort.band and all(getattr(leaf, tag) == getattr(cohort, tag) for tag in tags)
