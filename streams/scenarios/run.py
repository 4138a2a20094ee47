"""Runs scenarios, one after another or in processes side by side, and adds up their scores."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from homeostat.streams.scenarios.outcome import collect_outcome
from homeostat.streams.scenarios.play import Player
from homeostat.streams.scenarios.read import read_file
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.score import score_scenario

Show = Callable[[dict[str, Any]], None]
"""Told of each scenario as it ends."""


def run_scenario(scenario: Scenario) -> dict[str, Any]:
    """Play one scenario and score it; the same scenario always gives the same, `seconds` aside."""
    began_s = time.perf_counter()
    player = Player(scenario)
    player.play()
    scores = score_scenario(scenario, collect_outcome(player.platform.topology))
    return {**scores, **player.counts, "days": scenario.days, "seconds": round(time.perf_counter() - began_s, 2)}


def run_all(paths: Sequence[Path], jobs: int, show: Show = lambda _: None) -> list[dict[str, Any]]:
    """Run files that were read without errors; results in the order of the files, whatever ended first."""
    found = []
    for result in _run_many(paths, jobs):
        show(result)
        found.append(result)
    return found


def _run_many(paths: Sequence[Path], jobs: int) -> Iterable[dict[str, Any]]:
    if jobs <= 1 or len(paths) <= 1:
        yield from map(_run_file, paths)
        return
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=get_context("spawn")) as pool:
        yield from _in_order(pool, paths)


def _in_order(pool: ProcessPoolExecutor, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    yield from pool.map(_run_file, paths)


def _run_file(path: Path) -> dict[str, Any]:
    scenario = read_file(path).scenario
    assert scenario is not None
    return {"file": str(path), **run_scenario(scenario)}
