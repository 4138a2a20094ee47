"""What else a leaf cohort shows since an alarm's onset: every column's mean, and what the inputs explain."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.learn import CENTRE
from homeostat.detectors.leaf.lending import expect
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.recent import Recent
from homeostat.detectors.statistics.mean_bounds import bound_mean, bound_share
from homeostat.schemas.alarm import Bounded, Companion
from homeostat.schemas.signal import Kind, SignalSpec

_MOVED_ERRORS: Final = 3.0
"""An input whose mean moved by fewer standard errors than this explains nothing."""


def find_companions(cohorts: CohortStore, plan: Plan, lanes: Sequence[Recent], without: int) -> Iterator[Companion]:
    """Every column but one that has a reference, own or borrowed, and values in `lanes` since the onset."""
    for column, spec in enumerate(plan.specs):
        if column == without:
            continue
        values, slots, sessions = _given(lanes[plan.lanes[column]], column)
        homes = cohorts.arrays.home[slots]
        reference, known = expect(cohorts.arrays, homes, column)
        if known.any():
            sealed = _as_sealed(reference[known], cohorts.arrays.learned[homes[known], column])
            yield _describe(spec, values[known], sessions[known], sealed.mean(axis=0))


def explain_change(cohorts: CohortStore, plan: Plan, column: int, recent: Recent) -> float | None:
    """What the inputs' change since the onset explains of an output's, by the slopes sealed with the baseline.

    `recent` are the work's sessions since the onset. None for an input, for feedback, and where nothing is sealed.
    """
    inputs = plan.arrays.inputs
    _, slots, _ = _given(recent, column)
    if not len(slots) or not len(inputs) or column in inputs or column >= plan.first_feedback:
        return None
    slopes = cohorts.arrays.slopes[cohorts.arrays.home[slots], column].mean(axis=0)
    if np.isnan(slopes).any():
        return None
    moves = np.array([_move(cohorts, recent, each) for each in inputs.tolist()])
    return float(min(1.0, max(-1.0, math.fsum((slopes * moves).tolist()))))


def _move(cohorts: CohortStore, recent: Recent, column: int) -> float:
    """How far an input's mean lies from its reference; 0 where that is not more than chance."""
    values, slots, _ = _given(recent, column)
    reference = cohorts.arrays.reference[cohorts.arrays.home[slots], column]
    known = reference[:, 0] > 0
    if not known.any():
        return 0.0
    move = _mean(values[known] - reference[known, 1])
    count = int(known.sum())
    deviation = math.sqrt(max(_mean((values[known] - reference[known, 1] - move) ** 2), 1e-6))
    error = deviation * math.sqrt(1.0 / count + 1.0 / float(reference[known, 0].mean()))
    return move if abs(move) > _MOVED_ERRORS * error else 0.0


def _given(recent: Recent, column: int) -> tuple[Floats, Ints, Ints]:
    """A column's values, the slots of their sessions, and how many sessions each stands for."""
    values = recent.values[:, column]
    given = ~np.isnan(values)
    return values[given], recent.slots[given], recent.sessions[given]


def _as_sealed(reference: Floats, learned: Ints) -> Floats:
    """References [session, (n, mean, lower, upper)] with the means that were sealed, within the bounds.

    A column that does not alarm learns on beside one that does: what it learned since the onset is no comparison.
    """
    own = reference[:, 0] > 0
    sealed = reference.copy()
    sealed[own, 1] = np.clip(learned[own, CENTRE] / VALUE_SCALE, reference[own, 2], reference[own, 3])
    return sealed


def _describe(spec: SignalSpec, values: Floats, sessions: Ints, reference: Floats) -> Companion:
    count = int(sessions.sum())
    mean = min(1.0, math.fsum((values * sessions).tolist()) / count)
    low, high = bound_share(mean, count) if spec.absence else bound_mean(values, spec.kind is Kind.BINARY)
    _, baseline, lower, upper = reference.tolist()
    return Companion.of(spec, count, Bounded(mean, low, high), Bounded(baseline, lower, upper))


def _mean(values: Floats) -> float:
    return math.fsum(values.tolist()) / len(values)
