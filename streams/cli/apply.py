"""`homeostat apply`: an operator's documents, checked, signed and published."""

from pathlib import Path
from typing import Annotated

import typer

from homeostat.streams.cli.session import out, print_json, settings_of


def apply(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="YAML files; several documents in one are split by '---'.")],
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    key: Annotated[Path | None, typer.Option(help="The operator's private key, or its folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show, publish nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was published as JSON.")] = False,
) -> None:
    """Sign and publish documents: policies, releases, rollouts, overrides, targets' baselines, key activations.

    Each YAML document has `kind` (policy, release, rollout, override, targets, keys, seal-baseline, order, stop),
    `body`, and if wanted `name` and `version`. A release's `name` can be used as '@name' in the documents after it.
    """
    from homeostat.schemas.canonical import digest_document
    from homeostat.schemas.errors import DocumentInvalid
    from homeostat.schemas.roles import SignerRole
    from homeostat.schemas.topics import ARTIFACTS
    from homeostat.streams.clock import SystemClock
    from homeostat.streams.documents.publish import publish_documents
    from homeostat.streams.documents.read import DocumentReader
    from homeostat.streams.errors import SettingsInvalid
    from homeostat.streams.keys import load_signers

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"private_key_path": key})
    documents = DocumentReader(SystemClock().wall_ms()).read_files(files)
    if any(document.topic == ARTIFACTS for document in documents):
        raise DocumentInvalid("an artifact never changes once it is registered: add it with `homeostat registry add`")
    if not dry_run:
        if settings.keys.private_key_path is None:
            raise SettingsInvalid("documents are signed by an operator: give --key or set keys.private_key_path")
        signer = load_signers(settings.keys.private_key_path, [SignerRole.OPERATOR])[SignerRole.OPERATOR]
        publish_documents(settings.kafka, signer, documents, limit_s=20)
    rows = [{"topic": d.topic, "key": d.key, "digest": digest_document(d.message)} for d in documents]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"{'checked' if dry_run else 'applied'} {row['key']} on {row['topic']}", highlight=False)
