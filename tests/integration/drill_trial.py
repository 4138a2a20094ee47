"""A whole installation with a probe tenant: control drills the gateway, and a rollout waits for the proof."""

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import httpx

from homeostat.schemas.drill import Drill
from homeostat.streams.cli.main import run_with
from homeostat.streams.demo.children import Child
from homeostat.streams.simulator.plan import GATEWAY
from tests.builders.documents import TIMES
from tests.integration.rollout_trial import RolloutTrial, release_entries

PROBE = "probe"


class DrillTrial(RolloutTrial):
    """Two clinics and a probe tenant; the policy wants a proof of a rollback before any rollout."""

    def control(self, has_key: bool = True) -> Child:
        """Start control, with the probe tenant's key and no other, or without."""
        folder = self.folder / "probe-keys"
        if not folder.exists():
            folder.mkdir()
            options = ["--keys", str(self.keys.folder), "--out", str(folder / "probe.json")]
            assert run_with(["keys", "tenant", PROBE, *options]) == 0
        env = {"HOMEOSTAT_DRILL__TENANT_KEYS_FOLDER": str(folder)} if has_key else {}
        return self.children.start(self._name("control"), "homeostat", "worker", "--role", "control", pipe=False, **env)

    def set_up(self, **of_policy: Any) -> None:
        """Two clinics, the probe's target, and a policy that declares the drill."""
        drill = Drill(gateway=GATEWAY, tenant=PROBE, block_rollouts=True, limit_s=300)
        times = TIMES.model_copy(update={"lease_ttl_s": 60.0})  # without control no lease is renewed
        super().set_up(drills=(drill,), times=times, **of_policy)
        probe = {"gateway": GATEWAY, "tenant": PROBE, "workflow": drill.workflow}
        targets: dict[str, object] = {"kind": "targets", "body": {"release": "@control", "targets": [probe]}}
        self._publish([*release_entries(), targets])

    def drill_status(self) -> dict[str, Any]:
        """`homeostat drill status --json`, of the one gateway."""
        shown = StringIO()
        with redirect_stdout(shown):
            self.run("drill", "status", "--json", "--trust", str(self.keys.trust))
        (found,) = json.loads(shown.getvalue())
        assert isinstance(found, dict)
        return found

    def probe(self) -> dict[str, Any]:
        """What the gateway has been told for the probe's target."""
        rows = httpx.get(f"{self.url}/v1/targets", timeout=5).json()
        return next(row for row in rows if row["target"] == f"{GATEWAY}/{PROBE}/drill")
