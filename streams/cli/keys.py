"""`homeostat keys`: make, add and show keys; private ones never appear on a screen."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from homeostat.detectors.trust import TrustedKey
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.roles import SignerRole
from homeostat.streams.cli.session import out, print_json
from homeostat.streams.clock import SystemClock
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.key_folder import add_key, add_master, write_key_set, write_tenant_key
from homeostat.streams.key_set import KeySet
from homeostat.streams.keys import MASTERS, OFFLINE, TRUST, load_dead_letter_key, load_masters, load_trust

app = typer.Typer(help="Make, add and show keys.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option("--keys", help="The folder that `keys new` made.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def keys() -> None:
    """Make, add and show keys.

    An offline root vouches for one Ed25519 key a role; tenants' publishers get MAC keys derived from a master.
    """


@app.command()
def new(
    folder: Annotated[Path, typer.Option("--out", help="A folder that does not exist yet, or is empty.")],
    gateway: Annotated[list[str] | None, typer.Option(help="A gateway's name; may be repeated.")] = None,
    reviewer: Annotated[list[str] | None, typer.Option(help="A reviewer's name; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make all keys of a new installation: root, roles, MAC master, dead letters. Never overwrites."""
    made = KeySet.generate(SystemClock().wall_ms(), gateway or ["gateway-1"], reviewer or ["reviewer-1"])
    paths = write_key_set(made, folder)
    if as_json:
        print_json({"root": made.root.key_id, "files": [str(path) for path in paths]})
        return
    out.print(f"{len(paths)} files in {folder}", highlight=False)
    out.print(f"  {folder / TRUST}: public, for every process (keys.trust_folder)", highlight=False)
    out.print(f"  {folder / OFFLINE}: the root's private key: take it off this machine", highlight=False)
    out.print(f"  next: homeostat keys tenant NAME --keys {folder} --out FILE", highlight=False)


@app.command()
def add(
    role: SignerRole,
    folder: Folder = Path("keys"),
    name: Annotated[str | None, typer.Option(help="Whose key it is, for a gateway or a reviewer.")] = None,
) -> None:
    """Make one more key of a role, beside those that exist: to rotate, or for a further gateway or reviewer."""
    key_id, path = add_key(folder, role, name, SystemClock().wall_ms())
    out.print(f"{key_id}: private key in {path}, document in {folder / TRUST}", highlight=False)


@app.command()
def master(master_id: Annotated[str, typer.Argument(metavar="ID")], folder: Folder = Path("keys")) -> None:
    """Make a further MAC master; it counts when an operator's key activation names it."""
    path = add_master(folder, master_id, secrets.token_bytes(32))
    out.print(f"{path}: give it to the leaves, then activate {master_id}", highlight=False)


@app.command()
def tenant(
    tenant_name: Annotated[str, typer.Argument(metavar="TENANT")],
    path: Annotated[Path, typer.Option("--out", help="A file that does not exist yet; written 0600.")],
    folder: Folder = Path("keys"),
    master_id: Annotated[str | None, typer.Option("--master", help="The master's id; the last by name.")] = None,
) -> None:
    """Write the key that a tenant's publishers authenticate their traces with."""
    masters = load_masters(folder / MASTERS)
    chosen = max(masters) if master_id is None else master_id
    if chosen not in masters:
        raise SettingsInvalid(f"no master {chosen} in {folder / MASTERS}: there are {', '.join(masters)}")
    write_tenant_key(path, tenant_name, chosen, derive_tenant_key(masters[chosen], tenant_name))
    out.print(f"{path}: the key of tenant {tenant_name} under master {chosen}", highlight=False)


@app.command()
def show(folder: Folder = Path("keys"), as_json: AsJson = False) -> None:
    """Show whose keys the trust folder trusts, after checking every document against the root."""
    trusted = sorted(load_trust(folder / TRUST).keys.values(), key=lambda key: (key.role, key.key_id))
    dead_letters = load_dead_letter_key(folder / TRUST)
    if as_json:
        print_json({"keys": [_describe(key) for key in trusted], "dead_letters": dead_letters.model_dump()})
        return
    table = Table("role", "name", "key id", "valid from", box=None)
    for key in trusted:
        table.add_row(key.role, key.name or "", key.key_id, _describe(key)["valid_from"])
    out.print(table)
    out.print(f"dead letters are sealed to {dead_letters.key_id} {dead_letters.public_key}", highlight=False)


def _describe(key: TrustedKey) -> dict[str, str]:
    since = datetime.fromtimestamp(key.valid_from_ms / 1000, UTC).isoformat(timespec="seconds")
    return {"role": key.role, "name": key.name or "", "key_id": key.key_id, "valid_from": since}
