"""`homeostat decision`: explain, export and replay one decision; list the work that a release did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.streams.decisions.dossier import Dossier

app = typer.Typer(no_args_is_help=True, add_completion=False)
Id = Annotated[str, typer.Argument(metavar="ID", help="The decision, as `audit show` names it.")]
Archive = Annotated[
    str | None, typer.Option("--archive", help="Read an archive (a folder or URI) instead of the broker.")
]
Trust = Annotated[Path | None, typer.Option("--trust", help="The trust folder.")]
Bootstrap = Annotated[str | None, typer.Option(help="host:port of the brokers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback()
def decision() -> None:
    """Explain, export and replay a decision of the guard; list the work that a release did."""


@app.command()
def explain(
    ctx: typer.Context,
    decision_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The decision.")] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="An exported bundle, instead of the broker.")] = None,
    page: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("decision.html"),
    text: Annotated[bool, typer.Option("--text", help="Print plain text instead.")] = False,
    archive: Archive = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write a page for people: what was decided, on which numbers, for whom, what followed, how the releases differ."""
    from homeostat.streams.decisions.bundle import read_bundle
    from homeostat.streams.decisions.explain import explain as put_together
    from homeostat.streams.decisions.explain import render_page, render_text

    if (decision_id is None) == (bundle is None):
        raise SettingsInvalid("name a decision, or give --bundle")
    dossier = (
        read_bundle(bundle)[0] if bundle is not None else _gather(ctx, str(decision_id), archive, trust, bootstrap)
    )
    explained = put_together(dossier)
    if text:
        out.print(render_text(explained), highlight=False, markup=False)
        return
    page.write_text(render_page(explained), encoding="utf-8")
    out.print(f"{page}: {dossier.decision.verdict.value}, step {dossier.decision.step}", highlight=False, markup=False)


@app.command()
def export(
    ctx: typer.Context,
    decision_id: Id,
    to: Annotated[Path, typer.Option("--out", help="A new folder.")],
    archive: Archive = None,
    trust: Trust = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the evidence bundle of a decision; exit code 1 where what is left does not give the decision again."""
    from homeostat.streams.decisions.bundle import write_bundle

    dossier = _gather(ctx, decision_id, archive, trust, bootstrap)
    write_bundle(dossier, to, settings_of(ctx, keys={"trust_folder": trust}).keys.trust_folder)
    out.print(f"{to}: {len(dossier.records)} records of the log, {len(dossier.actions)} of what followed")
    for note in dossier.notes:
        out.print(note, highlight=False, markup=False)
    if not dossier.replays:
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def replay(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Folders that `decision export` wrote.")],
    trust: Annotated[Path | None, typer.Option("--trust", help="Your own trust folder, not the bundle's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the guard over each bundle's records, without a broker or settings, and compare the decision's bytes.

    A bundle of which anything was changed is refused, and what was changed is named (exit code 4).
    """
    from homeostat.streams.decisions.bundle import read_bundle
    from homeostat.streams.decisions.replay import replay as run_again
    from homeostat.streams.decisions.replay import tell_difference
    from homeostat.streams.keys import load_trust

    own = None if trust is None else load_trust(trust)
    told: list[dict[str, Any]] = []
    for bundle in bundles:
        dossier, store = read_bundle(bundle, own)
        differences = tell_difference(dossier.payload, run_again(dossier.records, dossier.course, store))
        same = {"same": not differences, "differences": differences}
        told.append({"bundle": str(bundle), "decision": dossier.decision.decision, **same})
        lines = differences or [f"same bytes: {len(dossier.payload)}, from {len(dossier.records)} records"]
        if not as_json:
            out.print("\n".join(f"{bundle}: {line}" for line in lines), highlight=False, markup=False)
    if as_json:
        print_json(told)
    if not all(each["same"] for each in told):
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def recall(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option(help="The tenant that the list is for; it is of nobody else's work.")],
    release: Annotated[str, typer.Option(help="The release's digest.")],
    to: Annotated[Path, typer.Option("--out", help="A .parquet, .csv or .json file.")],
    archive: Annotated[str, typer.Option("--archive", help="An archive of traces.v1: a folder or URI.")],
    masters: Annotated[Path | None, typer.Option("--masters", help="The MAC masters, to leave forgeries out.")] = None,
) -> None:
    """List a tenant's work under a release: what its tools may have written, and whether people corrected it."""
    from homeostat.streams.archive.reader import ArchiveReader
    from homeostat.streams.archive.store import ArchiveStore
    from homeostat.streams.decisions.recall import recall_work
    from homeostat.streams.decisions.recall_file import write_recall
    from homeostat.streams.keys import load_masters

    folder = settings_of(ctx, keys={"mac_masters_folder": masters}).keys.mac_masters_folder
    keys = None if folder is None else load_masters(folder)
    found = recall_work(ArchiveReader(ArchiveStore(archive), "traces.v1"), tenant, release, keys)
    write_recall(to, found)
    corrected = sum(bool(work.corrections) for work in found.works)
    told = f"{to}: {len(found.works)} works of {tenant}, {corrected} corrected; {found.say_trust()}"
    out.print(told, highlight=False, markup=False)
    if found.manifest is None:
        out.print("the release's manifest is not in the archive: side effects are unknown", highlight=False)


def _gather(
    ctx: typer.Context, decision_id: str, archive: str | None, trust: Path | None, bootstrap: str | None
) -> "Dossier":
    from homeostat.streams.decisions.dossier import gather_dossier
    from homeostat.streams.decisions.topics import ArchiveTopics, BrokerTopics
    from homeostat.streams.keys import load_trust

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"trust_folder": trust})
    topics = BrokerTopics(settings.kafka) if archive is None else ArchiveTopics(archive)
    return gather_dossier(topics, decision_id, load_trust(settings.keys.trust_folder))
