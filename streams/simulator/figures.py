"""The figures of real notes, as the package ships them: what one published model's note measured.

Source: ACI-Bench (Yim et al., Nature Scientific Data 2023), CC BY 4.0; derived figures, role-played encounters.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from homeostat.schemas.trace import AgeBand, SexBand

DATA_FILE = "aci_bench_note_metrics.csv"


class Note(NamedTuple):
    """One note against the clinician's reference: ratios in [0, 1], lengths in words."""

    encounter: str
    edit_ratio: float
    unsupported_ratio: float
    omission_ratio: float
    structure_score: float
    dialogue_words: int
    age_band: AgeBand
    sex_band: SexBand


def load_notes() -> Mapping[str, Sequence[Note]]:
    """Notes by model (`BART_large:full`, `BioBART:full`, `LED:full`, …), in the file's order."""
    text = files("homeostat.streams.simulator").joinpath("data", DATA_FILE).read_text()
    found: dict[str, list[Note]] = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        found[row["model"]].append(_read_note(row))
    return dict(found)


def _read_note(row: Mapping[str, str]) -> Note:
    return Note(
        encounter=row["encounter_id"],
        edit_ratio=float(row["edit_ratio"]),
        unsupported_ratio=float(row["unsupported_ratio"]),
        omission_ratio=float(row["omission_ratio"]),
        structure_score=float(row["structure_score"]),
        dialogue_words=int(row["dialogue_words"]),
        age_band=_band_age(row["patient_age"]),
        sex_band=SexBand(row["patient_gender"]) if row["patient_gender"] in ("female", "male") else SexBand.UNKNOWN,
    )


def _band_age(text: str) -> AgeBand:
    if not text.isdecimal():
        return AgeBand.UNKNOWN
    age = int(text)
    bounds = ((18, AgeBand.UNDER_18), (40, AgeBand.FROM_18), (65, AgeBand.FROM_40), (80, AgeBand.FROM_65))
    return next((band for limit, band in bounds if age < limit), AgeBand.FROM_80)
