"""The one step of every monitor, compiled: an observation, its e-values, the mixture e-Shiryaev–Roberts, an alarm.

M_k ← (M_k + w)·e_k from M_k = r; alarm when Σ π_k M_k ≥ A + r, then M_k ← r (r is the head start). While the null holds
Σ π_k M_k − Σ w is a supermartingale, so with w = 1 an observation E[run length] ≥ (A + r) − r = A, from the start and
after each alarm; with any predictable w, E[alarms by t] ≤ (r + Σ w)/A.
Sources: Shin, Ramdas, Rinaldo, 'E-detectors' (2022); the head start: Moustakides, Polunchenko, Tartakovsky, 'A
numerical approach to performance analysis of quickest change-point detection procedures' (2011), the SR–r procedure.
"""

import math
from typing import NamedTuple

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Fixed, Floats
from homeostat.detectors.statistics.e_chain import e_chain
from homeostat.detectors.statistics.e_learnt import enter_learnt
from homeostat.detectors.statistics.e_linear import e_linear
from homeostat.detectors.statistics.e_rank import e_rank
from homeostat.detectors.statistics.e_shiryaev_roberts import EVIDENCE_CAP, note_starts
from homeostat.detectors.statistics.e_sketch import e_sketch
from homeostat.detectors.statistics.e_sparing import boost_cells, spare_stakes
from homeostat.detectors.statistics.e_table import e_table

TABLE, LINEAR, RANK, CHAIN, SKETCH, RATE = range(6)
QUIET, REFUSED = -1, -2


class Sealed(NamedTuple):
    """All that is fixed before the first observation: float64 arrays, contiguous.

    `code`: which e-value; `limits` [lowest, highest, 1 for whole numbers, then the same for the stratum] of an
    observation; `edges`, `table`, `params`: of that e-value; `weights`: π [K], summing to 1; `threshold`: A + r;
    `head_start`: r. A table's `params` are the null's probabilities and each bet's largest e (`e_sparing`). A rate's is
    linear too, with sparing stakes; it may have as `params` how many bets each of several nulls has: the evidence is
    then the least over nulls, whose weights are e-values of what was seen before, `memory` what each null has learnt
    since (`e_learnt`), and after an alarm all begin again, at 0 and 1.
    """

    code: int
    limits: Floats
    edges: Floats
    table: Floats
    params: Floats
    weights: Floats
    threshold: float
    head_start: float


class Live(NamedTuple):
    """What moves: `memory` of the e-value, M and the peak of its CUSUM per bet (float64 [K]), starts (int64 [K])."""

    memory: Floats
    m: Floats
    peak: Floats
    start: Fixed


@compiled
def refuses(x: Floats, limits: Floats) -> bool:
    """Tell whether an observation (float64 [width]) is no value of this monitor: not finite, out of range, not whole.

    `limits` holds lowest, highest and whole (1 or 0) for the first component, then for all further ones.

    >>> limits = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    >>> [refuses(np.array([x]), limits) for x in (1.0, 0.5, 2.0, math.nan)]
    [False, True, True, True]
    """
    for i in range(x.shape[0]):
        at = 0 if i == 0 else 3
        if not (math.isfinite(x[i]) and limits[at] <= x[i] <= limits[at + 1]):
            return True
        if limits[at + 2] != 0.0 and x[i] != math.floor(x[i]):
            return True
    return False


@compiled
def write_e(x: Floats, sealed: Sealed, memory: Floats, out: Floats) -> None:
    """Write the e-value of each bet into `out` (float64 [K]) and move the memory on; x was not refused."""
    if sealed.code == TABLE:
        e_table(x[0], sealed.edges, sealed.table, out)
    elif sealed.code in (LINEAR, RATE):
        e_linear(x[0], sealed.table[0], sealed.table[1], out)
    elif sealed.code == RANK:
        stratum = int(x[1]) if x.shape[0] > 1 else 0
        key = int(sealed.params[0])
        e_rank(x[0], stratum, key, memory, sealed.edges, sealed.params[1:], sealed.table, out)
    elif sealed.code == CHAIN:
        e_chain(x[0], int(sealed.params[0]), memory, sealed.table, out)
    else:
        e_sketch(x, sealed.params, sealed.table, memory, out)


@compiled
def step_monitor(x: Floats, sealed: Sealed, live: Live, e: Floats, w: float, now: int) -> tuple[int, float]:
    """Take one observation (float64 [width]): (code, evidence); live arrays change in place, `e` is scratch [K].

    The code is the carrier's bet at an alarm (its onset is `live.start[code]`), `QUIET`, or `REFUSED` with nothing
    changed. The evidence is Σ π_k M_k (the least over nulls), at an alarm the value that crossed.
    """
    if refuses(x, sealed.limits):
        return REFUSED, math.nan
    write_e(x, sealed, live.memory, e)
    several = sealed.code == RATE and sealed.params.shape[0] > 0
    group = int(sealed.params[0]) if several else e.shape[0]
    entering = 0.0 if several else w
    if several:
        enter_learnt(x[0], w, sealed.table, live.memory, live.m)
    _spare(sealed, live.m, entering, group, e)
    note_starts(live.peak, live.start, e, w, now)
    least, carrier = math.inf, 0
    for first in range(0, e.shape[0], group):
        total, most, best = 0.0, -1.0, first
        for k in range(first, first + group):
            live.m[k] = min((live.m[k] + entering) * e[k], EVIDENCE_CAP)
            part = sealed.weights[k] * live.m[k]
            total += part
            if part > most:
                most, best = part, k
        if total < least:
            least, carrier = total, best
    if least < sealed.threshold:
        return QUIET, least
    live.m[:] = 0.0 if several else sealed.head_start
    live.peak[:] = 0.0
    if several:
        live.memory[:] = 1.0
    return carrier, least


@compiled
def _spare(sealed: Sealed, m: Floats, w: float, group: int, e: Floats) -> None:
    """Let no e-value win more than an alarm needs, where the e-values are a rate's or a table's."""
    if sealed.code == RATE:
        spare_stakes(m, w, sealed.table, sealed.weights, group, sealed.threshold, e)
    elif sealed.code == TABLE:
        cells = sealed.table.shape[0]
        null, highest = sealed.params[:cells], sealed.params[cells:]
        boost_cells(m, w, sealed.table, sealed.weights, null, highest, sealed.threshold, e)


@compiled
def run_monitor(xs: Floats, sealed: Sealed, live: Live, w: float, now: int, codes: Fixed, trace: Floats) -> int:
    """Take observations in order (float64 [n, width]); writes codes (int64 [n]) and evidence (float64 [n]).

    Where a code is an alarm it is replaced by the onset. Gives how many were taken: all, or those before the first
    that is refused.
    """
    e = np.ones(live.m.shape[0])
    for i in range(xs.shape[0]):
        code, trace[i] = step_monitor(xs[i], sealed, live, e, w, now + i)
        if code == REFUSED:
            return i
        codes[i] = live.start[code] if code >= 0 else QUIET
    return int(xs.shape[0])
