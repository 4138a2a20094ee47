"""Power from growth rates, held to simulations of the same law by the real mixture."""

import math

import numpy as np
import pytest

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.stakes import write_stakes
from homeostat.detectors.power import BINS, Settings, Sources, find_delay, find_shift, shift_shares, volume_needed
from homeostat.detectors.statistics.bets import DOWN, MONITOR_BETS, UP
from homeostat.detectors.statistics.e_shiryaev_roberts import step_slots

PER_DAY = 100.0
SETTINGS = Settings(threshold=1e4, weight_per_day=0.15, steps_per_day=PER_DAY)
STREAMS = 200


def sources(weights: Floats, mean: float, null: float, *, is_binary: bool = False, up: bool = True) -> Sources:
    stakes = np.zeros(MONITOR_BETS)
    write_stakes(is_binary, null, UP if up else DOWN, stakes)
    rows = (np.array([PER_DAY]), weights[None], np.array([mean]), np.array([null]), stakes[None])
    return Sources(*rows, is_binary=is_binary, up=up)


def bell(mean: float, sd: float) -> Sources:
    """A bounded signal with a bell on the bins; the mean is that of the bins."""
    middles = (np.arange(BINS) + 0.5) / BINS
    weights = np.exp(-((middles - mean) ** 2) / (2 * sd**2))
    weights /= weights.sum()
    centre = float(weights @ middles)
    return sources(weights, centre, centre + 0.1)


RATE = sources(np.eye(BINS)[0], 0.1, 0.25, is_binary=True)
FALL = sources(np.eye(BINS)[0], 0.9, 0.75, is_binary=True, up=False)


def simulate(of: Sources, shift: float, longest: int, rng: np.random.Generator) -> float:
    """Mean sessions to an alarm over many streams, each warmed up without the shift."""
    m, crossed = np.zeros((STREAMS, 1, MONITOR_BETS)), np.zeros((STREAMS, 1), np.bool_)
    weight = np.full(STREAMS, SETTINGS.weight_per_day / PER_DAY)
    found = np.full(STREAMS, math.inf)
    sign = 1.0 if of.up else -1.0
    for number in range(-500, longest):
        x = draw(of, shift if number >= 0 else 0.0, rng)
        e = 1.0 + sign * of.stakes[0] * (x - of.null[0])[:, None]
        step_slots(m, e[:, None, :], weight, SETTINGS.threshold, crossed)
        if number >= 0:
            found[crossed[:, 0] & np.isinf(found)] = number + 1
        if np.isfinite(found).all():
            break
    return float(found.mean())


def draw(of: Sources, shift: float, rng: np.random.Generator) -> Floats:
    wanted = float(of.mean[0]) + (shift if of.up else -shift)
    if of.is_binary:
        return (rng.random(STREAMS) < wanted).astype(np.float64)
    shares, values = np.empty(BINS), np.empty(BINS)
    shift_shares(of.weights[0], wanted, shares, values)
    return values[rng.choice(BINS, STREAMS, p=shares / shares.sum())]


@pytest.mark.parametrize(
    ("of", "shift"),
    [(bell(0.3, 0.15), 0.15), (bell(0.3, 0.15), 0.3), (bell(0.2, 0.05), 0.15), (RATE, 0.3), (RATE, 0.5), (FALL, 0.3)],
    ids=["wide, small", "wide, large", "narrow", "rate, small", "rate, large", "rate, falling"],
)
def test_delay_is_about_that_of_simulations(of: Sources, shift: float) -> None:
    expected = find_delay(of, SETTINGS, shift).sessions
    simulated = simulate(of, shift, round(8 * expected) + 200, np.random.default_rng(5))
    assert 0.9 <= expected / simulated <= 1.5, (expected, simulated)


def test_shift_inside_the_null_is_never_noticed() -> None:
    assert find_delay(bell(0.3, 0.15), SETTINGS, 0.09).days == math.inf


def test_smallest_shift_takes_the_time_that_was_given() -> None:
    of = bell(0.3, 0.15)
    shift = find_shift(of, SETTINGS, 3.0)
    assert shift is not None
    assert find_delay(of, SETTINGS, shift).days == pytest.approx(3.0, rel=0.02)
    assert find_shift(of, SETTINGS, 0.001) is None


def test_volume_needed_is_enough_and_not_much_more() -> None:
    of, shift = bell(0.3, 0.15), 0.15
    assert find_delay(of, SETTINGS, shift).days > 1.0
    needed = volume_needed(of, SETTINGS, shift, 1.0)
    assert needed is not None
    more = of._replace(per_day=np.array([needed]))
    assert find_delay(more, SETTINGS._replace(steps_per_day=needed), shift).days == pytest.approx(1.0, rel=0.01)
    assert volume_needed(of, SETTINGS, 0.05, 1.0) is None


def test_parent_of_many_small_leaves_is_faster_than_each() -> None:
    one = bell(0.3, 0.15)
    parent = one._replace(
        per_day=np.concatenate([one.per_day] * 20),
        weights=np.concatenate([one.weights] * 20),
        mean=np.concatenate([one.mean] * 20),
        null=np.concatenate([one.null] * 20),
        stakes=np.concatenate([one.stakes] * 20),
    )
    alone, together = find_delay(one, SETTINGS, 0.2), find_delay(parent, SETTINGS._replace(steps_per_day=2000.0), 0.2)
    assert together.days < alone.days / 10
    assert together.sessions > alone.sessions


def test_no_sessions_notice_nothing() -> None:
    silent = bell(0.3, 0.15)._replace(per_day=np.zeros(1))
    assert find_delay(silent, SETTINGS, 0.5).sessions == math.inf
    assert find_shift(silent, SETTINGS, 7.0) is None
    assert volume_needed(silent, SETTINGS, 0.5, 7.0) is None
