"""Overrides compose by their rules: in any order, once or twice, and what narrows never widens."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.releases.compose import compose, compose_target
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.override import (
    Bound,
    Configuration,
    Override,
    OverrideDocument,
    Phrase,
    Scope,
    TargetConfiguration,
    TemplateChoice,
)
from homeostat.schemas.release import SideEffect
from homeostat.schemas.trace import OutputProperty
from tests.builders.artifacts import override, wants

TENANT, WORKFLOW, SPECIALTY = "riverside", "visit-note", "cardiology"
_WORDS = st.sampled_from(["one", "two", "three"])
_TOOLS = st.sets(st.sampled_from(["read", "write", "send"])).map(lambda found: tuple(sorted(found)))
_NUMBERS = st.none() | st.sampled_from([0.1, 0.2, 0.3])
_BOUNDS = st.tuples(_NUMBERS, _NUMBERS).filter(
    lambda b: b != (None, None) and not (b[0] is not None and b[1] is not None and b[0] > b[1])
)


def _scopes() -> list[Scope]:
    return [
        Scope(tenant=tenant, specialty=specialty, workflow=workflow)
        for tenant in (None, TENANT)
        for specialty in (None, SPECIALTY)
        for workflow in (None, WORKFLOW)
    ]


@st.composite
def overrides(draw: st.DrawFn) -> list[Override]:
    """One override for each of some scopes."""
    return [
        Override(
            scope=scope,
            templates=draw(
                st.dictionaries(_WORDS, st.builds(TemplateChoice, template=_WORDS, fixed=st.booleans()), max_size=2)
            ),
            phrasing=draw(st.dictionaries(_WORDS, st.builds(Phrase, text=_WORDS, fixed=st.booleans()), max_size=2)),
            thresholds=draw(
                st.dictionaries(_WORDS, _BOUNDS.map(lambda b: Bound(at_least=b[0], at_most=b[1])), max_size=2)
            ),
            allowed_tools=draw(st.none() | _TOOLS),
            required_tools=draw(_TOOLS),
            allowed_side_effects=draw(st.none() | st.just((SideEffect.CHART,)) | st.just(tuple(SideEffect))),
            requires=draw(st.sampled_from([(), (wants("schema", 3),), (wants("schema", 2, 4), wants("args"))])),
            never_on=draw(st.sampled_from([(), (OutputProperty.ORDER,), (OutputProperty.ALLERGY,)])),
        )
        for scope in draw(st.lists(st.sampled_from(_scopes()), unique=True))
    ]


def effective(found: Sequence[Override]) -> Configuration:
    return compose(found, TENANT, WORKFLOW, SPECIALTY).settings


def as_override(settings_: Configuration) -> Override:
    """A composed configuration said again by the most specific scope."""
    return Override(
        scope=Scope(tenant=TENANT, specialty=SPECIALTY, workflow=WORKFLOW),
        templates={slot: TemplateChoice(template=name) for slot, name in settings_.templates.items()},
        phrasing={slot: Phrase(text=text) for slot, text in settings_.phrasing.items()},
        thresholds={name: bound for name, bound in settings_.thresholds.items() if not bound.is_empty},
        allowed_tools=settings_.allowed_tools,
        required_tools=settings_.required_tools,
        allowed_side_effects=settings_.allowed_side_effects,
        requires=settings_.requires,
        never_on=settings_.never_on,
    )


@given(overrides(), st.data())
@settings(max_examples=150, deadline=None)
def test_the_order_of_documents_does_not_matter(found: list[Override], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(found))
    assert compose(shuffled, TENANT, WORKFLOW, SPECIALTY) == compose(found, TENANT, WORKFLOW, SPECIALTY)


@given(overrides())
@settings(max_examples=150, deadline=None)
def test_what_was_composed_once_composes_to_itself(found: list[Override]) -> None:
    wider = [each for each in found if each.scope.rank < 7]
    once = effective(wider)
    assert effective([as_override(once)]) == once.model_copy(
        update={"thresholds": {name: bound for name, bound in once.thresholds.items() if not bound.is_empty}}
    )
    if not any(bound.is_empty for bound in once.thresholds.values()):
        assert effective([*wider, as_override(once)]) == once


@given(overrides(), st.data())
@settings(max_examples=300, deadline=None)
def test_one_more_document_never_widens_what_is_narrowed(found: list[Override], data: st.DataObject) -> None:
    if not found:
        return
    left_out = data.draw(st.integers(0, len(found) - 1))
    before, after = effective([*found[:left_out], *found[left_out + 1 :]]), effective(found)
    for name in ("allowed_tools", "allowed_side_effects"):
        narrower, wider = getattr(after, name), getattr(before, name)
        assert wider is None or (narrower is not None and set(narrower) <= set(wider))
    for name in ("required_tools", "requires", "never_on"):
        assert set(getattr(before, name)) <= set(getattr(after, name))
    for name, bound in before.thresholds.items():
        assert _is_within(after.thresholds[name], bound)


def _is_within(inner: Bound, outer: Bound) -> bool:
    above = outer.at_least is None or (inner.at_least is not None and inner.at_least >= outer.at_least)
    return above and (outer.at_most is None or (inner.at_most is not None and inner.at_most <= outer.at_most))


@given(overrides())
@settings(max_examples=100, deadline=None)
def test_every_value_names_scopes_that_said_something_of_it(found: list[Override]) -> None:
    by_scope = {each.scope.key: each for each in found}
    settings_, sources, fixed = compose(found, TENANT, WORKFLOW, SPECIALTY)
    for setting, scopes in sources.items():
        assert scopes
        name, _, slot = setting.partition(".")
        said = [getattr(by_scope[scope], name) for scope in scopes]
        assert all(slot in each if slot else each is not None for each in said)
    stated = {f"{name}.{slot}" for name in ("templates", "phrasing", "thresholds") for slot in getattr(settings_, name)}
    assert stated <= set(sources)
    assert fixed <= stated


def choose(name: str, fixed: bool = False) -> dict[str, TemplateChoice]:
    return {"note": TemplateChoice(template=name, fixed=fixed)}


def test_the_most_specific_template_wins_unless_a_wider_one_is_fixed() -> None:
    found = [
        override(templates=choose("platform")),
        override(workflow=WORKFLOW, templates=choose("workflow")),
        override(specialty=SPECIALTY, templates=choose("specialty")),
        override(TENANT, templates=choose("tenant")),
    ]
    for count, winner in enumerate(("platform", "workflow", "specialty", "tenant"), start=1):
        assert effective(found[:count]).templates == {"note": winner}
    held = override(workflow=WORKFLOW, templates=choose("workflow", fixed=True))
    assert effective([found[0], held, *found[2:]]).templates == {"note": "workflow"}


def test_documents_of_others_do_not_count() -> None:
    others = [override("hillcrest", required_tools=("write",)), override(TENANT, "oncology", required_tools=("write",))]
    assert effective(others) == Configuration()
    assert compose([], TENANT, WORKFLOW).sources == {}


def test_two_documents_of_one_scope_are_refused() -> None:
    with pytest.raises(DocumentInvalid, match="two overrides of the scope riverside/-/-"):
        effective([override(TENANT), override(TENANT, required_tools=("write",))])
    with pytest.raises(ValueError, match="the subject of this override is riverside/-/-"):
        OverrideDocument(subject="riverside", subject_version=1, at_ms=0, body=override(TENANT))


def test_a_specialty_is_set_apart_only_where_it_differs() -> None:
    found = [
        override(required_tools=("write",)),
        override(TENANT, SPECIALTY, required_tools=("send",)),
        override(TENANT, "oncology", required_tools=("write",)),
    ]
    whole = compose_target(found, TENANT, WORKFLOW)
    assert whole.settings.required_tools == ("write",)
    assert {name: each.required_tools for name, each in whole.specialties.items()} == {SPECIALTY: ("send", "write")}


def test_the_digest_is_that_of_values_and_not_of_who_said_them() -> None:
    here, there = (TENANT, WORKFLOW), ("hillcrest", WORKFLOW)
    one = OverrideBook([override(required_tools=("write",))])
    other = OverrideBook([override(TENANT, required_tools=("write",))])
    assert one.digest([here]) == other.digest([here]) == digest_document(one.of(*here).whole)
    nothing = TargetConfiguration(tenant=TENANT, workflow=WORKFLOW, settings=Configuration())
    assert OverrideBook().digest([here]) == digest_document(nothing)
    assert one.digest([here, there]) == one.digest([there, here]) != other.digest([here, there])


@given(overrides(), overrides(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_book_knows_what_composing_everything_anew_gives(
    first: list[Override], later: list[Override], data: st.DataObject
) -> None:
    book = OverrideBook(first)
    book.of(TENANT, WORKFLOW)
    for each in later:
        book.put(each)
        book.of("hillcrest", WORKFLOW)
    newest = {each.scope.key: each for each in (*first, *later)}
    shuffled = data.draw(st.permutations(list(newest.values())))
    assert book.of(TENANT, WORKFLOW) == OverrideBook(shuffled).of(TENANT, WORKFLOW)
    assert book.of(TENANT, WORKFLOW).whole == compose_target(shuffled, TENANT, WORKFLOW)
    assert sorted(each.scope.key for each in book) == sorted(newest)
