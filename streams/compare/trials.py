"""Trials of one policy on streams in which nothing changed: how often it takes a release back, how often it alarms."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from homeostat.schemas.policy import Policy
from homeostat.streams.backtest.platform import Documents
from homeostat.streams.backtest.run import Ran, feed_rows
from homeostat.streams.backtest.trace_rows import TraceRow
from homeostat.streams.compare.history import History, Trace
from homeostat.streams.compare.null_streams import DAY_MS, LEAST_BLOCKS, Block, cut_blocks, redraw_arms, resample_blocks
from homeostat.streams.compare.outcome import NullTrials, is_rolled_back
from homeostat.streams.compare.rates import Rate, per_week, share_of
from homeostat.streams.report.leaves import leaf_readers
from homeostat.streams.report.parents import read_parents

_WEEK_MS = 7 * DAY_MS
_LEASE_SHARE = 4
NO_ROLLOUT = "no rollout has sessions here: nothing to draw arms for"


class TrialPlan(NamedTuple):
    """How many replicates, the length of a block, and the seconds between ticks (None: see `tick_of`)."""

    replicates: int
    block_days: float
    tick_s: float | None = None

    @property
    def block_ms(self) -> int:
        """The length of a block."""
        return max(1, round(self.block_days * DAY_MS))

    def tick_of(self, policy: Policy) -> float:
        """A tick a bucket: finer ones cost time and find nothing more; several within a lease."""
        times = policy.times
        return self.tick_s or max(times.tick_s, min(times.bucket_s, times.lease_ttl_s / _LEASE_SHARE))


def run_trials(
    history: History, documents: Documents, until_ms: int, plan: TrialPlan, step: Callable[[], None]
) -> NullTrials:
    """Run a policy's trials; `until_ms` ends the history in which nothing happened, `step` is told of each run."""
    blocks = cut_blocks(history.arrivals, until_ms, plan.block_ms)
    rollbacks = {}
    for rollout in documents.rollouts:
        if rollout.rollout in history.rollouts:
            only, hits = documents.among([rollout.rollout]), 0
            for seed in range(1, plan.replicates + 1):
                hits += is_rolled_back(_run(redraw_arms(history.arrivals, rollout, seed), only, plan))
                step()
            rate = share_of(hits, plan.replicates)
            if rate is not None:
                rollbacks[rollout.rollout] = rate
    alarms, monitors = _count_alarms(blocks, documents, plan, step)
    return NullTrials(
        rollbacks=rollbacks,
        pooled=_pool(list(rollbacks.values())),
        alarms=alarms,
        blocks=len(blocks),
        block_days=plan.block_days,
        monitors=monitors,
        why_none=tuple(_say_why(blocks, rollbacks, plan)),
    )


def count_runs(history: History, documents: Documents, until_ms: int, plan: TrialPlan) -> int:
    """How many runs the trials of a policy are."""
    rollouts = sum(rollout.rollout in history.rollouts for rollout in documents.rollouts)
    resampled = len(cut_blocks(history.arrivals, until_ms, plan.block_ms)) >= LEAST_BLOCKS
    return plan.replicates * (rollouts + resampled)


def _count_alarms(
    blocks: Sequence[Block], documents: Documents, plan: TrialPlan, step: Callable[[], None]
) -> tuple[Rate | None, int]:
    if len(blocks) < LEAST_BLOCKS:
        return None, 0
    hits, monitors, only = 0, 0, documents.among(())
    for seed in range(1, plan.replicates + 1):
        ran = _run(resample_blocks(blocks, plan.block_ms, seed), only, plan)
        hits += ran.alarms.count
        monitors = max(monitors, _count_monitors(ran))
        step()
    return per_week(hits, plan.replicates * len(blocks) * plan.block_ms / _WEEK_MS), monitors


def _run(traces: Iterable[Trace], documents: Documents, plan: TrialPlan) -> Ran:
    rows = (TraceRow(number, trace) for number, trace in enumerate(traces, 1))
    return feed_rows(rows, documents, 1, plan.tick_of(documents.policy))


def _count_monitors(ran: Ran) -> int:
    stages = ran.platform.topology.stages()
    leaves = sum(reader.monitors() for reader in leaf_readers(stages) if reader.world is not None)
    return leaves + sum(len(reading.state.monitors.lanes) for reading in read_parents(stages))


def _pool(rates: Sequence[Rate]) -> Rate | None:
    return share_of(sum(rate.hits for rate in rates), round(sum(rate.size for rate in rates)))


def _say_why(blocks: Sequence[Block], rollbacks: dict[str, Rate], plan: TrialPlan) -> Iterable[str]:
    if plan.replicates and not rollbacks:
        yield NO_ROLLOUT
    if plan.replicates and len(blocks) < LEAST_BLOCKS:
        yield f"{len(blocks)} whole blocks of {plan.block_days:g} days before anything happened, {LEAST_BLOCKS} needed"
