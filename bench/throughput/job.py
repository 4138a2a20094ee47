"""What a system's process is told, and what it tells back."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

import confluent_kafka

from bench.throughput.account import Meter
from bench.throughput.found import Book


@dataclass(frozen=True)
class Job:
    """One system's turn. `core` is the CPU it is pinned to, or -1; `folder` holds the keys."""

    system: str
    address: str
    traces: int
    tenants: int
    shift_from: int
    pace: int
    start_ms: int
    round: int
    core: int
    folder: str
    master: str
    ends: dict[str, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    @property
    def group(self) -> str:
        return f"bench-{self.system}-{self.round}"

    @property
    def master_key(self) -> bytes:
        return bytes.fromhex(self.master)

    def conclude(self, count: int, meter: Meter, book: Book | None, **more: Any) -> dict[str, Any]:
        """The result that the harness reads: counts, figures, and when the shift was found."""
        judged = {} if book is None else book.judge(self.tenants, self.shift_from)
        return {"traces": count, **meter.figures(), **judged, **more}


def make_consumer(job: Job) -> Any:
    """The peers' consumer: librdkafka as a careful user sets it, nothing committed."""
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": job.address,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 2,
            "queued.min.messages": 100_000,
            "log_level": 0,
        }
    )
