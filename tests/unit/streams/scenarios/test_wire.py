"""What a scenario's traces say."""

import json
from collections.abc import Callable

from homeostat.streams.key_set import KeySet
from homeostat.streams.scenarios.policy_of import build_policy
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.script import Script
from homeostat.streams.scenarios.wire import Served, TenantWire, Work, name_trace


def test_signals_in_wrong_units_are_sent_so(build: Callable[..., Scenario]) -> None:
    scenario = build(days=2, changes=[], truth=[], dirty={"wrong_units": {"latency_s": 1000}, "wrong_units_share": 0.5})
    script = Script(scenario, build_policy(scenario))
    wire = TenantWire("north", KeySet.from_seed(b"wire" * 8).tenant_key("north"), "scribe", "shared")
    sent = []
    for row, work_ms in enumerate(script.records.work_ms.tolist()):
        body, place = script.body(None, "baseline", row)
        served = Served(script.usual, "baseline", None)
        name = name_trace("tiny", "work", row)
        work = Work("north", "cardiology", "visit-note", name, name, work_ms, served)
        value = json.loads(wire.write_work(name, work, body, place, script.unit_factors.get(row, {})))["signals"]
        sent.append(value["latency_s"] / body.work[place]["latency_s"])
    wrong = sum(factor > 999 for factor in sent)
    assert {round(factor) for factor in sent} == {1, 1000}
    assert 0.35 < wrong / len(sent) < 0.65
