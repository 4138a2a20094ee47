"""What the guard reads beside control records, and what of it it refuses."""

from homeostat.schemas.base import Message
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.evidence import Echo, Evidence, SignalEvidence
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.summary import Marker

GuardInput = Evidence | SignalEvidence | Echo | Aftermath | Marker
_MODELS: dict[bytes, type[Message]] = {
    model.ce_type.encode(): model for model in (Evidence, SignalEvidence, Echo, Aftermath, Marker)
}


class InputCheck:
    """Checks of one partition of `evidence.v1`: every message must be from a source that exists, and belong here."""

    def __init__(self, partition: int, partition_count: int, source_partition_count: int) -> None:
        self._partition, self._count, self._sources = partition, partition_count, source_partition_count

    def read(self, record: Record) -> GuardInput:
        """The message of a record. Raises `PoisonRecord`."""
        model = _MODELS.get(find_header(record.headers, CE_TYPE) or b"")
        if model is None:
            raise PoisonRecord(Refusal.UNKNOWN_TYPE, "neither evidence nor echo nor aftermath nor marker")
        message, _ = parse_message(model, record.value)
        assert isinstance(message, Evidence | SignalEvidence | Echo | Aftermath | Marker)
        if message.source_partition >= self._sources:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"source partition {message.source_partition} ≥ {self._sources}")
        if isinstance(message, Echo | Marker) and message.partition_count != self._sources:
            raise PoisonRecord(
                Refusal.OUT_OF_RANGE, f"{message.partition_count} source partitions, not {self._sources}"
            )
        if not isinstance(message, Marker) and not self.owns(message.rollout):
            raise PoisonRecord(Refusal.WRONG_PARTITION, f"rollout {message.rollout} is not of {self._partition}")
        return message

    def owns(self, rollout: str) -> bool:
        """Whether this partition judges the rollout."""
        return partition_of(rollout.encode(), self._count) == self._partition
