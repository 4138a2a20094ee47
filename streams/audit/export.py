"""An audit in a folder: entries and audited records as Parquet, checkpoints as they were signed, one a line.

entries.parquet     partition, index, offset and value bytes of every entry, and what it says in columns
records.parquet     the audited records that are still where they were: place, time, key, value, headers
checkpoints.jsonl   one signed checkpoint a line, in order
about.json          partitions, and where the records of each partition began
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from homeostat.schemas.audit import AuditEntry
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.streams.audit.entries import Place
from homeostat.streams.audit.log import AuditLog, Stored
from homeostat.streams.audit.records import Records
from homeostat.streams.audit.records_file import read_records_file, write_records
from homeostat.streams.errors import SettingsInvalid

FORMAT: Final = "homeostat-audit-1"
ENTRIES, RECORDS, CHECKPOINTS, ABOUT = "entries.parquet", "records.parquet", "checkpoints.jsonl", "about.json"
_ENTRIES = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("value", pa.binary(), nullable=False),
        pa.field("kind", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("record", pa.string()),
        pa.field("signed_by", pa.list_(pa.string())),
        pa.field("at", pa.timestamp("ms", "UTC")),
    ]
)


def write_folder(folder: Path, log: AuditLog, records: Records) -> None:
    """Write an audit into a new or empty folder. Raises `SettingsInvalid` for one that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsInvalid(f"{folder} already holds something: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(_entry_rows(log)), _ENTRIES), folder / ENTRIES, compression="zstd")
    write_records(folder / RECORDS, sorted(records.by_place.items()))
    (folder / CHECKPOINTS).write_bytes(b"".join(stored.value + b"\n" for stored in log.checkpoints))
    begins = [[topic, part, begin] for (topic, part), begin in sorted(records.begins.items())]
    about = {"audit": FORMAT, "partitions": log.partitions, "begins": begins}
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_folder(folder: Path) -> tuple[AuditLog, Records]:
    """Read what `write_folder` wrote; nothing is believed yet. Raises `DocumentInvalid` for a folder that is none."""
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        if about.get("audit") == FORMAT:
            return _read_log(folder, int(about["partitions"])), _read_records(folder, about["begins"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DocumentInvalid(f"{folder} is no export of an audit ({error})") from None
    raise DocumentInvalid(f"{folder} is no export of an audit: {ABOUT} does not say {FORMAT}")


def _read_log(folder: Path, partitions: int) -> AuditLog:
    log = AuditLog(partitions)
    for row in pq.read_table(folder / ENTRIES, columns=["partition", "offset", "value"]).to_pylist():
        log.of(row["partition"]).append(Stored(row["partition"], row["offset"], row["value"]))
    lines = (folder / CHECKPOINTS).read_bytes().splitlines()
    log.checkpoints += [Stored(0, number, line) for number, line in enumerate(lines)]
    return log


def _read_records(folder: Path, begins: list[tuple[str, int, int]]) -> Records:
    by_place = dict(read_records_file(folder / RECORDS))
    return Records(by_place, {(topic, part): begin for topic, part, begin in begins})


def _entry_rows(log: AuditLog) -> Iterator[dict[str, Any]]:
    for partition in range(log.partitions):
        for index, stored in enumerate(log.of(partition)):
            row = {"partition": partition, "index": index, "offset": stored.offset, "value": stored.value}
            yield {**row, **_tell(stored.value)}


def _tell(value: bytes) -> dict[str, Any]:
    try:
        entry, _ = parse_message(AuditEntry, value)
    except PoisonRecord:
        return {}
    place = Place(entry.topic, entry.partition, entry.offset)
    told = {"kind": entry.kind.value, "subject": entry.subject, "record": str(place)}
    return {**told, "signed_by": list(entry.signed_by), "at": entry.at_ms}
