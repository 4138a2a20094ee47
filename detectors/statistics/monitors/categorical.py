"""A mix of categories, one of them for whatever was never seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells
from homeostat.detectors.statistics.effects import effect_grid, rate_alternatives

_SIZES = 4
_LEAST, _MOST = 0.15, 1.2
_UP_SHARE = 0.85


def one_against_rest(row: Floats) -> tuple[Floats, Floats]:
    """Give the alternatives [K, categories] and weights [K] of 'one category is more, or less, frequent than in `row`'.

    For each category of probability p: at most four rates above and four below it, sizes of change .15 to 1.2, the
    others scaled alike. Most of a category's weight (.85) is on more: seldom does a sort of work vanish.

    >>> alternatives, weights = one_against_rest(np.array([0.9, 0.1]))
    >>> alternatives.shape, round(float(weights.sum()), 9)
    ((14, 2), 1.0)
    """
    alternatives, weights = [], []
    for category, rate in enumerate(row.tolist()):
        for up, share in ((True, _UP_SHARE), (False, 1.0 - _UP_SHARE)):
            rates = rate_alternatives(rate, effect_grid(_SIZES, _LEAST, _MOST), up=up)
            for moved in rates:
                rest = (1.0 - moved) / (1.0 - rate) if rate < 1.0 else 0.0
                changed = row * rest
                changed[category] = moved
                alternatives.append(changed)
                weights.append(share / (rates.size * row.size))
    return np.array(alternatives), np.array(weights)


@dataclass(frozen=True)
class CategoricalMonitor(CellMonitor):
    """Watch the mix of categories 0 … C − 1; the last one stands for every category that was not declared.

    e_k = q_k(x)/p(x): q_k raises or lowers one category and scales the others alike (`one_against_rest`), mixed with
    equal weights over categories.
    Guarantee: mean run length at least `run_length` observations while P(x = c | past) = p_c for each c. The unseen
    category needs a probability above 0: a declared upper limit for it (its bets upwards hold for anything below), or
    (1 + values seen once)/(n + 1) of a reference, then ranked by `ConformalMonitor`.
    Units: x is the index of a category; `index_of` maps an undeclared one to the last.
    Source: Ramdas, Grünwald, Vovk, Shafer (2023); Shin, Ramdas, Rinaldo (2022).
    Raises `ValueError` unless probabilities are above 0, sum to 1, and are at least two.

    >>> monitor = CategoricalMonitor((0.6, 0.39, 0.01), run_length=1000)
    >>> state, run = monitor.run(monitor.start(), [0, 1, 0] * 15 + [2, 2, 2])
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([47], [45])
    """

    kind = "categorical"
    probabilities: tuple[float, ...]
    run_length: float

    def __post_init__(self) -> None:
        row = np.array(self.probabilities)
        if row.size < 2 or row.min() <= 0.0 or abs(float(row.sum()) - 1.0) > 1e-9:
            raise ValueError(f"{row.size} probabilities sum to {row.sum()}: need two or more above 0 that sum to 1")

    @classmethod
    def fitted(cls, values: Floats, categories: int, run_length: float) -> tuple[Self, ...]:
        """Fit a sample of indices below `categories − 1`, the last being unseen: a plug-in, to be ranked.

        Half an observation is added to each category, so that none is impossible.
        """
        counts = np.bincount(values.astype(np.int64), minlength=categories).astype(np.float64) + 0.5
        return (cls(tuple((counts / counts.sum()).tolist()), run_length),)

    @property
    def limits(self) -> tuple[float, float, float]:
        return 0.0, len(self.probabilities) - 1.0, 1.0

    def index_of(self, category: int | None) -> int:
        """Give the index that stands for a category: None or anything undeclared is the last.

        >>> CategoricalMonitor((0.5, 0.5), 100).index_of(7)
        1
        """
        unseen = len(self.probabilities) - 1
        return unseen if category is None or not 0 <= category < unseen else category

    def cells(self) -> Cells:
        row = np.array(self.probabilities)
        alternatives, weights = one_against_rest(row)
        return Cells(np.arange(0.5, row.size - 1), row, alternatives, weights)

    def draw(self, u: float) -> float:
        levels = np.cumsum(self.probabilities)[:-1]
        return float(np.searchsorted(levels, u, side="right"))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return cls((0.5, 0.3, 0.15, 0.05), 200.0), cls((0.9, 0.1), 200.0)
