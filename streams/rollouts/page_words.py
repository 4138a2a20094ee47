"""The words of the scorecard's page: what a clinician reads, in the signals' own units."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from homeostat.schemas.decision import BudgetSpent, Health
from homeostat.schemas.rollout import ENDED, RolloutPhase
from homeostat.schemas.signal import Direction, SignalSpec
from homeostat.streams.report.units import is_share, say_number, say_value, to_natural, unit_of
from homeostat.streams.rollouts.budgets import is_over
from homeostat.streams.rollouts.score_groups import GroupLine
from homeostat.streams.rollouts.score_lines import Change, Line
from homeostat.streams.rollouts.scorecard import Scorecard
from homeostat.streams.rollouts.standing import say_duration

PHASES: Mapping[RolloutPhase, str] = MappingProxyType(
    {
        RolloutPhase.PENDING: "It has not begun.",
        RolloutPhase.EXPOSING: "It is on trial.",
        RolloutPhase.PAUSED: "It is paused: nobody is given it.",
        RolloutPhase.HELD: "It is held: nobody is given it until people look.",
        RolloutPhase.PROMOTED: "It was promoted.",
        RolloutPhase.ROLLED_BACK: "It was taken back.",
        RolloutPhase.LAPSED: "It ended without a verdict: its lease lapsed.",
        RolloutPhase.ABORTED: "It was aborted by people.",
    }
)
HEALTHS: Mapping[Health, str] = MappingProxyType(
    {
        Health.HARMFUL: "harmful",
        Health.HEALTHY: "no worse",
        Health.LOW_POWER: "too few sessions",
        Health.INCONCLUSIVE: "not known yet",
        Health.NO_DATA: "no data",
        Health.NOT_EVALUATED: "not evaluated",
        Health.ERROR: "evidence is broken",
    }
)
CHANGES: Mapping[Change, str] = MappingProxyType(
    {
        Change.IMPROVED: "better",
        Change.REGRESSED: "worse",
        Change.MORE: "more",
        Change.LESS: "less",
        Change.WITHIN: "within tolerance",
        Change.UNKNOWN: "not known",
    }
)
_CHIPS: Mapping[Change, str] = MappingProxyType(
    {Change.IMPROVED: "beneficial", Change.REGRESSED: "undetermined", Change.WITHIN: "benign"}
)
_MOST_APART = 4
_GRAVEST = ("harmful", "worse", "unknown", "well")


def say_headline(card: Scorecard) -> str:
    """What a reader has to know if it is all that they read."""
    last = card.standing.last
    taken = {tag.specialty for tag in last.taken_back} if last else set()
    said = PHASES[card.standing.phase]
    if taken and card.standing.phase in {RolloutPhase.EXPOSING, RolloutPhase.PROMOTED}:
        said = f"{said[:-1]}, and was taken back in {_list(sorted(taken))}."
    return f"{said} {say_count(card)}"


def say_count(card: Scorecard) -> str:
    """How many cohorts gained, lost, or cannot be named."""
    harmed = {line.cohort for line in card.decides if line.health is Health.HARMFUL}
    better = {line.cohort for line in card.decides if line.change is Change.IMPROVED} - harmed
    worse = {line.cohort for line in card.decides if line.change is Change.REGRESSED} - harmed
    unknown = {line.cohort for line in card.decides if line.change is Change.UNKNOWN} - harmed
    total = len(card.standing.plan.cohorts)
    parts = [
        f"{len(of)} {word}"
        for of, word in (
            (harmed, "harmed"),
            (worse, "worse in something, within its tolerance"),
            (better, "better in something"),
            (unknown, "not known in full"),
        )
        if of
    ]
    return f"Of {total} {'group' if total == 1 else 'groups'} of patients: {', '.join(parts) or 'none has changed'}."


def is_open(card: Scorecard) -> bool:
    """Whether anything may still be promoted."""
    return card.standing.phase not in ENDED


def list_harmed(card: Scorecard) -> list[Line]:
    """The guardrails that the verdict calls harmful."""
    return [line for line in card.decides if line.health is Health.HARMFUL]


def list_changed(card: Scorecard, change: Change) -> list[Line]:
    """The guardrails shown to have changed that way, without those that are harmful."""
    return [line for line in card.decides if line.change is change and line.health is not Health.HARMFUL]


def list_cohorts(card: Scorecard) -> list[list[Line]]:
    """The guardrails of each cohort, the gravest cohort first."""
    of: dict[tuple[str, str, str], list[Line]] = {}
    for line in card.decides:
        of.setdefault(line.cohort, []).append(line)
    return sorted(of.values(), key=lambda lines: min(_GRAVEST.index(_gravity(line)) for line in lines))


def _gravity(line: Line) -> str:
    if line.health is Health.HARMFUL:
        return "harmful"
    return {Change.REGRESSED: "worse", Change.UNKNOWN: "unknown"}.get(line.change, "well")


def say_place(line: Line) -> str:
    """A cohort as words, the clinic first."""
    tenant, specialty, workflow = line.cohort
    return f"{tenant}, {specialty}, {workflow}"


def say_places(lines: Sequence[Line], spec: SignalSpec) -> str:
    """Where one signal has changed: each with its interval, or, where they are many, by clinic."""
    if len(lines) <= _MOST_APART:
        return "; ".join(f"{say_place(line)} ({say_interval(spec, line)})" for line in lines)
    by_clinic: dict[str, list[str]] = {}
    one_workflow = len({line.cohort[2] for line in lines}) == 1
    for line in lines:
        tenant, specialty, workflow = line.cohort
        by_clinic.setdefault(tenant, []).append(specialty if one_workflow else f"{specialty} ({workflow})")
    return "; ".join(f"{clinic}: {_list(names)}" for clinic, names in by_clinic.items())


def say_mean(spec: SignalSpec, unit: float | None) -> str:
    """A mean in the signal's unit; `–` for none."""
    return "–" if unit is None else say_value(spec, unit)


def say_interval(spec: SignalSpec, line: Line | GroupLine) -> str:
    """What the difference may be, candidate − control, in points of a percentage, the signal's unit, or of its scale.

    Of what is harmful downwards the sign is turned back: the difference reads as the means do.
    """
    if not line.pairs:
        return "unknown"
    low, high = line.interval
    if spec.direction is Direction.DOWN:
        low, high = -high, -low
    if spec.is_logarithmic:
        return f"{low:+.3f} to {high:+.3f} of its scale"
    if is_share(spec):
        return f"{_sign(f'{abs(100 * low):.1f}', low)} to {_sign(f'{abs(100 * high):.1f}', high)} points"
    width = spec.high - spec.low
    ends = (_sign(say_number(abs(end * width)), end) for end in (low, high))
    return f"{' to '.join(ends)} {unit_of(spec)}".strip()


def say_size(spec: SignalSpec, size: float) -> str:
    """A difference's size in the same unit, such as a tolerance."""
    if spec.is_logarithmic:
        return f"{size:.3g} of its scale"
    if is_share(spec):
        return f"{round(100 * size, 1):g} points"
    return f"{say_number(to_natural(spec, size) - spec.low)} {unit_of(spec)}".strip()


def say_verdict(line: Line) -> str:
    """Verdict and change as one word or two."""
    if line.health is Health.HARMFUL:
        return HEALTHS[line.health]
    if line.change is not Change.UNKNOWN or line.health is None:
        return CHANGES[line.change]
    return HEALTHS[line.health]


def chip_of(line: Line) -> str:
    """The class of the chip that shows it."""
    return "dangerous" if line.health is Health.HARMFUL else _CHIPS.get(line.change, "plain")


def say_needs(line: Line) -> str:
    """What promotion still needs of a guardrail."""
    if line.reached_ratio is None or line.health is Health.HARMFUL:
        return ""
    if line.reached_ratio >= 1:
        return "shown"
    left = "" if line.until_s is None else f", {say_duration(line.until_s)} more at this rate"
    return f"{line.reached_ratio:.0%} of the evidence{left}"


def _sign(size: str, value: float) -> str:
    return f"{'−' if value < 0 else '+'}{size}"


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def chip_of_budget(budget: BudgetSpent) -> str:
    """The class of the chip that shows whether an error budget is spent too fast."""
    return "dangerous" if is_over(budget) else "plain"


def say_rate(rate: float) -> str:
    """A share of sessions: 0.0125 is '1.25 %'."""
    return f"{100 * rate:.3g} %"
