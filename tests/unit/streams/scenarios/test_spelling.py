"""Natural spellings are read as the format's own; what is meant by none of them is refused still."""

from pathlib import Path

import pytest
import yaml

from homeostat.streams.scenarios.read import Found, read_file

_PLAIN = """
days: 42
changes:
  - at_day: 28
    where: {tenant: clinic-2}
    signals: {unsupported_ratio: {add: 0.15}}
truth:
  - {class: prompt_drift, harm: dangerous, scope: {tenant: clinic-2}}
"""


def _read(folder: Path, text: str) -> Found:
    path = folder / "given.yaml"
    path.write_text(text)
    return read_file(path)


@pytest.mark.parametrize(
    ("plain", "spelled"),
    [
        ("days: 42", "weeks: 6"),
        ("days: 42", "days: 6 weeks"),
        ("at_day: 28", "day: 28"),
        ("at_day: 28", "at: day 28"),
        ("at_day: 28", "at_day: 4 weeks"),
        ("at_day: 28", "start_day: 28"),
        ("at_day: 28", "at_day: 2026-02-02"),
        ("where: {tenant: clinic-2}", "where: clinic-2"),
        ("where: {tenant: clinic-2}", "where: [clinic-2]"),
        ("where: {tenant: clinic-2}", "tenant: Clinic-2"),
        ("{add: 0.15}", "{increase: 15%}"),
        ("{add: 0.15}", "{add: +15%}"),
        ("scope: {tenant: clinic-2}", "tenant: clinic-2"),
        ("class: prompt_drift", "type: prompt drift"),
        ("harm: dangerous", "harm: harmful"),
        ("harm: dangerous", "harm: dangerous, also: none"),
        ("truth:", "expected:"),
        ("changes:", "change:"),
    ],
)
def test_a_natural_spelling_is_the_plain_one(tmp_path: Path, plain: str, spelled: str) -> None:
    assert plain in _PLAIN
    given = _read(tmp_path, _PLAIN.replace(plain, spelled, 1))
    assert given.errors == ()
    assert given.scenario == _read(tmp_path, _PLAIN).scenario


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("{hours: ['22:00', '06:30']}", {"hours": (22.0, 6.5)}),
        ("{hours: 22-6}", {"hours": (22.0, 6.0)}),
        ("{ages: 80+}", {"ages": ("80-",)}),
        ("{sex: women}", {"sexes": ("female",)}),
        ("{days: weekends}", {"days": "weekend"}),
        ("[clinic-1, Clinic-2]", {"tenants": ("clinic-1", "clinic-2")}),
        ("Cardiology", {"specialties": ("cardiology",)}),
        ("{gender: women}", {"sexes": ("female",)}),
        ("clinic-2/cardiology", {"tenants": ("clinic-2",), "specialties": ("cardiology",)}),
        ("everybody", {}),
    ],
)
def test_a_place_may_be_said_in_words(tmp_path: Path, where: str, said: dict[str, object]) -> None:
    text = f"specialties: [Cardiology, oncology]\n{_PLAIN}"
    found = _read(tmp_path, text.replace("where: {tenant: clinic-2}", f"where: {where}"))
    assert found.scenario is not None
    assert found.scenario.changes[0].where.model_dump(exclude_defaults=True) == said


def test_factors_and_skipped_steps_may_be_said_in_words(tmp_path: Path) -> None:
    signals = {"latency_s": {"times": "2 ×"}}
    change = {"at_day": 28, "volume": "1.5x", "steps": {"skip": ["check-safety"]}, "signals": signals}
    found = _read(tmp_path, yaml.safe_dump(yaml.safe_load(_PLAIN) | {"changes": [change]}))
    assert found.scenario is not None, found.errors
    (read,) = found.scenario.changes
    assert (read.volume, read.steps.skip, read.signals["latency_s"].multiply) == (1.5, {"check-safety": 1.0}, 2.0)


def test_tenants_with_numbers_are_tenants_and_volumes(tmp_path: Path) -> None:
    found = _read(tmp_path, f"clinics: {{clinic-1: 100, clinic-2: 50}}\n{_PLAIN}")
    assert found.scenario is not None
    assert found.scenario.tenants == ("clinic-1", "clinic-2")
    assert found.scenario.sessions_per_day == {"clinic-1": 100, "clinic-2": 50}


def test_a_truth_of_no_class_says_that_nothing_must_be_raised(tmp_path: Path) -> None:
    given = yaml.safe_load(_PLAIN) | {"truth": {"class": "none", "harm": "harmless"}}
    found = _read(tmp_path, yaml.safe_dump(given))
    assert found.scenario is not None
    assert found.scenario.truth == ()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (_PLAIN.replace("at_day: 28", "at_day: 28\n    day: 29"), "changes[0].day: unknown field"),
        (_PLAIN.replace("{add: 0.15}", "{subtract: 0.1}"), "unsupported_ratio.subtract: unknown field"),
        (_PLAIN.replace("{tenant: clinic-2}", "[clinic-2, cardiology]", 1), "there is no tenant 'cardiology'"),
        (f"policy: {{budget: 2}}\n{_PLAIN}", "policy.budget: "),
    ],
)
def test_what_is_unclear_is_refused(tmp_path: Path, text: str, error: str) -> None:
    found = _read(tmp_path, text)
    assert any(error in line for line in found.errors), found.errors
