"""Scores of events made by hand: which event is about which truth, and what counts as right."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.cohort import LAYER_TAGS, Cohort, Layer
from homeostat.schemas.drift_event import DriftEvent, SignalChange
from homeostat.schemas.rollout import RolloutPhase
from homeostat.streams.scenarios.outcome import Outcome, Raised
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.score import score_scenario
from homeostat.streams.scenarios.sessions import DAY_MS, start_ms_of
from homeostat.streams.scenarios.totals import add_up

Build = Callable[..., Scenario]
CLINICS = {"tenants": ["a", "b", "c"], "specialties": ["x", "y"], "days": 40}
BEGIN_MS = start_ms_of(Scenario.model_validate({"name": "any", "truth": []}))
RIGHT = (True, True, True, True)


def cohort(tenant: str | None = None, specialty: str | None = None, arm: str | None = None) -> Cohort:
    tags = {"tenant": tenant, "specialty": specialty, "arm": arm, "workflow": "visit-note" if arm else None}
    given = {name for name, value in tags.items() if value is not None}
    layer = next(layer for layer in Layer if LAYER_TAGS[layer] == given)
    return Cohort.model_validate({"layer": layer, **{name: tags[name] for name in given}})


def change(of: Cohort) -> SignalChange:
    told = {"cohort": of, "signal": "edit_ratio", "family": "outcome", "role": "guardrail", "direction": "up"}
    size = {"observed": 0.4, "observed_sessions": 50, "baseline": 0.2, "size": 0.2, "size_low": 0.1, "size_high": 0.3}
    rest = {"harmful": True, "tolerance": 0.05, "evidence": 1e4, "threshold": 1e4, "alarm": derive_id("alarm")}
    return SignalChange.model_validate({**told, **size, **rest})


def event(
    scope: Cohort,
    day: float = 21.0,
    drift_class: str = "prompt_drift",
    harm: str = "dangerous",
    step: str = "check_configuration",
    leaves: tuple[Cohort, ...] = (),
    **more: Any,
) -> Raised:
    """An event first stated on a day, whose onset lies between days 20 and 21."""
    told = {"drift_class": drift_class, "harm": harm, "scope": scope, "next_step": step, **more}
    name = derive_id("event", scope.key, day, drift_class)
    onset = {"onset_from_ms": BEGIN_MS + 20 * DAY_MS, "onset_to_ms": BEGIN_MS + 21 * DAY_MS}
    rest = {"revision": 1, "status": "open", "alarms": 1, "evidence": (), "owner": "platform", "sentence": ""}
    place = {"source_partition": 0, "mark": 0, "log_time_ms": 0}
    changes = tuple(change(leaf) for leaf in leaves)
    stated = DriftEvent.model_validate({"event": name, "changes": changes, **told, **onset, **rest, **place})
    return Raised(stated, BEGIN_MS + round(day * DAY_MS))


def score(scenario: Scenario, *raised: Raised, phases: dict[str, RolloutPhase] | None = None) -> dict[str, Any]:
    return score_scenario(scenario, Outcome(raised, phases or {}, (), len(raised), {}))


def rights(result: dict[str, Any]) -> tuple[bool, ...]:
    return tuple(result[name] for name in ("class_right", "harm_right", "scope_right", "next_step_right"))


def truth(scope: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"class": "prompt_drift", "harm": "dangerous", "scope": scope or {}, "onset_day": 20, **more}


@pytest.fixture
def clinics(build: Build) -> Callable[..., Scenario]:
    return lambda *truths, **more: build(**CLINICS, changes=[], truth=list(truths), **more)


def test_right_in_everything(clinics: Build) -> None:
    result = score(clinics(truth({"tenant": "a"})), event(cohort("a")))
    assert rights(result) == RIGHT
    assert (result["onset_error_days"], result["delay_days"], result["false_alarms"]) == (0.5, 1.0, 0)
    assert result["truths"][0]["onset_error_signed_s"] == 43_200


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"drift_class": "data_drift"}, (False, True, True, True)),
        ({"harm": "undetermined"}, (True, False, True, True)),
        ({"step": "watch"}, (True, True, True, False)),
    ],
)
def test_wrong_in_one_thing(clinics: Build, changed: dict[str, Any], expected: tuple[bool, ...]) -> None:
    assert rights(score(clinics(truth({"tenant": "a"})), event(cohort("a"), **changed))) == expected


def test_several_answers_may_be_right(clinics: Build) -> None:
    both = truth({"tenant": "a"}, harm=["benign", "undetermined"])
    assert rights(score(clinics(both), event(cohort("a"), harm="benign", step="watch"))) == RIGHT
    assert rights(score(clinics(both), event(cohort("a"), harm="undetermined"))) == RIGHT


def test_a_truth_that_nobody_noticed_is_wrong_in_all(clinics: Build) -> None:
    result = score(clinics(truth({"tenant": "a"})))
    assert rights(result) == (False, False, False, False)
    assert (result["detected"], result["onset_error"]) == (False, None)


def test_a_truth_that_is_not_required_may_go_unnoticed(clinics: Build) -> None:
    optional = truth({"tenant": "a"}, required=False)
    assert rights(score(clinics(optional))) == RIGHT
    assert not score(clinics(optional), event(cohort("a"), drift_class="data_drift"))["class_right"]


def test_events_before_the_onset_or_elsewhere_are_false_alarms(clinics: Build) -> None:
    result = score(clinics(truth({"tenant": "a"})), event(cohort("a"), day=19), event(cohort("b")), event(cohort("a")))
    assert rights(result) == RIGHT
    assert result["false_alarms"] == 2


def test_nothing_must_be_raised(clinics: Build) -> None:
    assert rights(score(clinics())) == RIGHT
    result = score(clinics(), event(cohort("a")))
    assert rights(result) == (False, False, False, False)
    assert result["false_alarms"] == 1


def test_what_is_over_explains_no_later_event(clinics: Build) -> None:
    short = truth({"tenant": "a"}, until_day=22)
    assert score(clinics(short), event(cohort("a"), day=28))["false_alarms"] == 0
    assert score(clinics(short), event(cohort("a"), day=30))["false_alarms"] == 1


@pytest.mark.parametrize(
    ("scope", "stated", "leaves", "expected"),
    [
        ({"tenant": "a"}, cohort("a"), (), True),
        ({"tenant": "a"}, cohort("a", "x", "baseline"), (), False),
        ({"tenant": "a"}, cohort(), (), False),
        ({"tenant": "a", "specialty": "x"}, cohort("a", "x", "baseline"), (), True),
        ({"specialty": "x"}, cohort(None, "x"), (), True),
        ({}, cohort(), (), True),
        ({"tenants": ["a", "b", "c"]}, cohort(), (), True),
        ({"tenants": ["a", "b"]}, cohort(), (cohort("a", "x", "baseline"), cohort("b", "y", "baseline")), True),
        ({"tenants": ["a", "b"]}, cohort(), (cohort("a", "x", "baseline"), cohort("c", "y", "baseline")), False),
        ({"tenants": ["a", "b"]}, cohort(), (), False),
        ({"tenant": "a", "arm": "candidate"}, cohort("a"), (cohort("a", "x", "candidate"),), True),
        ({"tenant": "a", "arm": "candidate"}, cohort("a"), (cohort("a", "x", "baseline"),), False),
    ],
)
def test_scope(
    clinics: Build, scope: dict[str, Any], stated: Cohort, leaves: tuple[Cohort, ...], expected: bool
) -> None:
    assert score(clinics(truth(scope)), event(stated, leaves=leaves))["scope_right"] is expected


@pytest.mark.parametrize(("harmed", "expected"), [(("a", "b"), True), (("a", "c"), False), ((), False)])
def test_the_guards_verdict_names_the_cohorts_of_an_event_without_alarms(
    clinics: Build, harmed: tuple[str, ...], expected: bool
) -> None:
    scope = {"tenants": ["a", "b"], "arm": "candidate"}
    judged = tuple(cohort(tenant, "x", "candidate") for tenant in harmed)
    raised = replace(event(cohort()), judged=judged)
    assert score(clinics(truth(scope)), raised)["scope_right"] is expected


def test_the_event_that_agrees_best_is_scored(clinics: Build) -> None:
    wide, exact = event(cohort(), drift_class="data_drift"), event(cohort("a"), day=25)
    result = score(clinics(truth({"tenant": "a"})), wide, exact)
    assert (result["class_right"], result["further_events"], result["false_alarms"]) == (True, 1, 0)


def test_two_truths_have_an_event_each(clinics: Build) -> None:
    two = (truth({"tenant": "a"}), {**truth({"tenant": "b"}, next_step="check_inputs"), "class": "data_drift"})
    inputs = event(cohort("b"), drift_class="data_drift", step="check_inputs")
    assert rights(score(clinics(*two), inputs, event(cohort("a")))) == RIGHT


def test_one_event_may_name_two_truths(clinics: Build) -> None:
    two = (truth(), {**truth(harm="benign"), "class": "data_drift"})
    assert rights(score(clinics(*two), event(cohort(), also=["data_drift"]))) == RIGHT
    assert not score(clinics(*two), event(cohort()))["class_right"]


def test_also_must_be_named(clinics: Build) -> None:
    one = truth(also=["data_drift"])
    assert not score(clinics(one), event(cohort()))["class_right"]
    assert score(clinics(one), event(cohort(), also=["data_drift"]))["class_right"]


def test_watching_is_right_once_the_release_was_taken_back(clinics: Build) -> None:
    rollout = derive_id("rollout")
    one = {**truth({"tenant": "a"}), "class": "release_regression"}
    stated = event(cohort("a"), drift_class="release_regression", step="watch", rollout=rollout)
    assert score(clinics(one), stated, phases={rollout: RolloutPhase.ROLLED_BACK})["next_step_right"]
    assert not score(clinics(one), stated, phases={rollout: RolloutPhase.EXPOSING})["next_step_right"]


def test_totals(clinics: Build) -> None:
    results = [
        {**score(clinics(truth({"tenant": "a"})), event(cohort("a")), event(cohort("b"))), "days": 40},
        {**score(clinics()), "days": 30},
        {**score(clinics(truth({"tenant": "a"}))), "days": 70},
    ]
    total = add_up(results)
    assert (total["scenarios"], total["class_right"], total["false_alarms"]) == (3, 2 / 3, 1)
    assert total["false_alarms_per_week"] == pytest.approx(1 / 20)
    assert total["by_class"]["prompt_drift"]["class_right"]["of"] == 2
    assert total["by_class"]["nothing"]["class_right"]["right"] == 1
    assert total["rates"]["class_right"]["lower_95"] == pytest.approx(0.1354, abs=1e-3)
    assert total["confusion"]["prompt_drift"] == {"prompt_drift": 1, "nothing": 1}
    assert total["confusion"]["nothing"] == {"prompt_drift": 1, "nothing": 1}
