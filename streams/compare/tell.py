"""A comparison as one document for programs, and as a table for people."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any

from rich.table import Table

from homeostat.detectors.triage.wording import say_time
from homeostat.schemas.decision import Decision
from homeostat.streams.compare.outcome import Outcome
from homeostat.streams.compare.rates import CONFIDENCE, Rate
from homeostat.streams.compare.run import Comparison
from homeostat.streams.compare.trials import TrialPlan

_LETTERS = ascii_uppercase


def tell_comparison(found: Comparison, plan: TrialPlan) -> dict[str, Any]:
    """Give everything, JSON-ready."""
    return {
        "source": found.source,
        "assumptions": found.assumptions,
        "quiet_until_ms": found.quiet_until_ms,
        "replicates": plan.replicates,
        "block_days": plan.block_days,
        "confidence": CONFIDENCE,
        "policies": [_tell_outcome(outcome) for outcome in found.outcomes],
    }


def draw_table(found: Comparison) -> Table:
    """Give a table with a column a policy."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("")
    for letter, _ in zip(_LETTERS, found.outcomes, strict=False):
        table.add_column(letter, overflow="fold")
    for name, cells in _rows(found.outcomes):
        table.add_row(name, *cells)
    return table


def say_policies(found: Comparison) -> Iterator[str]:
    """Give which column is which policy."""
    for letter, outcome in zip(_LETTERS, found.outcomes, strict=False):
        yield f"{letter}: {outcome.name} ({outcome.policy.name}, {outcome.digest[:19]})"


def say_limits(found: Comparison, plan: TrialPlan) -> Iterator[str]:
    """Give the sentences without which the rates would be misread."""
    if not plan.replicates:
        yield "no replicates: nothing is said about false alarms (--replicates N)"
        return
    yield (
        f"intervals are {100 * CONFIDENCE:.0f} %, of {plan.replicates} replicates a policy; they describe this log's "
        "own sessions, drawn anew, and shrink with the root of the replicates, not with new evidence"
    )
    yield (
        f"null history: what came before {say_time(found.quiet_until_ms)}, in blocks of {plan.block_days:g} days drawn "
        "with replacement; a baseline is learned anew in each, so the first sessions of each are not watched"
    )
    for outcome in found.outcomes:
        for why in () if outcome.trials is None else outcome.trials.why_none:
            yield f"{outcome.name}: {why}"


def _rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[str]]]:
    yield "alarms", [str(outcome.alarms) for outcome in outcomes]
    yield "events", [str(len(outcome.noticed)) for outcome in outcomes]
    subjects = dict.fromkeys(each.subject for outcome in outcomes for each in outcome.noticed)
    for subject in subjects:
        yield f"{subject[1]} {subject[2]}, {subject[0]}", [_say_noticed(outcome, subject) for outcome in outcomes]
    rollouts = dict.fromkeys(decision.rollout for outcome in outcomes for decision in outcome.decisions)
    for rollout in rollouts:
        yield f"rollout {rollout[:8]}", [_say_decision(outcome.ended().get(rollout)) for outcome in outcomes]
    if any(outcome.trials is not None for outcome in outcomes):
        yield "false alarms a week", [_say_alarms(outcome) for outcome in outcomes]
        yield "  allowed by the policy", [f"{o.policy.budget.false_alarms_per_week:g}" for o in outcomes]
        yield "false rollbacks", [_say_rollbacks(outcome) for outcome in outcomes]


def _say_noticed(outcome: Outcome, subject: tuple[str, str, str]) -> str:
    noticed = [each for each in outcome.noticed if each.subject == subject]
    if not noticed:
        return "not noticed"
    more = f", {len(noticed)} times" if len(noticed) > 1 else ""
    return f"{say_time(noticed[0].first_ms)}: {noticed[0].event.harm}, {noticed[0].event.next_step}{more}"


def _say_decision(decision: Decision | None) -> str:
    if decision is None:
        return "not judged"
    return f"{say_time(decision.log_time_ms)}: {decision.phase} ({decision.verdict}, {decision.pairs} pairs)"


def _say_alarms(outcome: Outcome) -> str:
    rate = None if outcome.trials is None else outcome.trials.alarms
    if rate is None or outcome.trials is None:
        return "not known"
    said = f"{rate.rate:.2g} ({rate.low:.2g} to {rate.high:.2g})"
    return f"{said}: {rate.hits} in {rate.size:.1f} weeks, {outcome.trials.monitors} monitors"


def _say_rollbacks(outcome: Outcome) -> str:
    rate = None if outcome.trials is None else outcome.trials.pooled
    if rate is None:
        return "not known"
    return f"{rate.rate:.3g} ({rate.low:.2g} to {rate.high:.2g}): {rate.hits} of {rate.size:.0f}"


def _tell_outcome(outcome: Outcome) -> dict[str, Any]:
    decisions = [
        decision.model_dump(
            mode="json",
            include={"rollout", "step", "verdict", "health", "phase", "deciding", "pairs", "reason", "log_time_ms"},
        )
        for decision in outcome.decisions
    ]
    events = [
        {
            "event": each.event.event,
            "noticed_ms": each.first_ms,
            "scope": each.event.scope.key,
            "signal": each.subject[1],
            "direction": each.subject[2],
            "drift_class": each.event.drift_class.value,
            "harm": each.event.harm.value,
            "next_step": each.event.next_step.value,
            "onset_from_ms": each.event.onset_from_ms,
            "onset_to_ms": each.event.onset_to_ms,
            "alarms": each.event.alarms,
            "status": each.event.status.value,
        }
        for each in outcome.noticed
    ]
    said = {"policy": outcome.name, "policy_digest": outcome.digest, "alarms": outcome.alarms}
    budget = outcome.policy.budget
    declared = {
        "false_alarms_per_week": budget.false_alarms_per_week,
        "alarm_threshold": budget.alarm_threshold,
        "expected_monitors": budget.expected_monitors,
    }
    return {**said, "declared": declared, "events": events, "decisions": decisions, "trials": _tell_trials(outcome)}


def _tell_trials(outcome: Outcome) -> dict[str, Any] | None:
    trials = outcome.trials
    if trials is None:
        return None
    return {
        "false_alarms_per_week": _tell_rate(trials.alarms, "weeks"),
        "monitors": trials.monitors,
        "blocks": trials.blocks,
        "false_rollbacks": _tell_rate(trials.pooled, "replicates"),
        "false_rollbacks_by_rollout": {name: _tell_rate(rate, "replicates") for name, rate in trials.rollbacks.items()},
        "why_none": list(trials.why_none),
    }


def _tell_rate(rate: Rate | None, size: str) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {"hits": rate.hits, size: rate.size, "rate": rate.rate, "low": rate.low, "high": rate.high}
