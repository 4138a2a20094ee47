"""The values of every record in one world: what a release and the changes in force make of the same sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import NamedTuple

import numpy as np
from scipy import special

from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Kind, SignalSpec, Source
from homeostat.streams.scenarios.effects_format import Effect, Effects, Population, Steps
from homeostat.streams.scenarios.figures import Figures, depends_of, figures_of
from homeostat.streams.scenarios.latents import Latents
from homeostat.streams.scenarios.move import Moved, move_chance, move_numbers, move_shares
from homeostat.streams.scenarios.notes import USUAL, find_rows, load_rows, pick
from homeostat.streams.scenarios.quantiles import to_binary, to_normal, to_values
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import Floats, Ints, Records, make_rng

_BANDS = {Source.AGE_BAND: "age_band", Source.SEX_BAND: "sex_band"}
_CHANCES = frozenset({Source.MISSING_STEPS, Source.STEP_ORDER, Source.TOOL_FAILURES})
_SKETCH_SD = 0.05


class InForce(NamedTuple):
    """Something that makes records different: how much each record feels of it, and what it does."""

    label: str
    felt: Floats
    effects: Effects
    steps: Steps = Steps()
    population: Population | None = None
    ages: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """Values by record: numbers (nan: not carried), chances (steps, tools), categories by name, bands, embedding."""

    numbers: dict[str, Floats] = field(default_factory=dict)
    chances: dict[Source, Floats] = field(default_factory=dict)
    categories: dict[str, list[str | None]] = field(default_factory=dict)
    bands: dict[str, list[str | None]] = field(default_factory=dict)
    skips: dict[str, Floats] = field(default_factory=dict)
    embedding: Floats | None = None

    def cut(self, rows: slice) -> "World":
        """The same of some records."""
        return World(
            numbers={name: column[rows] for name, column in self.numbers.items()},
            chances={source: column[rows] for source, column in self.chances.items()},
            categories={name: column[rows] for name, column in self.categories.items()},
            bands={name: column[rows] for name, column in self.bands.items()},
            skips={step: column[rows] for step, column in self.skips.items()},
            embedding=None if self.embedding is None else self.embedding[rows],
        )


class Painter:
    """Makes worlds of the same sessions."""

    def __init__(self, scenario: Scenario, policy: Policy, records: Records) -> None:
        self._scenario, self._records = scenario, records
        self._latents = Latents(scenario, records)
        self._specs = {spec.name: spec for spec in policy.signals if spec.carrier is not Carrier.EXPOSURE}
        self._figures = {name: figures_of(spec, scenario) for name, spec in self._specs.items()}
        self._depends = depends_of(self._specs, scenario)
        graph = {name: set(self._depends.get(name, ())) for name in self._specs}
        order = [name for name in TopologicalSorter(graph).static_order() if name in self._specs]
        self._order = sorted(order, key=lambda name: self._specs[name].source not in _BANDS)

    def paint(self, in_force: Sequence[InForce]) -> World:
        """The values of all records when all of this is in force."""
        world, moved = World(), dict[str, Floats]()
        rows = self._pick_rows(in_force)
        for name in self._order:
            spec = self._specs[name]
            if spec.source not in _BANDS and world.bands:
                in_force = [_narrow(each, world) for each in in_force]
            felt = [(each.felt, each.effects[name]) for each in in_force if name in each.effects]
            if spec.kind is Kind.CATEGORICAL:
                self._paint_category(world, spec, felt, rows)
            elif spec.kind is Kind.EMBEDDING:
                self._paint_embedding(world, spec, in_force, rows)
            else:
                found = self._paint_number(spec, felt, moved, rows)
                moved[name] = found.shift
                if spec.source in _CHANCES:
                    world.chances[spec.source] = found.values
                else:
                    world.numbers[name] = self._leave_out(name, found.values, felt)
        self._paint_steps(world, in_force)
        return world

    def _pick_rows(self, in_force: Sequence[InForce]) -> Ints | None:
        if self._scenario.data != "aci-bench":
            return None
        uniform = self._latents.uniform("row")
        rows = pick(find_rows(USUAL), uniform)
        for each in in_force:
            if each.population is not None:
                concerned = self._latents.uniform(f"population/{each.label}") < each.felt
                rows = np.where(concerned, pick(find_rows(each.population), uniform), rows)
        return rows

    def _paint_number(
        self, spec: SignalSpec, felt: list[tuple[Floats, Effect]], moved: Mapping[str, Floats], rows: Ints | None
    ) -> Moved:
        usual, links = self._figures[spec.name], self._depends.get(spec.name, {})
        pushed = sum((c * moved[source] for source, c in links.items() if source in moved), np.zeros(1))
        if rows is not None and spec.name in load_rows().numbers:
            values = load_rows().numbers[spec.name]
            here = values[find_rows(USUAL)]
            usual = Figures(float(here.mean()), float(here.std()), {}, usual.carried)
            return move_numbers(values[rows] + pushed * usual.sd, spec, usual, felt, pushed)
        z = np.sqrt(1.0 - sum(c * c for c in links.values())) * self._latents.of(spec.name)
        z = z + sum((c * self._latents.of(source) for source, c in links.items()), np.zeros(1)) + pushed
        if spec.kind is Kind.BINARY or spec.source in _CHANCES:
            chance = move_chance(usual.mean, felt, z.shape[0])
            shift = to_normal(chance) - to_normal(np.array(usual.mean)) + pushed
            values = to_binary(z, chance) if spec.kind is Kind.BINARY else chance
            return Moved(values, np.broadcast_to(shift, z.shape))
        return move_numbers(to_values(z, spec, usual.mean, usual.sd), spec, usual, felt, pushed)

    def _leave_out(self, name: str, values: Floats, felt: list[tuple[Floats, Effect]]) -> Floats:
        carried = np.full(values.shape, self._figures[name].carried)
        for share, effect in felt:
            if effect.missing is not None:
                carried = carried * (1.0 - share * effect.missing)
        if (carried >= 1.0).all():
            return values
        left: Floats = np.where(self._latents.uniform(f"carried/{name}") < carried, values, np.nan)
        return left

    def _paint_category(
        self, world: World, spec: SignalSpec, felt: list[tuple[Floats, Effect]], rows: Ints | None
    ) -> None:
        band = _BANDS.get(spec.source)
        if rows is not None and band is not None:
            source = load_rows().ages if band == "age_band" else load_rows().sexes
            names = [*dict.fromkeys(source)]
            usual = np.array([names.index(word) for word in source])[rows]
            shares = np.eye(len(names))[usual]
        else:
            given = self._figures[spec.name].shares
            names = list(given)
            shares = np.broadcast_to(
                np.array([given[name] for name in names]), (self._records.cell.shape[0], len(names))
            )
        names, shares = move_shares(names, shares, felt)
        uniform = _to_uniform(self._latents.of(spec.name))
        chosen = (np.cumsum(shares, axis=1) < uniform[:, None] * shares.sum(axis=1)[:, None]).sum(axis=1)
        words = np.array([_spell_band(name) if band else name for name in names], object)
        told = words[np.minimum(chosen, len(names) - 1)]
        carried = self._leave_out(spec.name, np.ones(told.shape[0]), felt)
        rest = None if band is None else "unknown"
        found = [rest if gone else word for gone, word in zip(np.isnan(carried).tolist(), told.tolist(), strict=True)]
        (world.categories if band is None else world.bands)[spec.name if band is None else band] = found

    def _paint_embedding(self, world: World, spec: SignalSpec, in_force: Sequence[InForce], rows: Ints | None) -> None:
        if self._figures[spec.name].carried <= 0:
            return
        assert spec.dimensions is not None
        rng, count = make_rng(self._scenario, f"embedding/{spec.name}"), self._records.cell.shape[0]
        if rows is not None and spec.dimensions == load_rows().sketch.shape[1]:
            vectors = load_rows().sketch[rows] + rng.normal(0, _SKETCH_SD / 10, (count, spec.dimensions))
        else:
            centres = rng.normal(0, _SKETCH_SD, (len(self._scenario.cells()), spec.dimensions))
            vectors = centres[self._records.cell] + rng.normal(0, _SKETCH_SD, (count, spec.dimensions))
        usual_sd = vectors.std(axis=0).mean()
        for each in in_force:
            effect = each.effects.get(spec.name)
            if effect is not None and effect.shift_sd is not None:
                direction = make_rng(self._scenario, f"{each.label}/direction").standard_normal(spec.dimensions)
                unit = direction / np.linalg.norm(direction)
                vectors = vectors + np.outer(each.felt, unit) * (effect.shift_sd * usual_sd)
        world.embedding = np.round(vectors, 4)

    def _paint_steps(self, world: World, in_force: Sequence[InForce]) -> None:
        for each in in_force:
            for step, chance in each.steps.skip.items():
                before = world.skips.get(step, np.zeros(each.felt.shape))
                world.skips[step] = 1.0 - (1.0 - before) * (1.0 - each.felt * chance)
            if each.steps.swap:
                before = world.chances.get(Source.STEP_ORDER, np.zeros(each.felt.shape))
                world.chances[Source.STEP_ORDER] = 1.0 - (1.0 - before) * (1.0 - each.felt * each.steps.swap)


def _narrow(each: InForce, world: World) -> InForce:
    """The same for the patients whose bands it names."""
    felt = each.felt
    for names, band in ((each.ages, "age_band"), (each.sexes, "sex_band")):
        if names and band in world.bands:
            wanted = {_spell_band(name) for name in names}
            felt = felt * np.array([word in wanted for word in world.bands[band]])
    return each._replace(felt=felt, ages=(), sexes=())


def _spell_band(name: str) -> str:
    return "80-" if name == "80" else name


def _to_uniform(z: Floats) -> Floats:
    uniform: Floats = special.ndtr(z)
    return uniform
