"""The probe tenant's work: synthetic, authenticated with its own key, good but for what the bad release did."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from homeostat.detectors.drills.plan import find_signal, good_and_bad
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.drill import Drill, DrillRun
from homeostat.schemas.policy import Policy
from homeostat.schemas.trace import Arm, Consent
from homeostat.streams.client.gateway.arms import assign_candidate
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.trace_fields import WorkFields
from homeostat.streams.client.trace_writer import TraceWriter, WireRecord
from homeostat.streams.errors import SettingsInvalid

_RUNTIME = "drill"


def load_tenant_keys(folder: Path | None) -> dict[str, TenantKey]:
    """By tenant, every key in a folder of files that `homeostat keys tenant` wrote. Raises `SettingsInvalid`."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise SettingsInvalid(f"{folder} is no folder: drill.tenant_keys_folder holds the probe tenants' keys")
    keys = [TenantKey.load(path) for path in sorted(folder.iterdir()) if path.is_file()]
    return {key.tenant: key for key in keys}


class ProbeWork:
    """Writes the traces of drills' sessions."""

    def __init__(self, keys: Mapping[str, TenantKey]) -> None:
        self._writers = {tenant: TraceWriter(key, _RUNTIME) for tenant, key in keys.items()}
        self._numbers = itertools.count()

    def knows(self, tenant: str) -> bool:
        """Whether it has the tenant's key."""
        return tenant in self._writers

    def write(
        self, run: DrillRun, drill: Drill, share: float, policy: Policy, sessions: int, now_ms: int
    ) -> Iterator[WireRecord]:
        """The traces of so many sessions, each in the arm that every gateway assigns it to."""
        spec, writer = find_signal(policy), self._writers[drill.tenant]
        if spec is None or run.candidate is None or run.control is None:
            return
        good, bad = good_and_bad(spec)
        for _ in range(sessions):
            session = derive_id("drill-session", run.rollout, now_ms, next(self._numbers))
            candidate = assign_candidate(run.rollout, session, share)
            fields: WorkFields = {
                "specialty": drill.specialty,
                "workflow": drill.workflow,
                "release": run.candidate if candidate else run.control,
                "arm": Arm.CANDIDATE if candidate else Arm.CONTROL,
                "rollout": run.rollout,
                "session": session,
                "actor": derive_id("drill-actor", drill.tenant),
                "consent": Consent.TENANT,
                "signals": {spec.name: bad if candidate else good},
            }
            yield writer.write(writer.build_work(fields, now_ms))
