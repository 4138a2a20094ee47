"""Evidence and echoes of rollouts, as this partition states them."""

from collections.abc import Iterator

import numpy as np

from homeostat.detectors.leaf.arrays import (
    CANDIDATE_MISSING,
    CANDIDATE_STARTS,
    CONTROL_MISSING,
    CONTROL_STARTS,
    DIFFERENCES,
    LAST_CANDIDATE_MS,
    LATE_RECORDS,
)
from homeostat.detectors.leaf.outbox import Outbox
from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.refusals import UNUSABLE, RefusalWindow
from homeostat.schemas.evidence import Echo, Evidence, GuardrailEvidence, SignalDifference, SignalEvidence
from homeostat.schemas.topics import EVIDENCE


class EvidenceTeller:
    """Tells a rollout's evidence, cumulative, at most once a record and pairing: readers keep the highest mark."""

    def __init__(self, partition: int, partition_count: int, outbox: Outbox) -> None:
        self._partition, self._count, self._outbox = partition, partition_count, outbox

    def tell_urgent(self, plan: Plan, pairs: PairStore, window: RefusalWindow) -> None:
        """State what has just reached a limit."""
        self._tell(np.flatnonzero(pairs.arrays.urgent).tolist(), plan, pairs, window)

    def tell_changed(self, plan: Plan, pairs: PairStore, window: RefusalWindow) -> None:
        """State what has changed since it was last stated, and whose evidence became unusable or usable again."""
        for row, attempt in enumerate(pairs.attempts):
            if attempt.active and (window.is_unusable(pairs.keys[row].tenant) != (attempt.unusable is not None)):
                pairs.arrays.changed[row] = 1
        changed = np.flatnonzero(pairs.arrays.changed).tolist()
        self._tell([row for row in changed if pairs.attempts[row].active], plan, pairs, window)

    def tell_signals(self, plan: Plan, pairs: PairStore) -> None:
        """State what has come of the signals that only inform, for pairings that have heard of some."""
        rows = np.flatnonzero(pairs.arrays.heard).tolist()
        for row in pairs.in_order([row for row in rows if pairs.attempts[row].active]):
            attempt, key = pairs.attempts[row], pairs.keys[row]
            pairs.arrays.heard[row] = 0
            pairs.arrays.dirty[row] = 1
            message = SignalEvidence.model_construct(
                rollout=attempt.rollout,
                source_partition=self._partition,
                mark=self._outbox.mark,
                log_time_ms=self._outbox.log_time_ms,
                tenant=key.tenant,
                specialty=key.specialty,
                workflow=key.workflow,
                signals=dict(_signals(row, plan, pairs)),
            )
            self._outbox.send(EVIDENCE, attempt.rollout, message)

    def echo(self, rollout: str, step: int) -> None:
        """State that this partition has taken over a rollout's step."""
        echo = Echo(
            rollout=rollout,
            step=step,
            source_partition=self._partition,
            partition_count=self._count,
            mark=self._outbox.mark,
            log_time_ms=self._outbox.log_time_ms,
        )
        self._outbox.send(EVIDENCE, rollout, echo)

    def _tell(self, rows: list[int], plan: Plan, pairs: PairStore, window: RefusalWindow) -> None:
        for row in pairs.in_order(rows):
            attempt = pairs.attempts[row]
            pairs.take_occurred(row)
            attempt.unusable = UNUSABLE if window.is_unusable(pairs.keys[row].tenant) else None
            pairs.arrays.changed[row] = pairs.arrays.urgent[row] = 0
            pairs.arrays.dirty[row] = 1
            self._outbox.send(EVIDENCE, attempt.rollout, self._state(row, plan, pairs))

    def _state(self, row: int, plan: Plan, pairs: PairStore) -> Evidence:
        attempt, key = pairs.attempts[row], pairs.keys[row]
        tally = pairs.arrays.tally[row].tolist()
        return Evidence.model_construct(
            rollout=attempt.rollout,
            step=max(1, attempt.step),
            source_partition=self._partition,
            mark=self._outbox.mark,
            log_time_ms=self._outbox.log_time_ms,
            tenant=key.tenant,
            specialty=key.specialty,
            workflow=key.workflow,
            guardrails=dict(_guardrails(row, plan, pairs)),
            ratio_log_e=tuple(pairs.arrays.ratio[row].tolist()),
            candidate_starts=tally[CANDIDATE_STARTS],
            control_starts=tally[CONTROL_STARTS],
            candidate_missing=tally[CANDIDATE_MISSING],
            control_missing=tally[CONTROL_MISSING],
            late_sessions=tally[LATE_RECORDS],
            last_candidate_ms=tally[LAST_CANDIDATE_MS],
            never=attempt.never,
            unusable=attempt.unusable,
        )


def _signals(row: int, plan: Plan, pairs: PairStore) -> Iterator[tuple[str, SignalDifference]]:
    rows = pairs.arrays
    for s, name in enumerate(plan.names):
        if rows.guarded[row, s] or not rows.sums[row, s].any():
            continue
        count, sum_d, sum_d2 = rows.beside[row, s, DIFFERENCES:].tolist()
        _, _, candidates, candidate_sum, controls, control_sum = rows.sums[row, s].tolist()
        yield (
            name,
            SignalDifference.model_construct(
                pairs=count,
                sum_d=sum_d,
                sum_d2=sum_d2,
                candidate_sessions=candidates,
                candidate_sum=candidate_sum,
                control_sessions=controls,
                control_sum=control_sum,
            ),
        )


def _guardrails(row: int, plan: Plan, pairs: PairStore) -> Iterator[tuple[str, GuardrailEvidence]]:
    rows = pairs.arrays
    for name in pairs.attempts[row].guardrails:
        s = plan.column.get(name)
        if s is None:
            continue
        count, sum_d, candidates, candidate_sum, controls, control_sum = rows.sums[row, s].tolist()
        yield (
            name,
            GuardrailEvidence.model_construct(
                pairs=count,
                sum_d=sum_d,
                harmful=tuple(rows.harmful[row, s].tolist()),
                non_inferior=tuple(rows.non_inferior[row, s].tolist()),
                candidate_sessions=candidates,
                candidate_sum=candidate_sum,
                control_sessions=controls,
                control_sum=control_sum,
            ),
        )
