"""The throughput benchmark at its smallest: every system reads everything and finds the shift. No speed is asserted."""

import pytest

from bench.throughput.contest import hold_contest_on
from bench.throughput.report import RATIOS, summarize
from bench.throughput.sizes import SIZES
from bench.throughput.turn import SYSTEMS
from homeostat.infra.broker.local import LocalBroker

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
