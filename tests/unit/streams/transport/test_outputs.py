"""A producer of outputs that has ended is replaced, whoever notices first."""

from typing import Any

import pytest
from aiokafka.errors import KafkaError

from homeostat.schemas.log import Output
from homeostat.streams.settings import Settings
from homeostat.streams.transport import outputs
from homeostat.streams.transport.errors import OutputsRenewed
from homeostat.streams.transport.outputs import OutputProducer

OUTPUT = Output("out", b"key", b"value", 0, [], partition=0)


class Producer:
    """A producer that starts, and refuses what it is given once its sending task has ended."""

    def __init__(self) -> None:
        self.error: KafkaError | None = None
        self.sent: list[bytes] = []

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def send(self, _topic: str, value: bytes, **_: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(value)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Producer]:
    producers: list[Producer] = []

    def make(_settings: Settings) -> Producer:
        producers.append(Producer())
        return producers[-1]

    monkeypatch.setattr(outputs, "make_producer", make)
    return producers


async def test_a_producer_that_refuses_is_given_up(made: list[Producer]) -> None:
    producer = OutputProducer(Settings(), lambda output: output)
    first = await producer.open()
    made[0].error = KafkaError("Unexpected error during batch delivery")
    with pytest.raises(KafkaError, match="Unexpected error"):
        await producer.send([OUTPUT], first)
    with pytest.raises(OutputsRenewed):
        await producer.settle([], first)
    await producer.send([OUTPUT], await producer.open())
    assert [len(each.sent) for each in made] == [0, 1]
