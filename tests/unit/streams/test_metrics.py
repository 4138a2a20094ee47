"""The declared list of metrics: what is exposed is what is declared, with units and bounded labels."""

import pytest

from homeostat.streams import metrics
from homeostat.streams.metrics import METRICS, REGISTRY, Kind

UNITS = ("_total", "_seconds", "_records", "_bytes", "_ratio", "_count", "_info")
OWN = {name: spec for name, spec in METRICS.items() if name.startswith("homeostat_transport_")}


def test_names_have_a_prefix_and_a_unit() -> None:
    wrong = [name for name in METRICS if not name.startswith("homeostat_") or not name.endswith(UNITS)]
    assert wrong == []


def test_counters_and_only_counters_end_in_total() -> None:
    assert [spec.name for spec in METRICS.values() if (spec.kind is Kind.COUNTER) != spec.name.endswith("_total")] == []


def test_help_is_a_sentence() -> None:
    assert [spec.name for spec in METRICS.values() if not spec.help.endswith(".")] == []


def test_the_registry_holds_the_declared_ones_and_those_of_the_process() -> None:
    families = {family.name for family in REGISTRY.collect()}
    declared = {name.removesuffix("_total") for name in METRICS}
    assert declared <= families
    assert {name.split("_")[0] for name in families - declared} <= {"process", "python"}


def test_transport_labels_are_bounded() -> None:
    assert {label for spec in OWN.values() for label in spec.labels} == {"stage", "partition", "topic"}


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        metrics._counter("homeostat_transport_fenced_total", "Again.")
