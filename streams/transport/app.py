"""The Faust app of a role: one agent a stage, fed with batches by the overridden consumer."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.types import EventT, Message
from yarl import URL

from homeostat.streams.settings import Settings
from homeostat.streams.transport.batch import Batch
from homeostat.streams.transport.clients import group_id
from homeostat.streams.transport.consumer import BatchTransport
from homeostat.streams.transport.shell import RoleShell
from homeostat.streams.transport.spec import StageSpec, Wiring

_BUFFERED_BATCHES = 4
"""Fetches of a partition that wait to be taken, each up to a megabyte before it is uncompressed."""


class QuietBoot(BootStrategy):
    """No web server, and no Faust producer: the transport has its own."""

    enable_web = False
    enable_kafka_producer = False


class BatchTopic(faust.Topic):
    """A topic whose messages carry a batch as it is."""

    def _compile_decode(self) -> None:
        """Nothing: Faust would put a decoder in the place of the method below."""

    async def decode(self, message: Message, *, propagate: bool = False) -> EventT[Any]:  # noqa: ARG002 Faust's name
        """Wrap the batch in an event; nothing is decoded here."""
        return self.app.create_event(None, message.value, None, message)


class RoleApp(faust.App):
    """A Faust app that belongs to one role, with the shell that owns its partitions."""

    BootStrategy = QuietBoot

    def __init__(self, settings: Settings, role: str, shell: RoleShell, datadir: str) -> None:
        self.settings = settings
        self.role = role
        self.shell = shell
        super().__init__(
            id=group_id(settings, role),
            broker=[URL(f"kafka://{address}") for address in settings.kafka.bootstrap_servers.split(",")],
            datadir=datadir,
            Topic=BatchTopic,
            processing_guarantee="at_least_once",
            producer_acks=-1,
            consumer_auto_offset_reset="earliest",
            broker_request_timeout=settings.kafka.request_timeout_s,
            broker_session_timeout=settings.kafka.session_timeout_s,
            stream_buffer_maxsize=_BUFFERED_BATCHES,
            stream_wait_empty=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        """Save everything while the consumer still lives, then let Faust stop."""
        await self.shell.stop()
        await super().on_stop()


def build_role_app(
    settings: Settings,
    role: str,
    specs: Sequence[StageSpec],
    partition_counts: Mapping[str, int],
    wiring: Wiring,
    datadir: str,
) -> RoleApp:
    """Build the app of a role; `partition_counts` gives the number of partitions of each input topic.

    `datadir` is an existing folder that no other process uses.
    """
    shell = RoleShell(settings, role, specs, partition_counts, wiring)
    app = RoleApp(settings, role, shell, datadir)
    for spec in specs:
        _add_agent(app, spec)
    return app


def _add_agent(app: RoleApp, spec: StageSpec) -> None:
    async def consume(stream: Any) -> None:
        async for batch in stream:
            await app.shell.take(cast("Batch", batch))

    topic = app.topic(spec.input_topic, acks=False, internal=False)
    app.agent(topic, name=f"{app.role}.{spec.name}")(consume)
