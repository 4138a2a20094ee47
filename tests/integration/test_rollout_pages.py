"""The scorecard in a real browser, at a desk, on a phone and on paper."""

from pathlib import Path

import pytest

from homeostat.schemas.rollout import OnHarm
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.score_page import render_page
from homeostat.streams.rollouts.scorecard import score
from homeostat.streams.rollouts.standing import find_standing
from tests.builders import documents
from tests.builders.keys import trust
from tests.builders.release_path import FINE, HARM, ReleasePath
from tests.integration.test_report_browser import browse
from tests.unit.streams.rollouts.path_topics import PathTopics

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = ReleasePath(documents.rollout(("tenant-1",), ("cardiology", "oncology"), on_harm=OnHarm.COHORT))
    path.begin()
    path.say({**FINE, "omission": [-0.3] * 400}, ("tenant-1", "cardiology"))
    path.say(HARM, ("tenant-1", "oncology"))
    file = tmp_path_factory.mktemp("scorecard") / "card.html"
    file.write_text(render_page(score(find_standing(RolloutBook(PathTopics(path), trust()), path.rollout.rollout))))
    return file


def test_the_scorecard_opens_without_a_word_on_the_console(page: Path) -> None:
    shown = browse(page, "--dump-dom", "--window-size=390,900")
    assert b"CONSOLE" not in shown.stderr
    assert b"Who is worse off, who is better off" in shown.stdout
    assert b"tenant-1, oncology, scribe" in shown.stdout


def test_the_scorecard_prints(page: Path) -> None:
    printed = page.parent / "card.pdf"
    assert b"CONSOLE" not in browse(page, f"--print-to-pdf={printed}").stderr
    assert printed.stat().st_size > 20_000
