"""What effects make of usual values: numbers, chances, shares of categories."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homeostat.schemas.signal import Kind, SignalSpec
from homeostat.streams.scenarios.effects_format import Effect
from homeostat.streams.scenarios.figures import Figures
from homeostat.streams.scenarios.sessions import Floats

Felt = Sequence[tuple[Floats, Effect]]
"""(how much each record feels of it, the effect), in the order of the scenario."""


class Moved(NamedTuple):
    """Values by record, and how far each was moved in usual standard deviations: what depends on it moves with it."""

    values: Floats
    shift: Floats


def move_numbers(values: Floats, spec: SignalSpec, usual: Figures, felt: Felt, pushed: Floats) -> Moved:
    """Apply effects to numbers, one after another, then cut off at the ends of the signal's range."""
    before, middle = values, usual.mean
    for share, effect in felt:
        values = _move_once(values, share, effect, middle, usual.sd)
    if spec.kind is Kind.COUNT:
        values = np.round(values)
    high = np.inf if spec.clip or spec.is_logarithmic else spec.high
    values = np.clip(values, spec.low, high)
    shift = pushed + (values - before) / usual.sd if usual.sd > 0 else pushed
    return Moved(values, np.broadcast_to(shift, values.shape))


def _move_once(values: Floats, share: Floats, effect: Effect, middle: float, sd: float) -> Floats:
    if effect.mean is not None:
        values = values + share * (effect.mean - middle)
    if effect.multiply is not None:
        values = values * (1.0 + share * (effect.multiply - 1.0))
    if effect.add is not None:
        values = values + share * effect.add
    if effect.shift_sd is not None:
        values = values + share * effect.shift_sd * sd
    if effect.spread is not None:
        values = middle + (values - middle) * (1.0 + share * (effect.spread - 1.0))
    if effect.set is not None:
        values = values + share * (effect.set - values)
    return values


def move_chance(usual: float, felt: Felt, count: int) -> Floats:
    """The chance of a 1 by record."""
    chance = np.full(count, usual)
    for share, effect in felt:
        if effect.rate is not None:
            chance = chance + share * (effect.rate - chance)
        if effect.mean is not None:
            chance = chance + share * (effect.mean - usual)
        if effect.multiply is not None:
            chance = chance * (1.0 + share * (effect.multiply - 1.0))
        if effect.add is not None:
            chance = chance + share * effect.add
        if effect.shift_sd is not None:
            chance = chance + share * effect.shift_sd * np.sqrt(usual * (1.0 - usual))
        if effect.set is not None:
            chance = chance + share * (effect.set - chance)
    kept: Floats = np.clip(chance, 0.0, 1.0)
    return kept


def move_shares(names: list[str], shares: Floats, felt: Felt) -> tuple[list[str], Floats]:
    """New shares by record [record, category]; categories that no effect names keep their proportions."""
    for share, effect in felt:
        if effect.categories is None:
            continue
        told = {_band_name(name, names): part for name, part in effect.categories.items()}
        fresh = [name for name in told if name not in names]
        if fresh:
            names = [*names, *fresh]
            shares = np.hstack([shares, np.zeros((shares.shape[0], len(fresh)))])
        named = np.array([name in told for name in names])
        rest = shares[:, ~named].sum(axis=1, keepdims=True)
        scale = (1.0 - sum(told.values())) / np.where(rest > 0, rest, 1.0)
        target = np.where(named, np.array([told.get(name, 0.0) for name in names]), shares * scale)
        shares = shares + share[:, None] * (target - shares)
    return names, shares


def _band_name(name: str, known: list[str]) -> str:
    """`80` and `80-` are one band."""
    return next((word for word in (name, name.strip("-"), f"{name}-") if word in known), name)
