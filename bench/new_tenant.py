"""What a borrowed reference does for new tenants: `python -m bench.new_tenant [--tenants N]`.

For each number of other tenants k, whose means are normal, new tenants begin in one partition: as many whose mean is
drawn from the same law, and as many that are worse by a shift. Each has 200 sessions of one bounded signal (tolerance
.05) at the default budget, before a reference of its own. Shown: tenants that alarm, and the median session at which.
"""

import argparse
import math
from collections.abc import Sequence

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.plan import BASELINE_DELTA, RATE_PER_MS, THRESHOLD, Plan
from homeostat.detectors.leaf.stakes import write_bets
from homeostat.detectors.statistics.between_tenants import predict_tenant
from homeostat.schemas.policy import Budget
from tests.builders.documents import policy, signal

LEVEL, BETWEEN, WITHIN, SESSIONS = 0.2, 0.03, 10.0, 200
OTHERS = (3, 5, 10, 30, 100)
SHIFTS = (0.0, 0.1, 0.2, 0.3, 0.5)
GAP_MS = 600_000
"""A session each ten minutes."""


def main() -> None:
    """Print one row a number of other tenants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=2_000)
    tenants = parser.parse_args().tenants
    plan = Plan(policy(signals=(signal("edit_ratio"),), budget=Budget()))
    print(f"{tenants} new tenants: share that alarms in {SESSIONS} sessions (median session), by shift")
    print("others  half-width")
    for others in OTHERS:
        random = np.random.default_rng(others)
        half, cells = 0.0, []
        for shift in SHIFTS:
            alarms, found = run(plan, others, shift, tenants, random)
            half = found
            median = f" ({int(np.median(alarms))})" if alarms else ""
            cells.append(f"+{shift:.1f}: {len(alarms) / tenants:.4f}{median}")
        print(f"{others:6d}  {half:10.3f}  {'  '.join(cells)}")


def run(
    plan: Plan, others: int, shift: float, tenants: int, random: np.random.Generator
) -> tuple[Sequence[int], float]:
    """The sessions at which tenants first alarm, and the mean half-width of their borrowed bounds."""
    alarms, widths = [], []
    for _ in range(tenants):
        means = np.clip(random.normal(LEVEL, BETWEEN, others), 0.01, 0.99)
        sums = (np.array([float(others)]), means.sum(keepdims=True), (means**2).sum(keepdims=True))
        arrays = plan.arrays
        bounds = predict_tenant(*sums, arrays.tolerance, float(arrays.weights[BASELINE_DELTA]))
        widths.append(float(bounds[0, 2] - bounds[0, 1]) / 2)
        mean = float(np.clip(random.normal(LEVEL, BETWEEN), 0.01, 0.99)) + shift
        values = random.beta(WITHIN * mean, WITHIN * (1 - mean), SESSIONS)
        at = first_alarm(plan, np.array([[others, *bounds[0]]]), values)
        if at is not None:
            alarms.append(at)
    return alarms, math.fsum(widths) / len(widths)


def first_alarm(plan: Plan, borrowed: Floats, values: Floats) -> int | None:
    """The session (from 1) at which a monitor of either direction alarms: M ← (M + w)·e as in the leaf's kernel."""
    null, stakes = np.zeros((1, 2)), np.zeros((1, 2, 8))
    write_bets(np.zeros((1, 4)), borrowed, plan.arrays, null, stakes)
    weight, threshold = plan.arrays.weights[RATE_PER_MS] * GAP_MS, plan.arrays.weights[THRESHOLD]
    evidence = np.zeros((2, 8))
    for number, x in enumerate(values.tolist(), 1):
        gains = np.array([x - null[0, 0], null[0, 1] - x])
        evidence = np.where(stakes[0] > 0, (evidence + weight) * (1.0 + stakes[0] * gains[:, None]), 0.0)
        if evidence.mean(axis=1).max() >= threshold:
            return number
    return None


if __name__ == "__main__":
    main()
