"""The latency benchmark: its load is fixed before it begins, and it counts from when a trace was due."""

from typing import Any

import numpy as np
import pytest

from bench.latency.deciding import Deciding
from bench.latency.figures import LEGS, MOST_LAG_MS, summarize
from bench.latency.load import Load
from bench.latency.plan import Kind, Path, Trial, plan_trials, plan_visits
from bench.latency.run import Clock, Outcome
from bench.latency.sizes import SIZES, Size
from bench.latency.traces import TraceMaker, name_trace, slot_of
from bench.latency.watch import Mark, TakenBack
from homeostat.schemas.decision import Verdict

SMOKE = SIZES["smoke"]
VERDICTS = {Path.NEVER: Verdict.NEVER, Path.HARMFUL: Verdict.HARMFUL}


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_a_rollout_is_over_before_its_tenant_has_the_next(size: Size) -> None:
    trials = plan_trials(size, 1)
    life_s = size.lead_s + size.sessions / size.sessions_per_s + size.times.session_s
    last: dict[str, float] = {}
    for trial in trials:
        assert trial.apply_s - last.get(trial.tenant, -life_s) >= life_s
        last[trial.tenant] = trial.apply_s
    assert len({(trial.tenant, trial.specialty, trial.round) for trial in trials}) == len(trials)
    assert max(plan_visits(size, trials)) < size.traces


def test_what_must_never_be_occurs_once_a_rollout_as_its_last_session() -> None:
    trials = plan_trials(SMOKE, 1)
    visits = plan_visits(SMOKE, trials)
    for trial in trials:
        own = [visits[slot] for slot in sorted(visits) if visits[slot].trial is trial]
        kinds = [visit.kind for visit in own]
        if trial.path is Path.NEVER:
            assert kinds == [Kind.FINE] * (len(own) - 1) + [Kind.NEVER]
            assert own[-1].candidate
        else:
            assert all((visit.kind is Kind.WORSE) == visit.candidate for visit in own)


def test_the_trace_of_a_slot_is_the_same_in_every_run() -> None:
    def make() -> list[bytes]:
        maker = TraceMaker(SMOKE, "m1", b"m" * 32, 7, 50)
        visits = list(plan_visits(SMOKE, plan_trials(SMOKE, 1)).values())
        return [maker.ordinary(3, 1).value, maker.visit(4, 1, visits[0]).value, maker.visit(5, 1, visits[-1]).value]

    assert make() == make()
    assert slot_of(name_trace(1234)) == 1234


def outcome_of(trials: list[Trial], delay_ms: float, lag_ms: float = 0.1, acknowledged: bool = True) -> Outcome:
    """Every rollout is taken back by the trace in the slot of its number, each leg that much after it was due."""
    clock = Clock(1_000_000_000, 1_700_000_000_000)
    at_ns = [clock.due_ns(trial.number, SMOKE.traces_per_s) + round(delay_ms * 1e6) for trial in trials]
    taken_back = [
        TakenBack(
            trial.rollout, VERDICTS[trial.path], Mark(0, trial.number), at, at, at, at, at if acknowledged else None
        )
        for trial, at in zip(trials, at_ns, strict=True)
    ]
    return Outcome(
        size=SMOKE,
        trials=trials,
        clock=clock,
        load=Load(np.full(SMOKE.traces, round(lag_ms * 1000)), 0),
        probes_us=np.full(40, 5_000),
        taken_back=taken_back,
        deciding={Mark(0, trial.number): Deciding(trial.number, 0) for trial in trials},
    )


def test_latency_is_from_the_time_at_which_the_deciding_trace_was_due() -> None:
    figures = summarize(outcome_of(plan_trials(SMOKE, 1), delay_ms=40.0))
    assert figures["invalid"] == []
    for path in figures["paths"].values():
        for leg in LEGS:
            assert path["legs"][leg]["max_ms"] == pytest.approx(40.0, abs=0.01)
            assert path["legs"][leg]["p99_over_kafka"] == pytest.approx(8.0, abs=0.01)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"lag_ms": 2 * MOST_LAG_MS}, "the load did not keep its schedule"),
        ({"acknowledged": False}, "never: 0 of 3 rollouts reached 'acknowledged'"),
    ],
)
def test_a_run_that_does_not_count_says_why(changed: dict[str, Any], fault: str) -> None:
    faults = summarize(outcome_of(plan_trials(SMOKE, 1), 40.0, **changed))["invalid"]
    assert any(each.startswith(fault) for each in faults)


def test_a_decision_on_a_record_of_control_counts_from_when_the_broker_had_it() -> None:
    outcome = outcome_of(plan_trials(SMOKE, 1), delay_ms=40.0)
    marks = {mark: Deciding(None, outcome.clock.start_ms) for mark in outcome.deciding}
    figures = summarize(outcome._replace(deciding=marks))
    assert figures["decided_by_control"] == SMOKE.decisions
    assert figures["paths"]["never"]["legs"]["decision"]["p50_ms"] > 40.0
