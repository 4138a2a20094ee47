"""The sequencer: the only writer of desired states, one generation after another for every target."""

from collections.abc import Mapping

from homeostat.detectors.control_log import Folded
from homeostat.detectors.outbox import Outbox
from homeostat.detectors.record_stage import RecordStage
from homeostat.detectors.sequencer.acknowledge import acknowledge
from homeostat.detectors.sequencer.authority import MAY_SIGN
from homeostat.detectors.sequencer.consider import Considered, consider, reconfigure, remember, stop
from homeostat.detectors.sequencer.silence import describe_silence, remind
from homeostat.detectors.sequencer.target_state import PREFIX, TargetState, Waiting, state_key
from homeostat.detectors.sequencer.transitions import Documents
from homeostat.detectors.sequencer.ways_back import describe_no_way, resolve_no_way
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import MAX_EPOCH_MS, Message
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import ControlType, Stop, StopDocument
from homeostat.schemas.dead_letter import Original, pack_original, unpack_original
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.intent import Intent
from homeostat.schemas.log import LogRecord, Record
from homeostat.schemas.override import OverrideDocument, Scope
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.partition import partition_of
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import COMMANDS, ESCALATIONS

MAX_WAITING = 32
"""Intents of one target that may wait for a document at the same time."""


class SequencerStage(RecordStage):
    """The sequencer of one partition of `release.intents.v1`.

    Taking exposure away (END_EXPOSURE, ROLL_BACK) is obeyed at once, also before the first complete snapshot. Anything
    else waits, in state and in order, for the snapshot and for the documents it names; after `lease_ttl_s` of log time
    it is refused as expired. `counts` says how many records came to what; `refused_<reason>` are dead-lettered.
    """

    name = "sequencer"

    def __init__(self, partition: int, partition_count: int, trust: TrustStore) -> None:
        super().__init__(partition, trust)
        self._trust, self._count_of_partitions = trust, partition_count
        self._targets: dict[str, TargetState] = {}
        self._changed: set[str] = set()

    @property
    def targets(self) -> Mapping[str, TargetState]:
        """By key, every target of this partition."""
        return self._targets

    @property
    def _documents(self) -> Documents:
        control = self._control
        probes = frozenset() if control.policy is None else control.policy.probe_targets
        return Documents(control.releases, control.rollouts, control.stops, control.overrides, probes)

    def _own_records(self) -> dict[bytes, bytes]:
        return {state_key(key): state.to_bytes() for key, state in self._targets.items()}

    def _drain_own(self) -> list[tuple[bytes, bytes | None]]:
        changed, self._changed = self._changed, set()
        return [(state_key(key), self._targets[key].to_bytes()) for key in changed]

    def _restore_own(self, state_records: Mapping[bytes, bytes]) -> None:
        for key in sorted(key for key in state_records if key.startswith(PREFIX)):
            state = TargetState.from_bytes(state_records[key])
            self._targets[state.target.key] = state

    def _take_control(self, folded: Folded, outbox: Outbox) -> None:
        self._count(f"control_{folded.type.value}")
        if isinstance(folded.message, Acknowledgement):
            self._take_acknowledgement(folded.message, outbox)
            return
        if folded.type is ControlType.TICK:
            self._remind(outbox)
        if isinstance(folded.message, StopDocument) and folded.changed:
            self._stop(folded.message.body, outbox)
        if folded.changed and folded.type in {ControlType.OVERRIDE, ControlType.SNAPSHOT_END}:
            self._reconfigure(folded.message, outbox)
        if folded.changed:
            for key in sorted(key for key, state in self._targets.items() if state.waiting):
                self._try_waiting(key, outbox)

    def _stop(self, body: Stop, outbox: Outbox) -> None:
        """An emergency stop does not wait for the guard."""
        for key in sorted(self._targets):
            stopped = stop(self._targets[key], body, self._control.log_time_ms)
            self._state_anew(stopped, "stated_stop", outbox)

    def _reconfigure(self, message: Message, outbox: Outbox) -> None:
        """State anew what an override touches; at the first complete snapshot, from which on they count, everything."""
        scope = message.body.scope if isinstance(message, OverrideDocument) else Scope()
        for key in sorted(self._targets) if self._control.evaluated else ():
            target = self._targets[key].target
            if not scope.covers(target.tenant, scope.specialty, target.workflow):
                continue
            found = reconfigure(self._targets[key], self._documents, self._control.log_time_ms)
            self._state_anew(found, "stated_configuration", outbox)

    def _state_anew(self, considered: Considered, counted: str, outbox: Outbox) -> None:
        """Tell a target what no intent asked for, where that changes anything."""
        if considered.command is not None:
            self._keep(considered.state)
            outbox.put(COMMANDS, considered.state.target.key, considered.command, SignerRole.SEQUENCER)
            self._count(counted)

    def _remind(self, outbox: Outbox) -> None:
        """State again what gateways have not confirmed in time, and say whose silence lasts too long."""
        policy = self._control.policy
        for key in sorted(self._targets) if policy is not None and self._control.evaluated else ():
            assert policy is not None
            found = remind(self._targets[key], policy.effects, self._control.log_time_ms)
            self._keep(found.state)
            if found.again is not None:
                outbox.put(COMMANDS, key, found.again, SignerRole.SEQUENCER)
                self._count("stated_again")
            if found.escalates:
                outbox.put(ESCALATIONS, key, describe_silence(found.state, outbox), SignerRole.SEQUENCER)
                self._count("escalated_not_applied")

    def _take_acknowledgement(self, message: Acknowledgement, outbox: Outbox) -> None:
        state = self._targets.get(message.target.key)
        moved = None if state is None else acknowledge(state, message)
        if moved is None:
            self._count("acknowledgements_of_nothing_stated")
            return
        if moved.escalated and not moved.silent:
            outbox.put(ESCALATIONS, moved.target.key, describe_silence(moved, outbox), SignerRole.SEQUENCER)
            moved = moved.model_copy(update={"escalated": False})
        self._keep(moved)

    def _take(self, record: Record, outbox: Outbox) -> None:
        intent, role = self._read(record)
        state = self._targets.get(intent.target.key, TargetState(target=intent.target))
        if any(waiting.intent == intent.intent for waiting in state.waiting):
            self._count("repeated")
            return
        if not self._consider(state, intent, role, record, outbox):
            self._wait(intent, record, outbox)

    def _read(self, record: Record) -> tuple[Intent, SignerRole]:
        payload, key = self._trust.verify_with_key(record.value, Intent.ce_type, MAY_SIGN)
        intent, _ = parse_message(Intent, payload)
        if record.key != intent.target.key.encode():
            raise PoisonRecord(Refusal.WRONG_TARGET, "the record's key names another target")
        if partition_of(record.key, self._count_of_partitions) != self._partition:
            raise PoisonRecord(Refusal.WRONG_PARTITION, f"target {intent.target.key} is not of {self._partition}")
        return intent, key.role

    def _consider(self, state: TargetState, intent: Intent, role: SignerRole, record: Record, outbox: Outbox) -> bool:
        """Judge an intent and act on it; False if it has to wait."""
        documents = self._documents
        evaluated, now_ms = self._control.evaluated, self._control.log_time_ms
        considered = consider(state, intent, role, documents, evaluated, now_ms)
        if considered.missing is not None:
            return False
        self._keep(considered.state)
        if considered.refusal is not None:
            self._refuse(record, considered.refusal.reason, outbox)
            if considered.escalates:
                said = describe_no_way(considered.state, intent, considered.refusal, documents, outbox)
                outbox.put(ESCALATIONS, intent.target.key, said, SignerRole.SEQUENCER)
                self._count("escalated_no_way_back")
        elif considered.command is not None:
            outbox.put(COMMANDS, intent.target.key, considered.command, SignerRole.SEQUENCER)
            self._count(f"stated_{intent.action.value}")
            self._settle(state, considered, intent, outbox)
        else:
            self._count("repeated" if considered.repeat else "already_so")
        return True

    def _settle(self, before: TargetState, considered: Considered, intent: Intent, outbox: Outbox) -> None:
        """Say that a target that could not go back has been given something else."""
        if before.stuck and not considered.state.stuck:
            said = resolve_no_way(considered.state, intent, outbox)
            outbox.put(ESCALATIONS, intent.target.key, said, SignerRole.SEQUENCER)

    def _wait(self, intent: Intent, record: Record, outbox: Outbox) -> None:
        state = self._targets.get(intent.target.key, TargetState(target=intent.target))
        if len(state.waiting) >= MAX_WAITING:
            self._refuse(record, Refusal.EXPIRED, outbox)
            return
        waiting = Waiting(
            intent=intent.intent,
            offset=record.offset,
            timestamp_ms=min(max(record.timestamp, 0), MAX_EPOCH_MS),
            original=pack_original(Original(record.key, record.value, record.headers)).hex(),
            since_ms=self._control.log_time_ms,
        )
        self._keep(state.model_copy(update={"waiting": (*state.waiting, waiting)}))
        self._count("not_evaluated" if not self._control.evaluated else "waiting")

    def _try_waiting(self, key: str, outbox: Outbox) -> None:
        """Judge again, in order of arrival, what waits at a target; refuse what has waited too long."""
        kept: list[Waiting] = []
        for waiting in self._targets[key].waiting:
            record = LogRecord(waiting.offset, waiting.timestamp_ms, *unpack_original(bytes.fromhex(waiting.original)))
            try:
                intent, role = self._read(record)
            except SignatureRefused as error:
                self._refuse(record, error.reason, outbox)
                continue
            if self._consider(self._targets[key], intent, role, record, outbox):
                continue
            if self._is_overdue(waiting):
                self._keep(remember(self._targets[key], intent, role))
                self._refuse(record, Refusal.EXPIRED, outbox)
            else:
                kept.append(waiting)
        self._keep(self._targets[key].model_copy(update={"waiting": tuple(kept)}))

    def _is_overdue(self, waiting: Waiting) -> bool:
        policy = self._control.policy
        if policy is None or not self._control.evaluated:
            return False
        return self._control.log_time_ms - waiting.since_ms > policy.times.lease_ttl_s * 1000

    def _keep(self, state: TargetState) -> None:
        if self._targets.get(state.target.key) != state:
            self._targets[state.target.key] = state
            self._changed.add(state.target.key)
