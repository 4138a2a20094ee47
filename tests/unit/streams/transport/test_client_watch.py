"""A consumer whose client has ended is told from one that works, stops, or waits."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from homeostat.streams.transport.client_watch import raise_ended
from homeostat.streams.transport.errors import ClientEnded


class Client:
    """An aiokafka consumer as far as the watch looks into one."""

    def __init__(self) -> None:
        self.coordination: BaseException | None = None
        self.fetching: asyncio.Future[None] = asyncio.Future()
        self.metadata: asyncio.Future[None] = asyncio.Future()
        self._coordinator = self
        self._fetcher = SimpleNamespace(_fetch_task=self.fetching)
        self._client = SimpleNamespace(_sync_task=self.metadata)

    def check_errors(self) -> None:
        if self.coordination is not None:
            raise self.coordination


@pytest.fixture
async def client() -> Any:
    return Client()


async def test_a_client_at_work_or_at_its_end_is_left_alone(client: Any) -> None:
    raise_ended(client)
    client.fetching.cancel()
    client.metadata.cancel()
    raise_ended(client)
    client._client._sync_task = None
    raise_ended(client)


@pytest.mark.parametrize("task", ["fetching", "metadata"])
async def test_a_task_that_has_ended_is_named(client: Any, task: str) -> None:
    getattr(client, task).set_exception(RuntimeError("the handler is closed"))
    with pytest.raises(ClientEnded, match=f"{task} ended: RuntimeError.*the handler is closed"):
        raise_ended(client)


@pytest.mark.parametrize("kind", [KafkaError, RuntimeError])
async def test_what_keeps_it_out_of_its_group_is_told(client: Any, kind: type[Exception]) -> None:
    client.coordination = kind("group is full")
    with pytest.raises(ClientEnded, match="group is full"):
        raise_ended(client)
