"""A whole installation with two clinics, where one release does well in the one and harm in the other."""

import itertools
from typing import Any

import httpx
import yaml
from pydantic import SecretStr

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Family, Role
from homeostat.schemas.trace import Arm
from homeostat.streams.cli.main import run_with
from homeostat.streams.client.publisher import Publisher
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.keys import load_masters
from homeostat.streams.simulator.plan import GATEWAY
from tests.builders import documents
from tests.chaos.installation import PARTITIONS, Installation

WELL, HARMED = "well-clinic", "harmed-clinic"
WORKFLOW, SPECIALTY = "scribe", "cardiology"
ROLLOUT = derive_id("rollout", "two clinics")
SESSIONS_A_LOOK = 4


def make_policy(**fields: Any) -> Policy:
    """One guardrail with a wide tolerance, so that few sessions decide."""
    omission = documents.signal("omission", role=Role.GUARDRAIL, family=Family.SAFETY, tolerance=0.2)
    return documents.policy(signals=(omission,), partitions=PARTITIONS, **fields)


class RolloutTrial(Installation):
    """Two clinics, each a target, and the command line against the same broker."""

    def set_up(self, **of_policy: Any) -> None:
        """Publish keys, policy, releases and both targets' baselines, and make the clinics' publishers."""
        policy = make_policy(dead_letters=self.keys.dead_letters, **of_policy)
        targets = [{"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW} for tenant in (WELL, HARMED)]
        self._publish(
            [
                {"kind": "keys", "body": {"mac_masters": [self.keys.master_id]}},
                {"kind": "policy", "body": policy.model_dump(mode="json")},
                *self._releases(),
                {"kind": "targets", "body": {"release": "@control", "targets": targets}},
            ]
        )
        master = load_masters(self.keys.masters)[self.keys.master_id]
        keys = {
            tenant: TenantKey(
                tenant=tenant, master_id=self.keys.master_id, key=SecretStr(derive_tenant_key(master, tenant).hex())
            )
            for tenant in (WELL, HARMED)
        }
        self._publishers = {tenant: Publisher(self.kafka, key, "scribe-runtime") for tenant, key in keys.items()}
        self._sessions = itertools.count()

    def apply_rollout(self, **fields: Any) -> None:
        """`homeostat apply` of a rollout over both clinics, one after the other."""
        targets = [
            {"target": {"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW}, "specialties": [SPECIALTY]}
            for tenant in (WELL, HARMED)
        ]
        named = {"rollout": ROLLOUT, "title": "two clinics", "candidate": "@candidate", "control": "@control"}
        body = {**named, "strategy": "tenant_by_tenant", "targets": targets, **fields}
        path = self.folder / "rollout.yaml"
        path.write_text(yaml.safe_dump_all([*self._releases(), {"kind": "rollout", "name": "clinics", "body": body}]))
        assert self.run("apply", str(path), "--key", str(self.keys.private)) == 0

    def run(self, *args: str) -> int:
        """One command line against this installation's broker."""
        return run_with([*args, "--bootstrap", self.broker.address])

    def work(self) -> None:
        """A few sessions in each clinic; the candidate omits much in one of them."""
        requests = [
            {"tenant": tenant, "workflow": WORKFLOW, "specialty": SPECIALTY, "session": f"{next(self._sessions):032x}"}
            for tenant in (WELL, HARMED)
            for _ in range(SESSIONS_A_LOOK)
        ]
        answers = httpx.post(f"{self.url}/v1/serve", json=requests, timeout=5).json()
        for request, answer in zip(requests, answers, strict=True):
            harmed = request["tenant"] == HARMED and answer["arm"] == Arm.CANDIDATE
            self._publishers[request["tenant"]].publish_work(
                specialty=SPECIALTY,
                workflow=WORKFLOW,
                release=answer["release"],
                arm=Arm(answer["arm"]),
                rollout=answer["rollout"],
                session=request["session"],
                actor=derive_id("actor", 1),
                signals={"omission": 0.9 if harmed else 0.1},
            )

    def told(self, tenant: str) -> dict[str, Any]:
        """What the gateway has been told for a clinic."""
        rows = httpx.get(f"{self.url}/v1/targets", timeout=5).json()
        return next((row for row in rows if row["target"] == f"{GATEWAY}/{tenant}/{WORKFLOW}"), {})

    def close(self) -> None:
        for publisher in getattr(self, "_publishers", {}).values():
            publisher.close()
        super().close()

    def _releases(self) -> list[dict[str, object]]:
        return [
            {"kind": "release", "name": name, "version": 1, "body": manifest.model_dump(mode="json")}
            for name, manifest in (("control", documents.CONTROL), ("candidate", documents.CANDIDATE))
        ]
