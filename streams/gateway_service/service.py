"""Composition root of the reference gateway: settings in, a served API out."""

from pathlib import Path

import uvicorn

from homeostat.schemas.roles import SignerRole
from homeostat.streams import failpoints
from homeostat.streams.client.gateway import Gateway, SqliteStore
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.gateway_service.http_api import build_api
from homeostat.streams.keys import load_signers, load_trust
from homeostat.streams.logging_setup import configure_logging
from homeostat.streams.settings import Settings


def run_gateway(name: str, store_path: Path, settings: Settings, report_interval_s: float) -> None:
    """Serve until TERM or INT. Raises `SettingsInvalid` where a key is missing."""
    configure_logging(settings.log_format, settings.log_level, role="gateway", gateway=name)
    failpoints.arm(settings.failpoint)
    if settings.keys.private_key_path is None:
        raise SettingsInvalid("a gateway signs what it says: set keys.private_key_path")
    signer = load_signers(settings.keys.private_key_path, [SignerRole.GATEWAY], name)[SignerRole.GATEWAY]
    trust = load_trust(settings.keys.trust_folder)
    gateway = Gateway(name, settings.kafka, trust, signer, SqliteStore(store_path), report_interval_s=report_interval_s)
    config = uvicorn.Config(
        build_api(gateway),
        host=settings.http.gateway_host,
        port=settings.http.gateway_port,
        log_level="warning",
        access_log=False,
    )
    with gateway:
        uvicorn.Server(config).run()
