"""Examples of control records and documents."""

from homeostat.schemas.base import Message
from homeostat.schemas.control import (
    Approval,
    ApprovalDocument,
    Baseline,
    BaselineDocument,
    Gap,
    KernelVersion,
    KernelVersionDocument,
    KeyActivation,
    KeyActivationDocument,
    MissingSource,
    Order,
    OrderDocument,
    OrderKind,
    PolicyDocument,
    ReleaseDocument,
    Review,
    ReviewDocument,
    ReviewVerdict,
    RolloutDocument,
    SealBaseline,
    SealBaselineDocument,
    SealedSignal,
    SnapshotBegin,
    SnapshotEnd,
    Stop,
    StopDocument,
    StopScope,
    Tick,
)
from homeostat.schemas.defaults import default_policy, demo_times
from homeostat.schemas.drill import DrillCall, DrillOutcome, DrillRun, DrillStage
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.safety_regression import SafetyRegression, SafetyRegressionDocument
from tests.golden.shared import AT_MS, CANDIDATE, CONTROL, DECISION, EVENT, LEAF, MANIFEST, PLAN, ROLLOUT, TRACE


def control_examples() -> list[Message]:
    place = {"topic": "traces.v1", "partition": 3, "at_ms": AT_MS}
    return [
        Tick.model_validate(place),
        SnapshotBegin.model_validate({**place, "snapshot": 5, "documents": 4}),
        SnapshotEnd.model_validate({**place, "snapshot": 5, "documents": 4, "digest": "sha256:" + "55" * 32}),
        MissingSource.model_validate({**place, "source_topic": "traces.v1", "source_partition": 1, "last_mark": 12}),
        Gap.model_validate({**place, "from_offset": 0, "to_offset": 100}),
    ]


def document_examples() -> list[Message]:
    sealed = SealedSignal(sessions=200, mean=0.3, lower=0.28, upper=0.32, delta=0.0001)
    policy = default_policy(
        demo_times(), 4, DeadLetterKey(key_id="dead-letters-1", public_key="66" * 32), signals=core_scribe_signals()
    )
    return [
        PolicyDocument(subject="policy/default", subject_version=3, at_ms=AT_MS, body=policy),
        ReleaseDocument(subject=f"release/{CANDIDATE}", subject_version=1, at_ms=AT_MS, body=MANIFEST),
        RolloutDocument(subject=f"rollout/{ROLLOUT}", subject_version=1, at_ms=AT_MS, body=PLAN),
        BaselineDocument(
            subject=f"baseline/{LEAF.key}",
            subject_version=1,
            at_ms=AT_MS,
            body=Baseline(cohort=LEAF, sealed_at_ms=AT_MS, tenants=1, signals={"edit_ratio": sealed}),
        ),
        SealBaselineDocument(
            subject="seal-baseline/1", subject_version=1, at_ms=AT_MS, body=SealBaseline(cohort=LEAF, sessions=200)
        ),
        KeyActivationDocument(
            subject="keys/active",
            subject_version=2,
            at_ms=AT_MS,
            body=KeyActivation(mac_masters=("m1", "m2"), signing_keys=("guard-66687aadf862bd77",)),
        ),
        KernelVersionDocument(subject="kernel/leaf", subject_version=1, at_ms=AT_MS, body=KernelVersion(kernel=1)),
        ApprovalDocument(
            subject=f"approval/{ROLLOUT}",
            subject_version=1,
            at_ms=AT_MS,
            body=Approval(rollout=ROLLOUT, plan_digest="sha256:" + "77" * 32, approver="reviewer-1", waves=1),
        ),
        OrderDocument(
            subject=f"order/{ROLLOUT}",
            subject_version=1,
            at_ms=AT_MS,
            body=Order(rollout=ROLLOUT, order=OrderKind.PAUSE, author="operator-1", reason="the clinic is closed"),
        ),
        StopDocument(
            subject="stop/tenant/clinic-a",
            subject_version=1,
            at_ms=AT_MS,
            body=Stop(scope=StopScope.TENANT, tenant="clinic-a", author="operator-1", reason="incident 7"),
        ),
        DrillCallDocument(
            subject="drill-call/gateway-1",
            subject_version=1,
            at_ms=AT_MS,
            body=DrillCall(gateway="gateway-1", author="operator-1", reason="a new gateway"),
        ),
        DrillRunDocument(
            subject="drill/gateway-1",
            subject_version=2,
            at_ms=AT_MS,
            body=DrillRun(
                gateway="gateway-1",
                tenant="probe",
                workflow="drill",
                rollout=ROLLOUT,
                outcome=DrillOutcome.PROVEN,
                stage=DrillStage.SERVED,
                started_at_ms=AT_MS,
                ended_at_ms=AT_MS + 40_000,
                candidate=CANDIDATE,
                control=CONTROL,
                decision=DECISION,
                generation=9,
                state_digest="sha256:" + "88" * 32,
                reason="taken back and restored, 40.0 s after the drill was declared",
                proven_at_ms=AT_MS + 40_000,
                proven_rollout=ROLLOUT,
            ),
        ),
        SafetyRegressionDocument(
            subject=EVENT,
            subject_version=2,
            at_ms=AT_MS,
            body=SafetyRegression(
                event=EVENT, open=True, places=(LEAF,), signals=("omission_ratio",), sentence="omission ratio rose"
            ),
        ),
        ReviewDocument(
            subject=f"review/{EVENT}",
            subject_version=1,
            at_ms=AT_MS,
            body=Review(event=EVENT, trace_id=TRACE, verdict=ReviewVerdict.CONFIRMED, reviewer="reviewer-1"),
        ),
    ]
