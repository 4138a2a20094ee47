"""`homeostat audit`: verify, export, show and prove the log of what was decided, approved and commanded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.detectors.trust import TrustStore
    from homeostat.streams.audit.log import AuditLog
    from homeostat.streams.audit.records import Records

app = typer.Typer(no_args_is_help=True, add_completion=False)
Folder = Annotated[Path | None, typer.Option("--from", help="An exported folder, instead of the broker.")]
Trust = Annotated[Path | None, typer.Option("--trust", help="The trust folder.")]
Bootstrap = Annotated[str | None, typer.Option(help="host:port of the brokers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback()
def audit() -> None:
    """Verify, export, show and prove the append-only log of decisions, approvals, commands and their answers.

    `homeostat worker --role record` writes it, to audit.v1. Everything here only reads.
    """


@app.command()
def verify(
    ctx: typer.Context,
    folder: Folder = None,
    kept: Annotated[
        Path | None, typer.Option("--since", help="A checkpoint that you kept: the log must still have it.")
    ] = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash, check every signature, and hold each audited record against its entry.

    Exit code 1 and one line a fault, with its place, where something is not as it was written.
    """
    from homeostat.streams.audit.records import hold_records
    from homeostat.streams.audit.verify import check_log, verify_checkpoint

    log, records, store = _open(ctx, folder, trust, bootstrap)
    before = None if kept is None else verify_checkpoint(_read(kept), store)
    checked = check_log(log, store, before)
    held = hold_records(checked, records)
    faults = [*checked.faults, *held.faults]
    told = {
        "entries": log.size,
        "checkpoints": len(log.checkpoints),
        "root": None if checked.last is None else checked.last.checkpoint.root,
        "records": {"same": held.same, "expired": held.expired, "superseded": held.superseded},
        "lost": checked.lost,
        "faults": [fault._asdict() for fault in faults],
    }
    if as_json:
        print_json(told)
    else:
        _print_lines(told, [str(fault) for fault in faults])
    if faults:
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def export(
    ctx: typer.Context,
    to: Annotated[Path, typer.Option("--out", help="A new folder; with --fhir a new file.")],
    fhir: Annotated[bool, typer.Option("--fhir", help="Write FHIR R4 AuditEvents as NDJSON instead.")] = False,
    folder: Folder = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the audit, and the records that it is about, to a folder that `verify --from` reads without a broker.

    With --fhir each entry is an AuditEvent, a line each; an audit that does not verify is not told so.
    """
    from homeostat.streams.audit.export import write_folder
    from homeostat.streams.audit.fhir import write_events

    log, records, store = _open(ctx, folder, trust, bootstrap, with_records=not fhir)
    if fhir:
        _check(log, store)
        out.print(f"{to}: {write_events(to, log, store)} AuditEvents", highlight=False)
        return
    write_folder(to, log, records)
    out.print(f"{to}: {log.size} entries, {len(log.checkpoints)} checkpoints", highlight=False)


@app.command()
def show(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="A target, rollout, decision, release, document, or record's place.")],
    folder: Folder = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """List the entries about a subject, in the order of their records' times."""
    from homeostat.streams.audit.search import find_entries

    log, _, _ = _open(ctx, folder, trust, bootstrap, with_records=False)
    found = find_entries(log, subject)
    if as_json:
        print_json([{"entry": name, **entry.model_dump(mode="json")} for name, entry in found])
        return
    for name, entry in found:
        signed = ", ".join(entry.signed_by) or (f"refused: {entry.refused.value}" if entry.refused else "not signed")
        place = f"{entry.topic}/{entry.partition}/{entry.offset}"
        out.print(f"{_time(entry.at_ms)}  {entry.kind.value:15} {entry.subject}", highlight=False, markup=False)
        out.print(f"    entry {name}, record {place}, {signed}", highlight=False, markup=False)
    if not found:
        raise SettingsInvalid(f"nothing in the audit is about {subject}")


@app.command()
def prove(
    ctx: typer.Context,
    entry: Annotated[str, typer.Argument(metavar="PARTITION/INDEX", help="An entry, as `audit show` names it.")],
    to: Annotated[Path | None, typer.Option("--out", help="Write the proof here instead of printing it.")] = None,
    folder: Folder = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Prove that an entry is in the audit: a file that `audit check` believes with the trust folder alone."""
    from homeostat.streams.audit.proof import prove_entry

    log, _, store = _open(ctx, folder, trust, bootstrap, with_records=False)
    _check(log, store)
    partition, _, index = entry.partition("/")
    if not (partition.isdigit() and index.isdigit() and int(index) < len(log.of(int(partition)))):
        raise SettingsInvalid(f"there is no entry {entry}: `homeostat audit show` names those that are there")
    text = prove_entry(log, int(partition), int(index)).model_dump_json(indent=2)
    if to is None:
        out.print(text, highlight=False, markup=False)
    else:
        to.write_text(text + "\n", encoding="utf-8")


@app.command()
def check(
    ctx: typer.Context,
    proof: Annotated[Path, typer.Argument(help="A file that `audit prove` wrote.")],
    trust: Trust = None,
) -> None:
    """Check a proof offline; exit code 4 where it does not hold."""
    from homeostat.streams.audit.proof import check_proof, read_proof
    from homeostat.streams.keys import load_trust

    entry, number = check_proof(read_proof(proof), load_trust(_settings(ctx, trust, None).keys.trust_folder))
    place = f"{entry.topic}/{entry.partition}/{entry.offset}"
    out.print(f"checkpoint {number} has it: {entry.kind.value} of {entry.subject}, {place}, {entry.digest}")


def _check(log: "AuditLog", trust: "TrustStore") -> None:
    from homeostat.streams.audit.verify import check_log

    faults = check_log(log, trust).faults
    if faults:
        raise SettingsInvalid(f"the audit does not verify: {faults[0]}")


def _settings(ctx: typer.Context, trust: Path | None, bootstrap: str | None) -> Any:
    return settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"trust_folder": trust})


def _open(
    ctx: typer.Context, folder: Path | None, trust: Path | None, bootstrap: str | None, with_records: bool = True
) -> "tuple[AuditLog, Records, TrustStore]":
    """The audit, the records that it is about, and who is trusted; from the broker, or a folder."""
    from homeostat.streams.audit.export import read_folder
    from homeostat.streams.audit.log import read_log
    from homeostat.streams.audit.records import Records, read_records
    from homeostat.streams.keys import load_trust

    settings = _settings(ctx, trust, bootstrap)
    store = load_trust(settings.keys.trust_folder)
    if folder is not None:
        return *read_folder(folder), store
    log = read_log(settings.kafka)
    return log, read_records(settings.kafka) if with_records else Records(), store


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise SettingsInvalid(f"{path} does not exist: give a line of an export's checkpoints.jsonl as a file")
    return path.read_bytes()


def _print_lines(told: dict[str, Any], faults: list[str]) -> None:
    records = told["records"]
    for fault in faults:
        out.print(fault, highlight=False, markup=False)
    for lost in told["lost"]:
        out.print(f"lost before it was audited: {lost}", highlight=False, markup=False)
    state = f"{len(faults)} faults" if faults else "as it was written"
    kept = f"{records['same']} records the same, {records['expired']} expired, {records['superseded']} superseded"
    out.print(f"{told['entries']} entries, {told['checkpoints']} checkpoints: {state}; {kept}", highlight=False)
    out.print(f"root {told['root']}", highlight=False)


def _time(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
