"""What sessions measured, as tables of harm: real note figures, and beside them what the data does not hold."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SOURCES = ("virtassist", "virtscribe", "aci")
REPEATS = 50
LATENCY_CLIP_S = 60.0
MISSING_RATIO = 0.002


class Guardrail(NamedTuple):
    """A guardrail of the trials: harm in [0, 1], up; `real` figures or simulated ones."""

    name: str
    tolerance: float
    binary: bool
    real: bool


GUARDRAILS = (
    Guardrail("edit_ratio", 0.05, binary=False, real=True),
    Guardrail("unsupported_ratio", 0.05, binary=False, real=True),
    Guardrail("omission_ratio", 0.05, binary=False, real=True),
    Guardrail("acceptance", 0.10, binary=True, real=False),
    Guardrail("latency", 0.05, binary=False, real=False),
    Guardrail("yield", 0.02, binary=True, real=False),
)


class Arms(NamedTuple):
    """Tables of harm [style, session, guardrail], styles padded to one length; `rows` says how long each is."""

    harm: Floats
    rows: NDArray[np.int64]

    def mean(self, style: int) -> Floats:
        return np.asarray(self.harm[style, : self.rows[style]].mean(axis=0))


def load_rows(model: str) -> list[dict[str, str]]:
    """Rows of one published model, from the figures in the package (ACI-Bench, CC BY 4.0)."""
    text = files("homeostat.streams.simulator").joinpath("data", "aci_bench_note_metrics.csv").read_text()
    return [row for row in csv.DictReader(text.splitlines()) if row["model"] == model]


def build_arms(model: str, *, by_source: bool = False, seed: int = 1) -> Arms:
    """Sessions of a model: one style (all ways of recording pooled), or one for each way of recording.

    Each real row stands `REPEATS` times, with simulated acceptance (its chance falls with unsupported content),
    latency (log-normal, median 6 s, clipped at 60 s) and yield (1 session in 500 gives no note) beside it.
    """
    rng = np.random.default_rng(seed)
    rows = load_rows(model)
    groups = [[r for r in rows if r["source"] == source] for source in SOURCES] if by_source else [rows]
    tables = [_build_table(group, rng) for group in groups]
    longest = max(len(table) for table in tables)
    harm = np.zeros((len(tables), longest, len(GUARDRAILS)))
    for style, table in enumerate(tables):
        harm[style, : len(table)] = table
    return Arms(harm, np.array([len(table) for table in tables]))


def _build_table(rows: Sequence[dict[str, str]], rng: np.random.Generator) -> Floats:
    real = np.array([[float(row[g.name]) for g in GUARDRAILS if g.real] for row in rows])
    real = np.tile(real, (REPEATS, 1))
    unsupported = real[:, 1]
    accepted = rng.random(len(real)) < np.maximum(0.05, 0.93 - 0.9 * np.maximum(0.0, unsupported - 0.15))
    latency = np.minimum(rng.lognormal(1.8, 0.35, len(real)), LATENCY_CLIP_S) / LATENCY_CLIP_S
    missing = rng.random(len(real)) < MISSING_RATIO
    return np.column_stack([real, ~accepted, latency, missing])
