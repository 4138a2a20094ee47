"""One record by its offset, from the bytes that the broker sends: for what librdkafka's client cannot hand out.

It makes text of a header's name and fails where the name is none; anybody who may write to a topic can write one.
"""

import asyncio

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.errors import BrokerUnavailable
from homeostat.schemas.log import LogRecord
from homeostat.streams.settings import KafkaSettings, Settings
from homeostat.streams.transport.clients import make_reader, stop_client

_LIMIT_S = 30.0


def read_raw_record(kafka: KafkaSettings, topic: str, partition: int, offset: int) -> LogRecord:
    """Read a record, with names of headers as a stage reads them. Raises `BrokerUnavailable` when none comes."""
    place = TopicPartition(topic, partition)
    try:
        return asyncio.run(asyncio.wait_for(_read(Settings(kafka=kafka), place, offset), _LIMIT_S))
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailable(f"offset {offset} of {topic}/{partition} did not come ({error!r})") from None


async def _read(settings: Settings, place: TopicPartition, offset: int) -> LogRecord:
    reader = make_reader(settings)
    try:
        await reader.start()
        reader.assign([place])
        reader.seek(place, offset)
        while True:
            for sections in (await reader.getmany(place, timeout_ms=500)).values():
                for record in RecordBlock.read(sections):
                    if record.offset == offset:
                        return LogRecord(offset, record.timestamp, record.key, record.value, list(record.headers))
    finally:
        await stop_client(reader, 2.0)
