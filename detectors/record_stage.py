"""What the stages that read one record at a time share: the loop, control or data, refusals, counters, state."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from homeostat.detectors.control_log import ControlLog, Folded
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.log import Output, Record
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import STAGE_INPUTS

_STATE_VERSION = 1


class RecordStage(ABC):
    """A stage of one partition of `STAGE_INPUTS[name]` that folds in its records one by one.

    A subclass gives `name`, what a data record and a control record do, and its own state records. It may raise
    `PoisonRecord` or `SignatureRefused` where it takes a record: the record's outputs are dropped, and its dead letter
    is put out instead. `counts` says how many records came to what; it is kept in the state record whose key is `name`.
    """

    name: ClassVar[str]

    def __init__(self, partition: int, trust: TrustStore) -> None:
        self._topic, self._partition = STAGE_INPUTS[self.name], partition
        self._control = ControlLog(self._topic, partition, trust)
        self._meta_key = self.name.encode()
        self._next_offset = 0
        self.counts: dict[str, int] = {}

    @property
    def next_offset(self) -> int:
        """The offset the stage expects next; 0 when it has seen nothing."""
        return self._next_offset

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Fold records in, in order; gives what they cause, and dead letters. Offsets seen before are passed over."""
        outputs: list[Output] = []
        for record in records:
            if record.offset < self._next_offset:
                continue
            self._next_offset = record.offset + 1
            outputs += self._apply_one(record)
        return outputs

    def state_records(self) -> dict[bytes, bytes]:
        """Every state record: control's, the subclass's own, and the one of counters."""
        return {**self._control.state_records(), **self._own_records(), self._meta_key: self._encode_meta()}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call, sorted by key; the one of counters is always among them."""
        changed = [*self._control.drain_changes(), *self._drain_own(), (self._meta_key, self._encode_meta())]
        return sorted(changed, key=lambda item: item[0])

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        """Load a complete set of state records. Raises `StateCorrupt` on a bad frame."""
        self._control.restore(state_records)
        if self._meta_key in state_records:
            self._restore_meta(json.loads(unframe(state_records[self._meta_key], _STATE_VERSION)))
        self._restore_own(state_records)

    @abstractmethod
    def _take(self, record: Record, outbox: Outbox) -> None:
        """Take a data record; log time has been moved to it."""

    @abstractmethod
    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        """Act on a control record that was folded into `_control`."""

    @abstractmethod
    def _own_records(self) -> dict[bytes, bytes]:
        """The subclass's state records, without control's and without the one of counters."""

    @abstractmethod
    def _drain_own(self) -> Iterable[tuple[bytes, bytes | None]]:
        """Those of `_own_records` changed since the last call, in any order; None for one that no longer exists."""

    @abstractmethod
    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        """Load what `_own_records` gave; control's records and the one of counters are loaded by then."""

    def _meta_fields(self) -> dict[str, Any]:
        """What the record of counters holds; a subclass may add fields, and then reads them in `_restore_meta`."""
        return {"next_offset": self._next_offset, "counts": self.counts}

    def _restore_meta(self, fields: dict[str, Any]) -> None:
        self._next_offset, self.counts = fields["next_offset"], fields["counts"]

    def _refuse(self, record: Record, reason: Refusal, outbox: Outbox) -> None:
        """Put out the record's dead letter, sealed to the policy's key, and count it under `refused_<reason>`."""
        policy = self._control.policy
        outbox.refuse(self._topic, record, reason, None if policy is None else policy.dead_letters)
        self._count(f"refused_{reason.value}")

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _apply_one(self, record: Record) -> list[Output]:
        try:
            if self._control.is_control(record):
                folded = self._control.fold(record)
                outbox = self._open_outbox(record)
                self._take_control(folded, outbox)
            else:
                self._control.advance(record.timestamp, is_data=True)
                outbox = self._open_outbox(record)
                self._take(record, outbox)
        except (PoisonRecord, SignatureRefused) as error:
            outbox = self._open_outbox(record)
            self._refuse(record, error.reason, outbox)
        return outbox.outputs

    def _open_outbox(self, record: Record) -> Outbox:
        return Outbox(self.name, self._partition, record.offset, self._control.log_time_ms)

    def _encode_meta(self) -> bytes:
        return frame(json.dumps(self._meta_fields(), sort_keys=True).encode(), _STATE_VERSION)
