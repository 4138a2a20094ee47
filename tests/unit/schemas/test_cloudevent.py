"""The CloudEvents binding in both modes, against the project's own library."""

import json
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.cloudevent import Event, read_event, write_structured
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import event_headers, output_headers
from homeostat.schemas.log import Headers
from homeostat.schemas.reasons import Refusal
from tests.unit.schemas.json_values import anything

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTRIBUTES = {
    "id": "ab" * 16,
    "type": "homeostat.trace.work",
    "source": "/runtimes/scribe-1",
    "datacontenttype": "application/json",
}
DATA = {"tenant": "clinic-a", "signals": {"edit_ratio": 0.1}, "big": 2**60, "none": None}
STRUCTURED: Headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]


def headers_of(message: KafkaMessage) -> Headers:
    return list(message.headers.items())


def body(**changes: Any) -> bytes:
    return json.dumps({"specversion": "1.0", **ATTRIBUTES, "data": DATA, **changes}).encode()


def refusal_of(headers: Headers, value: bytes | None) -> Refusal:
    with pytest.raises(PoisonRecord) as refused:
        read_event(headers, value)
    return refused.value.reason


def test_the_library_reads_what_we_write_in_binary_mode() -> None:
    value = json.dumps(DATA).encode()
    written = event_headers(ATTRIBUTES["type"], ATTRIBUTES["id"], ATTRIBUTES["source"])
    event = from_binary(KafkaMessage(dict(written), None, value), JSONFormat(), CloudEvent)
    assert (event.get_id(), event.get_type(), event.get_source()) == (
        ATTRIBUTES["id"],
        ATTRIBUTES["type"],
        ATTRIBUTES["source"],
    )
    assert event.get_data() == DATA


def test_the_library_reads_the_headers_of_outputs() -> None:
    written = output_headers("homeostat.alarm", "leaf", 3, 41, 0)
    event = from_binary(KafkaMessage(dict(written), None, b"{}"), JSONFormat(), CloudEvent)
    assert (event.get_id(), event.get_source()) == ("leaf-3-41-0", "/homeostat/leaf/3")


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_we_read_what_the_library_writes(write: Any) -> None:
    message = write(CloudEvent({**ATTRIBUTES, "traceparent": PARENT}, DATA), JSONFormat())
    headers = [(name, value) for name, value in message.headers.items() if name != "ce_traceparent"]
    headers.append(("traceparent", PARENT.encode()))
    event = read_event(headers, message.value)
    assert (event.id, event.type, event.source, event.traceparent) == (
        ATTRIBUTES["id"],
        ATTRIBUTES["type"],
        ATTRIBUTES["source"],
        PARENT,
    )
    assert json.loads(event.data or b"") == DATA


def test_structured_mode_is_read_by_the_library_and_by_us() -> None:
    event = Event("ab" * 16, "homeostat.trace.work", "/runtimes/scribe-1", json.dumps(DATA).encode(), PARENT)
    headers, value = write_structured(event)
    read = from_structured(KafkaMessage(dict(headers), None, value), JSONFormat(), CloudEvent)
    assert read.get_data() == DATA
    assert read.get_extension("traceparent") == PARENT
    found = read_event(headers, value)
    assert found._replace(data=None) == event._replace(data=None)
    assert json.loads(found.data or b"") == DATA


def test_a_structured_event_without_data_has_none() -> None:
    event = Event("ab" * 16, "t", "/s", None)
    assert read_event(*write_structured(event)) == event


def test_data_may_come_as_base64() -> None:
    value = body(data_base64="eyJhIjoxfQ==").replace(b'"data": ', b'"other": ')
    assert read_event(STRUCTURED, value).data == b'{"a":1}'


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": "0.3"}, Refusal.UNSUPPORTED_VERSION),
        ({"id": ""}, Refusal.SCHEMA),
        ({"id": 7}, Refusal.SCHEMA),
        ({"type": None}, Refusal.SCHEMA),
        ({"source": "/" * 300}, Refusal.OVER_LONG),
        ({"datacontenttype": "application/avro"}, Refusal.WRONG_CODEC),
        ({"datacontenttype": 7}, Refusal.WRONG_CODEC),
        ({"data_base64": "!"}, Refusal.WRONG_CODEC),
        ({"data_base64": 7}, Refusal.WRONG_CODEC),
    ],
)
def test_structured_events_that_are_refused(changes: dict[str, Any], reason: Refusal) -> None:
    assert refusal_of(STRUCTURED, body(**changes)) is reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, Refusal.NOT_JSON), (b"\xff", Refusal.NOT_JSON), (b"[]", Refusal.SCHEMA), (b"[" * 9999, Refusal.NOT_JSON)],
)
def test_structured_values_that_are_no_event(value: bytes | None, reason: Refusal) -> None:
    assert refusal_of(STRUCTURED, value) is reason


GOOD = dict(event_headers("t", "i", "/s"))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, Refusal.SCHEMA),
        ({**GOOD, "ce_id": b""}, Refusal.SCHEMA),
        ({**GOOD, "ce_id": b"\xff"}, Refusal.SCHEMA),
        ({**GOOD, "ce_id": b"a" * 300}, Refusal.OVER_LONG),
        ({**GOOD, "ce_specversion": b"2.0"}, Refusal.UNSUPPORTED_VERSION),
        ({**GOOD, "content-type": b"application/avro"}, Refusal.WRONG_CODEC),
        ({**GOOD, "content-type": b"application/cloudevents-batch+json"}, Refusal.WRONG_CODEC),
        ({**GOOD, "content-type": b"application/cloudevents+avro"}, Refusal.WRONG_CODEC),
    ],
)
def test_binary_headers_that_are_refused(headers: dict[str, bytes], reason: Refusal) -> None:
    assert refusal_of(list(headers.items()), b"{}") is reason


def test_headers_that_we_do_not_read_may_hold_anything_and_the_first_of_a_name_counts() -> None:
    headers = [("x", b"\xff"), *GOOD.items(), ("ce_id", b"second")]
    assert read_event(headers, b"{}").id == "i"


header_names = st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_specversion", "content-type", "x"])
header_values = st.binary(max_size=12) | st.sampled_from([b"1.0", b"application/json", STRUCTURED[0][1]])


@given(st.lists(st.tuples(header_names, header_values), max_size=8), st.none() | st.binary(max_size=40))
def test_any_record_is_an_event_or_refused(headers: list[tuple[str, bytes]], value: bytes | None) -> None:
    assert is_read(headers, value)


@given(st.dictionaries(st.sampled_from([*ATTRIBUTES, "data", "data_base64", "specversion"]), anything))
def test_any_structured_body_is_an_event_or_refused(changes: dict[str, Any]) -> None:
    assert is_read(STRUCTURED, body(**changes))


def is_read(headers: Headers, value: bytes | None) -> bool:
    """False never comes: another exception than a refusal fails the test."""
    try:
        return isinstance(read_event(headers, value), Event)
    except PoisonRecord as error:
        return error.reason in Refusal
