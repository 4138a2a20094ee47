"""docs/scenarios.md says what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from homeostat.detectors.triage.advice import choose_step
from homeostat.schemas.drift_event import DriftClass, Harm
from homeostat.streams.scenarios.read import read_file, read_folder
from homeostat.streams.scenarios.reference import write_fields, write_signals

ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "docs" / "scenarios.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_tables_are_those_of_the_code() -> None:
    assert write_fields() in TEXT
    assert write_signals() in TEXT


@pytest.mark.parametrize("example", EXAMPLES, ids=[yaml.safe_load(text)["name"] for text in EXAMPLES])
def test_examples_are_scenarios_of_the_folder(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(example)
    found = read_file(path)
    assert found.errors == ()
    assert found.scenario is not None
    assert (ROOT / "scenarios" / f"{found.scenario.name}.yaml").read_text() == example


def test_scenarios_of_the_folder_are_valid() -> None:
    assert [line for found in read_folder(ROOT / "scenarios") for line in found.errors] == []


def test_next_steps_are_those_of_the_table() -> None:
    order = (Harm.DANGEROUS, Harm.UNDETERMINED, Harm.BENIGN, Harm.BENEFICIAL)
    for drift_class in DriftClass:
        row = re.search(rf"^\| `{drift_class}` \| `.*$", TEXT, re.MULTILINE)
        assert row is not None, drift_class
        cells = [re.findall(r"`(\w+)`", cell)[0] for cell in row[0].split("|")[2:6]]
        assert cells == [choose_step(drift_class, harm, on_trial=True).value for harm in order]
    assert choose_step(DriftClass.RELEASE_REGRESSION, Harm.UNDETERMINED, on_trial=False).value == "review_sample"
