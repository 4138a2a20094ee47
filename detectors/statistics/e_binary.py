"""The e-value of one binary observation (or a session's mean of them) against a null rate, per bet."""

import math

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.bets import UP, binary_alternatives, harmful_mean

__all__ = ["binary_alternatives", "binary_rows", "e_binary", "log_e_binary"]


@compiled
def binary_rows(mean: float, direction: int, log_hit: Floats, log_miss: Floats) -> None:
    """Write log e of x = 1 and of x = 0 per bet (float64 nats, 8 each): made once, when a baseline is sealed.

    With m and p_k mirrored so that harm is up, a harmful observation has ln(p_k/m), another ln((1 − p_k)/(1 − m)).

    >>> import numpy as np
    >>> hit, miss = np.empty(8), np.empty(8); binary_rows(0.1, 1, hit, miss)
    >>> round(float(hit[7]), 4), round(float(miss[7]), 4)
    (1.92, -1.0406)
    """
    null = harmful_mean(mean, direction)
    binary_alternatives(mean, direction, log_hit)
    for k in range(log_hit.shape[0]):
        alternative = log_hit[k]
        harm = math.log(alternative / null)
        fine = math.log((1.0 - alternative) / (1.0 - null)) if alternative > null else 0.0
        log_hit[k] = harm if direction == UP else fine
        log_miss[k] = fine if direction == UP else harm


@compiled
def e_binary(x: float, log_hit: Floats, log_miss: Floats, out: Floats) -> None:
    """Write e_k = (p_k/m)ˣ·((1 − p_k)/(1 − m))¹⁻ˣ into `out` (float64), x in [0, 1], rows from `binary_rows`.

    Null: P(x = 1 | past) ≤ m (up), ≥ m (down); for a session's mean of binaries the same with its conditional mean.
    Guarantee: mean at most 1. At x in {0, 1} it equals 1 + λ(x − m) with λ = (p − m)/(m(1 − m)), which is increasing
    in the rate; between, aˣb¹⁻ˣ ≤ xa + (1 − x)b, so a mean of a cluster is covered too.
    Source: Ramdas, Grünwald, Vovk, Shafer (2023), section 2.

    >>> import numpy as np
    >>> hit, miss, out = np.empty(8), np.empty(8), np.empty(8)
    >>> binary_rows(0.1, 1, hit, miss); e_binary(1.0, hit, miss, out); round(float(out[7]), 6)
    6.820679
    """
    for k in range(out.shape[0]):
        out[k] = math.exp(x * log_hit[k] + (1.0 - x) * log_miss[k])


@compiled
def log_e_binary(x: float, log_hit: Floats, log_miss: Floats, out: Fixed) -> None:
    """Write log e_k of `e_binary` into `out` (int64 at 2⁻³² nats, rounded down); no logarithm is taken.

    >>> import numpy as np
    >>> hit, miss, out = np.empty(8), np.empty(8), np.empty(8, np.int64)
    >>> binary_rows(0.1, 1, hit, miss); log_e_binary(1.0, hit, miss, out); round(int(out[7]) / 2**32, 4)
    1.92
    """
    for k in range(out.shape[0]):
        out[k] = math.floor((x * log_hit[k] + (1.0 - x) * log_miss[k]) * LOG_E_SCALE)
