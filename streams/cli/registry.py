"""`homeostat registry`: artifacts that never change, and releases resolved from them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.schemas.release import Artifact, ArtifactKind
from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.registry_options import AsJson, Bootstrap, Folder, TrustFolder, registry_settings
from homeostat.streams.cli.session import err, out, print_json

if TYPE_CHECKING:
    from homeostat.detectors.releases.obstacles import Obstacles

HELP = """Register artifacts, and resolve releases from them.

An artifact is registered once under kind, name and version, and never
changes: another digest under the same version is refused. `resolve` turns a
draft with ranges of versions into the newest release whose parts fit together.

The registry is on the broker, signed; with --folder it is a folder of YAML
files, and needs neither broker nor keys: the same checks in a pipeline.

[bold]An artifact[/bold]
kind: artifact
body:
  kind: prompt_pack
  name: soap-note
  artifact_version: "15"
  digest: sha256:…           [dim]of its bytes[/dim]
  owner: scribe-team
  side_effects: \\[draft_note]
  tools: \\[write-draft]
  templates: \\[visit-note]
  constraints:
    - {kind: model, name: note-writer, min_version: "3", below_version: "4"}
  provides: \\[{contract: note_schema, contract_version: 3}]
  requires: \\[{contract: tool_args, min_version: 1}]

[bold]A draft[/bold]
kind: release-draft
name: scribe-15
body:
  title: Scribe 15
  artifacts:
    - {kind: model, name: note-writer, version: ">=3,<4"}
    - {kind: prompt_pack, name: soap-note}
"""
app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP, rich_markup_mode="rich")
Key = Annotated[Path | None, typer.Option(help="The operator's private key, or its folder.")]


@app.callback()
def registry() -> None:
    """Register artifacts, and resolve releases; `HELP` is what is shown."""


@app.command()
def add(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="YAML files with documents of the kind artifact.")],
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    key: Key = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and register nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Register artifacts; what is there already under the same version and differs is refused, all of it."""
    from homeostat.streams.registry.add import add_artifacts

    settings = registry_settings(ctx, bootstrap, trust, key)
    rows = add_artifacts(files, folder, settings, dry_run)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        done = ("new" if dry_run else "registered") if row["new"] else "already there"
        out.print(f"{done}: {row['artifact']}", highlight=False, markup=False)


@app.command("list")
def list_artifacts(
    ctx: typer.Context,
    kind: Annotated[ArtifactKind | None, typer.Option(help="Artifacts of this kind only.")] = None,
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """List every artifact, its newest version first; exit code 1 where one version was stated as two things."""
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.registry.open import open_book
    from homeostat.streams.registry.tell import artifact_rows, describe_disputed

    settings = registry_settings(ctx, bootstrap, trust)
    catalogue = open_book(folder, settings).catalogue
    found = [artifact for artifact in catalogue.artifacts if kind in {None, artifact.kind}]
    disputed = [describe_disputed(each) for each in catalogue.disputed if kind in {None, each.place[0]}]
    if as_json:
        print_json({"artifacts": [_dump(artifact) for artifact in found], "disputed": disputed})
    else:
        titles = ("kind", "name", "version", "owner", "may write", "tools", "digest")
        print_table(f"{len(found)} artifacts", titles, artifact_rows(found), right=frozenset())
        for line in disputed:
            err.print(line, highlight=False, markup=False)
    if disputed:
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def show(
    ctx: typer.Context,
    place: Annotated[str, typer.Argument(metavar="KIND/NAME[/VERSION]", help="Without a version: the newest.")],
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show one artifact: what it may do, what it needs and who meets that, and who needs it."""
    from homeostat.streams.registry.open import open_book
    from homeostat.streams.registry.tell import find_artifact, tell_artifact

    settings = registry_settings(ctx, bootstrap, trust)
    catalogue = open_book(folder, settings).catalogue
    artifact = find_artifact(catalogue, place)
    told = tell_artifact(catalogue, artifact)
    if as_json:
        print_json({**_dump(artifact), "told": told})
        return
    for name, value in told.items():
        out.print(f"{name:<14}{value}", highlight=False, markup=False)


@app.command()
def resolve(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with one document of the kind release-draft.")],
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the release here, not to the output.")] = None,
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a release of a draft: the newest registered versions in its ranges that fit together.

    Prints YAML for `homeostat apply`. Where nothing fits it says which constraint fails and what would fit, and ends
    with exit code 4. The artifact named first gets its newest version before the second is chosen, and so on.
    """
    from homeostat.schemas.canonical import digest_document
    from homeostat.streams.registry.drafts import read_draft, resolve_draft, write_release
    from homeostat.streams.registry.open import open_book

    settings = registry_settings(ctx, bootstrap, trust)
    draft = read_draft(file)
    manifest, obstacles = resolve_draft(draft, open_book(folder, settings).catalogue)
    if obstacles is not None or manifest is None:
        _refuse(file, obstacles, as_json)
        raise typer.Exit(ExitCode.REFUSED)
    text, digest = write_release(draft, manifest), digest_document(manifest)
    if out_file is not None:
        out_file.write_text(text)
    if as_json:
        print_json({"digest": digest, "release": manifest.model_dump(mode="json")})
    elif out_file is None:
        sys.stdout.write(f"# {digest}\n{text}")
    else:
        out.print(f"{digest} in {out_file}: homeostat apply {out_file}", highlight=False, markup=False)


def _refuse(file: Path, obstacles: "Obstacles | None", as_json: bool) -> None:
    found: dict[str, Any] = {} if obstacles is None else obstacles._asdict()
    if as_json:
        print_json(found)
        return
    err.print(f"[red]refused:[/red] no bundle of {file} fits together", highlight=False)
    for line in found["failing"]:
        err.print(f"  fails: {line}", highlight=False, markup=False)
    for line in found["would_fit"]:
        err.print(f"  would fit: {line}", highlight=False, markup=False)
    if not found["would_fit"]:
        err.print("  nothing registered would fit: register another version with `homeostat registry add`")


def _dump(artifact: Artifact) -> dict[str, Any]:
    return artifact.model_dump(mode="json")
