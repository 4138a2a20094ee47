"""A rollout that cannot become conclusive says so, and its error budgets are told as the guard has them."""

import math

import numpy as np
import pytest

from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.two_sample import sum_pairs
from homeostat.schemas.rollout import Rollout
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.outlook import count_least_pairs, tell_least
from homeostat.streams.rollouts.score_page import render_page
from homeostat.streams.rollouts.scorecard import score, to_json
from homeostat.streams.rollouts.standing import Standing, find_standing
from tests.builders import documents
from tests.builders.budget_log import policy, spend
from tests.builders.keys import trust
from tests.builders.release_path import ReleasePath
from tests.unit.streams.rollouts.path_topics import PathTopics

PLACE = ("tenant-1", "cardiology")


def find(path: ReleasePath) -> Standing:
    book = RolloutBook(PathTopics(path), trust())
    return find_standing(book, book.find(path.rollout.rollout))


@pytest.mark.parametrize("tolerance", [0.02, 0.05, 0.2])
def test_the_least_pairs_are_just_enough(tolerance: float) -> None:
    """So many pairs without a difference reach the limit of the guard's own test, one less does not."""
    least = count_least_pairs(tolerance, 0.05)
    assert least is not None
    for pairs, reached in ((least - 1, False), (least, True)):
        _, non_inferior = sum_pairs(np.zeros(pairs), tolerance, *guard_stakes(tolerance))
        assert (mixture_log_e(non_inferior) >= math.log(20)) is reached


def test_a_budget_without_room_for_a_promotion_is_told_beforehand() -> None:
    def told(body: Rollout) -> list[str]:
        return tell_least(make_plan(body, documents.policy(), documents.CANDIDATE))

    assert not any("cannot become conclusive" in each for each in told(documents.rollout()))
    found = told(documents.rollout(max_sessions=30))
    assert any("cannot become conclusive within its budget" in each and "> 30" in each for each in found)


def test_a_slow_rollout_says_how_long_it_would_take() -> None:
    path = ReleasePath(documents.rollout(guardrails=("omission",), max_duration_s=40.0))
    path.begin()
    for _ in range(5):
        path.tick(5.0)
    path.say({"omission": [0.0] * 30}, PLACE)
    standing = find(path)
    (note,) = [each for each in standing.outlook if "cannot become conclusive" in each]
    assert note in score(standing).waits_for
    assert "at today's volume: 1 guardrails × cohorts need longer, omission in tenant-1/cardiology/scribe" in note


def test_what_moves_away_has_no_time() -> None:
    path = ReleasePath(documents.rollout(guardrails=("omission",)))
    path.begin()
    path.tick(5.0)
    path.say({"omission": [0.1] * 10}, PLACE)
    assert any("1 do not move towards non-inferior" in each for each in find(path).outlook)


def test_error_budgets_are_told_as_the_guard_has_them() -> None:
    path = ReleasePath(documents.rollout(max_duration_s=1e6), policy=policy())
    path.begin()
    for step in range(14):
        path.tick(5.0)
        if step in {2, 13}:
            path.pass_on(spend(path.guard, 100 * (1 + step), 5.0 * (1 + step)))
    judged = path.guard.stage.judge_now(path.rollout.rollout)
    assert judged is not None
    (mine,), (guards,) = find(path).budgets, judged.budgets
    assert (mine.sessions, mine.spent, mine.log_e) == (guards.sessions, guards.spent, guards.log_e)
    assert mine.sessions == 1100, "of the second period alone"


def test_the_scorecard_shows_error_budgets() -> None:
    path = ReleasePath(documents.rollout(max_duration_s=1e6), policy=policy())
    path.begin()
    path.tick(5.0)
    path.pass_on(spend(path.guard, 200, 10.0))
    card = score(find(path))
    (told,) = to_json(card)["budgets"]
    assert (told["signal"], told["sessions"], told["spent"]) == ("omission", 200, 10.0)
    page = render_page(card)
    assert all(each in page for each in ("Error budgets", "not shown to be over", ">10 %</td>", ">5 %</td>"))
