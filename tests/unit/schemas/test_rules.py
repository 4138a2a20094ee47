"""Rules between fields: documents that parse field by field and still make no sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from homeostat.schemas.base import Part
from homeostat.schemas.cohort import LAYER_TAGS, Cohort, Layer
from homeostat.schemas.key_document import KeyDocument, derive_key_id
from homeostat.schemas.policy import Policy, Times
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import ENDED, Rollout, RolloutPhase, RolloutTarget
from homeostat.schemas.trace import Arm
from tests.golden.shared import CANDIDATE, CONTROL, PLAN, TARGET

PUBLIC = bytes(32)


def key_document(**changes: Any) -> KeyDocument:
    role = changes.get("role", SignerRole.GUARD)
    fields = {"key_id": derive_key_id(role, PUBLIC), "role": role, "public_key": PUBLIC.hex(), "valid_from_ms": 0}
    return KeyDocument(**{**fields, **changes})


@pytest.mark.parametrize(
    ("model", "fields", "says"),
    [
        (Times, {"lease_ttl_s": 22.0}, "lease_ttl_s 22.0 must exceed"),
        (Policy, {"signals": (core_scribe_signals()[0],) * 2}, "declared twice: edit_ratio"),
        (Policy, {"signals": ()}, "signals"),
        (Rollout, {**dict(PLAN), "control": CANDIDATE}, "same release"),
        (Rollout, {**dict(PLAN), "targets": PLAN.targets * 2}, "listed twice"),
        (Rollout, {**dict(PLAN), "share": 1.0}, "share"),
        (Cohort, {"layer": Layer.TENANT}, "has the tags"),
        (Cohort, {"layer": Layer.PLATFORM, "tenant": "a"}, "has the tags"),
    ],
)
def test_refused(model: type[Part], fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        model(**fields)


def test_a_rollouts_cohorts_are_all_its_specialties_sorted() -> None:
    other = TARGET.model_copy(update={"tenant": "a-clinic"})
    plan = PLAN.model_copy(update={"targets": (*PLAN.targets, RolloutTarget(target=other, specialties=("oncology",)))})
    assert plan.cohorts() == [
        ("a-clinic", "oncology", "scribe"),
        ("clinic-a", "cardiology", "scribe"),
        ("clinic-a", "oncology", "scribe"),
    ]
    assert TARGET.key == "gateway-1/clinic-a/scribe"
    assert (plan.control, RolloutPhase.EXPOSING in ENDED) == (CONTROL, False)


@pytest.mark.parametrize("layer", list(Layer))
def test_a_cohort_of_every_layer_has_a_key_of_its_own(layer: Layer) -> None:
    tags: dict[str, Any] = {"tenant": "a", "specialty": "b", "workflow": "c", "arm": Arm.CONTROL, "band": "age:65-79"}
    cohort = Cohort(layer=layer, **{name: tags[name] for name in LAYER_TAGS[layer]})
    assert cohort.key.split("/")[0] == layer
    assert cohort.key.count("/") == 4 + (layer is Layer.SUBGROUP)


def test_key_documents_say_whose_key_it_is() -> None:
    assert key_document().name is None
    assert key_document(role=SignerRole.GATEWAY, name="gateway-1").name == "gateway-1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"role": SignerRole.ROOT}, "vouches"),
        ({"role": SignerRole.GATEWAY}, "needs the name"),
        ({"role": SignerRole.REVIEWER}, "needs the name"),
        ({"key_id": "guard-0000000000000000"}, "does not belong"),
        ({"public_key": "ab" * 32}, "does not belong"),
        ({"public_key": "ab"}, "public_key"),
    ],
)
def test_key_documents_that_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        key_document(**changes)
