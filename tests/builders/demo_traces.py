"""The demo's clinics as a file of bare traces: real note figures, a warm-up on the baseline, then three canaries."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.trace import Arm, Consent, FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.simulator.figures import load_notes
from homeostat.streams.simulator.plan import CANARIES, SPECIALTIES, WORKFLOW, Canary, build_manifest
from homeostat.streams.simulator.visits import draw_visit

Trace = WorkTrace | FeedbackTrace
START_MS = 1_760_000_000_000


def draw_traces(
    seed: int, warm_up_s: float, canary_s: float, canaries: tuple[Canary, ...] = CANARIES
) -> Iterator[Trace]:
    """Work and feedback by their times; each session of a canary is on the candidate with chance one half."""
    rng, notes = np.random.default_rng(seed), load_notes()
    drawn: list[tuple[float, int, Trace]] = []
    numbers = itertools.count()
    for canary, specialty in itertools.product(canaries, SPECIALTIES):
        for tenant in canary.tenants:
            at_s = 0.0
            while (at_s := at_s + float(rng.exponential(1 / canary.sessions_per_s))) < warm_up_s + canary_s:
                arm = Arm.BASELINE
                if at_s >= warm_up_s:
                    arm = Arm.CANDIDATE if rng.random() < 0.5 else Arm.CONTROL
                model = canary.candidate if arm is Arm.CANDIDATE else canary.control
                visit = draw_visit(notes[model], rng)
                tags = _tags(canary, tenant, specialty, arm, model, seed, next(numbers), at_s + visit.work_delay_s)
                work = WorkTrace(**tags, trace_id=tags["work_id"], signals=dict(visit.work_signals))
                feedback = FeedbackTrace(
                    **tags,
                    trace_id=derive_id("feedback", tags["work_id"]),
                    signals=dict(visit.feedback_signals),
                    feedback=FeedbackKind.ACCEPTANCE,
                    work_token=f"m1:{'0' * 32}",
                )
                drawn.append((at_s + visit.work_delay_s, len(drawn), work))
                drawn.append((at_s + visit.work_delay_s + visit.feedback_delay_s, len(drawn), feedback))
    return (trace for _, _, trace in sorted(drawn, key=lambda entry: entry[:2]))


def _tags(
    canary: Canary, tenant: str, specialty: str, arm: Arm, model: str, seed: int, number: int, at_s: float
) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "specialty": specialty,
        "workflow": WORKFLOW,
        "runtime": "scribe",
        "release": digest_document(build_manifest(model)),
        "arm": arm,
        "rollout": None if arm is Arm.BASELINE else canary.rollout,
        "session": derive_id("session", seed, number),
        "actor": derive_id("actor", tenant, number % 8),
        "consent": Consent.SHARED,
        "work_id": derive_id("work", seed, number),
        "work_time_ms": START_MS + round(at_s * 1000),
    }
