"""A file with tenants sorted against a folder a tenant: `python -m bench.archive_folders`.

One flush of one partition: 100,000 traces of 10,000 tenants, written, synced and read again; CPU seconds, bytes.
"""

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.leaf import TENANTS, traces
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import TRACES
from homeostat.streams.archive.columns import FileHead, to_batch, to_parquet

COUNT, SITES = 100_000, 50


def draw() -> list[LogRecord]:
    """The traces of `bench.leaf`, each tenant's at 50 sites that are tenants of their own."""
    drawn = []
    for number, record in enumerate(traces(COUNT, 0, 1_700_000_000_000, Random(1))):
        assert record.key is not None
        assert record.value is not None
        tenant = b"%b-%d" % (record.key, number // TENANTS % SITES)
        drawn.append(record._replace(key=tenant, value=record.value.replace(record.key, tenant, 1)))
    return drawn


def write(path: Path, content: pa.Buffer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def report(name: str, folder: Path, began: float) -> None:
    written = time.process_time() - began
    files = list(folder.rglob("*.parquet"))
    began = time.process_time()
    rows = sum(pq.read_table(path).num_rows for path in files)
    read = time.process_time() - began
    size = sum(path.stat().st_size for path in files)
    print(
        f"{name}: {len(files)} files, {size / 1e6:.1f} MB, written in {written:.2f} s, {rows} rows read in {read:.2f} s"
    )


def main() -> None:
    """Write and read both."""
    head, batch = FileHead(TRACES, 1, ""), to_batch(TRACES, 0, draw())
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        write(Path(folder) / "one.parquet", to_parquet(head, [batch]))
        report("one file", Path(folder), began)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        table = pa.Table.from_batches([batch]).sort_by([("tenant", "ascending"), ("offset", "ascending")])
        numbers = table["tenant"].combine_chunks().dictionary_encode().indices.to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for first, end in pairwise(cuts):
            tenant = table["tenant"][first].as_py()
            write(
                Path(folder) / f"tenant={tenant}" / "one.parquet", to_parquet(head, [table.slice(first, end - first)])
            )
        report("a folder a tenant", Path(folder), began)


if __name__ == "__main__":
    main()
