"""Dating a change: close to the truth, inside its own interval, and silent on too little."""

import math

import numpy as np
import pytest

from homeostat.detectors.statistics.change_point import date_change


def test_it_dates_a_shift_of_two_standard_deviations() -> None:
    errors, inside = [], 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = date_change(np.concatenate([rng.normal(0.3, 0.1, 120), rng.normal(0.5, 0.1, 60)]))
        assert found is not None
        assert found.earliest <= found.start <= found.latest
        errors.append(abs(found.start - 120))
        inside += found.earliest <= 120 <= found.latest
    assert np.median(errors) <= 1
    assert inside >= 80


def test_a_faint_shift_has_a_wide_interval() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 0.1, 200)
    faint, clear = date_change(noise + 0.02 * (np.arange(200) >= 100)), date_change(noise + (np.arange(200) >= 100))
    assert faint is not None
    assert clear is not None
    assert clear.start == 100
    assert faint.latest - faint.earliest > clear.latest - clear.earliest


def test_constant_short_and_undefined_rings() -> None:
    assert date_change(np.array([0.1, 0.2, 0.3])) is None
    flat = date_change(np.full(10, 0.25))
    assert flat is not None
    assert (flat.earliest, flat.latest) == (1, 9)
    with pytest.raises(ValueError, match="nan"):
        date_change(np.array([0.1, 0.2, math.nan, 0.4]))
