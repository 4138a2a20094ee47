"""The guard's follow-up of what it has taken back: an effect is stated when something about it changes."""

from collections.abc import Mapping

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.guard.effect_book import EffectBook, EffectRun, TakenBack
from homeostat.detectors.guard.judge_effect import Known, find_gravest, judge_targets
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.detectors.guard.sources import SourceTable
from homeostat.detectors.outbox import Outbox
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Decision
from homeostat.schemas.effect import Aftermath, Effect, Outcome, TargetEffect
from homeostat.schemas.policy import Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import EFFECTS
from homeostat.schemas.withdrawal import CohortTags, list_withdrawn


class EffectWatch:
    """Effects of one partition's rollouts; `states` are the guard's, whose plans are fixed."""

    def __init__(self, control: ControlLog, sources: SourceTable, states: Mapping[str, RolloutState]) -> None:
        self._control, self._sources, self._states = control, sources, states
        self.book = EffectBook()
        self.looked_ms = 0

    def begin(self, decision: Decision) -> None:
        """Watch what a decision takes back from cohorts that were given it; of a former step's what is new."""
        state = self._states.get(decision.rollout)
        if state is None or state.plan is None or not state.begun_ms:
            return
        reached = {cohort for wave in state.plan.waves[: decision.wave + 1] for cohort in wave.cohorts}
        gone = [cohort for cohort in list_withdrawn(decision, state.plan.rollout) if tuple(cohort) in reached]
        run = self.book.runs.get(decision.rollout)
        known = {*run.done, *(each.cohort for each in run.cohorts)} if run is not None else set[CohortTags]()
        new = tuple(TakenBack(cohort=each, since_ms=self._control.log_time_ms) for each in gone if each not in known)
        if not new:
            return
        run = run or EffectRun(rollout=decision.rollout, step=decision.step, release=decision.candidate)
        deciding = tuple(sorted({*run.deciding, *decision.deciding}))
        more = {"step": decision.step, "deciding": deciding, "cohorts": (*run.cohorts, *new), "final": False}
        self.book.put(run.model_copy(update=more))

    def take(self, report: Aftermath) -> bool:
        """Keep a source's report of a rollout that is known here; False for a repeat."""
        return report.rollout in self._states and self.book.take(report)

    def look_at_all(self, outbox: Outbox) -> None:
        """State what has changed, of every effect that is not final; at most once a bucket of log time."""
        policy, now_ms = self._control.policy, self._control.log_time_ms
        if policy is None or not self._control.evaluated:
            return
        if now_ms < self.looked_ms + round(policy.times.bucket_s * 1000):
            return
        self.looked_ms = now_ms
        for rollout in sorted(self.book.runs):
            if not self.book.runs[rollout].final:
                self._look(self.book.runs[rollout], policy, outbox)

    def _look(self, run: EffectRun, policy: Policy, outbox: Outbox) -> None:
        plan, now_ms = self._states[run.rollout].plan, self._control.log_time_ms
        assert plan is not None
        shown_ms = {source: shown.log_time_ms for source, shown in self._sources.shown.items()}
        reports = self.book.of_rollout(run.rollout)
        targets = judge_targets(plan.rollout.targets, Known(run, reports, shown_ms, policy.effects, now_ms))
        over = now_ms >= max(each.since_ms for each in run.cohorts) + round(policy.effects.watch_s * 1000)
        final = over or all(each.outcome is Outcome.RETURNED for each in targets)
        facts = derive_id(final, *(_facts(each) for each in targets))
        if facts == run.stated:
            return
        told = {"revision": run.revision + 1, "stated": facts, "final": final}
        run = run.model_copy(update=told)
        outbox.put(EFFECTS, run.rollout, _state(run, plan.rollout, targets, outbox), SignerRole.GUARD)
        if final:
            done = (*run.done, *(each.cohort for each in run.cohorts))
            run = run.model_copy(update={"cohorts": (), "done": tuple(sorted(done))})
        self.book.put(run)


def _facts(target: TargetEffect) -> str:
    """What is worth a statement; numbers alone are not."""
    return f"{target.target.key} {target.outcome} {target.acknowledged_ms}"


def _state(run: EffectRun, rollout: Rollout, targets: tuple[TargetEffect, ...], outbox: Outbox) -> Effect:
    outcome = find_gravest({each.outcome for each in targets})
    gravest = next(each for each in targets if each.outcome is outcome)
    alike = sum(each.outcome is outcome for each in targets)
    return Effect(
        rollout=run.rollout,
        revision=run.revision,
        step=run.step,
        release=rollout.candidate,
        outcome=outcome,
        final=run.final,
        targets=targets,
        reason=f"{alike} of {len(targets)} targets {outcome}; {gravest.target.key}: {gravest.reason}"[:2000],
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )
