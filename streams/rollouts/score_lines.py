"""The lines of a scorecard: one a signal and cohort, the guardrails that decide and the rest that inform."""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from homeostat.detectors.fixed_point import decode_value
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.statistics.centred_interval import centred_interval
from homeostat.detectors.statistics.difference_interval import difference_interval
from homeostat.schemas.decision import Health
from homeostat.schemas.evidence import SignalDifference
from homeostat.schemas.signal import Direction, Family, Role, SignalSpec
from homeostat.streams.rollouts.standing import LEVEL, Seen, Standing, say_duration

TITLES = ("cohort", "signal", "control", "candidate", "difference", "95 % interval", "tolerance", "verdict", "power")
_OF_ROLE = {
    Role.GUARDRAIL: "informs",
    Role.SIGNAL: "informs",
    Role.DIAGNOSTIC: "explains",
    Role.NEVER: "stops if it occurs",
}


class Change(StrEnum):
    """What an interval shows; only an end on the other side of nothing, or of the tolerance, is a change."""

    IMPROVED = "improved"
    REGRESSED = "regressed"
    MORE = "more"
    LESS = "less"
    WITHIN = "within tolerance"
    UNKNOWN = "unknown"


class Line(NamedTuple):
    """One signal in one cohort. Means are on the signal's scale [0, 1], None where no session was counted.

    The difference is candidate − control in the direction of harm: above 0 is worse, whichever way that is; of a signal
    that has no harmful side it is plain. `says` is `decides`, `informs`, `explains` or what stops; `health` is None of
    what does not decide. `noticeable` is the smallest mean harm (of what does not decide: change) that would have been
    noticed by now, were its values to spread as those seen; None where even 1 would not.
    """

    cohort: CohortKey
    signal: str
    family: Family
    says: str
    control: float | None
    candidate: float | None
    difference: float | None
    interval: tuple[float, float]
    tolerance: float
    health: Health | None
    pairs: int
    reached_ratio: float | None
    until_s: float | None
    noticeable: float | None
    change: Change

    @property
    def place(self) -> str:
        """The cohort as text."""
        return "/".join(self.cohort)

    def row(self) -> tuple[str, ...]:
        """The line as cells of a table."""
        lower, upper = self.interval
        return (
            self.place,
            self.signal,
            say_number(self.control),
            say_number(self.candidate),
            say_number(self.difference, sign=True),
            f"{lower:+.3f} to {upper:+.3f}" if self.pairs else "unknown",
            f"{self.tolerance:g}",
            f"{self.says if self.health is None else self.health}, {self.change}",
            self._say_power(),
        )

    def say(self) -> str:
        """The line as a sentence."""
        lower, upper = self.interval
        difference = say_number(self.difference, sign=True)
        return f"{self.signal} in {self.place}: {difference} ({lower:+.3f} to {upper:+.3f})"

    def _say_power(self) -> str:
        what = "change" if self.health is None else "harm"
        least = f"no {what}" if self.noticeable is None else f"{what} of {self.noticeable:.3f}"
        said = f"{self.pairs} pairs would show {least}" if self.pairs else "0 pairs"
        if self.reached_ratio is None:
            return said
        return f"{said}; {self.reached_ratio:.0%} of what promotion needs, {say_duration(self.until_s)}"


def write_lines(standing: Standing) -> Iterator[Line]:
    """The guardrails of each cohort, and after them its other signals that have had a session."""
    columns = {spec.name: spec for spec in standing.policy.columns}
    decides = {guardrail.signal for guardrail in standing.plan.guardrails}
    for seen in standing.seen:
        yield _of_guardrail(standing, seen, columns[seen.cell.measure.signal])
    for cohort in standing.plan.cohorts:
        said = standing.signals.of_cohort(cohort)
        for spec in standing.policy.columns:
            if spec.name in said and spec.name not in decides:
                yield _of_signal(cohort, spec, said[spec.name])


def _of_guardrail(standing: Standing, seen: Seen, spec: SignalSpec) -> Line:
    cell, measure = seen.cell, seen.cell.measure
    cohort = cell.cohort
    at = next(n for n, each in enumerate(cohort.guardrails) if each.signal == measure.signal)
    parts = [
        part.guardrails[measure.signal]
        for part in standing.evidence.of_cohort(standing.rollout, cohort.cohort)
        if measure.signal in part.guardrails
    ]
    lower, _ = difference_interval(
        cohort.harmful[at],
        cohort.non_inferior[at],
        measure.pairs,
        measure.tolerance,
        min(1.0, 2.0 * math.exp(-cell.limit_harmful)),
    )
    return Line(
        cohort.cohort,
        measure.signal,
        spec.family,
        "decides",
        _mean(sum(p.control_sum for p in parts), sum(p.control_sessions for p in parts)),
        _mean(sum(p.candidate_sum for p in parts), sum(p.candidate_sessions for p in parts)),
        measure.mean_difference,
        seen.interval,
        measure.tolerance,
        cell.health,
        measure.pairs,
        max(0.0, min(1.0, cell.log_e_non_inferior / cell.limit_non_inferior)),
        seen.until_s,
        _noticeable(measure.tolerance, measure.mean_difference, lower),
        _judge(seen),
    )


def _of_signal(cohort: CohortKey, spec: SignalSpec, said: SignalDifference) -> Line:
    sums = float(decode_value(said.sum_d)), float(decode_value(said.sum_d2))
    lower, upper = centred_interval(said.pairs, *sums, LEVEL)
    mean = max(-1.0, min(1.0, sums[0] / said.pairs)) if said.pairs else None
    return Line(
        cohort,
        spec.name,
        spec.family,
        _OF_ROLE[spec.role],
        _mean(said.control_sum, said.control_sessions),
        _mean(said.candidate_sum, said.candidate_sessions),
        mean,
        (lower, upper),
        spec.tolerance,
        None,
        said.pairs,
        None,
        None,
        _noticeable(0.0, mean, lower),
        _name_change(lower, upper, spec),
    )


def _noticeable(beyond: float, mean: float | None, lower: float) -> float | None:
    """What a mean would have to be for its interval to lie above `beyond` now: as far above as the interval is wide."""
    least = 2.0 if mean is None else beyond + mean - lower
    return least if least < 1.0 else None


def _judge(seen: Seen) -> Change:
    """The verdict's own words where it has some: what was judged non-inferior is within tolerance, and named so."""
    (lower, upper), health = seen.interval, seen.cell.health
    if health is Health.HARMFUL or lower > 0:
        return Change.REGRESSED
    if upper < 0:
        return Change.IMPROVED
    within = health is Health.HEALTHY or upper <= seen.cell.measure.tolerance
    return Change.WITHIN if within else Change.UNKNOWN


def _name_change(lower: float, upper: float, spec: SignalSpec) -> Change:
    plain = spec.direction is Direction.BOTH
    if lower > 0:
        return Change.MORE if plain else Change.REGRESSED
    if upper < 0:
        return Change.LESS if plain else Change.IMPROVED
    within = upper <= spec.tolerance and (not plain or lower >= -spec.tolerance)
    return Change.WITHIN if within else Change.UNKNOWN


def _mean(total: int, sessions: int) -> float | None:
    return float(decode_value(total)) / sessions if sessions else None


def say_number(value: float | None, sign: bool = False) -> str:
    """A number on [0, 1] or [−1, 1] to three places, `unknown` for None.

    >>> say_number(0.25), say_number(0.25, sign=True), say_number(None)
    ('0.250', '+0.250', 'unknown')
    """
    return "unknown" if value is None else f"{value:+.3f}" if sign else f"{value:.3f}"
