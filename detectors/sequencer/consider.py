"""One verified intent against one target: repeated, overtaken, refused, waiting, or what the target is told next."""

from typing import NamedTuple

from homeostat.detectors.sequencer.authority import NEVER_WAITS, check_authority
from homeostat.detectors.sequencer.configure import configure
from homeostat.detectors.sequencer.statement import state_next
from homeostat.detectors.sequencer.target_state import MAX_ROLLOUTS, MAX_SEEN, Cause, RolloutMark, TargetState
from homeostat.detectors.sequencer.transitions import Documents, Missing, transition
from homeostat.detectors.sequencer.ways_back import GOES_BACK, NO_WAY_BACK, note_served
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.command import DesiredState
from homeostat.schemas.control import Stop
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.intent import Intent
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole


class Considered(NamedTuple):
    """What came of an intent. At most one of `command`, `refusal` and `missing` is set; none: nothing had to change.

    `escalates`: the target cannot go back to what it was to serve, and people must choose.
    """

    state: TargetState
    command: DesiredState | None = None
    refusal: PoisonRecord | None = None
    missing: Missing | None = None
    repeat: bool = False
    escalates: bool = False


def consider(
    state: TargetState, intent: Intent, role: SignerRole, documents: Documents, evaluated: bool, now_ms: int
) -> Considered:
    """Judge one intent. A refused one is remembered like an obeyed one: it never comes to effect later.

    Before the first complete snapshot (`evaluated` false) only what takes exposure away is obeyed; `now_ms` is log
    time.
    """
    if intent.intent in state.seen:
        return Considered(state, repeat=True)
    try:
        _check_order(state, intent, role)
        check_authority(intent, role, documents.rollouts.get(intent.rollout or ""))
        if not evaluated and intent.action not in NEVER_WAITS:
            return Considered(state, missing=Missing("snapshot"))
    except PoisonRecord as refusal:
        return Considered(remember(state, intent, role), refusal=refusal)
    try:
        moved = transition(state, intent, role, documents)
    except PoisonRecord as refusal:
        stuck = refusal.reason in NO_WAY_BACK and intent.action in GOES_BACK
        kept = remember(state, intent, role).model_copy(update={"stuck": state.stuck or stuck})
        return Considered(kept, refusal=refusal, escalates=stuck)
    if isinstance(moved, Missing):
        return Considered(state, missing=moved)
    moved = remember(note_served(state, moved), intent, role)
    if _says(moved) == _says(state) or moved.serving is None:
        return Considered(moved)
    return _command(moved, Cause(intent=intent.intent, decision=intent.decision, reason=intent.reason, at_ms=now_ms))


def stop(state: TargetState, stop: Stop, now_ms: int) -> Considered:
    """End every exposure that an emergency stop covers, without waiting for anybody's intent."""
    if state.serving is None:
        return Considered(state)
    kept = tuple(held for held in state.serving.exposures if not stop.covers(state.target.tenant, held.candidate))
    if len(kept) == len(state.serving.exposures):
        return Considered(state)
    moved = state.model_copy(update={"serving": state.serving.model_copy(update={"exposures": kept})})
    intent, reason = derive_id("stop", stop.subject, state.target.key, now_ms), f"emergency stop by {stop.author}"
    return _command(moved, Cause(intent=intent, decision=None, reason=reason, at_ms=now_ms))


def reconfigure(state: TargetState, documents: Documents, now_ms: int) -> Considered:
    """State a target anew where overrides have changed what it should be told; what is served goes on."""
    moved = configure(state, state, documents.overrides)
    if moved.serving is None or moved.configured is None or moved.configured == state.configured:
        return Considered(state)
    intent = derive_id("configuration", state.target.key, moved.configured.configuration, state.generation)
    reason = "the overrides of this target have changed"
    return _command(moved, Cause(intent=intent, decision=None, reason=reason, at_ms=now_ms))


def _command(state: TargetState, cause: Cause) -> Considered:
    stated, command = state_next(state, cause)
    return Considered(stated, command=command)


def _check_order(state: TargetState, intent: Intent, role: SignerRole) -> None:
    """An older wish never overrides a newer one: by step for the guard, by the author's time for the others."""
    if role is SignerRole.GUARD:
        if intent.rollout is not None and intent.step <= state.step_of(intent.rollout):
            raise PoisonRecord(
                Refusal.OLD_GENERATION, f"step {intent.step} ≤ {state.step_of(intent.rollout)} already asked for"
            )
    elif intent.at_ms < state.stated_ms.get(role, 0):
        raise PoisonRecord(Refusal.OLD_GENERATION, f"{role} has asked for something later already")


def remember(state: TargetState, intent: Intent, role: SignerRole) -> TargetState:
    """The state that knows this intent: the same one, and an older one of its author, come to nothing from now on."""
    update: dict[str, object] = {"seen": (*state.seen, intent.intent)[-MAX_SEEN:]}
    if role is not SignerRole.GUARD:
        times = {**state.stated_ms, role: max(intent.at_ms, state.stated_ms.get(role, 0))}
        update["stated_ms"] = {each: times[each] for each in sorted(times)}
    elif intent.rollout is not None and intent.step > state.step_of(intent.rollout):
        others = tuple(mark for mark in state.marks if mark.rollout != intent.rollout)
        update["marks"] = (*others, RolloutMark(rollout=intent.rollout, step=intent.step))[-MAX_ROLLOUTS:]
    return state.model_copy(update=update)


def _says(state: TargetState) -> object:
    """What a desired state would say, beside its number and its cause."""
    return state.serving, state.quarantine, state.quarantine_version, state.configured
