"""State bytes that must not be used are refused, in every part of both stages."""

import pytest

from homeostat.detectors.frames import frame
from homeostat.detectors.guard.stage import GuardStage
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.intent import IntentAction
from tests.builders.guard_log import GuardLog
from tests.builders.keys import trust
from tests.builders.sequencer_log import SequencerLog


def _guard_records() -> dict[bytes, bytes]:
    log = GuardLog()
    log.begin()
    log.say({"omission": [0.0]})
    return log.stage.state_records()


def _sequencer_records() -> dict[bytes, bytes]:
    log = SequencerLog()
    log.ask(IntentAction.EXPOSE)
    return log.stage.state_records()


@pytest.mark.parametrize("damaged", [b"", b"\x01", b"\x09\x00\x00\x00\x00{}", b"cut"])
@pytest.mark.parametrize("prefix", [b"rollout/", b"evidence/", b"source/", b"guard", b"control/clock"])
def test_damaged_guard_records_are_refused(prefix: bytes, damaged: bytes) -> None:
    records = _guard_records()
    (name, *_) = [key for key in sorted(records) if key.startswith(prefix)]
    with pytest.raises(StateCorrupt):
        GuardStage(0, 1, 1, trust()).restore({**records, name: damaged})


@pytest.mark.parametrize("prefix", [b"rollout/", b"evidence/"])
def test_records_of_another_shape_are_refused(prefix: bytes) -> None:
    records = _guard_records()
    (name, *_) = [key for key in records if key.startswith(prefix)]
    with pytest.raises(StateCorrupt):
        GuardStage(0, 1, 1, trust()).restore({**records, name: frame(b'{"rollout":7}', 1)})


@pytest.mark.parametrize("damaged", [b"", b"\x01\x00\x00\x00\x00{}", frame(b'{"target":7}', 1)])
def test_damaged_sequencer_records_are_refused(damaged: bytes) -> None:
    records = _sequencer_records()
    (name,) = [key for key in records if key.startswith(b"target/")]
    with pytest.raises(StateCorrupt):
        SequencerStage(0, 1, trust()).restore({**records, name: damaged})
