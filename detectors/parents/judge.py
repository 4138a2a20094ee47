"""One sealed bucket of one parent cohort: add up its summaries, and let every monitor take its step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.budget import weight_per_ms
from homeostat.detectors.parents.cohort_state import CohortState, SignalState, add_up
from homeostat.detectors.parents.monitors import Crossing
from homeostat.detectors.parents.recent import Recent, stack_sums
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import SignalSpec
from homeostat.schemas.summary import SignalSummary, Summary


class Judged(NamedTuple):
    """A monitor that crossed: which signal, which way, with what."""

    spec: SignalSpec
    crossing: Crossing


def judge_bucket(
    state: CohortState, recent: Recent, bucket: int, summaries: Sequence[Summary], policy: Policy, no_data: bool
) -> Iterator[Judged]:
    """Fold the summaries of one bucket (one a source, in any order) into the cohort; gives its crossings by signal."""
    state.buckets += 1
    state.no_data += no_data
    state.records += sum(summary.records for summary in summaries)
    state.last_bucket = bucket
    state.note_releases(bucket, (each for summary in summaries for each in summary.releases))
    specs: Mapping[str, SignalSpec] = {spec.name: spec for spec in policy.columns}
    found: dict[str, SignalSummary] = {}
    for name in sorted({name for summary in summaries for name in summary.signals}):
        found[name] = add_up(summary.signals[name] for summary in summaries if name in summary.signals)
        state.signals.setdefault(name, SignalState()).add(found[name])
    recent.add(bucket, stack_sums(list(state.signals), found))
    watched = {name: sums for name, sums in found.items() if name in specs}
    threshold = policy.budget.alarm_threshold
    for crossing in state.monitors.step(watched, bucket, weight_per_bucket(policy, state.cohort.layer), threshold):
        yield Judged(specs[crossing.signal], crossing)


def weight_per_bucket(policy: Policy, layer: Layer) -> float:
    """A monitor's weight w for each bucket of log time: its share of the budget of false alarms."""
    return weight_per_ms(policy.budget, layer) * policy.times.bucket_s * 1000.0
