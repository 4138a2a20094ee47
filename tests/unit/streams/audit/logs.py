"""Audits in memory: a guard's rollout with what follows from it, audited in appends of some size."""

from collections.abc import Iterator, Sequence
from itertools import islice

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.log import LogRecord
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, INTENTS, RELEASES, ROLLOUTS
from homeostat.streams.audit.batch import Appender
from homeostat.streams.audit.entries import Place, make_entry
from homeostat.streams.audit.log import AuditLog, gather_log
from homeostat.streams.audit.records import Records
from homeostat.streams.audit.trees import Trees
from homeostat.streams.backtest.dump_file import DumpRow
from tests.builders import documents
from tests.builders.documents import START_MS
from tests.builders.keys import GATEWAY, sign, signer, trust

PARTITIONS = 3


class Audited:
    """Records that are written one after the other, and their audit."""

    def __init__(self) -> None:
        self.records = Records()
        self._trees = Trees(PARTITIONS)
        self._appender = Appender(self._trees, None, signer(SignerRole.AUDIT))
        self._rows: list[DumpRow] = []
        self._new: list[Place] = []

    def write(self, topic: str, message: Message, role: SignerRole) -> Place:
        """Write a signed record to a topic's first partition."""
        offset = sum(place.topic == topic for place in self.records.by_place)
        value = sign(role, to_json(message), message.ce_type)
        record = LogRecord(offset, START_MS + 1000 * len(self.records.by_place), b"key", value, [])
        place = Place(topic, 0, offset)
        self.records.by_place[place] = record
        self._new.append(place)
        return place

    def append(self) -> None:
        """Audit what was written since the last call, as one transaction."""
        entries = [make_entry(place, self.records.by_place[place], trust()) for place in self._new]
        moved = {(place.topic, place.partition): place.offset + 1 for place in self._new}
        for output in self._appender.append(entries, moved):
            partition = output.partition
            assert partition is not None
            offset = sum(row.partition == partition for row in self._rows)
            record = LogRecord(offset, output.timestamp, output.key, output.value, output.headers)
            self._rows.append(DumpRow(partition, record))
        self._new.clear()

    def log(self) -> AuditLog:
        """The audit, as a reader finds it."""
        return gather_log(PARTITIONS, self._rows)


def audit_rollouts(appends: Sequence[int], first: int = 0) -> Audited:
    """An audit of so many records in each append; with another `first` statement it is another history."""
    audited = Audited()
    made = islice(make_statements(first + sum(appends)), first, None)
    for count in appends:
        for _ in range(count):
            audited.write(*next(made))
        audited.append()
    return audited


def make_statements(count: int) -> Iterator[tuple[str, Message, SignerRole]]:
    """(topic, message, role) of rollouts: documents, decision, intent, state, acknowledgement, in turn."""
    for number in range(count):
        turn, kind = divmod(number, 6)
        rollout = documents.rollout(rollout=f"{turn:032x}", tenants=[f"tenant-{turn % 4}"])
        decision = documents.decision(rollout, 1, RolloutPhase.EXPOSING)
        target = rollout.targets[0].target
        intent = Intent(
            intent=f"{number:032x}",
            target=target,
            action=IntentAction.BASELINE,
            author="operator",
            reason="test",
            at_ms=START_MS,
            manifest=documents.BASELINE,
        )
        state = DesiredState(
            target=target,
            generation=turn + 1,
            baseline=documents.BASELINE_DIGEST,
            manifest=documents.BASELINE,
            intent=intent.intent,
            reason="test",
            at_ms=START_MS,
        )
        ack = Acknowledgement(
            gateway=GATEWAY,
            target=target,
            generation=turn + 1,
            state_digest=documents.BASELINE_DIGEST,
            outcome=AckOutcome.APPLIED,
            at_ms=START_MS,
        )
        statements: list[tuple[str, Message, SignerRole]] = [
            (RELEASES, documents.document(documents.BASELINE, version=turn + 1), SignerRole.OPERATOR),
            (ROLLOUTS, documents.document(rollout), SignerRole.OPERATOR),
            (DECISIONS, decision, SignerRole.GUARD),
            (INTENTS, intent, SignerRole.OPERATOR),
            (COMMANDS, state, SignerRole.SEQUENCER),
            (ACKS, ack, SignerRole.GATEWAY),
        ]
        yield statements[kind]
