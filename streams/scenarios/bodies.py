"""What a record of work says beside its tags: signals, categories, bands, steps, tools, retrieval, embedding."""

from typing import Final, NamedTuple

import numpy as np

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Kind, SignalSpec, Source
from homeostat.streams.scenarios.sessions import Floats
from homeostat.streams.scenarios.world import World

TOOLS: Final = ("chart-lookup", "medication-list", "order-entry")
_SOURCES = 64
_RETRIEVAL: Final = tuple(derive_id("source", number) for number in range(_SOURCES))
_OK, _FAILED = "ok", "error"
_CALLS_OK: Final = [{"tool": tool, "outcome": _OK} for tool in TOOLS]


class Body(NamedTuple):
    """The lists of one world by record, ready to be written."""

    work: list[dict[str, float]]
    feedback: list[dict[str, float]]
    categories: list[dict[str, str]]
    ages: list[str | None]
    sexes: list[str | None]
    steps: list[tuple[str, ...]]
    tools: list[list[dict[str, str]]]
    retrieval: list[tuple[str, ...]]
    embedding: list[list[float]]


def build_bodies(world: World, policy: Policy, count: int, rng: np.random.Generator) -> Body:
    """Turn a world's columns into rows; `rng` decides which step or tool a chance hits."""
    names = {c: [s.name for s in policy.signals if s.carrier is c and s.name in world.numbers] for c in Carrier}
    hits = next((s.name for s in policy.signals if s.source is Source.RETRIEVAL_HITS), None)
    plain = {s.name for s in policy.signals if s.source is Source.SIGNAL}
    rounded = {s.name: _round(world.numbers[s.name], s) for s in policy.signals if s.name in world.numbers}
    work = _zip_rows([n for n in names[Carrier.WORK] if n in plain], rounded, count)
    return Body(
        work=work,
        feedback=_zip_rows(names[Carrier.FEEDBACK], rounded, count),
        categories=_zip_words(world.categories, count),
        ages=world.bands.get("age_band", ["unknown"] * count),
        sexes=world.bands.get("sex_band", ["unknown"] * count),
        steps=_lay_steps(world, policy, count, rng),
        tools=_call_tools(world, count, rng),
        retrieval=_retrieve(rounded[hits], rng) if hits in rounded else [()] * count,
        embedding=[[]] * count if world.embedding is None else world.embedding.tolist(),
    )


def _round(values: Floats, spec: SignalSpec) -> Floats:
    """As a runtime would say it; nobody says that something did not happen where its absence means that."""
    if spec.absence:
        return np.where(values == 0, np.nan, values)
    return values if spec.kind in {Kind.BINARY, Kind.COUNT} else np.round(values, 4)


def _zip_rows(names: list[str], columns: dict[str, Floats], count: int) -> list[dict[str, float]]:
    if not names:
        return [{}] * count
    whole = not any(np.isnan(columns[name]).any() for name in names)
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    if whole:
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [{name: x for name, x in zip(names, row, strict=True) if x == x} for row in rows]


def _zip_words(columns: dict[str, list[str | None]], count: int) -> list[dict[str, str]]:
    if not columns:
        return [{}] * count
    rows = zip(*columns.values(), strict=True)
    return [{name: word for name, word in zip(columns, row, strict=True) if word is not None} for row in rows]


def _lay_steps(world: World, policy: Policy, count: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    declared = next((spec.steps for spec in policy.signals if spec.steps), ())
    if not declared:
        return [()] * count
    zeros = np.zeros(count)
    base = world.chances.get(Source.MISSING_STEPS, zeros)
    chance = np.stack([1 - (1 - base) * (1 - world.skips.get(step, zeros)) for step in declared], axis=1)
    missing = rng.random(chance.shape) < chance
    swapped = rng.random((count, len(declared) - 1)) < world.chances.get(Source.STEP_ORDER, zeros)[:, None]
    laid: list[tuple[str, ...]] = [declared] * count
    for row in np.flatnonzero(missing.any(axis=1) | swapped.any(axis=1)).tolist():
        laid[row] = _lay(declared, missing[row].tolist(), swapped[row].tolist())
    return laid


def _lay(declared: tuple[str, ...], missing: list[bool], swapped: list[bool]) -> tuple[str, ...]:
    order = list(range(len(declared)))
    place = 0
    while place < len(swapped):
        if swapped[place]:
            order[place], order[place + 1] = order[place + 1], order[place]
            place += 1
        place += 1
    return tuple(declared[step] for step in order if not missing[step])


def _call_tools(world: World, count: int, rng: np.random.Generator) -> list[list[dict[str, str]]]:
    chance = world.chances.get(Source.TOOL_FAILURES)
    if chance is None:
        return [[]] * count
    failed = rng.random((count, len(TOOLS))) < chance[:, None]
    called = [_CALLS_OK] * count
    for row in np.flatnonzero(failed.any(axis=1)).tolist():
        called[row] = [
            {"tool": tool, "outcome": _FAILED if bad else _OK}
            for tool, bad in zip(TOOLS, failed[row].tolist(), strict=True)
        ]
    return called


def _retrieve(hits: Floats, rng: np.random.Generator) -> list[tuple[str, ...]]:
    first: list[int] = rng.integers(0, _SOURCES, (hits.shape[0],)).tolist()
    doubled = _RETRIEVAL + _RETRIEVAL
    many: list[int] = np.nan_to_num(hits).clip(0, _SOURCES).astype(np.int64).tolist()
    return [doubled[at : at + n] for at, n in zip(first, many, strict=True)]
