"""What the topics say of each gateway's drills: the last proof, its age, and what comes next."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from homeostat.schemas.drill import Drill, DrillCall, DrillOutcome, DrillRun
from homeostat.schemas.drill_documents import DrillCallDocument
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.topics import CONTROLS
from homeostat.streams.documents.read import ToPublish

_NONE_YET = "none yet: control must run, with the probe's key, and the probe's target must have a baseline"
TITLES = ("gateway", "probe target", "last proven", "age", "state", "newest drill", "next", "reason")


class DrillStatus(NamedTuple):
    """One gateway's; times in ms, the age in seconds, `blocks` whether no rollout may begin there now."""

    drill: Drill
    run: DrillRun | None
    age_s: float | None
    is_stale: bool
    next_ms: int | None

    @property
    def blocks(self) -> bool:
        return self.is_stale and self.drill.block_rollouts

    def row(self) -> tuple[str, ...]:
        """The cells of a table."""
        run = self.run
        state = ("stale, blocks rollouts" if self.blocks else "stale") if self.is_stale else "fresh"
        newest = "none" if run is None else str(run.outcome)
        if run is not None and run.outcome is not DrillOutcome.PROVEN:
            newest += f" at {run.stage}"
        return (
            self.drill.gateway,
            self.drill.target_key,
            "never" if run is None or run.proven_rollout is None else f"drill {run.proven_rollout[:8]}",
            "never" if self.age_s is None else f"{self.age_s / 3600:.1f} h",
            state,
            newest,
            "now" if self.next_ms is None else f"every {self.drill.every_s / 3600:g} h",
            _NONE_YET if run is None else run.reason,
        )

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "gateway": self.drill.gateway,
            "target": self.drill.target_key,
            "run": None if self.run is None else self.run.model_dump(mode="json"),
            "proven_rollback_age_s": self.age_s,
            "stale": self.is_stale,
            "blocks_rollouts": self.blocks,
            "next_ms": self.next_ms,
        }


def find_status(policy: Policy, runs: Mapping[str, DrillRun], now_ms: int) -> list[DrillStatus]:
    """Every gateway that the policy's drills name."""
    return [_status(drill, runs.get(drill.gateway), now_ms) for drill in policy.drills]


def call_drill(policy: Policy, gateway: str, author: str, reason: str, at_ms: int) -> ToPublish:
    """An operator's call. Raises `DocumentInvalid` for a gateway that the policy does not drill."""
    if gateway not in {drill.gateway for drill in policy.drills}:
        names = ", ".join(drill.gateway for drill in policy.drills) or "none"
        raise DocumentInvalid(f"gateway {gateway} is not among the policy's drills ({names}): declare it there first")
    body = DrillCall(gateway=gateway, author=author, reason=reason)
    subject = f"drill-call/{gateway}"
    document = DrillCallDocument(subject=subject, subject_version=at_ms, at_ms=at_ms, body=body)
    return ToPublish(CONTROLS, subject, document)


def _status(drill: Drill, run: DrillRun | None, now_ms: int) -> DrillStatus:
    age_s = None if run is None or run.proven_at_ms is None else (now_ms - run.proven_at_ms) / 1000
    next_ms = None if run is None else run.started_at_ms + round(drill.every_s * 1000)
    return DrillStatus(drill, run, age_s, age_s is None or age_s > drill.stale_after_s, next_ms)
