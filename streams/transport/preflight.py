"""What must be true of the broker before a worker joins its group."""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaConnectionError, KafkaError

from homeostat.schemas.errors import BrokerUnavailable, TopicsUnfit
from homeostat.streams.settings import Settings
from homeostat.streams.transport.clients import make_reader, stop_client
from homeostat.streams.transport.spec import StageSpec

_LIMIT_S = 15.0


async def count_partitions(settings: Settings, specs: Sequence[StageSpec]) -> dict[str, int]:
    """Give the number of partitions of each input topic, having seen that the state topics have as many.

    Faust would say Ready, process and never save if a state topic were missing, and idle if a source topic were.
    Raises `BrokerUnavailable`, or `TopicsUnfit` naming every topic that is missing or has another count.
    """
    found = await _ask(settings)
    wrong = []
    for spec in specs:
        wrong += [f"{topic} is missing" for topic in (spec.input_topic, spec.state_topic) if topic not in found]
        if not wrong and found[spec.input_topic] != found[spec.state_topic]:
            wrong.append(
                f"{spec.input_topic} has {found[spec.input_topic]} partitions and {spec.state_topic} "
                f"{found[spec.state_topic]}: they must be equal"
            )
    if wrong:
        raise TopicsUnfit("; ".join(wrong) + ". Run `homeostat topics create`, then `homeostat topics check`")
    return {spec.input_topic: found[spec.input_topic] for spec in specs}


async def _ask(settings: Settings) -> dict[str, int]:
    reader = make_reader(settings)
    try:
        await asyncio.wait_for(reader.start(), _LIMIT_S)
        cluster = await asyncio.wait_for(reader._client.fetch_all_metadata(), _LIMIT_S)
        return {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}
    except (KafkaConnectionError, KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(
            f"no broker answers at {settings.kafka.bootstrap_servers} ({error!r}): start one "
            "(`homeostat broker start`) or set kafka.bootstrap_servers"
        ) from error
    finally:
        await stop_client(reader, 2.0)
