"""A release that harms one specialty of eight and helps the rest: taken back there, kept elsewhere, and named."""

import pytest

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.command import DesiredState
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import COMMANDS, DECISIONS
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.score_lines import Change
from homeostat.streams.rollouts.score_page import render_page
from homeostat.streams.rollouts.scorecard import Scorecard, score
from homeostat.streams.rollouts.standing import find_standing
from tests.builders import documents
from tests.builders.one_harmed_specialty import HARMED, SPECIALTIES, TENANTS, Clinics, run_clinics
from tests.builders.store_topics import StoreTopics

KEPT = [specialty for specialty in SPECIALTIES if specialty != HARMED]


@pytest.fixture(scope="module")
def clinics() -> Clinics:
    return run_clinics()


@pytest.fixture(scope="module")
def card(clinics: Clinics) -> Scorecard:
    book = RolloutBook(StoreTopics(clinics.platform.topology.logs), clinics.platform.keys.trust())
    return score(find_standing(book, clinics.rollout.rollout))


def read_decisions(clinics: Clinics) -> list[Decision]:
    records = clinics.platform.topology.logs.records(DECISIONS)
    return [Decision.model_validate_json(read_envelope(record.value)[1]) for record in records]


def test_it_is_taken_back_there_and_promoted_elsewhere(clinics: Clinics) -> None:
    decisions = read_decisions(clinics)
    assert {each.verdict for each in decisions} == {Verdict.BEGIN, Verdict.HARMFUL, Verdict.HEALTHY}
    last = decisions[-1]
    assert (last.verdict, last.phase) == (Verdict.HEALTHY, RolloutPhase.PROMOTED)
    assert {(tag.tenant, tag.specialty) for tag in last.taken_back} == {(tenant, HARMED) for tenant in TENANTS}
    assert {(tag.tenant, tag.specialty) for tag in last.promoted} == {(t, s) for t in TENANTS for s in KEPT}


def test_sessions_get_what_was_decided(clinics: Clinics) -> None:
    for tenant in TENANTS:
        for specialty in SPECIALTIES:
            got = {clinics.serve(tenant, specialty, derive_id("later", n)).release for n in range(16)}
            assert got == {documents.CONTROL_DIGEST if specialty == HARMED else documents.CANDIDATE_DIGEST}
    records = clinics.platform.topology.logs.records(COMMANDS)
    states = [DesiredState.model_validate_json(read_envelope(record.value)[1]) for record in records]
    for state in {state.target.key: state for state in states}.values():
        assert [(variant.specialties, variant.release) for variant in state.variants] == [
            ((HARMED,), documents.CONTROL_DIGEST)
        ]


def test_the_scorecard_names_who_was_harmed_and_who_gained(card: Scorecard) -> None:
    assert [said.split(":")[0] for said in card.regressed] == [f"omission in {t}/{HARMED}/scribe" for t in TENANTS]
    improved = {said.split(":")[0] for said in card.improved}
    assert {f"omission in {tenant}/{specialty}/scribe" for tenant in TENANTS for specialty in KEPT} <= improved
    omission = next(line for line in card.safety if line.signal == "omission")
    assert omission.harmful == tuple(f"{tenant}/{HARMED}/scribe" for tenant in TENANTS)
    assert not any(line.change is Change.UNKNOWN for line in card.decides if line.cohort[1] != HARMED)
    assert card.proposals == [], "what gains has it already"
    page = render_page(card)
    assert "was taken back in oncology" in page
    assert "Of 16 groups of patients: 2 harmed, 14 better in something." in page


def test_signals_that_do_not_decide_are_there_beside_those_that_do(card: Scorecard) -> None:
    structure = [line for line in card.informs if line.signal == "structure_score"]
    assert len(structure) == len(TENANTS) * len(SPECIALTIES)
    assert {(line.says, line.health) for line in structure} == {("informs", None)}
    for line in structure:
        assert line.control is not None
        assert line.candidate is not None
        assert abs(line.candidate - line.control - 0.2) < 0.05
        assert line.interval[0] < -0.2 < line.interval[1]
    kept = [line for line in structure if line.cohort[1] != HARMED]
    assert {line.change for line in kept} == {Change.IMPROVED}
    assert {line.signal for line in card.moved} == {"structure_score"}
