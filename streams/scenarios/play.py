"""Plays a scenario: its records through the whole topology in order of arrival, control and gateway on log time."""

from collections import Counter

from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.topics import ALARMS, LEASES
from homeostat.streams.backtest.platform import REPORTED, Platform, build_platform
from homeostat.streams.scenarios.gateway import ScenarioGateway
from homeostat.streams.scenarios.policy_of import build_policy
from homeostat.streams.scenarios.releases import GATEWAY, first_documents, rollout_document
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.script import FEEDS_BACK, REPEATS, STARTS, Script
from homeostat.streams.scenarios.sessions import DAY_MS, start_ms_of
from homeostat.streams.scenarios.wire import FEEDBACK_TYPE, WORK_TYPE, Served, TenantWire, Work, name_trace

_AFTER_H = 6


class Player:
    """One scenario on its platform."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.policy = scenario, build_policy(scenario)
        self.script = Script(scenario, self.policy)
        self.platform: Platform = build_platform(
            self.policy.partitions, (GATEWAY,), retained=(*REPORTED, ALARMS, LEASES)
        )
        self.counts: Counter[str] = Counter()
        self._cells = scenario.cells()
        self._gateway = ScenarioGateway(self.platform)
        keys = self.platform.keys
        self._wires = {
            tenant: TenantWire(tenant, keys.tenant_key(tenant), scenario.runtime.value, scenario.consent.value)
            for tenant in scenario.tenants
        }
        self._by_release = {digest_document(trial.manifest): n for n, trial in enumerate(self.script.trials)}
        self._usual = Served(self.script.usual, "baseline", None)
        self._served: dict[int, Served | None] = {}
        self._names: dict[int, str] = {}
        self._actors: dict[tuple[str, str, int], str] = {}
        self._waiting = sorted(self.script.trials, key=lambda trial: trial.canary.at_day)
        self._tells_all = self.script.can_crash

    def play(self) -> None:
        """Run from the first day to the last; where no session is open, ticks come at the ends of buckets only."""
        begin_ms, topology = start_ms_of(self.scenario), self.platform.topology
        end_ms = begin_ms + round(self.scenario.days * DAY_MS)
        tick_ms, bucket_ms, open_ms = (max(1000, round(s * 1000)) for s in self._durations_s())
        topology.now_ms = begin_ms - tick_ms
        self.platform.publish(first_documents(self.scenario, self.policy, self.script.manifests, begin_ms), begin_ms)
        topology.snapshot()
        times, kinds, rows = (array.tolist() for array in self.script.arrivals())
        at, now_ms, quiet_from_ms = 0, begin_ms, begin_ms
        while now_ms <= end_ms + _AFTER_H * 3_600_000:
            first = at
            while at < len(times) and times[at] < now_ms and times[at] < end_ms:
                at += 1
            self._send(times[first:at], kinds[first:at], rows[first:at])
            self._begin_trials(now_ms)
            topology.tick(now_ms)
            if self.scenario.rollouts and self._gateway.follow(now_ms):
                topology.run()
            quiet_from_ms = quiet_from_ms if at == first else now_ms + open_ms
            now_ms += tick_ms
            coming_ms = times[at] if at < len(times) else end_ms
            while now_ms > quiet_from_ms and now_ms % bucket_ms and now_ms + tick_ms <= coming_ms:
                now_ms += tick_ms

    def _durations_s(self) -> tuple[float, float, float]:
        times = self.policy.times
        return times.tick_s, times.bucket_s, times.session_s + times.tick_s

    def _begin_trials(self, now_ms: int) -> None:
        day = (now_ms - start_ms_of(self.scenario)) / DAY_MS
        while self._waiting and self._waiting[0].canary.at_day <= day:
            self.platform.publish([rollout_document(self._waiting.pop(0), now_ms)], now_ms)

    def _send(self, times: list[int], kinds: list[int], rows: list[int]) -> None:
        for at_ms, kind, row in zip(times, kinds, rows, strict=True):
            if kind == STARTS:
                self._start(row, at_ms)
        if times:
            self._gateway.report(times[0])
        for at_ms, kind, row in zip(times, kinds, rows, strict=True):
            if kind != STARTS:
                self._write(kind, row, at_ms)

    def _start(self, session: int, at_ms: int) -> None:
        cell = self._cells[int(self.script.sessions.cell[session])]
        served = self._gateway.serve(*cell, self._name(session), at_ms) if self.scenario.rollouts else None
        served = self._usual if served is None else served
        new = self.script.new_releases.get(session)
        if new is not None and served.rollout is None:
            served = served._replace(release=new)
        if self._tells_all or served.rollout is not None:
            self._gateway.note_start(*cell, self._name(session), served, at_ms)
        trial = self._by_release.get(served.release)
        self.counts[f"sessions_{served.arm}"] += 1
        if self.script.can_crash:
            chance = self.script.crash_chance(session, trial, served.arm)
            if self.script.crash_draws[session] < chance:
                self.counts["crashed"] += 1
                self._served[session] = None
                return
        self._served[session] = served

    def _write(self, kind: int, row: int, at_ms: int) -> None:
        script = self.script
        session = int(script.records.session[row])
        served = self._served.get(session)
        if served is None:
            return
        tenant, specialty, workflow = self._cells[int(script.records.cell[row])]
        actor = self._name_actor(tenant, specialty, int(script.records.clinician[row]))
        work_ms = int(script.records.work_ms[row])
        work = Work(tenant, specialty, workflow, self._name(session), actor, work_ms, served)
        wire, work_id = self._wires[tenant], name_trace(self.scenario.name, "work", row)
        body, place = script.body(self._by_release.get(served.release), served.arm, row)
        if kind == FEEDS_BACK:
            trace_id = name_trace(self.scenario.name, "feedback", row)
            value, ce_type = wire.write_feedback(trace_id, work_id, work, body, place), FEEDBACK_TYPE
        else:
            trace_id, ce_type = work_id, WORK_TYPE
            value = wire.write_work(trace_id, work, body, place, script.unit_factors.get(row, {}))
            if kind != REPEATS and script.faults["malformed"][row]:
                value = value[: len(value) // 2]
        forged = kind != FEEDS_BACK and bool(script.faults["forged"][row])
        self.platform.topology.send(wire.send(ce_type, trace_id, value, at_ms, forged))
        self.counts["traces"] += 1

    def _name(self, session: int) -> str:
        if session not in self._names:
            self._names[session] = derive_id("session", self.scenario.name, session)
        return self._names[session]

    def _name_actor(self, tenant: str, specialty: str, clinician: int) -> str:
        key = (tenant, specialty, clinician)
        if key not in self._actors:
            self._actors[key] = derive_id("actor", *key)
        return self._actors[key]
