"""From a parent monitor's crossing to an alarm with its numbers."""

from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.parents.cohort_state import CohortState
from homeostat.detectors.parents.companions import find_companions
from homeostat.detectors.parents.judge import Judged
from homeostat.detectors.parents.recent import SESSIONS, Recent
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.base import DAY_MS
from homeostat.schemas.policy import Policy


def state_alarm(judged: Judged, state: CohortState, recent: Recent, policy: Policy, outbox: Outbox) -> Alarm:
    """Give the alarm of one crossing.

    The baseline is the mean of what the leaves expected of the same sessions (`expected` / `bet_sessions`); a parent
    has no sealed reference of its own, so its bound is that mean and its `baseline_sessions` are those it was bet on.
    The onset reaches from the beginning of the first likely bucket to the end of the last; companions are of the
    buckets from that last one on. Its releases are said where all leaves since then have one.
    """
    spec, crossing = judged
    since, bucket_ms = crossing.since, round(policy.times.bucket_s * 1000)
    baseline = _mean(since.expected, since.bet_sessions)
    beside = recent.since(crossing.onset_to)
    releases, release_since_ms = state.release_since(crossing.onset_to)
    return Alarm(
        alarm=outbox.derive_id(),
        cohort=state.cohort,
        signal=spec.name,
        family=spec.family,
        role=spec.role,
        direction=crossing.direction,
        harmful=crossing.direction is spec.direction,
        evidence=crossing.evidence,
        threshold=policy.budget.alarm_threshold,
        observed=_mean(since.total, since.sessions),
        observed_sessions=since.sessions,
        baseline=baseline,
        bound=baseline,
        baseline_sessions=since.bet_sessions,
        tolerance=spec.tolerance,
        onset_from_ms=crossing.onset_from * bucket_ms,
        onset_to_ms=(crossing.onset_to + 1) * bucket_ms,
        releases=releases,
        release_since_ms=release_since_ms,
        stage=outbox.stage,
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
        carrier=spec.carrier,
        sessions_per_day=_count_per_day(list(state.signals).index(spec.name), recent, bucket_ms, outbox.log_time_ms),
        companions=tuple(find_companions(list(state.signals), beside, policy, spec.name)),
    )


def _count_per_day(column: int, recent: Recent, bucket_ms: int, now_ms: int) -> float:
    """Sessions a day of a column over the buckets that are remembered; 0 for less than a day."""
    days = (now_ms - recent.begins * bucket_ms) / DAY_MS
    return float(recent.since(recent.begins)[column, SESSIONS]) / days if days >= 1.0 else 0.0


def _mean(total: int, count: int) -> float:
    return min(1.0, max(0.0, total / count / VALUE_SCALE)) if count else 0.0
