"""librdkafka's broker inside this process: no download, no disk, for a first look only."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from homeostat.schemas.errors import BrokerUnavailable

KIND = "demo, not crash-safe"
"""How it has to be called wherever it is shown."""

PARTITIONS_EVERYWHERE = 4
"""Every topic has this many partitions, documents too; the table of topics cannot be had on it."""

KEPT_BYTES_PER_PARTITION = 5 * 1024 * 1024
"""Beyond this the oldest batches of a partition are dropped in silence; counted as stored, with batch headers."""

LIMITS = (
    f"every topic has {PARTITIONS_EVERYWHERE} partitions, made by asking for it",
    f"about {KEPT_BYTES_PER_PARTITION // 1024**2} MB a partition are kept, then the oldest are dropped in silence",
    "transactions answer but neither fence nor isolate: workers run without them",
    "compacted topics are not compacted, and nothing expires",
    "everything is in memory and ends with this process",
)
"""What a user is told before something runs on it."""

_START_LIMIT_S = 10.0


class EmbeddedBroker:
    """A Kafka broker of librdkafka's test kit in this process: demo, not crash-safe (see LIMITS).

    A context manager. It listens on loopback and answers any Kafka client, of other processes too, while this
    process lives.
    """

    def __init__(self) -> None:
        self._handle: Producer | None = None
        self._address: str | None = None

    @property
    def address(self) -> str:
        """The bootstrap address, `127.0.0.1:port`; another one after each start."""
        if self._address is None:
            raise BrokerUnavailable("the embedded broker is not running: call start()")
        return self._address

    def start(self, topics: Iterable[str] = ()) -> None:
        """Starts it on a free port and makes the named topics; does nothing but that if it runs."""
        if self._handle is None:
            handle = Producer({"test.mock.num.brokers": 1, "log_level": 0})
            brokers = handle.list_topics(timeout=_START_LIMIT_S).brokers.values()
            self._address = next(f"{broker.host}:{broker.port}" for broker in brokers)
            self._handle = handle
        for name in topics:
            self._handle.list_topics(name, timeout=_START_LIMIT_S)

    def stop(self) -> None:
        """Ends it and forgets all records."""
        # the library ends the broker with the handle that owns it
        self._handle = None
        self._address = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
