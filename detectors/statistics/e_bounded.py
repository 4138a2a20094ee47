"""The e-value of one bounded observation against a null mean, per bet."""

import math

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Fixed, Floats, encode_log_e
from homeostat.detectors.statistics.bets import bounded_stakes

__all__ = ["bounded_stakes", "e_bounded", "log_e_bounded", "log_row"]


@compiled
def e_bounded(x: float, mean: float, direction: int, stakes: Floats, out: Floats) -> None:
    """Write e_k = 1 + λ_k(x − m) (up) or 1 − λ_k(x − m) (down) into `out` (float64, length of `stakes`).

    Null: the conditional mean of x given the past is ≤ m (up) or ≥ m (down), x in [0, 1], with 0 ≤ λ_k < 1/m or
    1/(1 − m) from `bounded_stakes`. Guarantee: each e_k > 0 has mean at most 1, so products are e-processes.
    x outside [0, 1] is the caller's to refuse. Dependent records (a session) enter as one mean.
    Source: Waudby-Smith and Ramdas (2023).

    >>> import numpy as np
    >>> out = np.empty(2); e_bounded(0.75, 0.5, 1, np.array([1.0, 0.5]), out); out.tolist()
    [1.25, 1.125]
    """
    gain = direction * (x - mean)
    for k in range(stakes.shape[0]):
        out[k] = 1.0 + stakes[k] * gain


@compiled
def log_row(e_row: Floats, out: Fixed) -> None:
    """Write log e per bet as int64 at 2⁻³² nats, rounded down; e must be above 0.

    >>> import numpy as np
    >>> out = np.empty(1, np.int64); log_row(np.array([1.0]), out); out.tolist()
    [0]
    """
    for k in range(e_row.shape[0]):
        out[k] = encode_log_e(math.log(e_row[k]))


@compiled
def log_e_bounded(x: float, mean: float, direction: int, stakes: Floats, out: Fixed) -> None:
    """Write log e_k of `e_bounded` into `out` (int64 at 2⁻³² nats, rounded down): what leaves sum for parents.

    >>> import numpy as np
    >>> out = np.empty(1, np.int64); log_e_bounded(1.0, 0.5, 1, np.array([1.0]), out); round(int(out[0]) / 2**32, 4)
    0.4055
    """
    gain = direction * (x - mean)
    for k in range(stakes.shape[0]):
        out[k] = encode_log_e(math.log(1.0 + stakes[k] * gain))
