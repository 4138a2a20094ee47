"""Errors of scenario files: file, field, and what would be right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeostat.schemas.errors import DocumentInvalid
from homeostat.streams.scenarios.advise import advise_author
from homeostat.streams.scenarios.read import read_file, read_folder

Write = Callable[..., Path]


def error_of(path: Path) -> str:
    found = read_file(path)
    assert found.scenario is None
    assert all(line.startswith(f"{path}: ") for line in found.errors)
    return "\n".join(line.removeprefix(f"{path}: ") for line in found.errors)


def test_a_right_file_has_no_errors(write: Write) -> None:
    found = read_file(write())
    assert found.errors == ()
    assert found.scenario is not None
    assert found.scenario.name == "tiny"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tennants": 3}, "tennants: unknown field: did you mean tenants?"),
        ({"changes": [{"at_day": 2, "where": {"tenat": "north"}}]}, "changes[0].where.tenat: unknown field"),
        ({"changes": [{"at_day": 2, "where": {"tenant": "nort"}}]}, "there is no tenant 'nort': did you mean north?"),
        ({"changes": [{"signals": {}}]}, "changes[0].at_day: is missing"),
        ({"changes": [{"at_day": 9}]}, "changes[0].at_day: day 9 is not within the scenario's 8 days"),
        ({"changes": [{"at_day": 2, "signals": {"edit_ratios": {"add": 0.1}}}]}, "did you mean edit_ratio?"),
        ({"changes": [{"at_day": 2, "signals": {"edit_ratio": 0.1}}]}, "say what 0.1 means: {add: 0.1}"),
        ({"changes": [{"at_day": 2, "signals": {"edit_ratio": {"ad": 1}}}]}, "did you mean add?"),
        ({"changes": [{"at_day": 2, "signals": {"edit_ratio": {"rate": 0.1}}}]}, "rate: does not fit a bounded signal"),
        ({"changes": [{"at_day": 2, "signals": {"payer": {"add": 0.1}}}]}, "add: does not fit a categorical signal"),
        ({"changes": [{"at_day": 2, "signals": {"payer": {"private": 0.9}}}]}, "known here are add, categories, mean"),
        ({"changes": [{"at_day": 2, "where": ["north", 7]}]}, "where: takes a mapping: known here are ages, arms"),
        ({"changes": [{"at_day": 2, "volume": {"north": 3}}]}, "whom it is about belongs in `where`"),
        ({"changes": [{"at_day": 2, "signals": {"session_yield": {"rate": 0.1}}}]}, "use crash_share"),
        ({"changes": [{"at_day": 2, "signals": {"edit_ratio": {"mean": 2}}}]}, "outside the signal's range, 0 to 1"),
        ({"changes": [{"at_day": 2, "until_day": 1}]}, "until_day 1 is not after at_day 2"),
        ({"changes": [{"at_day": 2, "population": {"model": "LED:full"}}]}, "simulated scenarios draw no notes"),
        (
            {"changes": [{"at_day": 2, "steps": {"skip": {"drafting": 1}}}]},
            "there is no step 'drafting': did you mean draft",
        ),
        ({"truth": [{"class": "prompt_drif", "harm": "benign"}]}, "did you mean prompt_drift?"),
        ({"truth": [{"class": "prompt_drift"}]}, "truth[0].harm: is missing"),
        ({"truth": [{"class": "prompt_drift", "harm": "benign", "scope": {"tenant": "south"}}]}, "no tenant 'south'"),
        ({"runtime": "scribble"}, "'scribble' is none of scribe, receptionist, billing"),
        ({"runtime": "billing", "data": "aci-bench", "changes": []}, "which only the scribe writes"),
        ({"sessions_per_day": {"norht": 3}}, "did you mean north?"),
        ({"depends": {"edit_ratio": {"edit_ratio": 0.5}}}, "a signal cannot depend on itself"),
        ({"depends": {"omission_ratio": {"edit_ratio": 0.3}}}, "signals depend on each other in a circle"),
        ({"sessions_per_day": 10_000, "tenants": 100}, "at most 1000000, or it takes hours"),
        ({"signals": {"edit_ratio": {"mean": 3}}}, "signals.edit_ratio.mean: 3 is outside the signal's range"),
        ({"policy": {"budget": {"false_alarms_per_week": -1}}}, "policy.budget.false_alarms_per_week: "),
        ({"cycle": [1, 2, 3]}, "3 hourly weights: give 24"),
        ({"name": "Not A Name"}, "'Not A Name' is no name"),
    ],
)
def test_errors_say_what_would_be_right(write: Write, fields: dict[str, Any], expected: str) -> None:
    assert expected in error_of(write(**fields))


def test_a_missing_truth_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "quiet.yaml"
    path.write_text("days: 3\n")
    assert "truth: is missing: write `truth: []` if nothing must be raised" in error_of(path)


def test_an_onset_is_needed_where_it_cannot_be_told(write: Write) -> None:
    changes = [{"at_day": 2}, {"at_day": 3}]
    assert "truth[0].onset_day: is missing" in error_of(write(changes=changes))


def test_what_is_no_scenario(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1\n")
    assert "cannot be read as YAML" in error_of(path)
    path.write_text("- 1\n")
    assert "a scenario is a mapping" in error_of(path)


def test_forgiving_where_harmless(write: Write) -> None:
    path = write(
        tenants=2,
        truth={"class": "Prompt Drift", "harm": "dangerous", "scope": {"tenant": "clinic-2", "specialty": "all"}},
        changes={"at_day": 4, "where": {"tenant": "clinic-2", "clinicians_share": "50 %"}},
        cycle="office_hours",
    )
    scenario = read_file(path).scenario
    assert scenario is not None
    assert scenario.tenants == ("clinic-1", "clinic-2")
    assert scenario.changes[0].where.clinicians_share == 0.5
    assert scenario.truth[0].drift_class[0].value == "prompt_drift"
    assert scenario.truth[0].scope.tenants == ("clinic-2",)


def test_a_folder_is_read_with_its_folders_and_names_are_unique(write: Write, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write()
    write("more/again.yaml")
    write("more/other.yaml", name="other")
    found = read_folder(tmp_path)
    assert [each.scenario.name for each in found if each.scenario] == ["tiny", "other"]
    assert ["is already the name of" in line for each in found for line in each.errors] == [True]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentInvalid, match=r"holds no \.yaml file"):
        read_folder(tmp_path)
    with pytest.raises(DocumentInvalid, match="does not exist"):
        read_folder(tmp_path / "none")


def advice_of(path: Path) -> str:
    scenario = read_file(path).scenario
    assert scenario is not None
    return "\n".join(advise_author(scenario))


def test_advice_says_what_may_not_come_out_as_meant(write: Write) -> None:
    assert advice_of(write()) == ""
    assert "learns from its first 100: begin later" in advice_of(write(sessions_per_day=10))
    late = [{"at_day": 7.9, "signals": {"unsupported_ratio": {"add": 0.4}}}]
    assert "little can be noticed" in advice_of(write(changes=late))
    small = [{"at_day": 4, "signals": {"unsupported_ratio": {"add": 0.02}, "accepted": {"multiply": 0.95}}}]
    assert "unsupported_ratio moves by 0.020 on its scale from 0 to 1, its tolerance is 0.05" in advice_of(
        write(changes=small)
    )


def test_advice_says_when_answers_come_too_late_to_be_learned(write: Write) -> None:
    denied = {"at_day": 24, "signals": {"claim_denied": {"rate": 0.4}}}
    assert "waited for 45 days" in advice_of(write(runtime="billing", days=90, changes=[denied]))
    assert "waited for" not in advice_of(write(runtime="billing", days=90, changes=[{**denied, "at_day": 60}]))


def test_advice_says_what_a_baseline_of_few_sessions_cannot_tell(write: Write) -> None:
    faint = [{"at_day": 4, "signals": {"policy_violation": {"rate": 0.08}}}]
    assert "it may never be noticed: policy_violation moves by 0.060" in advice_of(write(changes=faint))
    plain = [{"at_day": 4, "signals": {"policy_violation": {"rate": 0.3}}}]
    assert advice_of(write(changes=plain)) == ""
    beside = [{"at_day": 4, "signals": {"policy_violation": {"rate": 0.08}, "unsupported_ratio": {"add": 0.4}}}]
    assert advice_of(write(changes=beside)) == ""


def test_advice_counts_how_many_sessions_a_change_touches(write: Write) -> None:
    change = {"at_day": 4, "signals": {"unsupported_ratio": {"add": 0.2}}}
    few = {**change, "where": {"sessions_share": 0.1}}
    assert "unsupported_ratio moves by 0.020 on its scale" in advice_of(write(changes=[few]))
    assert "moves by" not in advice_of(write(changes=[{**change, "where": {"sessions_share": 0.5}}]))


def test_advice_names_a_truth_where_nothing_happens(write: Write) -> None:
    change = {"at_day": 4, "where": {"tenant": "clinic-1"}, "signals": {"unsupported_ratio": {"add": 0.4}}}
    elsewhere = [{"class": "prompt_drift", "harm": "dangerous", "scope": {"tenant": "clinic-2"}}]
    said = "truth[0].scope: nothing that is declared happens there"
    assert said in advice_of(write(tenants=2, changes=[change], truth=elsewhere))
    assert said not in advice_of(write(tenants=2, changes=[change]))
