"""The newest bundle that fits: against every bundle there is, and what is said where none does."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.releases import resolve as resolve_module
from homeostat.detectors.releases.bundle import check_bundle
from homeostat.detectors.releases.catalogue import Catalogue
from homeostat.detectors.releases.obstacles import find_obstacles
from homeostat.detectors.releases.resolve import in_range, resolve, search
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact, ArtifactKind
from homeostat.schemas.release_draft import DraftArtifact, ReleaseDraft
from tests.builders.artifacts import MODEL, PROMPT, TOOLS, artifact, needs, offers, wants

_KINDS = (MODEL, PROMPT, TOOLS)
_BOUNDS = st.sampled_from([(None, None), ("1", "3"), ("2", None), (None, "2"), ("2", "3")])


@st.composite
def registries(draw: st.DrawFn) -> list[Artifact]:
    """Up to three versions of three artifacts, with constraints on each other and contracts."""
    found = []
    for kind in _KINDS:
        for version in draw(st.sets(st.sampled_from(["1", "2", "3"]), min_size=1)):
            others = draw(st.lists(st.sampled_from(_KINDS), max_size=1, unique=True))
            constraints = tuple(needs(other, *draw(_BOUNDS)) for other in others if other is not kind)
            contracts = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=1))
            required = draw(st.lists(st.sampled_from([wants("c"), wants("c", 2), wants("c", 1, 2)]), max_size=1))
            provides = tuple(offers("c", number) for number in contracts)
            found.append(artifact(kind, version, constraints=constraints, provides=provides, requires=tuple(required)))
    return found


def draft(*wanted: tuple[ArtifactKind, str | None]) -> ReleaseDraft:
    return ReleaseDraft(
        title="draft", artifacts=tuple(DraftArtifact(kind=kind, name="a", version=version) for kind, version in wanted)
    )


@given(registries(), st.permutations(_KINDS), st.sampled_from([None, ">=2", "<3"]))
@settings(max_examples=200, deadline=None)
def test_it_is_the_first_of_all_bundles_that_fit(
    artifacts: list[Artifact], order: list[ArtifactKind], wanted: str | None
) -> None:
    catalogue = Catalogue(artifacts)
    asked = draft(*((kind, wanted) for kind in order))
    every = product(*(in_range(each, catalogue) for each in asked.artifacts))
    expected = next((bundle for bundle in every if not check_bundle(bundle)), None)
    found = resolve(asked, catalogue)
    assert (None if found is None else found.artifacts) == expected


@given(registries(), st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_of_registration_does_not_matter(artifacts: list[Artifact], data: st.DataObject) -> None:
    asked = draft(*((kind, None) for kind in _KINDS))
    shuffled = data.draw(st.permutations(artifacts))
    assert resolve(asked, Catalogue(artifacts)) == resolve(asked, Catalogue(shuffled))


@given(registries(), st.lists(st.sampled_from([">=3", "<2", None]), min_size=3, max_size=3))
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_fit_does_fit(artifacts: list[Artifact], ranges: list[str | None]) -> None:
    catalogue, wanted = Catalogue(artifacts), dict(zip(_KINDS, ranges, strict=True))
    asked = draft(*wanted.items())
    if resolve(asked, catalogue) is not None:
        return
    failing, would_fit = find_obstacles(asked, catalogue)
    assert failing
    possible = search([tuple(catalogue.versions(kind, "a")) for kind in _KINDS])
    assert bool(would_fit) is (possible is not None)
    for words in would_fit:
        said = {ArtifactKind(kind): f"=={version}" for kind, version in re.findall(r"(\w+) a (\S+) instead of", words)}
        assert said
        assert resolve(draft(*{**wanted, **said}.items()), catalogue) is not None


def test_the_failing_constraint_and_what_would_fit_are_named() -> None:
    catalogue = Catalogue(
        [
            artifact(MODEL, "1"),
            artifact(MODEL, "2"),
            artifact(PROMPT, "5", constraints=(needs(MODEL, "2", "3"),)),
        ]
    )
    failing, would_fit = find_obstacles(draft((MODEL, "==1"), (PROMPT, None)), catalogue)
    assert failing == ["prompt_pack a 5 needs model a >=2,<3, the bundle has 1 (registered and fitting: 2)"]
    assert would_fit == ["model a 2 instead of ==1"]


def test_a_contract_that_nobody_in_the_draft_provides_is_looked_for_in_the_registry() -> None:
    catalogue = Catalogue(
        [
            artifact(MODEL, "1", requires=(wants("note_schema", 3),)),
            artifact(PROMPT, "7", provides=(offers("note_schema", 3),)),
        ]
    )
    failing, would_fit = find_obstacles(draft((MODEL, None)), catalogue)
    assert failing == [
        "model a 1 needs contract note_schema >=3, the bundle has nobody who provides it (provided by prompt_pack a 7)"
    ]
    assert would_fit == ["with prompt_pack a 7 added"]


def test_a_version_that_the_registry_has_not_is_said_with_those_that_it_has() -> None:
    catalogue = Catalogue([artifact(MODEL, "1"), artifact(MODEL, "2")])
    assert find_obstacles(draft((MODEL, ">=3")), catalogue) == (
        ["model a >=3: the registry has 2, 1"],
        ["model a 2 instead of >=3"],
    )
    assert find_obstacles(draft((PROMPT, None)), catalogue) == (
        ["prompt_pack a in any version: the registry has no such artifact"],
        [],
    )


def test_an_artifact_does_not_meet_its_own_contract() -> None:
    alone = artifact(MODEL, "1", requires=(wants("c"),), provides=(offers("c", 1),))
    assert [unmet.need for unmet in check_bundle([alone])] == [wants("c")]
    assert check_bundle([alone, artifact(PROMPT, "1", provides=(offers("c", 1),))]) == []


def test_a_search_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_module, "MAX_STEPS", 2)
    with pytest.raises(DocumentInvalid, match="narrow the draft"):
        search([(artifact(kind, "1"),) for kind in _KINDS])
