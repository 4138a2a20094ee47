"""Names say what files hold; whatever the overlaps, every offset is read from one file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.streams.archive.layout import DAY_MS, ArchiveFile, cover, day_of, start_of

DAY = "2026-01-01"
_RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=8)


@given(_RANGES)
def test_every_offset_that_a_file_has_is_read_once_and_the_rest_are_gaps(ranges: list[tuple[int, int]]) -> None:
    files = [ArchiveFile("t", DAY, 0, first, first + size) for first, size in ranges]
    held = {offset for file in files for offset in range(file.first, file.next)}
    covered = cover(files)
    read = [offset for span in covered.spans for offset in range(span.first, span.file.next)]
    missing = [offset for gap in covered.gaps for offset in range(gap.first, gap.next)]
    assert read == sorted(held)
    assert missing == [offset for offset in range(min(held, default=0), max(held, default=0)) if offset not in held]
    assert sorted([*(span.file for span in covered.spans), *covered.spare]) == sorted(files)


@given(st.integers(0, 99_999), st.integers(0, 2**62), st.integers(1, 2**40), st.sampled_from(["traces.v1", "a-1-2"]))
def test_a_name_says_what_the_file_holds(partition: int, first: int, size: int, topic: str) -> None:
    file = ArchiveFile(topic, DAY, partition, first, first + size)
    top, folder, name = file.path.split("/")
    assert top == topic
    assert ArchiveFile.parse(folder, name) == file


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (f"day={DAY}", ".t-00000-00000000000000000000-00000000000000000005.parquet.17.tmp"),
        (f"day={DAY}", "t-00000-00000000000000000005-00000000000000000005.parquet"),
        (f"day={DAY}", "t-0-0-5.parquet"),
        (f"day={DAY}", "_SUCCESS"),
        ("day=soon", "t-00000-00000000000000000000-00000000000000000005.parquet"),
    ],
)
def test_any_other_name_is_not_part_of_it(folder: str, name: str) -> None:
    assert ArchiveFile.parse(folder, name) is None


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_is_in_its_day(time_ms: int) -> None:
    assert start_of(day_of(time_ms)) == time_ms // DAY_MS * DAY_MS
