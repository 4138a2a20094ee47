"""CloudEvents 1.0 on Kafka: binary mode is written, binary and structured mode are read.

Source: CloudEvents Kafka Protocol Binding 1.0.2. In binary mode the attributes are headers and the value is the data;
in structured mode the value is one JSON object with everything. Batches and other formats are refused.
"""

import base64
import binascii
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import CE_ID, CE_SOURCE, CE_SPEC, CE_TYPE, CONTENT_TYPE, TRACEPARENT
from homeostat.schemas.log import Headers
from homeostat.schemas.reasons import Refusal

MAX_ATTRIBUTE_CHARS = 256
_FAMILY = "application/cloudevents"
_STRUCTURED = "application/cloudevents+json"
_HEADERS = {"specversion": CE_SPEC, "id": CE_ID, "type": CE_TYPE, "source": CE_SOURCE, "traceparent": TRACEPARENT}
_READ = frozenset({*_HEADERS.values(), CONTENT_TYPE})


class Event(NamedTuple):
    """The attributes that Homeostat reads, and the data as JSON bytes."""

    id: str
    type: str
    source: str
    data: bytes | None
    traceparent: str | None = None


def read_event(headers: Headers, value: bytes | None) -> Event:
    """One event in either mode.

    Raises `PoisonRecord`: WRONG_CODEC for another encoding, SCHEMA for a missing attribute, UNSUPPORTED_VERSION for
    another specversion, OVER_LONG for an attribute beyond 256 characters, NOT_JSON for a structured value that is none.
    """
    attributes = _decode_headers(headers)
    content = _media_type(attributes.get(CONTENT_TYPE, ""))
    if content == _STRUCTURED:
        return _read_structured(value)
    if content.startswith(_FAMILY) or not _is_json(content):
        raise PoisonRecord(Refusal.WRONG_CODEC, "neither JSON in binary mode nor a structured JSON event")
    return _check({name: attributes.get(header) for name, header in _HEADERS.items()}, value)


def write_structured(event: Event) -> tuple[list[tuple[str, bytes]], bytes]:
    """(headers, value) of an event in structured mode; its data must be JSON."""
    body = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.traceparent is not None:
        body["traceparent"] = event.traceparent
    head = to_json({**body, "datacontenttype": "application/json"})
    data = b"" if event.data is None else b',"data":' + event.data
    return [(CONTENT_TYPE, _STRUCTURED.encode())], head[:-1] + data + b"}"


def _read_structured(value: bytes | None) -> Event:
    try:
        body = from_json(b"" if value is None else value)
    except ValueError:
        raise PoisonRecord(Refusal.NOT_JSON, "a structured event that is no JSON") from None
    if not isinstance(body, dict):
        raise PoisonRecord(Refusal.SCHEMA, "a structured event that is no object")
    return _check(body, _read_data(body))


def _read_data(body: dict[str, Any]) -> bytes | None:
    content = body.get("datacontenttype", "application/json")
    if not isinstance(content, str) or not _is_json(_media_type(content)):
        raise PoisonRecord(Refusal.WRONG_CODEC, "data that is not JSON")
    if "data_base64" not in body:
        return to_json(body["data"], inf_nan_mode="constants") if "data" in body else None
    try:
        return base64.b64decode(body["data_base64"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise PoisonRecord(Refusal.WRONG_CODEC, "data_base64 is not base64") from None


def _check(attributes: dict[str, Any], data: bytes | None) -> Event:
    values = [attributes.get(name) for name in ("specversion", "id", "type", "source")]
    if not all(isinstance(value, str) and value for value in values):
        raise PoisonRecord(Refusal.SCHEMA, "a CloudEvent has specversion, id, type and source")
    version, event_id, kind, source = map(str, values)
    if max(map(len, (event_id, kind, source))) > MAX_ATTRIBUTE_CHARS:
        raise PoisonRecord(Refusal.OVER_LONG, "a CloudEvents attribute")
    if version != "1.0":
        raise PoisonRecord(Refusal.UNSUPPORTED_VERSION, "a CloudEvents specversion other than 1.0")
    parent = attributes.get("traceparent")
    return Event(event_id, kind, source, data, parent if isinstance(parent, str) else None)


def _decode_headers(headers: Headers) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in reversed(headers) if name in _READ and value is not None}
    except UnicodeDecodeError:
        raise PoisonRecord(Refusal.SCHEMA, "a CloudEvents header that is not UTF-8") from None


def _media_type(content: str) -> str:
    return content.partition(";")[0].strip().lower()


def _is_json(content: str) -> bool:
    return content in {"", "application/json"} or content.endswith("+json")
