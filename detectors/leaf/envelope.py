"""The envelope of a data record: CloudEvents in binary or structured mode, under its tenant's MAC."""

from typing import NamedTuple

import msgspec

from homeostat.detectors.leaf.tenants import Gate
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import CE_ID, CE_SPEC, CE_TYPE, CONTENT_TYPE
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.reasons import Refusal

Headers = dict[str, bytes]
_JSON, _STRUCTURED = b"application/json", b"application/cloudevents+json"


class Event(NamedTuple):
    """An event whose MAC held, and why it is refused all the same."""

    type: bytes
    id: bytes
    data: bytes
    refusal: PoisonRecord | None = None


class _Structured(msgspec.Struct):
    specversion: str
    id: str
    type: str
    data: msgspec.Raw


_EVENTS = msgspec.json.Decoder(_Structured)


def read_envelope(headers: Headers, value: bytes, gate: Gate) -> Event:
    """Authenticate a record and take its event out. Raises `PoisonRecord` for one that nobody stands for."""
    content = headers.get(CONTENT_TYPE, b"")
    if content.startswith(_STRUCTURED):
        return _read_structured(headers, value, gate)
    event = Event(headers.get(CE_TYPE, b""), headers.get(CE_ID, b""), value)
    wrong = None if content.startswith(_JSON) else PoisonRecord(Refusal.WRONG_CODEC, "neither JSON nor a CloudEvent")
    try:
        gate.authenticate(event.id, value, headers.get(MAC_HEADER))
    except PoisonRecord as error:
        raise (wrong or error) from None
    if wrong is None and headers.get(CE_SPEC, b"1.0") != b"1.0":
        wrong = PoisonRecord(Refusal.WRONG_CODEC, "CloudEvents other than 1.0")
    return event._replace(refusal=wrong)


def _read_structured(headers: Headers, value: bytes, gate: Gate) -> Event:
    try:
        event = _EVENTS.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise PoisonRecord(Refusal.NOT_JSON, "not a structured CloudEvent") from None
    event_id = event.id.encode(errors="replace")
    gate.authenticate(event_id, value, headers.get(MAC_HEADER))
    wrong = None
    if event.specversion != "1.0":
        wrong = PoisonRecord(Refusal.WRONG_CODEC, "CloudEvents other than 1.0")
    return Event(event.type.encode(errors="replace"), event_id, bytes(event.data), wrong)
