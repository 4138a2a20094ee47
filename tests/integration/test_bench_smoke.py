"""The benchmarks on Kafka at their smallest: what each measures does happen. No speed is asserted."""

import pytest

from bench.latency.figures import LEGS
from bench.latency.figures import summarize as summarize_latency
from bench.latency.plan import Kind, plan_visits
from bench.latency.run import run_on
from bench.latency.sizes import SIZES as LATENCY_SIZES
from bench.throughput.contest import hold_contest_on
from bench.throughput.report import RATIOS, summarize
from bench.throughput.sizes import SIZES
from bench.throughput.turn import SYSTEMS
from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.decision import Verdict

SIZE = SIZES["smoke"]


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_every_system_reads_all_and_finds_the_shift(kafka: LocalBroker) -> None:
    outcome = hold_contest_on(kafka.address, -1, SIZE, list(SYSTEMS), seed=1, say=print)

    assert {name: len(turns) for name, turns in outcome.results.items()} == {
        "ours": 2, "stock_faust": 1, "plain_peer": 1, "tuned_peer": 2, "ceiling": 2,
    }  # fmt: skip
    for name, turns in outcome.results.items():
        assert [turn["traces"] for turn in turns] == [SIZE.traces] * len(turns)
        assert name == "ceiling" or all(turn["found"] for turn in turns)
    figures = summarize(outcome)
    assert all(figures[ratio] > 0 for ratio in RATIOS)
    assert all(row["cpu_us_per_trace"] > 0 for row in figures["systems"].values())


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_every_rollout_is_taken_back_and_every_step_of_it_is_seen(kafka: LocalBroker) -> None:
    outcome = run_on(kafka.address, LATENCY_SIZES["smoke"], seed=1, say=print)

    figures = summarize_latency(outcome)
    assert outcome.load.undelivered == 0
    visits = plan_visits(outcome.size, outcome.trials)
    slots = [outcome.deciding[each.mark].slot for each in outcome.taken_back if each.verdict is Verdict.NEVER]
    assert [visits[slot].kind for slot in slots if slot is not None] == [Kind.NEVER] * len(slots)
    for path in figures["paths"].values():
        assert [path["legs"][leg]["number"] for leg in LEGS] == [path["rollouts"]] * len(LEGS)
        assert all(leg["p50_ms"] > 0 for leg in path["legs"].values())
