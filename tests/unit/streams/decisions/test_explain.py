"""The page and the text that explain a decision."""

import re
from pathlib import Path

import pytest

from homeostat.schemas.decision import Decision, Health, Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.streams.cli.main import run_with
from homeostat.streams.decisions.bundle import write_bundle
from homeostat.streams.decisions.dossier import gather_dossier
from homeostat.streams.decisions.explain import explain, render_page, render_text
from homeostat.streams.decisions.wording import ACTIONS, HEALTHS, VERDICTS
from homeostat.streams.keys import load_trust
from homeostat.streams.report.units import say_column
from tests.builders.store_topics import StoreTopics


def test_the_page_says_what_on_which_numbers_for_whom_and_what_followed(
    topics: StoreTopics, trust_folder: Path, decisions: list[Decision]
) -> None:
    decision = decisions[-1]
    explained = explain(gather_dossier(topics, decision.decision, load_trust(trust_folder)))
    page, text = render_page(explained), render_text(explained)
    assert "<h1>The candidate was taken back: harmful</h1>" in page
    for shown in (page, text):
        assert decision.decision in shown
        assert decision.rollout in shown
        name_of = say_column if shown is page else str
        assert all(each.specialty in shown and name_of(each.signal) in shown for each in decision.guardrails)
        assert "take the candidate back and quarantine it" in shown
        assert "generation 3" in shown
        assert decision.configuration is not None
        assert decision.configuration in shown
        assert re.search(r"thresholds.unsupported_ratio(</td><td>|  )at most 0.05", shown)
        assert "Please check" in shown
    assert not re.search(r"(src|href)=|url\(|https?:", page)
    assert "<script" not in page
    assert {each.intent.decision for each in explained.stated} == {decision.decision}
    assert all(each.state is not None for each in explained.stated)


def test_there_is_a_word_for_everything_that_can_be_decided() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(HEALTHS) == set(Health)
    assert set(ACTIONS) == set(IntentAction)


def test_the_beginning_rests_on_no_numbers(topics: StoreTopics, trust_folder: Path, decisions: list[Decision]) -> None:
    explained = explain(gather_dossier(topics, decisions[0].decision, load_trust(trust_folder)))
    assert "No guardrail was judged yet" in render_page(explained)
    assert "none: no guardrail was judged yet" in render_text(explained)


def test_a_bundle_is_explained_without_anything_else(
    topics: StoreTopics,
    trust_folder: Path,
    decisions: list[Decision],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dossier = gather_dossier(topics, decisions[-1].decision, load_trust(trust_folder))
    write_bundle(dossier, tmp_path / "bundle", trust_folder)
    page = tmp_path / "page.html"
    assert run_with(["decision", "explain", "--bundle", str(tmp_path / "bundle"), "--out", str(page)]) == 0
    assert page.read_text() == render_page(explain(dossier))
    assert run_with(["decision", "explain", "--bundle", str(tmp_path / "bundle"), "--text"]) == 0
    assert "replays   to the same bytes" in capsys.readouterr().out
    assert run_with(["decision", "explain"]) == 2
