"""What the guard asks for is what the sequencer states, with the guard's own signature in between."""

from homeostat.schemas.canonical import to_json
from homeostat.schemas.decision import Verdict
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import INTENTS
from homeostat.streams.signing import Signers
from tests.builders import documents
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.evidence import TOLERANCES
from tests.builders.guard_log import GuardLog
from tests.builders.keys import signer
from tests.builders.sequencer_log import SequencerLog
from tests.builders.traces import Draft

SIGNERS = Signers([signer(SignerRole.GUARD)])


def pass_on(outputs: list[Output], log: SequencerLog) -> list[Output]:
    """Sign the guard's intents as the shell does and let the sequencer read them, each twice."""
    sent = [SIGNERS.sign_output(output) for output in outputs if output.topic == INTENTS]
    return [gained for each in sent for _ in range(2) for gained in log.add(Draft(each.key, each.value, each.headers))]


def test_harm_reaches_the_desired_state() -> None:
    guard, sequencer = GuardLog(), SequencerLog()
    pass_on(guard.begin(), sequencer)
    assert sequencer.commands[-1].exposures[0].lease == guard.leases[0].lease
    assert sequencer.commands[-1].decision == guard.decisions[0].decision
    pass_on(guard.say({"omission": [0.2] * 90}), sequencer)
    state = sequencer.commands[-1]
    assert (state.generation, state.exposures, state.quarantine) == (3, (), (CANDIDATE_DIGEST,))
    assert state.reason == guard.decisions[-1].reason
    assert state.baseline == CONTROL_DIGEST


def test_promotion_reaches_the_desired_state() -> None:
    guard, sequencer = GuardLog(), SequencerLog()
    pass_on(guard.begin(), sequencer)
    pass_on(guard.say({name: [0.0] * 400 for name in TOLERANCES}), sequencer)
    assert guard.decisions[-1].verdict is Verdict.HEALTHY
    state = sequencer.commands[-1]
    assert (state.generation, state.baseline, state.exposures) == (3, CANDIDATE_DIGEST, ())
    assert state.manifest == documents.CANDIDATE


def test_the_whole_history_again_states_nothing_new() -> None:
    guard, sequencer = GuardLog(), SequencerLog()
    guard.begin()
    guard.say({"omission": [0.2] * 90})
    pass_on(guard.outputs, sequencer)
    before = [to_json(state) for state in sequencer.commands]
    assert pass_on(guard.outputs, sequencer) == []
    assert [to_json(state) for state in sequencer.commands] == before
