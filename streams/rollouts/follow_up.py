"""What follows a decision: which targets have confirmed what they were told, and what a rollback has come to."""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.effect import Effect, TargetEffect
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused, TopicsUnfit
from homeostat.schemas.escalation import Escalation, EscalationKind
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Effects
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, Target
from homeostat.schemas.topics import ACKS, COMMANDS, EFFECTS, ESCALATIONS
from homeostat.streams.decisions.topics import Topics

M = TypeVar("M", bound=Message)
TARGET_TITLES = ("target", "generation", "state", "effect", "after", "last", "why")
"""`after` are works that carried the release after the gateway confirmed, `last` seconds from then to the last one."""


class Answer(StrEnum):
    """Whether a gateway has applied what its target was last told."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    PENDING = "pending"
    SILENT = "silent"
    NOT_STATED = "not_stated"


class Progress(NamedTuple):
    """One target of a rollout."""

    target: Target
    generation: int
    answer: Answer
    effect: TargetEffect | None


class FollowUp(NamedTuple):
    """Every target of a rollout, in its order, and the newest word on its rollback; None where nothing was said.

    `escalations` are the targets' that are still open, of each kind the newest.
    """

    targets: list[Progress]
    effect: Effect | None
    escalations: list[Escalation]


def follow_up(topics: Topics, trust: TrustStore, rollout: Rollout, limits: Effects, now_ms: int) -> FollowUp:
    """Put together what commands, acknowledgements and effects say; a topic that is not there says nothing."""
    stated: dict[str, DesiredState] = {}
    for state in _read(topics, trust, COMMANDS, DesiredState, {SignerRole.SEQUENCER}):
        held = stated.get(state.target.key)
        stated[state.target.key] = state if held is None or state.generation >= held.generation else held
    answers: dict[tuple[str, int], Acknowledgement] = {}
    for ack in _read(topics, trust, ACKS, Acknowledgement, {SignerRole.GATEWAY}):
        answers[ack.target.key, ack.generation] = ack
    newest: Effect | None = None
    for effect in _read(topics, trust, EFFECTS, Effect, {SignerRole.GUARD}):
        if effect.rollout == rollout.rollout and (newest is None or effect.revision > newest.revision):
            newest = effect
    effects = {} if newest is None else {each.target.key: each for each in newest.targets}
    found = [_progress(entry.target, stated, answers, effects, limits, now_ms) for entry in rollout.targets]
    return FollowUp(found, newest, _find_escalations(topics, trust, rollout))


def target_rows(found: FollowUp) -> list[tuple[str, ...]]:
    """The table of targets."""
    return [_row(each) for each in found.targets]


def to_json(found: FollowUp) -> dict[str, Any]:
    """The same for programs."""
    effect = None if found.effect is None else found.effect.model_dump(mode="json", exclude={"version"})
    targets = [
        {"target": each.target.key, "generation": each.generation, "state": each.answer} for each in found.targets
    ]
    escalations = [each.model_dump(mode="json", exclude={"version"}) for each in found.escalations]
    return {"targets": targets, "effect": effect, "escalations": escalations}


def describe_escalation(each: Escalation) -> str:
    """One sentence; where a target cannot go back, what it could be given instead."""
    offered = ", ".join(f"{other.release} ({other.title})" for other in each.alternatives)
    instead = f"; instead, newest first: {offered}" if offered else ""
    if each.kind is EscalationKind.NO_WAY_BACK and not offered:
        instead = "; no other release that it served is fit"
    return f"{each.target.key}: {each.reason}{instead}"


def _find_escalations(topics: Topics, trust: TrustStore, rollout: Rollout) -> list[Escalation]:
    keys = {entry.target.key for entry in rollout.targets}
    newest: dict[tuple[str, EscalationKind], Escalation] = {}
    for each in _read(topics, trust, ESCALATIONS, Escalation, {SignerRole.SEQUENCER}):
        if each.target.key in keys:
            newest[each.target.key, each.kind] = each
    return [newest[key] for key in sorted(newest) if not newest[key].resolved]


def _progress(
    target: Target,
    stated: Mapping[str, DesiredState],
    answers: Mapping[tuple[str, int], Acknowledgement],
    effects: Mapping[str, TargetEffect],
    limits: Effects,
    now_ms: int,
) -> Progress:
    state, effect = stated.get(target.key), effects.get(target.key)
    if state is None:
        return Progress(target, 0, Answer.NOT_STATED, effect)
    ack = answers.get((target.key, state.generation))
    if ack is not None:
        applied = ack.outcome is AckOutcome.APPLIED
        return Progress(target, state.generation, Answer.ACKNOWLEDGED if applied else Answer.REFUSED, effect)
    silent = now_ms - state.at_ms > limits.restate_s * 1000
    return Progress(target, state.generation, Answer.SILENT if silent else Answer.PENDING, effect)


def _row(each: Progress) -> tuple[str, ...]:
    effect = each.effect
    shown = (each.target.key, str(each.generation), str(each.answer))
    if effect is None:
        return (*shown, "", "", "", "")
    last = "none"
    if effect.last_ms and effect.acknowledged_ms is not None:
        last = f"{(effect.last_ms - effect.acknowledged_ms) / 1000:+.0f} s"
    return (*shown, str(effect.outcome), str(effect.traces_after), last, effect.reason)


def _read(topics: Topics, trust: TrustStore, topic: str, model: type[M], roles: Collection[SignerRole]) -> Iterator[M]:
    try:
        for _, record in topics.read(topic):
            try:
                yield parse_message(model, trust.verify(record.value, model.ce_type, frozenset(roles)))[0]
            except (SignatureRefused, PoisonRecord):
                continue
    except (DocumentInvalid, TopicsUnfit):
        return
