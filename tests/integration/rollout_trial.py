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


class ClinicsTrial(Installation):
    """Clinics with workflows, each pair a target, and the traffic of people's work."""

    tenants: tuple[str, ...]
    workflows: tuple[str, ...]

    def set_up(self, **of_policy: Any) -> None:
        """Publish keys, policy, releases and all targets' baselines, and make the clinics' publishers."""
        policy = make_policy(dead_letters=self.keys.dead_letters, **of_policy)
        targets = [
            {"gateway": GATEWAY, "tenant": tenant, "workflow": workflow}
            for tenant in self.tenants
            for workflow in self.workflows
        ]
        self._publish(
            [
                {"kind": "keys", "body": {"mac_masters": [self.keys.master_id]}},
                {"kind": "policy", "body": policy.model_dump(mode="json")},
                *release_entries(),
                {"kind": "targets", "body": {"release": "@control", "targets": targets}},
            ]
        )
        master = load_masters(self.keys.masters)[self.keys.master_id]
        keys = {
            tenant: TenantKey(
                tenant=tenant, master_id=self.keys.master_id, key=SecretStr(derive_tenant_key(master, tenant).hex())
            )
            for tenant in self.tenants
        }
        self._publishers = {tenant: Publisher(self.kafka, key, "scribe-runtime") for tenant, key in keys.items()}
        self._sessions = itertools.count()

    def serve(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the gateway gives to sessions that begin now; each gets an id of its own."""
        for request in requests:
            request["session"] = f"{next(self._sessions):032x}"
        found: list[dict[str, Any]] = httpx.post(f"{self.url}/v1/serve", json=requests, timeout=30).json()
        return found

    def work(self, request: dict[str, Any], answer: dict[str, Any], omission: float) -> None:
        """Publish what a session did with what it was given."""
        self._publishers[request["tenant"]].publish_work(
            specialty=request["specialty"],
            workflow=request["workflow"],
            release=answer["release"],
            arm=Arm(answer["arm"]),
            rollout=answer["rollout"],
            session=answer.get("session", request["session"]),
            actor=derive_id("actor", 1),
            signals={"omission": omission},
        )

    def stop_work(self) -> None:
        """Nobody publishes any more; no publisher reports either."""
        for publisher in getattr(self, "_publishers", {}).values():
            publisher.close()

    def close(self) -> None:
        self.stop_work()
        super().close()


class RolloutTrial(ClinicsTrial):
    """Two clinics, each a target, and the command line against the same broker."""

    tenants, workflows = (WELL, HARMED), (WORKFLOW,)

    def apply_rollout(self, **fields: Any) -> None:
        """`homeostat apply` of a rollout over both clinics, one after the other."""
        targets = [
            {"target": {"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW}, "specialties": [SPECIALTY]}
            for tenant in (WELL, HARMED)
        ]
        named = {"rollout": ROLLOUT, "title": "two clinics", "candidate": "@candidate", "control": "@control"}
        body = {**named, "strategy": "tenant_by_tenant", "targets": targets, **fields}
        path = self.folder / "rollout.yaml"
        path.write_text(yaml.safe_dump_all([*release_entries(), {"kind": "rollout", "name": "clinics", "body": body}]))
        assert self.run("apply", str(path), "--key", str(self.keys.private)) == 0

    def run(self, *args: str) -> int:
        """One command line against this installation's broker."""
        return run_with([*args, "--bootstrap", self.broker.address])

    def look(self) -> None:
        """A few sessions in each clinic; the candidate omits much in one of them."""
        requests: list[dict[str, Any]] = [
            {"tenant": tenant, "workflow": WORKFLOW, "specialty": SPECIALTY}
            for tenant in self.tenants
            for _ in range(SESSIONS_A_LOOK)
        ]
        for request, answer in zip(requests, self.serve(requests), strict=True):
            harmed = request["tenant"] == HARMED and answer["arm"] == Arm.CANDIDATE
            self.work(request, answer, 0.9 if harmed else 0.1)

    def told(self, tenant: str) -> dict[str, Any]:
        """What the gateway has been told for a clinic."""
        rows = httpx.get(f"{self.url}/v1/targets", timeout=5).json()
        return next((row for row in rows if row["target"] == f"{GATEWAY}/{tenant}/{WORKFLOW}"), {})


def release_entries() -> list[dict[str, object]]:
    """The control and the candidate, for their names."""
    return [
        {"kind": "release", "name": name, "version": 1, "body": manifest.model_dump(mode="json")}
        for name, manifest in (("control", documents.CONTROL), ("candidate", documents.CANDIDATE))
    ]
