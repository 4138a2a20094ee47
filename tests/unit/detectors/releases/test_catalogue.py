"""Versions, ranges, and a catalogue in which nothing changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.releases.catalogue import Catalogue
from homeostat.detectors.releases.versions import (
    constraint_range,
    is_in_range,
    meets_constraint,
    parse_range,
    parse_version,
    version_key,
)
from homeostat.schemas.errors import DocumentInvalid
from tests.builders.artifacts import MODEL, PROMPT, artifact, needs

_PARTS = st.lists(st.integers(0, 30), min_size=1, max_size=3)


@given(_PARTS, _PARTS)
def test_versions_are_ordered_by_number_not_by_letter(first: list[int], second: list[int]) -> None:
    one, other = (parse_version(".".join(map(str, parts))) for parts in (first, second))
    padded = [parts + [0] * (3 - len(parts)) for parts in (first, second)]
    assert (one < other) == (padded[0] < padded[1])


@given(_PARTS)
def test_a_version_has_one_name_however_it_is_written(parts: list[int]) -> None:
    text = ".".join(map(str, parts))
    assert version_key(text) == version_key(f"{text}.0") == version_key(f"v{text}")


@pytest.mark.parametrize("text", ["", "latest", "1.0+local", "1!2.0", "2.x"])
def test_what_cannot_be_ordered_is_no_version(text: str) -> None:
    with pytest.raises(DocumentInvalid, match="write it like"):
        parse_version(text)


@pytest.mark.parametrize(
    ("version", "wanted", "inside"),
    [
        ("2.1.0", "2.1", True),
        ("2.1.1", "2.1", False),
        ("2.9", ">=2,<3", True),
        ("3", ">=2,<3", False),
        ("3.0rc1", ">=2,<3", False),
        ("2.9rc1", ">=2,<3", False),
        ("2.9rc1", ">=2.9rc1,<3", True),
        ("14", None, True),
        ("15rc1", None, False),
        ("2.1", "==2.*", True),
        ("not-a-version", None, False),
    ],
)
def test_ranges(version: str, wanted: str | None, inside: bool) -> None:
    assert is_in_range(version, parse_range(wanted)) is inside


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentInvalid, match="no range"):
        parse_range("2 or 3")
    with pytest.raises(DocumentInvalid, match="no version"):
        constraint_range(needs(MODEL, "newest"))


def test_constraints_take_pre_releases_but_not_those_of_the_version_below_which_they_end() -> None:
    wanted = needs(MODEL, "1.4", "2")
    found = {
        version: meets_constraint(artifact(MODEL, version), wanted) for version in ("1.3", "1.5rc1", "1.9", "2rc1")
    }
    assert found == {"1.3": False, "1.5rc1": True, "1.9": True, "2rc1": False}
    assert not meets_constraint(artifact(PROMPT, "1.5"), wanted)
    assert not meets_constraint(artifact(MODEL, "1.5", name="other"), wanted)


def test_a_version_that_cannot_be_ordered_meets_only_a_constraint_without_bounds() -> None:
    odd = artifact(MODEL, "led-base")
    assert meets_constraint(odd, needs(MODEL))
    assert not meets_constraint(odd, needs(MODEL, "1"))


def test_the_same_statement_again_is_not_new_and_another_one_is_refused() -> None:
    catalogue = Catalogue([artifact(MODEL, "1.0")])
    assert catalogue.check_new(artifact(MODEL, "1.1"))
    assert not catalogue.check_new(artifact(MODEL, "1.0"))
    with pytest.raises(DocumentInvalid, match=r"registered already with digest sha256:.*new version"):
        catalogue.check_new(artifact(MODEL, "1.0", digest="sha256:" + "00" * 32))
    with pytest.raises(DocumentInvalid, match="tools"):
        catalogue.check_new(artifact(MODEL, "1.0", tools=("send-message",)))
    with pytest.raises(DocumentInvalid, match=r"artifact_version 1\.0"):
        catalogue.check_new(artifact(MODEL, "1"))


def test_two_statements_of_one_version_are_disputed_and_none_of_them_is_used() -> None:
    one, other = artifact(MODEL, "1"), artifact(MODEL, "1", digest="sha256:" + "00" * 32)
    for order in ([one, other], [other, one]):
        catalogue = Catalogue([*order, artifact(MODEL, "2")])
        assert [each.artifact_version for each in catalogue.artifacts] == ["2"]
        assert [set(each.artifacts) for each in catalogue.disputed] == [{one, other}]


def test_versions_come_newest_first() -> None:
    catalogue = Catalogue([artifact(MODEL, version) for version in ("1.9", "1.10", "2rc1", "1.2")])
    assert [each.artifact_version for each in catalogue.versions(MODEL, "a")] == ["2rc1", "1.10", "1.9", "1.2"]
    assert catalogue.versions(PROMPT, "a") == []
