"""The budget of false alarms, as the weight of a monitor: the one place where it is spent."""

from typing import Final

from homeostat.schemas.cohort import ACROSS_TENANTS, Layer
from homeostat.schemas.policy import Budget, Policy

WEEK_MS: Final = 604_800_000


def alarms_per_week(budget: Budget, layer: Layer) -> float:
    """A monitor's share: false alarms a week that one monitor of the layer may cause, F/N.

    Inside a tenant it is the smaller of the platform's share and the tenant's, where a tenant has a cap; layers across
    tenants are no tenant's.

    >>> capped = Budget(false_alarms_per_week_per_tenant=0.01, expected_monitors_per_tenant=200)
    >>> alarms_per_week(Budget(), Layer.LEAF), alarms_per_week(capped, Layer.LEAF)
    (0.0001, 5e-05)
    >>> alarms_per_week(capped, Layer.PLATFORM)
    0.0001
    """
    share = budget.false_alarms_per_week / budget.expected_monitors
    cap, monitors = budget.false_alarms_per_week_per_tenant, budget.expected_monitors_per_tenant
    if layer in ACROSS_TENANTS or cap is None or monitors is None:
        return share
    return min(share, cap / monitors)


def subgroup_weight_per_ms(policy: Policy) -> float:
    """The weight of a subgroup's monitor: subgroups share a budget of their own.

    >>> from homeostat.schemas.defaults import default_policy
    >>> policy = default_policy()
    >>> round(subgroup_weight_per_ms(policy) * WEEK_MS / policy.budget.alarm_threshold, 12)
    0.0001
    """
    subgroups = policy.subgroups
    return subgroups.false_alarms_per_week / subgroups.expected_monitors * policy.budget.alarm_threshold / WEEK_MS


def weight_per_ms(budget: Budget, layer: Layer) -> float:
    """A monitor's weight w for each millisecond of log time: E[its alarms by t] ≤ w·t/A is its share of the budget.

    Source: Shin, Ramdas, Rinaldo, 'E-detectors' (2022), with weights that are predictable.

    >>> round(weight_per_ms(Budget(), Layer.LEAF) * WEEK_MS / Budget().alarm_threshold, 12)
    0.0001
    """
    return alarms_per_week(budget, layer) * budget.alarm_threshold / WEEK_MS
