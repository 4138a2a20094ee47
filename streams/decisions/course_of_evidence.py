"""A rollout's statistics over time: after each record of evidence, what all sources together say of its cohort."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from homeostat.detectors.fixed_point import LIMIT, decode_value
from homeostat.detectors.statistics.bets import GUARD_BETS
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.schemas.evidence import Evidence, GuardrailEvidence
from homeostat.schemas.log import LogRecord

CohortKey = tuple[str, str, str]


class Standing(NamedTuple):
    """One guardrail of one cohort at one offset of the guard's log; differences on [−1, 1], log-e in nats."""

    offset: int
    at_ms: int
    tenant: str
    specialty: str
    workflow: str
    signal: str
    pairs: int
    mean_difference: float | None
    log_e_harmful: float | None
    log_e_non_inferior: float | None
    candidate_sessions: int
    control_sessions: int


SCHEMA: Final = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("at_ms", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("tenant", "specialty", "workflow", "signal")),
        pa.field("pairs", pa.int64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("mean_difference", "log_e_harmful", "log_e_non_inferior")),
        pa.field("candidate_sessions", pa.int64(), nullable=False),
        pa.field("control_sessions", pa.int64(), nullable=False),
    ]
)


class Starts(NamedTuple):
    """Sessions that gateways sent to the arms of a cohort."""

    candidate: int
    control: int


def follow_evidence(evidence: Iterable[tuple[LogRecord, Evidence]]) -> Iterator[Standing]:
    """The standings in order; a source's newer record replaces its older one, as for the guard."""
    said: dict[CohortKey, dict[int, Evidence]] = {}
    for record, message in evidence:
        cohort = (message.tenant, message.specialty, message.workflow)
        sources = said.setdefault(cohort, {})
        held = sources.get(message.source_partition)
        if held is not None and held.mark >= message.mark:
            continue
        sources[message.source_partition] = message
        for signal in message.guardrails:
            parts = [part.guardrails[signal] for part in sources.values() if signal in part.guardrails]
            yield _stand(record, cohort, signal, parts)


def count_starts(evidence: Iterable[tuple[LogRecord, Evidence]]) -> dict[CohortKey, Starts]:
    """By cohort, the sessions that were exposed or compared up to the mark."""
    newest: dict[CohortKey, dict[int, Evidence]] = {}
    for _, message in evidence:
        sources = newest.setdefault((message.tenant, message.specialty, message.workflow), {})
        held = sources.get(message.source_partition)
        if held is None or message.mark > held.mark:
            sources[message.source_partition] = message
    return {
        cohort: Starts(
            sum(part.candidate_starts for part in sources.values()),
            sum(part.control_starts for part in sources.values()),
        )
        for cohort, sources in sorted(newest.items())
    }


def _stand(record: LogRecord, cohort: CohortKey, signal: str, parts: list[GuardrailEvidence]) -> Standing:
    pairs = sum(part.pairs for part in parts)
    return Standing(
        record.offset,
        record.timestamp,
        *cohort,
        signal,
        pairs,
        decode_value(sum(part.sum_d for part in parts)) / pairs if pairs else None,
        _mix([part.harmful for part in parts]),
        _mix([part.non_inferior for part in parts]),
        sum(part.candidate_sessions for part in parts),
        sum(part.control_sessions for part in parts),
    )


def _mix(rows: list[tuple[int, ...]]) -> float | None:
    """Log-e of the sums of all sources; None where one of them bet on another grid."""
    if any(len(row) != GUARD_BETS for row in rows):
        return None
    sums = [max(-LIMIT, min(LIMIT, sum(column))) for column in zip(*rows, strict=True)]
    return float(mixture_log_e(np.array(sums, np.int64)))
