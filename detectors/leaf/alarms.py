"""From a monitor's crossing to an alarm with its numbers: onset and size from the ring, River's view."""

import math
from typing import Final, NamedTuple

import numpy as np
from river.drift import ADWIN

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.outbox import STAGE
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.schemas.alarm import Alarm, Corroboration
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.signal import Direction

ONSET_NATS: Final = 2.0
"""Starts whose log-likelihood is within this of the best belong to the onset's interval."""


class Crossing(NamedTuple):
    """What the kernel says of an alarm."""

    slot: int
    column: int
    side: int
    bet: int
    evidence: float


class Place(NamedTuple):
    """Where and when the leaf speaks."""

    partition: int
    mark: int
    number: int
    log_time_ms: int


class Onset(NamedTuple):
    """Likely first sessions of the change (times they began, inclusive), and the mean since the likeliest."""

    from_ms: int
    to_ms: int
    observed: float
    sessions: int


def state_alarm(crossing: Crossing, cohorts: CohortStore, plan: Plan, rollout: str | None, at: Place) -> Alarm:
    """Give the alarm of one crossing."""
    spec, key = plan.specs[crossing.column], cohorts.keys[crossing.slot]
    home = int(cohorts.arrays.home[crossing.slot])
    sealed, mean, lower, upper = cohorts.arrays.reference[home, crossing.column].tolist()
    direction = Direction.UP if crossing.side == 0 else Direction.DOWN
    values, times_ms = _recent(cohorts, plan, crossing)
    onset = date_onset(values, times_ms, _log_e(cohorts, crossing, values))
    return Alarm(
        alarm=derive_id(STAGE, at.partition, at.mark, at.number),
        cohort=key.cohort,
        signal=spec.name,
        family=spec.family,
        role=spec.role,
        direction=direction,
        harmful=direction is spec.direction,
        evidence=crossing.evidence,
        threshold=plan.policy.budget.alarm_threshold,
        observed=onset.observed,
        observed_sessions=onset.sessions,
        baseline=mean,
        bound=upper if direction is Direction.UP else lower,
        baseline_sessions=int(sealed),
        tolerance=spec.tolerance,
        onset_from_ms=onset.from_ms,
        onset_to_ms=onset.to_ms,
        releases=cohorts.releases_of(crossing.slot),
        rollout=rollout,
        corroboration=corroborate(values, times_ms),
        stage=STAGE,
        source_partition=at.partition,
        mark=at.mark,
        log_time_ms=at.log_time_ms,
    )


def date_onset(values: Floats, times_ms: Ints, log_e: Floats) -> Onset:
    """Date the change by the carrying bet: the start that maximises Σ log e to now, and those within 2 nats of it.

    All arrays have one entry a session, oldest first, at least one. The ring bounds how far back a start can lie.
    """
    since = np.cumsum(log_e[::-1])[::-1]
    best = int(np.argmax(since))
    near = np.flatnonzero(since >= since[best] - ONSET_NATS)
    observed = math.fsum(values[best:].tolist()) / (len(values) - best)
    return Onset(int(times_ms[near[0]]), int(times_ms[near[-1]]), min(1.0, observed), len(values) - best)


def corroborate(values: Floats, times_ms: Ints) -> Corroboration:
    """Ask River's ADWIN about the same values: whether it cut, and when its window begins since its last cut."""
    detector, begins = ADWIN(), None
    for place, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            begins = max(0, place + 1 - int(detector.width))
    onset_ms = None if begins is None else int(times_ms[begins])
    return Corroboration(detector="adwin", agrees=begins is not None, onset_ms=onset_ms)


def _recent(cohorts: CohortStore, plan: Plan, crossing: Crossing) -> tuple[Floats, Ints]:
    slot, s = crossing.slot, crossing.column
    lane = FEEDBACK if s >= plan.lane_columns[FEEDBACK].start else WORK
    count, rows = int(cohorts.arrays.ring_count[slot, lane]), cohorts.arrays.ring.shape[1]
    places = np.arange(max(0, count - rows), count) % rows
    fixed = cohorts.arrays.ring[slot, places, s]
    began_ms = cohorts.arrays.ring_ms[slot, lane, places] - plan.session_ms
    return fixed[fixed >= 0] / VALUE_SCALE, began_ms[fixed >= 0]


def _log_e(cohorts: CohortStore, crossing: Crossing, values: Floats) -> Floats:
    home = int(cohorts.arrays.home[crossing.slot])
    null = cohorts.arrays.null[home, crossing.column, crossing.side]
    stake = cohorts.arrays.stakes[home, crossing.column, crossing.side, crossing.bet]
    gains = values - null if crossing.side == 0 else null - values
    return np.array([math.log(1.0 + stake * gain) for gain in gains.tolist()])
