"""Composition root of the reference gateway: settings in, a served API out."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from homeostat.schemas.roles import SignerRole
from homeostat.streams import failpoints
from homeostat.streams.client.gateway import Gateway, SqliteStore
from homeostat.streams.client.gateway.flag_file import FlagFile
from homeostat.streams.client.gateway.webhook import Webhook
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.gateway_service.http_api import build_api
from homeostat.streams.keys import load_signers, load_trust
from homeostat.streams.logging_setup import configure_logging
from homeostat.streams.settings import Settings


class _AnnouncingServer(uvicorn.Server):
    """A server that writes the port it got to a file, for whoever asked for any free one."""

    port_file: Path | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on TERM and INT without raising them again: what is waiting must still be handed over."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.port_file is not None and self.servers:
            port = self.servers[0].sockets[0].getsockname()[1]
            draft = self.port_file.with_suffix(".new")
            draft.write_text(f"{port}\n")
            draft.rename(self.port_file)


def run_gateway(
    name: str,
    store_path: Path,
    settings: Settings,
    report_interval_s: float,
    port_file: Path | None = None,
    flagd_file: Path | None = None,
    webhook_url: str | None = None,
) -> None:
    """Serve until TERM or INT. Raises `SettingsInvalid` where a key is missing or the webhook's URL is not safe."""
    configure_logging(settings.log_format, settings.log_level, role="gateway", gateway=name)
    failpoints.arm(settings.failpoint)
    if settings.keys.private_key_path is None:
        raise SettingsInvalid("a gateway signs what it says: set keys.private_key_path")
    signer = load_signers(settings.keys.private_key_path, [SignerRole.GATEWAY], name)[SignerRole.GATEWAY]
    trust = load_trust(settings.keys.trust_folder)
    webhook = None if webhook_url is None else Webhook(webhook_url)
    listeners = [] if flagd_file is None else [FlagFile(name, flagd_file)]
    store = SqliteStore(store_path)
    gateway = Gateway(
        name,
        settings.kafka,
        trust,
        signer,
        store,
        report_interval_s=report_interval_s,
        listeners=listeners,
        webhook=webhook,
    )
    config = uvicorn.Config(
        build_api(gateway),
        host=settings.http.gateway_host,
        port=settings.http.gateway_port,
        log_level="warning",
        access_log=False,
    )
    server = _AnnouncingServer(config)
    server.port_file = port_file
    with gateway:
        server.run()
