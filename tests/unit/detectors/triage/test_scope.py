"""Whom an event is about: what is left of a parent's change beside narrower cohorts', and wherever a candidate was."""

from typing import Any

import pytest

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.decision import GuardrailVerdict, Health, Verdict
from homeostat.schemas.drift_event import DriftClass, DriftEvent, Harm
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Family, Role
from homeostat.schemas.trace import Arm
from tests.builders.documents import START_MS
from tests.unit.detectors.triage.alarms import PLATFORM, Triage, alarm, companion, leaf, moved_alarm

TENANT = Cohort(layer=Layer.TENANT, tenant="tenant-1")


def scope_after(narrow: dict[str, Any], wide: dict[str, Any], parent: Cohort = PLATFORM) -> Cohort:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, leaf(), **narrow))
    triage.alarm(alarm(2, parent, **wide))
    return triage.tick()[-1].scope


@pytest.mark.parametrize(("observed", "is_wide"), [(0.35, False), (0.37, False), (0.44, True), (0.5, True)])
def test_a_parent_is_explained_where_its_other_sessions_moved_within_the_tolerance(
    observed: float, is_wide: bool
) -> None:
    """The leaf has half of the sessions and moved by .3: without the others the parent would have moved by .15."""
    narrow = {"observed": 0.5, "sessions_per_day": 50.0}
    wide = {"observed": observed, "observed_sessions": 1000, "sessions_per_day": 100.0}
    assert scope_after(narrow, wide) == (PLATFORM if is_wide else leaf())


@pytest.mark.parametrize(("sessions", "is_wide"), [(27, False), (400, True)])
def test_of_few_sessions_more_may_be_the_narrower_cohorts(sessions: int, is_wide: bool) -> None:
    narrow = {"observed": 0.53, "sessions_per_day": 50.0}
    wide = {"observed": 0.445, "observed_sessions": sessions, "sessions_per_day": 100.0}
    assert scope_after(narrow, wide, TENANT) == (TENANT if is_wide else leaf())


def test_a_cohort_that_only_overlaps_explains_nothing() -> None:
    triage = Triage(with_rollout=False)
    specialty = Cohort(layer=Layer.SPECIALTY, specialty="cardiology")
    triage.alarm(alarm(1, specialty, observed=0.6, observed_sessions=1000, sessions_per_day=50.0))
    triage.alarm(alarm(2, TENANT, observed=0.4, observed_sessions=1000, sessions_per_day=30.0))
    assert triage.tick()[-1].scope == specialty, "the larger excess counts, and not a tenant's share of it"


def test_what_must_never_be_concerns_every_cohort_that_was_given_the_candidate() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(moved_alarm(1, Family.SAFETY, leaf(arm=Arm.CANDIDATE), role=Role.NEVER, harmful=True))
    cells = tuple(_cell(tenant, specialty) for tenant in ("tenant-1", "tenant-2") for specialty in ("cardiology",))
    triage.step(2, RolloutPhase.ROLLED_BACK, verdict=Verdict.NEVER, deciding=("omission",), guardrails=cells)
    event = triage.tick()[-1]
    assert (event.scope, event.harm) == (Cohort(layer=Layer.SPECIALTY, specialty="cardiology"), Harm.DANGEROUS)


def _cell(tenant: str, specialty: str) -> GuardrailVerdict:
    return GuardrailVerdict(
        tenant=tenant,
        specialty=specialty,
        workflow="scribe",
        signal="edit_ratio",
        health=Health.LOW_POWER,
        pairs=3,
        mean_difference=0.0,
        tolerance=0.05,
        log_e_harmful=0.0,
        limit_harmful=3.0,
        log_e_non_inferior=0.0,
        limit_non_inferior=3.0,
    )


def alarm_often(times: int) -> DriftEvent:
    """A workflow signal alarms; at every alarm an input stands out beside it, or at the last one only."""
    triage = Triage(with_rollout=False)
    strange = companion("payer--private", 0.5, family=Family.INPUT)
    usual = companion("payer--private", 0.2, family=Family.INPUT)
    for number in range(6):
        beside = strange if number >= 6 - times else usual
        triage.alarm(moved_alarm(number + 1, Family.WORKFLOW, leaf(), at_ms=START_MS, companions=(beside,)))
    triage.tick()
    return triage.stated[-1]


def test_what_stood_out_once_of_many_times_is_chance() -> None:
    assert alarm_often(1).drift_class is DriftClass.WORKFLOW_DRIFT
    assert alarm_often(3).drift_class is DriftClass.DATA_DRIFT


def test_an_event_of_a_parent_alone_is_harmless_where_its_guardrails_are_shown_to_be() -> None:
    triage = Triage(with_rollout=False)
    names = [spec.name for spec in triage.policy.columns if spec.role is Role.GUARDRAIL]
    held = tuple(companion(name, role=Role.GUARDRAIL) for name in names)
    triage.alarm(moved_alarm(1, Family.INPUT, TENANT, companions=held))
    worse = companion(names[0], 0.4, role=Role.GUARDRAIL)
    triage.alarm(moved_alarm(2, Family.INPUT, TENANT, companions=(worse, *held[1:])))
    triage.tick()
    assert [event.harm for event in triage.stated] == [Harm.BENIGN, Harm.DANGEROUS]
