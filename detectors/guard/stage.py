"""The guard: judges rollouts on their evidence, renews their leases, decides how they end, watches what that did."""

from collections.abc import Mapping
from typing import Any

from homeostat.detectors.control_log import Folded
from homeostat.detectors.guard.effects import EffectWatch
from homeostat.detectors.guard.evidence_book import EvidenceBook
from homeostat.detectors.guard.inputs import InputCheck
from homeostat.detectors.guard.judge import Judgement
from homeostat.detectors.guard.rollout_state import PREFIX, RolloutState, state_key
from homeostat.detectors.guard.runs import Runs
from homeostat.detectors.guard.sources import SourceTable
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.record_stage import RecordStage
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import (
    BaselineDocument,
    ControlType,
    MissingSource,
    Order,
    OrderDocument,
    RolloutDocument,
)
from homeostat.schemas.decision import Decision
from homeostat.schemas.effect import Aftermath, Effect
from homeostat.schemas.evidence import Echo, Evidence, SignalEvidence
from homeostat.schemas.log import Record
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.summary import Marker


class GuardStage(RecordStage):
    """The guard of one partition of `evidence.v1`; `source_partition_count` is the number of partitions of `traces.v1`.

    Evidence, echoes and markers are cumulative facts: they are kept from the first record on. Nothing begins, is
    judged or renewed before a complete snapshot of the documents was seen.
    """

    name = "guard"

    def __init__(self, partition: int, partition_count: int, source_partition_count: int, trust: TrustStore) -> None:
        super().__init__(partition, trust)
        self._check = InputCheck(partition, partition_count, source_partition_count)
        self._book, self._sources = EvidenceBook(), SourceTable(source_partition_count)
        self._runs = Runs(self._control, self._book, self._sources, source_partition_count)
        self._effects = EffectWatch(self._control, self._sources, self._runs.states)

    @property
    def rollouts(self) -> Mapping[str, RolloutState]:
        """By id, every rollout of this partition; `counts` says how many records came to what."""
        return self._runs.states

    def judge_now(self, rollout: str) -> Judgement | None:
        """What the evidence says at this moment; None before exposure began and after its end."""
        return self._runs.judge_now(rollout)

    def _own_records(self) -> dict[bytes, bytes]:
        rollouts = {state_key(rollout): state.to_bytes() for rollout, state in self.rollouts.items()}
        effects = self._effects.book.state_records()
        return {**self._book.state_records(), **self._sources.state_records(), **effects, **rollouts}

    def _drain_own(self) -> list[tuple[bytes, bytes | None]]:
        changed = sorted(self._runs.changed)
        self._runs.changed.clear()
        rollouts = [(state_key(rollout), self.rollouts[rollout].to_bytes()) for rollout in changed]
        effects = self._effects.book.drain_changes()
        return [*self._book.drain_changes(), *self._sources.drain_changes(), *effects, *rollouts]

    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        self._book.restore(state_records)
        self._sources.restore(state_records)
        self._effects.book.restore(state_records)
        for key in sorted(key for key in state_records if key.startswith(PREFIX)):
            self._runs.restore(RolloutState.from_bytes(state_records[key]))

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
        if isinstance(message, Decision) and folded.changed and self._check.owns(message.rollout):
            self._effects.begin(message)
        if folded.changed:
            self._look(folded, outbox)
        if folded.type is ControlType.TICK:
            self._effects.look_at_all(outbox)

    def _look(self, folded: Folded, outbox: Outbox) -> None:
        """Look at the rollouts that a control record is about; a tick and what concerns everybody at all of them.

        What comes often may cost no more where many rollouts are under way.
        """
        match folded.message:
            case RolloutDocument(body=Rollout(rollout=rollout)) | OrderDocument(body=Order(rollout=rollout)):
                self._runs.look(rollout, outbox, renew=False)
            case Decision():
                self._runs.look_at_waiting(outbox)
            case Acknowledgement() | Effect() | BaselineDocument():
                pass
            case _:
                self._runs.look_at_all(outbox, renew=folded.type is ControlType.TICK)

    def _take(self, record: Record, outbox: Outbox) -> None:
        message = self._check.read(record)
        if self._sources.show(message.source_partition, message.mark, message.log_time_ms):
            self._control.declare_present(message.source_partition)
        match message:
            case Marker():
                self._count("markers")
            case SignalEvidence():
                self._count("signal_evidence")
            case Echo():
                self._count("echoes" if self._runs.note_echo(message) else "echoes_repeated")
                self._runs.look(message.rollout, outbox, renew=False)
            case Aftermath():
                self._take_aftermath(message, outbox)
            case Evidence():
                if self._runs.note_evidence(message):
                    self._count("evidence")
                    self._runs.look(message.rollout, outbox, renew=False)
                else:
                    self._count("evidence_repeated")

    def _take_aftermath(self, message: Aftermath, outbox: Outbox) -> None:
        """Of a cohort that was promoted it is judged as it comes: it is cumulative, and says all by itself."""
        if message.promoted:
            decided = self._runs.look_after_promotion(message, outbox)
            self._count("promotions_taken_back" if decided else "promotions_watched")
        else:
            self._count("aftermaths" if self._effects.take(message) else "aftermaths_repeated")

    def _meta_fields(self) -> dict[str, Any]:
        return {**super()._meta_fields(), "effects_looked_ms": self._effects.looked_ms}

    def _restore_meta(self, fields: dict[str, Any]) -> None:
        super()._restore_meta(fields)
        self._effects.looked_ms = fields.get("effects_looked_ms", 0)
