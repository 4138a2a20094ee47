"""What a gateway says it has done with what its target was told."""

from homeostat.detectors.sequencer.target_state import TargetState
from homeostat.schemas.command import Acknowledgement, AckOutcome


def acknowledge(state: TargetState, message: Acknowledgement) -> TargetState | None:
    """The state after an acknowledgement; None for one that is not of this gateway, or of a state never stated.

    The payload's digest can be compared for the present generation only.
    """
    present = message.generation == state.generation
    if message.gateway != state.target.gateway or message.generation > state.generation:
        return None
    if present and message.state_digest != state.state_digest:
        return None
    if message.outcome is AckOutcome.APPLIED:
        applied = max(state.applied, message.generation)
        return state.model_copy(update={"applied": applied, "refused": None if present else state.refused})
    return state.model_copy(update={"refused": message.reason}) if present else state
