"""What a record says of itself, for people who look into an archive: claimed, not authenticated.

A backtest authenticates again from the original bytes; nothing here is read by one.
"""

import base64
import re
from typing import Final, NamedTuple

import msgspec

from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.headers import CE_TYPE, CONTENT_TYPE, DSSE_CONTENT, STRUCTURED_CONTENT
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import TRACES

CONTROL: Final = "_control"
UNREADABLE: Final = "_unreadable"
PLATFORM: Final = "_platform"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?", re.ASCII)
_NOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


class Tags(NamedTuple):
    """Columns of a record. `tenant` is `_control`, `_unreadable` or `_platform` where it has none."""

    tenant: str
    type: str | None
    specialty: str | None = None
    workflow: str | None = None
    release: str | None = None
    arm: str | None = None


class _Body(msgspec.Struct):
    tenant: str | None = None
    specialty: str | None = None
    workflow: str | None = None
    release: str | None = None
    arm: str | None = None


class _Structured(msgspec.Struct):
    type: str
    data: msgspec.Raw


class _Signed(msgspec.Struct):
    payload: str


_BODIES = msgspec.json.Decoder(_Body)
_EVENTS = msgspec.json.Decoder(_Structured)
_ENVELOPES = msgspec.json.Decoder(_Signed)


def read_tags(topic: str, record: LogRecord) -> Tags:
    """Read what can be read; a trace whose body is malformed or names another tenant than its key is `_unreadable`."""
    headers = dict(record.headers)
    ce_type = _decode(headers.get(CE_TYPE))
    control = headers.get(CONTROL_HEADER)
    if control is not None:
        return Tags(CONTROL, _decode(control))
    try:
        ce_type, data = _unwrap(headers.get(CONTENT_TYPE, b""), ce_type, record.value or b"")
        body = _BODIES.decode(data)
    except _NOT_READ:
        return Tags(UNREADABLE, ce_type)
    tenant = body.tenant
    if tenant is None and topic != TRACES:
        return Tags(PLATFORM, ce_type)
    if tenant is None or _SLUG.fullmatch(tenant) is None or (topic == TRACES and not _owns(record.key, tenant)):
        return Tags(UNREADABLE, ce_type)
    return Tags(tenant, ce_type, body.specialty, body.workflow, body.release, body.arm)


def _unwrap(content: bytes, ce_type: str | None, value: bytes) -> tuple[str | None, bytes | msgspec.Raw]:
    if content == DSSE_CONTENT:
        return ce_type, base64.b64decode(_ENVELOPES.decode(value).payload)
    if content.startswith(STRUCTURED_CONTENT):
        event = _EVENTS.decode(value)
        return event.type, event.data
    return ce_type, value


def _owns(key: bytes | None, tenant: str) -> bool:
    return key is not None and key.partition(b"#")[0] == tenant.encode()


def _decode(name: bytes | None) -> str | None:
    return None if name is None else name.decode("utf-8", "replace")
