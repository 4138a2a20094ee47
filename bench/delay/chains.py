"""A workflow of four steps that are sometimes skipped, as a Markov chain."""

from collections.abc import Sequence

import numpy as np

from bench.delay.oracle import Floats
from homeostat.detectors.compiled import compiled

SKIPPED = (0.03, 0.15)
_STEPS = 4
_START = float(_STEPS)
_OTHER = 0.01


def rows(skipped: float) -> tuple[tuple[float, ...], ...]:
    """Rows of a chain 0 → 1 → 2 → 3 → end, in which step 2 is skipped at a rate."""
    usual = 1.0 - 3 * _OTHER
    after_one = (_OTHER, _OTHER, 1.0 - skipped - 2 * _OTHER, skipped)
    return (
        (_OTHER, usual, _OTHER, _OTHER),
        after_one,
        (_OTHER, _OTHER, _OTHER, usual),
        (0.25, 0.25, 0.25, 0.25),
        (usual, _OTHER, _OTHER, _OTHER),
    )


ROWS = rows(SKIPPED[0])


def draw_chain(rng: np.random.Generator, n: int, skipped: float) -> Floats:
    """Steps of workflows one after another, each begun by a start and ended by step 3."""
    return _walk(rng.random(n), np.cumsum(np.array(rows(skipped)), axis=1))


@compiled
def _walk(us: Floats, levels: Floats) -> Floats:
    out, previous = np.empty(us.shape[0]), 3
    for i in range(us.shape[0]):
        if previous == 3:
            step = 4
        else:
            step = 0
            while step < 3 and us[i] >= levels[previous, step]:
                step += 1
        out[i] = step
        previous = step
    return out


def chain_score(xs: Floats) -> Floats:
    """Log-likelihood ratios of the skipping chain to the usual one."""
    return chain_ratios(xs, [np.log(np.array(rows(SKIPPED[1])) / np.array(rows(SKIPPED[0])))])[:, 0]


def chain_ratios(xs: Floats, ratios: Sequence[Floats]) -> Floats:
    """Log-likelihood ratios [n, K] of steps by tables [previous, step], one for each of K alternatives."""
    steps = xs.astype(int)
    before = np.concatenate(([_STEPS], steps[:-1]))
    found = np.stack(ratios)[:, before, np.minimum(steps, _STEPS - 1)]
    return np.ascontiguousarray(np.where(xs == _START, 0.0, found).T)
