"""The repository's own scenarios: valid, of every class and runtime, and each says where its figures come from."""

from collections import Counter
from pathlib import Path

import pytest

from homeostat.schemas.drift_event import DriftClass, Harm
from homeostat.schemas.registries.catalogue import Runtime
from homeostat.streams.scenarios.read import read_folder
from homeostat.streams.scenarios.scenario import Scenario

FOLDER = Path(__file__).parents[4] / "scenarios"
FOUND = read_folder(FOLDER)
SCENARIOS: list[Scenario] = [each.scenario for each in FOUND if each.scenario is not None]
REAL, SIMULATED = "# Data: figures of real notes (ACI-Bench)", "# Data: simulated."


def test_every_file_is_a_scenario() -> None:
    assert [line for each in FOUND for line in each.errors] == []
    assert len(SCENARIOS) >= 66


@pytest.mark.parametrize("drift_class", list(DriftClass))
def test_at_least_six_for_each_class(drift_class: DriftClass) -> None:
    concerned = {each.name for each in SCENARIOS for truth in each.truth if drift_class in truth.drift_class}
    assert len(concerned) >= 6


def test_every_runtime_harm_and_both_kinds_of_data() -> None:
    assert {each.runtime for each in SCENARIOS} == set(Runtime)
    harms = {harm for each in SCENARIOS for truth in each.truth for harm in truth.harm}
    assert harms == set(Harm)
    data = Counter(each.data for each in SCENARIOS)
    assert data["aci-bench"] >= 12
    assert data["simulated"] >= 48


def test_scales_from_five_notes_a_week_to_thousands_a_day() -> None:
    daily = [rate for each in SCENARIOS if isinstance(rate := each.sessions_per_day, float | int)]
    assert min(daily) <= 1
    assert max(daily) >= 1000
    assert {1, 3, 4} <= {len(each.tenants) for each in SCENARIOS}


@pytest.mark.parametrize(
    "path", [each.path for each in FOUND if each.path.parent != FOLDER], ids=lambda path: path.stem
)
def test_a_file_says_where_its_figures_come_from(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(REAL if "\ndata: aci-bench\n" in text else SIMULATED)
