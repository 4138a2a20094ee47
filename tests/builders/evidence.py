"""What leaves tell the guard, with real sums: pairs' differences in, log-e per sealed bet out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from homeostat.detectors.fixed_point import encode_value
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.sample_ratio import RATIO_BETS, add_session
from homeostat.detectors.statistics.two_sample import sum_pairs
from homeostat.schemas.canonical import to_json
from homeostat.schemas.effect import Aftermath, WatchedSignal
from homeostat.schemas.evidence import Echo, Evidence, GuardrailEvidence
from homeostat.schemas.headers import output_headers
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Role
from homeostat.schemas.summary import Marker
from tests.builders import documents
from tests.builders.traces import Draft

TOLERANCES = {spec.name: spec.tolerance for spec in documents.SIGNALS if spec.role is Role.GUARDRAIL}
"""Tolerance of every guardrail of the test policy."""


def guardrail(signal: str, differences: Sequence[float]) -> GuardrailEvidence:
    """A guardrail's evidence from the differences of its pairs, candidate − control, harm up."""
    harmful, non_inferior = sum_pairs(np.array(differences, dtype=float), *_stakes(signal))
    return GuardrailEvidence(
        pairs=len(differences),
        sum_d=sum(int(encode_value(d)) for d in differences),
        harmful=tuple(harmful.tolist()),
        non_inferior=tuple(non_inferior.tolist()),
    )


def ratio(candidates: int, controls: int, share: float = 0.5) -> tuple[int, ...]:
    """The sample-ratio sums of so many sessions of either arm."""
    sums = np.zeros(RATIO_BETS, np.int64)
    for is_candidate, count in ((True, candidates), (False, controls)):
        for _ in range(count):
            add_session(is_candidate, share, sums)
    return tuple(sums.tolist())


def evidence(
    mark: int, log_time_ms: int, differences: Mapping[str, Sequence[float]] | float, pairs: int = 0, **fields: Any
) -> Evidence:
    """One cohort's evidence; a number stands for `pairs` pairs with that difference in every guardrail."""
    if not isinstance(differences, Mapping):
        differences = {name: [differences] * pairs for name in TOLERANCES}
    most = max((len(ds) for ds in differences.values()), default=0)
    defaults: dict[str, Any] = {
        "rollout": documents.ROLLOUT_ID,
        "step": 1,
        "source_partition": 0,
        "tenant": "tenant-1",
        "specialty": "cardiology",
        "workflow": "scribe",
        "candidate_starts": most,
        "control_starts": most,
        "ratio_log_e": ratio(most, most),
    }
    guardrails = {name: guardrail(name, ds) for name, ds in differences.items()}
    return Evidence(mark=mark, log_time_ms=log_time_ms, guardrails=guardrails, **{**defaults, **fields})


def aftermath(mark: int, log_time_ms: int, **fields: Any) -> Aftermath:
    """What a leaf has seen in one cohort since the test rollout's second step."""
    defaults: dict[str, Any] = {
        "rollout": documents.ROLLOUT_ID,
        "step": 2,
        "source_partition": 0,
        "tenant": "tenant-1",
        "specialty": "cardiology",
        "workflow": "scribe",
        "release": documents.CANDIDATE_DIGEST,
        "since_ms": log_time_ms,
    }
    return Aftermath(mark=mark, log_time_ms=log_time_ms, **{**defaults, **fields})


def regressed(mark: int, log_time_ms: int, beyond: float, **fields: Any) -> Aftermath:
    """The same of a promoted cohort whose omissions are worse than before."""
    signal = WatchedSignal(signal="omission", sessions=80, mean=0.3, baseline=0.1, tolerance=0.05, beyond=beyond)
    return aftermath(mark, log_time_ms, promoted=True, signals=(signal,), **fields)


def echo(mark: int, log_time_ms: int, source: int = 0, count: int = 1, step: int = 1, **fields: Any) -> Echo:
    """A source partition has taken over the test rollout's step."""
    return Echo(
        rollout=fields.pop("rollout", documents.ROLLOUT_ID),
        step=step,
        source_partition=source,
        partition_count=count,
        mark=mark,
        log_time_ms=log_time_ms,
    )


def marker(mark: int, log_time_ms: int, source: int = 0, count: int = 1, bucket: int = 0) -> Marker:
    """A source partition's marker."""
    return Marker(bucket=bucket, source_partition=source, partition_count=count, mark=mark, log_time_ms=log_time_ms)


def from_leaf(message: Evidence | Echo | Aftermath | Marker, index: int = 0) -> Draft:
    """The record that a leaf writes for a message."""
    key = "marker" if isinstance(message, Marker) else message.rollout
    headers = output_headers(message.ce_type, "leaf", message.source_partition, message.mark, index)
    return Draft(key.encode(), to_json(message), headers)


def guardrails_of(policy: Policy) -> list[str]:
    """The names of a policy's guardrails."""
    return [spec.name for spec in policy.signals if spec.role is Role.GUARDRAIL]


def _stakes(signal: str) -> tuple[float, Any, Any]:
    harmful, non_inferior = guard_stakes(TOLERANCES[signal])
    return TOLERANCES[signal], harmful, non_inferior
