"""Sends traces of many tenants from one process: one Publisher a tenant, waiting where a runtime would drop."""

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from homeostat.streams.client.publisher import Publisher
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.settings import KafkaSettings

MAX_WAITING = 50_000
"""Records in the queues of all publishers together."""

FindKey = Callable[[str], TenantKey | None]


class SendCounts(NamedTuple):
    """What became of the traces."""

    sent: int
    dropped: dict[str, int]
    tenants: int


class FileSender:
    """A context manager; on exit everything was sent, or counted."""

    def __init__(self, kafka: KafkaSettings, find_key: FindKey, runtime: str) -> None:
        self._kafka = kafka
        self._find_key = find_key
        self._runtime = runtime
        self._publishers: dict[str, Publisher] = {}
        self._refused: Counter[str] = Counter()
        self._since_check = 0

    def send(self, trace: WorkTrace | FeedbackTrace) -> None:
        """Send one, with a new work token if it is feedback. Raises `PoisonRecord` (WRONG_TENANT: no key for it)."""
        publisher = self._publisher_of(trace.tenant)
        if isinstance(trace, FeedbackTrace):
            trace = trace.model_copy(update={"work_token": publisher.writer.issue_mac(trace)})
        self._wait_for_room()
        publisher.publish(trace)

    def refuse(self, reason: str) -> None:
        """Count a line that was no trace."""
        self._refused[reason] += 1

    def count(self) -> SendCounts:
        """Counts over all publishers; final after exit."""
        dropped = self._refused.copy()
        for publisher in self._publishers.values():
            dropped.update(publisher.dropped)
        return SendCounts(sum(p.sent for p in self._publishers.values()), dict(dropped), len(self._publishers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for publisher in self._publishers.values():
            publisher.close(timeout_s=30.0 if kind is None else 1.0)

    def _publisher_of(self, tenant: str) -> Publisher:
        if tenant not in self._publishers:
            key = self._find_key(tenant)
            if key is None:
                self.refuse(Refusal.WRONG_TENANT)
                raise PoisonRecord(Refusal.WRONG_TENANT, "no key of this tenant was given")
            self._publishers[tenant] = Publisher(self._kafka, key, self._runtime)
        return self._publishers[tenant]

    def _wait_for_room(self) -> None:
        self._since_check += 1
        if self._since_check < MAX_WAITING // 10:
            return
        self._since_check = 0
        for publisher in self._publishers.values():
            publisher.flush(timeout_s=120.0)
