"""Subgroups: a session of the baseline arm counts once more in its patient's age band, and in their sex band.

They are cohorts of their own (tenant × workflow × band) with baselines and monitors as a leaf has them, on a budget of
their own. They say who is affected: they feed no parents, lend no baseline, and no rollout waits for them.
"""

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import (
    PRIVATE,
    CohortArrays,
    Ints,
    LayerArrays,
    Scratch,
    SessionArrays,
)
from homeostat.detectors.leaf.bands import AGE_BITS, AGE_SHIFT, AGES, SEX_BITS, SEX_SHIFT
from homeostat.detectors.leaf.close import add_moments, collect_baseline, push_ring, step_monitors, write_spreads
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.plan import GROUP_RATE_PER_MS, WORK, PlanArrays


@inlined
def leave_out(plan: PlanArrays, values: Ints) -> None:
    """Take out what the leaf says already: the gateway's yield, what must never happen, spreads about its mean."""
    for s in range(values.shape[0]):
        if plan.exposure[s] or plan.never[s] or plan.spread_of[s] >= 0:
            values[s] = -1


@borrowing
def close_groups(
    row: int,
    due_ms: int,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    scratch: Scratch,
    cursor: Ints,
) -> None:
    """Close a session of work, whose values are in `scratch`, for its subgroups as well."""
    flags, values = sessions.flags[row], scratch.values
    scratch.parents[:] = -1
    leave_out(plan, values)
    for axis in range(2):
        code, first = (flags >> AGE_SHIFT) & AGE_BITS, 0
        if axis == 1:
            code, first = (flags >> SEX_SHIFT) & SEX_BITS, AGES
        if code == 0 or not plan.groups[axis]:
            continue
        group = cohorts.groups[sessions.slot[row], first + code - 1]
        if group < 0:
            continue
        slot = cohorts.parts[group, sessions.part[row]]
        write_spreads(slot, plan, cohorts, values)
        add_moments(slot, values, cohorts)
        push_ring(slot, WORK, due_ms, sessions.name[row], values, plan, cohorts)
        step_monitors(slot, due_ms, plan.weights[GROUP_RATE_PER_MS], plan, cohorts, layers, scratch, cursor)
        collect_baseline(slot, WORK, sessions.mark[row], PRIVATE, due_ms, values, plan, cohorts)
        leave_out(plan, values)
        cohorts.tally[group, 0] += 1
        cohorts.dirty[group] = 1
        cohorts.dirty[slot] = 1
