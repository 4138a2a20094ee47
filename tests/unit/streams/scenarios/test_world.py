"""What changes make of the values of records."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from homeostat.streams.scenarios.bodies import Body, build_bodies
from homeostat.streams.scenarios.policy_of import build_policy
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.script import BLOCK_RECORDS, FEEDS_BACK, REPEATS, WORKS, Script
from homeostat.streams.scenarios.sessions import DAY_MS, days_of, hours_of, is_weekend, make_rng

Build = Callable[..., Scenario]
LONG: dict[str, Any] = {"days": 40, "sessions_per_day": 200, "truth": [], "clusters": {"tenant_spread": 0.0}}
"""40 days of 200 sessions, a change at day 20."""


def make_script(build: Build, **fields: Any) -> Script:
    scenario = build(**{**LONG, "changes": [], **fields})
    return Script(scenario, build_policy(scenario))


def paint(script: Script) -> Body:
    rng = make_rng(script.scenario, "test")
    return build_bodies(script.world(None, "baseline"), script.policy, script.records.cell.shape[0], rng)


def values(script: Script, name: str, carrier: str = "work") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A signal before and after day 20; nan where a record does not carry it."""
    body = paint(script)
    found = np.array([row.get(name, np.nan) for row in getattr(body, carrier)])
    late = days_of(script.scenario, script.records.work_ms) >= 20
    return found[~late], found[late]


def change(**fields: Any) -> dict[str, Any]:
    return {"changes": [{"at_day": 20, **fields}]}


def test_usual_means_are_those_of_the_table(build: Build) -> None:
    script = make_script(build)
    for name, mean, carrier in (
        ("unsupported_ratio", 0.10, "work"),
        ("dialogue_words", 1300, "work"),
        ("missing_questions", 1.2, "work"),
        ("missing_warning", 0.04, "work"),
        ("accepted", 0.85, "feedback"),
        ("note_words", 320, "work"),
    ):
        assert np.nanmean(values(script, name, carrier)[0]) == pytest.approx(mean, rel=0.12), name


@pytest.mark.parametrize(
    ("name", "effect", "carrier", "expected"),
    [
        ("completion_ratio", {"add": -0.3}, "work", 0.55),
        ("latency_s", {"multiply": 2.0}, "work", 18.0),
        ("dialogue_words", {"mean": 2000}, "work", 2000),
        ("dialogue_words", {"shift_sd": 1.0}, "work", 1750),
        ("missing_warning", {"rate": 0.4}, "work", 0.4),
        ("missing_warning", {"add": 0.2}, "work", 0.24),
        ("missing_warning", {"multiply": 5}, "work", 0.2),
        ("structure_score", {"set": 0.5}, "work", 0.5),
        ("overridden", {"rate": 0.5}, "feedback", 0.5),
        ("invented_allergy", {"rate": 0.05}, "work", 0.05),
    ],
)
def test_effects(build: Build, name: str, effect: dict[str, float], carrier: str, expected: float) -> None:
    before, after = values(make_script(build, **change(signals={name: effect})), name, carrier)
    assert after.mean() == pytest.approx(expected, rel=0.12)
    assert abs(before.mean() - expected) > 0.02


def test_spread_changes_no_mean(build: Build) -> None:
    before, after = values(make_script(build, **change(signals={"omission_ratio": {"spread": 0.3}})), "omission_ratio")
    assert after.mean() == pytest.approx(before.mean(), rel=0.05)
    assert after.std() == pytest.approx(0.3 * before.std(), rel=0.15)


def test_missing_values(build: Build) -> None:
    script = make_script(build, **change(signals={"field_completeness": {"missing": 0.5}}))
    before, after = values(script, "field_completeness")
    assert (np.isnan(before).mean(), np.isnan(after).mean()) == (0.0, pytest.approx(0.5, abs=0.05))


def test_outputs_depend_on_inputs_and_outcomes_on_outputs(build: Build) -> None:
    moved = change(signals={"dialogue_words": {"shift_sd": 2.0}})
    usual, _ = values(make_script(build), "omission_ratio")
    before, after = values(make_script(build, **moved), "omission_ratio")
    assert after.mean() - before.mean() == pytest.approx(2 * 0.25 * usual.std(), rel=0.3)
    edits = values(make_script(build, **moved), "edit_ratio", "feedback")
    assert edits[1].mean() > edits[0].mean() + 0.01
    alone = values(make_script(build, **moved, depends={"omission_ratio": {}}), "omission_ratio")
    assert alone[1].mean() == pytest.approx(alone[0].mean(), rel=0.06)


def test_ramps_and_ends(build: Build) -> None:
    effect = {"signals": {"structure_score": {"add": -0.4}}, "ramp_days": 10, "until_day": 35}
    script = make_script(build, **change(**effect))
    days = days_of(script.scenario, script.records.work_ms)
    found = np.array([row["structure_score"] for row in paint(script).work])
    means = [found[(days >= first) & (days < first + 5)].mean() for first in (10, 20, 25, 30, 35)]
    assert means == pytest.approx([0.82, 0.72, 0.52, 0.42, 0.82], abs=0.03)


def test_where_cuts(build: Build) -> None:
    scenario = {"tenants": ["a", "b"], "specialties": ["x", "y"], "sessions_per_day": 300}
    where = {"tenant": "a", "specialty": "x", "hours": [20, 4], "days": "weekdays", "sessions_share": 0.5}
    script = make_script(build, **scenario, **change(where=where, signals={"structure_score": {"set": 0}}))
    hit = np.array([row["structure_score"] == 0 for row in paint(script).work])
    records = script.records
    hours, weekend = hours_of(script.scenario, records.work_ms), is_weekend(script.scenario, records.work_ms)
    inside = (records.cell == 0) & ((hours >= 20) | (hours < 4)) & ~weekend
    inside &= days_of(script.scenario, records.work_ms) >= 20
    assert not hit[~inside].any()
    assert hit[inside].mean() == pytest.approx(0.5, abs=0.1)


def test_bands_and_clinicians_cut(build: Build) -> None:
    where = {"ages": ["80-"], "clinicians_share": 0.5}
    script = make_script(build, **change(where=where, signals={"structure_score": {"set": 0}}))
    body = paint(script)
    hit = np.array([row["structure_score"] == 0 for row in body.work])
    assert {age for age, is_hit in zip(body.ages, hit.tolist(), strict=True) if is_hit} == {"80-"}
    assert len(set(script.records.clinician[hit].tolist())) == 3


def test_categories_bands_and_unseen_ones(build: Build) -> None:
    signals = {"payer": {"categories": {"private": 0.1, "new-plan": 0.5}}, "age_mix": {"categories": {"80-": 0.6}}}
    script = make_script(build, **change(signals=signals))
    body = paint(script)
    late = (days_of(script.scenario, script.records.work_ms) >= 20).tolist()
    payers = [row["payer"] for row, is_late in zip(body.categories, late, strict=True) if is_late]
    assert payers.count("new-plan") / len(payers) == pytest.approx(0.5, abs=0.05)
    assert payers.count("private") / len(payers) == pytest.approx(0.1, abs=0.04)
    ages = [age for age, is_late in zip(body.ages, late, strict=True) if is_late]
    assert ages.count("80-") / len(ages) == pytest.approx(0.6, abs=0.05)


def test_steps_tools_and_retrieval(build: Build) -> None:
    signals = {"tool_failures": {"rate": 0.5}, "retrieval_hits": {"set": 0}}
    script = make_script(build, **change(signals=signals, steps={"skip": {"check-safety": 0.4}, "swap": 0.3}))
    body = paint(script)
    late = np.flatnonzero(days_of(script.scenario, script.records.work_ms) >= 20).tolist()
    assert np.mean(["check-safety" in body.steps[row] for row in late]) == pytest.approx(0.6, abs=0.05)
    assert np.mean([list(body.steps[row]) != sorted(body.steps[row], key=_ORDER.index) for row in late]) > 0.4
    outcomes = [call["outcome"] for row in late for call in body.tools[row]]
    assert outcomes.count("error") / len(outcomes) == pytest.approx(0.5, abs=0.05)
    assert {len(body.retrieval[row]) for row in late} == {0}


_ORDER = ("transcribe", "draft", "check-sources", "check-safety", "present")


def test_nobody_says_that_there_was_no_complaint(build: Build) -> None:
    told = [row.get("complaint") for row in paint(make_script(build)).feedback]
    assert set(told) == {None, 1.0}


def test_an_embedding_moves_along_one_direction(build: Build) -> None:
    script = make_script(build, **change(signals={"embedding": {"shift_sd": 3.0}}))
    vectors = np.array(paint(script).embedding)
    late = days_of(script.scenario, script.records.work_ms) >= 20
    moved = np.linalg.norm(vectors[late].mean(axis=0) - vectors[~late].mean(axis=0))
    assert moved == pytest.approx(3 * vectors[~late].std(axis=0).mean(), rel=0.25)


def test_real_notes_are_drawn_from_their_population(build: Build) -> None:
    script = make_script(build, data="aci-bench", **change(population={"model": "LED:full"}))
    before, after = values(script, "unsupported_ratio")
    assert (before.mean(), after.mean()) == (pytest.approx(0.076, abs=0.02), pytest.approx(0.545, abs=0.02))
    assert len(np.unique(before)) <= 80


def test_sessions_are_clusters(build: Build) -> None:
    script = make_script(build, clusters={"records_per_session": 3, "session": 0.8, "clinician": 0.0})
    found = np.array([row["dialogue_words"] for row in paint(script).work])
    pairs: dict[int, list[float]] = {}
    for session, x in zip(script.records.session.tolist(), found.tolist(), strict=True):
        pairs.setdefault(session, []).append(x)
    twos = np.array([xs[:2] for xs in pairs.values() if len(xs) > 1])
    assert np.corrcoef(twos.T)[0, 1] > 0.6
    assert script.records.session.shape[0] / script.sessions.cell.shape[0] == pytest.approx(3, rel=0.05)


def test_volumes_cycles_and_start_up(build: Build) -> None:
    script = make_script(
        build, tenants=["a", "b"], sessions_per_day={"a": 100, "default": 50}, start_up={"b": 10},
        cycle="office_hours", **change(where={"tenant": "a"}, volume=3),
    )  # fmt: skip
    sessions, days = script.sessions, days_of(script.scenario, script.sessions.start_ms)
    hours, weekend = hours_of(script.scenario, sessions.start_ms), is_weekend(script.scenario, sessions.start_ms)
    assert (hours.min() >= 8, hours.max() < 18) == (True, True)
    assert days[sessions.cell == 1].min() >= 10
    early = (sessions.cell == 0) & (days < 20) & ~weekend
    assert early.sum() / 14 == pytest.approx(100, rel=0.1)
    late = (sessions.cell == 0) & (days >= 21) & (days < 26)
    assert late.sum() / 5 == pytest.approx(300, rel=0.1)
    assert weekend.mean() < 0.06


def test_arrivals(build: Build) -> None:
    dirty = {"duplicate": 0.1, "late": 0.1, "late_h": 5}
    script = make_script(build, dirty=dirty, feedback={"share": 0.5, "delay_h": 4, "tail": 0.5})
    times, kinds, rows = script.arrivals()
    assert (np.diff(times) >= 0).all()
    count = script.records.cell.shape[0]
    assert (kinds == WORKS).sum() == count
    assert (kinds == REPEATS).sum() == pytest.approx(0.1 * count, rel=0.15)
    back = kinds == FEEDS_BACK
    assert back.sum() == pytest.approx(0.5 * count, rel=0.05)
    delay_h = (times[back] - script.records.work_ms[rows[back]]) / DAY_MS * 24
    assert np.median(delay_h) == pytest.approx(4, rel=0.1)
    late = script.delay_ms >= 5 * 3_600_000
    assert late.mean() == pytest.approx(0.1, abs=0.02)


def test_blocks_of_rows_are_those_of_the_world(build: Build) -> None:
    script = make_script(build, days=60)
    whole, count = paint(script), script.records.cell.shape[0]
    assert count > BLOCK_RECORDS
    for record in (0, BLOCK_RECORDS - 1, BLOCK_RECORDS, count - 1):
        body, place = script.body(None, "baseline", record)
        assert (body.work[place], body.feedback[place]) == (whole.work[record], whole.feedback[record])
        assert (body.categories[place], body.embedding[place]) == (whole.categories[record], whole.embedding[record])
