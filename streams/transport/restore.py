"""Reading a state partition to its end."""

import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from homeostat.detectors.record_block import RecordBlock
from homeostat.streams import failpoints
from homeostat.streams.settings import Settings
from homeostat.streams.transport.clients import make_reader, stop_client
from homeostat.streams.transport.errors import NotRestorable

_POLL_MS = 500


async def read_state(settings: Settings, topic: str, partition: int) -> dict[bytes, bytes]:
    """Read the newest value of each key of a state partition; a tombstone takes its key away.

    The end is asked for once, at the start: whoever writes must have been fenced before. An empty partition gives
    {}. Raises `NotRestorable` after the settings' limit, KafkaError when the broker refuses.
    """
    reader = make_reader(settings)
    try:
        await reader.start()
        return await _read_to_end(reader, TopicPartition(topic, partition), settings.worker.restore_timeout_s)
    finally:
        await stop_client(reader, 2.0)


async def _read_to_end(reader: AIOKafkaConsumer, tp: TopicPartition, limit_s: float) -> dict[bytes, bytes]:
    deadline = time.monotonic() + limit_s
    reader.assign([tp])
    start = (await reader.beginning_offsets([tp]))[tp]
    end = (await reader.end_offsets([tp]))[tp]
    reader.seek(tp, start)
    state: dict[bytes, bytes] = {}
    while (position := await reader.position(tp)) < end:
        if time.monotonic() > deadline:
            raise NotRestorable(f"{tp.topic}[{tp.partition}] read to {position} of {end} in {limit_s:g} s")
        for sections in (await reader.getmany(tp, timeout_ms=_POLL_MS)).values():
            _fold(state, RecordBlock.read(sections))
        failpoints.hit("restore.during")
    return state


def _fold(state: dict[bytes, bytes], records: RecordBlock) -> None:
    for record in records:
        key = record.key or b""
        if record.value is None:
            state.pop(key, None)
        else:
            state[key] = record.value
