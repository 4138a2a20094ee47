"""Statements: the desired state that a target's state makes, and why it was stated."""

from homeostat.detectors.sequencer.target_state import Cause, TargetState
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.command import DesiredState


def state_next(state: TargetState, cause: Cause) -> tuple[TargetState, DesiredState]:
    """The next generation, and the target's state that remembers having stated it."""
    numbered = state.model_copy(update={"generation": state.generation + 1, "cause": cause})
    command = build_statement(numbered, cause)
    stated = {"state_digest": digest_bytes(to_json(command)), "refused": None}
    fresh = {"told_ms": cause.at_ms, "restated": 0, "escalated": False}
    return numbered.model_copy(update={**stated, **fresh}), command


def build_statement(state: TargetState, cause: Cause) -> DesiredState:
    """The desired state of the present generation: the same state and cause give the same bytes."""
    assert state.serving is not None
    return DesiredState(
        target=state.target,
        generation=state.generation,
        baseline=state.serving.baseline,
        manifest=state.serving.manifest,
        exposures=state.stated_exposures,
        variants=state.serving.variants,
        barred=state.barred,
        disabled_tools=state.disabled_tools,
        quarantine=state.banned,
        quarantine_version=state.quarantine_version,
        intent=cause.intent,
        decision=cause.decision,
        configuration=None if state.configured is None else state.configured.configuration,
        reason=cause.reason,
        at_ms=cause.at_ms,
    )
