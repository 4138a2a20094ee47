"""The registry, releases and overrides on a real broker: signed, immutable, resolved, and refused where forged."""

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.canonical import to_json
from homeostat.schemas.command import DesiredState
from homeostat.schemas.control import ArtifactDocument
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ARTIFACTS, COMMANDS, DEAD_LETTERS
from homeostat.streams.cli.main import run_with
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.registry.from_folder import write_yaml
from tests.builders.artifacts import MODEL, PROMPT, artifact, needs, override
from tests.builders.documents import CONTROL
from tests.builders.waiting import wait_for
from tests.integration.reading import read_topic
from tests.integration.test_readme_run import staying
from tests.unit.streams.cli.test_registry import write, write_draft

pytestmark = pytest.mark.kafka
KEYS = KeySet.from_seed(b"registry")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TARGETS = [{"gateway": "gateway-1", "tenant": each, "workflow": "visit-note"} for each in ("riverside", "hillcrest")]
OTHER_DIGEST = "sha256:" + "00" * 32


@pytest.fixture
def installation(
    kafka: LocalBroker, kafka_admin: AdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LocalBroker:
    """A broker with all topics, and the keys of an operator."""
    create_topics(kafka_admin, platform=Platform(partitions=2))
    write_key_set(KEYS, tmp_path / "keys")
    monkeypatch.setenv("HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS", kafka.address)
    monkeypatch.setenv("HOMEOSTAT_KEYS__TRUST_FOLDER", str(tmp_path / "keys" / "trust"))
    monkeypatch.setenv("HOMEOSTAT_KEYS__PRIVATE_KEY_PATH", str(tmp_path / "keys" / "private"))
    return kafka


def run_json(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> Any:
    found = run_with([*args, "--json"])
    said = capsys.readouterr()
    assert found == code, said.err
    return json.loads(said.out)


def test_from_artifacts_to_a_release_that_a_tenant_refuses(
    installation: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = artifact(PROMPT, "7", constraints=(needs(MODEL, "1", "2"),))
    file = write(tmp_path / "some.yaml", "artifact", artifact(MODEL, "1"), artifact(MODEL, "2"), pack)
    assert [row["new"] for row in run_json(capsys, "registry", "add", str(file))] == [True] * 3
    assert [row["new"] for row in run_json(capsys, "registry", "add", str(file))] == [False] * 3
    changed = write(tmp_path / "changed.yaml", "artifact", artifact(MODEL, "1", digest=OTHER_DIGEST))
    assert run_with(["registry", "add", str(changed)]) == 4
    assert "give the changed artifact a new version" in capsys.readouterr().err

    draft, out = write_draft(tmp_path / "draft.yaml", prompt_pack=">=7", model=">=1"), tmp_path / "out.yaml"
    digest = run_json(capsys, "registry", "resolve", str(draft), "--out", str(out))["digest"]
    needed = write(tmp_path / "override.yaml", "override", override("riverside", required_tools=("write",)))
    assert run_with(["apply", str(out), str(needed)]) == 0
    capsys.readouterr()
    assert run_json(capsys, "release", "diff", "New", digest)["artifacts"] == []
    asked = ("config", "effective", "--workflow", "visit-note", "--release", digest[:20])
    found = run_json(capsys, *asked, "--tenant", "riverside", code=4)
    assert [each["detail"] for each in found["conflicts"]] == ["no artifact brings the tool write"]
    assert run_json(capsys, *asked, "--tenant", "hillcrest")["conflicts"] == []


def test_what_no_operator_signed_is_not_there_and_what_two_stated_is_used_by_nobody(
    installation: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    producer = Producer({"bootstrap.servers": installation.address})

    def state(body: Any, role: SignerRole, key: str) -> None:
        document = ArtifactDocument(subject="model/a/1", subject_version=1, at_ms=0, body=body)
        envelope = KEYS.signers()[role].sign(to_json(document), ArtifactDocument.ce_type)
        producer.produce(ARTIFACTS, envelope, key)
        assert producer.flush(20) == 0

    state(artifact(MODEL, "1"), SignerRole.GUARD, "model/a/1/forged")
    assert run_json(capsys, "registry", "list")["artifacts"] == []
    state(artifact(MODEL, "1"), SignerRole.OPERATOR, "model/a/1/one")
    assert len(run_json(capsys, "registry", "list")["artifacts"]) == 1
    state(artifact(MODEL, "1", digest=OTHER_DIGEST), SignerRole.OPERATOR, "model/a/1/other")
    found = run_json(capsys, "registry", "list", code=1)
    assert found["artifacts"] == []
    assert OTHER_DIGEST in found["disputed"][0]


def test_an_override_refuses_a_release_at_its_tenant_and_the_others_are_told(
    installation: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real workers of the roles control and release, between `apply` and the desired states."""
    (tmp_path / "targets.yaml").write_text(
        write_yaml({"kind": "keys", "body": {"mac_masters": ["m1"]}})
        + "---\n"
        + write_yaml({"kind": "release", "name": "all", "body": CONTROL.model_dump(mode="json")})
        + "---\n"
        + write_yaml({"kind": "targets", "body": {"release": "@all", "targets": TARGETS}})
    )
    needed = write(tmp_path / "override.yaml", "override", override("riverside", required_tools=("write",)))
    (tmp_path / "policy.yaml").write_text(
        (EXAMPLES / "policy.yaml").read_text().replace("body:\n", "body:\n  partitions: 2\n", 1)
    )
    assert run_with(["apply", str(tmp_path / "policy.yaml"), str(needed)]) == 0
    with staying(["worker", "--role", "release"], tmp_path), staying(["worker", "--role", "control"], tmp_path):
        assert run_with(["apply", str(tmp_path / "targets.yaml")]) == 0
        wait_for(lambda: bool(read_topic(installation.address, COMMANDS)), "a desired state is stated", 120.0)
        wait_for(lambda: bool(read_topic(installation.address, DEAD_LETTERS)), "the other one is refused", 120.0)
    (state,) = [
        open_state(value) for value in {record.value() for record in read_topic(installation.address, COMMANDS)}
    ]
    assert state.target.tenant == "hillcrest"
    assert state.configuration == OverrideBook().digest([("hillcrest", "visit-note")])
    capsys.readouterr()
    assert run_with(["dlq", "list", "--json"]) == 0
    assert '"breaks_configuration"' in capsys.readouterr().out


def open_state(value: bytes | None) -> DesiredState:
    payload = KEYS.trust().verify(value, DesiredState.ce_type, (SignerRole.SEQUENCER,))
    return parse_message(DesiredState, payload)[0]
