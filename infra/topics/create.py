"""Creates the topics of the table that a broker does not have yet."""

import time
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not re-exported for checkers

from homeostat.infra.topics.check import LIMIT_S, describe_cluster_topics, explain_unavailable
from homeostat.infra.topics.expected import (
    ALL_TOPICS,
    ONE_BROKER,
    Platform,
    TopicTable,
    count_partitions,
    creation_configs,
)
from homeostat.schemas.errors import BrokerUnavailable, TopicsUnfit
from homeostat.schemas.topics import TopicSpec


def create_topics(
    admin: AdminClient, table: TopicTable = ALL_TOPICS, platform: Platform = ONE_BROKER, limit_s: float = LIMIT_S
) -> list[str]:
    """Creates what is missing, waits until every partition has a leader, and returns the names created.

    Existing topics stay as they are: `check_topics` tells how they differ. Raises BrokerUnavailable when the broker
    does not answer or does not finish within the limit, TopicsUnfit when it refuses a topic (too few brokers for the
    replication, not allowed).
    """
    deadline = time.monotonic() + limit_s
    present = describe_cluster_topics(admin, limit_s)
    missing = [spec for spec in table.values() if spec.name not in present]
    if not missing:
        return []
    wanted = [_describe_new(spec, platform) for spec in missing]
    futures = admin.create_topics(wanted, operation_timeout=limit_s, request_timeout=limit_s)
    created = [name for name, future in futures.items() if _is_created(name, future)]
    _await_leaders(admin, frozenset(spec.name for spec in missing), deadline)
    return created


def _describe_new(spec: TopicSpec, platform: Platform) -> NewTopic:
    return NewTopic(
        spec.name,
        num_partitions=count_partitions(spec, platform),
        replication_factor=platform.replication,
        config=creation_configs(spec, platform),
    )


def _is_created(name: str, future: Future[None]) -> bool:
    try:
        future.result()
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if cause.retriable() or cause.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:
            raise explain_unavailable(error) from error
        raise TopicsUnfit(f"the broker refused to create {name}: {cause.str()}") from error
    return True


def _await_leaders(admin: AdminClient, names: frozenset[str], deadline: float) -> None:
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise BrokerUnavailable(f"new topics had no leaders in time: {', '.join(sorted(names))}. Run it again.")
        found = describe_cluster_topics(admin, left_s)
        if all(name in found and all(p.leader >= 0 for p in found[name].partitions.values()) for name in names):
            return
