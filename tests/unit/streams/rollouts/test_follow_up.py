"""What became of what a rollout's targets were told, from the topics alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.effect import Effect, Outcome, TargetEffect
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.escalation import Alternative, Escalation, EscalationKind
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import Effects
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, EFFECTS, ESCALATIONS
from homeostat.streams.audit.entries import Place
from homeostat.streams.rollouts.follow_up import (
    Answer,
    describe_escalation,
    follow_up,
    target_rows,
)
from homeostat.streams.rollouts.follow_up import (
    to_json as tell,
)
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL, CONTROL_DIGEST, START_MS, rollout
from tests.builders.keys import sign, trust

ROLLOUT = rollout(("tenant-1", "tenant-2", "tenant-3", "tenant-4", "tenant-5"))
TARGETS = [entry.target for entry in ROLLOUT.targets]
NOW_MS = START_MS + 60_000


class Said:
    """Topics with these signed messages."""

    def __init__(self, **topics: Sequence[tuple[Message, SignerRole]]) -> None:
        self._topics = {
            topic: [
                LogRecord(at, START_MS, b"", sign(role, to_json(message), message.ce_type), [])
                for at, (message, role) in enumerate(messages)
            ]
            for topic, messages in topics.items()
        }

    def partitions(self, topic: str) -> int:
        return 1

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        if topic not in self._topics:
            raise DocumentInvalid(f"there is no {topic}")
        for record in self._topics[topic]:
            yield Place(topic, 0, record.offset), record


def state(number: int, generation: int = 2, at_ms: int = START_MS) -> tuple[Message, SignerRole]:
    message = DesiredState(
        target=TARGETS[number],
        generation=generation,
        baseline=CONTROL_DIGEST,
        manifest=CONTROL,
        intent="ab" * 16,
        reason="test",
        at_ms=at_ms,
    )
    return message, SignerRole.SEQUENCER


def answer(number: int, generation: int = 2, refusal: Refusal | None = None) -> tuple[Message, SignerRole]:
    message = Acknowledgement(
        gateway=TARGETS[number].gateway,
        target=TARGETS[number],
        generation=generation,
        state_digest=digest_bytes(b""),
        outcome=AckOutcome.APPLIED if refusal is None else AckOutcome.REFUSED,
        reason=refusal,
        at_ms=START_MS,
    )
    return message, SignerRole.GATEWAY


def effect(revision: int, outcome: Outcome, role: SignerRole = SignerRole.GUARD) -> tuple[Message, SignerRole]:
    places: dict[str, Any] = {"source_partition": 0, "mark": revision, "log_time_ms": NOW_MS}
    first = TargetEffect(
        target=TARGETS[0],
        outcome=outcome,
        acknowledged_ms=START_MS,
        traces_after=3,
        last_ms=START_MS + 7_000,
        reason="because",
    )
    told: dict[str, Any] = {"rollout": ROLLOUT.rollout, "step": 2, "release": CANDIDATE_DIGEST, "targets": (first,)}
    return Effect(revision=revision, outcome=outcome, final=True, reason="in short", **told, **places), role


def escalation(resolved: bool, *alternatives: Alternative) -> tuple[Message, SignerRole]:
    message = Escalation(
        target=TARGETS[1],
        kind=EscalationKind.NO_WAY_BACK if alternatives else EscalationKind.NOT_APPLIED,
        generation=2,
        resolved=resolved,
        alternatives=alternatives,
        since_ms=START_MS,
        reason="it cannot",
        source_partition=0,
        mark=1,
        log_time_ms=NOW_MS,
    )
    return message, SignerRole.SEQUENCER


def test_every_target_is_confirmed_refused_pending_silent_or_was_told_nothing() -> None:
    found = follow_up(
        Said(
            **{
                COMMANDS: [state(0, 1), state(0), state(1), state(2), state(3, at_ms=NOW_MS - 1_000)],
                ACKS: [answer(0), answer(1, refusal=Refusal.QUARANTINED_RELEASE), answer(2, generation=1)],
            }
        ),
        trust(),
        ROLLOUT,
        Effects(restate_s=30.0),
        NOW_MS,
    )
    assert [each.answer for each in found.targets] == [
        Answer.ACKNOWLEDGED,
        Answer.REFUSED,
        Answer.SILENT,
        Answer.PENDING,
        Answer.NOT_STATED,
    ]
    assert tell(found)["targets"][2] == {"target": TARGETS[2].key, "generation": 2, "state": "silent"}
    assert (found.effect, found.escalations) == (None, [])


def test_the_newest_effect_that_the_guard_has_signed_counts() -> None:
    said = [
        effect(2, Outcome.RETURNED),
        effect(1, Outcome.WATCHING),
        effect(3, Outcome.STILL_SERVED, SignerRole.OPERATOR),
    ]
    found = follow_up(Said(**{EFFECTS: said, COMMANDS: [state(0)]}), trust(), ROLLOUT, Effects(), NOW_MS)
    assert found.effect is not None
    assert (found.effect.revision, tell(found)["effect"]["outcome"]) == (2, "returned")
    assert target_rows(found)[0][3:] == ("returned", "3", "+7 s", "because")
    assert target_rows(found)[1][3:] == ("", "", "", "")


def test_open_escalations_are_said_with_what_can_be_done() -> None:
    offered = Alternative(release=CONTROL_DIGEST, title="control")
    said = [escalation(False), escalation(True), escalation(False, offered)]
    found = follow_up(Said(**{ESCALATIONS: said}), trust(), ROLLOUT, Effects(), NOW_MS)
    (left,) = found.escalations
    assert describe_escalation(left) == (
        f"{TARGETS[1].key}: it cannot; instead, newest first: {CONTROL_DIGEST} (control)"
    )
    without = left.model_copy(update={"alternatives": ()})
    assert describe_escalation(without).endswith("it cannot; no other release that it served is fit")
