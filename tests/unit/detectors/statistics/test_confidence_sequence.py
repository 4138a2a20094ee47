"""The confidence sequence holds for ever with its chance, and narrows."""

import numpy as np
import pytest

from homeostat.detectors.statistics.confidence_sequence import mean_radius

STREAMS, LENGTH, DELTA = 400, 2_000, 0.05


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_mean_lies_inside_at_every_time(rate: float) -> None:
    rng = np.random.default_rng(11)
    values = (rng.random((STREAMS, LENGTH)) < rate).astype(float)
    centre = min(1.0, rate + 0.05)
    counts = np.arange(1, LENGTH + 1)
    averages = values.cumsum(axis=1) / counts
    squares = ((values - centre) ** 2).cumsum(axis=1)
    above = below = 0
    for average, square in zip(averages, squares, strict=True):
        radii = np.array([mean_radius(float(n), float(q), DELTA) for n, q in zip(counts, square, strict=True)])
        above += bool((rate > average + radii).any())
        below += bool((rate < average - radii).any())
    assert max(above, below) <= DELTA * STREAMS


def test_it_narrows_with_values_and_with_their_variance() -> None:
    assert mean_radius(0.0, 0.0, DELTA) == 1.0
    assert mean_radius(4_000.0, 90.0, DELTA) < mean_radius(1_000.0, 22.5, DELTA) < mean_radius(1_000.0, 90.0, DELTA)
