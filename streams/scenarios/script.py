"""The script of a scenario: every session, record and arrival, and the worlds that give them values."""

from collections import OrderedDict
from functools import cached_property

import numpy as np

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.policy import Policy
from homeostat.streams.scenarios.bodies import Body, build_bodies
from homeostat.streams.scenarios.effects_format import Change, Dirty
from homeostat.streams.scenarios.intensity import Moments, choose, feel, of_records
from homeostat.streams.scenarios.places import Where
from homeostat.streams.scenarios.releases import Trial, build_manifest, build_trial
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import (
    HOUR_MS,
    Floats,
    Ints,
    Mask,
    days_of,
    draw_records,
    draw_sessions,
    make_rng,
)
from homeostat.streams.scenarios.world import InForce, Painter, World

BLOCK_RECORDS, KEPT_BLOCKS = 8_192, 10
"""Rows of records are made so many at a time, and so many blocks are kept: feedback comes later than its work."""
STARTS, WORKS, FEEDS_BACK, REPEATS = range(4)
"""Kinds of arrivals, in the order in which they come at equal times."""
_MINUTE_MS = 60_000


class Script:
    """Everything that is fixed before the platform runs; what a session is served is decided as it runs."""

    def __init__(self, scenario: Scenario, policy: Policy) -> None:
        self.scenario, self.policy = scenario, policy
        self.sessions = draw_sessions(scenario)
        self.records = draw_records(scenario, self.sessions)
        self.manifests = [build_manifest("usual")]
        self.usual = digest_document(self.manifests[0])
        self.trials: list[Trial] = [build_trial(scenario, n, self.usual) for n in range(len(scenario.rollouts))]
        self.manifests += [trial.manifest for trial in self.trials]
        self._painter = Painter(scenario, policy, self.records)
        self._worlds: dict[tuple[int | None, str], World] = {}
        self._blocks: OrderedDict[tuple[int | None, str, int], Body] = OrderedDict()
        starts = np.arange(self.sessions.cell.shape[0])
        self._starts = Moments(starts, self.sessions.cell, self.sessions.clinician, self.sessions.start_ms)
        self.new_releases = self._declare_releases()

    def world(self, trial: int | None, arm: str) -> World:
        """The world of one trial's candidate (None: of the baseline) in one arm."""
        key = (trial, arm)
        if key not in self._worlds:
            self._worlds[key] = self._painter.paint(self._in_force(trial, arm))
        return self._worlds[key]

    def body(self, trial: int | None, arm: str, record: int) -> tuple[Body, int]:
        """The rows of a world's block that holds a record, and its place in them."""
        number, place = divmod(record, BLOCK_RECORDS)
        key = (trial, arm, number)
        if key not in self._blocks:
            rows = slice(number * BLOCK_RECORDS, (number + 1) * BLOCK_RECORDS)
            count = self.records.cell[rows].shape[0]
            rng = make_rng(self.scenario, f"bodies/{number}")
            self._blocks[key] = build_bodies(self.world(trial, arm).cut(rows), self.policy, count, rng)
            if len(self._blocks) > KEPT_BLOCKS * (1 + 2 * len(self.trials)):
                self._blocks.popitem(last=False)
        return self._blocks[key], place

    def crash_chance(self, session: int, trial: int | None, arm: str) -> float:
        """The chance that a session leaves no trace."""
        kept = 1.0
        for change, felt in self._crashes:
            if not change.where.arms or arm in change.where.arms:
                kept *= 1.0 - float(felt[session]) * change.crash_share
        if trial is not None:
            kept *= 1.0 - self.trials[trial].canary.crash_share
        return 1.0 - kept

    @cached_property
    def crash_draws(self) -> Floats:
        """One number in [0, 1) a session: it crashes where that is below its chance."""
        drawn: Floats = make_rng(self.scenario, "crashes").random((self.sessions.cell.shape[0],))
        return drawn

    @property
    def can_crash(self) -> bool:
        """Whether any session may leave no trace."""
        return any(part.crash_share for part in (*self.scenario.changes, *self.scenario.rollouts))

    def arrivals(self) -> tuple[Ints, Ints, Ints]:
        """(time in ms, kind, row) of everything that comes, in order."""
        work = np.arange(self.records.cell.shape[0])
        arrive_ms = self.records.work_ms + self.delay_ms
        answered, answer_ms = self._draw_feedback()
        repeated = np.flatnonzero(self.faults["duplicate"])
        again_ms = arrive_ms[repeated] + make_rng(self.scenario, "repeats").integers(1, 30, repeated.shape) * _MINUTE_MS
        times = np.concatenate((self.sessions.start_ms, arrive_ms, answer_ms, again_ms))
        rows = np.concatenate((self._starts.session, work, answered, repeated))
        sizes = (self._starts.session.shape[0], work.shape[0], answered.shape[0], repeated.shape[0])
        kinds = np.repeat((STARTS, WORKS, FEEDS_BACK, REPEATS), sizes)
        order = np.lexsort((rows, kinds, times))
        return times[order], kinds[order], rows[order]

    @cached_property
    def faults(self) -> dict[str, Mask]:
        """By fault, which records of work have it."""
        names = ("malformed", "duplicate", "late", "out_of_order", "forged")
        chances = {name: np.zeros(self.records.cell.shape[0]) for name in names}
        for felt, dirty in self._dirt:
            for name in names:
                chances[name] = 1 - (1 - chances[name]) * (1 - felt * getattr(dirty, name))
        return {name: make_rng(self.scenario, f"fault/{name}").random(c.shape) < c for name, c in chances.items()}

    @cached_property
    def delay_ms(self) -> Ints:
        """How much later than its work each record arrives."""
        late_h = np.zeros(self.records.cell.shape[0])
        for felt, dirty in self._dirt:
            if dirty.late:
                late_h = np.where(felt > 0, dirty.late_h, late_h)
        jitter = make_rng(self.scenario, "jitter").random(late_h.shape[0]) * 10 * _MINUTE_MS
        delay = np.where(self.faults["late"], late_h * HOUR_MS, 0) + np.where(self.faults["out_of_order"], jitter, 0)
        return delay.astype(np.int64)

    @cached_property
    def unit_factors(self) -> dict[int, dict[str, float]]:
        """By record with wrong units, the signals and their factors."""
        found: dict[int, dict[str, float]] = {}
        for number, (felt, dirty) in enumerate(self._dirt):
            if dirty.wrong_units:
                drawn = make_rng(self.scenario, f"units/{number}").random(felt.shape) < felt * dirty.wrong_units_share
                found |= dict.fromkeys(np.flatnonzero(drawn).tolist(), dirty.wrong_units)
        return found

    @cached_property
    def _crashes(self) -> list[tuple[Change, Floats]]:
        changes = [(n, change) for n, change in enumerate(self.scenario.changes) if change.crash_share]
        return [(c, feel(self.scenario, f"change/{n}", c.where, c, self._starts)) for n, c in changes]

    @cached_property
    def _dirt(self) -> list[tuple[Floats, Dirty]]:
        rows, clean = of_records(self.records), Dirty()
        found = [(np.ones(self.records.cell.shape[0]), self.scenario.dirty)]
        for n, change in enumerate(self.scenario.changes):
            if change.dirty != clean:
                found.append((feel(self.scenario, f"change/{n}", change.where, change, rows), change.dirty))
        return found

    def _in_force(self, trial: int | None, arm: str) -> list[InForce]:
        scenario, rows = self.scenario, of_records(self.records)
        found = [
            _force(
                scenario,
                f"pattern/{n}",
                each.where,
                feel(scenario, f"pattern/{n}", each.where, None, rows),
                each.signals,
            )
            for n, each in enumerate(scenario.patterns)
        ]
        for n, change in enumerate(scenario.changes):
            if not change.where.arms or arm in change.where.arms:
                felt = feel(scenario, f"change/{n}", change.where, change, rows)
                plain = _force(scenario, f"change/{n}", change.where, felt, change.signals)
                found.append(plain._replace(steps=change.steps, population=change.population))
        if trial is not None:
            canary, everybody = self.trials[trial].canary, np.ones(self.records.cell.shape[0])
            plain = _force(scenario, f"rollout/{trial}", Where(), everybody, canary.signals)
            found.append(plain._replace(steps=canary.steps, population=canary.population))
        return found

    def _declare_releases(self) -> dict[int, str]:
        """By session, the new release that it declares, where a change brings one."""
        found: dict[int, str] = {}
        days = days_of(self.scenario, self.sessions.start_ms)
        for n, change in enumerate(self.scenario.changes):
            if change.release == "new":
                manifest = build_manifest(f"new-{n}", change.artifact)
                self.manifests.append(manifest)
                chosen = choose(self.scenario, f"change/{n}", change.where, self._starts) & (days >= change.at_day)
                if change.until_day is not None:
                    chosen &= days < change.until_day
                found |= dict.fromkeys(np.flatnonzero(chosen).tolist(), digest_document(manifest))
        return found

    def _draw_feedback(self) -> tuple[Ints, Ints]:
        usual, rng = self.scenario.feedback, make_rng(self.scenario, "feedback")
        count = self.records.cell.shape[0]
        share, middle, tail = (
            np.full(count, usual.share),
            np.full(count, np.log(usual.delay_h)),
            np.full(count, usual.tail),
        )
        for n, change in enumerate(self.scenario.changes):
            told = change.feedback
            if told.share is None and told.delay_h is None and told.tail is None:
                continue
            felt = feel(self.scenario, f"change/{n}", change.where, change, of_records(self.records))
            share = share if told.share is None else share + felt * (told.share - share)
            middle = middle if told.delay_h is None else middle + felt * (np.log(told.delay_h) - middle)
            tail = tail if told.tail is None else tail + felt * (told.tail - tail)
        delay_ms = (np.exp(middle + tail * rng.standard_normal(count)) * HOUR_MS).astype(np.int64) + 1000
        answered = np.flatnonzero(rng.random(count) < share)
        return answered, self.records.work_ms[answered] + delay_ms[answered]


def _force(scenario: Scenario, label: str, where: Where, felt: Floats, effects: object) -> InForce:
    assert isinstance(effects, dict)
    return InForce(f"{scenario.name}/{label}", felt, effects, ages=where.ages, sexes=where.sexes)
