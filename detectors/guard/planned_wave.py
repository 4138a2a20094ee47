"""A wave as a run follows it: which cohorts it adds, at which share, and what must hold before the next."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated

from pydantic import Field

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.schemas.base import Part
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.rollout import Rollout, Wave


class PlannedWave(Part):
    """One wave. `settles`: its cohorts are promoted, each guardrail non-inferior, before the next wave begins."""

    cohorts: tuple[CohortKey, ...]
    share: Annotated[float, Field(gt=0, lt=1)]
    min_pairs: Annotated[int, Field(ge=1)]
    bake_s: Annotated[float, Field(ge=0)] = 0.0
    approvals: Annotated[int, Field(ge=0)] = 0
    settles: bool = False


def plan_wave(rollout: Rollout, wave: Wave, cohorts: Collection[CohortKey], settles: bool = False) -> PlannedWave:
    """A declared wave over these cohorts, with the rollout's values where it has none of its own."""
    return PlannedWave(
        cohorts=tuple(sorted(cohorts)),
        share=wave.share or rollout.share,
        min_pairs=wave.min_pairs or rollout.min_pairs,
        bake_s=wave.bake_s,
        approvals=wave.approvals,
        settles=settles,
    )


def widen(rollout: Rollout) -> tuple[PlannedWave, ...]:
    """The declared waves, each with the cohorts that it adds to those before it; without any, all at once.

    Raises `DocumentInvalid` where a wave names nobody, or where all of them leave somebody out.
    """
    planned = tuple(_widen(rollout, rollout.waves or (Wave(),)))
    reached = {cohort for wave in planned for cohort in wave.cohorts}
    left_out = sorted(set(rollout.cohorts()) - reached)
    if left_out:
        raise DocumentInvalid(
            f"the waves reach {len(reached)} of {len(reached) + len(left_out)} cohorts, not {'/'.join(left_out[0])}: "
            "let the last wave have no lists, it then reaches all"
        )
    return planned


def refuse_lists(rollout: Rollout) -> None:
    """For strategies that choose by themselves who is next. Raises `DocumentInvalid`."""
    if any(wave.tenants or wave.specialties or wave.workflows for wave in rollout.waves):
        raise DocumentInvalid(
            f"the strategy {rollout.strategy} chooses by itself: its waves list no tenants, specialties or workflows; "
            "use cohort_canary to choose them"
        )


def _widen(rollout: Rollout, waves: Sequence[Wave]) -> Iterator[PlannedWave]:
    known: set[CohortKey] = set()
    for number, wave in enumerate(waves):
        chosen = {cohort for cohort in rollout.cohorts() if _chooses(wave, cohort)}
        if not chosen:
            raise DocumentInvalid(f"wave {number + 1} names no cohort of the rollout")
        yield plan_wave(rollout, wave, chosen - known)
        known |= chosen


def _chooses(wave: Wave, cohort: CohortKey) -> bool:
    lists = wave.tenants, wave.specialties, wave.workflows
    return all(not names or tag in names for names, tag in zip(lists, cohort, strict=True))
