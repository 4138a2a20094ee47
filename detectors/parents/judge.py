"""One sealed bucket of one parent cohort: add up its summaries, and let every monitor take its step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.parents.cohort_state import CohortState, SignalState, add_up
from homeostat.detectors.parents.monitor import Crossing
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Direction, SignalSpec
from homeostat.schemas.summary import SignalSummary, Summary

_WEEK_S = 604_800.0


class Judged(NamedTuple):
    """A monitor that crossed: which signal, which way, with what."""

    spec: SignalSpec
    direction: Direction
    crossing: Crossing


def judge_bucket(
    state: CohortState, bucket: int, summaries: Sequence[Summary], policy: Policy, no_data: bool
) -> Iterator[Judged]:
    """Fold the summaries of one bucket (one a source, in any order) into the cohort; gives its crossings by signal."""
    state.buckets += 1
    state.no_data += no_data
    state.records += sum(summary.records for summary in summaries)
    state.last_bucket = bucket
    specs: Mapping[str, SignalSpec] = {spec.name: spec for spec in policy.signals}
    for name in sorted({name for summary in summaries for name in summary.signals}):
        sums = add_up(summary.signals[name] for summary in summaries if name in summary.signals)
        signal = state.signals.setdefault(name, SignalState())
        signal.add(sums)
        if name in specs:
            yield from _step_monitors(signal, bucket, sums, specs[name], policy)


def _step_monitors(
    signal: SignalState, bucket: int, sums: SignalSummary, spec: SignalSpec, policy: Policy
) -> Iterator[Judged]:
    weight, threshold = weight_per_bucket(policy), policy.budget.alarm_threshold
    for direction, monitor, log_e in (
        (Direction.UP, signal.up, sums.log_e_up),
        (Direction.DOWN, signal.down, sums.log_e_down),
    ):
        crossing = monitor.step(log_e, bucket, sums, weight, threshold)
        if crossing is not None:
            yield Judged(spec, direction, crossing)


def weight_per_bucket(policy: Policy) -> float:
    """A monitor's weight w for each bucket of log time: its share of the platform's budget of false alarms."""
    budget = policy.budget
    rate = budget.false_alarms_per_week * budget.alarm_threshold / (_WEEK_S * budget.expected_monitors)
    return rate * policy.times.bucket_s
