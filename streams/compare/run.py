"""Policies side by side over one file or log."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from homeostat.detectors.trust import TrustStore
from homeostat.streams.backtest.log_source import LogSource
from homeostat.streams.backtest.platform import Documents
from homeostat.streams.backtest.run import Ran, feed_log_under, feed_rows, first_time
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.compare.history import History, read_file, read_log
from homeostat.streams.compare.outcome import Outcome, outcome_of
from homeostat.streams.compare.trials import TrialPlan, count_runs, run_trials


class Progress(NamedTuple):
    """Who is told how many runs there are, and how many are done."""

    begin: Callable[[int], None]
    done: Callable[[int], None]


class Comparison(NamedTuple):
    """The columns, in the order of the policies; `quiet_until_ms` is when the first change or rollout began."""

    source: str
    outcomes: list[Outcome]
    quiet_until_ms: int
    assumptions: list[str]


def compare_file(
    path: Path, policies: Sequence[Path], partitions: int | None, plan: TrialPlan, progress: Progress
) -> Comparison:
    """Run a file of bare traces under each policy; one that brings no releases and rollouts uses the first one's."""
    at_ms = first_time(path)
    more = Documents(policies[0], at_ms).to_publish
    documents = [Documents(policy, at_ms, more) for policy in policies]
    history = read_file(path) if plan.replicates else History(())
    return _compare(
        str(path),
        policies,
        documents,
        history,
        lambda each: feed_rows(read_traces(path), each, partitions, plan.tick_s),
        plan,
        progress,
    )


def compare_log(
    reopen: Callable[[], LogSource],
    policies: Sequence[Path],
    keys: tuple[TrustStore, Mapping[str, bytes]],
    plan: TrialPlan,
    progress: Progress,
) -> Comparison:
    """Run a log of `traces.v1` under each policy; releases and rollouts are the log's. A source is read once a run."""
    history = read_log(reopen()) if plan.replicates else History(())
    at_ms = history.arrivals[0].at_ms if history.arrivals else 1
    documents = [Documents(policy, at_ms, history.documents) for policy in policies]
    return _compare(
        reopen().name,
        policies,
        documents,
        history,
        lambda each: feed_log_under(reopen(), *keys, each),
        plan,
        progress,
    )


def _compare(
    source: str,
    policies: Sequence[Path],
    documents: Sequence[Documents],
    history: History,
    run: Callable[[Documents], Ran],
    plan: TrialPlan,
    progress: Progress,
) -> Comparison:
    progress.begin(len(policies) * (1 + 2 * plan.replicates))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress.done(done)

    outcomes, assumptions = [], []
    for path, each in zip(policies, documents, strict=True):
        ran = run(each)
        outcomes.append(outcome_of(str(path), each.policy, ran))
        assumptions = ran.read["assumptions"]
        step()
    until_ms = _quiet_until(history, outcomes)
    if plan.replicates:
        progress.begin(len(policies) + sum(count_runs(history, each, until_ms, plan) for each in documents))
        outcomes = [
            replace(outcome, trials=run_trials(history, each, until_ms, plan, step))
            for outcome, each in zip(outcomes, documents, strict=True)
        ]
    return Comparison(source, outcomes, until_ms, assumptions)


def _quiet_until(history: History, outcomes: Sequence[Outcome]) -> int:
    """When the first change or rollout began, under any of the policies; the end where nothing did."""
    times = [noticed.event.onset_from_ms for outcome in outcomes for noticed in outcome.noticed]
    times += [arrival.at_ms for arrival in history.arrivals if arrival.trace.rollout is not None][:1]
    end_ms = history.arrivals[-1].at_ms + 1 if history.arrivals else 0
    return min(times, default=end_ms)
