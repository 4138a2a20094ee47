"""The one table of topics: key, clean-up, retention, partitions, who writes and what."""

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.audit import AuditCheckpoint, AuditEntry
from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.control import (
    ApprovalDocument,
    ArtifactDocument,
    BaselineDocument,
    KernelVersionDocument,
    KeyActivationDocument,
    OrderDocument,
    PolicyDocument,
    ReleaseDocument,
    ReviewDocument,
    RolloutDocument,
    SealBaselineDocument,
    StopDocument,
)
from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.effect import Aftermath, Effect
from homeostat.schemas.escalation import Escalation
from homeostat.schemas.evidence import Echo, Evidence, SignalEvidence
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.intent import Intent
from homeostat.schemas.lease import Lease
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.pool import PooledBaseline, ReferencePool
from homeostat.schemas.served import Served
from homeostat.schemas.summary import Marker, Summary
from homeostat.schemas.trace import FeedbackTrace, WorkTrace

_DAY_MS = 86_400_000


class Cleanup(StrEnum):
    """What the broker does with old records: drop them, or keep the newest of each key."""

    DELETE = "delete"
    COMPACT = "compact"


class Timestamps(StrEnum):
    """Who sets a record's time: the producer (its log time), or the broker (log time comes from it)."""

    CREATE = "CreateTime"
    LOG_APPEND = "LogAppendTime"


class Spread(StrEnum):
    """How many partitions: the platform's declared number, or one."""

    PLATFORM = "platform"
    SINGLE = "single"


class TopicSpec(NamedTuple):
    """One topic. `key` is a word for people; `models` are the messages that it may carry beside control records."""

    name: str
    key: str
    cleanup: Cleanup
    retention_ms: int
    spread: Spread
    timestamps: Timestamps
    models: tuple[type[Message], ...]
    max_message_bytes: int = 1_048_576


TRACES, SUMMARIES, EVIDENCE, ALARMS = "traces.v1", "summaries.v1", "evidence.v1", "alarms.v1"
DEAD_LETTERS, BASELINES, DECISIONS = "traces.dlq.v1", "baselines.v1", "decisions.v1"
INTENTS, LEASES, COMMANDS, ACKS = "release.intents.v1", "release.leases.v1", "release.commands.v1", "release.acks.v1"
SERVED, EFFECTS, ESCALATIONS = "release.served.v1", "release.effects.v1", "release.escalations.v1"
DRIFT_EVENTS, REVIEW_REQUESTS, AUDIT = "drift.events.v1", "reviews.requests.v1", "audit.v1"
POLICIES, RELEASES, ROLLOUTS, CONTROLS = "policies.v1", "releases.v1", "rollouts.v1", "controls.v1"
ARTIFACTS, OVERRIDES = "artifacts.v1", "overrides.v1"

STAGE_INPUTS = MappingProxyType(
    {"leaf": TRACES, "parents": SUMMARIES, "guard": EVIDENCE, "triage": ALARMS, "sequencer": INTENTS}
)
"""Each stage's one input topic."""

ROLE_STAGES = MappingProxyType({"observe": ("leaf", "parents"), "release": ("guard", "triage", "sequencer")})
"""The stages that one worker process of a role runs."""


def state_topic(stage: str) -> str:
    """The compacted topic that holds a stage's checkpoints, one partition for each of its input."""
    return f"state.{stage}.v1"


def _append(name: str, key: str, days: int, *models: type[Message], spread: Spread = Spread.PLATFORM) -> TopicSpec:
    return TopicSpec(name, key, Cleanup.DELETE, days * _DAY_MS, spread, Timestamps.CREATE, models)


def _compact(name: str, key: str, *models: type[Message], spread: Spread = Spread.SINGLE) -> TopicSpec:
    return TopicSpec(name, key, Cleanup.COMPACT, -1, spread, Timestamps.CREATE, models)


_TABLE = (
    _append(TRACES, "tenant", 7, WorkTrace, FeedbackTrace, ExposureReport, PublisherReport)._replace(
        timestamps=Timestamps.LOG_APPEND
    ),
    _append(SUMMARIES, "parent cohort", 7, Summary, ReferencePool, Marker),
    _append(EVIDENCE, "rollout", 30, Evidence, SignalEvidence, Echo, Aftermath, Marker),
    _append(ALARMS, "correlation domain", 30, Alarm),
    _append(DEAD_LETTERS, "source topic/partition", 3, DeadLetter)._replace(max_message_bytes=2_097_152),
    _append(DRIFT_EVENTS, "event", 365, DriftEvent),
    _append(REVIEW_REQUESTS, "event", 30, DriftEvent),
    _append(DECISIONS, "rollout", 3650, Decision),
    _append(INTENTS, "target", 365, Intent),
    _append(EFFECTS, "rollout", 3650, Effect),
    _append(ESCALATIONS, "target", 3650, Escalation),
    _append(ACKS, "target", 365, Acknowledgement),
    _append(AUDIT, "subject", 3650, AuditEntry, AuditCheckpoint),
    _compact(LEASES, "rollout", Lease, spread=Spread.PLATFORM),
    _compact(COMMANDS, "target", DesiredState, spread=Spread.PLATFORM),
    _compact(SERVED, "target", Served, spread=Spread.PLATFORM),
    _compact(BASELINES, "cohort", BaselineDocument, PooledBaseline),
    _compact(POLICIES, "policy", PolicyDocument),
    _compact(RELEASES, "release", ReleaseDocument),
    _compact(ROLLOUTS, "rollout", RolloutDocument),
    _compact(ARTIFACTS, "kind/name/version/declaration", ArtifactDocument),
    _compact(OVERRIDES, "scope", OverrideDocument),
    _compact(
        CONTROLS,
        "subject",
        SealBaselineDocument,
        KeyActivationDocument,
        KernelVersionDocument,
        ApprovalDocument,
        ReviewDocument,
        OrderDocument,
        StopDocument,
        DrillCallDocument,
        DrillRunDocument,
    ),
    *(_compact(state_topic(stage), "state key", spread=Spread.PLATFORM) for stage in STAGE_INPUTS),
)

TOPICS = MappingProxyType({spec.name: spec for spec in _TABLE})
