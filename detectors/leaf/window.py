"""The kernel's part of the refusal window: the last authenticated records, and who among their senders is unfit."""

from typing import Final

from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    ELIGIBLE,
    MISSHAPEN,
    REFUSES_MOST,
    UNFIT,
    WINDOW_NEXT,
    WINDOW_SIZE,
    Ints,
    WindowArrays,
)
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.plan import BUILD_RATIO, LEAST_RECORDS, WINDOW, PlanArrays

LEAST_TENANTS: Final = 3
"""Of fewer tenants, 'most' would be one or two that send nonsense."""


@inlined
def judge_tenant(tenant: int, sign: int, plan: PlanArrays, window: WindowArrays, cursor: Ints) -> None:
    """Add (sign 1) or take off (−1) a tenant among those with enough records, and those mostly misshapen."""
    seen = window.seen[tenant]
    if seen >= plan.times[LEAST_RECORDS]:
        cursor[ELIGIBLE] += sign
        if 2 * window.misshapen[tenant] > seen:
            cursor[UNFIT] += sign


@inlined
def shift_window(tenant: int, code: int, by: int, plan: PlanArrays, window: WindowArrays, cursor: Ints) -> None:
    """Count a record into (by 1) or out of (−1) its tenant's share of the window."""
    judge_tenant(tenant, -1, plan, window, cursor)
    window.seen[tenant] += by
    if code != ACCEPTED:
        window.refused[tenant] += by
    if code == MISSHAPEN:
        window.misshapen[tenant] += by
    judge_tenant(tenant, 1, plan, window, cursor)


@inlined
def slide_window(tenant: int, code: int, plan: PlanArrays, window: WindowArrays, cursor: Ints) -> None:
    """Take an authenticated record into the window of the last ones, and say whether this build refuses most."""
    at = cursor[WINDOW_NEXT]
    if cursor[WINDOW_SIZE] == plan.times[WINDOW]:
        shift_window(window.tenant[at], window.code[at], -1, plan, window, cursor)
    else:
        cursor[WINDOW_SIZE] += 1
    window.tenant[at] = tenant
    window.code[at] = code
    cursor[WINDOW_NEXT] = (at + 1) % plan.times[WINDOW]
    shift_window(tenant, code, 1, plan, window, cursor)
    most = cursor[ELIGIBLE] >= LEAST_TENANTS and cursor[UNFIT] > plan.weights[BUILD_RATIO] * cursor[ELIGIBLE]
    cursor[REFUSES_MOST] = 1 if most else 0
