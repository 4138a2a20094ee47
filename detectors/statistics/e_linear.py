"""The e-value of one observation by bets on its mean, each with a stake and a null mean of its own."""

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats


@compiled
def e_linear(x: float, stakes: Floats, means: Floats, out: Floats) -> None:
    """Write e_k = 1 + λ_k(x − m_k) into `out` (float64 [K]); λ_k > 0 bets that the mean is above m_k, < 0 below.

    Null: the conditional mean of x given the past is ≤ m_k where λ_k > 0, ≥ m_k where λ_k < 0.
    Guarantee: mean at most 1; positive when 1 + λ_k(x − m_k) > 0 at both ends of the range of x, the caller's to see.
    Source: Waudby-Smith and Ramdas (2023).

    >>> import numpy as np
    >>> out = np.empty(2); e_linear(0.75, np.array([1.0, -1.0]), np.array([0.5, 0.5]), out); out.tolist()
    [1.25, 0.75]
    """
    for k in range(out.shape[0]):
        out[k] = 1.0 + stakes[k] * (x - means[k])
