"""What an archive's columns say of a record: as it claims, and `_unreadable` where it cannot be read."""

import base64
import json

import pytest

from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.headers import CE_TYPE, CONTENT_TYPE, DSSE_CONTENT, JSON_CONTENT, STRUCTURED_CONTENT
from homeostat.schemas.log import Headers, LogRecord
from homeostat.streams.archive.tags import CONTROL, PLATFORM, UNREADABLE, Tags, read_tags

BODY = {"tenant": "riverside", "specialty": "cardiology", "workflow": "scribe", "release": "sha256:1", "arm": "control"}
PLAIN = [(CE_TYPE, b"homeostat.trace.work"), (CONTENT_TYPE, JSON_CONTENT)]
READ = Tags("riverside", "homeostat.trace.work", "cardiology", "scribe", "sha256:1", "control")


def tags(
    value: bytes | None, headers: Headers = PLAIN, key: bytes | None = b"riverside", topic: str = "traces.v1"
) -> Tags:
    return read_tags(topic, LogRecord(0, 0, key, value, headers))


def test_a_trace_says_whose_it_is() -> None:
    assert tags(json.dumps(BODY | {"signals": {"x": 1}}).encode()) == READ
    assert tags(json.dumps(BODY).encode(), key=b"riverside#3") == READ


def test_a_structured_event_and_a_signed_report_are_opened() -> None:
    event = {"specversion": "1.0", "id": "1", "type": "homeostat.trace.work", "data": BODY}
    assert tags(json.dumps(event).encode(), [(CONTENT_TYPE, STRUCTURED_CONTENT + b"; charset=utf-8")]) == READ
    signed = {"payload": base64.b64encode(json.dumps(BODY).encode()).decode(), "payloadType": "x", "signatures": []}
    assert tags(json.dumps(signed).encode(), [PLAIN[0], (CONTENT_TYPE, DSSE_CONTENT)]) == READ


def test_a_control_record_is_told_by_its_header() -> None:
    assert tags(b"anything", [(CONTROL_HEADER, b"tick")], None) == Tags(CONTROL, "tick")


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"tenant": 1}',
        b'{"tenant": "\\ud800"}',
        b'{"tenant": "../up"}',
        b'{"tenant": "riverside", "arm": 3}',
        b'{"tenant": "hilltop"}',
        b'{"a":' * 100_000,
    ],
)
def test_what_cannot_be_read_is_kept_apart(value: bytes | None) -> None:
    assert tags(value) == Tags(UNREADABLE, "homeostat.trace.work")


def test_a_trace_without_a_key_is_nobodys() -> None:
    assert tags(json.dumps(BODY).encode(), key=None).tenant == UNREADABLE


def test_other_topics_may_be_of_no_tenant() -> None:
    assert tags(b'{"rollout": "x"}', [(CE_TYPE, b"t")], topic="evidence.v1") == Tags(PLATFORM, "t")
    assert tags(b'{"tenant": "hilltop"}', [(CE_TYPE, b"t")], topic="evidence.v1") == Tags("hilltop", "t")
