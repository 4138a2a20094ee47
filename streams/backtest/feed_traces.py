"""Bare traces through the topology: keyed, authenticated and timed as a runtime and Kafka would have done."""

from collections.abc import Iterable, Sequence

from pydantic import SecretStr

from homeostat.schemas.log import Output
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from homeostat.streams.backtest.assumed_starts import AssumedStarts
from homeostat.streams.backtest.platform import Documents, Platform
from homeostat.streams.backtest.trace_rows import TraceRow
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.trace_writer import TraceWriter
from homeostat.streams.key_set import FIRST_MASTER

Trace = WorkTrace | FeedbackTrace
_IDLE_BUCKETS = 3


class TraceFeeder:
    """Feeds rows in their order. A record's time is its work's; time never goes back, and is ticked at `tick_s`.

    A rollout is applied before the first trace that names it, and where none does, at the end.

    Where nothing comes for longer than a session and a few buckets, time jumps to the next trace.
    """

    def __init__(self, platform: Platform, documents: Documents, tick_s: float) -> None:
        times = documents.policy.times
        self._platform, self._documents = platform, documents
        self._tick_ms = max(1, round(tick_s * 1000))
        self._idle_ms = round((times.session_s + _IDLE_BUCKETS * times.bucket_s) * 1000)
        self._starts = AssumedStarts(documents.rollouts, platform.keys)
        self._writers: dict[str, TraceWriter] = {}
        self._waiting: list[Trace] = []
        self._to_come = documents.rollout_documents()
        self._next_ms: int | None = None
        self.fed = 0
        self.refused: dict[str, int] = {}
        self.from_ms = 0
        self.to_ms = 0

    def feed(self, rows: Iterable[TraceRow]) -> None:
        """Feed all rows, then let time pass until every session and bucket has ended."""
        for row in rows:
            if row.trace is not None:
                self._take(row.trace)
            elif row.refusal is not None:
                self.refused[row.refusal.reason.value] = self.refused.get(row.refusal.reason.value, 0) + 1
        if self._next_ms is not None:
            self._apply_rollouts(list(self._to_come))
            self._tick_until(self.to_ms + self._idle_ms)

    def _take(self, trace: Trace) -> None:
        if self._next_ms is None:
            self._begin(trace.work_time_ms)
        assert self._next_ms is not None
        if trace.work_time_ms >= self._next_ms:
            self._pass_time(trace.work_time_ms)
        self.to_ms = max(self.to_ms, trace.work_time_ms)
        if trace.rollout in self._to_come:
            self._apply_rollouts([trace.rollout])
        self._waiting.append(trace)

    def _apply_rollouts(self, rollouts: Sequence[str]) -> None:
        """Apply rollouts now; what came before is fed first, and the stages take them over before what follows."""
        self._send_waiting()
        topology = self._platform.topology
        self._platform.publish([self._to_come.pop(rollout) for rollout in rollouts], topology.now_ms)
        topology.run()

    def _begin(self, at_ms: int) -> None:
        topology = self._platform.topology
        self.from_ms = self.to_ms = topology.now_ms = at_ms
        self._next_ms = at_ms + self._tick_ms
        self._platform.publish(self._documents.before_traces(), at_ms)
        topology.snapshot()
        topology.tick(at_ms)

    def _pass_time(self, until_ms: int) -> None:
        assert self._next_ms is not None
        idle_from_ms = self.to_ms + self._idle_ms
        self._tick_until(min(until_ms, idle_from_ms))
        if until_ms >= self._next_ms:
            self._next_ms = until_ms
            self._tick_until(until_ms)

    def _tick_until(self, until_ms: int) -> None:
        assert self._next_ms is not None
        while self._next_ms <= until_ms:
            self._send_waiting()
            self._platform.topology.tick(self._next_ms)
            self._next_ms += self._tick_ms

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        at_ms = max(self._platform.topology.now_ms, waiting[0].work_time_ms)
        for output in self._starts.report(waiting, at_ms):
            self._platform.topology.send(output)
        for trace in waiting:
            self._platform.topology.send(self._write(trace))
        self.fed += len(waiting)

    def _write(self, trace: Trace) -> Output:
        writer = self._writers.get(trace.tenant)
        if writer is None:
            secret = self._platform.keys.tenant_key(trace.tenant)
            key = TenantKey(tenant=trace.tenant, master_id=FIRST_MASTER, key=SecretStr(secret.hex()))
            writer = self._writers[trace.tenant] = TraceWriter(key, trace.runtime, max_value_bytes=1_000_000)
        if isinstance(trace, FeedbackTrace):
            trace = trace.model_copy(update={"work_token": writer.issue_mac(trace)})
        wire = writer.write(trace)
        return Output(TRACES, wire.key, wire.value, trace.work_time_ms, wire.headers)
