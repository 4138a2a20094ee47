"""Real notes: which row of the published figures each record draws, and what it holds.

Source: ACI-Bench (Yim et al., Nature Scientific Data 2023), CC BY 4.0; see streams/simulator/data/README.md.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from homeostat.streams.scenarios.effects_format import Population
from homeostat.streams.scenarios.sessions import Floats, Ints
from homeostat.streams.simulator.figures import DATA_FILE

USUAL = Population(model="BART_large:full")
_NUMBERS = (
    "dialogue_words", "note_words", "structure_score", "edit_ratio", "unsupported_ratio", "omission_ratio"
)  # fmt: skip
_AGE_ENDS = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (80, "65-79"))
SKETCH_DIMENSIONS = 32


class Notes(NamedTuple):
    """The published rows, by column."""

    numbers: dict[str, Floats]
    ages: list[str]
    sexes: list[str]
    years: Ints
    models: list[str]
    sources: list[str]
    sketch: Floats


@cache
def load_rows() -> Notes:
    """Every row of the file."""
    text = files("homeostat.streams.simulator").joinpath("data", DATA_FILE).read_text()
    rows = list(csv.DictReader(text.splitlines()))
    years = np.array([int(row["patient_age"]) if row["patient_age"].isdecimal() else -1 for row in rows])
    return Notes(
        numbers={name: np.array([float(row[name]) for row in rows]) for name in _NUMBERS},
        ages=[_band(age) for age in years.tolist()],
        sexes=[row["patient_gender"] if row["patient_gender"] in {"female", "male"} else "unknown" for row in rows],
        years=years,
        models=[row["model"] for row in rows],
        sources=[row["source"] for row in rows],
        sketch=np.array([[float(row[f"in{axis}"]) for axis in range(SKETCH_DIMENSIONS)] for row in rows]),
    )


def models() -> list[str]:
    """The models whose notes there are."""
    return sorted(set(load_rows().models))


def find_rows(population: Population) -> Ints:
    """The rows of a population; what it leaves out is as usual for the model, and everybody for the rest."""
    notes = load_rows()
    model = population.model or USUAL.model
    found = [
        row
        for row, (of_model, source, sex, age) in enumerate(
            zip(notes.models, notes.sources, notes.sexes, notes.years.tolist(), strict=True)
        )
        if of_model == model
        and population.source in {None, source}
        and (not population.sexes or sex in population.sexes)
        and (population.min_age is None or age >= population.min_age)
        and (population.max_age is None or 0 <= age <= population.max_age)
    ]
    return np.array(found, np.int64)


def pick(rows: Ints, uniform: Floats) -> Ints:
    """One of the rows for each number in [0, 1)."""
    picked: Ints = rows[(uniform * rows.shape[0]).astype(np.int64)]
    return picked


def _band(age: int) -> str:
    if age < 0:
        return "unknown"
    return next((band for end, band in _AGE_ENDS if age < end), "80-")
