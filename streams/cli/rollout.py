"""`homeostat rollout`: what a plan means, where a rollout stands, and what people say of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli import rollout_words
from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.registry_options import AsJson, Bootstrap, TrustFolder
from homeostat.streams.cli.session import out, print_json, settings_of

if TYPE_CHECKING:
    from homeostat.streams.rollouts.book import RolloutBook
    from homeostat.streams.rollouts.standing import Standing

Id = Annotated[str, typer.Argument(metavar="ID", help="A rollout's id, the beginning of it, or its title.")]
Archive = Annotated[
    str | None, typer.Option("--archive", help="Read an archive (a folder or URI) instead of the broker.")
]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def rollout() -> None:
    """Plan, watch, steer and score rollouts; stop exposures in an emergency."""


@app.command()
def plan(
    files: Annotated[list[Path], typer.Argument(help="YAML files with the rollout, its releases, and a policy.")],
    as_json: AsJson = False,
) -> None:
    """Show what a rollout's document means, without a broker: waves, guarantee, signatures; errors, exit code 4.

    Without a policy among the files, the policy of a new installation counts.
    """
    from homeostat.streams.rollouts.read_plan import read_plans

    told = read_plans(files)
    if as_json:
        print_json([each.to_json() for each in told])
        return
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.rollouts.tell_plan import WAVE_TITLES

    for each in told:
        rollout = each.plan.rollout
        print_table(
            f"{rollout.title or rollout.rollout}: {rollout.strategy}", WAVE_TITLES, each.rows, frozenset({"pairs"})
        )
        _say(f"guarantee: {each.guarantee.holds}", f"assumption: {each.guarantee.assumption}", *each.notes)
        _say(f"rollout {rollout.rollout}, plan {each.digest}")


@app.command("list")
def list_rollouts(
    ctx: typer.Context,
    archive: Archive = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """List every rollout: its strategy, phase, wave, and the newest verdict."""
    from homeostat.streams.cli.table import print_table

    book = _open(ctx, archive, bootstrap, trust)
    rows = []
    for rollout_id in sorted({*book.rollouts, *book.decisions}):
        body, decisions = book.rollouts.get(rollout_id), book.decisions.get(rollout_id, [])
        last = decisions[-1] if decisions else None
        wave = "" if last is None else f"{last.wave + 1} of {last.waves}"
        phase, verdict = ("pending", "") if last is None else (str(last.phase), str(last.verdict))
        strategy, title = ("unknown", "") if body is None else (str(body.strategy), body.title)
        rows.append((rollout_id, title, strategy, phase, wave, verdict))
    titles = ("rollout", "title", "strategy", "phase", "wave", "verdict")
    if as_json:
        print_json([dict(zip(titles, row, strict=True)) for row in rows])
    else:
        print_table(f"{len(rows)} rollouts", titles, rows, right=frozenset())


@app.command()
def show(
    ctx: typer.Context,
    rollout_id: Id,
    archive: Archive = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show where a rollout stands: every guardrail of every cohort, what it waits for, how long at today's volume."""
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.rollouts import follow_up
    from homeostat.streams.rollouts.standing import CELL_TITLES, cell_rows, find_standing, to_json

    book = _open(ctx, archive, bootstrap, trust)
    standing = find_standing(book, book.find(rollout_id))
    followed = book.follow_up(standing.plan.rollout, standing.policy.effects, standing.now_ms)
    if as_json:
        print_json({**to_json(standing), **follow_up.to_json(followed)})
        return
    body = standing.plan.rollout
    _say(f"{body.title or body.rollout}: {body.strategy}, {standing.phase}")
    _say(f"rollout {body.rollout}, wave {standing.wave + 1} of {len(standing.plan.waves)}")
    if standing.last is not None:
        _say(f"last decision: {standing.last.verdict}: {standing.last.reason}")
    print_table("guardrails", CELL_TITLES, cell_rows(standing), frozenset({"pairs", "tolerance"}))
    rows = follow_up.target_rows(followed)
    print_table("targets", follow_up.TARGET_TITLES, rows, frozenset({"generation", "after", "last"}))
    if followed.effect is not None:
        _say(f"effect: {followed.effect.reason}")
    _say(*(f"escalated: {follow_up.describe_escalation(each)}" for each in followed.escalations))
    _show_budgets(standing)
    _say(*(f"waits for: {each}" for each in standing.waits_for), *standing.outlook, *standing.notes)


@app.command()
def scorecard(
    ctx: typer.Context,
    rollout_id: Id,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page to this file.")] = None,
    draft: Annotated[
        Path | None, typer.Option("--draft", help="Write the rollouts that it proposes to this YAML file.")
    ] = None,
    archive: Archive = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Score a release: control, candidate, difference, interval, verdict of each signal and cohort; who regressed.

    Signals that do not decide are listed where they are shown to have changed; --json and --html have all of them.
    Exit code 1 where somebody regressed.
    """
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.rollouts.proposals import write_drafts
    from homeostat.streams.rollouts.score_lines import TITLES
    from homeostat.streams.rollouts.score_page import render_page
    from homeostat.streams.rollouts.scorecard import say_safety, score, to_json

    card = score(_find(ctx, rollout_id, archive, bootstrap, trust))
    if html is not None:
        html.write_text(render_page(card), encoding="utf-8")
    if draft is not None:
        draft.write_text(write_drafts(card.proposals), encoding="utf-8")
    if as_json:
        print_json(to_json(card))
    else:
        rows = [line.row() for line in (*card.decides, *card.moved)]
        print_table("scorecard: what decides, and what else moved", TITLES, rows, frozenset({"tolerance"}))
        for words, found in (("improved", card.improved), ("regressed", card.regressed)):
            _say(*(f"{words}: {each}" for each in found or ["nobody who can be named"]))
        _show_budgets(card.standing)
        _say(*(f"safety: {each}" for each in say_safety(card)), *(f"cannot be named: {each}" for each in card.missing))
        _say(*(f"promotion waits for: {each}" for each in card.waits_for))
        _say(*(f"proposed, {each.kind}: {each.reason}" for each in card.proposals))
    if card.regressed:
        raise typer.Exit(ExitCode.FOUND_WRONG)


app.command("pause")(rollout_words.pause)
app.command("resume")(rollout_words.resume)
app.command("abort")(rollout_words.abort)
app.command("retry")(rollout_words.retry)
app.command("approve")(rollout_words.approve)
app.command("stop")(rollout_words.stop)


def _open(ctx: typer.Context, archive: str | None, bootstrap: str | None, trust: Path | None) -> "RolloutBook":
    from homeostat.streams.decisions.topics import ArchiveTopics, BrokerTopics
    from homeostat.streams.keys import load_trust
    from homeostat.streams.rollouts.book import RolloutBook

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"trust_folder": trust})
    topics = BrokerTopics(settings.kafka) if archive is None else ArchiveTopics(archive)
    return RolloutBook(topics, load_trust(settings.keys.trust_folder))


def _find(ctx: typer.Context, text: str, archive: str | None, bootstrap: str | None, trust: Path | None) -> "Standing":
    from homeostat.streams.rollouts.standing import find_standing

    book = _open(ctx, archive, bootstrap, trust)
    return find_standing(book, book.find(text))


def _show_budgets(standing: "Standing") -> None:
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.rollouts import budgets

    if standing.budgets:
        print_table("error budgets", budgets.TITLES, map(budgets.row, standing.budgets), frozenset({"sessions"}))


def _say(*lines: str) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False)
