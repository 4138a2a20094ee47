"""Plain traces at the door: CloudEvents in binary mode with JSON in them, of keys that are known, found in a block.

What a plain trace proves itself by is laid out for its MAC: the length of its event id (2 bytes), the event id, the
value. Everything that is not plain ends the run, and is taken one by one.
"""

from typing import Final

import numpy as np

from homeostat.detectors import record_index as span
from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    CODE,
    EVENT_BYTES,
    KIND,
    OFFSET,
    ROW_TEXT,
    ROW_UNREAD_FEEDBACK,
    TENANT,
    TEXT_AT,
    TIME,
    VALUE_BYTES,
    Bytes,
    DoorArrays,
    Ints,
)
from homeostat.detectors.leaf.batch import ROWS, Batch
from homeostat.detectors.leaf.doors import Doors, find_door
from homeostat.detectors.leaf.scan_json import HEX, find_word, is_word
from homeostat.detectors.leaf.scan_words import join_words
from homeostat.detectors.leaf.tenants import MOST_EVENT_ID
from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.headers import CE_ID, CE_SOURCE, CE_SPEC, CE_TYPE, CONTENT_TYPE, JSON_CONTENT
from homeostat.schemas.mac import MAC_BYTES, MAC_HEADER
from homeostat.schemas.trace import FeedbackTrace, WorkTrace

# In the order in which our publisher writes them: a header is looked for at its own place first.
_NAMES: Final = (CE_SPEC, CE_ID, CE_SOURCE, CE_TYPE, CONTENT_TYPE, MAC_HEADER, CONTROL_HEADER)
_SPEC, _ID, _SOURCE, _TYPE, _CONTENT, _MAC, _CONTROL = range(len(_NAMES))
_NAME_WORDS, _NAME_STARTS = join_words(_NAMES)
_TYPE_WORDS, _TYPE_STARTS = join_words([WorkTrace.ce_type, FeedbackTrace.ce_type])
_VERSION, _JSON = np.frombuffer(b"1.0", np.uint8), np.frombuffer(JSON_CONTENT, np.uint8)
_MOST_HEADERS: Final = 16
_COLON: Final = 58
_MAC_STATE, _FROM, _TO, _DIGITS_AT = range(4)
_PICKED_COLUMNS: Final = 4


@borrowing
def read_headers(text: Bytes, record: Ints, places: Ints, found: Ints) -> bool:
    """Find (start, stop) of the values of a plain trace's headers by `_NAMES`; the last of a name counts."""
    count = record[span.HEADERS]
    if count > places.shape[0]:
        return False
    span.index_headers(text, record[span.HEADERS_AT], text.shape[0], count, places)
    found[:] = -1
    for number in range(count):
        at, stop = places[number, 0], places[number, 0] + places[number, 1]
        name = number if number < _CONTROL else 0
        if not is_word(text, at, stop, _NAME_WORDS, _NAME_STARTS[name], _NAME_STARTS[name + 1]):
            name = find_word(text, at, stop, _NAME_WORDS, _NAME_STARTS)
        if name >= 0:
            found[name, 0], found[name, 1] = places[number, 2], places[number, 2] + places[number, 3]
    return bool(
        found[_CONTROL, 0] < 0
        and found[_ID, 0] >= 0
        and found[_TYPE, 0] >= 0
        and found[_MAC, 0] >= 0
        and found[_SPEC, 0] >= 0
        and found[_CONTENT, 0] >= 0
        and is_word(text, found[_SPEC, 0], found[_SPEC, 1], _VERSION, 0, _VERSION.shape[0])
        and is_word(text, found[_CONTENT, 0], found[_CONTENT, 1], _JSON, 0, _JSON.shape[0])
        and found[_ID, 1] - found[_ID, 0] <= MOST_EVENT_ID
    )


@borrowing
def find_state(text: Bytes, record: Ints, found: Ints, doors: DoorArrays) -> int:
    """Give the place of the keyed state by which a record's MAC is to be checked; −1 for none."""
    door = find_door(text, record[span.KEY_AT], record[span.KEY_AT] + record[span.KEY_BYTES], doors)
    colon = found[_MAC, 0]
    while colon < found[_MAC, 1] and text[colon] != _COLON:
        colon += 1
    if door < 0 or found[_MAC, 1] - colon != 1 + 2 * MAC_BYTES:
        return -1
    master = find_word(text, found[_MAC, 0], colon, doors.master_words, doors.master_starts)
    return int(door * (doors.master_starts.shape[0] - 1) + master) if master >= 0 else -1


@borrowing
def lay_out(text: Bytes, record: Ints, found: Ints, out: Bytes, at: int) -> int:
    """Copy what the MAC is over; the position after it."""
    event_bytes = found[_ID, 1] - found[_ID, 0]
    out[at], out[at + 1] = event_bytes >> 8, event_bytes & 255
    span.copy_bytes(text[found[_ID, 0] : found[_ID, 1]], out[at + 2 : at + 2 + event_bytes])
    at += 2 + event_bytes
    stop = at + record[span.VALUE_BYTES]
    span.copy_bytes(text[record[span.VALUE_AT] : record[span.VALUE_AT] + record[span.VALUE_BYTES]], out[at:stop])
    return int(stop)


@borrowing
def pick_plain(
    text: Bytes,
    spans: Ints,
    most_bytes: int,
    doors: DoorArrays,
    out: Bytes,
    at: int,
    rows: Ints,
    picked: Ints,
    places: Ints,
    found: Ints,
) -> int:
    """Fill rows, all but their times, of the plain traces that `spans` begins with: how many.

    `picked` [row, (keyed state, from, to, digits)] says what to authenticate in `out`, from `at` on, and by which
    digits of `text`. `places` and `found` are scratch.
    """
    for i in range(spans.shape[0]):
        record, row = spans[i], rows[i]
        if record[span.KEY_BYTES] < 0 or record[span.VALUE_BYTES] < 0 or record[span.VALUE_BYTES] > most_bytes:
            return i
        if not read_headers(text, record, places, found):
            return i
        kind = find_word(text, found[_TYPE, 0], found[_TYPE, 1], _TYPE_WORDS, _TYPE_STARTS)
        state = find_state(text, record, found, doors)
        if kind < 0 or state < 0:
            return i
        picked[i, _MAC_STATE], picked[i, _FROM] = state, at
        at = lay_out(text, record, found, out, at)
        picked[i, _TO], picked[i, _DIGITS_AT] = at, found[_MAC, 1] - 2 * MAC_BYTES
        row[KIND] = ROW_TEXT if kind == 0 else ROW_UNREAD_FEEDBACK
        row[OFFSET], row[CODE] = record[span.OFFSET], ACCEPTED
        row[TENANT] = doors.tenant[state // (doors.master_starts.shape[0] - 1)]
        row[VALUE_BYTES], row[EVENT_BYTES] = record[span.VALUE_BYTES], found[_ID, 1] - found[_ID, 0]
        row[TEXT_AT] = at - record[span.VALUE_BYTES]
    return int(spans.shape[0])


@borrowing
def admit(
    text: Bytes, spans: Ints, digests: Bytes, picked: Ints, rows: Ints, log_time_ms: int, step_ms: int
) -> tuple[int, int]:
    """Give how many of the picked bear their MAC, up to the first that does not, and the log time after them.

    Digits are compared without looking at which differs first. Log time moves as `ControlLog.advance` moves it.
    """
    for i in range(picked.shape[0]):
        differs = 0
        for k in range(MAC_BYTES):
            at = picked[i, _DIGITS_AT] + 2 * k
            differs |= ((HEX[text[at]] << 4) | HEX[text[at + 1]]) ^ int(digests[i * MAC_BYTES + k])
        if differs != 0:
            return i, log_time_ms
        timestamp_ms = spans[i, span.TIMESTAMP]
        if log_time_ms != 0:
            timestamp_ms = min(timestamp_ms, log_time_ms + step_ms)
        log_time_ms = int(max(log_time_ms, timestamp_ms))
        rows[i, TIME] = log_time_ms
    return int(picked.shape[0]), log_time_ms


class PlainTraces:
    """Lets runs of plain traces into a batch."""

    def __init__(self) -> None:
        self._picked = np.zeros((ROWS, _PICKED_COLUMNS), np.int64)
        self._places = np.zeros((_MOST_HEADERS, span.HEADER_COLUMNS), np.int64)
        self._found = np.zeros((len(_NAMES), 2), np.int64)
        self._run = ROWS

    def take(
        self,
        block: RecordBlock,
        first: int,
        doors: Doors,
        batch: Batch,
        most_bytes: int,
        log_time_ms: int,
        step_ms: int,
    ) -> tuple[int, int]:
        """Add the plain traces from `first` on, as far as there is room: (how many, log time after them)."""
        taken = 0
        while batch.size < ROWS and first + taken < len(block):
            run = min(self._run, ROWS - batch.size)
            part = block[first + taken : first + taken + run]
            picked = self._pick(part, doors, batch, most_bytes)
            digests = _authenticate(picked, doors, batch)
            rows = batch.room(len(picked))
            admitted, log_time_ms = admit(part.text, part.spans, digests, picked, rows, log_time_ms, step_ms)
            batch.keep(admitted)
            taken += admitted
            # what was picked behind a forged record is picked again: a flood of them must not cost much
            self._run = min(2 * run, ROWS) if admitted == len(picked) else max(1, admitted)
            if admitted < len(part):
                break
        return taken, log_time_ms

    def _pick(self, part: RecordBlock, doors: Doors, batch: Batch, most_bytes: int) -> Ints:
        values = int(np.clip(part.spans[:, span.VALUE_BYTES], 0, most_bytes).sum())
        at = batch.make_room(values + len(part) * (2 + MOST_EVENT_ID))
        rows = batch.room(len(part))
        count = pick_plain(
            part.text,
            part.spans,
            most_bytes,
            doors.arrays,
            batch.text,
            at,
            rows,
            self._picked,
            self._places,
            self._found,
        )
        return self._picked[:count]


def _authenticate(picked: Ints, doors: Doors, batch: Batch) -> Bytes:
    """The digests of the picked traces."""
    digests, macs, raw = [], doors.macs, batch.raw
    for mac, start, stop, _ in picked.tolist():
        state = macs[mac].copy()
        state.update(raw[start:stop])
        digests.append(state.digest())
    return np.frombuffer(b"".join(digests) or b"\0", np.uint8)
