"""The HTTP API: what it says of targets and sessions, what it says when it cannot, and that its description is true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import Barred, DesiredState, Variant
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Mode
from homeostat.schemas.topics import COMMANDS, LEASES
from homeostat.streams.client.gateway import Gateway, SqliteStore
from homeostat.streams.gateway_service.http_api import build_api
from homeostat.streams.settings import KafkaSettings
from tests.builders.documents import BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, ROLLOUT_ID, START_MS
from tests.builders.keys import GATEWAY, signer, trust
from tests.unit.streams.gateway.test_core import LEASE, TARGET, lease, seal, state

SESSION = {"tenant": "tenant-1", "workflow": "scribe", "specialty": "cardiology", "session": derive_id(1)}
OTHER = "sha256:" + "0d" * 32


class SetClock:
    """Clocks that stand where a test puts them."""

    def __init__(self) -> None:
        self.past_ms = 0

    def wall_ms(self) -> int:
        return START_MS + self.past_ms

    def mono_ms(self) -> int:
        return self.past_ms


class Trial:
    """A gateway without a broker, and its API in this process."""

    def __init__(self, folder: Path) -> None:
        own, kafka = signer(SignerRole.GATEWAY, GATEWAY), KafkaSettings(bootstrap_servers="127.0.0.1:1")
        self.clock = SetClock()
        self.gateway = Gateway(GATEWAY, kafka, trust(), own, SqliteStore(folder / "gateway.db"), self.clock)
        self.api: FastAPI = build_api(self.gateway)

    def command(self, said: DesiredState) -> None:
        self.gateway.take(COMMANDS, said.target.key.encode(), seal(said, SignerRole.SEQUENCER))

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, **given)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(tmp_path)
    said = state(
        3,
        exposed=True,
        variants=(Variant(specialties=("oncology",), release=OTHER, manifest=CANDIDATE),),
        barred=(Barred(release=CANDIDATE_DIGEST, specialties=("oncology",)),),
        disabled_tools=("send-message",),
        quarantine=("sha256:" + "33" * 32,),
        quarantine_version=2,
    )
    trial.command(said)
    trial.gateway.take(LEASES, b"", seal(lease(), SignerRole.GUARD))
    trial.clock.past_ms = 5_000
    yield trial
    trial.gateway.close()


async def test_a_target_is_shown_with_every_part_of_its_state(trial: Trial) -> None:
    answer = (await trial.ask("GET", "/v1/targets/tenant-1/scribe")).json()
    assert [answer] == (await trial.ask("GET", "/v1/targets")).json()
    (exposure,) = answer.pop("exposures")
    assert exposure["lease"] == LEASE
    assert (exposure["candidate"], exposure["share"], exposure["mode"]) == (CANDIDATE_DIGEST, 0.5, "live")
    assert (exposure["alive"], exposure["lease_state"], exposure["left_ms"]) == (True, "alive", 8_000)
    wanted = {
        "target": TARGET.key,
        "generation": 3,
        "since_ms": START_MS,
        "baseline": BASELINE_DIGEST,
        "variants": [{"specialties": ["oncology"], "release": OTHER}],
        "barred": [{"release": CANDIDATE_DIGEST, "specialties": ["oncology"]}],
        "disabled_tools": ["send-message"],
        "quarantine": ["sha256:" + "33" * 32],
        "quarantine_version": 2,
        "decision": None,
    }
    assert {name: answer[name] for name in wanted} == wanted


async def test_a_lapse_shows_everywhere(trial: Trial) -> None:
    assert (await trial.ask("GET", "/v1/exposure")).json() == {"exposed": 1}
    (held,) = (await trial.ask("GET", "/v1/leases")).json()
    assert (held["lease"], held["renewal"], held["state"], held["left_ms"]) == (LEASE, 1, "alive", 8_000)
    trial.clock.past_ms = 13_000
    (held,) = (await trial.ask("GET", "/v1/leases")).json()
    assert (held["state"], held["left_ms"]) == ("expired", 0)
    (exposure,) = (await trial.ask("GET", "/v1/targets/tenant-1/scribe")).json()["exposures"]
    assert (exposure["alive"], exposure["lease_state"], exposure["left_ms"]) == (False, "expired", 0)
    assert (await trial.ask("GET", "/v1/exposure")).json() == {"exposed": 0}
    assert (await trial.ask("GET", "/v1/serve", params=SESSION)).json()["arm"] == "baseline"


async def test_one_session_and_many_get_the_same(trial: Trial) -> None:
    sessions = [{**SESSION, "session": derive_id(number)} for number in range(40)]
    many = (await trial.ask("POST", "/v1/serve", json=sessions)).json()
    one = [(await trial.ask("GET", "/v1/serve", params=each)).json() for each in sessions[:5]]
    assert many[:5] == one
    assert {answer["arm"] for answer in many} == {"candidate", "control"}
    assert {(answer["rollout"], answer["step"]) for answer in many} == {(ROLLOUT_ID, 1)}


async def test_a_shadow_comes_with_a_session_of_its_own(trial: Trial) -> None:
    said = state(4, exposed=True, quarantine_version=2)
    shadow = said.exposures[0].model_copy(update={"mode": Mode.SHADOW})
    trial.command(said.model_copy(update={"exposures": (shadow,)}))
    answer = (await trial.ask("GET", "/v1/serve", params=SESSION)).json()
    assert (answer["release"], answer["arm"]) == (BASELINE_DIGEST, "control")
    assert answer["shadow"]["release"] == CANDIDATE_DIGEST
    assert answer["shadow"]["session"] != SESSION["session"]


async def test_an_unknown_target_is_told_what_to_do_and_starts_nothing(trial: Trial) -> None:
    for path in (
        "/v1/targets/tenant-9/scribe",
        "/v1/serve?" + str(httpx.QueryParams({**SESSION, "tenant": "tenant-9"})),
    ):
        answer = await trial.ask("GET", path)
        assert answer.status_code == 404
        assert (
            "no desired state for gateway-1/tenant-9/scribe: this gateway is still reading" in answer.json()["detail"]
        )
    both = await trial.ask("POST", "/v1/serve", json=[SESSION, {**SESSION, "tenant": "tenant-9"}])
    assert both.status_code == 404


async def test_a_parameter_that_does_not_fit_is_named_without_its_value(trial: Trial) -> None:
    answer = await trial.ask("GET", "/v1/serve", params={**SESSION, "session": "Jane Doe"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("query.session: ")
    assert "Jane" not in answer.text
    assert (await trial.ask("POST", "/v1/serve", json=[])).status_code == 422


async def test_it_reads_only(trial: Trial) -> None:
    before = [to_json(said) for said in trial.gateway.states()]
    for path in trial.api.openapi()["paths"]:
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            answer = await trial.ask(method, path.format(tenant="tenant-1", workflow="scribe"), json=[SESSION])
            assert answer.status_code == (200 if (method, path) == ("POST", "/v1/serve") else 405)
    assert [to_json(said) for said in trial.gateway.states()] == before


async def test_its_description_is_true(trial: Trial) -> None:
    document = (await trial.ask("GET", "/openapi.json")).json()
    asked: dict[tuple[str, str], dict[str, Any]] = {
        ("get", "/v1/serve"): {"params": SESSION},
        ("post", "/v1/serve"): {"json": [SESSION]},
        ("get", "/v1/targets/{tenant}/{workflow}"): {},
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            given = asked.get((method, path), {})
            answer = await trial.ask(method.upper(), path.format(tenant="tenant-1", workflow="scribe"), **given)
            content = operation["responses"][str(answer.status_code)].get("content", {})
            if "application/json" in content and answer.status_code == 200:
                schema = {**content["application/json"]["schema"], "components": document["components"]}
                jsonschema.Draft202012Validator(schema).validate(answer.json())
    errors = {path: set(each["responses"]) for path, methods in document["paths"].items() for each in methods.values()}
    assert errors["/v1/serve"] == {"200", "404", "422"}
    assert errors["/v1/targets/{tenant}/{workflow}"] == {"200", "404", "422"}
    unfit = document["paths"]["/v1/serve"]["get"]["responses"]["422"]["content"]["application/json"]["schema"]
    assert unfit == {"$ref": "#/components/schemas/ErrorAnswer"}
