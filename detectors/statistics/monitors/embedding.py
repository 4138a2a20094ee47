"""Embeddings: have the recent ones moved away from the frozen ones?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_rank import keyed_uniform
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import SKETCH, Sealed

MOST_DIMENSIONS = 1024
AXES = 16
_SIZES = (0.2, 0.4, 0.8, 1.6)
_KEEP_RATIOS = (0.9, 0.97, 0.99)
_NORMAL = NormalDist()


def project(x: Floats, key: int = 0) -> Floats:
    """Fold a vector of more than 1,024 numbers into 1,024: each is added, with a hashed sign, to a hashed place.

    Inner products are kept on average, with a deviation of about 1/32 of the lengths; shorter vectors come back as they
    are. Source: Weinberger et al., 'Feature hashing for large scale multitask learning' (2009).

    >>> project(np.ones(2000)).shape, project(np.ones(3)).tolist()
    ((1024,), [1.0, 1.0, 1.0])
    """
    if x.size <= MOST_DIMENSIONS:
        return x
    uniforms = np.array([keyed_uniform(key, i) for i in range(x.size)]) * (2 * MOST_DIMENSIONS)
    places = uniforms.astype(np.int64)
    signs = np.where(places % 2 == 0, 1.0, -1.0)
    return np.bincount(places // 2, weights=signs * x, minlength=MOST_DIMENSIONS).astype(np.float64)


@dataclass(frozen=True, eq=False)
class EmbeddingMonitor(Monitor):
    """Watch the mean of embeddings, rolling against frozen, in any direction of a whitened sketch y = W(x − c).

    `centre` float64 [d ≤ 1,024] and `axes` float64 [q, d] are frozen: W x has variance 1 along each axis. With r the
    rolling mean of earlier y (what it keeps a step: .9, .97, .99) and s = min(⟨r, y⟩/|r|, 6),
    e_k = exp(μ_k(s − b) − μ_k²v/2), μ_k in .2, .4, .8, 1.6, all twelve mixed with equal weights.
    Guarantee: mean run length at least `run_length` observations while, given the past, y is sub-Gaussian with variance
    proxy v = `proxy` about a mean no longer than b = `bound` in each direction (normal: v is the largest variance).
    The direction is read off earlier observations only. Not covered: heavier tails; a session enters as its mean.
    A change that leaves the mean along the axes in place is not seen.
    Units: x as published; b, s in standard deviations. Source: `e_sketch`.
    Raises `ValueError` for other shapes, more than 1,024 dimensions, or bound < 0 or proxy ≤ 0.

    >>> monitor = EmbeddingMonitor(np.zeros(2), np.eye(2), run_length=1000)
    >>> still, moved = np.array([[0.5, -0.5], [-0.5, 0.5]] * 20), np.full((12, 2), 1.5)
    >>> state, run = monitor.run(monitor.start(), np.concatenate([still, moved]))
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([44, 47, 50], [41, 45, 48])
    """

    kind = "embedding"
    centre: Floats
    axes: Floats
    run_length: float
    bound: float = 0.0
    proxy: float = 1.0

    def __post_init__(self) -> None:
        width = self.centre.size
        if self.axes.ndim != 2 or self.axes.shape[1] != width or not 1 <= width <= MOST_DIMENSIONS:
            raise ValueError(f"axes {self.axes.shape} must be [q, d] for a centre of d = {width} <= {MOST_DIMENSIONS}")
        if not (self.bound >= 0.0 and self.proxy > 0.0):
            raise ValueError(f"bound {self.bound} must be at least 0 and proxy {self.proxy} above 0")

    @classmethod
    def frozen(cls, reference: Floats, run_length: float, delta: float = 0.01, axes: int = AXES) -> Self:
        """Freeze a sketch from a reference float64 [n, d], n > axes: its mean, and its first principal axes, whitened.

        b = (√q + √(2 ln(2/δ)))/√n·√v covers the error of the mean and v = (1 − (√q + √(2 ln(2/δ)))/√n)⁻² that of the
        variances, both together but for a probability of about δ when embeddings are normal (Davidson, Szarek, 2001); δ
        is part of the budget. Raises `ValueError` when n is so small that v would be infinite.
        """
        count, width = reference.shape
        rank = min(axes, width)
        error = (math.sqrt(rank) + math.sqrt(2.0 * math.log(2.0 / delta))) / math.sqrt(count)
        if error >= 1.0:
            raise ValueError(f"{count} references are too few for {rank} axes at delta {delta}")
        centre = reference.mean(axis=0)
        _, lengths, directions = np.linalg.svd(reference - centre, full_matrices=False)
        deviations = np.maximum(lengths[:rank] / math.sqrt(count - 1), 1e-12)
        proxy = (1.0 - error) ** -2
        return cls(centre, directions[:rank] / deviations[:, None], run_length, error * math.sqrt(proxy), proxy)

    @property
    def width(self) -> int:
        return int(self.centre.size)

    def _seal(self) -> Sealed:
        sizes = np.array([size for _ in _KEEP_RATIOS for size in _SIZES])
        keeps = np.array([keep for keep in _KEEP_RATIOS for _ in _SIZES])
        head = [float(self.axes.shape[0]), self.bound, self.proxy]
        params = np.concatenate((head, self.centre, self.axes.ravel()))
        return seal(SKETCH, np.array([sizes, keeps]), self.run_length, params=params)

    def _memory(self) -> Floats:
        return np.zeros(len(_KEEP_RATIOS) * self.axes.shape[0])

    def _at(self, u: float, shift: float) -> Floats:
        word, rank = int(u * 2**32), self.axes.shape[0]
        scores = np.array([_NORMAL.inv_cdf(keyed_uniform(word, axis)) for axis in range(rank)])
        moved: Floats = self.centre + np.linalg.pinv(self.axes) @ (scores + shift / math.sqrt(rank))
        return moved

    def draw(self, u: float) -> Floats:
        return self._at(u, 0.0)

    def draw_moved(self, u: float) -> Floats:
        return self._at(u, 2.0 + self.bound)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        mixing = np.array([[1.0, 0.5, 0.0], [0.0, 0.8, -0.3]])
        return cls(np.zeros(2), np.eye(2), 200.0), cls(np.ones(3), mixing, 200.0, bound=0.1, proxy=1.2)
