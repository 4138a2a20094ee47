"""A connection that was reset is an error that aiokafka tries again after, on every event loop.

From the reset until aiokafka's reader has seen it, asyncio's transport takes what is written and loses it; uvloop's
raises RuntimeError. aiokafka 0.14 retries after KafkaError only: a RuntimeError ends the task in which it came up
(fetching, metadata, heartbeats, sending), nothing starts it again, and the process lives on idle.
"""

from typing import Any

from aiokafka import conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


class RetriedConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """A connection to a broker whose loss is told as what it is."""

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """Send a request. Raises `KafkaConnectionError` when the connection is gone."""
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


def use_retried_connections() -> None:
    """Let every aiokafka client of this process try again after a reset connection."""
    conn.AIOKafkaConnection = RetriedConnection
