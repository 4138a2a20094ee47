"""`homeostat drill`: prove now that a gateway takes a bad release back, and when it was proven last."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.registry_options import AsJson, Bootstrap, TrustFolder
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.schemas.drill import DrillRun
    from homeostat.schemas.policy import Policy
    from homeostat.streams.settings import Settings

_SEND_S = 20
_LOOK_S = 1.0
HELP = """Drill a gateway: roll a known-bad release out in a probe tenant, and see it taken back.

The policy declares the drills; control runs them, on schedule and when called.

[bold]In the policy[/bold]
drills:
  - {gateway: gateway-1, tenant: probe, every_s: 86400, stale_after_s: 172800,
     block_rollouts: true}
"""
app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP, rich_markup_mode="rich")


@app.callback()
def drill() -> None:
    """Drill a gateway; `HELP` is what is shown."""


@app.command()
def run(
    ctx: typer.Context,
    gateway: Annotated[str, typer.Argument(help="The gateway; the policy's drills name it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why now.")] = "",
    author: Annotated[str, typer.Option("--author", help="Who says so.")] = "operator",
    wait_s: Annotated[float, typer.Option("--wait-s", min=0, help="How long to wait; 0: do not.")] = 900.0,
    key: Annotated[Path | None, typer.Option("--key", help="The operator's private key, or its folder.")] = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Call for a drill now, and wait for what comes of it. Exit code 1 where the rollback is not proven."""
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.clock import SystemClock
    from homeostat.streams.documents.publish import publish_documents
    from homeostat.streams.drills.status import call_drill
    from homeostat.streams.keys import load_signers

    settings = settings_of(
        ctx, kafka={"bootstrap_servers": bootstrap}, keys={"trust_folder": trust, "private_key_path": key}
    )
    if settings.keys.private_key_path is None:
        raise SettingsInvalid("a drill is called for by an operator: give --key or set keys.private_key_path")
    policy, _ = _read(settings)
    at_ms = SystemClock().wall_ms()
    document = call_drill(policy, gateway, author, reason, at_ms)
    signer = load_signers(settings.keys.private_key_path, [SignerRole.OPERATOR])[SignerRole.OPERATOR]
    publish_documents(settings.kafka, signer, [document], limit_s=_SEND_S)
    found = _wait(settings, gateway, at_ms, wait_s)
    if as_json:
        print_json(None if found is None else found.model_dump(mode="json"))
    else:
        _say("called for" if found is None else f"{found.outcome}: {found.reason or found.stage}")
    if found is not None and found.outcome != "proven":
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def status(
    ctx: typer.Context,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show when each gateway last proved a rollback, and what keeps a drill. Exit code 1 where a proof is stale."""
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.clock import SystemClock
    from homeostat.streams.drills.status import TITLES, find_status

    policy, runs = _read(settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"trust_folder": trust}))
    found = find_status(policy, runs, SystemClock().wall_ms())
    if as_json:
        print_json([each.to_json() for each in found])
    else:
        print_table(f"{len(found)} gateways are drilled", TITLES, [each.row() for each in found], frozenset({"age"}))
    if any(each.is_stale for each in found):
        raise typer.Exit(ExitCode.FOUND_WRONG)


def _read(settings: "Settings") -> "tuple[Policy, dict[str, DrillRun]]":
    from homeostat.streams.decisions.topics import BrokerTopics
    from homeostat.streams.keys import load_trust
    from homeostat.streams.rollouts.book import RolloutBook

    book = RolloutBook(BrokerTopics(settings.kafka), load_trust(settings.keys.trust_folder))
    if book.policy is None:
        raise SettingsInvalid("no policy is on the broker: apply one that declares drills")
    return book.policy, book.drills


def _wait(settings: "Settings", gateway: str, called_ms: int, wait_s: float) -> "DrillRun | None":
    """The drill that the call led to, when it has ended or there is no more time; None for one not begun."""
    import threading
    import time

    deadline, found = time.monotonic() + wait_s, None
    while time.monotonic() < deadline:
        run = _read(settings)[1].get(gateway)
        found = run if run is not None and run.started_at_ms >= called_ms else None
        if found is not None and found.ended_at_ms is not None:
            break
        threading.Event().wait(_LOOK_S)
    return found


def _say(*lines: str) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False)
