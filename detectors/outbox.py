"""What one record of a stage's input causes: outputs with their marks and indices, and dead letters."""

from homeostat.schemas.base import MAX_EPOCH_MS, Message
from homeostat.schemas.canonical import derive_id, digest_bytes, to_json
from homeostat.schemas.dead_letter import UNSEALED, DeadLetter, encode_unsealed
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import Output, Record
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import DEAD_LETTERS


class Outbox:
    """The outputs of the record at offset `mark`, in order; `log_time_ms` is the stage's log time after it."""

    def __init__(self, stage: str, partition: int, mark: int, log_time_ms: int) -> None:
        self.stage, self.partition, self.mark, self.log_time_ms = stage, partition, mark, log_time_ms
        self.outputs: list[Output] = []

    def derive_id(self, *coordinates: object) -> str:
        """An id from this record's coordinates and the index of the next output."""
        return derive_id(self.stage, self.partition, self.mark, len(self.outputs), *coordinates)

    def put(self, topic: str, key: str, message: Message, signer: SignerRole | None = None) -> None:
        """Append a message; with a signer the shell wraps it in that role's envelope."""
        self._append(topic, key, to_json(message), message.ce_type, signer)

    def refuse(self, topic: str, record: Record, reason: Refusal, key: DeadLetterKey | None) -> None:
        """Append the dead letter of the record itself; `key` is the policy's, to which the shell seals its bytes."""
        value = record.value or b""
        letter = DeadLetter(
            topic=topic,
            partition=self.partition,
            offset=record.offset,
            timestamp_ms=min(max(record.timestamp, 0), MAX_EPOCH_MS),
            stage=self.stage,
            reason=reason,
            size_bytes=len(value),
            value_digest=digest_bytes(value),
        )
        unsealed = encode_unsealed(letter, record, key)
        self._append(DEAD_LETTERS, f"{topic}/{self.partition}", unsealed, DeadLetter.ce_type, UNSEALED)

    def _append(self, topic: str, key: str, value: bytes, ce_type: str, signer: str | None) -> None:
        signed = signer is not None and signer != UNSEALED
        headers = output_headers(ce_type, self.stage, self.partition, self.mark, len(self.outputs), signed)
        role = None if signer is None else str(signer)
        self.outputs.append(Output(topic, key.encode(), value, self.log_time_ms, headers, signer=role))
