"""A recall list as Parquet, CSV or JSON, by the file's ending."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from homeostat.streams.decisions.recall import Recall, RecalledWork
from homeostat.streams.errors import SettingsInvalid

_LISTS: Final = ("tools", "side_effects", "output_properties", "feedback")
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("trace_id", "work_id", "session")),
        pa.field("time", pa.timestamp("ms", "UTC"), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("specialty", "workflow", "arm")),
        pa.field("rollout", pa.string()),
        *(pa.field(name, pa.list_(pa.string()), nullable=False) for name in _LISTS),
        pa.field("corrected", pa.bool_(), nullable=False),
        pa.field("corrected_at", pa.timestamp("ms", "UTC")),
    ]
)


def write_recall(path: Path, recall: Recall) -> None:
    """Write a list; a file that is there is replaced. Raises `SettingsInvalid` for another ending."""
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise SettingsInvalid(f"{path}: a recall list is written as {', '.join(_WRITERS)}")
    writer(path, recall)


def _tell(work: RecalledWork) -> dict[str, Any]:
    trace, first = work.trace, work.corrections[0].at_ms if work.corrections else None
    return {
        "trace_id": trace.trace_id,
        "work_id": trace.work_id,
        "session": trace.session,
        "time": trace.work_time_ms,
        "specialty": trace.specialty,
        "workflow": trace.workflow,
        "arm": trace.arm.value,
        "rollout": trace.rollout,
        "tools": [f"{call.tool}:{call.outcome.value}" for call in trace.tools],
        "side_effects": list(work.side_effects),
        "output_properties": [each.value for each in trace.output_properties],
        "feedback": [kind.value for kind in work.feedback],
        "corrected": bool(work.corrections),
        "corrected_at": first,
    }


def _write_parquet(path: Path, recall: Recall) -> None:
    head = {"tenant": recall.tenant, "release": recall.release, "authenticated": str(recall.checked).lower()}
    table = pa.Table.from_pylist(list(map(_tell, recall.works)), _SCHEMA)
    pq.write_table(table.replace_schema_metadata(head), path, compression="zstd")


def _write_csv(path: Path, recall: Recall) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, [field.name for field in _SCHEMA])
        rows.writeheader()
        for row in map(_tell, recall.works):
            rows.writerow({**row, **{name: " ".join(row[name]) for name in _LISTS}})


def _write_json(path: Path, recall: Recall) -> None:
    head = {"tenant": recall.tenant, "release": recall.release, "authenticated": recall.checked}
    body = {**head, "records_refused": recall.refused, "works": list(map(_tell, recall.works))}
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


_WRITERS: Mapping[str, Callable[[Path, Recall], None]] = MappingProxyType(
    {".parquet": _write_parquet, ".csv": _write_csv, ".json": _write_json}
)
