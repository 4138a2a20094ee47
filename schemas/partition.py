"""Which partition a key belongs to: murmur2 as every Java client computes it."""

import struct
from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Hash bytes as `org.apache.kafka.common.utils.Utils.murmur2` does; 32 bits, unsigned.

    Source: Apache Kafka, Utils.java (Austin Appleby's MurmurHash2, seed 0x9747b28c). Empty input gives 0x106e08d9.

    >>> murmur2(b"foobar") == (-790332482) % 2**32
    True
    """
    length = len(data)
    words = length & ~3
    h = _SEED ^ length
    for (k,) in struct.iter_unpack("<I", data[:words]):
        k = (k * _M) & _MASK
        k ^= k >> 24
        h = ((h * _M) & _MASK) ^ ((k * _M) & _MASK)
    tail = data[words:]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partition_count: int) -> int:
    """Give the partition of a key among `partition_count`, as Java's default partitioner does.

    Raises ValueError when the count is not positive.

    >>> partition_of(b"tenant-a", 1)
    0
    """
    if partition_count < 1:
        raise ValueError(f"{partition_count} partitions < 1: a topic has at least one")
    return (murmur2(key) & 0x7FFFFFFF) % partition_count
