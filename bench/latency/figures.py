"""From what was seen to figures: how long each step took, whether the run counts, and whether the aims are met."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.latency.clients import PRODUCER
from bench.latency.plan import Path
from bench.latency.run import Outcome
from bench.latency.watch import TakenBack
from homeostat.schemas.decision import Verdict

LEGS = {"evidence": "evidence_ns", "decision": "decision_ns", "desired state": "state_ns", "acknowledged": "ack_ns"}
AIM_RATIO, AIM_MS = 5.0, 250.0
MOST_LAG_MS = 20.0
"""The load kept its schedule if 99 % of traces were handed over within this; what lag there was is in every latency."""
_VERDICTS = {Path.NEVER: Verdict.NEVER, Path.HARMFUL: Verdict.HARMFUL}


class Spread(NamedTuple):
    """A distribution, in milliseconds."""

    number: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float] | NDArray[np.float64]) -> "Spread":
        """Of these values. nan for none."""
        if not len(values_ms):
            return cls(0, *[float("nan")] * 4)
        return cls(len(values_ms), *(float(q) for q in np.quantile(values_ms, (0.5, 0.9, 0.99, 1.0))))


def summarize(outcome: Outcome) -> dict[str, Any]:
    """Everything the table shows, as `--json` writes it."""
    probe = Spread.of(outcome.probes_us[outcome.probes_us > 0] / 1000)
    lag = Spread.of(outcome.load.lags_us / 1000)
    paths = {path.value: _of_path(outcome, path, probe) for path in Path}
    figures = {
        "size": {**outcome.size._asdict(), "times": outcome.size.times.model_dump()},
        "producer": PRODUCER,
        "probe": probe._asdict(),
        "lag": lag._asdict(),
        "traces": len(outcome.load.lags_us),
        "paths": paths,
        "decided_by_control": sum(deciding.slot is None for deciding in outcome.deciding.values()),
    }
    return {**figures, "invalid": _find_faults(outcome, probe, lag, paths)}


def _of_path(outcome: Outcome, path: Path, probe: Spread) -> dict[str, Any]:
    wanted = {trial.rollout for trial in outcome.trials if trial.path is path}
    found = [each for each in outcome.taken_back if each.rollout in wanted and each.verdict is _VERDICTS[path]]
    legs = {}
    for name, field in LEGS.items():
        spread = Spread.of([(at - _due_ns(outcome, each)) / 1e6 for each in found if (at := getattr(each, field))])
        legs[name] = {**spread._asdict(), "p99_over_kafka": spread.p99_ms / probe.p99_ms}
    return {"rollouts": len(wanted), "taken_back": len(found), "legs": legs}


def _due_ns(outcome: Outcome, taken_back: TakenBack) -> int:
    """When the deciding record was due; where that is control's, when the broker had it."""
    deciding = outcome.deciding[taken_back.mark]
    if deciding.slot is None:
        return outcome.clock.of_wall(deciding.appended_ms)
    return outcome.clock.due_ns(deciding.slot, outcome.size.traces_per_s)


def _find_faults(outcome: Outcome, probe: Spread, lag: Spread, paths: dict[str, Any]) -> list[str]:
    """Why the run does not count; nothing where it does."""
    faults = []
    if lag.p99_ms > MOST_LAG_MS:
        faults.append(f"the load did not keep its schedule: p99 of its lag is {lag.p99_ms:.0f} ms > {MOST_LAG_MS:g}")
    if outcome.load.undelivered:
        faults.append(f"{outcome.load.undelivered} traces were not delivered")
    if lost := len(outcome.probes_us) - probe.number:
        faults.append(f"{lost} probes did not come")
    for name, path in paths.items():
        for leg, spread in path["legs"].items():
            if spread["number"] != path["rollouts"]:
                faults.append(f"{name}: {spread['number']} of {path['rollouts']} rollouts reached '{leg}'")
    return faults
