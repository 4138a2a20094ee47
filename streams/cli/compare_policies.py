"""`homeostat backtest --policy A --policy B`: policies side by side over one log."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from homeostat.schemas.topics import TRACES
from homeostat.streams.backtest.log_source import LogSource
from homeostat.streams.cli.log_input import Show, load_keys, open_log, show_progress
from homeostat.streams.cli.session import out, print_json
from homeostat.streams.compare.run import Comparison, Progress, compare_file, compare_log
from homeostat.streams.compare.tell import draw_table, say_limits, say_policies, tell_comparison
from homeostat.streams.compare.trials import TrialPlan
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.settings import Settings

Days = tuple[datetime | None, datetime | None]


def compare_policies(
    file: str,
    days: Days,
    policies: Sequence[Path],
    settings: Settings,
    trials: tuple[int, float, float | None],
    partitions: int | None,
    as_json: bool,
) -> None:
    """Run a file or a log under each policy, and print what came of it. `trials`: replicates, block days, tick."""
    plan = TrialPlan(*trials)
    with show_progress() as show:
        found = _compare(file, days, policies, settings, plan, partitions, show)
    if as_json:
        print_json(tell_comparison(found, plan))
        return
    for note in (*found.assumptions, *say_policies(found)):
        out.print(note, highlight=False, markup=False)
    out.print(draw_table(found))
    for line in say_limits(found, plan):
        out.print(line, highlight=False, markup=False)


def _compare(
    file: str,
    days: Days,
    policies: Sequence[Path],
    settings: Settings,
    plan: TrialPlan,
    partitions: int | None,
    show: Show,
) -> Comparison:
    progress = Progress(show.begin, show)

    def reopen() -> LogSource:
        source = open_log(file, TRACES, days)
        assert source is not None
        return source

    source = open_log(file, TRACES, days)
    if source is None:
        return compare_file(Path(file), policies, partitions, plan, progress)
    if source.head.topic != TRACES:
        raise SettingsInvalid(f"{file} is a log of {source.head.topic}: policies are compared over {TRACES}")
    return compare_log(reopen, policies, load_keys(settings, source.head), plan, progress)
