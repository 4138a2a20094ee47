"""From a monitor's crossing to an alarm with its numbers: onset and size from the ring, River's view."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from river.drift import ADWIN

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.companions import explain_change, find_companions
from homeostat.detectors.leaf.lending import expect
from homeostat.detectors.leaf.outbox import STAGE
from homeostat.detectors.leaf.plan import WORK, Plan
from homeostat.detectors.leaf.recent import Recent, read_recent, split_told
from homeostat.schemas.alarm import Alarm, Corroboration
from homeostat.schemas.base import DAY_MS
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.signal import Direction, Role

ONSET_NATS: Final = 2.0
"""Starts whose log-likelihood is within this of the best belong to the onset's interval."""
SAMPLED: Final = 8


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
    rows, owner = cohorts.arrays, int(cohorts.arrays.owner[crossing.slot])
    direction = Direction.UP if crossing.side == 0 else Direction.DOWN
    lanes = [read_recent(cohorts, crossing.slot, lane, plan.session_ms) for lane in range(len(plan.lane_columns))]
    lane = plan.lanes[crossing.column]
    recent = lanes[lane].among(~np.isnan(lanes[lane].values[:, crossing.column]))
    values = recent.values[:, crossing.column]
    onset = date_onset(values, recent.began_ms, _log_e(cohorts, plan, crossing, recent), recent.sessions)
    since = [each.since(onset.to_ms) for each in lanes]
    blur_ms = plan.absent_times(crossing.column)[0] if spec.absence else 0
    affected, unaffected = _draw_samples(cohorts, plan, crossing, recent, onset)
    reference = _reference(cohorts, crossing, recent.since(onset.to_ms))
    limit = _limit_of(plan, crossing.column) if direction is spec.direction else None
    return Alarm(
        alarm=derive_id(STAGE, at.partition, at.mark, at.number),
        cohort=key.cohort,
        signal=spec.name,
        family=spec.family,
        role=Role.DIAGNOSTIC if key.band else spec.role,
        direction=direction,
        harmful=direction is spec.direction,
        evidence=crossing.evidence,
        threshold=plan.policy.budget.alarm_threshold,
        observed=onset.observed,
        observed_sessions=onset.sessions,
        baseline=reference.mean,
        bound=limit if limit is not None else reference.upper if direction is Direction.UP else reference.lower,
        baseline_sessions=reference.sessions,
        tolerance=spec.tolerance,
        onset_from_ms=max(0, onset.from_ms - blur_ms),
        onset_to_ms=onset.to_ms + blur_ms,
        releases=cohorts.releases_of(owner),
        rollout=rollout,
        corroboration=corroborate(values, recent.began_ms),
        stage=STAGE,
        source_partition=at.partition,
        mark=at.mark,
        log_time_ms=at.log_time_ms,
        carrier=spec.carrier,
        plug_in=reference.borrowed and limit is None,
        limit=limit,
        explained=explain_change(cohorts, plan, crossing.column, since[WORK]),
        release_since_ms=_release_since(int(rows.release_ms[owner])),
        sessions_per_day=_count_per_day(cohorts, crossing, at.log_time_ms),
        companions=tuple(find_companions(cohorts, plan, since, crossing.column)),
        affected=affected,
        unaffected=unaffected,
    )


def _limit_of(plan: Plan, column: int) -> float | None:
    """The absolute limit that a column must not pass in its harmful direction, if one is declared."""
    limit = float(plan.arrays.limit[column])
    return None if math.isnan(limit) else limit


def _draw_samples(
    cohorts: CohortStore, plan: Plan, crossing: Crossing, recent: Recent, onset: Onset
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sessions to read: since the onset and before; of works waited for, those that feedback said 1 of."""
    if plan.specs[crossing.column].absence:
        before, since = split_told(cohorts, crossing.slot, plan.lanes[crossing.column], onset.from_ms)
    else:
        before = recent.among(recent.began_ms < onset.from_ms).names()
        since = recent.since(onset.to_ms).names()
    return draw_sample(since), draw_sample(before)


def draw_sample(ids: Iterable[str]) -> tuple[str, ...]:
    """The few ids with the smallest hashes: a random sample that every partition draws alike, and that merges.

    Source: Cohen and Kaplan, 'Summarizing data using bottom-k sketches' (2007).
    """
    return tuple(sorted(set(ids), key=lambda name: derive_id("sample", name))[:SAMPLED])


class _Reference(NamedTuple):
    sessions: int
    mean: float
    lower: float
    upper: float
    borrowed: bool


def _reference(cohorts: CohortStore, crossing: Crossing, recent: Recent) -> _Reference:
    """The baseline that the sessions since the onset are compared with: the mean of that of their parts."""
    homes = cohorts.arrays.home[recent.slots if len(recent.slots) else [crossing.slot]]
    rows, known = expect(cohorts.arrays, homes, crossing.column)
    if not known.any():
        return _Reference(0, 0.0, 0.0, 0.0, False)
    sessions, mean, lower, upper = rows[known].mean(axis=0).tolist()
    return _Reference(int(sessions), mean, lower, upper, bool((rows[known, 0] == 0.0).any()))


def _log_e_of_buckets(shares: Floats, works: Ints, null: Floats, stakes: Floats) -> Floats:
    """Log e of each bucket of works; shares are mirrored with the null where less is the direction."""
    return works * (shares * np.log1p(stakes * (1.0 - null)) + (1.0 - shares) * np.log1p(-stakes * null))


def _count_per_day(cohorts: CohortStore, crossing: Crossing, now_ms: int) -> float:
    """Sessions a day of a leaf's column, in all parts of the week; 0 before its first session is a day old."""
    parts = cohorts.arrays.parts[crossing.slot]
    began = [time_ms for time_ms in cohorts.arrays.first_ms[parts].tolist() if time_ms >= 0]
    days = (now_ms - min(began, default=now_ms)) / DAY_MS
    return float(cohorts.arrays.moments[parts, crossing.column, 0].sum()) / days if days >= 1.0 else 0.0


def _release_since(time_ms: int) -> int | None:
    return None if time_ms < 0 else time_ms


def date_onset(values: Floats, times_ms: Ints, log_e: Floats, sessions: Ints | None = None) -> Onset:
    """Date the change by the carrying bet: the start that maximises Σ log e to now, and those within 2 nats of it.

    All arrays have one entry a session, oldest first, at least one; with `sessions` an entry stands for so many. The
    ring bounds how far back a start can lie.
    """
    weights = np.ones(len(values), np.int64) if sessions is None else sessions
    since = np.cumsum(log_e[::-1])[::-1]
    best = int(np.argmax(since))
    near = np.flatnonzero(since >= since[best] - ONSET_NATS)
    count = int(weights[best:].sum())
    observed = math.fsum((values * weights)[best:].tolist()) / count
    return Onset(int(times_ms[near[0]]), int(times_ms[near[-1]]), min(1.0, observed), count)


def corroborate(values: Floats, times_ms: Ints) -> Corroboration:
    """Ask River's ADWIN about the same values: whether it cut, and when its window begins since its last cut."""
    detector, begins = ADWIN(), None
    for place, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            begins = max(0, place + 1 - int(detector.width))
    onset_ms = None if begins is None else int(times_ms[begins])
    return Corroboration(detector="adwin", agrees=begins is not None, onset_ms=onset_ms)


def _log_e(cohorts: CohortStore, plan: Plan, crossing: Crossing, recent: Recent) -> Floats:
    """Log e of each session by the bet that carried the alarm; 1 a session of what must never happen."""
    values = recent.values[:, crossing.column]
    if plan.arrays.never[crossing.column]:
        return np.where(values == (0.0 if crossing.side == 0 else 1.0), -1.0, 1.0)
    homes = cohorts.arrays.home[recent.slots]
    null = cohorts.arrays.null[homes, crossing.column, crossing.side]
    stakes = cohorts.arrays.stakes[homes, crossing.column, crossing.side, crossing.bet]
    if plan.specs[crossing.column].absence:
        shares, edges = (values, null) if crossing.side == 0 else (1.0 - values, 1.0 - null)
        return _log_e_of_buckets(shares, recent.sessions, edges, stakes)
    gains = values - null if crossing.side == 0 else null - values
    return np.array([math.log(1.0 + stake * gain) for stake, gain in zip(stakes.tolist(), gains.tolist(), strict=True)])
