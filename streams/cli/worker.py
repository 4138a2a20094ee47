"""`homeostat worker`: the stages of a role, the control relay, or archive and audit, as a process."""

from enum import StrEnum
from typing import Annotated

import typer

from homeostat.streams.cli.session import config_path_of, err, settings_of


class Role(StrEnum):
    """What a worker process does; `all` starts one process a role."""

    OBSERVE = "observe"
    RELEASE = "release"
    CONTROL = "control"
    RECORD = "record"
    ALL = "all"


def worker(
    ctx: typer.Context,
    role: Annotated[
        Role, typer.Option(help="observe: leaf, parents. release: guard, triage, sequencer. record: archive, audit.")
    ],
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
) -> None:
    """Run a role until TERM or Ctrl-C; as many workers of a role as wanted share its partitions.

    observe needs keys.trust_folder and keys.mac_masters_folder; release and control also keys.private_key_path (the
    folder of the private keys, or for control its own file). /live, /ready and /metrics are on the metrics port.
    record archives where archive.location is set, and audits where keys.private_key_path has (or is) the audit's key,
    with keys.trust_folder; --role all starts it where one of them is.
    State is saved every worker.checkpoint_interval_s; a worker that dies is exact again when it is back.
    """
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, http={"metrics_port": metrics_port})
    err.print(f"role {role.value} on {settings.kafka.bootstrap_servers}", highlight=False)
    from homeostat.streams import roles

    if role is Role.ALL:
        roles.run_all(settings, config_path_of(ctx))
    else:
        roles.run_role(role.value, settings)
