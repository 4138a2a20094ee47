"""The simulator as a process: clinics whose sessions ask the gateway what to serve, and publish what they did.

    python -m homeostat.streams.simulator.process --gateway-url URL --masters DIR --seed 1

Prints one JSON line of counts a second on standard output, until TERM.
"""

import argparse
import heapq
import itertools
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from pydantic import SecretStr

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.trace import Arm, Consent, FeedbackKind
from homeostat.streams.client.publisher import Publisher
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.keys import load_masters
from homeostat.streams.settings import KafkaSettings, load_settings
from homeostat.streams.simulator.figures import load_notes
from homeostat.streams.simulator.plan import (
    CANARIES,
    SPECIALTIES,
    WARM_UP_SESSIONS,
    WARM_UP_SESSIONS_PER_S,
    WORKFLOW,
    Canary,
    models_by_digest,
)
from homeostat.streams.simulator.visits import Visit, draw_visit

RUNTIME = "scribe"
_STEP_S = 0.05
_REPORT_S = 1.0
_LONGEST_STEP_S = 0.5
"""After a pause of the process no more sessions begin at once than half a second would have brought."""


@dataclass(order=True)
class Due:
    """Something to publish at a time; `number` keeps equal times in order."""

    at_s: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulator:
    """Open-loop arrivals (Poisson) for every cohort of the plan; each session does one note."""

    def __init__(self, gateway_url: str, publishers: dict[str, Publisher], seed: int, speed: float) -> None:
        self._http = httpx.Client(base_url=gateway_url, timeout=5)
        self._publishers, self._seed, self._speed = publishers, seed, speed
        self._rng = np.random.default_rng(seed)
        self._notes, self._models = load_notes(), models_by_digest()
        self._due: list[Due] = []
        self._numbers = itertools.count()
        self.sessions: Counter[tuple[str, str]] = Counter()
        self.arms: Counter[str] = Counter()
        self.unserved = 0

    def step(self, now_s: float, elapsed_s: float) -> None:
        """Begin the sessions of this step, and publish what is due."""
        wanted = [request for canary in CANARIES for request in self._draw_sessions(canary, elapsed_s)]
        if wanted:
            self._begin(wanted, now_s)
        while self._due and self._due[0].at_s <= now_s:
            heapq.heappop(self._due).act()

    def counts(self) -> dict[str, Any]:
        """Totals so far; `fewest_sessions` is of the cohort that has had the fewest."""
        cohorts = [(tenant, specialty) for canary in CANARIES for tenant in canary.tenants for specialty in SPECIALTIES]
        return {
            "sessions": sum(self.sessions.values()),
            "fewest_sessions": min(self.sessions[cohort] for cohort in cohorts),
            "candidate_sessions": self.arms[Arm.CANDIDATE],
            "unserved": self.unserved,
            "dropped": sum(sum(publisher.dropped.values()) for publisher in self._publishers.values()),
        }

    def close(self) -> None:
        """Flush the publishers."""
        for publisher in self._publishers.values():
            publisher.close()
        self._http.close()

    def _draw_sessions(self, canary: Canary, elapsed_s: float) -> list[dict[str, str]]:
        requests = []
        for tenant, specialty in itertools.product(canary.tenants, SPECIALTIES):
            is_warm = self.sessions[tenant, specialty] >= WARM_UP_SESSIONS
            rate = canary.sessions_per_s if is_warm else WARM_UP_SESSIONS_PER_S
            for _ in range(int(self._rng.poisson(rate * self._speed * elapsed_s))):
                session = derive_id("session", self._seed, tenant, specialty, next(self._numbers))
                requests.append({"tenant": tenant, "workflow": WORKFLOW, "specialty": specialty, "session": session})
        return requests

    def _begin(self, requests: list[dict[str, str]], now_s: float) -> None:
        try:
            response = self._http.post("/v1/serve", json=requests)
            response.raise_for_status()
        except httpx.HTTPError:
            self.unserved += len(requests)
            return
        for request, answer in zip(requests, response.json(), strict=True):
            self._begin_one(request, answer, now_s)

    def _begin_one(self, request: dict[str, str], answer: dict[str, Any], now_s: float) -> None:
        self.sessions[request["tenant"], request["specialty"]] += 1
        self.arms[answer["arm"]] += 1
        visit = draw_visit(self._notes[self._models[answer["release"]]], self._rng)
        self._plan(now_s + visit.work_delay_s, lambda: self._work(request, answer, visit, now_s))

    def _work(self, request: dict[str, str], answer: dict[str, Any], visit: Visit, began_s: float) -> None:
        publisher = self._publishers[request["tenant"]]
        token = publisher.publish_work(
            specialty=request["specialty"],
            workflow=WORKFLOW,
            release=answer["release"],
            arm=Arm(answer["arm"]),
            rollout=answer["rollout"],
            session=request["session"],
            actor=derive_id("actor", request["tenant"], int(self._rng.integers(8))),
            consent=Consent.SHARED,
            signals=dict(visit.work_signals),
            age_band=visit.note.age_band,
            sex_band=visit.note.sex_band,
            steps=("record", "draft", "show"),
        )

        def respond() -> None:
            publisher.publish_feedback(token, FeedbackKind.ACCEPTANCE, signals=dict(visit.feedback_signals))

        self._plan(began_s + visit.work_delay_s + visit.feedback_delay_s, respond)

    def _plan(self, at_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, Due(at_s, next(self._numbers), act))


def build_publishers(kafka: KafkaSettings, masters: Path, master_id: str) -> dict[str, Publisher]:
    """A publisher for each tenant of the plan, with its own key."""
    master = load_masters(masters)[master_id]
    tenants = [tenant for canary in CANARIES for tenant in canary.tenants]
    keys = {
        t: TenantKey(tenant=t, master_id=master_id, key=SecretStr(derive_tenant_key(master, t).hex())) for t in tenants
    }
    return {tenant: Publisher(kafka, key, RUNTIME) for tenant, key in keys.items()}


def main() -> None:
    """Run until TERM or INT."""
    parser = argparse.ArgumentParser(description="Simulate the clinics of the demo.")
    parser.add_argument("--gateway-url", required=True)
    parser.add_argument("--masters", type=Path, required=True)
    parser.add_argument("--master-id", default="m1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    publishers = build_publishers(load_settings().kafka, options.masters, options.master_id)
    simulator = Simulator(options.gateway_url, publishers, options.seed, options.speed)
    _run(simulator, stopping)
    simulator.close()


def _run(simulator: Simulator, stopping: threading.Event) -> None:
    last_s = reported_s = time.monotonic()
    while not stopping.wait(_STEP_S):
        now_s = time.monotonic()
        simulator.step(now_s, min(now_s - last_s, _LONGEST_STEP_S))
        last_s = now_s
        if now_s - reported_s >= _REPORT_S:
            reported_s = now_s
            sys.stdout.write(json.dumps(simulator.counts()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
