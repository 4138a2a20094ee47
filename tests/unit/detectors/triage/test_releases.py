"""Releases that changed without a rollout; the artifacts that differ; the fix that takes them back."""

from collections import Counter
from typing import Any

import pytest

from homeostat.detectors.triage.artifacts import Pair, Trial, diff_manifests, find_suspects
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.drift_event import Disposition, DriftClass, DriftEvent, NextStep
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.signal import Family
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST, START_MS
from tests.unit.detectors.triage.alarms import PLATFORM, Triage, alarm, companion, input_alarm, leaf, moved_alarm

CHANGED: dict[str, Any] = {"releases": (CANDIDATE_DIGEST, CONTROL_DIGEST), "release_since_ms": START_MS - 5_000}
KEPT: dict[str, Any] = {"releases": (CONTROL_DIGEST,), "release_since_ms": None}


def one_event(*alarms: Any) -> DriftEvent:
    triage = Triage(with_rollout=False)
    stated = [triage.alarm(each) for each in alarms]
    return (triage.tick() or stated[0])[0]


@pytest.mark.parametrize("family", [Family.OUTPUT, Family.SAFETY, Family.WORKFLOW, Family.OUTCOME, Family.OPERATIONS])
def test_a_release_that_changed_at_the_onset_leads_whatever_moved(family: Family) -> None:
    event = one_event(moved_alarm(1, family, **CHANGED))
    assert (event.drift_class, event.next_step) == (DriftClass.RELEASE_REGRESSION, NextStep.REVIEW_SAMPLE)
    assert (event.owner, event.rollout) == ("release", None)


def test_a_later_alarm_that_sees_less_far_back_does_not_hide_the_release() -> None:
    later: dict[str, Any] = {"onset_from_ms": START_MS + 3_000_000, "onset_to_ms": START_MS + 3_001_000}
    event = one_event(
        moved_alarm(1, Family.OUTPUT, **CHANGED),
        moved_alarm(2, Family.OUTPUT, **CHANGED, **later, log_time_ms=START_MS + 3_600_000),
    )
    assert (event.alarms, event.drift_class) == (2, DriftClass.RELEASE_REGRESSION)


def test_it_is_reverted_to_the_one_before_by_a_draft() -> None:
    event = one_event(alarm(1, **CHANGED))
    assert (event.next_step, event.disposition) == (NextStep.ROLL_BACK, Disposition.DRAFT_FIX)
    assert event.draft is not None
    assert (event.draft.action, event.draft.release) == ("revert_release", CONTROL_DIGEST)
    assert event.draft.reverts == event.artifacts
    assert [(each.kind, each.name) for each in event.artifacts] == [(ArtifactKind.MODEL, "scribe-model")]
    assert "It changed model scribe-model." in event.sentence


def test_another_cohort_that_kept_its_release_speaks_against_it() -> None:
    event = one_event(moved_alarm(1, Family.OUTPUT, **CHANGED), moved_alarm(2, Family.OUTPUT, leaf("tenant-2"), **KEPT))
    assert event.drift_class is DriftClass.PROMPT_DRIFT
    assert any("cohorts moved whose release did not change" in item.reason for item in event.evidence)
    assert event.draft is None


def test_a_cohort_with_the_new_release_that_is_dated_late_comes_along() -> None:
    late: dict[str, Any] = {
        "onset_from_ms": START_MS + 3_000_000,
        "onset_to_ms": START_MS + 3_001_000,
        "log_time_ms": START_MS + 3_600_000,
    }
    event = one_event(
        moved_alarm(1, Family.OUTPUT, **CHANGED),
        moved_alarm(2, Family.OUTPUT, **CHANGED, **late),
        moved_alarm(3, Family.OUTPUT, leaf(specialty="oncology"), **CHANGED, **late),
    )
    assert (event.alarms, event.drift_class) == (3, DriftClass.RELEASE_REGRESSION)


def test_several_cohorts_that_all_changed_release_make_surer() -> None:
    event = one_event(
        moved_alarm(1, Family.OUTPUT, **CHANGED), moved_alarm(2, Family.OUTPUT, leaf("tenant-2"), **CHANGED)
    )
    assert event.drift_class is DriftClass.RELEASE_REGRESSION
    assert any("all 2 cohorts that moved had changed release" in item.reason for item in event.evidence)


@pytest.mark.parametrize("since_ms", [START_MS - 3_600_000, START_MS + 3_600_000, None])
def test_a_release_of_another_time_is_no_cause(since_ms: int | None) -> None:
    event = one_event(moved_alarm(1, Family.OUTPUT, releases=(CANDIDATE_DIGEST,), release_since_ms=since_ms))
    assert event.drift_class is DriftClass.PROMPT_DRIFT


def test_inputs_beside_a_new_release() -> None:
    moved = (companion("dialogue_length", 0.4, family=Family.INPUT),)
    both = one_event(moved_alarm(1, Family.OUTPUT, companions=moved, **CHANGED))
    assert (both.drift_class, both.also) == (DriftClass.RELEASE_REGRESSION, (DriftClass.DATA_DRIFT,))
    explained = one_event(moved_alarm(1, Family.OUTPUT, companions=moved, explained=0.2, **CHANGED))
    assert explained.drift_class is DriftClass.DATA_DRIFT
    assert one_event(input_alarm(1, **CHANGED)).drift_class is DriftClass.DATA_DRIFT


def test_parents_alone_do_not_say_what_was_served() -> None:
    event = one_event(moved_alarm(1, Family.OUTPUT, PLATFORM))
    assert event.drift_class is DriftClass.PROMPT_DRIFT
    assert any(item.reason.startswith("not known: which release") for item in event.evidence)


def test_dangerous_prompt_drift_is_drafted_back_to_what_is_declared() -> None:
    event = one_event(alarm(1, family=Family.OUTPUT, **KEPT))
    assert (event.drift_class, event.disposition) == (DriftClass.PROMPT_DRIFT, Disposition.DRAFT_FIX)
    assert event.draft is not None
    assert (event.draft.action, event.draft.release) == ("restore_served_configuration", CONTROL_DIGEST)


def artifact(kind: ArtifactKind, version: str, salt: str = "") -> Artifact:
    digest = digest_document(ReleaseManifest(title=f"{kind}{version}{salt}", artifacts=(_MODEL,)))
    return Artifact(kind=kind, name="scribe", artifact_version=version, digest=digest)


_MODEL = Artifact(kind=ArtifactKind.MODEL, name="scribe", artifact_version="1", digest="sha256:" + "0" * 64)
_KINDS = (ArtifactKind.MODEL, ArtifactKind.PROMPT_PACK, ArtifactKind.RETRIEVAL_INDEX)


def manifest(*versions: str) -> ReleaseManifest:
    return ReleaseManifest(title="x", artifacts=tuple(map(artifact, _KINDS, versions)))


def test_artifacts_that_differ_appear_and_go() -> None:
    parts = (artifact(ArtifactKind.MODEL, "1", "rebuilt"), artifact(ArtifactKind.RETRIEVAL_INDEX, "9"))
    grown = manifest("1", "2").model_copy(update={"artifacts": parts})
    changes = diff_manifests(manifest("1", "2"), grown)
    assert [(each.kind, each.before, each.after) for each in changes] == [
        (ArtifactKind.MODEL, changes[0].before, changes[0].after),
        (ArtifactKind.PROMPT_PACK, "2", None),
        (ArtifactKind.RETRIEVAL_INDEX, None, "9"),
    ]
    assert changes[0].before != changes[0].after, "the same version with other bytes is told apart by its digest"
    assert changes[0].before is not None
    assert changes[0].before.startswith("1+")


def test_several_releases_point_to_the_artifact_that_they_share() -> None:
    manifests = [manifest("1", "1", "1"), manifest("2", "2", "2"), manifest("2", "3", "1"), manifest("1", "1", "2")]
    releases = {f"r{place}": each for place, each in enumerate(manifests)}
    pair = Pair("r0", "r1")
    assert find_suspects(pair, releases, Counter([])).likely == 0
    regressed, fine = Trial(Pair("r0", "r2"), regressed=True), Trial(Pair("r0", "r3"), regressed=False)
    suspects = find_suspects(pair, releases, Counter([regressed, fine]))
    assert (suspects.likely, suspects.regressed, suspects.fine) == (1, 1, 1)
    assert suspects.changes[0].kind is ArtifactKind.MODEL
    assert len(suspects.changes) == 3
    narrowed = find_suspects(pair, releases, Counter([fine]))
    assert [each.kind for each in narrowed.changes[: narrowed.likely]] == [ArtifactKind.MODEL, ArtifactKind.PROMPT_PACK]
    assert find_suspects(pair, releases, Counter([Trial(pair, regressed=True)])).likely == 0, (
        "its own trial says nothing new"
    )
    assert find_suspects(None, releases, Counter([fine])).changes == ()
    assert find_suspects(Pair("r0", "unknown"), releases, Counter([fine])).changes == ()
