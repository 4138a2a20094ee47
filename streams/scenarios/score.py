"""Scores: was the class, the harm, the scope, the next step right, how far off the onset, how many false alarms."""

from collections.abc import Mapping
from typing import Any

from homeostat.detectors.triage.advice import choose_step
from homeostat.schemas.drift_event import Harm, NextStep
from homeostat.schemas.rollout import RolloutPhase
from homeostat.streams.scenarios.match import (
    Matched,
    agreement,
    cells_of_cohort,
    cells_of_scope,
    is_scope_right,
    match_events,
)
from homeostat.streams.scenarios.outcome import Outcome, Raised
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import DAY_MS, start_ms_of
from homeostat.streams.scenarios.truth_format import Truth

RIGHTS = ("class_right", "harm_right", "scope_right", "next_step_right")
_GRAVEST = (Harm.DANGEROUS, Harm.UNDETERMINED, Harm.BENEFICIAL, Harm.BENIGN)


def score_scenario(scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    """One scenario's scores: of each truth, and of all together."""
    matched, false = match_events(scenario, outcome.raised)
    truths = [_score_truth(each, matched, scenario, outcome) for each in matched]
    judged = [truth for truth in truths if truth["detected"] or truth["required"]]
    quiet = not scenario.truth and not outcome.raised
    found: dict[str, Any] = {name: all(truth[name] for truth in judged) if scenario.truth else quiet for name in RIGHTS}
    errors = [truth["onset_error_s"] for truth in truths if truth["onset_error_s"] is not None]
    delays = [truth["delay_days"] for truth in truths if truth["delay_days"] is not None]
    worst = max(errors, default=None)
    return {
        "name": scenario.name,
        **found,
        "detected": all(truth["detected"] for truth in judged) if scenario.truth else None,
        "onset_error": worst,
        "onset_error_days": None if worst is None else worst / 86_400,
        "delay_days": max(delays, default=None),
        "false_alarms": len(false),
        "further_events": sum(truth["further_events"] for truth in truths),
        "truths": truths,
        "events": [_tell_event(each, scenario, each in false) for each in outcome.raised],
        "rollouts": {decision.rollout: outcome.phases[decision.rollout].value for decision in outcome.decisions},
        "alarms": outcome.alarms,
        "refused": dict(outcome.refused),
    }


def _score_truth(each: Matched, matched: list[Matched], scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    truth = each.truth
    told: dict[str, Any] = {
        "class": [item.value for item in truth.drift_class],
        "harm": [item.value for item in truth.harm],
        "scope": _tell_scope(truth),
        "next_step": [item.value for item in steps_of(truth, scenario)],
        "onset_day": (each.onset_ms - start_ms_of(scenario)) / DAY_MS,
        "required": truth.required,
        "detected": each.event is not None,
        "further_events": len(each.further),
        "shares_its_event": each.shared,
    }
    if each.event is None:
        nothing = dict.fromkeys(RIGHTS, False)
        return {**told, **nothing, "event": None, "scope_agreement": 0.0, **_no_times()}
    event = each.event.event
    signed_s = (each.event.onset_ms - each.onset_ms) / 1000
    partners = [other.truth for other in matched if other.event is each.event]
    return {
        **told,
        "event": event.event,
        "class_right": _is_class_right(each.event, truth, alone=len(partners) == 1),
        "harm_right": event.harm in _harms(partners),
        "scope_right": any(is_scope_right(each.event, other.scope, scenario) for other in partners),
        "next_step_right": any(_is_step_right(each.event, other, scenario, outcome.phases) for other in partners),
        "scope_agreement": agreement(cells_of_scope(truth.scope, scenario), cells_of_cohort(event.scope, scenario)),
        "onset_error_s": abs(signed_s),
        "onset_error_signed_s": signed_s,
        "onset_error_days": abs(signed_s) / 86_400,
        "delay_days": (each.event.first_ms - each.onset_ms) / DAY_MS,
    }


def steps_of(truth: Truth, scenario: Scenario) -> tuple[NextStep, ...]:
    """The next steps that are right for a truth: its own words, or the table's for its classes and harms."""
    if truth.next_step is not None:
        return truth.next_step
    on_trial = bool(scenario.rollouts)
    found = (choose_step(drift_class, harm, on_trial) for drift_class in truth.drift_class for harm in truth.harm)
    return tuple(dict.fromkeys(found))


def _no_times() -> dict[str, None]:
    return dict.fromkeys(("onset_error_s", "onset_error_signed_s", "onset_error_days", "delay_days"))


def _is_class_right(raised: Raised, truth: Truth, alone: bool) -> bool:
    event = raised.event
    named = {event.drift_class, *event.also}
    first = {event.drift_class} if alone else named
    return bool(first & set(truth.drift_class)) and set(truth.also) <= named


def _harms(partners: list[Truth]) -> set[Harm]:
    """The harms that are right for an event: its truth's; of several truths, those of the gravest."""
    gravest = min(min(_GRAVEST.index(harm) for harm in truth.harm) for truth in partners)
    return {harm for truth in partners for harm in truth.harm if len(partners) == 1 or _GRAVEST[gravest] is harm}


def _is_step_right(raised: Raised, truth: Truth, scenario: Scenario, phases: Mapping[str, RolloutPhase]) -> bool:
    event, right = raised.event, steps_of(truth, scenario)
    if event.next_step in right:
        return True
    taken_back = phases.get(event.rollout or "") is RolloutPhase.ROLLED_BACK
    return taken_back and NextStep.ROLL_BACK in right and event.next_step is NextStep.WATCH


def _tell_scope(truth: Truth) -> dict[str, list[str]]:
    return {name: list(names) for name, names in truth.scope.model_dump(mode="json").items() if names}


def _tell_event(each: Raised, scenario: Scenario, is_false: bool) -> dict[str, Any]:
    event, begin_ms = each.event, start_ms_of(scenario)
    return {
        "event": event.event,
        "false_alarm": is_false,
        "class": event.drift_class.value,
        "also": [item.value for item in event.also],
        "harm": event.harm.value,
        "scope": event.scope.key,
        "next_step": event.next_step.value,
        "first_day": (each.first_ms - begin_ms) / DAY_MS,
        "onset_days": [(ms - begin_ms) / DAY_MS for ms in (event.onset_from_ms, event.onset_to_ms)],
        "alarms": event.alarms,
        "status": event.status.value,
        "sentence": event.sentence,
    }
