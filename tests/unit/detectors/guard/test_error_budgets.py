"""Error budgets at the guard: a candidate that spends faster than declared goes, whatever the control does."""

import math

import pytest
from pydantic import ValidationError

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.decision import Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Direction, Role, SignalSpec
from tests.builders import documents
from tests.builders.budget_log import BUDGET, SIGNAL, BudgetLog
from tests.builders.keys import trust


def test_a_budget_that_is_spent_too_fast_takes_the_candidate_back() -> None:
    log = BudgetLog()
    log.spend(100, 40.0)
    decision = log.decisions[-1]
    assert (decision.verdict, decision.phase) == (Verdict.OVER_BUDGET, RolloutPhase.ROLLED_BACK)
    (budget,) = decision.budgets
    assert budget.burn_rate == pytest.approx(4.0)
    assert budget.log_e >= budget.limit == pytest.approx(math.log(100))
    assert decision.reason.startswith("omission: 0.400 a session against 0.1 declared, burn rate 4.0 in this period")
    assert decision.deciding == (SIGNAL,)
    assert log.intents[-1].action is IntentAction.ROLL_BACK


def test_a_candidate_within_its_budget_goes_on_and_what_is_left_is_told() -> None:
    log = BudgetLog()
    for _ in range(6):
        log.tick(5.0)
    log.spend(1000, 90.0)
    assert len(log.decisions) == 1
    assert log.budget.burn_rate == pytest.approx(0.9)
    assert log.budget.left_ratio == pytest.approx(1 - 0.9 * 30 / 60)


def test_each_period_has_its_budget_and_what_came_before_does_not_hide_a_burst() -> None:
    log = BudgetLog()
    log.spend(3000, 30.0)
    for _ in range(13):
        log.tick(5.0)
    log.spend(3010, 39.0)
    assert log.decisions[-1].verdict is Verdict.OVER_BUDGET
    (budget,) = log.decisions[-1].budgets
    assert budget.sessions == 10
    assert budget.spent == pytest.approx(9.0)


def test_a_restored_guard_knows_where_periods_began() -> None:
    log = BudgetLog()
    log.spend(300, 3.0)
    for _ in range(13):
        log.tick(5.0)
    before = log.budget
    restored = GuardStage(0, 1, 1, trust())
    restored.restore(log.stage.state_records())
    judgement = restored.judge_now(log.rollout.rollout)
    assert judgement is not None
    assert judgement.budgets == (before,)


def test_low_is_harmful_where_the_signal_says_so() -> None:
    log = BudgetLog(direction=Direction.DOWN)
    log.spend(100, 95.0)
    assert len(log.decisions) == 1
    log.spend(200, 130.0)
    assert log.decisions[-1].verdict is Verdict.OVER_BUDGET


def test_only_a_guardrail_has_a_budget() -> None:
    fields = {**documents.SIGNALS[0].model_dump(), "role": Role.SIGNAL, "budget": BUDGET.model_dump()}
    with pytest.raises(ValidationError, match="an error budget is a guardrail's"):
        SignalSpec(**fields)
