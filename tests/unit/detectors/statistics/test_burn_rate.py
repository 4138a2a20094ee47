"""The evidence against an error budget: an e-process under the worst null, quick where the rate is broken."""

import math

import numpy as np

from homeostat.detectors.statistics.burn_rate import Spending, burn_log_e, log_e_by_bet
from homeostat.detectors.statistics.e_binary import binary_rows, e_binary

RATE, ALPHA = 0.1, 0.05
PERIOD, SESSIONS, REPLICATES = 100, 400, 400


def first_crossing(values: np.ndarray, period: int = PERIOD) -> int | None:
    """After how many sessions (looked at one by one) the limit is reached, with a bet from each period on."""
    limit, spent = -math.log(ALPHA), np.concatenate([[0.0], np.cumsum(values)])
    for n in range(1, len(values) + 1):
        begins = range(0, n, period)
        starts = [[Spending(n - begin, float(spent[n] - spent[begin]))] for begin in begins]
        if burn_log_e(starts, RATE, np.array([False])) >= limit:
            return n
    return None


def test_at_the_declared_rate_false_alarms_keep_their_chance() -> None:
    """Binary and fractional sessions of exactly the declared rate, looked at every ten; 99 % bound of a binomial."""
    rng = np.random.default_rng(20261123)
    looks = range(10, SESSIONS + 1, 10)
    crossed = 0
    for number in range(REPLICATES):
        hits = rng.random((SESSIONS, 2)) < RATE
        values = hits[:, 0].astype(float) if number % 2 else hits.mean(axis=1)
        spent = np.concatenate([[0.0], np.cumsum(values)])
        crossed += any(
            burn_log_e(
                [[Spending(n - begin, float(spent[n] - spent[begin]))] for begin in range(0, n, PERIOD)],
                RATE,
                np.array([False]),
            )
            >= -math.log(ALPHA)
            for n in looks
        )
    assert crossed <= REPLICATES * ALPHA + 2.33 * math.sqrt(REPLICATES * ALPHA * (1 - ALPHA))


def test_sums_are_the_product_of_the_sessions_e_values() -> None:
    hit, miss, out = np.empty(8), np.empty(8), np.empty(8)
    binary_rows(RATE, 1, hit, miss)
    values = np.array([0.0, 1.0, 0.5, 0.25])
    product = np.zeros(8)
    for x in values:
        e_binary(float(x), hit, miss, out)
        product += np.log(out)
    assert np.allclose(product, log_e_by_bet(Spending(4, float(values.sum())), RATE))


def test_a_burst_after_good_periods_is_seen_as_in_a_period_of_its_own() -> None:
    good, burst = np.zeros(10 * PERIOD), np.ones(30)
    with_periods = first_crossing(np.concatenate([good, burst]))
    without = first_crossing(np.concatenate([good, np.ones(400)]), period=10**6)
    assert with_periods is not None
    assert with_periods <= len(good) + 10
    assert without is None or without > with_periods + 20


def test_one_group_that_spends_too_fast_is_seen_among_many() -> None:
    fine, fast = Spending(200, 5.0), Spending(200, 90.0)
    held = np.zeros(8, bool)
    assert burn_log_e([[fine] * 7 + [fast]], RATE, held) > -math.log(ALPHA)
    assert burn_log_e([[fine] * 8], RATE, held) < 1.0


def test_what_was_taken_back_speaks_only_against_harm() -> None:
    groups = [Spending(200, 90.0), Spending(200, 10.0)]
    assert burn_log_e([groups], RATE, np.array([True, False])) < -math.log(ALPHA)
    assert burn_log_e([groups], RATE, np.array([False, False])) > -math.log(ALPHA)
