"""What a scorecard says of cohorts together: safety over all of them, and each tenant, specialty and workflow."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.groups import group_cohorts, measure_group
from homeostat.schemas.decision import Health
from homeostat.schemas.signal import Family
from homeostat.streams.rollouts.score_lines import Line
from homeostat.streams.rollouts.standing import LEVEL, Standing

AXES: Final[dict[str, Callable[[CohortKey], str]]] = {
    "tenant": lambda cohort: cohort[0],
    "specialty": lambda cohort: cohort[1],
    "workflow": lambda cohort: cohort[2],
}


class GroupLine(NamedTuple):
    """One guardrail over the cohorts of one group; `harmful` are those of them that the verdict names.

    The mean and its interval are of the pairs of the others, where there are others: what was taken back is named, and
    hides nothing.
    """

    axis: str
    name: str
    signal: str
    cohorts: tuple[CohortKey, ...]
    pairs: int
    difference: float | None
    interval: tuple[float, float]
    tolerance: float
    harmful: tuple[str, ...]

    def say(self) -> str:
        """The line as a sentence, without its group."""
        lower, upper = self.interval
        if not self.pairs:
            return f"{self.signal}: unknown, 0 pairs"
        said = f"{self.signal}: {self.difference:+.4f} ({lower:+.4f} to {upper:+.4f}), tolerance {self.tolerance:g}"
        named = f"; harmful in {', '.join(self.harmful)}" if self.harmful else ""
        return f"{said}, over {self.pairs} pairs of {len(self.cohorts)} cohorts{named}"


def sum_up_safety(standing: Standing, lines: list[Line]) -> list[GroupLine]:
    """Each safety guardrail over every cohort together."""
    columns = {spec.name: spec.family for spec in standing.policy.columns}
    return [
        line
        for line in _write(standing, lines, "all", lambda _: "all cohorts", everyone=True)
        if columns.get(line.signal) is Family.SAFETY
    ]


def list_groups(standing: Standing, lines: list[Line]) -> list[GroupLine]:
    """Each guardrail over each tenant, specialty and workflow, where the plan has more than one of them."""
    return [
        line
        for axis, name_of in AXES.items()
        if len({name_of(cohort) for cohort in standing.plan.cohorts}) > 1
        for line in _write(standing, lines, axis, name_of)
    ]


def _write(
    standing: Standing, lines: list[Line], axis: str, name_of: Callable[[CohortKey], str], everyone: bool = False
) -> Iterator[GroupLine]:
    harmful = {(line.cohort, line.signal) for line in lines if line.health is Health.HARMFUL}
    groups = group_cohorts((cohort.measure for cohort in standing.cohorts), name_of)
    delta = LEVEL / max(1, len(groups)) / len(standing.plan.guardrails)
    for name, members in groups.items():
        for at, guardrail in enumerate(standing.plan.guardrails):
            named = [m for m in members if (m.cohort, guardrail.signal) in harmful]
            rest = [m for m in members if everyone or m not in named] or members
            group = measure_group(rest, at)
            yield GroupLine(
                axis,
                name,
                guardrail.signal,
                tuple(measure.cohort for measure in members),
                group.pairs,
                group.mean_difference,
                group.interval(delta),
                guardrail.tolerance,
                tuple("/".join(measure.cohort) for measure in named),
            )
