"""Compares the table of topics with a broker."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    AdminClient,
    ConfigResource,
    ResourceType,
    TopicMetadata,
)

from homeostat.infra.topics.expected import (
    ALL_TOPICS,
    ONE_BROKER,
    Platform,
    TopicTable,
    count_partitions,
    expected_configs,
)
from homeostat.schemas.errors import BrokerUnavailable, TopicsUnfit
from homeostat.schemas.topics import TopicSpec

LIMIT_S = 30.0


class Severity(StrEnum):
    """What a difference does: ERROR loses, misplaces or misdates records; WARNING only differs from the table."""

    ERROR = "error"
    WARNING = "warning"


class Drift(NamedTuple):
    """One setting of one topic that is not as the table says; `setting` 'topic' means that it is missing."""

    topic: str
    setting: str
    expected: str
    found: str
    severity: Severity


def check_topics(
    admin: AdminClient, table: TopicTable = ALL_TOPICS, platform: Platform = ONE_BROKER, limit_s: float = LIMIT_S
) -> list[Drift]:
    """All differences between table and broker, in the table's order; empty when the broker is as it should be.

    More replicas, in-sync replicas or message bytes than expected are no difference. Raises BrokerUnavailable when
    the broker does not answer within the limit.
    """
    found = describe_cluster_topics(admin, limit_s)
    present = [spec for spec in table.values() if spec.name in found]
    configs = _describe_configs(admin, [spec.name for spec in present], limit_s)
    drifts: list[Drift] = []
    for spec in table.values():
        if spec.name not in found:
            drifts.append(Drift(spec.name, "topic", "present", "missing", Severity.ERROR))
        else:
            replicas = _count_replicas(found[spec.name])
            drifts += _compare_layout(spec, platform, len(found[spec.name].partitions), replicas)
            drifts += _compare_configs(spec, platform, configs[spec.name], replicas)
    return drifts


def require_topics(
    admin: AdminClient, table: TopicTable = ALL_TOPICS, platform: Platform = ONE_BROKER, limit_s: float = LIMIT_S
) -> list[Drift]:
    """Raises TopicsUnfit, with every ERROR in its text, unless the broker's topics are fit; returns the warnings."""
    drifts = check_topics(admin, table, platform, limit_s)
    errors = [drift for drift in drifts if drift.severity is Severity.ERROR]
    if errors:
        rows = "; ".join(f"{d.topic}: {d.setting} is {d.found}, must be {d.expected}" for d in errors)
        raise TopicsUnfit(f"{rows}. See `homeostat topics check`; `homeostat topics create` makes missing ones.")
    return drifts


def describe_cluster_topics(admin: AdminClient, limit_s: float = LIMIT_S) -> dict[str, TopicMetadata]:
    """The broker's topics by name; raises BrokerUnavailable when it does not answer."""
    try:
        return dict(admin.list_topics(timeout=limit_s).topics)
    except KafkaException as error:
        raise explain_unavailable(error) from error


def explain_unavailable(error: KafkaException) -> BrokerUnavailable:
    """The error to raise when no broker answered."""
    return BrokerUnavailable(
        f"Kafka did not answer ({error.args[0].str()}): is it running at the address given? "
        "`homeostat broker start` starts one on this machine."
    )


def _describe_configs(admin: AdminClient, names: Sequence[str], limit_s: float) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    futures = admin.describe_configs([ConfigResource(ResourceType.TOPIC, n) for n in names], request_timeout=limit_s)
    try:
        return {
            resource.name: {name: entry.value for name, entry in future.result().items()}
            for resource, future in futures.items()
        }
    except KafkaException as error:
        raise explain_unavailable(error) from error


def _count_replicas(found: TopicMetadata) -> int:
    return min((len(partition.replicas) for partition in found.partitions.values()), default=0)


def _compare_layout(spec: TopicSpec, platform: Platform, partitions: int, replicas: int) -> list[Drift]:
    drifts: list[Drift] = []
    wanted = count_partitions(spec, platform)
    if partitions != wanted:
        drifts.append(Drift(spec.name, "partitions", str(wanted), str(partitions), Severity.ERROR))
    if replicas < platform.replication:
        drifts.append(Drift(spec.name, "replication", str(platform.replication), str(replicas), Severity.ERROR))
    return drifts


def _compare_configs(spec: TopicSpec, platform: Platform, found: Mapping[str, str], replicas: int) -> list[Drift]:
    drifts: list[Drift] = []
    for setting, expected in expected_configs(spec, platform).items():
        value = found.get(setting, "not stated")
        severity = _RULES.get(setting, _must_equal)(expected, value)
        if severity is not None:
            drifts.append(Drift(spec.name, setting, expected, value, severity))
    in_sync = found.get("min.insync.replicas", "")
    if in_sync.isdecimal() and int(in_sync) > replicas:
        limit = f"at most the {replicas} replicas there are"
        drifts.append(Drift(spec.name, "min.insync.replicas", limit, in_sync, Severity.ERROR))
    return drifts


def _must_equal(expected: str, found: str) -> Severity | None:
    return None if found == expected else Severity.ERROR


def _at_least(expected: str, found: str) -> Severity | None:
    return None if found.isdecimal() and int(found) >= int(expected) else Severity.ERROR


def _kept_as_long(expected: str, found: str) -> Severity | None:
    if found == expected:
        return None
    longer = found == "-1" or (found.isdecimal() and expected != "-1" and int(found) > int(expected))
    return Severity.WARNING if longer else Severity.ERROR


_RULES: Mapping[str, Callable[[str, str], Severity | None]] = {
    "retention.ms": _kept_as_long,
    "retention.bytes": _kept_as_long,
    "min.insync.replicas": _at_least,
    "max.message.bytes": _at_least,
}
