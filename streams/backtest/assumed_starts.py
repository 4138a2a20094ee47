"""Session starts that a file of traces does not hold: every session in it counts as started, and no other.

Gateways report their starts, so that a release which fails in silence shows. A bare file has no such reports; what is
made here lets a rollout be judged, and says nothing about yield.
"""

from collections.abc import Iterable, Iterator

from homeostat.schemas.canonical import to_json
from homeostat.schemas.exposure import MAX_STARTS, ExposureReport, SessionStart
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, Target
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import Arm, FeedbackTrace, WorkTrace
from homeostat.streams.key_set import KeySet

ASSUMPTION = "every session of a rollout counts as started and reported: a file of traces cannot show lost sessions"


class AssumedStarts:
    """One report a trace that is the first of its session in a rollout."""

    def __init__(self, rollouts: Iterable[Rollout], keys: KeySet) -> None:
        self._targets = {
            (rollout.rollout, entry.target.tenant, entry.target.workflow): entry.target
            for rollout in rollouts
            for entry in rollout.targets
        }
        self._signers = {m.name: m.signer for m in keys.members if m.signer.role is SignerRole.GATEWAY}
        self._seen: set[tuple[str, str]] = set()
        self._sequence: dict[str, int] = {}

    def report(self, traces: Iterable[WorkTrace | FeedbackTrace], at_ms: int) -> Iterator[Output]:
        """The reports that the gateways would have sent for these traces, in the order of the traces."""
        waiting: dict[str, list[SessionStart]] = {}
        targets: dict[str, Target] = {}
        for trace in traces:
            target = self._targets.get((trace.rollout or "", trace.tenant, trace.workflow))
            if target is None or trace.arm is Arm.BASELINE or (target.key, trace.session) in self._seen:
                continue
            self._seen.add((target.key, trace.session))
            targets[target.key] = target
            waiting.setdefault(target.key, []).append(_start_of(trace))
        for key, starts in waiting.items():
            for begin in range(0, len(starts), MAX_STARTS):
                yield self._sign(targets[key], starts[begin : begin + MAX_STARTS], at_ms)

    def _sign(self, target: Target, starts: list[SessionStart], at_ms: int) -> Output:
        sequence = self._sequence[target.key] = self._sequence.get(target.key, 0) + 1
        total = self._sequence[f"{target.key}/starts"] = self._sequence.get(f"{target.key}/starts", 0) + len(starts)
        report = ExposureReport(
            gateway=target.gateway,
            tenant=target.tenant,
            workflow=target.workflow,
            sequence=sequence,
            total_starts=total,
            starts=tuple(starts),
        )
        envelope = self._signers[target.gateway].sign(to_json(report), report.ce_type)
        source = f"/homeostat/gateway/{target.gateway}"
        headers = event_headers(report.ce_type, f"{target.key}-{sequence}", source, DSSE_CONTENT)
        return Output(TRACES, target.tenant.encode(), envelope, at_ms, headers)


def _start_of(trace: WorkTrace | FeedbackTrace) -> SessionStart:
    assert trace.rollout is not None
    return SessionStart(
        specialty=trace.specialty,
        rollout=trace.rollout,
        arm=trace.arm,
        session=trace.session,
        started_at_ms=trace.work_time_ms,
    )
