"""From a log that was run, and what was observed of it, to what the page shows."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from homeostat.schemas.decision import Decision
from homeostat.schemas.topics import DECISIONS
from homeostat.streams.backtest.findings import count_refused, newest_events, read_signed
from homeostat.streams.backtest.run import Ran
from homeostat.streams.report.gather_cohorts import Span, find_unjudged, find_unseen, table_layers
from homeostat.streams.report.gather_events import view_events
from homeostat.streams.report.model import BudgetView, Origin, Report, RolloutView, Tally
from homeostat.streams.report.observer import Observer
from homeostat.streams.report.parents import ParentReading, read_parents

MOST_UNJUDGED: Final = 40
_WEEK_MS = 604_800_000
_MEANINGS = {
    "not_evaluated": "came before the log held a complete set of documents: counted, not judged",
    "duplicate": "the same trace again: counted once",
    "late": "came after its session was closed for good: counted, kept out of every mean",
    "sessions_empty": "sessions that ended without any value",
    "over_tenant_quota": "beyond what one clinic may add to shared layers: judged for the clinic itself",
    "saturated": "sums at the end of their range",
    "cohort_limit": "of a cohort beyond the number that one clinic may have: not judged",
    "release_mismatch": "said another release than the rollout served",
    "unknown_release": "named a release that nobody declared",
    "pair_queue_full": "sessions of a rollout that found no partner in time",
}
_SUMMARIES = {"summary_late": "summaries that came after their interval was closed: counted, not added"}


def gather(ran: Ran, observer: Observer, origin: Origin) -> Report:
    """Give everything that the page shows."""
    topology, feeder = ran.platform.topology, ran.feeder
    readers = [reader for reader in observer.leaves.readers if reader.world is not None]
    parents = list(read_parents(topology.stages()))
    events = newest_events(topology.logs)
    span = Span(feeder.from_ms, feeder.to_ms - (feeder.to_ms - feeder.from_ms) // 4, feeder.to_ms)
    unjudged, judged = find_unjudged(observer, span)
    leaves = {leaf for reader in readers for leaf in reader.leaves() if not leaf.band}
    return Report(
        from_ms=feeder.from_ms,
        to_ms=feeder.to_ms,
        tenants=len({leaf.tenant for leaf in leaves}),
        works=sum(reader.works() for reader in readers),
        sessions=sum(reader.counts.get("sessions_closed", 0) for reader in readers),
        origin=origin,
        budget=_view_budget(observer, parents, len(events), feeder.to_ms - feeder.from_ms),
        events=view_events(events, observer, feeder.from_ms),
        layers=table_layers(observer, parents, events, span),
        rollouts=_view_rollouts(ran),
        quality=list(_count_quality(ran, observer, parents)),
        unjudged=unjudged[:MOST_UNJUDGED],
        unjudged_left_out=max(0, len(unjudged) - MOST_UNJUDGED),
        unseen=find_unseen(observer) if leaves else (),
        judged=judged,
        cohorts=len(leaves),
        sample_s=_sample_s(observer),
    )


def _view_budget(observer: Observer, parents: list[ParentReading], events: int, period_ms: int) -> BudgetView | None:
    policy = observer.policy
    if policy is None:
        return None
    running = sum(reader.monitors() for reader in observer.leaves.readers if reader.world is not None)
    running += sum(len(reading.state.monitors.lanes) for reading in parents)
    return BudgetView(policy, period_ms / _WEEK_MS, observer.alarms, events, running)


def _view_rollouts(ran: Ran) -> list[RolloutView]:
    found: dict[str, list[Decision]] = {}
    for decision in read_signed(ran.platform.topology.logs.records(DECISIONS), Decision):
        found.setdefault(decision.rollout, []).append(decision)
    return [RolloutView(rollout, decisions) for rollout, decisions in found.items()]


def _count_quality(ran: Ran, observer: Observer, parents: list[ParentReading]) -> list[Tally]:
    tallies = []
    not_traces: Mapping[str, int] = ran.read.get("not_traces", {})
    tallies += [Tally(f"no trace: {reason}", count, "rows that are no trace") for reason, count in not_traces.items()]
    for stage, reasons in count_refused(ran.platform.topology.logs).items():
        tallies += [
            Tally(f"refused by {stage}: {reason.replace('_', ' ')}", count, "set aside with a reason, judged by nobody")
            for reason, count in sorted(reasons.items())
        ]
    counts: Counter[str] = Counter()
    for reader in observer.leaves.readers:
        counts.update(reader.counts)
    for (role, _), each in ran.platform.topology.stages().items():
        if role == "parents":
            counts.update({key: number for key, number in getattr(each, "counts", {}).items() if key in _SUMMARIES})
    for name, meaning in {**_MEANINGS, **_SUMMARIES}.items():
        if counts.get(name):
            tallies.append(Tally(name.replace("_", " "), counts[name], meaning))
    owed = sum(reading.no_data_buckets for reading in parents)
    if owed:
        tallies.append(Tally("no data", owed, "intervals of a layer in which a source owed its part"))
    return tallies


def _sample_s(observer: Observer) -> float:
    series = observer.leaves.series
    if series is None or len(series.until_ms) < 2:
        return 0.0
    return (series.until_ms[-1] - series.until_ms[0]) / (len(series.until_ms) - 1) / 1000
