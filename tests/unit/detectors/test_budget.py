"""The weight of a monitor: one share of the platform's budget, or of its tenant's where that is stricter."""

import pytest
from pydantic import ValidationError

from homeostat.detectors.budget import WEEK_MS, alarms_per_week, weight_per_ms
from homeostat.detectors.leaf.plan import RATE_PER_MS, Plan
from homeostat.detectors.parents.judge import weight_per_bucket
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Budget
from tests.builders.documents import policy

CAPPED = Budget(false_alarms_per_week=2.0, expected_monitors=1_000).model_copy(
    update={"false_alarms_per_week_per_tenant": 0.05, "expected_monitors_per_tenant": 100}
)


def test_all_monitors_together_have_the_budget() -> None:
    budget = Budget(false_alarms_per_week=3.0, expected_monitors=600, alarm_threshold=5e3)
    a_week = weight_per_ms(budget, Layer.LEAF) * WEEK_MS / budget.alarm_threshold
    assert a_week * 600 == pytest.approx(3.0)


@pytest.mark.parametrize("layer", [Layer.LEAF, Layer.TENANT, Layer.TENANT_WORKFLOW])
def test_stricter_cap_of_a_tenant_counts_inside_it(layer: Layer) -> None:
    assert alarms_per_week(CAPPED, layer) == pytest.approx(0.05 / 100)


@pytest.mark.parametrize("layer", [Layer.SPECIALTY, Layer.WORKFLOW, Layer.PLATFORM])
def test_layers_across_tenants_have_the_platforms_share(layer: Layer) -> None:
    assert alarms_per_week(CAPPED, layer) == pytest.approx(2.0 / 1_000)


def test_looser_cap_of_a_tenant_gives_no_more() -> None:
    loose = CAPPED.model_copy(update={"false_alarms_per_week_per_tenant": 1.0})
    assert alarms_per_week(loose, Layer.LEAF) == pytest.approx(2.0 / 1_000)


def test_leaf_and_parents_use_the_same_formula() -> None:
    declared = policy(budget=CAPPED)
    bucket_ms = declared.times.bucket_s * 1000
    assert Plan(declared).arrays.weights[RATE_PER_MS] == weight_per_ms(CAPPED, Layer.LEAF)
    assert weight_per_bucket(declared, Layer.TENANT) == pytest.approx(weight_per_ms(CAPPED, Layer.TENANT) * bucket_ms)


def test_cap_without_its_monitors_is_refused() -> None:
    with pytest.raises(ValidationError, match="together"):
        Budget(false_alarms_per_week_per_tenant=0.05)
