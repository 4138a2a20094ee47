"""The guard: judges rollouts on their evidence, renews their leases, decides how they end."""

import json
from collections.abc import Mapping, Sequence

from homeostat.detectors.control_log import ControlLog, Folded
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.guard.evidence_book import EvidenceBook
from homeostat.detectors.guard.inputs import GuardInput, InputCheck
from homeostat.detectors.guard.judge import Judgement
from homeostat.detectors.guard.rollout_state import PREFIX, RolloutState, state_key
from homeostat.detectors.guard.runs import Runs
from homeostat.detectors.guard.sources import SourceTable
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.control import ControlType, MissingSource, RolloutDocument
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.evidence import Echo, Evidence
from homeostat.schemas.log import Output, Record
from homeostat.schemas.summary import Marker
from homeostat.schemas.topics import STAGE_INPUTS

_STATE_VERSION = 1
_META = b"guard"


class GuardStage:
    """The guard of one partition of `evidence.v1`; `source_partition_count` is the number of partitions of `traces.v1`.

    Evidence, echoes and markers are cumulative facts: they are kept from the first record on. Nothing begins, is
    judged or renewed before a complete snapshot of the documents was seen.
    """

    name = "guard"

    def __init__(self, partition: int, partition_count: int, source_partition_count: int, trust: TrustStore) -> None:
        self._topic, self._partition = STAGE_INPUTS[self.name], partition
        self._control = ControlLog(self._topic, partition, trust)
        self._check = InputCheck(partition, partition_count, source_partition_count)
        self._book, self._sources = EvidenceBook(), SourceTable(source_partition_count)
        self._runs = Runs(self._control, self._book, self._sources, source_partition_count)
        self._next_offset = 0
        self.counts: dict[str, int] = {}

    @property
    def next_offset(self) -> int:
        return self._next_offset

    @property
    def rollouts(self) -> Mapping[str, RolloutState]:
        """By id, every rollout of this partition; `counts` says how many records came to what."""
        return self._runs.states

    def judge_now(self, rollout: str) -> Judgement | None:
        """What the evidence says at this moment; None before exposure began and after its end."""
        return self._runs.judge_now(rollout)

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Fold records in; gives decisions, intents, leases and dead letters."""
        outputs: list[Output] = []
        for record in records:
            if record.offset < self._next_offset:
                continue
            self._next_offset = record.offset + 1
            outputs += self._apply_one(record)
        return outputs

    def state_records(self) -> dict[bytes, bytes]:
        rollouts = {state_key(rollout): state.to_bytes() for rollout, state in self.rollouts.items()}
        kept = {**self._control.state_records(), **self._book.state_records(), **self._sources.state_records()}
        return {**kept, **rollouts, _META: self._encode_meta()}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        changed = sorted(self._runs.changed)
        self._runs.changed.clear()
        rollouts = [(state_key(rollout), self.rollouts[rollout].to_bytes()) for rollout in changed]
        kept = [*self._control.drain_changes(), *self._book.drain_changes(), *self._sources.drain_changes()]
        return sorted([*kept, *rollouts, (_META, self._encode_meta())], key=lambda item: item[0])

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        self._control.restore(state_records)
        self._book.restore(state_records)
        self._sources.restore(state_records)
        for key in sorted(key for key in state_records if key.startswith(PREFIX)):
            state = RolloutState.from_bytes(state_records[key])
            self._runs.states[state.rollout] = state
        if _META in state_records:
            fields = json.loads(unframe(state_records[_META], _STATE_VERSION))
            self._next_offset, self.counts = fields["next_offset"], fields["counts"]

    def _apply_one(self, record: Record) -> list[Output]:
        try:
            if self._control.is_control(record):
                folded = self._control.fold(record)
                outbox = self._open_outbox(record)
                self._take_control(folded, outbox)
            else:
                self._control.advance(record.timestamp, is_data=True)
                outbox = self._open_outbox(record)
                self._take(self._check.read(record), outbox)
        except (PoisonRecord, SignatureRefused) as error:
            outbox = self._open_outbox(record)
            self._count(f"refused_{error.reason.value}")
            policy = self._control.policy
            outbox.refuse(self._topic, record, error.reason, None if policy is None else policy.dead_letters)
        return outbox.outputs

    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        message = folded.message
        self._count(f"control_{folded.type.value}")
        if isinstance(message, MissingSource):
            shown = self._sources.shown.get(message.source_partition)
            if shown is not None and shown.mark > message.last_mark:
                self._control.declare_present(message.source_partition)
        if isinstance(message, RolloutDocument) and folded.changed and self._check.owns(message.body.rollout):
            taken = self._runs.note_document(message.body)
            self._count("rollout_documents" if taken else "rollout_documents_too_late")
        if folded.changed:
            self._runs.look_at_all(outbox, renew=folded.type is ControlType.TICK)

    def _take(self, message: GuardInput, outbox: Outbox) -> None:
        if self._sources.show(message.source_partition, message.mark, message.log_time_ms):
            self._control.declare_present(message.source_partition)
        match message:
            case Marker():
                self._count("markers")
            case Echo():
                self._count("echoes" if self._runs.note_echo(message) else "echoes_repeated")
                self._runs.look(message.rollout, outbox, renew=False)
            case Evidence():
                if self._runs.note_evidence(message):
                    self._count("evidence")
                    self._runs.look(message.rollout, outbox, renew=False)
                else:
                    self._count("evidence_repeated")

    def _open_outbox(self, record: Record) -> Outbox:
        return Outbox(self.name, self._partition, record.offset, self._control.log_time_ms)

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _encode_meta(self) -> bytes:
        fields = {"next_offset": self._next_offset, "counts": self.counts}
        return frame(json.dumps(fields, sort_keys=True).encode(), _STATE_VERSION)
