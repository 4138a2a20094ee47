"""One visit: a real note's figures, and what the data does not hold, simulated and named as such."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from homeostat.streams.simulator.figures import Note


class Visit(NamedTuple):
    """What a runtime measured of its note, what the clinician did later, and when (seconds after the session began)."""

    note: Note
    work_signals: Mapping[str, float]
    feedback_signals: Mapping[str, float]
    work_delay_s: float
    feedback_delay_s: float


def draw_visit(notes: Sequence[Note], rng: np.random.Generator) -> Visit:
    """Draw a note of one model with its figures.

    From the data: edit ratio, unsupported, omission, structure, dialogue length. Simulated: latency (log-normal),
    intake fields, delays, and acceptance, whose chance falls with unsupported and omitted content.
    """
    note = notes[int(rng.integers(len(notes)))]
    fields = float(rng.binomial(12, 0.9)) / 12
    return Visit(
        note=note,
        work_signals={
            "unsupported_ratio": note.unsupported_ratio,
            "omission_ratio": note.omission_ratio,
            "structure_score": note.structure_score,
            "dialogue_words": float(note.dialogue_words),
            "latency_s": float(np.round(rng.lognormal(1.8, 0.35), 3)),
            "field_completeness": round(fields, 4),
        },
        feedback_signals={
            "edit_ratio": note.edit_ratio,
            "accepted": float(rng.random() < acceptance_chance(note)),
        },
        work_delay_s=float(rng.uniform(0.2, 0.8)),
        feedback_delay_s=float(rng.uniform(1.0, 2.0)),
    )


def acceptance_chance(note: Note) -> float:
    """The simulated chance that a clinician keeps a note: .93, less for unsupported content beyond .15."""
    return max(0.05, 0.93 - 0.9 * max(0.0, note.unsupported_ratio - 0.15))
