"""A candidate that is not shown safe within its budget is taken off or frozen, and never called harmful for it."""

from typing import Any

import pytest

from homeostat.schemas.control import Order, OrderDocument, OrderKind
from homeostat.schemas.decision import Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.policy import Unproven
from homeostat.schemas.rollout import OnUnproven, RolloutPhase
from tests.builders import documents
from tests.builders.guard_log import GuardLog


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"max_duration_s": 12.0}, "12.0 s since exposure began ≥ 12 s"),
        ({"max_sessions": 19}, "19 candidate sessions ≥ 19"),
    ],
)
def test_a_budget_that_is_used_up_ends_exposure_without_quarantine(fields: dict[str, Any], reason: str) -> None:
    log = GuardLog(rollout=documents.rollout(**fields))
    log.begin()
    log.say(0.0, pairs=19)
    for _ in range(12):
        log.tick()
    decision = log.decisions[-1]
    assert (decision.verdict, decision.phase) == (Verdict.UNPROVEN, RolloutPhase.ROLLED_BACK)
    assert decision.reason.startswith(f"not shown safe within its budget, {reason}; low_power: ")
    assert log.intents[-1].action is IntentAction.END_EXPOSURE


@pytest.mark.parametrize("by_policy", [False, True])
def test_what_is_unproven_may_be_frozen_and_gets_its_budget_once_more(by_policy: bool) -> None:
    unproven = Unproven(action=OnUnproven.FREEZE, max_duration_s=12.0)
    policy = documents.policy(unproven=unproven) if by_policy else None
    own: dict[str, Any] = {} if by_policy else {"on_unproven": OnUnproven.FREEZE, "max_duration_s": 12.0}
    log = GuardLog(rollout=documents.rollout(**own), policy=policy)
    log.begin()
    for _ in range(60):
        log.tick()
    assert [(each.verdict, each.phase) for each in log.decisions[1:]] == [(Verdict.UNPROVEN, RolloutPhase.HELD)]
    assert log.intents[-1].action is IntentAction.END_EXPOSURE
    resume = Order(rollout=documents.ROLLOUT_ID, order=OrderKind.RESUME, author="ada")
    at_ms = log.scenario.now_ms
    subject = f"order/{documents.ROLLOUT_ID}"
    log.control(OrderDocument(subject=subject, subject_version=1, at_ms=at_ms, body=resume))
    assert log.decisions[-1].phase is RolloutPhase.EXPOSING
    for _ in range(11):
        log.tick()
    assert log.decisions[-1].phase is RolloutPhase.EXPOSING
    log.tick()
    assert (log.decisions[-1].verdict, log.decisions[-1].phase) == (Verdict.UNPROVEN, RolloutPhase.HELD)


def test_harm_that_is_shown_while_frozen_still_ends_it() -> None:
    log = GuardLog(rollout=documents.rollout(on_unproven=OnUnproven.FREEZE, max_sessions=19))
    log.begin()
    log.say(0.0, pairs=19)
    assert log.decisions[-1].phase is RolloutPhase.HELD
    log.say(0.9, pairs=200)
    assert (log.decisions[-1].verdict, log.decisions[-1].phase) == (Verdict.HARMFUL, RolloutPhase.ROLLED_BACK)


def test_a_record_of_version_one_is_read() -> None:
    assert Verdict("timeout") is Verdict.UNPROVEN
