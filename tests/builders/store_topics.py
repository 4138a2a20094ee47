"""Topics of a platform in memory."""

from collections.abc import Iterator

from homeostat.detectors.backtest import LogStore
from homeostat.schemas.log import LogRecord
from homeostat.streams.audit.entries import Place


class StoreTopics:
    """Topics in memory, as `Topics` reads them."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs

    def partitions(self, topic: str) -> int:
        return self._logs.partitions(topic)

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        for partition in range(self.partitions(topic)):
            for record in self._logs.log(topic, partition).read(0):
                yield Place(topic, partition, record.offset), record
