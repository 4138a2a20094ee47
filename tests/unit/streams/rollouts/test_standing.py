"""Where a rollout stands and how it scores, from its topics alone, against the guard that decided."""

import pytest

from homeostat.schemas.control import OrderKind, StopScope
from homeostat.schemas.decision import Health
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.rollout import OnHarm, RolloutPhase, Strategy, Wave
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.score_page import render_page
from homeostat.streams.rollouts.scorecard import Scorecard, say_safety, score
from homeostat.streams.rollouts.standing import Standing, cell_rows, find_standing
from homeostat.streams.rollouts.words import approve_plan
from tests.builders import documents
from tests.builders.keys import trust
from tests.builders.release_path import FINE, HARM, ReleasePath
from tests.unit.streams.rollouts.path_topics import PathTopics

TENANTS, SPECIALTIES = ("tenant-1", "tenant-2"), ("cardiology", "oncology")
COHORTS = [(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES]


def find(path: ReleasePath) -> Standing:
    book = RolloutBook(PathTopics(path), trust())
    return find_standing(book, book.find(path.rollout.rollout[:12]))


def test_before_it_begins_it_says_what_it_waits_for() -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, approvals=1))
    assert find(path).waits_for == [
        "wave 1 of 1 waits for approvals: 0 < 1",
        "0 source partitions have taken it over: it begins when all have",
    ]


def test_the_numbers_are_the_guards() -> None:
    path = ReleasePath(
        documents.rollout(TENANTS, SPECIALTIES, waves=(Wave(share=0.1, min_pairs=50), Wave(approvals=1)))
    )
    path.begin()
    path.say(0.0, COHORTS[0], pairs=30)
    path.tick(10.0)
    standing = find(path)
    judged = path.guard.stage.judge_now(path.rollout.rollout)
    assert judged is not None
    assert [seen.cell.log_e_non_inferior for seen in standing.seen] == [
        cell.log_e_non_inferior for cell in judged.cells
    ]
    assert [seen.cell.health for seen in standing.seen] == [cell.health for cell in judged.cells]
    assert (standing.phase, standing.wave) == (RolloutPhase.EXPOSING, 0)
    assert standing.waits_for == [
        "wave 2 of 2 waits for approvals: 0 < 1",
        "every guardrail of every exposed cohort to have 50 pairs without harm, and 0 s in this wave",
    ]
    row = next(row for row in cell_rows(standing) if row[:2] == ("tenant-1/cardiology/scribe", "omission"))
    assert row[3] == "30"
    assert row[-1] not in {"unknown", "shown"}


def test_people_are_named() -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES))
    path.begin()
    path.order(OrderKind.PAUSE)
    path.stop(scope=StopScope.AUTOMATION)
    assert find(path).waits_for == [
        "automation is stopped by ada: verdicts go on, nothing is stated",
        "a person resumes or aborts it",
    ]


def score_one_harmed_specialty() -> Scorecard:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, on_harm=OnHarm.COHORT))
    path.begin()
    better = {**FINE, "omission": [-0.3] * 400}
    path.say(HARM, COHORTS[1])
    for cohort in (COHORTS[0], COHORTS[2]):
        path.say(better if cohort == COHORTS[0] else FINE, cohort)
    return score(find(path))


def test_the_scorecard_names_who_improved_and_who_regressed() -> None:
    card = score_one_harmed_specialty()
    assert [said.split(":")[0] for said in card.improved] == ["omission in tenant-1/cardiology/scribe"]
    assert [said.split(":")[0] for said in card.regressed] == ["omission in tenant-1/oncology/scribe"]
    assert any(said.startswith("omission: ") and "harmful in tenant-1/oncology" in said for said in say_safety(card))
    assert "tenant-2/oncology/scribe: omission: too little evidence to name it" in card.missing
    assert card.missing[-1].endswith("structure_score, dialogue_length, field_completeness")
    assert card.waits_for[0] == "6 of 18 guardrails × exposed cohorts cannot be named yet"
    for line in card.lines:
        low, high = line.interval
        assert line.difference is None or low <= line.difference <= high
        assert (line.health is Health.HEALTHY) <= (high <= line.tolerance + 0.02)
        assert line.difference is None or line.noticeable is None or line.noticeable > line.tolerance
    assert "harmful in" in render_page(card).lower()


def test_after_the_end_the_evidence_is_that_of_the_decision() -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, strategy=Strategy.TENANT_BY_TENANT))
    path.begin()
    for specialty in SPECIALTIES:
        path.say(FINE, ("tenant-1", specialty))
    path.say(HARM, ("tenant-2", "oncology"))
    decided = {(c.tenant, c.specialty, c.signal): (c.pairs, c.health) for c in path.last.guardrails}
    path.say(FINE, ("tenant-2", "oncology"))
    standing = find(path)
    assert (standing.phase, standing.waits_for) == (RolloutPhase.ROLLED_BACK, [])
    found = {
        (*seen.cell.cohort.cohort[:2], seen.cell.measure.signal): (seen.cell.measure.pairs, seen.cell.health)
        for seen in standing.seen
    }
    assert decided.items() <= found.items()


@pytest.mark.parametrize("approver", ["operator"])
def test_an_author_cannot_approve(approver: str) -> None:
    with pytest.raises(DocumentInvalid, match="another reviewer must sign"):
        approve_plan(documents.rollout(), documents.CANDIDATE, approver, 0, 1)
