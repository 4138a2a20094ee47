"""The Publisher on a real broker: what arrives, where, under which MAC; and what a broker that is away costs."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.cloudevent import read_event
from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.exposure import PublisherReport
from homeostat.schemas.headers import TRACEPARENT
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, issue_work_token, read_mac, start_trace_mac
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import Arm, FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.client.publisher import Publisher
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.work_token import WorkToken
from tests.integration.reading import read_topic
from tests.unit.streams.publishing import RELEASE, tenant_key, work_fields

pytestmark = pytest.mark.kafka
PARTITIONS = 4


@pytest.fixture
def traces(kafka: LocalBroker, kafka_admin: AdminClient) -> LocalBroker:
    create_topics(kafka_admin, platform=Platform(partitions=PARTITIONS))
    return kafka


def parse(message: KafkaMessage, key: TenantKey) -> WorkTrace | FeedbackTrace | PublisherReport:
    """A record as a leaf reads it: event, MAC, contract."""
    headers = dict(message.headers() or [])
    event = read_event([(name, value) for name, value in headers.items() if isinstance(value, bytes)], message.value())
    master, mac = read_mac(headers[MAC_HEADER])  # type: ignore[arg-type]  # bytes, as they were sent
    assert master == key.master_id
    assert event.data is not None
    assert mac == authenticate_trace(start_trace_mac(key.secret()), event.id.encode(), event.data)
    parsed, ignored = parse_message(MESSAGES[event.type], event.data)
    assert ignored == 0
    assert isinstance(parsed, WorkTrace | FeedbackTrace | PublisherReport)
    return parsed


def test_work_and_feedback_arrive_authenticated_in_the_tenants_partition(traces: LocalBroker) -> None:
    key = tenant_key("clinic-a")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Publisher(traces.address, key, "scribe-1") as publisher:
        token = publisher.publish_work(**work_fields(1), traceparent=parent)
        publisher.publish_feedback(WorkToken.parse(str(token)), FeedbackKind.EDIT, signals={"edit_ratio": 0.4})
        assert publisher.flush() == 0
        assert (publisher.sent, publisher.dropped) == (2, {})
    messages = read_topic(traces.address, TRACES)
    work, feedback, report = (parse(message, key) for message in messages)
    assert isinstance(work, WorkTrace)
    assert isinstance(feedback, FeedbackTrace)
    assert isinstance(report, PublisherReport)
    assert {message.partition() for message in messages} == {partition_of(b"clinic-a", PARTITIONS)}
    assert dict(messages[0].headers() or [])[TRACEPARENT] == parent.encode()
    assert (work.tenant, work.runtime, work.signals) == ("clinic-a", "scribe-1", {"unsupported_ratio": 0.1})
    assert (feedback.work_id, feedback.release, feedback.session) == (work.work_id, RELEASE, work.session)
    assert feedback.work_token == issue_work_token(
        key.secret(), key.master_id, work.work_id, work.work_time_ms, RELEASE, Arm.CANDIDATE, work.session
    )
    assert (report.sent, report.dropped, report.sequence) == (2, {}, 1)


def test_keys_lie_where_a_java_client_would_put_them(traces: LocalBroker) -> None:
    tenants = [f"clinic-{number}" for number in range(8)]
    for tenant in tenants:
        with Publisher(traces.address, tenant_key(tenant), "scribe-1", linger_ms=0) as publisher:
            publisher.publish_work(**work_fields(1))
    places = {(message.key(), message.partition()) for message in read_topic(traces.address, TRACES)}
    assert places == {(t.encode(), partition_of(t.encode(), PARTITIONS)) for t in tenants}


def test_threads_share_a_publisher_and_nothing_is_lost(traces: LocalBroker) -> None:
    with Publisher(traces.address, tenant_key("clinic-a"), "scribe-1") as publisher:

        def send(block: int) -> None:
            for number in range(block * 500, (block + 1) * 500):
                publisher.publish_work(**work_fields(number))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, range(8)))
    assert (publisher.sent, publisher.dropped) == (4000, {})
    seen = Counter(json.loads(message.value() or b"").get("trace_id") for message in read_topic(traces.address, TRACES))
    assert seen.pop(None) == 1
    assert (len(seen), set(seen.values())) == (4000, {1})


def test_reports_come_on_a_timer_and_count_what_was_refused(traces: LocalBroker) -> None:
    key = tenant_key("clinic-a")
    with Publisher(traces.address, key, "scribe-1", report_interval_s=0.2) as publisher:
        with pytest.raises(PoisonRecord, match="personal_data"):
            publisher.publish_work(**(work_fields(1) | {"specialty": "Jane Doe"}))
        reports: list[PublisherReport] = []
        while len(reports) < 2:
            parsed = [parse(message, key) for message in read_topic(traces.address, TRACES)]
            reports = [message for message in parsed if isinstance(message, PublisherReport)]
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    assert {report.publisher for report in reports} == {publisher.id}
    assert reports[-1].dropped == {"personal_data": 1}


def test_a_paused_broker_blocks_nobody_and_what_was_dropped_is_told_later(
    make_kafka: Callable[..., LocalBroker],
) -> None:
    broker = make_kafka()
    create_topics(AdminClient({"bootstrap.servers": broker.address}), platform=Platform(partitions=PARTITIONS))
    key = tenant_key("clinic-a")
    with Publisher(broker.address, key, "scribe-1", max_queued_traces=1000) as publisher:
        publisher.publish_work(**work_fields(0))
        assert publisher.flush() == 0
        broker.pause()
        slowest_s = 0.0
        for number in range(1, 3001):
            began_s = monotonic()
            publisher.publish_work(**work_fields(number))
            slowest_s = max(slowest_s, monotonic() - began_s)
        assert publisher.dropped == {"queue_full": 2000}
        assert publisher.queued <= 1001
        broker.resume()
        assert publisher.flush(60) == 0
    assert slowest_s < 0.5
    assert publisher.sent == 1001
    *traces, report = (parse(message, key) for message in read_topic(broker.address, TRACES))
    assert len(traces) == 1001
    assert isinstance(report, PublisherReport)
    assert (report.sent, report.dropped) == (1001, {"queue_full": 2000})


def test_an_unreachable_broker_ends_close_in_time_and_everything_is_counted() -> None:
    with Publisher("127.0.0.1:9", tenant_key("clinic-a"), "scribe-1") as publisher:
        for number in range(10):
            publisher.publish_work(**work_fields(number))
        began_s = monotonic()
        publisher.close(timeout_s=0.5)
        assert monotonic() - began_s < 3.0
        publisher.publish_work(**work_fields(10))
    assert (publisher.sent, publisher.dropped) == (0, {"not_delivered": 10, "closed": 1})


_RUNTIME = """
import sys
from homeostat.streams.client.publisher import Publisher
from tests.integration.reading import read_topic
from tests.unit.streams.publishing import tenant_key, work_fields
publisher = Publisher(sys.argv[1], tenant_key("clinic-a"), "scribe-1", linger_ms=1000)
for number in range(50):
    publisher.publish_work(**work_fields(number))
"""


def test_a_process_that_just_ends_has_sent_everything(traces: LocalBroker) -> None:
    subprocess.run([sys.executable, "-c", _RUNTIME, traces.address], check=True, cwd=Path.cwd(), timeout=60)
    *works, report = (parse(message, tenant_key("clinic-a")) for message in read_topic(traces.address, TRACES))
    assert len(works) == 50
    assert isinstance(report, PublisherReport)
    assert report.sent == 50
