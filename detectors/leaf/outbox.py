"""The outbox: numbers a record's outputs and gives them their headers, time and place."""

from homeostat.detectors.leaf.plan import Plan
from homeostat.schemas.base import MAX_EPOCH_MS, Message
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.dead_letter import UNSEALED, DeadLetter, encode_unsealed
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import Output, Record
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import DEAD_LETTERS, TRACES

STAGE = "leaf"


class Outbox:
    """Collects the outputs of one `apply`. `mark` is the offset of the record that they are caused by."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self.outputs: list[Output] = []
        self.mark = 0
        self.log_time_ms = 0
        self.index = 0

    def begin(self, mark: int, log_time_ms: int) -> None:
        """The outputs that follow are caused by the record at this offset, at this log time."""
        if mark != self.mark:
            self.index = 0
        self.mark, self.log_time_ms = mark, log_time_ms

    def send(self, topic: str, key: str, message: Message, partition: int | None = None) -> None:
        """Add a message as it is."""
        self.send_json(topic, key, message.ce_type, to_json(message), partition)

    def send_json(self, topic: str, key: str, ce_type: str, body: bytes, partition: int | None = None) -> None:
        """Add a message whose JSON is at hand."""
        headers = output_headers(ce_type, STAGE, self._partition, self.mark, self.index)
        self.outputs.append(Output(topic, key.encode(), body, self.log_time_ms, headers, partition))
        self.index += 1

    def bury(self, record: Record, reason: Refusal, shape: str, tenant: str | None, plan: Plan | None) -> None:
        """Add a record's dead letter; its bytes go along to be sealed where the policy names a key."""
        value = record.value or b""
        letter = DeadLetter(
            topic=TRACES,
            partition=self._partition,
            offset=record.offset,
            timestamp_ms=min(max(record.timestamp, 0), MAX_EPOCH_MS),
            stage=STAGE,
            reason=reason,
            tenant=tenant,
            size_bytes=len(value),
            value_digest=digest_bytes(value),
            shape=shape,
        )
        body = encode_unsealed(letter, record, None if plan is None else plan.policy.dead_letters)
        headers = output_headers(letter.ce_type, STAGE, self._partition, self.mark, self.index)
        key = f"{TRACES}/{self._partition}".encode()
        self.outputs.append(Output(DEAD_LETTERS, key, body, self.log_time_ms, headers, None, UNSEALED))
        self.index += 1

    def take(self) -> list[Output]:
        """The outputs so far; the outbox is empty again."""
        outputs, self.outputs = self.outputs, []
        return outputs
