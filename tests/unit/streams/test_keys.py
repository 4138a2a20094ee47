"""Keys on disk: made whole, never overwritten, readable by their owner only, read back by each kind of process."""

import json
import stat
from pathlib import Path

import pytest

from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.roles import SignerRole
from homeostat.streams.cli.main import run_with
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.key_folder import add_key, add_master, write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.keys import (
    load_dead_letter_key,
    load_dead_letter_private,
    load_masters,
    load_seal_secret,
    load_signers,
    load_trust,
)
from homeostat.streams.signing import Signer

KEYS = KeySet.from_seed(b"keys", gateways=("gateway-1", "gateway-2"))
LEASE = "homeostat.lease"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_key_set(KEYS, tmp_path / "keys")
    return tmp_path / "keys"


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    trust = load_trust(folder / "trust")
    assert trust.keys.keys() == KEYS.trust().keys.keys()
    for member in KEYS.members:
        signers = load_signers(folder / "private", [member.signer.role], member.name)
        assert signers[member.signer.role].key_id == member.signer.key_id
    assert load_masters(folder / "masters") == KEYS.masters
    assert load_seal_secret(folder / "masters") == KEYS.seal_secret
    assert load_dead_letter_key(folder / "trust") == KEYS.dead_letter_key()
    private = load_dead_letter_private(folder / "private" / "dead-letters.pem")
    assert private.private_bytes_raw() == KEYS.dead_letters.private_bytes_raw()


def test_secrets_are_their_owners_alone_and_documents_everyones(folder: Path) -> None:
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if "trust" in path.relative_to(folder).parts:
            assert mode & 0o400
        elif path.is_file():
            assert mode == 0o600
        else:
            assert mode == 0o700


def test_no_secret_is_in_the_trust_folder(folder: Path) -> None:
    secrets = [KEYS.seal_secret.hex(), *(master.hex() for master in KEYS.masters.values())]
    texts = [path.read_text() for path in (folder / "trust").iterdir()]
    assert not any(secret in text or "PRIVATE" in text for secret in secrets for text in texts)


def test_one_file_serves_one_role(folder: Path) -> None:
    path = folder / "private" / "guard.pem"
    assert load_signers(path, [SignerRole.GUARD])[SignerRole.GUARD].sign(b"x", LEASE)
    with pytest.raises(SettingsInvalid, match="give the folder"):
        load_signers(path, [SignerRole.GUARD, SignerRole.SEQUENCER])


def test_a_named_role_needs_its_name(folder: Path) -> None:
    with pytest.raises(SettingsInvalid, match="gateway's name"):
        load_signers(folder / "private", [SignerRole.GATEWAY])


def test_nothing_is_overwritten(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SettingsInvalid, match="never overwritten"):
        write_key_set(KeySet.from_seed(b"other"), folder)
    with pytest.raises(SettingsInvalid, match="never replaced"):
        add_master(folder, "m1", bytes(32))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(self: KeySet) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(KeySet, "dead_letter_pem", break_off)
    with pytest.raises(OSError, match="disk full"):
        write_key_set(KEYS, tmp_path / "keys")
    assert list(tmp_path.iterdir()) == []


def test_a_further_key_of_a_role_is_trusted_beside_the_first(folder: Path) -> None:
    key_id, path = add_key(folder, SignerRole.GUARD, None, 5)
    trust = load_trust(folder / "trust")
    assert path.name == f"{key_id}.pem"
    assert trust.verify(Signer.load(SignerRole.GUARD, path).sign(b"x", LEASE), LEASE, {SignerRole.GUARD}) == b"x"
    old = load_signers(folder / "private", [SignerRole.GUARD])[SignerRole.GUARD]
    assert trust.verify(old.sign(b"x", LEASE), LEASE, {SignerRole.GUARD}) == b"x"
    key_id, path = add_key(folder, SignerRole.GATEWAY, "gateway-3", 5)
    assert (path.name, load_trust(folder / "trust").keys[key_id].name) == ("gateway-gateway-3.pem", "gateway-3")


@pytest.mark.parametrize(
    ("role", "name"), [(SignerRole.ROOT, None), (SignerRole.GUARD, "x"), (SignerRole.REVIEWER, None)]
)
def test_keys_that_make_no_sense_are_not_made(folder: Path, role: SignerRole, name: str | None) -> None:
    with pytest.raises(SettingsInvalid, match="--name"):
        add_key(folder, role, name, 0)


def test_a_root_that_the_folder_does_not_trust_makes_no_keys(folder: Path, tmp_path: Path) -> None:
    write_key_set(KeySet.from_seed(b"other"), tmp_path / "other")
    (folder / "offline" / "root.pem").write_bytes((tmp_path / "other" / "offline" / "root.pem").read_bytes())
    with pytest.raises(SettingsInvalid, match="not the one"):
        add_key(folder, SignerRole.GUARD, None, 0)


def test_a_forged_document_in_the_trust_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    write_key_set(KeySet.from_seed(b"other"), tmp_path / "other")
    forged = next((tmp_path / "other" / "trust").glob("guard-*.json"))
    (folder / "trust" / forged.name).write_bytes(forged.read_bytes())
    with pytest.raises(SignatureRefused, match="key_unknown"):
        load_trust(folder / "trust")


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "é"])
def test_files_that_hold_no_secret(folder: Path, content: str) -> None:
    (folder / "masters" / "seal.secret").write_text(content)
    with pytest.raises(SettingsInvalid, match="64 hex digits"):
        load_seal_secret(folder / "masters")


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    for load in (load_trust, load_masters, load_seal_secret, load_dead_letter_key, load_dead_letter_private):
        with pytest.raises(SettingsInvalid, match="keys new"):
            load(tmp_path / "nothing")


def test_a_signing_key_opens_no_dead_letters(folder: Path) -> None:
    with pytest.raises(SettingsInvalid, match="X25519"):
        load_dead_letter_private(folder / "private" / "guard.pem")


def test_the_command_makes_shows_and_adds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "keys"
    assert run_with(["keys", "new", "--out", str(folder), "--gateway", "g-1", "--gateway", "g-2", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {Path(path) for path in files} == {path for path in folder.rglob("*") if path.is_file()}
    assert run_with(["keys", "new", "--out", str(folder)]) == 2
    assert run_with(["keys", "add", "operator", "--keys", str(folder)]) == 0
    capsys.readouterr()
    assert run_with(["keys", "show", "--keys", str(folder), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    roles = [key["role"] for key in shown["keys"]]
    assert (roles.count("gateway"), roles.count("operator"), roles.count("root")) == (2, 2, 1)
    assert run_with(["keys", "show", "--keys", str(folder)]) == 0
    assert "g-2" in capsys.readouterr().out


def test_the_command_issues_tenants_keys_under_the_newest_master(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "clinic-a.json"
    command = ["keys", "tenant", "clinic-a", "--keys", str(folder), "--out"]
    assert run_with([*command, str(file)]) == 0
    key = TenantKey.load(file)
    assert (key.tenant, key.master_id) == ("clinic-a", "m1")
    assert key.secret() == derive_tenant_key(KEYS.masters["m1"], "clinic-a")
    assert run_with(["keys", "master", "m2", "--keys", str(folder)]) == 0
    assert run_with([*command, str(tmp_path / "second.json")]) == 0
    assert TenantKey.load(tmp_path / "second.json").master_id == "m2"
    assert run_with([*command, str(tmp_path / "third.json"), "--master", "m1"]) == 0
    assert TenantKey.load(tmp_path / "third.json").secret() == key.secret()
    assert key.secret().hex() not in capsys.readouterr().out + repr(key)


@pytest.mark.parametrize("words", [["Jane Doe"], ["clinic-a", "--master", "m9"]])
def test_tenants_keys_that_are_not_issued(folder: Path, tmp_path: Path, words: list[str]) -> None:
    assert run_with(["keys", "tenant", *words, "--keys", str(folder), "--out", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


def test_a_tenants_key_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    for content in ("{}", '{"tenant":"a","master_id":"m1","key":"xyz"}'):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(SettingsInvalid, match="keys tenant"):
            TenantKey.load(path)
