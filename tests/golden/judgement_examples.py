"""Examples of what leaves, parents and triage say."""

from homeostat.schemas.alarm import Alarm, Companion, Corroboration
from homeostat.schemas.base import Message
from homeostat.schemas.drift_event import (
    ArtifactChange,
    ClassEvidence,
    Disposition,
    DraftFix,
    DriftClass,
    DriftEvent,
    EventStatus,
    Harm,
    NextStep,
    ReviewSample,
    SignalChange,
)
from homeostat.schemas.evidence import Echo, Evidence, GuardrailEvidence, SignalDifference, SignalEvidence
from homeostat.schemas.pool import PooledBaseline, PoolEdition, PooledSignal, ReferencePool
from homeostat.schemas.release import ArtifactKind
from homeostat.schemas.signal import Carrier, Direction, Family, Role
from homeostat.schemas.summary import HISTOGRAM_BINS, Marker, ServedRelease, SignalSummary, Summary
from tests.golden.shared import (
    ALARM,
    AT_MS,
    CANDIDATE,
    CONTROL,
    EVENT,
    LEAF,
    ROLLOUT,
    SPECIALTY,
    TRACE,
    WORK,
    WORKFLOW,
)


def judgement_examples() -> list[Message]:
    sums = SignalSummary(
        sessions=3,
        total=1_572_864,
        square_high=0,
        square_low=824_633_720_832,
        bet_sessions=2,
        expected=1_048_576,
        histogram=(1, 2, *(0,) * (HISTOGRAM_BINS - 2)),
        log_e_up=(-4_294_967_296, 1),
        log_e_down=(2, 3),
    )
    evidence = GuardrailEvidence(
        pairs=12,
        sum_d=-1_048_576,
        harmful=(1, 2, 3, 4, 5, 6),
        non_inferior=(-1, -2, -3, -4, -5, -6),
        candidate_sessions=13,
        candidate_sum=5,
        control_sessions=14,
        control_sum=6,
    )
    return [
        Summary(
            cohort=SPECIALTY,
            bucket=170_000_000,
            source_partition=3,
            mark=41,
            log_time_ms=AT_MS,
            records=9,
            tenants=2,
            signals={"edit_ratio": sums},
            releases=(ServedRelease(release=CANDIDATE, since_ms=AT_MS - 61_000),),
        ),
        *_pools(),
        Marker(bucket=170_000_000, source_partition=3, partition_count=16, mark=41, log_time_ms=AT_MS),
        Evidence(
            rollout=ROLLOUT,
            step=1,
            source_partition=3,
            mark=41,
            log_time_ms=AT_MS,
            tenant="clinic-a",
            specialty="cardiology",
            workflow="scribe",
            guardrails={"edit_ratio": evidence},
            ratio_log_e=(7, 8),
            candidate_starts=15,
            control_starts=16,
            candidate_missing=1,
            control_missing=2,
            late_sessions=3,
            last_candidate_ms=AT_MS,
            never=("invented_allergy",),
            unusable="refusals",
        ),
        SignalEvidence(
            rollout=ROLLOUT,
            source_partition=3,
            mark=41,
            log_time_ms=AT_MS,
            tenant="clinic-a",
            specialty="cardiology",
            workflow="scribe",
            signals={"note_words": _signal_difference()},
        ),
        Echo(rollout=ROLLOUT, step=1, source_partition=3, partition_count=16, mark=41, log_time_ms=AT_MS),
        _alarm(),
        _drift_event(),
    ]


def _signal_difference() -> SignalDifference:
    return SignalDifference(
        pairs=9,
        sum_d=-524_288,
        sum_d2=65_536,
        candidate_sessions=13,
        candidate_sum=5,
        control_sessions=14,
        control_sum=6,
    )


def _pools() -> list[Message]:
    place = {"cohort": WORKFLOW, "part": 1, "source_partition": 3, "mark": 41, "log_time_ms": AT_MS}
    two = PooledSignal(tenants=2, total=524_288, squares=137_441_050_624, meaning="9d" * 16)
    four = PooledSignal(tenants=4, total=1_048_576, squares=274_882_101_248, meaning="9d" * 16)
    return [
        ReferencePool.model_validate({**place, "edition": 2, "signals": {"edit_ratio": two}}),
        PooledBaseline.model_validate(
            {
                **place,
                "pool_version": 5,
                "signals": {"edit_ratio": four},
                "editions": (PoolEdition(source_partition=1, edition=1), PoolEdition(source_partition=3, edition=2)),
            }
        ),
    ]


def _alarm() -> Alarm:
    return Alarm(
        alarm=ALARM,
        cohort=LEAF,
        signal="edit_ratio",
        family=Family.OUTCOME,
        role=Role.GUARDRAIL,
        direction=Direction.UP,
        harmful=True,
        evidence=12_345.5,
        threshold=10_000.0,
        observed=0.41,
        observed_sessions=212,
        baseline=0.3,
        bound=0.32,
        baseline_sessions=200,
        tolerance=0.05,
        onset_from_ms=AT_MS - 60_000,
        onset_to_ms=AT_MS,
        releases=(CANDIDATE,),
        rollout=ROLLOUT,
        corroboration=Corroboration(detector="adwin", agrees=True, onset_ms=AT_MS - 30_000),
        stage="leaf",
        source_partition=3,
        mark=41,
        log_time_ms=AT_MS,
        plug_in=True,
        carrier=Carrier.FEEDBACK,
        limit=0.4,
        explained=0.02,
        release_since_ms=AT_MS - 61_000,
        sessions_per_day=12.5,
        companions=(_companion(),),
        affected=(TRACE,),
        unaffected=(WORK,),
    )


def _companion() -> Companion:
    return Companion(
        signal="payer--unseen",
        family=Family.INPUT,
        role=Role.SIGNAL,
        carrier=Carrier.WORK,
        direction=Direction.UP,
        tolerance=0.05,
        observed=0.02,
        low=0.0,
        high=0.05,
        sessions=212,
        baseline=0.01,
        bound_low=0.0,
        bound_high=0.02,
    )


def _drift_event() -> DriftEvent:
    change = SignalChange(
        cohort=LEAF,
        signal="edit_ratio",
        family=Family.OUTCOME,
        role=Role.GUARDRAIL,
        direction=Direction.UP,
        harmful=True,
        observed=0.41,
        observed_sessions=212,
        baseline=0.3,
        size=0.11,
        size_low=0.07,
        size_high=0.15,
        tolerance=0.05,
        evidence=12_345.5,
        threshold=10_000.0,
        alarm=ALARM,
    )
    artifact = ArtifactChange(kind=ArtifactKind.MODEL, name="biobart", before="2.0.0", after="2.1.0")
    reason = ClassEvidence(
        drift_class=DriftClass.RELEASE_REGRESSION, supports=True, reason="edit_ratio 0.41 > 0.30 (n=212, e=1.2e4)"
    )
    return DriftEvent(
        event=EVENT,
        revision=2,
        status=EventStatus.UPDATED,
        drift_class=DriftClass.RELEASE_REGRESSION,
        harm=Harm.DANGEROUS,
        scope=SPECIALTY,
        changes=(change,),
        alarms=1,
        onset_from_ms=AT_MS - 60_000,
        onset_to_ms=AT_MS,
        rollout=ROLLOUT,
        releases=(CANDIDATE,),
        evidence=(reason,),
        next_step=NextStep.ROLL_BACK,
        owner="clinical-quality",
        sentence="edit_ratio 0.41 > 0.30 (n=212, e=1.2e4)",
        also=(DriftClass.DATA_DRIFT,),
        confidence=0.75,
        disposition=Disposition.DRAFT_FIX,
        artifacts=(artifact,),
        draft=DraftFix(action="revert_release", release=CONTROL, reverts=(artifact,)),
        sample=ReviewSample(affected=(TRACE,), unaffected=(WORK,), affected_weight=212.0, unaffected_weight=200.0),
        closed_because="quiet: no alarm for 241 s > 240 s (1 alarms in all)",
        source_partition=0,
        mark=17,
        log_time_ms=AT_MS,
    )
