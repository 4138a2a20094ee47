"""Weeks of some clinics as a file of bare traces and its documents: real note figures, and changes that are known.

What is simulated is said in `streams.simulator.visits`; the arrival of visits (working hours, fewer at weekends), the
changes and the clinics are simulated here.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.policy import BaselineRule, Policy, Times
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.trace import Arm, Consent, FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.simulator.figures import load_notes
from homeostat.streams.simulator.plan import build_manifest
from homeostat.streams.simulator.visits import draw_visit

Trace = WorkTrace | FeedbackTrace
Signals = dict[str, float]
START_MS = 1_793_577_600_000
"""Monday, 2 November 2026, 00:00 UTC."""
DAY_S = 86_400.0
WORKFLOW, GATEWAY = "visit-note", "gateway-1"
BASELINE, CANDIDATE = "BART_large:full", "LED:full"
TIMES = Times(
    tick_s=300.0,
    bucket_s=900.0,
    session_s=1800.0,
    lease_ttl_s=3600.0,
    data_step_s=3600.0,
    max_ahead_s=3600.0,
    source_timeout_s=7200.0,
)


class Clinic(NamedTuple):
    """A clinic's visits a working day in each of its specialties, and on which day it begins."""

    name: str
    visits_a_day: dict[str, float]
    from_day: float = 0.0


class Trial(NamedTuple):
    """A rollout of the candidate in some clinics, from a day on for some days."""

    clinics: tuple[str, ...]
    from_day: float
    days: float

    @property
    def rollout(self) -> str:
        return derive_id("trial", *self.clinics)


class Change(NamedTuple):
    """From a day on, what visits of some clinics measure is altered."""

    clinics: tuple[str, ...]
    from_day: float
    alter: Callable[[Signals, np.random.Generator], None]


def fewer_words(signals: Signals, rng: np.random.Generator) -> None:
    """Speech recognition that loses part of what is said, and forms that come half empty; notes stay as they are."""
    if "dialogue_words" in signals:
        signals["dialogue_words"] = round(signals["dialogue_words"] * 0.55)
        signals["field_completeness"] = round(float(rng.binomial(12, 0.62)) / 12, 4)


def slower(signals: Signals, rng: np.random.Generator) -> None:
    """A runtime that takes three times as long."""
    if "latency_s" in signals:
        signals["latency_s"] = round(signals["latency_s"] * float(rng.uniform(2.6, 3.4)), 3)


def better_structure(signals: Signals, rng: np.random.Generator) -> None:
    """Notes that have almost every heading."""
    if "structure_score" in signals:
        signals["structure_score"] = round(min(1.0, signals["structure_score"] + 0.25), 4)


CLINICS = (
    Clinic("riverside-clinic", {"cardiology": 50, "family-medicine": 80, "orthopedics": 40}),
    Clinic("harbor-clinic", {"cardiology": 45, "family-medicine": 70}),
    Clinic("north-clinic", {"cardiology": 60, "family-medicine": 60}),
    Clinic("lakeview-clinic", {"family-medicine": 90, "orthopedics": 35}),
    Clinic("summit-clinic", {"family-medicine": 55}),
    Clinic("hillside-practice", {"family-medicine": 4}, from_day=9.0),
)
TRIAL = Trial(("north-clinic", "lakeview-clinic"), 14.3, 0.42)
CHANGES = (
    Change(("riverside-clinic",), 15.35, fewer_words),
    Change(("summit-clinic",), 16.4, slower),
)


def write_folder(
    folder: Path, days: float = 21.0, first_day: int = 0, baseline_sessions: int = 200, partitions: int = 2
) -> Path:
    """Write `traces.jsonl` and `documents/all.yaml`; gives the folder."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    with (folder / "traces.jsonl").open("w") as out:
        for trace in draw_weeks(first_day, days):
            out.write(json.dumps(trace.model_dump(mode="json", exclude_defaults=True) | {"kind": trace.kind}) + "\n")
    changes = {
        "correlation_window_s": 3 * DAY_S,
        "baseline": BaselineRule(first_sessions=baseline_sessions),
    }
    policy = default_policy(TIMES, partitions, signals=core_scribe_signals()).model_copy(update=changes)
    (folder / "documents" / "all.yaml").write_text(yaml.safe_dump_all(document_entries(policy)))
    return folder


def document_entries(policy: Policy) -> list[dict[str, Any]]:
    """Policy, both releases and the trial, as `homeostat apply` takes them."""
    targets = [
        {"target": {"gateway": GATEWAY, "tenant": clinic.name, "workflow": WORKFLOW}, "specialties": list(each)}
        for clinic in CLINICS
        if clinic.name in TRIAL.clinics
        for each in [clinic.visits_a_day]
    ]
    trial = {
        "rollout": TRIAL.rollout,
        "title": "BART large to LED",
        "candidate": digest_document(build_manifest(CANDIDATE)),
        "control": digest_document(build_manifest(BASELINE)),
        "targets": targets,
    }
    return [
        {"kind": "policy", "body": policy.model_dump(mode="json")},
        *({"kind": "release", "body": build_manifest(each).model_dump(mode="json")} for each in (BASELINE, CANDIDATE)),
        {"kind": "rollout", "name": "trial", "body": trial},
    ]


def draw_weeks(first_day: int, days: float, seed: int = 1) -> Iterator[Trace]:
    """Work and feedback of some days by their times."""
    rng, notes = np.random.default_rng(seed), load_notes()
    drawn: list[tuple[float, int, Trace]] = []
    numbers = itertools.count()
    for clinic in CLINICS:
        for specialty, visits in clinic.visits_a_day.items():
            for at_s in _arrivals(rng, visits, max(first_day, clinic.from_day), days):
                arm = _arm_of(clinic.name, at_s / DAY_S, rng)
                visit = draw_visit(notes[CANDIDATE if arm is Arm.CANDIDATE else BASELINE], rng)
                work_signals, feedback_signals = dict(visit.work_signals), dict(visit.feedback_signals)
                for change in CHANGES:
                    if clinic.name in change.clinics and at_s >= change.from_day * DAY_S:
                        change.alter(work_signals, rng)
                        change.alter(feedback_signals, rng)
                tags = _tags(clinic.name, specialty, arm, seed, next(numbers), at_s)
                work = WorkTrace(**tags, trace_id=tags["work_id"], signals=work_signals)
                feedback = FeedbackTrace(
                    **tags,
                    trace_id=derive_id("feedback", tags["work_id"]),
                    signals=feedback_signals,
                    feedback=FeedbackKind.ACCEPTANCE,
                    work_token=f"m1:{'0' * 32}",
                )
                drawn.append((at_s, len(drawn), work))
                drawn.append((at_s + 240.0 + float(rng.exponential(300.0)), len(drawn), feedback))
    return (trace for _, _, trace in sorted(drawn, key=lambda entry: entry[:2]))


def _arrivals(rng: np.random.Generator, visits_a_day: float, from_day: float, days: float) -> Iterator[float]:
    """Visits between 8 and 18 o'clock; a tenth of them at weekends."""
    for day in range(int(from_day), int(np.ceil(days))):
        rate = visits_a_day * (0.1 if day % 7 >= 5 else 1.0)
        hours = np.sort(rng.uniform(8.0, 18.0, int(rng.poisson(rate))))
        yield from (day * DAY_S + hours * 3600.0).tolist()


def _arm_of(clinic: str, day: float, rng: np.random.Generator) -> Arm:
    if clinic not in TRIAL.clinics or not TRIAL.from_day <= day < TRIAL.from_day + TRIAL.days:
        return Arm.BASELINE
    return Arm.CANDIDATE if rng.random() < 0.5 else Arm.CONTROL


def _tags(clinic: str, specialty: str, arm: Arm, seed: int, number: int, at_s: float) -> dict[str, Any]:
    return {
        "tenant": clinic,
        "specialty": specialty,
        "workflow": WORKFLOW,
        "runtime": "scribe",
        "release": digest_document(build_manifest(CANDIDATE if arm is Arm.CANDIDATE else BASELINE)),
        "arm": arm,
        "rollout": None if arm is Arm.BASELINE else TRIAL.rollout,
        "session": derive_id("session", seed, number),
        "actor": derive_id("actor", clinic, number % 8),
        "consent": Consent.SHARED,
        "work_id": derive_id("work", seed, number),
        "work_time_ms": START_MS + round(at_s * 1000),
    }
