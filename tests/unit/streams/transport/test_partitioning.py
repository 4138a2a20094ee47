"""Where outputs go: our murmur2 against the port in the client that sends them."""

from aiokafka.partitioner import murmur2 as client_murmur2
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.partition import murmur2, partition_of


@given(st.binary(max_size=200))
def test_agrees_with_the_clients_port(data: bytes) -> None:
    assert murmur2(data) == client_murmur2(data) % 2**32


@given(st.binary(max_size=40), st.integers(1, 64))
def test_partition_is_the_clients(key: bytes, count: int) -> None:
    assert partition_of(key, count) == (client_murmur2(key) & 0x7FFFFFFF) % count
