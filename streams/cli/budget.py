"""`homeostat budget`: false alarms declared and spent, and what would be noticed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.schemas.cohort import Layer
from homeostat.streams.cli.session import is_watched, out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.streams.budget.inventory import Inventory
    from homeostat.streams.settings import Settings

_FILE = "Traces or a dump of traces.v1, or an archive; none: declared volumes."
_POLICY = "Folder or file of the policy (default: a new installation's)."
_SPENT = ("layer", "cohorts", "monitors", "collecting", "false alarms a week, at most")
_LEFT = {"layer", "cohort", "signal", "role"}
_PLAIN_WIDTH = 150


def budget(
    ctx: typer.Context,
    file: Annotated[str | None, typer.Argument(help=_FILE)] = None,
    policy: Annotated[Path | None, typer.Option(exists=True, help=_POLICY)] = None,
    trust: Annotated[Path | None, typer.Option(help="Dump, archive: the installation's trust folder.")] = None,
    masters: Annotated[Path | None, typer.Option(help="Dump, archive: the folder of MAC masters.")] = None,
    tenants: Annotated[int, typer.Option(min=1, help="Declared: how many tenants.")] = 1,
    specialties: Annotated[int, typer.Option(min=1, help="Declared: specialties in each tenant.")] = 1,
    notes_per_day: Annotated[float, typer.Option(min=0.001, help="Declared: sessions a day of each tenant.")] = 40.0,
    feedback_ratio: Annotated[float, typer.Option(min=0.0, max=1.0, help="Declared: sessions with feedback.")] = 1.0,
    mean: Annotated[float, typer.Option(min=0.001, max=0.999, help="Declared: a bounded column's mean.")] = 0.2,
    sd: Annotated[float, typer.Option(min=0.001, max=0.5, help="Declared: its standard deviation.")] = 0.1,
    rate: Annotated[float, typer.Option(min=0.0, max=1.0, help="Declared: the rate of a yes or no.")] = 0.1,
    tolerances: Annotated[float, typer.Option(min=0.1, help="The shift asked about, in tolerances.")] = 4.0,
    within_days: Annotated[float, typer.Option(min=0.01, help="How soon it should be noticed.")] = 7.0,
    layer: Annotated[Layer, typer.Option(help="Show the power by signal of this layer.")] = Layer.LEAF,
    cohort: Annotated[str | None, typer.Option(metavar="WORD", help="Show each cohort with this in its name.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Show so many cohorts, the busiest first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show the budget of false alarms, how it is spent, and which shift it would notice how soon.

    A policy declares false alarms a week, and how many monitors share them:
    each side (up, down) of each column in each cohort is one. With a file, the
    core runs over it as a backtest does, and what its leaves and parents then
    watch is counted. Without one, volumes are declared: only a policy is needed.

    A monitor alarms on what lies beyond its baseline's bound plus tolerance, so
    a shift of one tolerance is never noticed and a larger one has a price:
    [bold]least[/bold]     the smallest shift noticed within --within-days, in tolerances τ
    [bold]sessions[/bold]  and time until a shift of --tolerances is noticed, on average
    [bold]needed[/bold]    sessions a day at which that would be in time, where it is not
    A cohort none of whose guardrails is in time is named: parents watch it.

    [bold]Examples[/bold]
    homeostat budget --tenants 40 --notes-per-day 120
    homeostat budget --policy policy.yaml --tenants 40 --within-days 2
    homeostat budget traces.parquet --policy documents/ --cohort cardiology
    """
    from homeostat.streams.budget.assess import Question, assess

    if file is None:
        found = _declare(policy, (tenants, specialties, notes_per_day, feedback_ratio), (mean, sd, rate))
    else:
        found = _read(file, policy, settings_of(ctx, keys={"trust_folder": trust, "mac_masters_folder": masters}))
    told = assess(found, Question(tolerances, within_days))
    if as_json:
        print_json(told)
    else:
        _print(told, layer, cohort, top)


def _declare(
    policy: Path | None, volumes: tuple[int, int, float, float], shape: tuple[float, float, float]
) -> "Inventory":
    from homeostat.streams.budget.declared import Shape, Volumes, declare_inventory
    from homeostat.streams.budget.read_log import read_policy

    return declare_inventory(read_policy(policy), Volumes(*volumes), Shape(*shape))


def _read(file: str, policy: Path | None, settings: "Settings") -> "Inventory":
    from homeostat.streams.budget.read_log import open_log, read_log, read_traces_file
    from homeostat.streams.keys import load_masters, load_trust

    source = open_log(file)
    if source is None:
        return read_traces_file(Path(file), policy)
    if settings.keys.mac_masters_folder is None:
        raise SettingsInvalid("a log of traces.v1 is authenticated again: give --masters, the folder of MAC masters")
    return read_log(source, load_trust(settings.keys.trust_folder), load_masters(settings.keys.mac_masters_folder))


def _print(told: dict[str, Any], layer: Layer, word: str | None, top: int) -> None:
    from homeostat.streams.budget.tell import cohort_rows, say_budget, say_days, say_small, signal_rows, spent_rows

    for line in (*told["assumptions"], *say_budget(told)):
        out.print(line, highlight=False, markup=False)
    _print_table("spent", _SPENT, list(spent_rows(told)))
    question = told["question"]
    in_time = say_days(question["within_days"])
    asked = (f"least in {in_time}", f"sessions for {question['tolerances']:g} τ")
    if word is None:
        title = f"power by signal, layer {layer}: {question['tolerances']:g} τ within {in_time}; medians"
        _print_table(title, ("signal", "role", "useful", *asked, ""), list(signal_rows(told, layer)))
    else:
        titles = ("cohort", "signal", "a day", "baseline", *asked, "needed a day")
        _print_table("power by cohort", titles, list(cohort_rows(told, word, top)))
    for line in say_small(told, top):
        out.print(line, highlight=False, markup=False)


def _print_table(title: str, titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE)
    for name in titles:
        table.add_column(name, justify="left" if name in _LEFT else "right")
    for row in rows:
        table.add_row(*row)
    (out if is_watched() else Console(width=_PLAIN_WIDTH)).print(table)
