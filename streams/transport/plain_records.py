"""Records as aiokafka's parser makes them, without a second object for each.

Its fetcher copies every record into a `ConsumerRecord` of eleven fields; the parsed record has the five that a stage
reads. Making, filling and freeing the copies cost more than the parsing itself.
"""

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.structs import TopicPartition

from homeostat.schemas.log import Record


class PlainPartitionRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Hands out the parsed records themselves."""

    def _consumer_record(self, _tp: TopicPartition, record: Record) -> Record:
        return record


def use_plain_records() -> None:
    """Let every consumer of this process hand out plain records."""
    fetcher.PartitionRecords = PlainPartitionRecords
