"""The one declared list of Prometheus metrics. Dashboards and alert rules name nothing that is not in `METRICS`."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector


class Kind(StrEnum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class MetricSpec(NamedTuple):
    """One declared metric; the name carries its unit."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]


REGISTRY: Final = CollectorRegistry()
METRICS: Final[dict[str, MetricSpec]] = {}

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
RECORDS: Final = (1.0, 5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)

disable_created_metrics()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def _declare(name: str, kind: Kind, text: str, labels: tuple[str, ...]) -> None:
    if name in METRICS:
        raise ValueError(f"metric {name} is declared twice")
    METRICS[name] = MetricSpec(name, kind, text, labels)


def _counter(name: str, text: str, *labels: str) -> Counter:
    _declare(name, Kind.COUNTER, text, labels)
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    _declare(name, Kind.GAUGE, text, labels)
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    _declare(name, Kind.HISTOGRAM, text, labels)
    return Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


OTHER: Final = "other"


def tenant_label(tenant: str, allowed: Collection[str]) -> str:
    """Give the label value of a tenant: its name when it is on the allow-list, else `other`.

    >>> tenant_label("clinic-7", {"clinic-1"})
    'other'
    """
    return tenant if tenant in allowed else OTHER


# Transport: `stage` is one of five, `partition` at most the platform's declared number.
RECORDS_IN = _counter(
    "homeostat_transport_records_in_total", "Records folded into a stage's state.", "stage", "partition"
)
RECORDS_OUT = _counter("homeostat_transport_records_out_total", "Records that a stage wrote.", "stage", "topic")
BATCH_RECORDS = _histogram(
    "homeostat_transport_batch_size_records", "Records handed to one apply of a stage.", RECORDS, "stage"
)
APPLY_SECONDS = _histogram("homeostat_transport_apply_seconds", "Time of one apply of a stage.", SECONDS, "stage")
CHECKPOINT_SECONDS = _histogram(
    "homeostat_transport_checkpoint_seconds", "From the snapshot to the committed source offset.", SECONDS, "stage"
)
CHECKPOINT_TIME = _gauge(
    "homeostat_transport_last_checkpoint_timestamp_seconds", "When a partition's state was last saved.",
    "stage", "partition",
)  # fmt: skip
STATE_RECORDS = _counter(
    "homeostat_transport_state_records_total", "Changed state records written by checkpoints.", "stage"
)
RESTORE_SECONDS = _histogram(
    "homeostat_transport_restore_seconds", "From the claim of a partition to its first fetch.", SECONDS, "stage"
)
LAG_RECORDS = _gauge(
    "homeostat_transport_lag_records", "Offsets between what was applied and the partition's stable end.",
    "stage", "partition",
)  # fmt: skip
PARTITION_READY = _gauge(
    "homeostat_transport_partition_ready_ratio", "1 while a partition is restored and served here.",
    "stage", "partition",
)  # fmt: skip
FENCED = _counter(
    "homeostat_transport_fenced_total", "Checkpoints that the broker refused: another worker owns it.", "stage"
)
HEALED = _counter("homeostat_transport_healed_total", "States dropped after an error and restored again.", "stage")
LOST_BATCHES = _counter(
    "homeostat_transport_lost_batches_total", "Batches that never reached their stage and were fetched again.", "stage"
)
LOG_GAPS = _counter(
    "homeostat_transport_log_gaps_total", "Times that a log began above the offset its stage expected.", "stage"
)

# Gateway: one process a gateway; `outcome` is a word of the acknowledgement or a refusal's reason, `arm` one of three.
GATEWAY_STATES = _counter("homeostat_gateway_states_total", "Desired states that a gateway was offered.", "outcome")
GATEWAY_LEASES = _counter("homeostat_gateway_leases_total", "Lease renewals that a gateway was offered.", "outcome")
GATEWAY_STARTS = _counter("homeostat_gateway_session_starts_total", "Sessions started under a rollout.", "arm")
GATEWAY_EXPOSED = _gauge("homeostat_gateway_exposed_count", "Target and specialty pairs that may get a candidate now.")
GATEWAY_OUTBOX = _gauge("homeostat_gateway_outbox_records", "Messages that wait for the broker.")
GATEWAY_WEBHOOK = _counter("homeostat_gateway_webhook_posts_total", "Posts to the webhook of a gateway.", "outcome")
GATEWAY_BROKER_ERRORS = _counter("homeostat_gateway_broker_errors_total", "Errors while following the commands.")

# Control: `topic` is one of the stages' five inputs, or what a drill is written to.
CONTROL_RECORDS = _counter("homeostat_control_records_total", "Control records written.", "topic")
CONTROL_REFUSED = _counter("homeostat_control_refused_total", "Documents that could not be relayed.", "reason")

# Drills: the gateways that the policy's drills name; `outcome` is proven or failed.
DRILL_AGE = _gauge(
    "homeostat_drill_proven_rollback_age_seconds", "Time since a gateway's last proven rollback; +Inf: never.",
    "gateway",
)  # fmt: skip
DRILL_RUNS = _counter("homeostat_drill_runs_total", "Drills that have ended.", "gateway", "outcome")

# Archive: `topic` is one of those archived, `partition` at most the platform's declared number.
ARCHIVE_RECORDS = _counter("homeostat_archive_records_total", "Records in files that were written.", "topic")
ARCHIVE_FILES = _counter("homeostat_archive_files_total", "Files that were written.", "topic")
ARCHIVE_BYTES = _counter("homeostat_archive_written_bytes_total", "Bytes of files that were written.", "topic")
ARCHIVE_BUFFER = _gauge("homeostat_archive_buffer_bytes", "Records that no file holds yet, as columns in memory.")
ARCHIVE_LAG = _gauge(
    "homeostat_archive_lag_records", "Offsets between the archive's end and the partition's.", "topic", "partition"
)
ARCHIVE_LOST = _counter(
    "homeostat_archive_lost_offsets_total", "Offsets that the broker dropped before they were archived.", "topic"
)
ARCHIVE_ERRORS = _counter("homeostat_archive_errors_total", "Times that a file or the broker had to be tried again.")

# Audit: `kind` is one of nine.
AUDIT_ENTRIES = _counter("homeostat_audit_entries_total", "Entries appended to the audit.", "kind")
AUDIT_LOST = _counter("homeostat_audit_lost_offsets_total", "Offsets that the broker dropped unaudited.", "topic")
AUDIT_ERRORS = _counter("homeostat_audit_errors_total", "Times that the audit began anew where it ends.")
