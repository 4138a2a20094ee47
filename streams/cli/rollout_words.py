"""What people say with `homeostat rollout`: pause, resume, abort, approve, stop; each signed with their own key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli.registry_options import AsJson, Bootstrap, TrustFolder
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.schemas.control import Stop
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.documents.read import ToPublish
    from homeostat.streams.rollouts.book import RolloutBook
    from homeostat.streams.settings import Settings

_LIMIT_S = 20
Id = Annotated[str, typer.Argument(metavar="ID", help="A rollout's id, the beginning of it, or its title.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; the decision repeats it.")]
Author = Annotated[str, typer.Option("--author", help="Who says so.")]
Key = Annotated[Path | None, typer.Option("--key", help="The operator's private key, or its folder.")]


def pause(
    ctx: typer.Context,
    rollout_id: Id,
    reason: Reason,
    author: Author = "operator",
    key: Key = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
) -> None:
    """End a rollout's exposure until a resume; its evidence is kept."""
    _order(ctx, rollout_id, "pause", (author, reason), (key, bootstrap, trust))


def resume(
    ctx: typer.Context,
    rollout_id: Id,
    reason: Reason,
    author: Author = "operator",
    key: Key = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
) -> None:
    """Let a paused or held rollout go on with its evidence, under a new lease."""
    _order(ctx, rollout_id, "resume", (author, reason), (key, bootstrap, trust))


def abort(
    ctx: typer.Context,
    rollout_id: Id,
    reason: Reason,
    author: Author = "operator",
    key: Key = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
) -> None:
    """End a rollout for good; what was promoted stays, and nothing is quarantined."""
    _order(ctx, rollout_id, "abort", (author, reason), (key, bootstrap, trust))


def retry(
    ctx: typer.Context,
    rollout_id: Id,
    key: Key = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Put a rollout that ended without a verdict on trial again: a new one of the same plan, whose evidence goes on.

    Not one that was promoted or taken back as harmful. What reviewers signed was the former one: they sign anew.
    """
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.rollouts.words import retry_rollout

    settings = settings_of(
        ctx,
        kafka={"bootstrap_servers": bootstrap},
        keys={"trust_folder": trust, "private_key_path": key},
    )
    book = _read(settings)
    found = _with_plan(book, book.find(rollout_id))
    decisions = book.decisions.get(found, [])
    document = retry_rollout(book.rollouts[found], decisions[-1] if decisions else None, _now_ms())
    _publish(settings, SignerRole.OPERATOR, document)
    if as_json:
        print_json({"rollout": document.key, "retry_of": found})
    else:
        _say(f"rollout {document.key} tries {found} again")


def approve(
    ctx: typer.Context,
    rollout_id: Id,
    reviewer: Annotated[str, typer.Option("--as", help="The reviewer's name, as the trust folder has it.")],
    waves: Annotated[
        int, typer.Option(min=0, help="So many waves, from the first; 0: all, or what the plan asks.")
    ] = 0,
    key: Annotated[Path | None, typer.Option("--key", help="The reviewer's private key, or its folder.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Sign a rollout's plan with a reviewer's key; shows what is signed, and asks first. Authors are refused."""
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.rollouts.words import approve_plan

    settings = settings_of(
        ctx,
        kafka={"bootstrap_servers": bootstrap},
        keys={"trust_folder": trust, "private_key_path": key},
    )
    book = _read(settings)
    body = book.rollouts[_known(book, rollout_id)]
    manifest = book.releases.get(body.candidate)
    if manifest is None:
        raise SettingsInvalid("the candidate's manifest is not on the broker: nothing is signed unseen")
    document = approve_plan(body, manifest, reviewer, waves, _now_ms())
    digest = document.message.model_dump()["body"]["plan_digest"]
    if not as_json:
        _show_what_is_signed(book, body.rollout, digest)
    if not yes:
        typer.confirm(f"sign plan {digest} as {reviewer}?", abort=True)
    _publish(settings, SignerRole.REVIEWER, document, reviewer)
    if as_json:
        print_json({"rollout": body.rollout, "plan_digest": digest, "approver": reviewer, "waves": waves})
    else:
        _say(f"signed plan {digest} as {reviewer}")


def stop(
    ctx: typer.Context,
    reason: Reason,
    tenant: Annotated[str | None, typer.Option(help="Every exposure of this tenant.")] = None,
    release: Annotated[str | None, typer.Option(help="Every exposure of this release (its digest).")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Every exposure.")] = False,
    automation: Annotated[bool, typer.Option("--automation", help="State nothing more; verdicts go on.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="End this stop; ended rollouts stay ended.")] = False,
    author: Author = "operator",
    key: Key = None,
    bootstrap: Bootstrap = None,
) -> None:
    """End exposures at once and let none begin; the sequencer does not wait for the guard."""
    from homeostat.schemas.control import Stop, StopScope
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.rollouts.words import stop_exposures

    scopes = {
        StopScope.TENANT: tenant is not None,
        StopScope.RELEASE: release is not None,
        StopScope.EVERYTHING: everything,
        StopScope.AUTOMATION: automation,
    }
    chosen = [scope for scope, is_chosen in scopes.items() if is_chosen]
    if len(chosen) != 1:
        raise SettingsInvalid("say what to stop: one of --tenant, --release, --everything, --automation")
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"private_key_path": key})
    said: Stop = _checked(
        Stop, scope=chosen[0], tenant=tenant, release=release, active=not lift, author=author, reason=reason
    )
    _publish(settings, SignerRole.OPERATOR, stop_exposures(said, _now_ms()))
    _say(f"{'lifted' if lift else 'stated'} {said.subject}")


def _order(
    ctx: typer.Context,
    rollout_id: str,
    word: str,
    said: tuple[str, str],
    places: tuple[Path | None, str | None, Path | None],
) -> None:
    from homeostat.schemas.control import OrderKind
    from homeostat.schemas.roles import SignerRole
    from homeostat.streams.rollouts.words import order_rollout

    key, bootstrap, trust = places
    settings = settings_of(
        ctx,
        kafka={"bootstrap_servers": bootstrap},
        keys={"trust_folder": trust, "private_key_path": key},
    )
    found = _known(_read(settings), rollout_id)
    kind: OrderKind = OrderKind(word)
    _publish(settings, SignerRole.OPERATOR, order_rollout(found, kind, *said, _now_ms()))
    _say(f"ordered {kind} of {found}")


def _known(book: "RolloutBook", text: str) -> str:
    from homeostat.schemas.errors import DocumentInvalid
    from homeostat.schemas.rollout import ENDED

    found = book.find(text)
    decisions = book.decisions.get(found, [])
    if decisions and decisions[-1].phase in ENDED:
        raise DocumentInvalid(f"rollout {found} has ended: {decisions[-1].phase}")
    return _with_plan(book, found)


def _with_plan(book: "RolloutBook", found: str) -> str:
    from homeostat.schemas.errors import DocumentInvalid

    if found not in book.rollouts:
        raise DocumentInvalid(f"rollout {found}: its plan is not on the broker")
    return found


def _read(settings: "Settings") -> "RolloutBook":
    from homeostat.streams.decisions.topics import BrokerTopics
    from homeostat.streams.keys import load_trust
    from homeostat.streams.rollouts.book import RolloutBook

    return RolloutBook(BrokerTopics(settings.kafka), load_trust(settings.keys.trust_folder))


def _show_what_is_signed(book: "RolloutBook", rollout_id: str, digest: str) -> None:
    from homeostat.detectors.guard.plans import make_plan
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.rollouts.tell_plan import WAVE_TITLES, tell_plan

    body = book.rollouts[rollout_id]
    if book.policy is None:
        raise SettingsInvalid("no policy is on the broker: nothing is signed unseen")
    manifest = book.releases[body.candidate]
    told = tell_plan(make_plan(body, book.policy, manifest), manifest)
    print_table(f"{body.title or rollout_id}: {body.strategy}", WAVE_TITLES, told.rows, frozenset({"pairs"}))
    _say(f"candidate {body.candidate} ({manifest.title}), risk {manifest.risk}, by {manifest.author}")
    _say(f"guarantee: {told.guarantee.holds}", f"assumption: {told.guarantee.assumption}", *told.notes)
    _say(f"plan {digest}")


def _publish(settings: "Settings", role: "SignerRole", document: "ToPublish", name: str | None = None) -> None:
    from homeostat.streams.documents.publish import publish_documents
    from homeostat.streams.keys import load_signers

    if settings.keys.private_key_path is None:
        raise SettingsInvalid(f"this is signed by a {role}: give --key or set keys.private_key_path")
    signer = load_signers(settings.keys.private_key_path, [role], name)[role]
    publish_documents(settings.kafka, signer, [document], limit_s=_LIMIT_S)


def _checked(model: "type[Stop]", **fields: object) -> "Stop":
    from pydantic import ValidationError

    from homeostat.schemas.errors import DocumentInvalid
    from homeostat.streams.documents.read import describe_error

    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise DocumentInvalid(describe_error(error)) from None


def _now_ms() -> int:
    from homeostat.streams.clock import SystemClock

    return SystemClock().wall_ms()


def _say(*lines: str) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False)
