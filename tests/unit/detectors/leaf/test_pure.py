"""The compiled kernel and its plain source give the same bytes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import rollout
from tests.unit.detectors.leaf.logs import run, warm_scenario
from tests.unit.detectors.leaf.test_absence import complaint, draw, log_of, policy_of

ROOT = Path(__file__).parents[4]


def digest() -> str:
    """Of all outputs and state records after logs with alarms, pairs, seals, starts, refusals, and works waited for."""
    scenario = warm_scenario()
    for number in range(120):
        arm = ("baseline", "control", "candidate")[number % 3]
        signals = {"edit_ratio": (number * 37 % 97) / 97, "latency": number / 3, "structure_score": number % 7 / 7}
        scenario.add(traces.trace(traces.work(("pure", number), signals, arm=Arm(arm))))
        scenario.add(traces.trace(traces.feedback(("pure", number), {"acceptance": number % 2}, arm=Arm(arm))))
        if number % 10 == 0:
            starts = [traces.start(derive_id("s", number, n), Arm(arm)) for n in range(3)]
            scenario.add(traces.exposure_report(1 + number, starts))
            scenario.add(traces.Draft(b"tenant-1", b"junk", []))
        scenario.wait(0.2)
    scenario.tick(5.0)
    stage, outputs = run(scenario.log)
    assert {output.topic for output in outputs} >= {"alarms.v1", "evidence.v1", "summaries.v1", "traces.dlq.v1"}
    assert rollout().rollout in {attempt.rollout for attempt in (stage.world.pairs.attempts if stage.world else ())}
    waiting, settled = run(log_of(policy_of(complaint()), draw([(400, 0.1), (200, 0.9)])))
    assert "alarms.v1" in {output.topic for output in settled}
    states = [sorted(each.state_records().items()) for each in (stage, waiting)]
    return hashlib.sha256(repr((outputs, settled, states)).encode()).hexdigest()


def test_compiled_and_pure_give_the_same_bytes() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {__name__} import digest; print(digest())"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    pure = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert pure.stdout.strip() == digest()
