"""Drills at the guard: where a drill may go, and when a gateway's last proof of a rollback is too old to begin."""

from collections.abc import Mapping

from homeostat.schemas.drill import DrillRun
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout

NEVER_PROMOTED = "a drill is never promoted"


def check_drill(rollout: Rollout, candidate: ReleaseManifest, policy: Policy) -> None:
    """Keep drills among the policy's probes, and known-bad releases among drills. Raises `DocumentInvalid`."""
    if rollout.drill != candidate.known_bad:
        raise DocumentInvalid("a drill is of a known-bad release, and nothing else is")
    if not rollout.drill:
        return
    probes = {(drill.target_key, drill.specialty) for drill in policy.drills}
    aimed = {(entry.target.key, specialty) for entry in rollout.targets for specialty in entry.specialties}
    if outside := sorted(aimed - probes):
        raise DocumentInvalid(f"{'/'.join(outside[0])} is no probe of the policy's drills: a drill goes nowhere else")


def find_unproven_gateway(rollout: Rollout, policy: Policy, runs: Mapping[str, DrillRun], now_ms: int) -> str | None:
    """Why a rollout may not begin where the policy wants a fresh proof of a rollback first; None where it may."""
    if rollout.drill:
        return None
    gateways = {entry.target.gateway for entry in rollout.targets}
    for drill in policy.drills:
        if not drill.block_rollouts or drill.gateway not in gateways:
            continue
        run = runs.get(drill.gateway)
        proven_ms = None if run is None else run.proven_at_ms
        do = f"run `homeostat drill run {drill.gateway}`"
        if proven_ms is None:
            return f"no rollback was ever proven at gateway {drill.gateway}: {do}"
        if now_ms - proven_ms > drill.stale_after_s * 1000:
            age_h = (now_ms - proven_ms) / 3_600_000
            return (
                f"the last proven rollback at gateway {drill.gateway} is {age_h:.1f} h old > "
                f"{drill.stale_after_s / 3600:g} h: {do}"
            )
    return None
