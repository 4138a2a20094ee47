"""What a connection tells its client from the reset until its reader has seen it, on both event loops."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiokafka import conn
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from homeostat.streams.transport.connections import RetriedConnection, use_retried_connections

RESET_AT_CLOSE = struct.pack("ii", 1, 0)


async def errors_after_reset(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> set[type[BaseException]]:
    """Send and send again while the other side resets the connection; what the sends ended with."""

    async def ask_nothing(_self: AIOKafkaConnection) -> None: ...

    monkeypatch.setattr(AIOKafkaConnection, "_do_version_lookup", ask_nothing)
    monkeypatch.setattr(conn, "AIOKafkaConnection", kind)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = await conn.create_conn(*server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        accepted.close()
        raised: set[type[BaseException]] = set()
        answers: list[asyncio.Future[Any]] = []
        while connection.connected():
            try:
                answers.append(asyncio.ensure_future(connection.send(ApiVersionRequest())))
            except Exception as error:  # noqa: BLE001 which one comes is the question
                raised.add(type(error))
            await asyncio.sleep(0)
        ended = await asyncio.gather(*answers, return_exceptions=True)
        connection.close()
        return raised | {type(error) for error in ended}


def test_clients_use_it() -> None:
    use_retried_connections()
    assert conn.AIOKafkaConnection is RetriedConnection


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_reset_connection_is_an_error_to_try_again_after(
    make_loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(errors_after_reset(RetriedConnection, monkeypatch)) == {KafkaConnectionError}


def test_aiokafka_by_itself_tells_uvloops_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, aiokafka or uvloop has learned it, and `connections` can go."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert RuntimeError in runner.run(errors_after_reset(AIOKafkaConnection, monkeypatch))
