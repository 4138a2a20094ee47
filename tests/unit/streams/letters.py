"""Refused records and the letters that a leaf would write about them."""

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.dead_letter import UNSEALED, DeadLetter, encode_unsealed
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import DEAD_LETTERS, TRACES

START_MS = 1_700_000_000_000


def refused_record(offset: int, value: bytes | None = b'{"note": "free text"}') -> LogRecord:
    """A record with a header that is not text and one that is there twice."""
    headers = [("ce_id", b"ab" * 16), ("x", b"\xff\x00"), ("x", b"")]
    return LogRecord(offset, START_MS + offset, b"clinic-a", value, headers)


def unsealed(record: LogRecord, key: DeadLetterKey | None, reason: Refusal = Refusal.FREE_TEXT) -> Output:
    """What a leaf hands to the shell."""
    letter = DeadLetter(
        topic=TRACES,
        partition=1,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        stage="leaf",
        reason=reason,
        tenant="clinic-a",
        size_bytes=len(record.value or b""),
        value_digest=digest_bytes(record.value or b""),
        shape="{note:str}",
    )
    headers = output_headers(DeadLetter.ce_type, "leaf", 1, record.offset, 0)
    value = encode_unsealed(letter, record, key)
    return Output(DEAD_LETTERS, b"traces.v1/1", value, record.timestamp, headers, signer=UNSEALED)
