"""The flag file as flagd's own evaluator reads it: what it gives is what the gateway serves, arm for arm in law."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.contrib.tools.flagd.core.targeting import targeting as evaluator
from openfeature.evaluation_context import EvaluationContext

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.command import DesiredState, Variant
from homeostat.schemas.rollout import Flag, Mode
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams.client.gateway.core import GatewayCore
from homeostat.streams.client.gateway.flag_file import FlagFile
from homeostat.streams.client.gateway.lease_clock import Moment
from tests.builders.documents import BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, ROLLOUT_ID
from tests.builders.keys import GATEWAY
from tests.unit.streams.gateway.test_core import NOW, TARGET, core, lease, state

MEDICATION, REFERRAL = OutputProperty.MEDICATION_CHANGE, OutputProperty.REFERRAL
SESSIONS = [derive_id("session", number) for number in range(600)]


class Flags:
    """The file, and flagd's evaluator over it at a time of the test's choice."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "flags.json"
        self.file = FlagFile(GATEWAY, self.path)
        self._now_s = 0.0
        monkeypatch.setattr(evaluator_time(), "time", lambda: self._now_s)

    def write(self, gateway: GatewayCore, now: Moment = NOW) -> None:
        self.file.look(gateway.view(now), now)

    def get(self, specialty: str, session: str, now: Moment = NOW, properties: Sequence[str] = ()) -> dict[str, Any]:
        self._now_s = now.wall_ms / 1000
        flagd = FlagdCore()
        flagd.set_flags(self.path.read_text())
        context = EvaluationContext(session, {"specialty": specialty, "properties": list(properties)})
        value = flagd.resolve_object_value("tenant-1.scribe", {}, context).value
        assert isinstance(value, dict)
        return value

    def arms(self, specialty: str, now: Moment = NOW) -> list[str]:
        return [self.get(specialty, session, now)["arm"] for session in SESSIONS]


def evaluator_time() -> Any:
    return evaluator.__globals__["time"]


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flags:
    return Flags(tmp_path, monkeypatch)


def exposed(share: float = 0.5, **fields: Any) -> DesiredState:
    said = state(3, exposed=True, disabled_tools=("send-message",))
    exposure = said.exposures[0].model_copy(update={"share": share, **fields})
    return said.model_copy(update={"exposures": (exposure,)})


def alive(said: DesiredState) -> GatewayCore:
    gateway = core(said)
    gateway.renew(lease(), NOW)
    return gateway


def later(ms: int) -> Moment:
    return Moment(NOW.wall_ms + ms, NOW.mono_ms + ms)


def test_sessions_are_split_by_the_share_and_stay_when_it_grows(flags: Flags) -> None:
    flags.write(alive(exposed(0.3)))
    first = flags.arms("cardiology")
    assert first == flags.arms("cardiology")
    assert 130 < first.count(Arm.CANDIDATE) < 230
    flags.write(alive(exposed(0.6)))
    second = flags.arms("cardiology")
    assert 300 < second.count(Arm.CANDIDATE) < 420
    assert all(now == Arm.CANDIDATE for now, before in zip(second, first, strict=True) if before == Arm.CANDIDATE)
    given = flags.get("cardiology", SESSIONS[second.index(Arm.CANDIDATE)])
    assert given == {
        "release": CANDIDATE_DIGEST,
        "arm": "candidate",
        "rollout": ROLLOUT_ID,
        "step": 1,
        "generation": 3,
        "disabled_tools": ["send-message"],
    }


def test_other_specialties_and_work_without_a_session_get_the_baseline(flags: Flags) -> None:
    flags.write(alive(exposed()))
    assert {flags.get(name, SESSIONS[0])["release"] for name in ("oncology", "", "cardiology2")} == {BASELINE_DIGEST}
    assert flags.get("cardiology", "")["arm"] == Arm.BASELINE


def test_when_the_lease_lapses_the_file_goes_back_to_the_baseline(flags: Flags) -> None:
    gateway = alive(exposed())
    flags.write(gateway, later(15_000))
    assert "targeting" not in json.loads(flags.path.read_text())["flags"]["tenant-1.scribe"]
    assert set(flags.arms("cardiology", later(15_000))) == {Arm.BASELINE}


def test_without_a_gateway_that_writes_it_the_exposure_ends_with_its_lease(flags: Flags) -> None:
    flags.write(alive(exposed()))
    assert Arm.CANDIDATE in flags.arms("cardiology", later(11_000))
    assert set(flags.arms("cardiology", later(13_000))) == {Arm.BASELINE}


def test_a_flag_leaves_such_work_as_it_is(flags: Flags) -> None:
    said = exposed(flag=Flag(only_properties=(REFERRAL,), except_properties=(MEDICATION,)))
    gateway = alive(said)
    flags.write(gateway)
    for given in ([], [REFERRAL], [MEDICATION], [REFERRAL, MEDICATION]):
        serving = [gateway.serve(TARGET, "cardiology", session, NOW, given) for session in SESSIONS[:40]]
        theirs = {flags.get("cardiology", session, properties=given)["arm"] for session in SESSIONS[:40]}
        assert theirs == {each.arm for each in serving if each is not None}


def test_variants_stand_under_the_exposure_and_after_it(flags: Flags) -> None:
    other = "sha256:" + "0d" * 32
    variants = (Variant(specialties=("cardiology", "oncology"), release=other, manifest=CANDIDATE),)
    gateway = alive(exposed().model_copy(update={"variants": variants}))
    flags.write(gateway)
    assert flags.get("oncology", SESSIONS[0])["release"] == other
    given = [flags.get("cardiology", session) for session in SESSIONS[:60]]
    assert {(each["arm"], each["release"]) for each in given} == {("control", other), ("candidate", CANDIDATE_DIGEST)}
    flags.write(gateway, later(15_000))
    assert flags.get("cardiology", SESSIONS[0], later(15_000))["release"] == other


def test_a_shadow_is_named_and_given_to_nobody(flags: Flags) -> None:
    flags.write(alive(exposed(mode=Mode.SHADOW)))
    given = [flags.get("cardiology", session) for session in SESSIONS[:40]]
    assert {(each["release"], each["arm"], each["shadow"]) for each in given} == {
        (BASELINE_DIGEST, "control", CANDIDATE_DIGEST)
    }


def test_the_file_is_replaced_whole_and_only_when_it_changes(flags: Flags) -> None:
    gateway = alive(exposed())
    flags.write(gateway)
    before = flags.path.stat().st_ino
    flags.write(gateway)
    assert flags.path.stat().st_ino == before
    flags.write(core(state(4)))
    assert flags.path.stat().st_ino != before
    assert [path.name for path in flags.path.parent.iterdir()] == ["flags.json"]


def test_a_folder_that_is_gone_stops_nothing_and_is_tried_again(flags: Flags) -> None:
    flags.write(core(state(4)))
    flags.path.unlink()
    flags.path.parent.rmdir()
    flags.write(core(state(5)))
    assert not flags.path.exists()
    flags.path.parent.mkdir()
    flags.write(core(state(5)))
    assert flags.get("cardiology", SESSIONS[0])["generation"] == 5
