"""A guard whose rollout is held to an error budget, and leaves that say what was spent of it."""

from collections.abc import Sequence
from typing import Any

from homeostat.detectors.fixed_point import encode_value
from homeostat.schemas.decision import BudgetSpent
from homeostat.schemas.log import Output
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import ErrorBudget
from tests.builders import documents
from tests.builders.evidence import from_leaf
from tests.builders.guard_log import GuardLog

SIGNAL = "omission"
BUDGET = ErrorBudget(rate=0.1, period_s=60.0, alpha=0.01)


def policy(**changes: Any) -> Policy:
    """The test policy, whose guardrail on omissions has an error budget."""
    return documents.policy(
        signals=tuple(
            spec.model_copy(update={"budget": BUDGET, **changes}) if spec.name == SIGNAL else spec
            for spec in documents.SIGNALS
        )
    )


class BudgetLog(GuardLog):
    """A guard whose evidence says what the candidate's sessions spend, the control's spending as much."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(rollout=documents.rollout(max_duration_s=1e6), policy=policy(**changes))
        self.begin()

    def spend(self, sessions: int, spent: float) -> None:
        """Cumulative, as a leaf says it."""
        spend(self, sessions, spent)

    @property
    def budget(self) -> BudgetSpent:
        judgement = self.stage.judge_now(self.rollout.rollout)
        assert judgement is not None
        (found,) = judgement.budgets
        return found


def spend(log: GuardLog, sessions: int, spent: float) -> Sequence[Output]:
    """One cohort's evidence, cumulative: what the candidate's sessions spent, no different from the control's."""
    log.mark += 1
    said = log.evidence({SIGNAL: [0.0] * min(sessions, 20)})
    sums = {"candidate_sessions": sessions, "candidate_sum": int(encode_value(spent))}
    rail = said.guardrails[SIGNAL].model_copy(update=sums)
    return log.add(from_leaf(said.model_copy(update={"guardrails": {SIGNAL: rail}})))
