"""Targets that do not apply what they were told: it is stated again, the same bytes, and then escalated."""

from typing import NamedTuple

from homeostat.detectors.outbox import Outbox
from homeostat.detectors.sequencer.statement import build_statement
from homeostat.detectors.sequencer.target_state import TargetState
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.command import DesiredState
from homeostat.schemas.escalation import Escalation, EscalationKind
from homeostat.schemas.policy import Effects


class Reminder(NamedTuple):
    """What a look at a silent target comes to; `again` is to be stated once more, `escalates` to be said."""

    state: TargetState
    again: DesiredState | None = None
    escalates: bool = False


def remind(state: TargetState, limits: Effects, now_ms: int) -> Reminder:
    """Look at a target at log time `now_ms`. A gateway that has refused is not asked again, but escalated."""
    cause = state.cause
    if not state.silent or cause is None:
        return Reminder(state)
    again = None
    if state.refused is None and now_ms - state.told_ms >= limits.restate_s * 1000:
        again = build_statement(state, cause)
        assert digest_bytes(to_json(again)) == state.state_digest, "a generation is stated in one form only"
        state = state.model_copy(update={"told_ms": now_ms, "restated": state.restated + 1})
    escalates = not state.escalated and now_ms - cause.at_ms >= limits.escalate_s * 1000
    if escalates:
        state = state.model_copy(update={"escalated": True})
    return Reminder(state, again, escalates)


def describe_silence(state: TargetState, outbox: Outbox) -> Escalation:
    """That a target has not applied its generation, or has at last."""
    assert state.cause is not None
    resolved, waited_s = not state.silent, (outbox.log_time_ms - state.cause.at_ms) / 1000
    if resolved:
        reason = f"generation {state.generation} was applied after {waited_s:.0f} s"
    elif state.refused is not None:
        reason = f"generation {state.generation} was refused: {state.refused}"
    else:
        reason = f"generation {state.generation} is not confirmed after {waited_s:.0f} s; stated {state.restated + 1} ×"
    return Escalation(
        target=state.target,
        kind=EscalationKind.NOT_APPLIED,
        generation=state.generation,
        resolved=resolved,
        refusal=state.refused,
        restated=state.restated,
        intent=state.cause.intent,
        since_ms=state.cause.at_ms,
        reason=reason,
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )
