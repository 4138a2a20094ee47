"""From overrides to the effective configuration: each setting by its rule, with where each value comes from."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.override import (
    Bound,
    Configuration,
    Override,
    Phrase,
    TargetConfiguration,
    TemplateChoice,
)

ChoiceT = TypeVar("ChoiceT", TemplateChoice, Phrase)
StrT = TypeVar("StrT", bound=str)
ItemT = TypeVar("ItemT")
RULES = MappingProxyType(
    {
        "templates": "replaced",
        "phrasing": "replaced",
        "thresholds": "narrowed",
        "allowed_tools": "narrowed",
        "required_tools": "added to",
        "allowed_side_effects": "narrowed",
        "requires": "added to",
        "never_on": "added to",
    }
)
"""What a more specific document may do with a setting; a fixed template or phrase cannot be replaced."""
Sources = dict[str, tuple[str, ...]]
"""For each setting (`thresholds.edit_ratio`, `allowed_tools`), the scopes whose documents its value comes from."""


class Effective(NamedTuple):
    """What holds for one tenant, workflow and specialty; `fixed` are the settings that nobody may replace."""

    settings: Configuration
    sources: Sources
    fixed: frozenset[str]


def compose(overrides: Iterable[Override], tenant: str, workflow: str, specialty: str | None = None) -> Effective:
    """Compose the documents whose scope covers these tags; their order does not matter. No document: nothing is set.

    Without a specialty, what holds for every one. Raises `DocumentInvalid` for two documents of one scope.
    """
    covering = [override for override in overrides if override.scope.covers(tenant, specialty, workflow)]
    widest_first = sorted(covering, key=lambda override: override.scope.rank)
    _check_scopes(widest_first)
    sources: Sources = {}
    settings = Configuration(
        templates=_choose(widest_first, "templates", lambda o: o.templates, _template, sources),
        phrasing=_choose(widest_first, "phrasing", lambda o: o.phrasing, _text, sources),
        thresholds=_tighten(widest_first, sources),
        allowed_tools=_intersect(widest_first, "allowed_tools", lambda o: o.allowed_tools, sources),
        required_tools=_unite(widest_first, "required_tools", lambda o: o.required_tools, sources),
        allowed_side_effects=_intersect(
            widest_first, "allowed_side_effects", lambda o: o.allowed_side_effects, sources
        ),
        requires=_unite(widest_first, "requires", lambda o: o.requires, sources),
        never_on=_unite(widest_first, "never_on", lambda o: o.never_on, sources),
    )
    return Effective(settings, sources, frozenset(_find_fixed(widest_first)))


def compose_target(overrides: Collection[Override], tenant: str, workflow: str) -> TargetConfiguration:
    """The configuration of a target as a whole, with the specialties that documents name in it."""
    settings = compose(overrides, tenant, workflow).settings
    scopes = [override.scope for override in overrides]
    named = sorted({s.specialty for s in scopes if s.specialty and s.covers(tenant, s.specialty, workflow)})
    each = {name: compose(overrides, tenant, workflow, name).settings for name in named}
    differing = {name: found for name, found in each.items() if found != settings}
    return TargetConfiguration(tenant=tenant, workflow=workflow, settings=settings, specialties=differing)


def _check_scopes(overrides: list[Override]) -> None:
    for one, other in pairwise(overrides):
        if one.scope == other.scope:
            raise DocumentInvalid(f"two overrides of the scope {one.scope.key}: keep one document a scope")


def _template(choice: TemplateChoice) -> str:
    return choice.template


def _text(phrase: Phrase) -> str:
    return phrase.text


def _choose(
    widest_first: list[Override],
    name: str,
    read: Callable[[Override], Mapping[str, ChoiceT]],
    value: Callable[[ChoiceT], str],
    sources: Sources,
) -> dict[str, str]:
    """The most specific choice of each slot, or the widest one that holds it fixed."""
    chosen: dict[str, tuple[ChoiceT, str]] = {}
    for override in widest_first:
        for slot, choice in read(override).items():
            if slot not in chosen or not chosen[slot][0].fixed:
                chosen[slot] = (choice, override.scope.key)
    for slot, (_, scope) in chosen.items():
        sources[f"{name}.{slot}"] = (scope,)
    return {slot: value(chosen[slot][0]) for slot in sorted(chosen)}


def _find_fixed(overrides: list[Override]) -> Iterator[str]:
    for override in overrides:
        yield from (f"templates.{slot}" for slot, choice in override.templates.items() if choice.fixed)
        yield from (f"phrasing.{slot}" for slot, phrase in override.phrasing.items() if phrase.fixed)


def _tighten(widest_first: list[Override], sources: Sources) -> dict[str, Bound]:
    names = sorted({name for override in widest_first for name in override.thresholds})
    return {name: _tighten_one(name, widest_first, sources) for name in names}


def _tighten_one(name: str, widest_first: list[Override], sources: Sources) -> Bound:
    stated = [
        (override.thresholds[name], override.scope.key) for override in widest_first if name in override.thresholds
    ]
    least = max((bound.at_least for bound, _ in stated if bound.at_least is not None), default=None)
    most = min((bound.at_most for bound, _ in stated if bound.at_most is not None), default=None)
    deciding = (scope for bound, scope in stated if _decides(bound, least, most))
    sources[f"thresholds.{name}"] = tuple(deciding)
    return Bound(at_least=least, at_most=most)


def _decides(bound: Bound, least: float | None, most: float | None) -> bool:
    lower = bound.at_least is not None and bound.at_least == least
    return lower or (bound.at_most is not None and bound.at_most == most)


def _intersect(
    widest_first: list[Override],
    name: str,
    read: Callable[[Override], tuple[StrT, ...] | None],
    sources: Sources,
) -> tuple[StrT, ...] | None:
    """What every document that says something allows; None where none does."""
    stated = [(found, override.scope.key) for override in widest_first if (found := read(override)) is not None]
    if not stated:
        return None
    sources[name] = tuple(scope for _, scope in stated)
    return tuple(sorted(set.intersection(*(set(found) for found, _ in stated))))


def _unite(
    widest_first: list[Override], name: str, read: Callable[[Override], tuple[ItemT, ...]], sources: Sources
) -> tuple[ItemT, ...]:
    """What any document asks for, each thing once."""
    stated = [(item, override.scope.key) for override in widest_first for item in read(override)]
    if stated:
        sources[name] = tuple(dict.fromkeys(scope for _, scope in stated))
    return tuple(sorted({item for item, _ in stated}, key=str))
