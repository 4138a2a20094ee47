"""`homeostat registry|release|config` on a folder of YAML: what is added, found, resolved, compared, refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.streams.cli.main import run_with
from homeostat.streams.registry.from_folder import write_yaml
from tests.builders.artifacts import MODEL, PROMPT, artifact, needs, override, release
from tests.builders.documents import CANDIDATE, CONTROL, CONTROL_DIGEST

OTHER_DIGEST = "sha256:" + "00" * 32


def write(path: Path, kind: str, *bodies: Any, name: str | None = None) -> Path:
    """A YAML file with one document for each body."""
    named = {} if name is None else {"name": name}
    entries = [{"kind": kind, **named, "body": body.model_dump(mode="json", exclude_defaults=True)} for body in bodies]
    path.write_text("---\n".join(map(write_yaml, entries)))
    return path


def run_json(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> Any:
    assert run_with([*args, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with two models, and a prompt pack for the older one."""
    pack = artifact(PROMPT, "7", constraints=(needs(MODEL, "1", "2"),))
    file = write(tmp_path / "some.yaml", "artifact", artifact(MODEL, "1"), artifact(MODEL, "2"), pack)
    assert run_with(["registry", "add", str(file), "--folder", str(tmp_path / "registry")]) == 0
    return tmp_path / "registry"


def write_draft(path: Path, **versions: str) -> Path:
    wanted = [{"kind": kind, "name": "a", "version": version} for kind, version in versions.items()]
    path.write_text(
        yaml.safe_dump({"kind": "release-draft", "name": "new", "body": {"title": "New", "artifacts": wanted}})
    )
    return path


def test_artifacts_are_added_once_as_a_file_each(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))
    assert files == ["model/a/1.yaml", "model/a/2.yaml", "prompt_pack/a/7.yaml"]
    capsys.readouterr()
    again = run_json(capsys, "registry", "add", str(tmp_path / "some.yaml"), "--folder", str(folder))
    assert [row["new"] for row in again] == [False, False, False]
    found = run_json(capsys, "registry", "list", "--folder", str(folder), "--kind", "model")
    assert [each["artifact_version"] for each in found["artifacts"]] == ["2", "1"]


def test_another_digest_under_the_same_version_is_refused_and_nothing_of_the_file_is_added(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = [artifact(MODEL, "3"), artifact(MODEL, "2", digest=OTHER_DIGEST)]
    file = write(tmp_path / "changed.yaml", "artifact", *changed)
    assert run_with(["registry", "add", str(file), "--folder", str(folder)]) == 4
    assert "give the changed artifact a new version" in capsys.readouterr().err
    assert len(list(folder.rglob("*.yaml"))) == 3
    twice = write(tmp_path / "twice.yaml", "artifact", artifact(MODEL, "4"), artifact(MODEL, "4.0"))
    assert run_with(["registry", "add", str(twice), "--folder", str(folder), "--dry-run"]) == 4


def test_a_folder_that_declares_a_version_twice_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "more.yaml", "artifact", artifact(MODEL, "1", digest=OTHER_DIGEST))
    assert run_with(["registry", "list", "--folder", str(folder)]) == 4
    assert "model a 1 is declared twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: release\nbody: {title: x, artifacts: []}", "artifacts"),
        (
            "kind: artifact\nbody: {kind: model, name: a, artifact_version: latest, digest: " + OTHER_DIGEST + "}",
            "14, 3.1",
        ),
        ("kind: artifact\nbody: {kind: model, name: a, artifact_version: '1', digest: md5}", "digest"),
        ("kind: policy\nbody: {}", "signals"),
    ],
)
def test_what_is_no_artifact_is_refused_with_what_to_do(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    assert run_with(["registry", "add", str(file), "--folder", str(tmp_path / "registry")]) == 4
    assert says in capsys.readouterr().err


def test_other_documents_and_apply_keep_to_their_own_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "override.yaml", "override", override("riverside"))
    assert run_with(["registry", "add", str(file), "--folder", str(tmp_path / "registry")]) == 4
    assert "homeostat apply" in capsys.readouterr().err
    file = write(tmp_path / "artifact.yaml", "artifact", artifact(MODEL, "1"))
    assert run_with(["apply", "--dry-run", str(file)]) == 4
    assert "homeostat registry add" in capsys.readouterr().err


def test_apply_refuses_a_release_whose_parts_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = artifact(PROMPT, "7", constraints=(needs(MODEL, "1", "2"),))
    file = write(tmp_path / "release.yaml", "release", release(pack, artifact(MODEL, "2")))
    assert run_with(["apply", "--dry-run", str(file)]) == 4
    assert "prompt_pack a 7 needs model a >=1,<2, the bundle has 2" in capsys.readouterr().err


def test_one_artifact_is_shown_with_what_needs_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run_json(capsys, "registry", "show", "model/a/1.0", "--folder", str(folder))["told"]
    assert (told["needed by"], told["versions"]) == ("prompt_pack a 7 (model a >=1,<2)", "2, 1")
    newest = run_json(capsys, "registry", "show", "model/a", "--folder", str(folder))
    assert newest["artifact_version"] == "2"
    assert run_with(["registry", "show", "model/b", "--folder", str(folder)]) == 4
    assert "the registry has model/a/1, model/a/2, prompt_pack/a/7" in capsys.readouterr().err


def test_a_draft_is_resolved_to_what_fits_and_to_the_same_digest_as_apply_gives(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft, out = write_draft(tmp_path / "draft.yaml", prompt_pack=">=7", model=">=1"), tmp_path / "out.yaml"
    command = ("registry", "resolve", str(draft), "--folder", str(folder), "--out", str(out))
    found = run_json(capsys, *command)
    assert [each["artifact_version"] for each in found["release"]["artifacts"]] == ["7", "1"]
    (applied,) = run_json(capsys, "apply", "--dry-run", str(out))
    assert applied["key"] == found["digest"]
    assert run_with([*command]) == 0
    assert run_with(["registry", "resolve", str(draft), "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(out.read_text())


def test_a_draft_that_does_not_fit_says_what_would(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = write_draft(tmp_path / "draft.yaml", prompt_pack=">=7", model=">=2")
    found = run_json(capsys, "registry", "resolve", str(draft), "--folder", str(folder), code=4)
    assert found["would_fit"] == ["model a 1 instead of >=2"]
    draft = write_draft(tmp_path / "draft.yaml", routing_rules=">=7")
    assert run_with(["registry", "resolve", str(draft), "--folder", str(folder)]) == 4
    assert "nothing registered would fit" in capsys.readouterr().err
    draft.write_text("kind: release-draft\nbody: {title: x, artifacts: [{kind: model, name: a, ranges: '1'}]}")
    assert run_with(["registry", "resolve", str(draft), "--folder", str(folder)]) == 4
    assert "ranges" in capsys.readouterr().err
    draft.write_text("kind: release\nbody: {}")
    assert run_with(["registry", "resolve", str(draft), "--folder", str(folder)]) == 4
    assert "0 documents of the kind release-draft" in capsys.readouterr().err


def test_releases_are_found_by_digest_title_and_name_and_not_by_what_is_ambiguous(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "control.yaml", "release", CONTROL, name="old")
    write(tmp_path / "candidate.yaml", "release", CANDIDATE)
    for name in ("control", "old", CONTROL_DIGEST, CONTROL_DIGEST[7:17], str(tmp_path / "control.yaml")):
        found = run_json(capsys, "release", "diff", name, "candidate", "--folder", str(tmp_path), code=1)
        assert found["before"]["digest"] == CONTROL_DIGEST
        assert [change["what"] for change in found["artifacts"]] == ["rebuilt"]
    assert run_with(["release", "diff", "control", "control", "--folder", str(tmp_path)]) == 0
    assert run_with(["release", "diff", "control", "gone", "--folder", str(tmp_path)]) == 4
    assert "no release 'gone': known are 'candidate' sha256:" in capsys.readouterr().err.replace("\n", " ")
    write(tmp_path / "twin.yaml", "release", CONTROL.model_copy(update={"author": "twin"}))
    assert run_with(["release", "diff", "control", "candidate", "--folder", str(tmp_path)]) == 4
    assert "'control' is 2 releases" in capsys.readouterr().err


def test_the_newest_override_of_a_scope_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newer = {"kind": "override", "version": 9, "body": {"scope": {"tenant": "riverside"}, "required_tools": ["new"]}}
    (tmp_path / "a.yaml").write_text(write_yaml(newer))
    write(tmp_path / "b.yaml", "override", override("riverside", required_tools=("old",)))
    asked = ("config", "effective", "--tenant", "riverside", "--workflow", "visit-note", "--folder", str(tmp_path))
    found = run_json(capsys, *asked)
    assert found["settings"]["required_tools"] == ["new"]
    assert found["sources"] == {"required_tools": ["riverside/-/-"]}
    elsewhere = run_json(capsys, *asked[:3], "hillcrest", *asked[4:])
    assert elsewhere["sources"] == {}
    assert elsewhere["configuration"] != found["configuration"]


def test_a_release_that_breaks_a_tenants_contract_is_named_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.yaml", "override", override("riverside", required_tools=("write",)))
    file = write(tmp_path / "release.yaml", "release", CONTROL)
    asked = ("config", "effective", "--workflow", "visit-note", "--release", str(file), "--folder", str(tmp_path))
    found = run_json(capsys, *asked, "--tenant", "riverside", code=4)
    assert [each["detail"] for each in found["conflicts"]] == ["no artifact brings the tool write"]
    assert run_with([*asked, "--tenant", "riverside"]) == 4
    assert "refused: required_tools: no artifact brings the tool write" in capsys.readouterr().out
    assert run_with([*asked, "--tenant", "hillcrest"]) == 0
    assert "hillcrest / visit-note: no override sets anything" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["registry", "release", "config"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with([command, "--help"]) == 0
    assert "Commands" in capsys.readouterr().out
