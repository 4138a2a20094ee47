"""What documents and rollout steps change at the leaf: pairings, references to seal, echoes, and what ticks ask for."""

from collections import Counter

from homeostat.detectors.control_log import ControlLog, Folded
from homeostat.detectors.leaf.arrays import BUCKET_END, URGENT
from homeostat.detectors.leaf.engine import Engine
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.outbox import Outbox
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.settling import begin_waiting
from homeostat.detectors.leaf.world import World
from homeostat.schemas.cohort import Layer
from homeostat.schemas.control import BaselineDocument, RolloutDocument, SealBaseline, SealBaselineDocument
from homeostat.schemas.decision import Decision
from homeostat.schemas.rollout import ENDED, Rollout
from homeostat.schemas.trace import Arm


class DocumentReader:
    """Reads the control log's documents for one partition.

    `echoed` is the last step echoed, by rollout; `_to_follow` are those that may be ahead of it, None for all.
    """

    def __init__(self, log: ControlLog, engine: Engine, outbox: Outbox, counts: Counter[str]) -> None:
        self._log, self._engine, self._outbox, self._counts = log, engine, outbox, counts
        self.echoed: dict[str, int] = {}
        self._to_follow: set[str] | None = None

    def take_over(self, folded: Folded, world: World | None, offset: int) -> None:
        """Ask for the reference that a document decides on; lend a baseline; give way to a rollout's other version."""
        self._note_step(folded)
        if world is None:
            return
        match folded.message:
            case SealBaselineDocument():
                self._ask_seal(folded.message.body, world, offset)
            case BaselineDocument():
                world.lend(folded.message.body, self._log.log_time_ms)
            case RolloutDocument():
                self._replace(folded.message.body.rollout, world)
            case _:
                pass

    def _note_step(self, folded: Folded) -> None:
        if self._to_follow is None:
            return
        match folded.message:
            case RolloutDocument(body=Rollout(rollout=rollout)) | Decision(rollout=rollout):
                self._to_follow.add(rollout)
            case _:
                pass

    def _ask_seal(self, body: SealBaseline, world: World, offset: int) -> None:
        cohort = body.cohort
        if cohort.layer is not Layer.SUBGROUP and (cohort.layer is not Layer.LEAF or cohort.arm is not Arm.BASELINE):
            return
        key = LeafKey(cohort.tenant or "", cohort.band or cohort.specialty or "", cohort.workflow or "", Arm.BASELINE)
        for slot in world.cohorts.parts_of(key):
            world.cohorts.ask_seal(slot, offset, body.sessions)

    def _replace(self, rollout_id: str, world: World) -> None:
        """Let a rollout begin anew by its new version, as the guard does: until it has decided on one."""
        if rollout_id not in self.echoed:
            return
        if self._is_decided_otherwise(rollout_id):
            self._counts["rollout_documents_too_late"] += 1
            return
        world.pairs.release(rollout_id)
        del self.echoed[rollout_id]

    def _is_decided_otherwise(self, rollout_id: str) -> bool:
        """Whether the guard has decided on another version of a rollout's document than the newest."""
        decision = self._log.steps.get(rollout_id)
        return decision is not None and decision.rollout_digest != self._log.rollout_digests[rollout_id]

    def follow(self, world: World, is_tick: bool) -> None:
        """Begin the first bucket, set up what rollouts ask for and echo it, and state evidence."""
        if not world.cursor[BUCKET_END]:
            bucket_ms = world.plan.bucket_ms
            world.cursor[BUCKET_END] = (self._log.log_time_ms // bucket_ms + 1) * bucket_ms
            begin_waiting(world, self._log.log_time_ms)
        self._follow_rollouts(world)
        teller = self._engine.teller
        if is_tick:
            teller.tell_changed(world.plan, world.pairs, world.window)
        else:
            teller.tell_urgent(world.plan, world.pairs, world.window)
        world.cursor[URGENT] = 0

    def change_buckets(self, world: World, plan: Plan) -> None:
        """End the open bucket early when another policy counts buckets in another length."""
        old_ms, now_ms = world.plan.bucket_ms, self._log.log_time_ms
        if plan.bucket_ms == old_ms or not world.cursor[BUCKET_END]:
            return
        self._engine.close_bucket(world, int(world.cursor[BUCKET_END]) // old_ms)
        world.cursor[BUCKET_END] = (now_ms // plan.bucket_ms + 1) * plan.bucket_ms

    def _follow_rollouts(self, world: World) -> None:
        due = self._log.rollouts.keys() if self._to_follow is None else self._to_follow & self._log.rollouts.keys()
        self._to_follow = set() if self._to_follow is None else self._to_follow - due
        for rollout_id in sorted(due):
            rollout, decision = self._log.rollouts[rollout_id], self._log.steps.get(rollout_id)
            step = 1 if decision is None else decision.step
            if self.echoed.get(rollout_id, 0) >= step:
                continue
            ended = decision is not None and decision.phase in ENDED
            share = rollout.first_share if decision is None else decision.share
            if not ended and not self._is_decided_otherwise(rollout_id):
                world.pairs.begin(rollout, step, share, self._outbox.mark)
            world.pairs.take_step(rollout_id, step, share, ended, self._outbox.mark)
            self.echoed[rollout_id] = step
            self._engine.teller.echo(rollout_id, step)
