"""`homeostat dlq`: list, show and replay dead letters; what they hold never appears on a screen."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from homeostat.schemas.reasons import Refusal
from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.schemas.dead_letter import Original
    from homeostat.streams.dead_letters.reading import StoredLetter
    from homeostat.streams.settings import Settings

app = typer.Typer(help="List, show and replay dead letters.", no_args_is_help=True)
Bootstrap = Annotated[str | None, typer.Option(help="host:port of the brokers.")]
Reason = Annotated[Refusal | None, typer.Option(help="Only letters refused for this reason.")]
Tenant = Annotated[str | None, typer.Option(help="Only letters of this tenant.")]
PrivateKey = Annotated[Path | None, typer.Option("--key", help="The private key that opens dead letters.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def dlq() -> None:
    """List, show and replay dead letters.

    A dead letter says where a refused record lies, why it was refused and what shape it had. Its bytes are sealed to
    the key that the policy names; only who holds the private half can replay them.
    """


@app.command("list")
def list_letters(
    ctx: typer.Context,
    reason: Reason = None,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the last ones.")] = 50,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """List letters, the last ones of each partition last, with a count of every reason."""
    from homeostat.streams.dead_letters.reading import Selection, read_letters

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap})
    letters = list(read_letters(settings.kafka, Selection(reason, tenant)))
    counts = Counter(stored.letter.reason.value for stored in letters)
    if as_json:
        print_json({"count": len(letters), "reasons": counts, "letters": [_describe(s) for s in letters[-limit:]]})
        return
    table = Table("letter", "reason", "tenant", "stage", "source", "bytes", "sealed", box=None)
    for stored in letters[-limit:]:
        row = _describe(stored)
        table.add_row(*(str(row[name]) for name in ("place", "reason", "tenant", "stage", "source", "bytes", "sealed")))
    out.print(table)
    tally = ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "none"
    out.print(f"{len(letters)} letters: {tally}", highlight=False)


@app.command()
def show(
    ctx: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="A letter, as `dlq list` names it.")],
    key: PrivateKey = None,
    save: Annotated[Path | None, typer.Option("--out", help="Write the original value here, 0600.")] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Show one letter as JSON; with --key also which headers and sizes the original has, with --out save its value."""
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"dead_letter_key_path": key})
    stored = _find_letter(settings, place)
    shown: dict[str, Any] = stored.letter.model_dump(mode="json", exclude={"sealed"}) | _describe(stored)
    if key is not None or save is not None:
        original = _open(settings, stored)
        shown["original"] = {
            "key_bytes": len(original.key or b""),
            "value_bytes": len(original.value or b""),
            "headers": [name for name, _ in original.headers],
        }
        if save is not None:
            _save(save, original)
    print_json(shown)


@app.command()
def replay(
    ctx: typer.Context,
    key: PrivateKey = None,
    reason: Reason = None,
    tenant: Tenant = None,
    place: Annotated[str | None, typer.Option("--letter", help="Only this one, PARTITION/OFFSET.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every letter; else name some by the other options.")
    ] = False,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Send the original records to traces.v1 again, byte for byte; exit 1 if any could not be.

    Traces that were counted meanwhile are recognised by their id; records that are refused again become new letters.
    """
    from homeostat.streams.dead_letters.reading import Selection, read_letters
    from homeostat.streams.dead_letters.replay import replay_letters

    if not everything and reason is None and tenant is None and place is None:
        raise SettingsInvalid("say which letters: --reason, --tenant, --letter, or --all")
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"dead_letter_key_path": key})
    letters = list(read_letters(settings.kafka, Selection(reason, tenant, place)))
    replayed, left = replay_letters(settings.kafka, _load_key(settings), letters)
    if as_json:
        print_json({"replayed": replayed, "left": left})
    else:
        out.print(f"replayed {_tally(replayed)}; left {_tally(left)}", highlight=False)
    if left:
        raise typer.Exit(ExitCode.FOUND_WRONG)


def _describe(stored: "StoredLetter") -> dict[str, Any]:
    letter = stored.letter
    return {
        "place": stored.place,
        "reason": letter.reason.value,
        "tenant": letter.tenant or "-",
        "stage": letter.stage,
        "source": f"{letter.topic}[{letter.partition}]@{letter.offset}",
        "timestamp_ms": letter.timestamp_ms,
        "bytes": letter.size_bytes,
        "sealed": "no" if letter.sealed is None else letter.sealed.key_id,
    }


def _find_letter(settings: "Settings", place: str) -> "StoredLetter":
    from homeostat.streams.dead_letters.reading import Selection, read_letters

    found = next(iter(read_letters(settings.kafka, Selection(place=place))), None)
    if found is None:
        raise SettingsInvalid(f"there is no letter {place}: `homeostat dlq list` names those that are there")
    return found


def _load_key(settings: "Settings") -> Any:
    from homeostat.streams.keys import load_dead_letter_private

    if settings.keys.dead_letter_key_path is None:
        raise SettingsInvalid("letters are opened with their private key: give --key or set keys.dead_letter_key_path")
    return load_dead_letter_private(settings.keys.dead_letter_key_path)


def _open(settings: "Settings", stored: "StoredLetter") -> "Original":
    from homeostat.streams.dead_letters.sealing import open_letter

    return open_letter(stored.letter, _load_key(settings))


def _save(path: Path, original: "Original") -> None:
    if path.exists():
        raise SettingsInvalid(f"{path} exists: choose another --out")
    path.touch(mode=0o600)
    path.write_bytes(original.value or b"")


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"
