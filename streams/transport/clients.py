"""Options of every Kafka client that the transport starts, made from the settings in one place."""

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from homeostat.streams.settings import KafkaSettings, Settings
from homeostat.streams.transport.connections import use_retried_connections
from homeostat.streams.transport.raw_batches import use_raw_batches

FETCH_WAIT_MS = 100
"""How long a fetch may wait at the broker: a partition that is not in it waits as long for its next turn."""
_METADATA_PAUSE_S = 0.2
BATCH_BYTES = 262_144
TRANSACTION_TIMEOUT_MS = 30_000
"""After this a dead worker's open transaction ends by itself, if nobody claims its partition before."""


def group_id(settings: Settings, role: str) -> str:
    """Give the consumer group of a role."""
    return f"{settings.kafka.group_prefix}-{role}"


def isolation_level(settings: Settings) -> str:
    """Give the isolation of every read; without transactions there is nothing to wait for."""
    return "read_committed" if settings.worker.transactions else "read_uncommitted"


def make_group_consumer(settings: Settings, role: str) -> AIOKafkaConsumer:
    """Make the consumer of a role's group; it commits only what it is told to."""
    use_raw_batches()
    use_retried_connections()
    kafka = settings.kafka
    consumer = AIOKafkaConsumer(
        **_client_options(kafka),
        group_id=group_id(settings, role),
        group_instance_id=kafka.static_membership_id,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level(settings),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        session_timeout_ms=int(kafka.session_timeout_s * 1000),
        heartbeat_interval_ms=int(min(3.0, kafka.session_timeout_s / 5) * 1000),
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=600_000,
    )
    _pace(consumer._client)
    return consumer


def make_reader(settings: Settings) -> AIOKafkaConsumer:
    """Make a consumer without a group, to read a state partition."""
    use_raw_batches()
    use_retried_connections()
    return AIOKafkaConsumer(
        **_client_options(settings.kafka),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level(settings),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=8 * 1_048_576,
    )


def make_producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """Make an idempotent producer, transactional when it has an id."""
    use_retried_connections()
    options = _client_options(settings.kafka) | {"max_batch_size": BATCH_BYTES, "linger_ms": 0}
    if transactional_id is not None:
        options |= {"transactional_id": transactional_id, "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS}
    producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True)
    _pace(producer.client)
    return producer


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer, limit_s: float) -> None:
    """Stop a client; after the limit, or when it cannot, close its connections and leave the rest to the broker."""
    try:
        await asyncio.wait_for(client.stop(), limit_s)
    except (KafkaError, OSError, TimeoutError):
        await _close_connections(client)


async def _close_connections(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    inner = getattr(client, "client", None) or client._client
    await inner.close()
    sender = getattr(client, "_sender", None)
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()


def _pace(client: AIOKafkaClient) -> None:
    """Make a client pause after each vain question for metadata, and then ask again.

    Without a broker aiokafka asks in a busy loop. When the broker is back, or while it still loads its topics, it asks
    once its metadata are old, a minute later: a worker that joined its group meanwhile, not knowing the topics, would
    be given no partitions for so long.
    """
    ask = client._metadata_update

    async def ask_and_pause(cluster: ClusterMetadata, topics: Collection[str] | None) -> bool:
        known: bool = await ask(cluster, topics)
        if not known or any(cluster.partitions_for_topic(topic) is None for topic in topics or ()):
            await asyncio.sleep(_METADATA_PAUSE_S)
            asyncio.get_running_loop().call_soon(client.force_metadata_update)
        return known

    client._metadata_update = ask_and_pause


def _client_options(kafka: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "client_id": kafka.client_id,
        "request_timeout_ms": int(kafka.request_timeout_s * 1000),
        "security_protocol": kafka.security_protocol,
        "metadata_max_age_ms": 60_000,
    }
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = create_ssl_context(
            cafile=_text(kafka.ssl_ca_path),
            certfile=_text(kafka.ssl_certificate_path),
            keyfile=_text(kafka.ssl_key_path),
        )
    if kafka.security_protocol.startswith("SASL"):
        password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": password,
        }
    return options


def _text(path: object) -> str | None:
    return None if path is None else str(path)
