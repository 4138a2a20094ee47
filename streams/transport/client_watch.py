"""Noticing that the consumer's client will not go on by itself.

aiokafka keeps what ended its group's coordination, an answer that it knows no way on from for instance, until somebody
asks for records: nobody does during a rebalance, when such answers come. Its other tasks end unnoticed.
"""

from aiokafka import AIOKafkaConsumer

from homeostat.streams.transport.errors import ClientEnded

WATCH_S = 1.0


def raise_ended(consumer: AIOKafkaConsumer) -> None:
    """Raise `ClientEnded` if the client has ended or waits to be asked why; called in the consumer's own loop."""
    try:
        consumer._coordinator.check_errors()
    except Exception as error:
        raise ClientEnded(f"the group's coordination ended: {error!r}. Start the worker again") from error
    for name, task in (("fetching", consumer._fetcher._fetch_task), ("metadata", consumer._client._sync_task)):
        if task is not None and task.done() and not task.cancelled() and task.exception() is not None:
            raise ClientEnded(f"the client's {name} ended: {task.exception()!r}. Start the worker again")
