"""An open safety regression holds a promotion at its place, until it closes; control tells the guard of it."""

from typing import Any

from homeostat.detectors.control_relay import ControlRelay
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import DriftEvent, EventStatus, Harm
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.safety_regression import SafetyRegression, SafetyRegressionDocument
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.standing import find_standing
from homeostat.streams.signing import Signers
from tests.builders import documents
from tests.builders.keys import signer, trust
from tests.builders.release_path import FINE, ReleasePath
from tests.golden.judgement_examples import judgement_examples
from tests.unit.streams.rollouts.path_topics import PathTopics

EVENT = derive_id("event")
LEAF = Cohort(layer=Layer.LEAF, tenant="tenant-1", specialty="cardiology", workflow="scribe", arm=Arm.BASELINE)
ELSEWHERE = LEAF.model_copy(update={"tenant": "tenant-2"})
PLATFORM = Cohort(layer=Layer.PLATFORM)


def tell(revision: int, place: Cohort, is_open: bool = True) -> SafetyRegressionDocument:
    body = SafetyRegression(event=EVENT, open=is_open, places=(place,), signals=("omission",))
    return SafetyRegressionDocument(subject=EVENT, subject_version=revision, at_ms=documents.START_MS, body=body)


def path_beside(*said: SafetyRegressionDocument) -> ReleasePath:
    path = ReleasePath(documents.rollout())
    path.begin()
    for document in said:
        path.pass_on(path.guard.control(document))
    path.say(FINE, ("tenant-1", "cardiology"))
    return path


def test_nothing_is_promoted_beside_one_and_it_is_named() -> None:
    for place in (LEAF, PLATFORM):
        path = path_beside(tell(1, place))
        path.tick()
        reason = path.guard.stage.rollouts[path.rollout.rollout].reason
        assert path.phase() is RolloutPhase.EXPOSING
        assert reason == (
            "healthy, and not promoted: an open safety regression at tenant-1/cardiology/scribe: omission "
            f"(event {EVENT})"
        )
        standing = find_standing(RolloutBook(PathTopics(path), trust()), path.rollout.rollout)
        assert standing.doubt is not None
        assert standing.doubt in reason


def test_one_that_is_elsewhere_or_closed_holds_nothing() -> None:
    assert path_beside(tell(1, ELSEWHERE)).phase() is RolloutPhase.PROMOTED
    assert path_beside(tell(1, LEAF), tell(2, LEAF, is_open=False)).phase() is RolloutPhase.PROMOTED


def test_promotion_follows_when_it_closes() -> None:
    path = path_beside(tell(1, LEAF))
    path.restart_guard()
    path.pass_on(path.guard.control(tell(2, LEAF, is_open=False)))
    assert path.phase() is RolloutPhase.PROMOTED


def event(**fields: Any) -> DriftEvent:
    (example,) = (each for each in judgement_examples() if isinstance(each, DriftEvent))
    (change,) = example.changes
    safety = {**change.model_dump(), "family": "safety", "role": "guardrail", "harmful": True, "cohort": LEAF}
    return DriftEvent.model_validate({**example.model_dump(), "changes": (safety,), "status": "open", **fields})


def test_control_tells_when_it_opens_and_when_it_closes_and_nothing_else() -> None:
    signers = Signers([signer(SignerRole.CONTROL)])
    relay = ControlRelay(2, signers.sign_output)

    def take(message: DriftEvent) -> list[SafetyRegression]:
        outputs = relay.take(to_json(message), message.ce_type, documents.START_MS)
        assert {output.topic for output in outputs} <= {EVIDENCE}
        assert len(outputs) in {0, 2}
        told = [SafetyRegressionDocument.model_validate_json(read_envelope(o.value)[1]).body for o in outputs]
        return told[:1]

    assert take(event(harm=Harm.BENIGN, revision=1)) == []
    (opened,) = take(event(revision=2))
    assert (opened.open, opened.places) == (True, (LEAF,))
    assert take(event(revision=3, sentence="worse still")) == []
    (closed,) = take(event(revision=4, status=EventStatus.CLOSED))
    assert not closed.open
    assert ControlRelay(2).take(to_json(event(revision=2)), DriftEvent.ce_type, documents.START_MS) == []
