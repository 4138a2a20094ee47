"""A small deterministic stage: counts per key, an output every few records, a compacted one every few more."""

import json
from collections.abc import Mapping, Sequence

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.errors import BuildRefusesMost
from homeostat.schemas.headers import INDEX, MARK, SOURCE_PARTITION, STAGE
from homeostat.schemas.log import Output, Record

APPENDED, COMPACTED = "toy.out", "toy.latest"
EVERY, LATEST_EVERY = 3, 40
POISON, REFUSED = b"raise", b"refuse"
_PARTITION_KEY = b"partition"


class ToyStage:
    """State after n records is the same bytes however they were batched."""

    def __init__(self, partition: int, partition_count: int, appended: str = APPENDED, latest: str = COMPACTED) -> None:
        self._partition = partition
        self._appended, self._latest = appended, latest
        self._partition_count = partition_count
        self._next = 0
        self._total = 0
        self._counts: dict[bytes, int] = {}
        self._changed: set[bytes] = set()

    @property
    def next_offset(self) -> int:
        return self._next

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        for key, value in state_records.items():
            document = json.loads(unframe(value, 1))
            if key == _PARTITION_KEY:
                self._next, self._total = document["next"], document["total"]
            else:
                self._counts[key] = document

    def apply(self, records: Sequence[Record]) -> list[Output]:
        outputs: list[Output] = []
        for record in records:
            if record.value == POISON:
                raise ValueError("poison")
            if record.value == REFUSED:
                raise BuildRefusesMost("this build refuses most tenants' records")
            key = record.key or b""
            self._counts[key] = self._counts.get(key, 0) + 1
            self._total += 1
            self._next = record.offset + 1
            self._changed.add(key)
            outputs += self._outputs(record, key)
        self._changed.add(_PARTITION_KEY)
        return outputs

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        changes = [(key, self._value(key)) for key in sorted(self._changed)]
        self._changed.clear()
        return list(changes)

    def state_records(self) -> dict[bytes, bytes]:
        if self._next == 0:
            return {}
        return {key: self._value(key) for key in [_PARTITION_KEY, *self._counts]}

    def _value(self, key: bytes) -> bytes:
        document = {"next": self._next, "total": self._total} if key == _PARTITION_KEY else self._counts[key]
        return frame(json.dumps(document).encode(), 1)

    def _outputs(self, record: Record, key: bytes) -> list[Output]:
        made = []
        if self._total % EVERY == 0:
            made.append((self._appended, key))
        if self._total % LATEST_EVERY == 0:
            made.append((self._latest, key))
        return [
            Output(topic, out_key, self._body(key), record.timestamp, self._headers(record.offset, index))
            for index, (topic, out_key) in enumerate(made)
        ]

    def _body(self, key: bytes) -> bytes:
        return json.dumps({"key": key.decode(), "count": self._counts[key], "total": self._total}).encode()

    def _headers(self, mark: int, index: int) -> list[tuple[str, bytes]]:
        return [
            (STAGE, b"toy"),
            (SOURCE_PARTITION, str(self._partition).encode()),
            (MARK, str(mark).encode()),
            (INDEX, str(index).encode()),
        ]


class IdleStage(ToyStage):
    """Takes records and does nothing but remember the offset: what the transport itself costs."""

    def apply(self, records: Sequence[Record]) -> list[Output]:
        self._next = records[-1].offset + 1
        self._total += len(records)
        self._changed.add(_PARTITION_KEY)
        return []

    def state_records(self) -> dict[bytes, bytes]:
        return {_PARTITION_KEY: self._value(_PARTITION_KEY)}
