"""Where an archive ends, from its files' names: what a writer goes on from."""

from collections.abc import Collection

import pyarrow.parquet as pq

from homeostat.schemas.errors import TopicsUnfit
from homeostat.streams.archive.columns import FileHead, read_file_head
from homeostat.streams.archive.layout import ArchiveFile
from homeostat.streams.archive.store import ArchiveStore


def find_newest(store: ArchiveStore, topic: str, partitions: Collection[int]) -> dict[int, ArchiveFile]:
    """By partition the file that reaches furthest; partitions of which there is no file are left out.

    Days of a partition rise with its offsets, so the newest day that has a file of it is the last one looked at.
    """
    newest: dict[int, ArchiveFile] = {}
    for day in reversed(store.days(topic)):
        found: dict[int, ArchiveFile] = {}
        for file in store.files(topic, day):
            if file.partition in partitions and file.partition not in newest:
                known = found.get(file.partition)
                found[file.partition] = file if known is None or file.next > known.next else known
        newest |= found
        if len(newest) == len(partitions):
            break
    return newest


def check_log(store: ArchiveStore, head: FileHead) -> None:
    """Hold the archive's newest file of a topic against the broker's topic. Raises `TopicsUnfit` for another one."""
    days = store.days(head.topic)
    files = store.files(head.topic, days[-1]) if days else []
    if not files:
        return
    with store.open(files[-1]) as source, pq.ParquetFile(source) as file:
        found = read_file_head(file, files[-1].path)
    if found.partitions != head.partitions or (found.log and head.log and found.log != head.log):
        raise TopicsUnfit(
            f"{store.location} is the archive of another {head.topic} ({found.partitions} partitions, id {found.log}; "
            f"the broker's has {head.partitions}, id {head.log}): give this one a location of its own"
        )
