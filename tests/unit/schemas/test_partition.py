"""Keys lie where Java clients put them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.partition import murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_vectors_of_kafkas_own_test(data: bytes, hashed: int) -> None:
    """UtilsTest.testMurmur2 of Apache Kafka."""
    assert murmur2(data) == hashed % 2**32


@given(st.binary(max_size=80), st.integers(1, 4096))
def test_every_key_has_a_partition(key: bytes, count: int) -> None:
    assert 0 <= partition_of(key, count) < count


def test_no_partitions_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 partitions < 1"):
        partition_of(b"a", 0)
