"""A sequencer over a log in the making: signed intents, acknowledgements, documents."""

from typing import Any

from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.detectors.sequencer.target_state import TargetState
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.dead_letter import DeadLetter, decode_unsealed
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, Target
from homeostat.schemas.topics import COMMANDS, DEAD_LETTERS, INTENTS
from tests.builders import documents
from tests.builders.keys import GATEWAY, sign, trust
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft

TARGET = Target(gateway=GATEWAY, tenant="tenant-1", workflow="scribe")
LEASE = derive_id("lease", 1)


class SequencerLog:
    """A sequencer and its log; what was written is applied at once and its outputs are kept.

    `commands` are the states that were stated, `repeated` those that were stated again. With `documented` the log
    begins with a snapshot of policy, releases and rollout, and the control release is the target's baseline.
    """

    def __init__(self, rollout: Rollout | None = None, documented: bool = True) -> None:
        self.rollout = rollout or documents.rollout()
        self.stage = SequencerStage(0, 1, trust())
        self.scenario = Scenario(INTENTS)
        self.outputs: list[Output] = []
        self.commands: list[DesiredState] = []
        self.repeated: list[DesiredState] = []
        self.numbers = 0
        if documented:
            self.document()
            self.baseline()

    def document(self) -> None:
        """A complete snapshot with the rollout."""
        self.scenario.begin(None, [documents.document(self.rollout)])
        self.catch_up()

    def baseline(self) -> list[Output]:
        """An operator states the control release as the baseline."""
        return self.ask(IntentAction.BASELINE, SignerRole.OPERATOR, manifest=documents.CONTROL, candidate=None)

    def catch_up(self) -> list[Output]:
        gained = self.stage.apply(self.scenario.log[self.stage.next_offset :])
        self.outputs += gained
        for output in gained:
            if output.topic == COMMANDS:
                state = DesiredState.model_validate_json(output.value or b"")
                (self.repeated if state in self.commands else self.commands).append(state)
        return gained

    def add(self, draft: Draft) -> list[Output]:
        self.scenario.add(draft)
        return self.catch_up()

    def control(self, message: Message) -> list[Output]:
        self.scenario.control(message)
        return self.catch_up()

    def tick(self, seconds: float) -> list[Output]:
        self.scenario.tick(seconds)
        return self.catch_up()

    def intent(self, action: IntentAction, **fields: Any) -> Intent:
        """An intent for the test rollout at `TARGET`; its id is new unless given."""
        self.numbers += 1
        exposing = action is IntentAction.EXPOSE
        defaults: dict[str, Any] = {
            "intent": derive_id("intent", self.numbers),
            "target": TARGET,
            "author": "test",
            "reason": "test",
            "at_ms": self.scenario.now_ms,
            "rollout": self.rollout.rollout,
            "step": 1 if exposing else 2,
            "specialties": () if action is IntentAction.ROLL_BACK else ("cardiology",),
            "candidate": self.rollout.candidate,
            "share": 0.5 if exposing else 0.0,
            "lease": LEASE if exposing else None,
        }
        return Intent(action=action, **{**defaults, **fields})

    def ask(self, action: IntentAction, role: SignerRole = SignerRole.GUARD, **fields: Any) -> list[Output]:
        """Sign an intent and append it."""
        return self.add(signed(self.intent(action, **fields), role))

    def acknowledge(self, outcome: AckOutcome = AckOutcome.APPLIED, **fields: Any) -> list[Output]:
        """The gateway answers to the present desired state."""
        defaults: dict[str, Any] = {
            "gateway": GATEWAY,
            "target": TARGET,
            "generation": self.target.generation,
            "state_digest": self.target.state_digest,
            "at_ms": self.scenario.now_ms,
        }
        return self.control(Acknowledgement(outcome=outcome, **{**defaults, **fields}))

    @property
    def target(self) -> TargetState:
        return self.stage.targets[TARGET.key]


def signed(intent: Intent, role: SignerRole, key: str | None = None) -> Draft:
    """The record of a signed intent."""
    headers = event_headers(intent.ce_type, intent.intent, f"/homeostat/{role}", DSSE_CONTENT)
    return Draft((key or intent.target.key).encode(), sign(role, to_json(intent), intent.ce_type), headers)


def refusals(outputs: list[Output]) -> list[str]:
    """The reasons of the dead letters among outputs."""
    return [_letter(output).reason.value for output in outputs if output.topic == DEAD_LETTERS]


def _letter(output: Output) -> DeadLetter:
    return decode_unsealed(output.value or b"")[0]
