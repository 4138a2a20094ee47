"""What is sent when: one slot a trace, at a steady rate; a pure function of the size and the seed.

Nobody waits for an answer: the times of all records are known before the first is sent.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from bench.latency.sizes import Size
from bench.throughput.sizes import SPECIALTIES, name_tenant
from homeostat.schemas.canonical import derive_id
from homeostat.streams.client.gateway.arms import assign_candidate

SHARE = 0.5


class Path(StrEnum):
    """How a rollout comes to be taken back: one occurrence of what must never be, or a guardrail's test."""

    NEVER = "never"
    HARMFUL = "harmful"


class Kind(StrEnum):
    """What a session of a rollout is like."""

    FINE = "fine"
    WORSE = "worse"
    NEVER = "never"


class Trial(NamedTuple):
    """One rollout: a tenant's specialty, and the round whose candidate it tries. `apply_s` after the first trace."""

    number: int
    rollout: str
    tenant: str
    specialty: int
    round: int
    path: Path
    apply_s: float


class Visit(NamedTuple):
    """One session of a trial, of one trace."""

    trial: Trial
    session: str
    candidate: bool
    kind: Kind


def plan_trials(size: Size, seed: int) -> list[Trial]:
    """All rollouts. A tenant has its next one when the former is over, in another specialty, with another candidate."""
    return [
        Trial(
            number,
            derive_id("latency", seed, number),
            name_tenant(number % size.tenants),
            number // size.tenants % len(SPECIALTIES),
            number // size.tenants,
            Path.HARMFUL if number % 2 else Path.NEVER,
            size.warm_up_s + number / size.decisions_per_s,
        )
        for number in range(size.decisions)
    ]


def plan_visits(size: Size, trials: list[Trial]) -> Mapping[int, Visit]:
    """By slot, the sessions of rollouts; every other slot is a session of ordinary traffic."""
    slots: dict[int, Visit] = {}
    for trial in trials:
        for number, visit in enumerate(_visits_of(trial, size)):
            at_s = trial.apply_s + size.lead_s + number / size.sessions_per_s
            slot = round(at_s * size.traces_per_s)
            while slot in slots:
                slot += 1
            slots[slot] = visit
    return slots


def _visits_of(trial: Trial, size: Size) -> list[Visit]:
    """Half of a `never` rollout's sessions are fine, then the first of the candidate's is the occurrence, and the last.

    A harmful candidate's notes are worse from the first.
    """
    visits: list[Visit] = []
    for number in range(size.sessions):
        session = derive_id("session", trial.rollout, number)
        candidate = assign_candidate(trial.rollout, session, SHARE)
        if trial.path is Path.HARMFUL:
            visits.append(Visit(trial, session, candidate, Kind.WORSE if candidate else Kind.FINE))
        elif candidate and number >= size.sessions // 2:
            return [*visits, Visit(trial, session, candidate, Kind.NEVER)]
        else:
            visits.append(Visit(trial, session, candidate, Kind.FINE))
    return visits
