"""Measure: from what the sources say to the numbers a rollout is judged by. Nothing is decided here."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import LIMIT, decode_value
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.rollout_state import Guardrail, Plan
from homeostat.detectors.statistics.bets import GUARD_BETS
from homeostat.detectors.statistics.sample_ratio import RATIO_BETS
from homeostat.detectors.statistics.verdict import Sums
from homeostat.schemas.evidence import Evidence, GuardrailEvidence


class GuardrailMeasure(NamedTuple):
    """One guardrail in one cohort; the mean of the paired differences is on [−1, 1], or None for no pair."""

    signal: str
    tolerance: float
    pairs: int
    mean_difference: float | None


class CohortMeasure(NamedTuple):
    """One cohort over all its sources; log-e sums at 2⁻³² nats, int64 [guardrail, bet] and [bet] of the sample ratio.

    `unusable` and `error` say why it must not be judged; `never` are signals that must never occur and did.
    """

    cohort: CohortKey
    guardrails: tuple[GuardrailMeasure, ...]
    harmful: Sums
    non_inferior: Sums
    ratio: Sums
    candidate_starts: int
    control_starts: int
    candidate_missing: int
    control_missing: int
    unusable: str | None
    error: str | None
    never: tuple[str, ...] = ()


def measure_cohort(plan: Plan, cohort: CohortKey, parts: Sequence[Evidence], counted_step: int = 0) -> CohortMeasure:
    """Add up a cohort's sources, exactly and in any order; no part at all gives zero pairs and e = 1.

    The sample ratio, starts and missing work count from parts of `counted_step` on: those before are of another share.
    """
    counted = [part for part in parts if part.step >= counted_step]
    said = [_said_of(guardrail, parts) for guardrail in plan.guardrails]
    return CohortMeasure(
        cohort,
        tuple(_measure_guardrail(guardrail, of) for guardrail, of in zip(plan.guardrails, said, strict=True)),
        _table([_add_columns([part.harmful for part in of], GUARD_BETS) for of in said]),
        _table([_add_columns([part.non_inferior for part in of], GUARD_BETS) for of in said]),
        _table(_add_columns([part.ratio_log_e for part in counted], RATIO_BETS)),
        sum(part.candidate_starts for part in counted),
        sum(part.control_starts for part in counted),
        sum(part.candidate_missing for part in counted),
        sum(part.control_missing for part in counted),
        next((part.unusable for part in parts if part.unusable is not None), None),
        next((fault for part in parts if (fault := _find_fault(part)) is not None), None),
        tuple(sorted({name for part in parts for name in part.never})),
    )


def _measure_guardrail(guardrail: Guardrail, said: Sequence[GuardrailEvidence]) -> GuardrailMeasure:
    pairs = sum(part.pairs for part in said)
    mean = decode_value(sum(part.sum_d for part in said)) / pairs if pairs else None
    held = None if mean is None else max(-1.0, min(1.0, mean))
    return GuardrailMeasure(guardrail.signal, guardrail.tolerance, pairs, held)


def _said_of(guardrail: Guardrail, parts: Sequence[Evidence]) -> list[GuardrailEvidence]:
    return [part.guardrails[guardrail.signal] for part in parts if guardrail.signal in part.guardrails]


def _add_columns(rows: Sequence[tuple[int, ...]], width: int) -> tuple[int, ...]:
    """Sums per bet, held to int64. A row of another width says nothing here; `_find_fault` names it."""
    fitting = [row for row in rows if len(row) == width]
    return tuple(max(-LIMIT, min(LIMIT, sum(row[k] for row in fitting))) for k in range(width))


def _table(rows: Sequence[tuple[int, ...]] | tuple[int, ...]) -> Sums:
    return np.array(rows, dtype=np.int64)


def _find_fault(part: Evidence) -> str | None:
    """What makes a part impossible rather than merely weak, or None."""
    for name, said in part.guardrails.items():
        if len(said.harmful) != GUARD_BETS or len(said.non_inferior) != GUARD_BETS:
            return f"{name} carries another grid than {GUARD_BETS} bets"
        if abs(decode_value(said.sum_d)) > said.pairs:
            return f"{name} has a mean difference outside [-1, 1]"
    if len(part.ratio_log_e) not in (0, RATIO_BETS):
        return f"the sample ratio carries another grid than {RATIO_BETS} bets"
    return None
