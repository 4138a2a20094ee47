"""Fixed-point numbers: what is added up is integer, so that order, batches and machines do not show.

Log-e is int64 at 2⁻³² nats, values are int64 at 2⁻²⁰, squares of values are exact in two int64 (hi, lo) with
value = (hi·2⁶² + lo)·2⁻⁴⁰ and 0 ≤ lo < 2⁶². Sums saturate at ±(2⁶³ − 1), and every saturation is counted.
Encoding rounds log-e *down*: an e-value made smaller keeps its guarantee. Values round half up.
"""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled

LOG_E_SCALE = 4294967296.0
VALUE_SCALE = 1048576.0
LIMIT = 2**63 - 1
LOG_E_STEP_LIMIT = 2**30
VALUE_LIMIT = 2**42
_LOW_BITS = 62
_HALF_BITS = 31
_LOW_MASK = 2**62 - 1
_HALF_MASK = 2**31 - 1

Fixed = NDArray[np.int64]
Floats = NDArray[np.float64]


@compiled
def encode_log_e(log_e: float) -> int:
    """Encode a natural log as int64 at 2⁻³² nats, rounded down, held to ±2³⁰ nats; log-e must not be nan.

    >>> encode_log_e(0.5) == 2**31, encode_log_e(float("-inf")) == -(2**62)
    (True, True)
    """
    if log_e >= LOG_E_STEP_LIMIT:
        return LOG_E_STEP_LIMIT << 32
    if log_e <= -LOG_E_STEP_LIMIT:
        return -LOG_E_STEP_LIMIT << 32
    return math.floor(log_e * LOG_E_SCALE)


@compiled
def decode_log_e(fixed: int) -> float:
    """Give a fixed-point log-e in nats, as float64.

    >>> decode_log_e(2**31)
    0.5
    """
    return fixed / LOG_E_SCALE


@compiled
def encode_value(value: float) -> int:
    """Encode a signal's value as int64 at 2⁻²⁰, rounded half up, held to ±2⁴² (units of the signal); not nan.

    >>> encode_value(0.25), encode_value(-0.25)
    (262144, -262144)
    """
    if value >= VALUE_LIMIT:
        return VALUE_LIMIT << 20
    if value <= -VALUE_LIMIT:
        return -VALUE_LIMIT << 20
    return math.floor(value * VALUE_SCALE + 0.5)


@compiled
def decode_value(fixed: int) -> float:
    """Give a fixed-point value in units of the signal, as float64.

    >>> decode_value(262144)
    0.25
    """
    return fixed / VALUE_SCALE


@compiled
def saturates(a: int, b: int) -> bool:
    """Tell whether a + b leaves ±(2⁶³ − 1).

    >>> saturates(LIMIT, 1), saturates(LIMIT, -1)
    (True, False)
    """
    if b > 0:
        return a > LIMIT - b
    return a < -LIMIT - b


@compiled
def add_saturating(a: int, b: int) -> int:
    """Add two int64, held to ±(2⁶³ − 1).

    >>> add_saturating(LIMIT, 5) == LIMIT, add_saturating(2, 3)
    (True, 5)
    """
    if saturates(a, b):
        return LIMIT if b > 0 else -LIMIT
    return a + b


@compiled
def add_rows(sums: Fixed, increments: Fixed) -> int:
    """Add `increments` into `sums` (int64, same length, in place); returns how many elements saturated.

    >>> sums = np.array([1, LIMIT]); add_rows(sums, np.array([2, 1])), sums.tolist() == [3, LIMIT]
    (1, True)
    """
    saturated = 0
    for k in range(sums.shape[0]):
        if saturates(sums[k], increments[k]):
            saturated += 1
        sums[k] = add_saturating(sums[k], increments[k])
    return saturated


@compiled
def square(fixed: int) -> tuple[int, int]:
    """Square a fixed-point value (|fixed| < 2⁶²) exactly: (hi, lo) with fixed² = hi·2⁶² + lo.

    >>> hi, lo = square(-3 * 2**40); hi * 2**62 + lo == 9 * 2**80
    True
    """
    size = -fixed if fixed < 0 else fixed
    upper = size >> _HALF_BITS
    lower = size & _HALF_MASK
    cross = 2 * upper * lower
    low = lower * lower + ((cross & _HALF_MASK) << _HALF_BITS)
    high = upper * upper + (cross >> _HALF_BITS) + (low >> _LOW_BITS)
    return high, low & _LOW_MASK


@compiled
def add_square(high: int, low: int, fixed: int) -> tuple[int, int]:
    """Add fixed² to a sum of squares (high, low); high is held to 2⁶³ − 1.

    >>> add_square(0, 2**62 - 1, 1)
    (1, 0)
    """
    square_high, square_low = square(fixed)
    low_sum = low + square_low
    return add_saturating(high, square_high + (low_sum >> _LOW_BITS)), low_sum & _LOW_MASK


def merge_squares(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Add two sums of squares; the high part is held to 2⁶³ − 1.

    >>> merge_squares((1, 2**62 - 1), (2, 1))
    (4, 0)
    """
    low = a[1] + b[1]
    return add_saturating(a[0], add_saturating(b[0], low >> _LOW_BITS)), low & _LOW_MASK


def encode_values(values: Floats) -> tuple[Fixed, int]:
    """Encode float64 values as int64 at 2⁻²⁰; returns them and how many were held. Raises `ValueError` on nan.

    >>> encode_values(np.array([0.5, 1e300]))[1]
    1
    """
    if np.isnan(values).any():
        raise ValueError("nan has no fixed-point form: leave an undefined value out")
    held = np.clip(values, -float(VALUE_LIMIT), float(VALUE_LIMIT))
    fixed = np.floor(held * VALUE_SCALE + 0.5).astype(np.int64)
    return fixed, int(np.count_nonzero(np.abs(values) > VALUE_LIMIT))


def encode_log_es(log_es: Floats) -> tuple[Fixed, int]:
    """Encode float64 log-e's as int64 at 2⁻³² nats, rounded down; returns them and how many were held.

    Raises `ValueError` on nan.

    >>> encode_log_es(np.array([0.5, float("-inf")]))[1]
    1
    """
    if np.isnan(log_es).any():
        raise ValueError("nan is no log-e: evidence that is missing is left out")
    held = np.clip(log_es, -float(LOG_E_STEP_LIMIT), float(LOG_E_STEP_LIMIT))
    return np.floor(held * LOG_E_SCALE).astype(np.int64), int(np.count_nonzero(np.abs(log_es) > LOG_E_STEP_LIMIT))


def mean_and_variance(n: int, total: int, squares: tuple[int, int]) -> tuple[float, float]:
    """Give mean and sample variance (n − 1) from a count, a sum at 2⁻²⁰ and a sum of squares at 2⁻⁴⁰.

    Exact integers up to the last division. Nan for a mean of none and for a variance of fewer than two.

    >>> mean_and_variance(2, encode_value(0.0) + encode_value(1.0), square(encode_value(1.0)))
    (0.5, 0.5)
    """
    if n == 0:
        return math.nan, math.nan
    n, total = int(n), int(total)
    mean = total / n / VALUE_SCALE
    if n == 1:
        return mean, math.nan
    spread = n * ((int(squares[0]) << _LOW_BITS) + int(squares[1])) - total * total
    return mean, spread / (n * (n - 1)) / (VALUE_SCALE * VALUE_SCALE)
