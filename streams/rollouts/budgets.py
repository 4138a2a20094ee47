"""The error budgets of a rollout as they stand: what is left of each, and the evidence that it is spent too fast."""

from homeostat.detectors.guard.error_budgets import Clock, judge_spending, mark_periods
from homeostat.detectors.guard.evidence_book import CohortKey, EvidenceBook
from homeostat.detectors.guard.reasons import format_e
from homeostat.detectors.guard.rollout_state import PeriodMark, Plan
from homeostat.schemas.decision import BudgetSpent

TITLES = ("guardrail", "declared", "spent", "sessions", "burn rate", "budget left", "evidence", "verdict")


class BudgetReader:
    """Follows a rollout's evidence in the order of its log, and notes where each period of a budget begins."""

    def __init__(self, rollout: str, plan: Plan, begun_ms: int) -> None:
        self._rollout, self._plan, self._begun_ms = rollout, plan, begun_ms
        self._marks: tuple[PeriodMark, ...] = ()

    def look(self, book: EvidenceBook, now_ms: int) -> None:
        """The evidence as it stands before a record of this time is taken."""
        if any(guardrail.budget is not None for guardrail in self._plan.guardrails):
            clock = Clock(self._begun_ms, now_ms)
            self._marks = mark_periods(
                self._plan, self._marks, clock, lambda cohort: book.of_cohort(self._rollout, cohort)
            )

    def judge(self, book: EvidenceBook, now_ms: int, taken_back: tuple[CohortKey, ...]) -> tuple[BudgetSpent, ...]:
        """Every budget of the plan now."""
        self.look(book, now_ms)
        clock = Clock(self._begun_ms, now_ms)
        return judge_spending(
            self._plan, self._marks, clock, lambda cohort: book.of_cohort(self._rollout, cohort), taken_back
        )


def row(budget: BudgetSpent) -> tuple[str, ...]:
    """The cells of a table; of the present period but for the evidence, which is of all."""
    return (
        budget.signal,
        f"{budget.rate:g} a session",
        f"{budget.rate * budget.burn_rate:.4f} a session",
        str(budget.sessions),
        f"{budget.burn_rate:.2f}",
        f"{budget.left_ratio:.0%}",
        f"e={format_e(budget.log_e)} of {format_e(budget.limit)}",
        say_verdict(budget),
    )


def is_over(budget: BudgetSpent) -> bool:
    """Whether it is shown to be spent faster than declared."""
    return budget.log_e >= budget.limit


def say_verdict(budget: BudgetSpent) -> str:
    """What is shown of an error budget."""
    return "over budget" if is_over(budget) else "not shown to be over"
