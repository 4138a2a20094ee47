"""The scorecard of a release: control, candidate, difference, interval and verdict of each signal and cohort."""

from typing import Any, NamedTuple

from homeostat.schemas.rollout import ENDED
from homeostat.streams.rollouts.proposals import Proposal, propose
from homeostat.streams.rollouts.score_groups import GroupLine, list_groups, sum_up_safety
from homeostat.streams.rollouts.score_lines import Change, Line, write_lines
from homeostat.streams.rollouts.standing import Standing

_MOVED = frozenset({Change.IMPROVED, Change.REGRESSED, Change.MORE, Change.LESS})


class Scorecard(NamedTuple):
    """A release on trial, scored; `improved` and `regressed` are guardrails × cohorts shown by their intervals.

    `moved` are lines of signals that inform and are shown to have changed; `missing` cannot be named, `waits_for` is
    what a promotion would wait for now.
    """

    standing: Standing
    lines: list[Line]
    groups: list[GroupLine]
    safety: list[GroupLine]
    improved: list[str]
    regressed: list[str]
    moved: list[Line]
    missing: list[str]
    waits_for: list[str]
    proposals: list[Proposal]

    @property
    def decides(self) -> list[Line]:
        """The guardrails of the plan in every cohort."""
        return [line for line in self.lines if line.health is not None]

    @property
    def informs(self) -> list[Line]:
        """The other signals in every cohort."""
        return [line for line in self.lines if line.health is None]


def score(standing: Standing) -> Scorecard:
    """The scorecard of a rollout from where it stands."""
    lines = list(write_lines(standing))
    decides = [line for line in lines if line.health is not None]
    groups = list_groups(standing, decides)
    unnamed = [line for line in decides if line.change is Change.UNKNOWN]
    return Scorecard(
        standing,
        lines,
        groups,
        sum_up_safety(standing, decides),
        [line.say() for line in decides if line.change is Change.IMPROVED],
        [line.say() for line in decides if line.change is Change.REGRESSED],
        [line for line in lines if line.health is None and line.change in _MOVED],
        [*(f"{line.place}: {line.signal}: too little evidence to name it" for line in unnamed), *_say_unseen(standing)],
        _say_promotion(standing, unnamed),
        propose(standing, decides, groups),
    )


def say_safety(card: Scorecard) -> list[str]:
    """The safety delta: each safety guardrail over all cohorts together."""
    said = [line.say() for line in card.safety]
    return said or ["no guardrail of this plan is a safety signal: safety is not judged"]


def _say_unseen(standing: Standing) -> list[str]:
    judged = {guardrail.signal for guardrail in standing.plan.guardrails}
    heard = {name for cohort in standing.plan.cohorts for name in standing.signals.of_cohort(cohort)}
    others = [spec.name for spec in standing.policy.columns if spec.name not in judged | heard]
    said = f"signals that no session of this rollout has carried: {', '.join(others)}"
    return [*([said] if others else []), *standing.notes]


def _say_promotion(standing: Standing, unnamed: list[Line]) -> list[str]:
    """What keeps a promotion from being due, of what the evidence says; nothing once the rollout has ended."""
    if standing.phase in ENDED:
        return []
    exposed = [line for line in unnamed if line.cohort in standing.exposed]
    total = len(standing.exposed) * len(standing.plan.guardrails)
    said = f"{len(exposed)} of {total} guardrails × exposed cohorts cannot be named yet"
    return [*([said] if exposed else []), *standing.outlook, *([standing.doubt] if standing.doubt else [])]


def to_json(card: Scorecard) -> dict[str, Any]:
    """The scorecard for programs."""
    rollout = card.standing.plan.rollout
    return {
        "rollout": card.standing.rollout,
        "title": rollout.title,
        "phase": card.standing.phase,
        "candidate": rollout.candidate,
        "control": rollout.control,
        "lines": [_write_line(line) for line in card.lines],
        "groups": [_write_group(group) for group in card.groups],
        "improved": card.improved,
        "regressed": card.regressed,
        "moved": [line.say() for line in card.moved],
        "safety": [_write_group(group) for group in card.safety],
        "cannot_name": card.missing,
        "promotion_waits_for": card.waits_for,
        "budgets": [budget.model_dump(mode="json") for budget in card.standing.budgets],
        "proposals": [{**each._asdict(), "body": each.body.model_dump(mode="json")} for each in card.proposals],
    }


def _write_line(line: Line) -> dict[str, Any]:
    return {**line._asdict(), "cohort": line.place}


def _write_group(group: GroupLine) -> dict[str, Any]:
    return {**group._asdict(), "cohorts": ["/".join(cohort) for cohort in group.cohorts]}
