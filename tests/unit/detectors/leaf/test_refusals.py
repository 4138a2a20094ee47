"""Floods of refusals: a tenant's evidence becomes no data; only a build that refuses most tenants stops."""

import pytest

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.errors import BuildRefusesMost
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import document, rollout
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import arm_trace, messages, new_stage, quick_policy, run


def begun() -> Scenario:
    scenario = Scenario()
    scenario.begin(quick_policy(), [document(rollout())])
    return scenario


def flood(scenario: Scenario, tenant: str, count: int, forged: bool = False) -> None:
    for _ in range(count):
        event_id = derive_id("flood", len(scenario.log))
        draft = traces.authenticated("homeostat.trace.work", event_id, tenant, b'{"strange":1}')
        scenario.add(draft._replace(value=b'{"other":1}') if forged else draft)


def last_unusable(scenario: Scenario) -> object:
    return messages(run(scenario.log)[1], EVIDENCE, "guardrails")[-1]["unusable"]


def test_a_tenants_flood_makes_its_evidence_no_data_until_it_has_passed() -> None:
    scenario = begun()
    scenario.add(arm_trace(1, Arm.CANDIDATE, {"edit_ratio": 0.5}))
    flood(scenario, "tenant-1", 25)
    scenario.tick(3.0)
    assert last_unusable(scenario) == "refusals"
    for number in range(100):
        scenario.add(arm_trace(("good", number), Arm.CONTROL, {"edit_ratio": 0.5}))
    scenario.tick(0.1)
    assert last_unusable(scenario) is None


@pytest.mark.parametrize(("tenant", "forged"), [("tenant-2", False), ("tenant-1", True)])
def test_nobody_makes_another_tenants_evidence_unusable(tenant: str, forged: bool) -> None:
    scenario = begun()
    scenario.add(arm_trace(1, Arm.CANDIDATE, {"edit_ratio": 0.5}))
    flood(scenario, tenant, 60, forged)
    scenario.tick(3.0)
    assert last_unusable(scenario) is None


def test_a_build_that_refuses_most_tenants_stops() -> None:
    scenario = begun()
    for tenant in ("tenant-1", "tenant-2", "tenant-3"):
        flood(scenario, tenant, 25)
    with pytest.raises(BuildRefusesMost):
        new_stage().apply(scenario.log)


@pytest.mark.parametrize("forged", [True, False])
def test_floods_of_a_few_or_of_forgeries_do_not_stop_the_build(forged: bool) -> None:
    scenario = begun()
    for tenant in ("tenant-1", "tenant-2", "tenant-3") if forged else ("tenant-1", "tenant-2"):
        flood(scenario, tenant, 25, forged)
    run(scenario.log)
