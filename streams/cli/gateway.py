"""`homeostat gateway`: the reference deployment gateway, durable in SQLite, with an HTTP read API."""

from pathlib import Path
from typing import Annotated

import typer

from homeostat.streams.cli.session import err, settings_of


def gateway(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="The gateway's name, as targets and its key say it.")],
    store: Annotated[Path, typer.Option(help="The SQLite file that must outlive this process.")] = Path("gateway.db"),
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP port; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    report_interval_s: Annotated[float, typer.Option(min=0.05, help="How often session starts are reported.")] = 0.5,
    flagd_file: Annotated[Path | None, typer.Option(help="Keep a flagd definition of what is served here.")] = None,
    webhook_url: Annotated[
        str | None, typer.Option(help="Post every applied desired state, signed, to this https URL.")
    ] = None,
    port_file: Annotated[Path | None, typer.Option(help="Write the port here once it listens.")] = None,
) -> None:
    """Obey signed desired states and say what each session should be given.

    GET /v1/serve?tenant=&workflow=&specialty=&session= answers from memory, broker or no broker. A candidate is given
    only while its lease lives. /v1/targets lists what each target serves; /live, /ready and /metrics are for probes,
    /openapi.json describes all. It reads only: nothing but signed desired states changes what is served.
    The process needs the gateway's private key (keys.private_key_path: the file, or the folder that holds
    gateway-NAME.pem) and the trust folder.
    """
    from homeostat.streams.gateway_service.service import run_gateway

    settings = settings_of(
        ctx, kafka={"bootstrap_servers": bootstrap}, http={"gateway_port": port, "gateway_host": host}
    )
    err.print(f"gateway {name} follows {settings.kafka.bootstrap_servers}", highlight=False)
    run_gateway(name, store, settings, report_interval_s, port_file, flagd_file, webhook_url)
