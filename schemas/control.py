"""Control records: everything that may influence a stage and is not data, copied into the stage's own input.

A control record carries its type in the header `hs-control`, and a DSSE envelope as its value. Control signs ticks,
snapshots, missing sources, gaps and the parents' baselines across tenants itself; other documents, decisions and
acknowledgements travel in their author's envelope.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Generic, Self, TypeVar

from pydantic import Field, model_validator

from homeostat.schemas.base import Count, Digest, EpochMs, KeyId, Message, Offset, OpaqueId, Part, Partition, Slug, Unit
from homeostat.schemas.cohort import ACROSS_TENANTS, Cohort
from homeostat.schemas.policy import Policy
from homeostat.schemas.pool import LEAST_TENANTS, PartNumber, PoolEdition, PooledSignal
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.schemas.rollout import Rollout

CONTROL_HEADER = "hs-control"
TopicName = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,249}$")]


class ControlType(StrEnum):
    """Every kind of control record; the value of the header `hs-control`."""

    TICK = "tick"
    POLICY = "policy"
    RELEASE = "release"
    ROLLOUT = "rollout"
    ROLLOUT_STEP = "rollout_step"
    BASELINE = "baseline"
    SEAL_BASELINE = "seal_baseline"
    KEY_ACTIVATION = "key_activation"
    KERNEL_VERSION = "kernel_version"
    MISSING_SOURCE = "missing_source"
    GAP = "gap"
    SNAPSHOT_BEGIN = "snapshot_begin"
    SNAPSHOT_END = "snapshot_end"
    ACKNOWLEDGEMENT = "acknowledgement"
    EFFECT = "effect"
    APPROVAL = "approval"
    REVIEW = "review"
    ORDER = "order"
    STOP = "stop"
    OVERRIDE = "override"
    DRILL_RUN = "drill_run"
    SAFETY_REGRESSION = "safety_regression"


class _Addressed(Message):
    topic: TopicName
    partition: Partition
    at_ms: EpochMs


class Tick(_Addressed):
    """Nothing but its time."""

    ce_type: ClassVar[str] = "homeostat.control.tick"


class SnapshotBegin(_Addressed):
    """A full set of documents follows, up to the SnapshotEnd with the same `snapshot`."""

    ce_type: ClassVar[str] = "homeostat.control.snapshot_begin"
    snapshot: Count
    documents: Count


class SnapshotEnd(_Addressed):
    """`digest` is SHA-256 over the sorted digests of the documents' envelopes since the begin."""

    ce_type: ClassVar[str] = "homeostat.control.snapshot_end"
    snapshot: Count
    documents: Count
    digest: Digest


class MissingSource(_Addressed):
    """A source partition whose mark stood still for the declared time: readers stop waiting for its markers."""

    ce_type: ClassVar[str] = "homeostat.control.missing_source"
    source_topic: TopicName
    source_partition: Partition
    last_mark: Offset


class Gap(_Addressed):
    """A prefix of this log that was lost to retention before it was read."""

    ce_type: ClassVar[str] = "homeostat.control.gap"
    from_offset: Offset
    to_offset: Offset


BodyT = TypeVar("BodyT", bound=Part)


class Document(Message, Generic[BodyT]):
    """An author's statement about one subject; a higher `subject_version` replaces a lower one."""

    ce_type: ClassVar[str] = "homeostat.document"
    subject: Annotated[str, Field(pattern=r"^[a-z0-9:._/-]{1,200}$")]
    subject_version: Annotated[int, Field(ge=1)]
    at_ms: EpochMs
    body: BodyT


class PolicyDocument(Document[Policy]):
    """The policy, as an operator signed it."""

    ce_type: ClassVar[str] = "homeostat.document.policy"


class ArtifactDocument(Document[Artifact]):
    """An artifact as it was registered: its declaration never changes. No stage reads it."""

    ce_type: ClassVar[str] = "homeostat.document.artifact"


class ReleaseDocument(Document[ReleaseManifest]):
    """A release's manifest, as an operator or a pipeline signed it."""

    ce_type: ClassVar[str] = "homeostat.document.release"


class RolloutDocument(Document[Rollout]):
    """A rollout's plan, as an operator signed it."""

    ce_type: ClassVar[str] = "homeostat.document.rollout"


class SealedSignal(Part):
    """A sealed reference of one signal on [0, 1]: mean with its lower and upper confidence bounds."""

    sessions: Count
    mean: Unit
    lower: Unit
    upper: Unit
    delta: Unit


class Baseline(Part):
    """A cohort's sealed references; of a cohort across tenants, what their references add up to (`pooled`).

    `pooled` is of one `part` of the week and made of the `editions` of the sources' pools.
    """

    cohort: Cohort
    sealed_at_ms: EpochMs
    tenants: Count = 1
    signals: dict[Slug, SealedSignal]
    part: PartNumber = 0
    pooled: dict[Slug, PooledSignal] = {}
    editions: Annotated[tuple[PoolEdition, ...], Field(max_length=4096)] = ()

    @model_validator(mode="after")
    def _check_pooled(self) -> Self:
        if self.pooled and self.cohort.layer not in ACROSS_TENANTS:
            raise ValueError(f"a {self.cohort.layer} cohort is inside a tenant: nothing of it is pooled")
        few = sorted(name for name, signal in self.pooled.items() if signal.tenants < LEAST_TENANTS)
        if few:
            raise ValueError(f"fewer than {LEAST_TENANTS} tenants: {', '.join(few)}")
        return self


class BaselineDocument(Document[Baseline]):
    """A cohort's sealed references, signed by an operator; pooled ones, which the parents state, by control."""

    ce_type: ClassVar[str] = "homeostat.document.baseline"


class SealBaseline(Part):
    """A decision to seal a new baseline: it uses only sessions that begin after this record."""

    cohort: Cohort
    sessions: Annotated[int, Field(ge=30, le=512)] = 200


class SealBaselineDocument(Document[SealBaseline]):
    """An operator's decision to seal a new baseline."""

    ce_type: ClassVar[str] = "homeostat.document.seal_baseline"


class KeyActivation(Part):
    """Which MAC masters and signing keys are valid from this record on. Ids only, never a secret."""

    mac_masters: Annotated[tuple[KeyId, ...], Field(max_length=16)]
    signing_keys: Annotated[tuple[KeyId, ...], Field(max_length=256)] = ()


class KeyActivationDocument(Document[KeyActivation]):
    """An operator's list of the keys that count."""

    ce_type: ClassVar[str] = "homeostat.document.key_activation"


class KernelVersion(Part):
    """The kernel that stages run from this record on."""

    kernel: Annotated[int, Field(ge=1)]


class KernelVersionDocument(Document[KernelVersion]):
    """An operator's choice of the kernel."""

    ce_type: ClassVar[str] = "homeostat.document.kernel_version"


class Approval(Part):
    """A reviewer's approval of a rollout's plan, by its digest; `waves` of it, counted from the first, or all (0)."""

    rollout: OpaqueId
    plan_digest: Digest
    approver: Slug
    waves: Count = 0


class ApprovalDocument(Document[Approval]):
    """A reviewer's approval."""

    ce_type: ClassVar[str] = "homeostat.document.approval"


class OrderKind(StrEnum):
    """What a person may ask of a rollout that is under way."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


class Order(Part):
    """An operator's word on one rollout. A pause ends exposure until a resume; evidence continues."""

    rollout: OpaqueId
    order: OrderKind
    author: Slug
    reason: Annotated[str, Field(max_length=200)] = ""


class OrderDocument(Document[Order]):
    """An operator's order."""

    ce_type: ClassVar[str] = "homeostat.document.order"


class StopScope(StrEnum):
    """What an emergency stop covers. `automation` stops what is stated, while verdicts go on."""

    EVERYTHING = "everything"
    TENANT = "tenant"
    RELEASE = "release"
    AUTOMATION = "automation"


class Stop(Part):
    """An emergency stop: every exposure in its scope ends, and none begins while it is `active`."""

    scope: StopScope
    tenant: Slug | None = None
    release: Digest | None = None
    active: bool = True
    author: Slug
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if (self.scope is StopScope.TENANT) != (self.tenant is not None):
            raise ValueError("a stop of a tenant names it, and no other stop does")
        if (self.scope is StopScope.RELEASE) != (self.release is not None):
            raise ValueError("a stop of a release names it, and no other stop does")
        return self

    @property
    def subject(self) -> str:
        """What this stop replaces a former one of."""
        return f"stop/{self.scope.value}/{self.tenant or self.release or 'all'}"

    def covers(self, tenant: str, release: str) -> bool:
        """Whether an exposure of that release to that tenant must end."""
        match self.scope:
            case StopScope.EVERYTHING:
                return self.active
            case StopScope.TENANT:
                return self.active and tenant == self.tenant
            case StopScope.RELEASE:
                return self.active and release == self.release
            case StopScope.AUTOMATION:
                return False


class StopDocument(Document[Stop]):
    """An operator's emergency stop, or its end."""

    ce_type: ClassVar[str] = "homeostat.document.stop"


class ReviewVerdict(StrEnum):
    """Whether the sampled work shows the harm that the event is about, an affected or an unaffected one alike."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNCLEAR = "unclear"


class Review(Part):
    """A person's verdict on one trace of an event's sample; never text."""

    event: OpaqueId
    trace_id: OpaqueId
    verdict: ReviewVerdict
    reviewer: Slug


class ReviewDocument(Document[Review]):
    """A reviewer's verdict."""

    ce_type: ClassVar[str] = "homeostat.document.review"
